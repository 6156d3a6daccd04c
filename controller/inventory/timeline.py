"""Intervals of what held when: pure, over any value.

A timeline is a sequence of spans [since, until) in order of time that do not overlap; two spans
that touch differ in value. So a timeline is determined by what held at each moment, and changes
that do not contradict each other end in the same timeline in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Span(Generic[T]):
    """``value`` holds during [since, until); ``until`` None is an open end."""

    since: datetime
    until: datetime | None
    value: T

    def holds(self, at: datetime) -> bool:
        return self.since <= at and (self.until is None or at < self.until)


Timeline = tuple[Span[T], ...]


def change(
    timeline: Sequence[Span[T]],
    since: datetime,
    until: datetime | None,
    alter: Callable[[T], T],
) -> Timeline[T]:
    """``timeline`` with ``alter`` applied to what held during [since, until).

    Nothing begins to hold where nothing held before.
    """
    pieces: list[Span[T]] = []
    for span in timeline:
        start = max(span.since, since)
        end = earlier(span.until, until)
        if end is not None and start >= end:
            pieces.append(span)
            continue
        if span.since < start:
            pieces.append(Span(span.since, start, span.value))
        pieces.append(Span(start, end, alter(span.value)))
        if end is not None and (span.until is None or end < span.until):
            pieces.append(Span(end, span.until, span.value))
    return joined(pieces)


def fit(timeline: Sequence[Span[T]], since: datetime, until: datetime | None) -> Timeline[T]:
    """``timeline`` made to cover exactly [since, until): cut at both ends, or its first and last
    values stretched. Empty only if ``timeline`` or the interval is."""
    kept = [
        Span(max(span.since, since), earlier(span.until, until), span.value)
        for span in timeline
        if (span.until is None or span.until > since) and (until is None or span.since < until)
    ]
    if until is not None and since >= until:
        return ()
    if not kept and timeline:
        # All of it lies before or after the interval: the nearest value stands for it.
        before = [span for span in timeline if span.since < since]
        nearest = before[-1] if before else timeline[0]
        return (Span(since, until, nearest.value),)
    if kept:
        kept[0] = Span(since, kept[0].until, kept[0].value)
        kept[-1] = Span(kept[-1].since, until, kept[-1].value)
    return joined(kept)


def joined(spans: Iterable[Span[T]]) -> Timeline[T]:
    """Spans in order of time with equal neighbours that touch made one."""
    result: list[Span[T]] = []
    for span in spans:
        if result and result[-1].until == span.since and result[-1].value == span.value:
            result[-1] = Span(result[-1].since, span.until, span.value)
        else:
            result.append(span)
    return tuple(result)


def at(timeline: Sequence[Span[T]], moment: datetime) -> Span[T] | None:
    """The span that holds ``moment``."""
    return next((span for span in timeline if span.holds(moment)), None)


def nearest(timeline: Sequence[Span[T]], moment: datetime) -> Span[T] | None:
    """The span that holds ``moment``, else the last before it, else the first."""
    begun = [span for span in timeline if span.since <= moment]
    return begun[-1] if begun else next(iter(timeline), None)


def differences(
    before: Sequence[Span[T]], after: Sequence[Span[T]], until: datetime
) -> list[tuple[datetime, datetime]]:
    """Intervals before ``until`` during which the two timelines say different things."""
    edges = {until}
    for span in (*before, *after):
        edges.update(edge for edge in (span.since, span.until) if edge and edge < until)
    moments = sorted(edges)
    found: list[tuple[datetime, datetime]] = []
    for start, end in pairwise(moments):
        was, now = at(before, start), at(after, start)
        if (was and was.value) == (now and now.value):
            continue
        if found and found[-1][1] == start:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found


def row_changes(
    before: Sequence[Span[T]], after: Sequence[Span[T]]
) -> tuple[list[datetime], list[Span[T]], list[Span[T]]]:
    """What must happen to stored spans: starts to delete, spans to update in place, spans to add.

    A start identifies its row. Delete first, then update, then add, and no two rows ever have
    the same start.
    """
    old = {span.since: span for span in before}
    starts = {span.since for span in after}
    gone = [since for since in old if since not in starts]
    changed = [span for span in after if span.since in old and old[span.since] != span]
    added = [span for span in after if span.since not in old]
    return gone, changed, added


def earlier(first: datetime | None, second: datetime | None) -> datetime | None:
    """The earlier of two ends; None is never."""
    if first is None or second is None:
        return second if first is None else first
    return min(first, second)
