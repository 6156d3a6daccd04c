"""kill -9 of api and samples processes under load: what was acknowledged is there, once, exact.

The oracle issues batches whose content follows from their id, notes which were acknowledged, and
afterwards compares with what queries see.
"""

from __future__ import annotations

import http.client
import os
import random
import threading
import time
from pathlib import Path

import pytest

from collectors import records
from tests.faults.disks import small_disk
from tests.ingest_server import Identity, IngestServer, batch, now_ms, reading, running_server

HEAVY = os.environ.get("HEAVY_TESTS") == "1"
KILLS = 200 if HEAVY else 20
SENDERS = 8
SETTLE_SECONDS = 60.0
FRESH_SECONDS = 15.0


class Oracle:
    """One agent's sender: issues batches, sends each until it is acknowledged."""

    def __init__(self, server: IngestServer, agent: Identity, stop: threading.Event) -> None:
        self.server = server
        self.agent = agent
        self.stop = stop
        self.start_ms = now_ms() - 86_400_000
        self.issued = 0
        self.acked: set[int] = set()
        self.refusals: list[str] = []
        self.retries = 0
        self.thread = threading.Thread(target=self.run)
        self.deadline = 0.0

    def time_of(self, seq: int) -> int:
        return self.start_ms + seq * 1_000

    def value_of(self, seq: int) -> float:
        return float(self.agent.resource * 1_000 + seq % 1_000)

    def run(self) -> None:
        while not self.stop.is_set():
            self.issued += 1
            seq = self.issued
            wire = batch(self.agent, seq, [reading(self.time_of(seq), load1=self.value_of(seq))])
            while not self.send(seq, wire):
                self.retries += 1
                if self.stop.is_set() and time.monotonic() > self.deadline:
                    return
                time.sleep(0.05)

    def send(self, seq: int, wire: bytes) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        headers = {
            "Authorization": self.agent.authorization,
            "Content-Type": records.CONTENT_TYPE,
        }
        try:
            connection.request("POST", "/api/v1/ingest/batches", wire, headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        if answer.status == 200:
            self.acked.add(seq)
            return True
        if answer.status not in (503, 507):
            self.refusals.append(f"batch {seq}: {answer.status}")
        return False


def check(server: IngestServer, oracles: list[Oracle]) -> None:
    """Every acknowledged batch once with its content, and nothing that was never issued."""
    for oracle in oracles:
        assert oracle.refusals == []
        found = server.rows(oracle.agent.resource)
        stored = {
            (ms - oracle.start_ms) // 1_000: value
            for ms, value in zip(found["ms"].tolist(), found["load1"].tolist(), strict=True)
        }
        assert len(stored) == len(found["ms"])
        assert oracle.acked <= stored.keys()
        assert stored.keys() <= set(range(1, oracle.issued + 1))
        assert all(value == oracle.value_of(seq) for seq, value in stored.items())


def run_oracles(server: IngestServer, agents: list[Identity], faults: object) -> list[Oracle]:
    stop = threading.Event()
    oracles = [Oracle(server, agent, stop) for agent in agents]
    for oracle in oracles:
        oracle.thread.start()
    try:
        faults()
    finally:
        for oracle in oracles:
            oracle.deadline = time.monotonic() + SETTLE_SECONDS
        stop.set()
        for oracle in oracles:
            oracle.thread.join()
    return oracles


def check_fresh(server: IngestServer, agent: Identity) -> None:
    """A batch arrives soon after the faults stop."""
    last = Oracle(server, agent, threading.Event())
    wire = batch(agent, 1_000_000, [reading(now_ms() - 1_000, load1=1.0)])
    deadline = time.monotonic() + FRESH_SECONDS
    while not last.send(1_000_000, wire):
        assert time.monotonic() < deadline, "no batch was taken in after the faults stopped"
        time.sleep(0.1)


@pytest.mark.timeout(3600 if HEAVY else 240)
def test_killing_the_api_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    """Two api processes on one socket, killed by turns and started again."""
    rng = random.Random(20261123)
    options = {"batches_per_minute": 100_000, "group_commit_ms": 50}
    with running_server(tmp_path, SENDERS + 1, options) as (server, agents):
        assert server.api is not None
        apis = [server.api, server.new_api()]
        server.wait_api(apis[1])

        def kill() -> None:
            for number in range(KILLS):
                time.sleep(rng.uniform(0.0, 0.3))
                apis[number % 2].kill()
                apis[number % 2].wait()
                apis[number % 2] = server.new_api()
                server.wait_api(apis[number % 2])

        try:
            oracles = run_oracles(server, agents[:SENDERS], kill)
            check_fresh(server, agents[SENDERS])
            assert sum(len(oracle.acked) for oracle in oracles) > SENDERS * KILLS / 4
            check(server, oracles)
        finally:
            for api in apis:
                api.terminate()
                api.wait(20)


@pytest.mark.timeout(3600 if HEAVY else 240)
def test_killing_the_samples_process_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    rng = random.Random(1123)
    options = {"batches_per_minute": 100_000, "group_commit_ms": 50}
    with running_server(tmp_path, SENDERS + 1, options) as (server, agents):

        def kill() -> None:
            for _ in range(KILLS):
                time.sleep(rng.uniform(0.2, 0.8))
                server.engine.kill()
                server.engine.start()

        oracles = run_oracles(server, agents[:SENDERS], kill)
        check_fresh(server, agents[SENDERS])
        assert sum(len(oracle.acked) for oracle in oracles) > SENDERS * KILLS / 4
        check(server, oracles)


def test_the_door_says_507_before_the_disk_is_full_and_goes_on_when_there_is_room(
    tmp_path: Path,
) -> None:
    """The floor is put above what is free; reads go on meanwhile."""
    options = {"min_free_mb": 600, "min_free_percent": 100.0}
    with (
        small_disk(tmp_path / "disk", 1000) as disk,
        running_server(disk, 1, options) as (server, (agent,)),
    ):
        wire = batch(agent, 1, [reading(now_ms() - 60_000)])
        assert server.send(agent, wire).status == 200
        filler = disk / "filler"
        with filler.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, 512 << 20)
        deadline = time.monotonic() + 10
        while (reply := server.send(agent, wire)).status != 507:
            assert time.monotonic() < deadline, reply
            time.sleep(0.2)
        assert int(reply.headers["retry-after"]) > 0
        assert reply.body["title"] == "disk full"
        assert len(server.rows()["ms"]) == 1
        filler.unlink()
        while server.send(agent, wire).status != 200:
            assert time.monotonic() < deadline + 10
            time.sleep(0.2)
