"""Ingest: batches of 500 hosts × 45 metrics over HTTP, against VictoriaMetrics on the same samples.

Ours groups batches as the controller does, up to 40 (what comes in within a second), and each
insert is on disk when it is answered. VictoriaMetrics gets each batch as a request of its own in
its fastest format for such batches: its native format, Prometheus remote write and JSON lines are
all tried, prepared beforehand, and the best one counts. It answers before its data is on disk.
Two senders on either side. Series are known to it before the clock starts.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from bench.hostdata import host
from bench.store_process import peak_rss_mb, store
from bench.victoria import (
    REMOTE_WRITE_HEADERS,
    Victoria,
    json_lines,
    labels,
    remote_write,
    victoria,
)
from collectors.catalog import HOST

HOSTS = 500
BATCHES = 160
GROUP = 40
SENDERS = 2
ROUNDS = 3
JSON_BATCHES = 40
START_MS = 1_793_491_200_000
SAMPLES_PER_BATCH = HOSTS * len(HOST.metrics)

Batch = dict[str, Any]


def batches() -> list[Batch]:
    """One batch a minute, all hosts in each."""
    hosts = [host(seed, START_MS, BATCHES) for seed in range(HOSTS)]
    times = np.stack([each[0] for each in hosts])
    intervals = np.stack([each[1] for each in hosts])
    values = {name: np.stack([each[2][name] for each in hosts]) for name in HOST.names}
    return [
        {
            "resource": np.arange(1, HOSTS + 1, dtype=np.uint32),
            "time": times[:, minute].copy(),
            "interval_s": intervals[:, minute].astype(np.float32),
            **{name: values[name][:, minute].copy() for name in HOST.names},
        }
        for minute in range(BATCHES)
    ]


def measure() -> dict[str, float]:
    made = batches()
    figures: dict[str, float] = {}
    ours: list[float] = []
    theirs: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        rate, rss = _ours(made)
        ours.append(rate)
        figures["store_peak_rss_mb"] = max(figures.get("store_peak_rss_mb", 0.0), rss)
        for name, speed in _victoria(made).items():
            theirs.setdefault(name, []).append(speed)
    figures["samples_s"] = median(ours)
    for name, speeds in theirs.items():
        figures[f"victoria_{name}_samples_s"] = median(speeds)
    figures["victoria_samples_s"] = max(median(speeds) for speeds in theirs.values())
    figures["ratio"] = figures["samples_s"] / figures["victoria_samples_s"]
    return figures


def _ours(made: Sequence[Batch]) -> tuple[float, float]:
    groups = [made[start : start + GROUP] for start in range(0, len(made), GROUP)]
    with tempfile.TemporaryDirectory() as folder, store(Path(folder)) as (samples, pid):

        def send(group: Sequence[Batch]) -> int:
            joined = {name: np.concatenate([each[name] for each in group]) for name in group[0]}
            return samples.insert(
                "host",
                joined
                | {"instance": "", "source": "agent", "version": 1, "arrived": START_MS // 1000},
            )

        send(made[:1])
        seconds = _timed(send, groups)
        found = samples.query("SELECT count() AS n FROM host FINAL")["n"][0]
        if found != len(made) * HOSTS:
            raise RuntimeError(f"{found} rows of {len(made) * HOSTS} are there")
        return len(made) * SAMPLES_PER_BATCH / seconds, peak_rss_mb(pid)


def _victoria(made: Sequence[Batch]) -> dict[str, float]:
    known = {
        (name, resource): labels(f"yunxun_{name}", f"vm-{resource:05d}")
        for name in HOST.names
        for resource in range(1, HOSTS + 1)
    }
    speeds: dict[str, float] = {}
    written = [_remote_write(batch, known) for batch in made]
    with tempfile.TemporaryDirectory() as folder, victoria(Path(folder)) as peer:
        _write(peer, written[0])
        seconds = _timed(lambda body: _write(peer, body), written[1:])
        speeds["remote_write"] = (len(made) - 1) * SAMPLES_PER_BATCH / seconds
        peer.get("/internal/force_flush")
        native = [_exported(peer, minute) for minute in range(len(made))]
    with tempfile.TemporaryDirectory() as folder, victoria(Path(folder)) as peer:
        _write(peer, written[0])
        seconds = _timed(lambda body: peer.post("/api/v1/import/native", body), native[1:])
        speeds["native"] = (len(native) - 1) * SAMPLES_PER_BATCH / seconds
    lines = [_json(batch) for batch in made[:JSON_BATCHES]]
    with tempfile.TemporaryDirectory() as folder, victoria(Path(folder)) as peer:
        _write(peer, written[0])
        seconds = _timed(lambda body: peer.post("/api/v1/import", body), lines[1:])
        speeds["json_lines"] = (len(lines) - 1) * SAMPLES_PER_BATCH / seconds
    return speeds


def _timed(send: Callable[[Any], object], work: Sequence[Any]) -> float:
    with ThreadPoolExecutor(SENDERS) as pool:
        start = time.perf_counter()
        list(pool.map(send, work))
        return time.perf_counter() - start


def _write(peer: Victoria, body: bytes) -> None:
    peer.post("/api/v1/write", body, REMOTE_WRITE_HEADERS)


def _remote_write(batch: Batch, known: dict[tuple[str, int], bytes]) -> bytes:
    times = batch["time"].tolist()
    resources = batch["resource"].tolist()
    series = [
        (known[name, resource], value, moment)
        for name in HOST.names
        for resource, moment, value in zip(resources, times, _plain(batch[name]), strict=True)
    ]
    return remote_write(series)


def _json(batch: Batch) -> bytes:
    times = batch["time"].tolist()
    resources = batch["resource"].tolist()
    return json_lines(
        [
            (f"yunxun_{name}", f"vm-{resource:05d}", [value], [moment])
            for name in HOST.names
            for resource, moment, value in zip(resources, times, _plain(batch[name]), strict=True)
        ]
    )


def _plain(values: np.ndarray[Any, Any]) -> list[float]:
    """The shortest decimals that are the same number: kindest to VictoriaMetrics' storage."""
    if values.dtype == np.float32:
        return [float(str(value)) for value in values]
    return list(values.tolist())


def _exported(peer: Victoria, minute: int) -> bytes:
    start = START_MS / 1000 + minute * 60
    match = "match[]=%7Bresource%3D~%22.%2B%22%7D"
    # Each host's minute begins at its own offset; of a minute's window every series has one.
    return peer.get(f"/api/v1/export/native?{match}&start={start}&end={start + 59.999}")
