"""Usage reports over 30 days × 10,000 VMs at 5 minutes, against VictoriaMetrics.

Ours answers the whole report (eleven figures and the completeness of each row) through the code
that pages and commands call. VictoriaMetrics gets the same samples and computes, from raw
series, the p95 of every unit's CPU and memory only; from series as its own recording rules would
have made them, the same eleven figures. Its weights are multiplied in before import, which saves
it the join with the allocations; its result cache is off.
"""

from __future__ import annotations

import statistics
import struct
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pyarrow as pa
from sqlalchemy import insert

from bench.store_process import peak_rss_mb, store
from bench.victoria import REMOTE_WRITE_HEADERS, Victoria, victoria
from controller import schema
from controller.access.scope import CITY
from controller.inventory.tables import BusinessSystem, Holding, Resource, Unit, UnitVersion
from controller.runtime import Runtime
from controller.settings import Settings
from controller.store import groups, rollup, rollup_sql
from controller.store.holdings import register_of
from controller.store.relational import Database, connect
from controller.store.samples import Samples
from controller.usage.model import UsageQuery
from controller.usage.queries import resource_figures, unit_trend, usage_report

VMS = 10_000
DAYS = 30
STEP = 300
UNITS = 120
SYSTEMS = 4
"""Of each unit."""
GENERATED_VMS = 250
"""Of one INSERT."""
SENT_VMS = 100
"""Of one request to VictoriaMetrics."""
RUNS = 5

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
    with tempfile.TemporaryDirectory(prefix="yunxun-bench-") as name, _world(Path(name)) as world:
        runtime, pid = world
        figures = _fill(runtime, end)
        figures |= _ours(runtime, pid, end)
        with tempfile.TemporaryDirectory(prefix="yunxun-bench-vm-") as folder:
            with victoria(Path(folder)) as peer:
                figures |= _send(runtime.samples, peer)
            # Started anew: nothing is left in its caches or in memory tables.
            with victoria(Path(folder)) as peer:
                figures |= _theirs(peer, end)
    return figures


@contextmanager
def _world(folder: Path) -> Iterator[tuple[Runtime, int]]:
    schema.metadata()
    engine = connect(f"sqlite:///{folder / 'yunxun.db'}")
    schema.metadata().create_all(engine)
    settings = Settings(data=folder)
    with store(folder) as (samples, pid):
        for statement in groups.create_statements(settings):
            samples.command(statement)
        database = Database(engine)
        try:
            yield Runtime(settings, database, samples), pid
        finally:
            database.close()


def _vcpu(vm: int) -> int:
    return (2, 4, 8, 16)[vm % 4]


def _unit(vm: int) -> int:
    return vm % UNITS + 1


def _fill(runtime: Runtime, end: int) -> dict[str, float]:
    """Registers, five-minute rows made in the store, and their sums by owner as in production."""
    since = datetime.fromtimestamp(end - 400 * 86_400, UTC)
    with runtime.database.write() as session:
        connection = session.connection()
        connection.execute(
            insert(Unit),
            [
                {"code": f"U{u}", "created": since, "contact": "", "email": "", "phone": ""}
                for u in range(1, UNITS + 1)
            ],
        )
        connection.execute(
            insert(UnitVersion),
            [
                {"unit_id": u, "name": f"Unit {u}", "kind": "department", "since": since}
                for u in range(1, UNITS + 1)
            ],
        )
        connection.execute(
            insert(BusinessSystem),
            [{"unit_id": u, "name": f"S{s}"} for u in range(1, UNITS + 1) for s in range(SYSTEMS)],
        )
        connection.execute(
            insert(Resource),
            [
                {
                    "code": f"vm{vm}",
                    "name": f"vm{vm}",
                    "kind": "vm",
                    "ip": "",
                    "os": "",
                    "created": since,
                    "tags": [],
                    "demo": False,
                }
                for vm in range(1, VMS + 1)
            ],
        )
        connection.execute(
            insert(Holding),
            [
                {
                    "resource_id": vm,
                    "since": since,
                    "unit_id": _unit(vm),
                    "system_id": (_unit(vm) - 1) * SYSTEMS + vm // UNITS % SYSTEMS + 1,
                    "vcpu": _vcpu(vm),
                    "mem_bytes": _vcpu(vm) * 4.0 * (1 << 30),
                    "disk_bytes": 200.0 * (1 << 30),
                }
                for vm in range(1, VMS + 1)
            ],
        )  # fmt: skip
    began = time.monotonic()
    buckets = DAYS * 86_400 // STEP
    for first in range(1, VMS + 1, GENERATED_VMS):
        runtime.samples.command(_generated(first, buckets, end - DAYS * 86_400))
    generated = time.monotonic()
    runtime.samples.command("OPTIMIZE TABLE host_5m FINAL")
    merged = time.monotonic()
    register = register_of(runtime.database)
    holdings = register.read()
    register.push(runtime.samples, holdings, runtime.now())
    for start in range(end - DAYS * 86_400, end, 5 * 86_400):
        piece = rollup_sql.Piece(start, start + 5 * 86_400, time.time_ns() // 1000)
        runtime.samples.command(
            rollup_sql.groups(rollup.TABLES[0], piece, snapshot=holdings.snapshot, coarse=False),
            settings=rollup.FINAL,
        )
        runtime.samples.command(rollup_sql.units(piece), settings=rollup.FINAL)
    summed = time.monotonic()
    for table in ("group_5m", "unit_5m"):
        runtime.samples.command(f"OPTIMIZE TABLE {table} FINAL")
    return {
        "rows": float(VMS * buckets),
        "generate_s": generated - began,
        "merge_s": merged - generated,
        "group_rollup_day_s": (summed - merged) / DAYS,
    }


def _generated(first: int, buckets: int, start: int) -> str:
    """Days with a shape, weeks, and noise; two decimals and whole 4 KiB pages, as agents send."""
    return f"""
INSERT INTO host_5m (resource, instance, time, seconds, cpu_used_pct, cpu_max_pct, mem_used_bytes,
  disk_used_bytes, net_rx_bytes_s, net_tx_bytes_s, version, arrived)
SELECT vm, '', toDateTime64(t, 3, 'UTC'), {STEP},
  round(cpu, 2), round(least(100, cpu * 1.4 + 1), 2),
  4096 * round(size * (0.35 + 0.2 * own + 0.05 * wave + 0.02 * noise) / 4096),
  4096 * round(200 * 1073741824 * (0.3 + 0.3 * own + 0.1 * (t - {start}) / 2592000) / 4096),
  round(1e5 * (0.2 + wave) * (1 + noise)), round(2e5 * (0.2 + wave) * (1 + noise)), 1, now()
FROM (
  SELECT {first} + intDiv(number, {buckets}) AS vm, {start} + number % {buckets} * {STEP} AS t,
    (cityHash64(vm) % 1000) / 1000 AS own, rand(number) / 4294967296 AS noise,
    greatest(0, sin((t % 86400) / 86400 * 6.2832 - 1.8))
      * if(toDayOfWeek(toDateTime(t, 'UTC')) > 5, 0.3, 1) AS wave,
    transform(vm % 4, [0, 1, 2, 3], [2., 4., 8., 16.]) * 4 * 1073741824 AS size,
    3 + 10 * own + 45 * own * wave + 8 * noise AS cpu
  FROM numbers({GENERATED_VMS} * {buckets})
)"""


def _median(run: Callable[[], Any], runs: int = RUNS) -> float:
    """Seconds; the first, with cold caches of both sides' making, is not counted."""
    run()
    times = []
    for _ in range(runs):
        began = time.monotonic()
        run()
        times.append(time.monotonic() - began)
    return statistics.median(times)


def _ours(runtime: Runtime, pid: int, end: int) -> dict[str, float]:
    until = datetime.fromtimestamp(end, UTC)
    since = until - timedelta(days=DAYS)

    def report(by: Any, unit: str | None = None) -> int:
        return len(usage_report(runtime, CITY, UsageQuery(since, until, by, unit)).rows)

    def page() -> None:
        """What the page of one unit asks: its figures and the period's before, systems, resources,
        curve."""
        report("unit", "U7")
        before = UsageQuery(since - (until - since), since, "unit", "U7")
        usage_report(runtime, CITY, before)
        report("system", "U7")
        report("resource", "U7")
        unit_trend(runtime, CITY, "U7", since, until)

    if report("unit") != UNITS or report("resource") != VMS:
        raise RuntimeError("the report has not every row")
    units = _median(lambda: report("unit"))
    page_s = _median(page)
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # forget the peak
    before = peak_rss_mb(pid)
    query = UsageQuery(since, until, "resource")
    percentiles = _median(lambda: resource_figures(runtime, CITY, query, ("cpu_p95",)), 3)
    growth = peak_rss_mb(pid) - before
    return {
        "units_s": units,
        "resource_p95_s": percentiles,
        "resource_p95_rss_growth_mb": growth,
        "resources_report_s": _median(lambda: report("resource"), 1),
        "resources_report_rss_growth_mb": peak_rss_mb(pid) - before,
        "unit_page_s": page_s,
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
            labels = {"unit": f"U{_unit(vm)}", "resource": f"vm{vm}"}
            times = columns["t"][left:right].astype(np.int64) * 1000
            cores = np.round(
                columns["cpu_used_pct"][left:right].astype(np.float64) * _vcpu(vm) / 100, 4
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
    raw_s, ruled_s = _median(raw, 3), _median(ruled)
    return {
        "victoria_units_raw_s": raw_s,
        "victoria_units_rules_s": ruled_s,
        "victoria_resource_p95_s": _median(percentiles, 3),
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
