"""When to measure: ticks on the wall clock's grid, and which times may still be used.

Everything here is arithmetic on times handed in; nothing sleeps and nothing reads a clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from collectors.records import Reading

SNAP_MS = 1_500
"""A tick this close to the grid is taken as on it."""

SLACK_MS = 1_000
"""Rows may overlap by this much (at most a quarter of the interval) where NTP slews the clock;
their keys still differ."""

LONGEST_STRETCH = 5
"""A row that covers more intervals than this (suspended, stopped) is a gap, not an average."""

PARTS_STRETCH_S = 1_800.0
"""The same for rows of instances, which come every five minutes."""

JUMP_MS = 300_000
"""The wall clock leaving the monotonic one by more in one tick: a jump, or a resumed snapshot."""

EARLIEST_MS = 1_735_689_600_000
"""2025-01-01. An earlier clock is plainly wrong (1970 at boot), whatever was measured before."""

MOST_ERAS = 16


class Due(NamedTuple):
    """What is due now, and how long to sleep until the next thing is."""

    tick: bool
    subsample: bool
    missed: int
    """Whole intervals that went by without a tick since the last one."""
    sleep_s: float


class Ticks:
    """A grid of ``interval_s`` on the wall clock, sub-samples of ``subsample_s`` between.

    The next boundary is worked out anew from the wall clock each time, so nothing drifts; each
    boundary fires once however late it is seen, so nothing piles up. Elapsed time is monotonic.
    """

    def __init__(self, interval_s: float, subsample_s: float, wall: float, monotonic: float):
        self.interval_s = interval_s
        self.subsample_s = subsample_s
        self._last_tick = monotonic
        self._aim(wall, monotonic)

    def due(self, wall: float, monotonic: float) -> Due:
        """What is due at this instant; sleeps at most ``subsample_s`` and never under zero."""
        tick = monotonic >= self._tick_at
        subsample = monotonic >= self._subsample_at
        missed = 0
        if tick:
            missed = max(0, round((monotonic - self._last_tick) / self.interval_s) - 1)
            self._last_tick = monotonic
        if tick or subsample:
            self._aim(wall, monotonic)
        return Due(tick, subsample, missed, self._sleep(monotonic))

    def _aim(self, wall: float, monotonic: float) -> None:
        self._tick_at = monotonic + _until(wall, self.interval_s)
        self._subsample_at = monotonic + _until(wall, self.subsample_s)

    def _sleep(self, monotonic: float) -> float:
        return max(0.0, min(self._tick_at, self._subsample_at) - monotonic)


def _until(wall: float, period: float) -> float:
    """Seconds to the next multiple of ``period``; a hair before one counts as being on it."""
    left = period - wall % period
    return left if left > period * 0.02 else left + period


class Eras:
    """The stretches of time that rows were already made for; none is ever used twice.

    An era is a run of the clock forwards: [first, last) in ms. A clock that steps back starts a
    new one, provided it does not land inside an old one; there the agent waits until the clock
    has left it. So a day's jump forward and back costs nothing, and a day's jump back is a wait.
    """

    def __init__(self, spans: Iterable[tuple[int, int]] = (), interval_s: float = 60.0) -> None:
        self._slack = min(SLACK_MS, round(interval_s * 250))
        self.spans = [(int(first), int(last)) for first, last in spans]

    def admits(self, start_ms: int, end_ms: int) -> bool:
        """Whether a row may cover [start, end): it meets no era, and the clock can be right."""
        if start_ms < EARLIEST_MS:
            return False
        return not any(
            start_ms < last - self._slack and first < end_ms - self._slack
            for first, last in self.spans
        )

    def use(self, start_ms: int, end_ms: int) -> None:
        """Marks [start, end) as used; a start shortly after the current era prolongs it."""
        if self.spans:
            first, last = self.spans[-1]
            if last - self._slack <= start_ms <= last + JUMP_MS:
                self.spans[-1] = (first, max(last, end_ms))
                return
        *older, current = [*self.spans, (start_ms, end_ms)]
        if len(older) >= MOST_ERAS:
            older.sort()
            # The two oldest become one: times between them are given up, never used twice.
            older[:2] = [(older[0][0], max(older[0][1], older[1][1]))]
        self.spans = [*older, current]


class ClockWatch:
    """Notices the wall clock leaving the monotonic one; steps are reported in seconds."""

    def __init__(self, wall: float, monotonic: float) -> None:
        self._wall, self._monotonic = wall, monotonic

    def step_s(self, wall: float, monotonic: float) -> float:
        """How far the wall clock stepped since the last call: 0 while both run alike."""
        step = (wall - self._wall) - (monotonic - self._monotonic)
        self._wall, self._monotonic = wall, monotonic
        return step


def nominal_ms(wall: float, interval_s: float) -> int:
    """``wall`` in ms, put on the interval's grid if it is at most SNAP_MS off.

    So rows start on whole minutes, and a tick a few ms early does not fall into the bucket before.
    """
    exact, grid = round(wall * 1000), round(interval_s * 1000)
    nearest = (exact + grid // 2) // grid * grid
    return nearest if abs(exact - nearest) <= min(SNAP_MS, grid // 4) else exact


def usable(readings: list[Reading], eras: dict[str, Eras], interval_s: float) -> list[Reading]:
    """The readings whose time was not used before and that are no longer than a stretch.

    Rows of the whole host and of its parts come at different intervals: each has its own eras.
    What is admitted is marked as used.
    """
    kept = []
    for kind, longest in (("host", interval_s * LONGEST_STRETCH), ("parts", PARTS_STRETCH_S)):
        known = eras[kind]
        admitted = [
            r
            for r in readings
            if (kind == "host") == (r.instance == "")
            and 0 < r.interval_s <= longest
            and known.admits(r.time_ms, r.time_ms + round(r.interval_s * 1000))
        ]
        if admitted:
            first = min(r.time_ms for r in admitted)
            last = max(r.time_ms + round(r.interval_s * 1000) for r in admitted)
            known.use(first, last)
        kept += admitted
    return kept
