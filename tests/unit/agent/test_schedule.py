"""Ticks never drift, never pile up; a time is never used twice."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from agent.schedule import EARLIEST_MS, Eras, Ticks, nominal_ms, usable
from collectors.records import Reading

START = 1_795_000_020.0
T0 = round(START * 1000)


def drive(delays: list[float], interval: float = 60.0) -> tuple[list[float], int]:
    """Wall times of ticks when every piece of work takes the given delay."""
    wall, ticks, missed = START + 12.3, [], 0
    schedule = Ticks(interval, 5.0, wall, wall - 1e9)
    for delay in delays:
        while True:
            due = schedule.due(wall, wall - 1e9)
            if due.tick:
                ticks.append(wall)
                missed += due.missed
                break
            wall += due.sleep_s + 0.001
        wall += delay
    return ticks, missed


def test_ticks_stay_on_whole_minutes_for_a_day() -> None:
    ticks, missed = drive([0.8] * 1440)
    assert all(0 <= tick % 60 < 0.1 for tick in ticks)
    assert [round(b - a) for a, b in itertools.pairwise(ticks)] == [60] * 1439
    assert missed == 0


def test_a_stall_of_five_minutes_fires_once_and_counts_what_was_missed() -> None:
    ticks, missed = drive([0.1, 310.0, 0.1, 0.1])
    assert len(ticks) == 4
    assert missed == 4
    assert ticks[3] % 60 < 0.1
    assert ticks[3] - ticks[2] < 60


def test_sub_samples_come_every_five_seconds_between_ticks() -> None:
    wall, count = START, 0
    schedule = Ticks(60.0, 5.0, wall, 0.0)
    while True:
        due = schedule.due(wall, wall - START)
        if due.tick:
            break
        count += due.subsample
        wall += max(due.sleep_s, 0.001)
    assert count in {11, 12}


@given(st.lists(st.floats(-90_000, 90_000), max_size=20), st.sampled_from([1.0, 60.0, 3600.0]))
def test_no_clock_step_makes_it_sleep_longer_than_a_sub_sample(
    steps: list[float], interval: float
) -> None:
    wall, monotonic = START, 0.0
    schedule = Ticks(interval, 0.5, wall, monotonic)
    for step in steps:
        wall += step
        due = schedule.due(wall, monotonic)
        assert 0 <= due.sleep_s <= 0.52
        wall, monotonic = wall + due.sleep_s, monotonic + due.sleep_s


def reading(start_ms: int, seconds: float = 60.0, instance: str = "") -> Reading:
    return Reading("host", instance, start_ms, seconds, {"load1": 1.0})


def eras() -> dict[str, Eras]:
    return {"host": Eras(), "parts": Eras()}


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 0, 0, 0, -5, -300, -3600, -86_400, 3600, 86_400]), st.booleans()
        ),
        max_size=60,
    )
)
def test_whatever_the_clock_does_no_two_rows_start_within_the_same_interval(
    moves: list[tuple[int, bool]],
) -> None:
    known, used = eras(), []
    wall = START
    for step, restart in moves:
        wall += 60 + step
        if restart:
            known = {kind: Eras(known[kind].spans) for kind in known}
        used += [r.time_ms for r in usable([reading(round(wall * 1000))], known, 60.0)]
    used.sort()
    assert all(b - a >= 59_000 for a, b in itertools.pairwise(used))


def test_a_day_forward_and_back_costs_nothing() -> None:
    known = eras()
    assert usable([reading(T0)], known, 60.0)
    assert usable([reading(T0 + 86_400_000)], known, 60.0)
    assert usable([reading(T0 + 60_000)], known, 60.0)


def test_a_step_back_of_five_minutes_is_waited_out() -> None:
    known = eras()
    for minute in range(10):
        assert usable([reading(T0 + minute * 60_000)], known, 60.0)
    assert not usable([reading(T0 + 5 * 60_000)], known, 60.0)
    assert usable([reading(T0 + 10 * 60_000)], known, 60.0)


def test_a_clock_of_1970_makes_no_rows() -> None:
    assert not usable([reading(60_000)], eras(), 60.0)
    assert not Eras().admits(EARLIEST_MS - 1, EARLIEST_MS + 60_000)


def test_an_interval_stretched_over_a_suspension_is_a_gap() -> None:
    assert not usable([reading(T0, 7200.0)], eras(), 60.0)
    assert usable([reading(T0, 180.0)], eras(), 60.0)


def test_rows_of_parts_have_their_own_eras() -> None:
    known = eras()
    usable([reading(T0 + m * 60_000) for m in range(1)], known, 60.0)
    assert usable([reading(T0 - 240_000, 300.0, "fs:/")], known, 60.0)
    assert not usable([reading(T0 - 240_000, 300.0, "fs:/")], known, 60.0)


def test_ticks_near_the_grid_are_taken_as_on_it() -> None:
    assert nominal_ms(START - START % 60 + 0.013, 60.0) % 60_000 == 0
    assert nominal_ms(START - START % 60 - 0.4, 60.0) % 60_000 == 0
    assert nominal_ms(START - START % 60 + 20, 60.0) % 60_000 == 20_000
