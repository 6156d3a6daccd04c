"""Timelines against a plain model that remembers what held on each day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from controller.inventory.timeline import Span, Timeline, at, change, differences, fit

START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 40

Value = tuple[str, int]
"""(owner, vcpu)"""


def day(number: int) -> datetime:
    return START + timedelta(days=number)


@st.composite
def corrections(draw: st.DrawFn) -> list[tuple[int, int | None, int, str | int]]:
    """(first day, end day or None, which field, new value)."""
    found = []
    for _ in range(draw(st.integers(1, 8))):
        first = draw(st.integers(0, DAYS - 1))
        end = draw(st.one_of(st.none(), st.integers(first + 1, DAYS + 5)))
        field = draw(st.integers(0, 1))
        value: str | int = draw(st.sampled_from("ABC")) if field == 0 else draw(st.integers(1, 3))
        found.append((first, end, field, value))
    return found


def apply(
    timeline: Timeline[Value], correction: tuple[int, int | None, int, str | int]
) -> Timeline[Value]:
    first, end, field, value = correction

    def alter(old: Value) -> Value:
        return (str(value), old[1]) if field == 0 else (old[0], int(value))

    return change(timeline, day(first), None if end is None else day(end), alter)


def by_day(timeline: Timeline[Value]) -> list[Value | None]:
    spans = [at(timeline, day(number)) for number in range(DAYS + 10)]
    return [span and span.value for span in spans]


def assert_well_formed(timeline: Timeline[Value]) -> None:
    for span in timeline:
        assert span.until is None or span.since < span.until
    for left, right in pairwise(timeline):
        assert left.until is not None
        assert left.until <= right.since
        assert left.until < right.since or left.value != right.value


@given(corrections())
def test_corrections_in_any_order_do_what_they_do_day_by_day(
    steps: list[tuple[int, int | None, int, str | int]],
) -> None:
    timeline: Timeline[Value] = (Span(day(0), None, ("A", 1)),)
    days: list[Value | None] = [("A", 1)] * (DAYS + 10)
    for first, end, field, value in steps:
        timeline = apply(timeline, (first, end, field, value))
        for number in range(first, len(days) if end is None else end):
            owner, vcpu = days[number] or ("", 0)
            days[number] = (str(value), vcpu) if field == 0 else (owner, int(value))
        assert_well_formed(timeline)
        assert by_day(timeline) == days


@given(st.randoms(use_true_random=False), st.data())
def test_corrections_that_do_not_contradict_end_alike_in_any_order(
    random: Random, data: st.DataObject
) -> None:
    edges = sorted(data.draw(st.sets(st.integers(0, DAYS), min_size=2, max_size=8)))
    steps: list[tuple[int, int | None, int, str | int]] = []
    for first, end in pairwise(edges):
        for field in (0, 1):
            value: str | int = (
                data.draw(st.sampled_from("ABC")) if field == 0 else data.draw(st.integers(1, 3))
            )
            steps.append((first, end, field, value))
    original: Timeline[Value] = (Span(day(0), day(20), ("A", 1)), Span(day(20), None, ("B", 1)))
    ends = set()
    for _ in range(4):
        random.shuffle(steps)
        timeline = original
        for step in steps:
            timeline = apply(timeline, step)
        ends.add(timeline)
    assert len(ends) == 1


@given(corrections(), st.integers(0, DAYS), st.integers(1, DAYS))
def test_a_fitted_timeline_covers_its_interval_exactly(
    steps: list[tuple[int, int | None, int, str | int]], first: int, length: int
) -> None:
    timeline: Timeline[Value] = (Span(day(5), day(30), ("A", 1)),)
    for step in steps:
        timeline = apply(timeline, step)
    before = by_day(timeline)
    fitted = fit(timeline, day(first), day(first + length))
    assert_well_formed(fitted)
    assert fitted[0].since == day(first)
    assert fitted[-1].until == day(first + length)
    after = by_day(fitted)[: DAYS + 10]
    for number in range(first, min(first + length, DAYS + 10)):
        assert after[number] is not None
        if before[number] is not None:
            assert after[number] == before[number]


@given(corrections())
def test_differences_are_the_days_that_differ(
    steps: list[tuple[int, int | None, int, str | int]],
) -> None:
    before: Timeline[Value] = (Span(day(2), None, ("A", 1)),)
    after = before
    for step in steps:
        after = apply(after, step)
    found = differences(before, after, day(DAYS))
    for number in range(DAYS):
        inside = any(start <= day(number) < end for start, end in found)
        assert inside == (by_day(before)[number] != by_day(after)[number])
