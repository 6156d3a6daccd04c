"""CPU of one collection of the full host set, against one scrape of prometheus-node-exporter.

Both are measured the same way: nanoseconds on CPU from /proc/PID/task/*/schedstat, before and
after each cycle, the median of many cycles. Ours runs in a process of its own (as the agent would,
without the benchmark's imports), collecting once a cycle with an instance row every fifth one.
The exporter runs with Debian's defaults on a free port of loopback and is scraped over HTTP.

``python -m bench.agent_collect`` prints the line; ``measure()`` gives the figures.
"""

from __future__ import annotations

import http.client
import os
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

CYCLES = 150
WARM_UP = 10
EXPORTER = "prometheus-node-exporter"

CHILD = """
import sys, time
from collectors.host import HostCollector
host = HostCollector()
wall = 0
for line in sys.stdin:
    if line == "facts\\n":
        host.facts()
    elif line == "subsample\\n":
        host.subsample(time.monotonic())
    else:
        wall += 60_000
        got = host.collect(wall, time.monotonic())
        assert not got.failures, got.failures
    print("done", flush=True)
"""


def cpu_ns(pid: int) -> int:
    """Nanoseconds all live threads of ``pid`` have spent on CPU."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except FileNotFoundError:
            continue
    return total


def rss_mb(pid: int) -> float:
    """Resident megabytes (10^6 bytes would flatter nobody: these are MiB) of ``pid``."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


class Ours:
    """The collectors in a process of their own, one line of stdin a cycle."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parent.parent,
        )
        self.pid = self._process.pid

    def cycle(self, word: str = "collect") -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "done\n"

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


class Theirs:
    """node_exporter with its defaults, one scrape a cycle."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self._process = subprocess.Popen(
            [EXPORTER, f"--web.listen-address=127.0.0.1:{self._port}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.pid = self._process.pid
        deadline = time.monotonic() + 10
        while True:
            try:
                self.cycle()
                return
            except OSError:
                if time.monotonic() > deadline:
                    self.stop()
                    raise
                time.sleep(0.05)

    def cycle(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        connection.request("GET", "/metrics", headers={"Accept-Encoding": "gzip"})
        assert connection.getresponse().read()
        connection.close()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)


def median_ms(side: Ours | Theirs, cycles: int) -> float:
    """Median CPU milliseconds of one cycle."""
    for _ in range(WARM_UP):
        side.cycle()
    spent = []
    for _ in range(cycles):
        before = cpu_ns(side.pid)
        side.cycle()
        spent.append((cpu_ns(side.pid) - before) / 1e6)
    return statistics.median(spent)


def measure(cycles: int = CYCLES) -> dict[str, float]:
    """``ours_ms``, ``node_exporter_ms``, ``ratio``, and RSS of both after it, in MiB."""
    ours = Ours()
    try:
        ours.cycle("facts")
        ours_ms = median_ms(ours, cycles)
        ours_rss = rss_mb(ours.pid)
    finally:
        ours.stop()
    theirs = Theirs()
    try:
        theirs_ms = median_ms(theirs, cycles)
        theirs_rss = rss_mb(theirs.pid)
    finally:
        theirs.stop()
    return {
        "ours_ms": ours_ms,
        "node_exporter_ms": theirs_ms,
        "ratio": ours_ms / theirs_ms,
        "ours_rss_mb": ours_rss,
        "node_exporter_rss_mb": theirs_rss,
        "cycles": float(cycles),
        "cpus": float(os.cpu_count() or 0),
    }


if __name__ == "__main__":
    got = measure()
    print(
        f"collection {got['ours_ms']:.2f} ms CPU, node_exporter scrape "
        f"{got['node_exporter_ms']:.2f} ms, ratio {got['ratio']:.3f} (target 0.2); "
        f"RSS {got['ours_rss_mb']:.1f} MiB (collectors alone), "
        f"node_exporter {got['node_exporter_rss_mb']:.1f} MiB; {got['cycles']:.0f} cycles"
    )
