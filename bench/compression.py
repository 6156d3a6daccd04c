"""Bytes per stored sample after merges, realistic host data, against VictoriaMetrics.

Three data sets of the same hosts: as the agent sends them, with memory as unrounded means, and
with every value rounded as a person would (two decimals, whole bytes), which is kind to
VictoriaMetrics' decimal storage. Everything on disk is counted on both sides: keys and marks of
ours, the index of theirs.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from bench.hostdata import host
from bench.store_process import store
from bench.victoria import json_lines, victoria
from collectors.catalog import HOST

HOSTS = 20
DAYS = 7
MINUTES = DAYS * 1440
START_MS = 1_793_491_200_000

Host = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], dict[str, np.ndarray[Any, Any]]]


def measure() -> dict[str, float]:
    figures: dict[str, float] = {}
    for name in ("agent", "means", "rounded"):
        hosts = [host(seed, START_MS, MINUTES, whole_kib=name != "means") for seed in range(HOSTS)]
        if name == "rounded":
            hosts = [(times, seconds, _rounded(values)) for times, seconds, values in hosts]
        ours, theirs = _ours(hosts), _victoria(hosts)
        figures[f"{name}_bytes"] = ours
        figures[f"{name}_victoria_bytes"] = theirs
        figures[f"{name}_ratio"] = ours / theirs
    figures["bytes"], figures["victoria_bytes"] = (
        figures["agent_bytes"],
        figures["agent_victoria_bytes"],
    )
    return figures


def _ours(hosts: list[Host]) -> float:
    with tempfile.TemporaryDirectory() as folder, store(Path(folder)) as (samples, _):
        # In the order of time, an hour of all hosts a block, as a running controller has it.
        for start in range(0, MINUTES, 60):
            hour = slice(start, start + 60)
            columns: dict[str, Any] = {
                name: np.concatenate([values[name][hour] for _, _, values in hosts])
                for name in HOST.names
            }
            times = np.concatenate([times[hour] for times, _, _ in hosts])
            samples.insert(
                "host",
                columns
                | {
                    "resource": np.repeat(np.arange(1, len(hosts) + 1, dtype=np.uint32), 60),
                    "instance": "",
                    "source": "agent",
                    "time": times,
                    "interval_s": np.concatenate([seconds[hour] for _, seconds, _ in hosts]),
                    # A batch id of each agent and minute; arrival a little after the interval.
                    "version": (times - START_MS) // 60_000 + 1_000_000,
                    "arrived": times // 1000 + 61,
                },
            )
        samples.command("OPTIMIZE TABLE host FINAL")
        found = samples.query(
            "SELECT sum(bytes_on_disk) AS bytes, sum(rows) AS rows FROM system.parts "
            "WHERE active AND table = 'host'"
        )
        if found["rows"][0] != len(hosts) * MINUTES:
            raise RuntimeError(f"{found['rows'][0]} rows are there")
        return float(found["bytes"][0]) / (len(hosts) * MINUTES * len(HOST.names))


def _victoria(hosts: list[Host]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        with victoria(Path(folder)) as peer:
            for number, (times, _, values) in enumerate(hosts):
                series = [
                    (f"yunxun_{name}", f"vm-{number:05d}", _texts(values[name]), times.tolist())
                    for name in HOST.names
                ]
                peer.post("/api/v1/import", json_lines(series))
            peer.settle()
            if peer.figure('vm_rows{type="storage/') != len(hosts) * MINUTES * len(HOST.names):
                raise RuntimeError("VictoriaMetrics did not take every sample")
        total = sum(each.stat().st_size for each in Path(folder, "data").rglob("*"))
        return total / (len(hosts) * MINUTES * len(HOST.names))


def _texts(values: np.ndarray[Any, Any]) -> list[Any]:
    """The shortest decimals that are the same number."""
    return [str(value) for value in values] if values.dtype == np.float32 else values.tolist()


def _rounded(values: dict[str, np.ndarray[Any, Any]]) -> dict[str, np.ndarray[Any, Any]]:
    rounded = {}
    for name, column in values.items():
        wide = column.astype(np.float64)
        if name.endswith("_bytes"):
            wide = np.rint(wide / 4096) * 4096
        elif name.endswith("bytes_s"):
            wide = np.rint(wide)
        elif name.endswith(("_pct", "_s", "_iops")):
            wide = np.round(wide, 2)
        rounded[name] = wide.astype(column.dtype)
    return rounded
