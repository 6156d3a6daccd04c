"""RSS of all processes of a served controller while 10,000 hosts send a minute's row each.

Harsher than life: each round's 10,000 batches come as fast as 1,000 kept-alive connections carry
them, not spread over the minute. The rounds are consecutive minutes; the worker rolls meanwhile.
"""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from bench import ingest_http as load
from controller import schema
from controller.store.relational import Database, connect
from tests.ingest_server import make_agents
from tests.serving import serve

HOSTS = 10_000
CONNECTIONS = 1_000
ROUNDS = 3
ROUND_SECONDS = 60.0


def measure() -> dict[str, float]:
    """Peak RSS in MB of all processes together and of each, over ROUNDS minutes."""
    with tempfile.TemporaryDirectory(prefix="yunxun-bench-") as name:
        folder = Path(name)
        with serve(folder / "data", "--port", "0") as server:
            schema.metadata()
            database = Database(connect(f"sqlite:///{folder / 'data' / 'yunxun.db'}"))
            agents = make_agents(database, HOSTS, first=1)
            time.sleep(6)  # the api reads the register every 5 s
            port = urlsplit(server.url).port or 0
            peak: dict[str, float] = {}
            stop = threading.Event()
            watch = threading.Thread(target=_watch, args=(server.process.pid, stop, peak))
            watch.start()
            taken = [_round(port, agents, number, folder) for number in range(1, ROUNDS + 1)]
            stop.set()
            watch.join()
            database.close()
    return peak | {"hosts": HOSTS, "slowest_round_s": max(taken)}


def _round(port: int, agents: list[Any], number: int, folder: Path) -> float:
    began = time.monotonic()
    requests = [each[0] for each in load._one_row_requests(agents, number, 1)]
    connections = [requests[first::CONNECTIONS] for first in range(CONNECTIONS)]
    done = load._drive(port, connections, ROUND_SECONDS, folder)
    if done["ok"] != HOSTS:
        raise RuntimeError(f"10,000 batches expected: {done}")
    time.sleep(max(0.0, ROUND_SECONDS - (time.monotonic() - began)))
    return float(done["elapsed"])


def _watch(pid: int, stop: threading.Event, peak: dict[str, float]) -> None:
    while not stop.wait(0.5):
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        sizes: dict[str, float] = {}
        for process in family:
            line = " ".join(process.cmdline())
            kind = next(
                (k for k in ("embedded", "api_process", "worker") if k in line), "supervisor"
            )
            sizes[f"{kind}_rss_mb"] = (
                sizes.get(f"{kind}_rss_mb", 0) + process.memory_info().rss / 1e6
            )
        sizes["all_rss_mb"] = sum(sizes.values())
        for name, size in sizes.items():
            peak[name] = max(peak.get(name, 0.0), size)
