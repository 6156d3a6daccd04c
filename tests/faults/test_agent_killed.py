"""F1: kill -9 at random points. What was spooled arrives, once, as it was; nothing else does."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

from agent.spool import Spool
from tests.faults.agents import ROOT, AgentProcess, enrolled, eventually
from tests.faults.proxy import FaultProxy
from tests.faults.receiver import Receiver
from tests.faults.writer import T0

KILLS = 200 if os.environ.get("HEAVY_TESTS") else 20
DRAIN_SECONDS = 30 * KILLS / 20
"""What was spooled between the kills is as much more as there are kills."""


def read_oracle(path: Path) -> tuple[set[int], set[int]]:
    """Numbers that were issued, and those known to be durable."""
    issued, durable = set(), set()
    for line in path.read_text().splitlines():
        (durable if line[0] == "=" else issued).add(int(line[1:]))
    return issued, durable


def test_no_kill_of_a_loaded_agent_loses_or_changes_a_spooled_row(tmp_path: Path) -> None:
    oracle, chance = tmp_path / "oracle", random.Random(7)
    start = 0
    with Receiver() as receiver, FaultProxy(receiver.port) as proxy:
        for _ in range(KILLS):
            command = [sys.executable, "-m", "tests.faults.writer", str(tmp_path)]
            command += [f"http://127.0.0.1:{proxy.port}", str(oracle), str(start)]
            process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE)
            eventually(lambda at=start: oracle.exists() and f"={at}\n" in oracle.read_text(), 20)
            proxy.set(swallow_every=chance.choice([0, 0, 3]), reset_share=chance.choice([0, 0.3]))
            time.sleep(chance.random() * 0.25)
            process.kill()
            _, errors = process.communicate(timeout=10)
            assert errors == b"", errors.decode()
            start = max(read_oracle(oracle)[0]) + 1
        proxy.clear()
        command = [sys.executable, "-m", "tests.faults.writer", str(tmp_path)]
        command += [receiver.url, str(oracle), str(start)]
        process = subprocess.Popen(command, cwd=ROOT)
        try:
            issued, durable = read_oracle(oracle)

            def arrived() -> set[int]:
                return {round(load) for _, _, load in receiver.rows()}

            eventually(lambda: durable <= arrived(), DRAIN_SECONDS, "spooled rows did not arrive")
        finally:
            process.kill()
            process.wait(10)
        rows = receiver.rows()
        issued, _ = read_oracle(oracle)
        assert {round(load) for _, _, load in rows} <= issued, "a row nobody issued"
        assert all(time_ms == T0 + load * 60_000 for time_ms, _, load in rows)
        assert len(rows) == len({load for _, _, load in rows}), "a row under two ids"
        assert not [s for s in receiver.seen if s.path != "/api/v1/ingest/batches"]
    spool = Spool(str(tmp_path), max_bytes=50_000_000, machine="m", boot="b")
    assert spool.summary()["lost"] == {}
    assert spool.events == []
    spool.close()


def test_the_real_agent_resumes_after_kills_with_at_most_an_interval_missing(
    tmp_path: Path,
) -> None:
    with Receiver() as receiver:
        enrolled(tmp_path, receiver.url)
        chance = random.Random(3)
        for _ in range(4):
            agent = AgentProcess(tmp_path)
            time.sleep(1.2 + chance.random())
            agent.kill()
        agent = AgentProcess(tmp_path)
        before = len(receiver.rows())
        eventually(lambda: len(receiver.rows()) >= before + 2, 10)
        assert agent.stop() == 0
        starts = sorted(time_ms for time_ms, instance, _ in receiver.rows() if not instance)
        assert len(set(starts)) == len(starts), "a time was used twice"
        assert not agent.events("spool_damaged")
        assert not [e for e in agent.events() if e["level"] == "error"]
