"""The figures that policies ask for, and the arrays in which they come.

Policies are read first and say what they need; the store computes the union in a few passes over
the rows; then every policy is judged on the same arrays. Days are whole 24 hours back from the
moment of judgement: day 0 is the last one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from controller.analysis.policy import (
    Condition,
    DaysTest,
    PatternTest,
    Policy,
    ShareTest,
    StatisticTest,
)
from controller.analysis.signals import PERCENTILES

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

DAY_S = 86_400
STEP_S = 300
WEEK_HOURS = 168
ALWAYS = ("cpu_used_pct", "mem_used_pct", "net_bytes_s")
"""Signals that guards and explanations look at, whatever the rule."""


class Percentile(NamedTuple):
    """Nearest-rank ``share`` of a signal's rows in the last ``days``; of maxima of ``bin_s``."""

    signal: str
    share: float
    days: int
    bin_s: int = 0


class TopMean(NamedTuple):
    """Mean of the highest ceil(share·n) rows of the last ``days``."""

    signal: str
    share: float
    days: int


class Share(NamedTuple):
    """Rows of each day in which every signal is known, and in which all conditions hold."""

    conditions: tuple[Condition, ...]


class Pattern(NamedTuple):
    """Hours of the last ``days`` by hour of the week, and those in which the condition holds."""

    condition: Condition
    days: int


@dataclass(frozen=True)
class Needs:
    """What some policies need of the store."""

    days: int
    """How many days back the daily figures reach."""
    daily: frozenset[str]
    """Signals with daily count, seconds, total and maximum."""
    shares: frozenset[Share]
    percentiles: frozenset[Percentile]
    tops: frozenset[TopMean]
    patterns: frozenset[Pattern]
    totals: frozenset[str] = frozenset()
    """Of ``daily`` those whose days' seconds and totals are asked for, besides their count."""
    highest: frozenset[str] = frozenset()
    """Of ``daily`` those whose days' maxima are."""


def needs_of(policies: Iterable[Policy], kind: str | None = None) -> Needs:  # noqa: PLR0912 -- a branch a kind of test
    """The union of what the policies need, the look-back before a release included; ``kind``: only
    of the rules on such resources."""
    days = 1
    daily: set[str] = set()
    shares: set[Share] = set()
    percentiles: set[Percentile] = set()
    tops: set[TopMean] = set()
    patterns: set[Pattern] = set()
    totals, highest = set(ALWAYS), set(ALWAYS)
    for policy in policies:
        guards = policy.guards
        days = max(days, guards.stopped_after_days + 1)
        for rule in policy.rules:
            if kind is not None and kind not in rule.objects:
                continue
            days = max(days, rule.window_days)
            if rule.action == "release":
                days = max(days, guards.look_back_days)
            # Whether a machine is off, busy at a month's end or was measured at all.
            daily |= set(ALWAYS)
            for test in (*rule.tests, *rule.fit):
                match test:
                    case StatisticTest(condition, window, bin_s):
                        daily.add(condition.signal)
                        if condition.statistic in PERCENTILES:
                            share = PERCENTILES[condition.statistic]
                            percentiles.add(Percentile(condition.signal, share, window, bin_s))
                        elif condition.statistic == "top20_mean":
                            tops.add(TopMean(condition.signal, 0.2, window))
                        elif condition.statistic == "mean":
                            totals.add(condition.signal)
                        else:
                            highest.add(condition.signal)
                    case DaysTest(conditions=conditions):
                        daily |= {each.signal for each in conditions}
                        peaks = {each.signal for each in conditions if each.statistic == "max"}
                        highest |= peaks
                        totals |= {e.signal for e in conditions if e.statistic != "max"}
                    case ShareTest(conditions=conditions):
                        daily |= {each.signal for each in conditions}
                        shares.add(Share(conditions))
                    case PatternTest(condition=condition, window_days=window):
                        daily.add(condition.signal)
                        patterns.add(Pattern(condition, window))
                    case _:
                        pass
    return Needs(
        days,
        frozenset(daily),
        frozenset(shares),
        frozenset(percentiles),
        frozenset(tops),
        frozenset(patterns),
        frozenset(totals),
        frozenset(highest),
    )


@dataclass(frozen=True)
class Subject:
    """What the register says of a resource at the moment of judgement."""

    resource: int
    kind: str
    created_s: int
    unit: int | None = None
    vcpu: float | None = None
    mem_bytes: float | None = None
    disk_bytes: float | None = None
    line_bytes_s: float | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Day:
    """A signal's days: arrays of (resources, days). Mean is total / seconds."""

    count: Floats
    seconds: Floats
    total: Floats
    """Sum of value times seconds."""
    highest: Floats
    """NaN on a day without data."""


@dataclass(frozen=True)
class Figures:
    """Parallel to ``subjects``. What was not computed is absent, what was not measured is NaN."""

    as_of_s: int
    subjects: list[Subject]
    days: int
    daily: dict[str, Day] = field(default_factory=dict)
    shares: dict[Share, tuple[Floats, Floats]] = field(default_factory=dict)
    """(rows in which all hold, rows in which all are known), (resources, days) each."""
    percentiles: dict[Percentile, Floats] = field(default_factory=dict)
    tops: dict[TopMean, Floats] = field(default_factory=dict)
    patterns: dict[Pattern, tuple[Floats, Floats]] = field(default_factory=dict)
    """(hours in which it holds, hours known), (resources, 168): Monday 0 h first, local time."""
    last_s: Floats = field(default_factory=lambda: np.zeros(0))
    """Start of the last row before the moment of judgement, however long ago; NaN: never any."""
    coarse_s: Floats = field(default_factory=lambda: np.zeros(0))
    """Longest interval of rows coarser than five minutes that speak, 0 where there are none."""
    coarse_rows: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    """(resources, days): how many of the rows counted are such rows spread over five minutes."""

    def __len__(self) -> int:
        return len(self.subjects)

    def mean(self, signal: str, days: int) -> Floats:
        """Of the last ``days``, each row counted by its seconds."""
        day = self.daily[signal]
        return _divide(day.total[:, :days].sum(axis=1), day.seconds[:, :days].sum(axis=1))

    def highest(self, signal: str, days: int) -> Floats:
        return _highest(self.daily[signal].highest[:, :days])

    def by_day(self, signal: str, statistic: str, days: int) -> Floats:
        """(resources, days): the signal's daily mean, max or total; NaN on a day without data."""
        day = self.daily[signal]
        if statistic == "max":
            return day.highest[:, :days]
        seconds, total = day.seconds[:, :days], day.total[:, :days]
        if statistic == "mean":
            return _divide(total, seconds)
        return np.where(seconds > 0, total, np.nan)

    def count(self, signal: str, days: int) -> Floats:
        """Rows of the last ``days`` that have the signal."""
        counted: Floats = self.daily[signal].count[:, :days].sum(axis=1)
        return counted

    def expected(self, days: int) -> Floats:
        """Rows that there should be in the last ``days``: since the resource was created."""
        created = np.array([subject.created_s for subject in self.subjects], np.float64)
        start = np.maximum(np.ceil(created / STEP_S) * STEP_S, self.as_of_s - days * DAY_S)
        rows: Floats = np.maximum(0.0, np.floor((self.as_of_s - start) / STEP_S))
        return rows


def _divide(above: Floats, below: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        quotient: Floats = np.where(below > 0, above / below, np.nan)
    return quotient


def _highest(values: Floats) -> Floats:
    filled = np.where(np.isnan(values), -np.inf, values).max(axis=1, initial=-np.inf)
    highest: Floats = np.where(np.isneginf(filled), np.nan, filled)
    return highest
