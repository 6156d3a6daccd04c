"""Usage reports over 30 days × 10,000 VMs at 5 minutes, against VictoriaMetrics.

Ours answers the whole report (eleven figures and the completeness of each row) through the code
that pages and commands call. VictoriaMetrics gets the same samples and computes, from raw
series, the p95 of every unit's CPU and memory only; from series as its own recording rules would
have made them, the same eleven figures. Its weights are multiplied in before import, which saves
it the join with the allocations; its result cache is off.
"""

from __future__ import annotations

import struct
import tempfile
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pyarrow as pa

from bench.city import (
    DAYS,
    UNITS,
    VMS,
    city,
    median,
    registers,
    rows,
    unit_of,
    vcpu_of,
)
from bench.store_process import peak_rss_mb
from bench.victoria import REMOTE_WRITE_HEADERS, Victoria, victoria
from controller.access.scope import CITY
from controller.runtime import Runtime
from controller.store.samples import Samples
from controller.usage.model import UsageQuery
from controller.usage.queries import resource_figures, usage_report

SENT_VMS = 100
"""Of one request to VictoriaMetrics."""

FIGURES = {
    "cpu": ("avg", "p95", "max"),
    "mem": ("avg", "p95", "max"),
    "disk": ("avg",),
    "rx": ("avg", "p95"),
    "tx": ("avg", "p95"),
}
"""What a row of the report has, by series."""


def measure() -> dict[str, float]:
    """Seconds of each report on both sides, and memory."""
    end = int(time.time()) // 86_400 * 86_400
    with tempfile.TemporaryDirectory(prefix="yunxun-bench-") as name, city(Path(name)) as world:
        runtime, pid = world
        registers(runtime, end)
        figures = rows(runtime, end)
        figures |= _ours(runtime, pid, end)
        with tempfile.TemporaryDirectory(prefix="yunxun-bench-vm-") as folder:
            with victoria(Path(folder)) as peer:
                figures |= _send(runtime.samples, peer)
            # Started anew: nothing is left in its caches or in memory tables.
            with victoria(Path(folder)) as peer:
                figures |= _theirs(peer, end)
    return figures


def _ours(runtime: Runtime, pid: int, end: int) -> dict[str, float]:
    until = datetime.fromtimestamp(end, UTC)
    since = until - timedelta(days=DAYS)

    def report(by: Any) -> int:
        return len(usage_report(runtime, CITY, UsageQuery(since, until, by)).rows)

    if report("unit") != UNITS or report("resource") != VMS:
        raise RuntimeError("the report has not every row")
    units = median(lambda: report("unit"))
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # forget the peak
    before = peak_rss_mb(pid)
    query = UsageQuery(since, until, "resource")
    percentiles = median(lambda: resource_figures(runtime, CITY, query, ("cpu_p95",)), 3)
    growth = peak_rss_mb(pid) - before
    return {
        "units_s": units,
        "resource_p95_s": percentiles,
        "resource_p95_rss_growth_mb": growth,
        "resources_report_s": median(lambda: report("resource"), 1),
        "resources_report_rss_growth_mb": peak_rss_mb(pid) - before,
    }


def _send(samples: Samples, peer: Victoria) -> dict[str, float]:
    """Cores and memory of every VM, and what recording rules would have kept of every unit."""
    began = time.monotonic()
    for first in range(1, VMS + 1, SENT_VMS):
        columns = samples.query(
            "SELECT resource, toUnixTimestamp(time) AS t, cpu_used_pct, mem_used_bytes "
            f"FROM host_5m FINAL WHERE resource >= {first} AND resource < {first + SENT_VMS} "
            "ORDER BY resource, t"
        )
        edges = np.flatnonzero(np.diff(columns["resource"], prepend=0, append=0))
        body = b""
        for left, right in pairwise(edges.tolist()):
            vm = int(columns["resource"][left])
            labels = {"unit": f"U{unit_of(vm)}", "resource": f"vm{vm}"}
            times = columns["t"][left:right].astype(np.int64) * 1000
            cores = np.round(
                columns["cpu_used_pct"][left:right].astype(np.float64) * vcpu_of(vm) / 100, 4
            )
            body += _series("cores", labels, times, cores)
            body += _series("mem", labels, times, columns["mem_used_bytes"][left:right])
        _post(peer, body)
    for unit, line in _ruled(samples).items():
        body = b"".join(
            _series(f"unit:{name}", {"unit": f"U{unit}"}, line["t"], np.round(line[name], 4))
            for name in FIGURES
        )
        _post(peer, body)
    peer.settle()
    return {"victoria_import_s": time.monotonic() - began}


def _ruled(samples: Samples) -> dict[int, dict[str, Any]]:
    columns = samples.query(
        "SELECT unit, toInt64(toUnixTimestamp(time)) * 1000 AS t, "
        "100 * sum(cpu_used_cores) / sum(vcpu_present) AS cpu, "
        "100 * sum(mem_used_bytes) / sum(mem_present) AS mem, "
        "100 * sum(disk_used_bytes) / sum(disk_present) AS disk, "
        "sum(net_rx_bytes_s) AS rx, sum(net_tx_bytes_s) AS tx "
        "FROM group_5m FINAL GROUP BY unit, t ORDER BY unit, t"
    )
    return {
        unit: {name: values[columns["unit"] == unit] for name, values in columns.items()}
        for unit in range(1, UNITS + 1)
    }


def _theirs(peer: Victoria, end: int) -> dict[str, float]:
    over = {"avg": "avg_over_time(", "p95": "quantile_over_time(0.95,", "max": "max_over_time("}

    def ask(query: str) -> int:
        # One point at the last bucket; [30d] reaches back to the first.
        path = f"/api/v1/query?nocache=1&time={end - 1}&query={quote(query)}"
        answer = peer.get(path)
        return answer.count(b'"metric"')

    def raw() -> None:
        for name in ("cores", "mem"):
            if ask(f"quantile_over_time(0.95, sum({name}) by (unit)[{DAYS}d:5m])") != UNITS:
                raise RuntimeError("VictoriaMetrics has not every unit")

    def ruled() -> None:
        for name, figures in FIGURES.items():
            for figure in figures:
                ask(f'{over[figure]} {{__name__="unit:{name}"}}[{DAYS}d])')

    def percentiles() -> None:
        if ask(f"quantile_over_time(0.95, cores[{DAYS}d])") != VMS:
            raise RuntimeError("VictoriaMetrics has not every VM")

    before = peer.rss_mb
    raw_s, ruled_s = median(raw, 3), median(ruled)
    return {
        "victoria_units_raw_s": raw_s,
        "victoria_units_rules_s": ruled_s,
        "victoria_resource_p95_s": median(percentiles, 3),
        "victoria_rss_growth_mb": peer.rss_mb - before,
    }


def _post(peer: Victoria, body: bytes) -> None:
    packed = pa.Codec("snappy").compress(body, asbytes=True)
    peer.post("/api/v1/write", bytes(packed), REMOTE_WRITE_HEADERS)


def _series(name: str, labels: dict[str, str], times: Any, values: Any) -> bytes:
    """One Prometheus TimeSeries message with many samples, put together by numpy."""
    pairs = b""
    for key, text in {"__name__": name, **labels}.items():
        pair = (
            b"\x0a"
            + bytes([len(key)])
            + key.encode()
            + b"\x12"
            + bytes([len(text)])
            + text.encode()
        )
        pairs += b"\x0a" + bytes([len(pair)]) + pair
    # A time of this century in milliseconds is a varint of six bytes.
    samples = np.zeros((len(times), 18), np.uint8)
    samples[:, :3] = (0x12, 16, 0x09)
    samples[:, 3:11] = np.asarray(values, "<f8").view(np.uint8).reshape(-1, 8)
    samples[:, 11] = 0x10
    left = np.asarray(times, np.int64).copy()
    for place in range(12, 18):
        samples[:, place] = (left & 0x7F) | (0x80 if place < 17 else 0)
        left >>= 7
    message = pairs + samples.tobytes()
    length, size = len(message), b""
    while length >= 0x80:
        size += struct.pack("B", length & 0x7F | 0x80)
        length >>= 7
    return b"\x0a" + size + struct.pack("B", length) + message
