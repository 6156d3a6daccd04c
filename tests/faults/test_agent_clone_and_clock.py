"""F15 and F16: clocks that jump, machines that are copied or restored."""

from __future__ import annotations

import io
import itertools
import shutil
from pathlib import Path
from typing import Any

import pytest

from agent.config import Config
from agent.identity import Identity, write_identity
from agent.log import Log
from agent.service import Clock, Service
from collectors.host import Collected
from collectors.records import Reading
from tests.faults.agents import AgentProcess, enrolled, eventually
from tests.faults.receiver import Receiver

NOW = 1_795_000_020.0


class World:
    """Two clocks that a test moves."""

    def __init__(self) -> None:
        self.wall, self.monotonic = NOW, 5000.0

    def pass_by(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.wall, lambda: self.monotonic)


class Host:
    """Measures the passing of time, as HostCollector does."""

    def __init__(self) -> None:
        self._last: float | None = None

    def subsample(self, now_monotonic: float) -> None:
        pass

    def close(self) -> None:
        pass

    def collect(self, now_wall_ms: int, now_monotonic: float) -> Collected:
        last, self._last = self._last, now_monotonic
        if last is None:
            return Collected([], [], {}, {})
        seconds = now_monotonic - last
        start = now_wall_ms - round(seconds * 1000)
        return Collected([Reading("host", "", start, seconds, {"load1": 1.0})], [], {}, {})


class Facts:
    """Facts of a machine."""

    def __init__(self, machine_id: str = "m1") -> None:
        self.facts: dict[str, Any] = {"machine_id": machine_id, "instance_uuid": ""}

    def begin(self) -> None:
        pass

    def ready(self) -> dict[str, Any] | None:
        return self.facts

    def wait(self, seconds: float) -> dict[str, Any]:
        return self.facts


def service(folder: Path, world: World, facts: Facts | None = None) -> tuple[Service, io.StringIO]:
    lines = io.StringIO()
    log = Log(stream=lines, wall=lambda: world.wall, monotonic=lambda: world.monotonic)
    made = Service(Config(state=str(folder)), log, world.clock, Host(), facts or Facts())
    made.start()
    return made, lines


def minutes(made: Service, world: World, count: int) -> None:
    """Lets ``count`` minutes go by."""
    until = world.monotonic + count * 60
    while world.monotonic < until:
        world.pass_by(made.turn() or 0.001)


def apart(rows: list[tuple[int, int]]) -> bool:
    """Whether no two rows cover the same time."""
    rows = sorted(rows)
    return all(b[0] >= a[1] - 1000 for a, b in itertools.pairwise(rows))


def spans(made: Service) -> list[tuple[int, int]]:
    """Start and end of the rows in the spool, oldest first; the service is over."""
    made.stop()
    reopened = Service(Config(state=str(made._config.state)), Log("error"), facts=Facts())
    found: list[tuple[int, int]] = []
    while entry := reopened._spool.oldest():
        if entry.kind == "host":
            found.append((entry.from_ms, entry.to_ms))
        reopened._spool.ack(entry)
    reopened._spool.close()
    return found


@pytest.mark.parametrize("jump", [86_400, -86_400, 3600, -3600, -300, -5])
def test_no_jump_of_the_clock_makes_two_rows_of_one_time(tmp_path: Path, jump: float) -> None:
    world = World()
    made, lines = service(tmp_path, world)
    minutes(made, world, 10)
    world.wall += jump
    minutes(made, world, 12)
    assert ("clock_stepped" in lines.getvalue()) == (abs(jump) > 2)
    found = spans(made)
    assert apart(found)
    if jump > 0:
        assert len(found) >= 20
    elif jump == -300:
        assert 15 <= len(found) <= 18, "waited five minutes, then went on"


def test_1970_at_boot_is_waited_out_and_said(tmp_path: Path) -> None:
    world = World()
    world.wall = 30.0
    made, lines = service(tmp_path, world)
    minutes(made, world, 3)
    assert "time_used_before" in lines.getvalue()
    world.wall = NOW
    minutes(made, world, 5)
    found = spans(made)
    assert min(found)[0] > 1_700_000_000_000
    assert len(found) >= 4


def test_a_restart_does_not_forget_which_times_were_used(tmp_path: Path) -> None:
    world = World()
    made, _ = service(tmp_path, world)
    minutes(made, world, 5)
    made.stop()
    world.wall -= 240
    made, _ = service(tmp_path, world)
    minutes(made, world, 8)
    found = spans(made)
    assert apart(found)


def test_a_resumed_snapshot_shows_in_the_clocks_and_renews_the_epoch(tmp_path: Path) -> None:
    world = World()
    made, _ = service(tmp_path, world)
    minutes(made, world, 2)
    epoch = made._spool.epoch
    world.wall += 7200
    minutes(made, world, 2)
    assert made._spool.epoch != epoch
    made.stop()


def test_a_copied_machine_does_not_send_as_the_original(tmp_path: Path) -> None:
    with Receiver() as receiver:
        write_identity(str(tmp_path), Identity("a1", "s", receiver.url, "", "m1"))
        world = World()
        made, lines = service(tmp_path, world, Facts("m2"))
        minutes(made, world, 2)
        assert made.shipper.state == "conflict"
        assert "enrol it anew" in lines.getvalue()
        assert receiver.seen == []
        write_identity(str(tmp_path), Identity("a2", "s", receiver.url, "", "m2"))
        minutes(made, world, 1)
        eventually(lambda: len(receiver.rows()) >= 1, 5)
        assert {s.headers["authorization"].split(".")[0] for s in receiver.seen} == {"Bearer a2"}
        made.stop()


def test_of_two_agents_with_one_spool_the_second_is_told_to_enrol_anew(tmp_path: Path) -> None:
    with Receiver() as receiver:
        first, second = tmp_path / "one", tmp_path / "two"
        enrolled(first, receiver.url)
        agent = AgentProcess(first)
        eventually(lambda: len(receiver.rows()) >= 2, 10)
        agent.stop()
        shutil.copytree(first, second)
        (second / "log.jsonl").unlink()
        agents = [AgentProcess(first), AgentProcess(second)]
        try:
            eventually(lambda: any(a.events("ship_conflict") for a in agents), 15)
            told = next(a for a in agents if a.events("ship_conflict"))
            assert "enrol this one anew" in str(told.events("ship_conflict")[0]["error"])
        finally:
            for each in agents:
                each.stop()
        rows = [(t, i) for t, i, _ in receiver.rows()]
        batches = [b for b in receiver.batches.values() if b.table != "documents"]
        assert len({b.id for b in batches}) == len(batches)
        assert rows
