"""Many devices at once: bad ones never delay good ones, nothing leaks."""

from __future__ import annotations

import asyncio
import gc
import os
import statistics
import time
from pathlib import Path

import pytest

from collectors.snmp import walk
from collectors.snmp.profile import load_profiles
from collectors.snmp.round import Assignment, Polled, Scheduler, next_due
from collectors.snmp.session import Timing
from collectors.snmp.target import Community, Target
from tests.real.snmp.devices import switch
from tests.real.snmp.player import Device, Manner, playing

BAD = {
    "silent": Manner(silent=True),
    "slow": Manner(delay_s=0.5),
    "shuffled": Manner(shuffled=True),
    "endless": Manner(endless=True),
    "toobig": Manner(fits=0),
    "garbage": Manner(garbage=True),
}
QUICK = Timing(waits=(0.4, 0.4), deadline=2.0)


def assignments(names: list[str], port: int, interval: float = 60.0) -> list[Assignment]:
    return [
        Assignment(
            key=name,
            target=Target("127.0.0.1", port),
            credential=Community(community=name),
            interval_s=interval,
        )
        for name in names
    ]


async def one_round(devices: dict[str, Device], rounds: int = 2) -> dict[str, Polled]:
    got: dict[str, Polled] = {}

    async def keep(polled: Polled) -> None:
        got[polled.key] = polled

    async with playing(devices) as (port, _):
        scheduler = Scheduler(load_profiles(), keep, timing=QUICK, at_once=4)
        for _ in range(rounds):
            await scheduler.once(assignments(list(devices), port))
    return got


def test_every_kind_of_bad_device_leaves_the_good_ones_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(walk, "MAX_ROWS", 300)
    good = {f"good{n}": switch(4) for n in range(12)}
    bad = {f"{kind}{n}": switch(4, manner) for kind, manner in BAD.items() for n in range(2)}

    alone = asyncio.run(one_round(good))
    together = asyncio.run(one_round(good | bad))

    for name in good:
        assert together[name].poll.error == ""
        assert together[name].poll.partial == {}
        assert len(together[name].poll.ports) == 4
    for name in bad:
        harmless = name.startswith(("toobig", "shuffled"))  # read whole, with more requests
        assert together[name].poll.error or together[name].poll.partial or harmless
        assert not harmless or len(together[name].poll.ports) == 4
    # A silent device holds its place for 0.8 s: had good ones waited behind it, it would show.
    first = statistics.median(one.poll.duration_s for one in alone.values())
    second = statistics.median(together[name].poll.duration_s for name in good)
    assert second < first + 0.5


def test_hundred_rounds_leave_nothing_behind() -> None:
    devices = {f"good{n}": switch(2) for n in range(3)} | {"silent": switch(2, Manner(silent=True))}

    async def run() -> tuple[int, int, int]:
        async def drop(polled: Polled) -> None:
            del polled

        timing = Timing(waits=(0.02,), deadline=1.0)
        async with playing(devices) as (port, _):
            scheduler = Scheduler(load_profiles(), drop, timing=timing)
            before = (0, 0)
            for number in range(100):
                await scheduler.once(assignments(list(devices), port))
                if number == 20:
                    gc.collect()
                    before = (len(os.listdir("/proc/self/fd")), len(gc.get_objects()))
            gc.collect()
            after = (len(os.listdir("/proc/self/fd")), len(gc.get_objects()))
            return after[0] - before[0], after[1] - before[1], scheduler.tally.polls

    files, objects, polls = asyncio.run(run())
    assert polls == 400
    assert files <= 0
    assert objects < 200


def test_devices_are_polled_at_their_own_place_in_the_interval() -> None:
    dues = [next_due(1000.0, 60.0, f"device{n}") for n in range(600)]
    assert all(1000.0 < due <= 1060.0 for due in dues)
    per_second = [sum(1 for due in dues if int(due) == 1000 + s) for s in range(60)]
    assert max(per_second) < 30
    assert next_due(1000.0, 60.0, "x") == next_due(next_due(1000.0, 60.0, "x") - 0.001, 60.0, "x")
    due = next_due(1000.0, 60.0, "x")
    assert next_due(due, 60.0, "x") == pytest.approx(due + 60.0)


def test_the_schedule_goes_on_takes_changes_and_reads_everything_first() -> None:
    got: list[Polled] = []

    async def keep(polled: Polled) -> None:
        got.append(polled)

    async def run() -> None:
        devices = {"a": switch(2), "b": switch(2)}
        async with playing(devices) as (port, _):
            scheduler = Scheduler(load_profiles(), keep, timing=QUICK)
            scheduler.assign(assignments(["a", "b"], port, 0.3))
            await asyncio.sleep(1.6)
            scheduler.assign(assignments(["b"], port, 0.3))
            await asyncio.sleep(0.1)
            got.append(Polled(key="cut", started=0, poll=got[0].poll, whole=False))
            await asyncio.sleep(1.0)
            await scheduler.stop()

    started = time.monotonic()
    asyncio.run(run())
    assert time.monotonic() - started < 10
    keys = [one.key for one in got]
    cut = keys.index("cut")
    assert keys[:cut].count("a") >= 3
    assert "a" not in keys[cut + 1 :]
    assert "b" in keys[cut + 1 :]
    first = {key: next(one for one in got if one.key == key) for key in ("a", "b")}
    assert all(one.whole for one in first.values())
    assert not got[cut - 1].whole


def test_no_file_is_left_open_by_refused_devices() -> None:
    files = Path("/proc/self/fd")

    async def run() -> int:
        async def drop(polled: Polled) -> None:
            assert polled.poll.error

        scheduler = Scheduler(load_profiles(), drop, timing=QUICK)
        before = len(list(files.iterdir()))
        await scheduler.once(assignments(["x"], 9))
        return len(list(files.iterdir())) - before

    assert asyncio.run(run()) <= 0
