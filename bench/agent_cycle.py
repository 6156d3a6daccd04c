"""The agent against node_exporter: CPU of a cycle and resident memory, in one run.

A real ``yunxun-agent run`` measures, spools with fsync and ships over TLS to a small server on this
machine. Its interval is compressed to INTERVAL_S with as many CPU sub-samples in it as a minute
has, so a cycle is a minute's whole work, a new connection with TLS resumption included.
node_exporter is scraped over a fresh connection as often, by turns with it. CPU is the
scheduler's own count (schedstat) of all threads; RSS is read at the end of each.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from agent.identity import Identity, write_identity
from tests.faults.certificates import make_authority
from tests.faults.receiver import Receiver

CYCLES = 100
INTERVAL_S = 1.2
SUBSAMPLE_S = 0.1
"""Eleven between two ticks, as 5 s in 60 s."""
WARM_UP_S = 4.0
ROOT = Path(__file__).parents[1]
WORK = ROOT / "var"
"""On a real disk, for the fsyncs; git ignores it."""


def measure(cycles: int = CYCLES) -> dict[str, float]:
    """Milliseconds of CPU a cycle, megabytes of RSS, and the ratios to node_exporter's.

    ``agent_cycle_ms`` is collect, spool and ship; ``agent_minute_ms`` adds the eleven sub-samples.
    """
    WORK.mkdir(exist_ok=True)
    with node_exporter() as (exporter, port), tempfile.TemporaryDirectory(dir=WORK) as folder:
        with agent(Path(folder) / "plain", INTERVAL_S) as (process, receiver):
            cycle_ms, first_ms = side_by_side(process, receiver, exporter, port, cycles)
            agent_rss = rss_mb(process.pid)
        with agent(Path(folder) / "full", SUBSAMPLE_S) as (process, receiver):
            minute_ms, second_ms = side_by_side(process, receiver, exporter, port, cycles)
            agent_rss = max(agent_rss, rss_mb(process.pid))
        scrape_ms = (first_ms + second_ms) / 2
        exporter_rss = rss_mb(exporter.pid)
    return {
        "agent_cycle_ms": round(cycle_ms, 2),
        "agent_minute_ms": round(minute_ms, 2),
        "node_exporter_scrape_ms": round(scrape_ms, 2),
        "cycle_ratio": round(cycle_ms / scrape_ms, 3),
        "minute_ratio": round(minute_ms / scrape_ms, 3),
        "agent_rss_mb": round(agent_rss, 2),
        "node_exporter_rss_mb": round(exporter_rss, 2),
        "rss_ratio": round(agent_rss / exporter_rss, 3),
    }


def side_by_side(
    process: subprocess.Popen[bytes],
    receiver: Receiver,
    exporter: subprocess.Popen[bytes],
    port: int,
    cycles: int,
) -> tuple[float, float]:
    """CPU milliseconds of the agent a batch that got home, and of the exporter a scrape.

    Both go on by turns at the same pace, so what else the machine does meets both alike.
    """
    time.sleep(WARM_UP_S)
    batches, agent_before, exporter_before = (
        len(receiver.seen),
        cpu_ms(process.pid),
        cpu_ms(exporter.pid),
    )
    scrapes = 0
    while len(receiver.seen) < batches + cycles:
        scrape(port)
        scrapes += 1
        time.sleep(INTERVAL_S)
    done = len(receiver.seen) - batches
    agent_ms = (cpu_ms(process.pid) - agent_before) / done
    return agent_ms, (cpu_ms(exporter.pid) - exporter_before) / scrapes


@contextlib.contextmanager
def agent(folder: Path, subsample_s: float) -> Iterator[tuple[subprocess.Popen[bytes], Receiver]]:
    """A running agent, and the receiver it ships to over TLS."""
    folder.mkdir()
    authority = make_authority(folder)
    environment = {
        **os.environ,
        "YUNXUN_AGENT_STATE": str(folder / "state"),
        "YUNXUN_AGENT_COLLECT_INTERVAL_S": str(INTERVAL_S),
        "YUNXUN_AGENT_COLLECT_SUBSAMPLE_S": str(subsample_s),
        "YUNXUN_AGENT_LOG_LEVEL": "warning",
    }
    with Receiver(authority.context, authority.ca_pem) as receiver:
        # As deployed: the controller's keep-alive is shorter than a minute, so that thousands of
        # idle agents cost it nothing; every cycle makes a connection and resumes the TLS session.
        receiver.script = lambda seen: (*receiver._answer(seen)[:2], {"Connection": "close"})
        identity = Identity("a1", "secret", receiver.url, authority.ca_pem, "")
        write_identity(str(folder / "state"), identity)
        command = [sys.executable, "-m", "agent", "run"]
        process = subprocess.Popen(command, env=environment, cwd=ROOT)
        try:
            yield process, receiver
        finally:
            process.terminate()
            process.wait(10)


@contextlib.contextmanager
def node_exporter() -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Debian's node_exporter with its default collectors, and its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    command = ["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}"]
    process = subprocess.Popen([*command, "--log.level=error"], stderr=subprocess.DEVNULL)
    try:
        for _ in range(50):
            with contextlib.suppress(OSError):
                scrape(port)
                break
            time.sleep(0.1)
        yield process, port
    finally:
        process.terminate()
        process.wait(10)


def scrape(port: int) -> int:
    """One scrape; its bytes."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
        size = 0
        while part := connection.recv(65_536):
            size += len(part)
        return size


def cpu_ms(pid: int) -> float:
    """CPU of all threads so far, from the scheduler."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total / 1e6


def rss_mb(pid: int) -> float:
    """Resident memory."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text[text.index("VmRSS") :].split()[1]) / 1024


if __name__ == "__main__":
    for name, value in measure().items():
        print(f"{name:26} {value}")
