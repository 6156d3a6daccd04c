"""Many devices at once: bad ones never delay good ones, nothing leaks."""

from __future__ import annotations

import asyncio
import gc
import os
from collections import Counter
from pathlib import Path
from types import CoroutineType, FunctionType, ModuleType

import pytest

from collectors.snmp import walk
from collectors.snmp.profile import load_profiles
from collectors.snmp.round import Assignment, Deliver, Polled, Scheduler, Tally, next_due
from collectors.snmp.session import Timing
from collectors.snmp.target import Community, Target
from tests.real.snmp.devices import switch
from tests.real.snmp.player import Manner, playing

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


def test_every_kind_of_bad_device_leaves_the_good_ones_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(walk, "MAX_ROWS", 300)
    good = {f"good{n}": switch(4) for n in range(12)}
    bad = {f"{kind}{n}": switch(4, manner) for kind, manner in BAD.items() for n in range(2)}
    got: list[Polled] = []

    async def keep(polled: Polled) -> None:
        got.append(polled)

    async def run() -> None:
        everyone = good | bad
        async with playing(everyone) as (port, _):
            patient = Timing(waits=(3.0, 3.0), deadline=6.0)
            scheduler = Scheduler(load_profiles(), keep, timing=patient, at_once=2)
            for _ in range(2):  # in the first nobody is known to be good
                got.clear()
                await scheduler.once(assignments(list(everyone), port))

    asyncio.run(run())
    polls = {one.key: one.poll for one in got}
    for name in good:
        assert polls[name].error == ""
        assert polls[name].partial == {}
        assert len(polls[name].ports) == 4
    for name in bad:
        harmless = name.startswith(("toobig", "shuffled"))  # read whole, with more requests
        assert polls[name].error or polls[name].partial or harmless
        assert not harmless or len(polls[name].ports) == 4
    # Silent ones hold a place for six seconds: had good ones queued with them, it would show.
    order = [one.key for one in got]
    assert max(order.index(name) for name in good) < order.index("silent0")


def ours(loop: asyncio.AbstractEventLoop) -> Counter[str]:
    """What the collectors have in memory, and what waits on ``loop``, by type.

    Nothing else of the process is counted: other tests' leftovers come and go in a whole run.
    """
    gc.collect()
    found: Counter[str] = Counter()
    for one in gc.get_objects():
        kind = type(one)
        home = str(kind.__module__)  # of some extension types it is no text
        code = getattr(one, "cr_code", None) if kind is CoroutineType else None
        if (
            home.startswith("collectors.")
            or (home.endswith("asyncio") and getattr(one, "_loop", None) is loop)
            or (code is not None and "collectors" in code.co_filename)
        ):
            found[kind.__name__] += 1
    return found


def held_by(root: object) -> int:
    """How many objects ``root`` keeps alive: entries of dicts and lists too, but no code."""
    seen: dict[int, object] = {}
    left = [root]
    while left:
        one = left.pop()
        if id(one) not in seen and not isinstance(one, type | ModuleType | FunctionType):
            seen[id(one)] = one
            left.extend(gc.get_referents(one))
    return len(seen)


async def stretches(deliver: Deliver, each: int, warm: int) -> tuple[list[Counter[str]], Tally]:
    """What grew in each of two equal stretches of rounds, and the scheduler's count of polls."""
    devices = {f"good{n}": switch(2) for n in range(3)} | {"silent": switch(2, Manner(silent=True))}
    timing = Timing(waits=(0.02,), deadline=1.0)
    found = []
    async with playing(devices) as (port, _):
        scheduler = Scheduler(load_profiles(), deliver, timing=timing)
        for rounds in (warm, each, each):
            for _ in range(rounds):
                await scheduler.once(assignments(list(devices), port))
            now = ours(asyncio.get_running_loop())
            now["held by the scheduler"] = held_by(scheduler)
            now["open files"] = len(os.listdir("/proc/self/fd"))
            found.append(now)
        return [found[1] - found[0], found[2] - found[1]], scheduler.tally


def leaking(grown: list[Counter[str]], rounds: int) -> dict[str, int]:
    """What grew in both stretches by one in four rounds: filling a memory once is no leak."""
    first, second = grown
    return {
        kind: min(first[kind], second[kind])
        for kind in first & second
        if min(first[kind], second[kind]) >= rounds // 4
    }


def test_hundred_rounds_leave_nothing_behind() -> None:
    async def drop(polled: Polled) -> None:
        del polled

    grown, tally = asyncio.run(stretches(drop, 40, 20))
    assert tally.polls == 400
    assert leaking(grown, 40) == {}


def test_a_poll_that_is_kept_every_second_round_would_be_seen_as_a_leak() -> None:
    kept: list[Polled] = []

    async def keep_some(polled: Polled) -> None:
        if polled.key == "silent" and len(kept) * 2 < seen[polled.key]:
            kept.append(polled)
        seen[polled.key] += 1

    seen: Counter[str] = Counter()
    grown, _ = asyncio.run(stretches(keep_some, 12, 4))
    assert {"Polled", "DevicePoll", "System"} <= set(leaking(grown, 12))


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

    async def until_polled(key: str, times: int, since: int) -> None:
        while sum(1 for one in got[since:] if one.key == key) < times:
            await asyncio.sleep(0.02)

    async def run() -> int:
        devices = {"a": switch(2), "b": switch(2)}
        async with playing(devices) as (port, _):
            scheduler = Scheduler(load_profiles(), keep)
            scheduler.assign(assignments(["a", "b"], port, 0.3))
            for key in ("a", "b"):
                await until_polled(key, 3, 0)
            scheduler.assign(assignments(["b"], port, 0.3))
            cut = len(got)
            await until_polled("b", 2, cut)
            await scheduler.stop()
            return cut

    cut = asyncio.run(run())
    assert all(one.key == "b" for one in got[cut:])
    for key in ("a", "b"):
        whole = [one.whole for one in got[:cut] if one.key == key]
        assert whole[0]
        assert not any(whole[1:])


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
