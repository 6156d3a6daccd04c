"""Ingest over HTTP, answered after fsync: bulk against VictoriaMetrics, and one-row batches.

The controller is the real one (api and samples processes), the load comes from a process of its
own on the same cores. VictoriaMetrics gets the same samples by the fastest of its documented
text imports (JSON lines, InfluxDB lines); it answers before its data is on disk, we after.
"""

from __future__ import annotations

import json
import os
import pickle
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from bench import hostdata
from collectors import catalog, records
from controller.access.scope import CITY
from controller.runtime import Runtime
from controller.usage.model import UsageQuery
from controller.usage.queries import usage_report
from tests.ingest_server import Identity, IngestServer, make_agents, running_server

METRICS = catalog.HOST.metrics
BULK_ROWS = 500
BULK_AGENTS = 960
BULK_BATCHES = 4
"""A connection's: 960 × 4 × 500 rows × 45 metrics = 86.4 M samples."""
VM_AGENTS = 240
"""As many agents' batches go to VictoriaMetrics: its bodies are ten times larger."""
ONE_ROW_AGENTS = 3_000
ONE_ROW_SECONDS = 20.0


def measure() -> dict[str, float]:
    """Figures of both ingest targets."""
    figures: dict[str, float] = {}
    hosts = [_history(number, BULK_BATCHES) for number in range(BULK_AGENTS)]
    with tempfile.TemporaryDirectory(prefix="yunxun-bench-") as folder:
        figures |= measure_bulk(Path(folder), hosts)
    with tempfile.TemporaryDirectory(prefix="yunxun-bench-") as folder:
        figures |= measure_victoria(Path(folder), hosts)
    del hosts
    with tempfile.TemporaryDirectory(prefix="yunxun-bench-") as folder:
        figures |= measure_one_row(Path(folder))
    figures["bulk_ratio"] = figures["bulk_samples_s"] / figures["victoria_samples_s"]
    return figures


def measure_bulk(folder: Path, hosts: list[_Host]) -> dict[str, float]:
    """500-row batches of 45 metrics: samples/s acknowledged after fsync."""
    with running_server(folder, BULK_AGENTS, {"batches_per_minute": 1_000_000}) as (server, agents):
        connections = [
            [_request(agent, wire) for wire in _wires(agent, host)]
            for agent, host in zip(agents, hosts, strict=True)
        ]
        pids = {"api": server.api.pid if server.api else 0, "samples": server.engine.pid}
        before = {process: _cpu_s(pid) for process, pid in pids.items()}
        done = _drive(server.port, connections, 600, folder)
        spent = {process: _cpu_s(pid) - before[process] for process, pid in pids.items()}
        rows = int(server.samples.query("SELECT count() AS n FROM host")["n"][0])
    expected = BULK_AGENTS * BULK_BATCHES
    if done["ok"] != expected or rows != expected * BULK_ROWS:
        raise RuntimeError(f"{done}, {rows} rows stored, {expected} batches expected")
    samples = expected * BULK_ROWS * len(METRICS)
    return {
        "bulk_samples_s": samples / done["elapsed"],
        "bulk_batches_s": expected / done["elapsed"],
        "bulk_p99_s": done["p99"],
        **{f"bulk_{process}_cpu_ms": 1e3 * each / expected for process, each in spent.items()},
    }


def measure_victoria(folder: Path, hosts: list[_Host]) -> dict[str, float]:
    """The same samples into VictoriaMetrics, by each text import; the faster counts."""
    rates: dict[str, float] = {}
    cpu: dict[str, float] = {}
    for kind, path, body in (
        ("json", "/api/v1/import", _json_lines),
        ("influx", "/write", _influx_lines),
    ):
        with victoria_metrics(folder / kind) as (port, pid):
            connections = [
                [_http(path, body(number, host.part(b)), "text/plain") for b in range(BULK_BATCHES)]
                for number, host in enumerate(hosts[:VM_AGENTS])
            ]
            # Eight connections: more only makes it wait for itself on two cores.
            lanes = [list(chain.from_iterable(connections[lane::8])) for lane in range(8)]
            before = _cpu_s(pid)
            done = _drive(port, lanes, 600, folder)
            cpu[kind] = (_cpu_s(pid) - before) / (VM_AGENTS * BULK_BATCHES)
        expected = VM_AGENTS * BULK_BATCHES
        if done["ok"] != expected:
            raise RuntimeError(f"VictoriaMetrics, {kind}: {done}")
        rates[kind] = expected * BULK_ROWS * len(METRICS) / done["elapsed"]
    return {
        "victoria_samples_s": max(rates.values()),
        **{f"victoria_{kind}_samples_s": rate for kind, rate in rates.items()},
        **{f"victoria_{kind}_cpu_ms": 1e3 * each for kind, each in cpu.items()},
    }


def measure_one_row(folder: Path) -> dict[str, float]:
    """One-row batches of thousands of agents, alone and beside an all-units report in a loop."""
    figures: dict[str, float] = {}
    with running_server(folder, 1, {"batches_per_minute": 1_000_000}) as (server, _):
        agents = make_agents(server.database, ONE_ROW_AGENTS, first=1)
        time.sleep(6)  # the api reads the register every 5 s
        begin = 1
        for name in ("", "_report"):
            count = int(ONE_ROW_SECONDS * 4_500 / ONE_ROW_AGENTS)
            connections = _one_row_requests(agents, begin, count)
            begin += count
            pids = {"api": server.api.pid if server.api else 0, "samples": server.engine.pid}
            before = {process: _cpu_s(pid) for process, pid in pids.items()}
            with _reports(server, wanted=bool(name)) as reports:
                done = _drive(server.port, connections, ONE_ROW_SECONDS, folder)
            for process, pid in pids.items():
                spent = (_cpu_s(pid) - before[process]) / done["ok"]
                figures[f"one_row{name}_{process}_cpu_us"] = spent * 1e6
            if done["ok"] != done["answers"]:
                raise RuntimeError(f"one-row batches{name}: {done}")
            figures[f"one_row{name}_batches_s"] = done["ok"] / done["elapsed"]
            figures[f"one_row{name}_p50_s"] = done["p50"]
            figures[f"one_row{name}_p99_s"] = done["p99"]
            if name:
                figures["reports_beside"] = len(reports)
        figures["api_rss_mb"] = _rss_mb(server.api.pid if server.api else 0)
        figures["samples_rss_mb"] = server.engine.rss_mb()
    return figures


class _Host:
    """One host's history: times and values by metric, in parts of BULK_ROWS."""

    def __init__(self, times: Any, seconds: Any, values: dict[str, Any]) -> None:
        self.times, self.seconds, self.values = times, seconds, values

    def part(self, number: int) -> _Host:
        chosen = slice(number * BULK_ROWS, (number + 1) * BULK_ROWS)
        return _Host(
            self.times[chosen],
            self.seconds[chosen],
            {name: values[chosen] for name, values in self.values.items()},
        )


def _history(number: int, batches: int) -> _Host:
    minutes = batches * BULK_ROWS
    start = int((datetime.now(UTC) - timedelta(minutes=minutes + 10)).timestamp() * 1000)
    return _Host(*hostdata.host(number, start, minutes))


def _wires(agent: Identity, host: _Host) -> Iterator[bytes]:
    for number in range(BULK_BATCHES):
        yield encode(agent, number + 1, host.part(number))


def encode(agent: Identity, seq: int, part: _Host) -> bytes:
    """A wire batch as ``records.encode_samples`` makes it, only quicker."""
    header = {
        "v": records.VERSION,
        "agent": agent.id,
        "epoch": "e1",
        "seq": seq,
        "table": "host",
        "rows": len(part.times),
        "columns": [
            ["time", "i8"],
            ["interval_s", "f4"],
            ["instance", "u2"],
            *([m.name, m.type] for m in METRICS),
        ],
        "dictionaries": {"instance": [""]},
    }
    columns = [
        part.times.astype("<i8").tobytes(),
        part.seconds.astype("<f4").tobytes(),
        np.zeros(len(part.times), dtype="<u2").tobytes(),
        *(part.values[m.name].astype(f"<{m.type}").tobytes() for m in METRICS),
    ]
    line = json.dumps(header, separators=(",", ":")).encode()
    return zlib.compress(line + b"\n" + b"".join(columns), 6)


def _one_row_requests(agents: list[Identity], begin: int, count: int) -> list[list[bytes]]:
    start = int(time.time() * 1000) // 60_000 * 60_000 - 60_000
    variants = [_history(number, 1) for number in range(20)]
    connections = []
    for number, agent in enumerate(agents):
        host = variants[number % len(variants)]
        requests = []
        for seq in range(begin, begin + count):
            row = seq % BULK_ROWS
            part = _Host(
                np.array([start + seq]),  # a time of its own; what the minute is does not matter
                host.seconds[row : row + 1],
                {name: values[row : row + 1] for name, values in host.values.items()},
            )
            requests.append(_request(agent, encode(agent, seq, part)))
        connections.append(requests)
    return connections


def _request(agent: Identity, wire: bytes) -> bytes:
    return _http("/api/v1/ingest/batches", wire, records.CONTENT_TYPE, agent.authorization)


def _http(path: str, body: bytes, kind: str, authorization: str = "") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Type: {kind}"]
    if authorization:
        lines.append(f"Authorization: {authorization}")
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _json_lines(number: int, part: _Host) -> bytes:
    times = json.dumps(part.times.tolist())
    return "".join(
        f'{{"metric":{{"__name__":"{m.name}","host":"vm-{number:05d}"}},"values":'
        f'{json.dumps([float(f"{v:.7g}") for v in part.values[m.name]])},"timestamps":{times}}}\n'
        for m in METRICS
    ).encode()


def _influx_lines(number: int, part: _Host) -> bytes:
    texts = [[f"{m.name}={v:.7g}" for v in part.values[m.name]] for m in METRICS]
    return "".join(
        f"h,host=vm-{number:05d} {','.join(fields)} {at}000000\n"
        for at, *fields in zip(part.times.tolist(), *texts, strict=True)
    ).encode()


def _drive(port: int, connections: list[list[bytes]], seconds: float, folder: Path) -> Any:
    """Runs the generator; its figures."""
    path = folder / "requests.pickle"
    path.write_bytes(pickle.dumps(connections))
    connections.clear()
    with subprocess.Popen(
        [sys.executable, "-m", "bench.load", str(port), str(path), str(seconds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise RuntimeError("the load generator did not start")
        path.unlink()
        process.stdin.write("go\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())


@contextmanager
def _reports(server: IngestServer, *, wanted: bool) -> Iterator[list[float]]:
    """Runs the report of all units over 30 days in a loop; the seconds each took."""
    taken: list[float] = []
    stop = threading.Event()
    runtime = Runtime(server.settings, server.database, server.samples)

    def loop() -> None:
        while not stop.is_set():
            began = time.perf_counter()
            until = datetime.now(UTC)
            usage_report(runtime, CITY, UsageQuery(until - timedelta(days=30), until))
            taken.append(time.perf_counter() - began)

    thread = threading.Thread(target=loop)
    if wanted:
        thread.start()
    try:
        yield taken
    finally:
        stop.set()
        if wanted:
            thread.join()


@contextmanager
def victoria_metrics(folder: Path) -> Iterator[tuple[int, int]]:
    """A single-node VictoriaMetrics: its port and pid."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [
            "victoria-metrics",
            f"-storageDataPath={folder}",
            f"-httpListenAddr=127.0.0.1:{port}",
            "-retentionPeriod=24",
            "-loggerLevel=ERROR",
        ]
    )
    try:
        for _ in range(200):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(30)


def _cpu_s(pid: int) -> float:
    """CPU seconds of a process, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


if __name__ == "__main__":
    print(json.dumps(measure(), indent=1))
