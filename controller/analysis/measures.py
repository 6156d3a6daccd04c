"""A policy's tests on the figures: for each resource the value, whether it is known, whether it
passes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from controller.analysis.figures import (
    Bools,
    Figures,
    Floats,
    Pattern,
    Percentile,
    Share,
    TopMean,
)
from controller.analysis.patterns import weekly_hours
from controller.analysis.policy import (
    Condition,
    DaysTest,
    PatternTest,
    ShareTest,
    StateTest,
    StatisticTest,
    Test,
)
from controller.analysis.signals import COMPARISONS, PERCENTILES
from controller.analysis.states import detached_since

WHOLE_DAY_S = 86_400
FINE_S = 300


@dataclass(frozen=True)
class Measure:
    """Parallel to the subjects."""

    value: Floats
    """What the explanation shows: the figure, the days, the share …; NaN: not known."""
    passes: Bools
    known: Bools
    detail: Floats | None = None
    """Of a test on every day: the worst day's value."""


def measure(test: Test, figures: Figures, detached_tags: tuple[str, ...]) -> Measure:
    """The test on every subject; where its value is not known it does not pass."""
    match test:
        case StatisticTest():
            return _statistic(test, figures)
        case DaysTest():
            return _days(test, figures)
        case ShareTest():
            return _share(test, figures)
        case PatternTest():
            return _pattern(test, figures)
        case StateTest():
            return _state(test, figures, detached_tags)


def statistic(test: StatisticTest, figures: Figures) -> Floats:
    """The test's figure, NaN where nothing was measured."""
    name, window = test.condition.statistic, test.window_days
    signal = test.condition.signal
    if name in PERCENTILES:
        return figures.percentiles[Percentile(signal, PERCENTILES[name], window, test.bin_s)]
    if name == "top20_mean":
        return figures.tops[TopMean(signal, 0.2, window)]
    if name == "mean_of_daily_max":
        return mean_of_days(figures.by_day(signal, "max", window))
    return figures.mean(signal, window) if name == "mean" else figures.highest(signal, window)


def mean_of_days(values: Floats) -> Floats:
    """Of the days that have data; NaN of none."""
    known = ~np.isnan(values)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean: Floats = np.where(known, values, 0.0).sum(axis=1) / known.sum(axis=1)
    return mean


def needs_s(test: Test) -> int:
    """The coarsest interval on which the test still says what its rule means: a mean can be taken
    of daily means, a peak, a percentile or a share of the time cannot."""
    match test:
        case StatisticTest(condition=Condition(statistic="mean")):
            return WHOLE_DAY_S
        case DaysTest(conditions=conditions):
            peaks = any(each.statistic == "max" for each in conditions)
            return FINE_S if peaks else WHOLE_DAY_S
        case StateTest():
            return 1 << 40
        case _:
            return FINE_S


def signals_of(test: Test) -> tuple[str, ...]:
    """What must have been measured for it."""
    match test:
        case StatisticTest(condition=condition) | PatternTest(condition=condition):
            return (condition.signal,)
        case DaysTest(conditions=conditions) | ShareTest(conditions=conditions):
            return tuple(dict.fromkeys(each.signal for each in conditions))
        case StateTest():
            return ()


def _compare(condition: Condition, values: Floats) -> Bools:
    with np.errstate(invalid="ignore"):
        holds: Bools = COMPARISONS[condition.compare].holds(values, condition.threshold)
    return holds & ~np.isnan(values)


def _statistic(test: StatisticTest, figures: Figures) -> Measure:
    value = statistic(test, figures)
    return Measure(value, _compare(test.condition, value), ~np.isnan(value))


def _days(test: DaysTest, figures: Figures) -> Measure:
    looks = [
        (each, figures.by_day(each.signal, each.statistic, test.window_days))
        for each in test.conditions
    ]
    hits = np.logical_and.reduce([_compare(each, values) for each, values in looks])
    measured = np.logical_and.reduce([~np.isnan(values) for _, values in looks])
    days = hits.sum(axis=1).astype(np.float64)
    of = measured.sum(axis=1).astype(np.float64)
    known = of > 0
    wanted = np.full(len(days), float(test.days)) if test.days else of
    detail = None
    if not test.days and len(test.conditions) == 1:
        only = test.conditions[0]
        values = figures.by_day(only.signal, only.statistic, test.window_days)
        detail = _worst(values, low=COMPARISONS[only.compare].low)
    return Measure(np.where(known, days, np.nan), known & (days >= wanted), known, detail)


def _worst(values: Floats, *, low: bool) -> Floats:
    """The value of each row that is furthest from passing."""
    edge = -np.inf if low else np.inf
    filled = np.where(np.isnan(values), edge, values)
    worst: Floats = filled.max(axis=1) if low else filled.min(axis=1)
    return np.where(np.isinf(worst), np.nan, worst)


def _share(test: ShareTest, figures: Figures) -> Measure:
    holds, known = figures.shares[Share(test.conditions)]
    hit = holds[:, : test.window_days].sum(axis=1)
    of = known[:, : test.window_days].sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        share: Floats = np.where(of > 0, 100 * hit / of, np.nan)
    # In whole rows, not in a rounded share: 97 % of 4,032 rows is 3,911.04, so 3,912 pass.
    return Measure(share, (of > 0) & (100 * hit >= test.share_pct * of), of > 0)


def _pattern(test: PatternTest, figures: Figures) -> Measure:
    holds, known = figures.patterns[Pattern(test.condition, test.window_days)]
    found = weekly_hours(holds, known, test.share_pct)
    passes = (found.quiet >= test.hours_per_week) & (found.busy >= test.hours_per_week / 2)
    return Measure(found.quiet, passes & found.known, found.known)


def _state(test: StateTest, figures: Figures, detached_tags: tuple[str, ...]) -> Measure:
    """Days since it was detached; 0 for one that is attached, NaN where the day is not known."""
    days = np.zeros(len(figures))
    for index, subject in enumerate(figures.subjects):
        state = detached_since(subject.tags, detached_tags, figures.as_of_s)
        if state is not None:
            days[index] = state
    return Measure(days, days >= max(test.days, 1), ~np.isnan(days))
