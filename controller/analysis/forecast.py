"""Forecasts of a series with trend, weekly and daily rhythm, an interval and its own back-test.

The model is statsmodels' damped exponential smoothing on what is left after a robust weekly profile
is taken out. It is not trusted: the newest days are held back, the forecast made from the days
before is compared with them and with naive ones, and where it is not better than those, or the
error is too large, nothing is forecast. The interval is as wide as the back-tests' own errors, not
as the model believes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DAY_HOURS = 24
WEEK_HOURS = 168
LEAST_WEEKS = 2
"""Fewer weeks show no rhythm."""
WORST_ERROR = 0.5
"""Back-test error, as a share of the series' own spread about its mean, above which we refuse."""
INTERVAL = 0.8
WIDENINGS = (1.0, 1.1, 1.2, 1.35, 1.5, 1.75, 2.0)
RECENT_WEEKS = 4
"""What lies further back says little of the present level."""


@dataclass(frozen=True)
class Forecast:
    """Hourly values of the hours after the series, and how far they can be trusted."""

    values: Floats
    low: Floats
    high: Floats
    error: float
    """Mean absolute error of the back-tests, in the series' unit."""
    naive_error: float
    """That of the best naive forecast on the same hours."""
    coverage_pct: float
    """Share of the back-tests' hours that lay within the interval."""
    changed: int | None
    """Hours before the end at which the level broke last, None where it did not."""


@dataclass(frozen=True)
class Refusal:
    """Why nothing is forecast, for readers."""

    zh: str
    en: str


def filled(series: Floats) -> Floats:
    """Gaps taken from the same hour a week (else a day) before, else after, else the median."""
    values = np.array(series, np.float64)
    for step in (WEEK_HOURS, DAY_HOURS, -WEEK_HOURS, -DAY_HOURS):
        holes = np.flatnonzero(np.isnan(values))
        # Forwards for what lies before, backwards for what lies after: filled values serve too.
        for at in holes if step > 0 else holes[::-1]:
            other = at - step
            if 0 <= other < len(values):
                values[at] = values[other]
    if np.isnan(values).any():
        known = values[~np.isnan(values)]
        values[np.isnan(values)] = np.median(known) if len(known) else 0.0
    return values


def last_break(series: Floats) -> int | None:
    """Hours before the end at which the daily level broke last; None where it did not.

    A break is a day from which on the level of a week lies off that of the week before by more
    than four times the days' usual deviation and a quarter of the level.
    """
    days = len(series) // DAY_HOURS
    if days < 10:
        return None
    level = np.median(series[-days * DAY_HOURS :].reshape(days, DAY_HOURS), axis=1)
    best, largest = None, 0.0
    for day in range(5, days - 4):
        before, after = level[max(0, day - 14) : day], level[day : day + 14]
        usual = 1.4826 * np.median(np.abs(before - np.median(before)))
        spread = 1.4826 * np.median(np.abs(after - np.median(after)))
        step = abs(float(np.median(level[day : day + 7]) - np.median(level[max(0, day - 7) : day])))
        large = 4 * max(usual, spread) + 0.25 * abs(float(np.median(before))) + 1e-9
        # Around a break several days look like one: it is where the step is sharpest.
        sharp = abs(float(level[day] - level[day - 1]))
        if step > large and step + sharp > largest:
            best, largest = (days - day) * DAY_HOURS, step + sharp
    return best


def naive_forecasts(series: Floats, hours: int) -> dict[str, Floats]:
    """The five that any forecast must beat, and the straight line."""
    week = series[-WEEK_HOURS:]
    day = series[-DAY_HOURS:]
    by_hour = week.reshape(7, DAY_HOURS).mean(axis=0)
    repeats = -(-hours // WEEK_HOURS)
    line = np.polyfit(np.arange(len(series)), series, 1)
    return {
        "last_value": np.full(hours, series[-1]),
        "mean_7d": np.full(hours, week.mean()),
        "seasonal_24h": np.tile(day, -(-hours // DAY_HOURS))[:hours],
        "seasonal_168h": np.tile(week, repeats)[:hours],
        "hour_of_day_mean_7d": np.tile(by_hour, repeats * 7)[:hours],
        "linear_regression": np.polyval(line, len(series) + np.arange(hours)),
    }


def predict(series: Floats, hours: int) -> Floats:
    """The next ``hours`` values of an hourly series without gaps, two weeks of it at least."""
    changed = last_break(series)
    used = series[-RECENT_WEEKS * WEEK_HOURS :]
    if changed is not None and changed >= 3 * DAY_HOURS:
        used = used[-changed:]
    profile = _profile(used)
    position = np.arange(len(used)) - len(used)
    rest = used - profile[position % WEEK_HOURS]
    drift = _drift(rest, hours)
    future = profile[np.arange(hours) % WEEK_HOURS] + drift
    low, high = float(np.min(series)), float(np.max(series))
    margin = 0.5 * (high - low)
    clipped: Floats = np.clip(
        future, max(0.0, low - margin) if low >= 0 else low - margin, high + margin
    )
    return clipped


def predict_scaled(series: Floats, hours: int) -> Floats:
    """``predict`` where the rhythm grows with the level, as traffic does: on logarithms."""
    least = 0.02 * float(np.mean(np.abs(series))) + 1e-9
    ahead = predict(np.log(np.maximum(series, 0.0) + least), hours)
    grown: Floats = np.maximum(np.exp(ahead) - least, 0.0)
    return grown


def _profile(used: Floats) -> Floats:
    """168 values, the next hour first: the median of each hour of the week, drawn towards that of
    the hour of the day where there are few weeks, since each holds noise of its own."""
    weeks = max(1, len(used) // WEEK_HOURS)
    days = len(used) // DAY_HOURS
    by_day = _centre(used[-days * DAY_HOURS :].reshape(days, DAY_HOURS))
    daily = np.tile(by_day, 7)
    if len(used) < WEEK_HOURS:
        return daily
    rows = used[-weeks * WEEK_HOURS :].reshape(weeks, WEEK_HOURS)
    by_week = _centre(rows)
    # What the weeks have in common beyond the day's rhythm, against what differs between them.
    noise = float(rows.var(axis=0).mean()) / weeks + 1e-12
    weight = 1.0 - min(1.0, noise / (float(np.mean((by_week - daily) ** 2)) + 1e-12))
    weight = max(weight, weeks / (weeks + 2.0))
    blended: Floats = weight * by_week + (1 - weight) * daily
    return blended


def _centre(rows: Floats) -> Floats:
    """The median: a burst of one week is not expected again."""
    middle: Floats = np.median(rows, axis=0)
    return middle


def _drift(rest: Floats, hours: int) -> Floats:
    """Where the level goes, by days: damped exponential smoothing of the days' medians."""
    from statsmodels.tsa.holtwinters import ExponentialSmoothing  # noqa: PLC0415 -- 1 s to import

    days = len(rest) // DAY_HOURS
    level = np.median(rest[-days * DAY_HOURS :].reshape(days, DAY_HOURS), axis=1)
    ahead = -(-hours // DAY_HOURS)
    if days < 6 or np.ptp(level) < 1e-9:
        return np.zeros(hours)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of convergence: the back-test judges the result
        fitted = ExponentialSmoothing(
            level, trend="add", damped_trend=True, initialization_method="estimated"
        ).fit()
        path = np.asarray(fitted.forecast(ahead), np.float64)
    if not np.isfinite(path).all():
        return np.zeros(hours)
    drift: Floats = _trust(level) * np.repeat(path, DAY_HOURS)[:hours]
    return drift


def _trust(level: Floats) -> float:
    """How much of a drift is followed: all of a straight climb, half of what is mostly noise."""
    day = np.arange(len(level), dtype=np.float64)
    together = float(np.corrcoef(day, level)[0, 1])
    return 0.5 + 0.5 * together * together


def forecast(
    series: Sequence[float] | Floats,
    hours: int,
    *,
    folds: int = 3,
    model: Callable[[Floats, int], Floats] = predict,
) -> Forecast | Refusal:
    """The next ``hours`` of an hourly series (NaN: gap), or why not. The back-test holds back
    ``folds`` stretches of up to a week, one day apart and more."""
    raw = np.asarray(series, np.float64)
    known = ~np.isnan(raw)
    if known.sum() < LEAST_WEEKS * WEEK_HOURS or len(raw) < (LEAST_WEEKS + 1) * WEEK_HOURS:
        return Refusal(
            f"历史不足 {LEAST_WEEKS + 1} 周，不作预测", f"under {LEAST_WEEKS + 1} weeks of history"
        )
    if known.mean() < 0.8:
        return Refusal("历史数据完整率低于 80 %，不作预测", "under 80 % of the history is there")
    values = filled(raw)
    tested = _back_test(values, min(hours, WEEK_HOURS), folds, model)
    spread = float(np.mean(np.abs(values - np.mean(values))))
    error, naive = tested.error, tested.naive
    if error > max(WORST_ERROR * spread * 2, 1e-9) and error > naive:
        return Refusal(
            f"回测误差 {error:.3g} 大于简单预测的 {naive:.3g}，不作预测",
            f"the back-test's error {error:.3g} is above a naive forecast's {naive:.3g}",
        )
    ahead = model(values, hours)
    low, high = _interval(tested.errors, ahead, tested.widened)
    return Forecast(ahead, low, high, error, naive, tested.coverage_pct, last_break(values))


@dataclass(frozen=True)
class _Tested:
    errors: Floats
    """(folds, hours): what was, less what was forecast."""
    error: float
    naive: float
    coverage_pct: float
    widened: float
    """Factor on the errors at which the folds held back lie within the others' interval."""


def _back_test(
    values: Floats, hours: int, folds: int, model: Callable[[Floats, int], Floats]
) -> _Tested:
    errors, naive = [], []
    room = len(values) - hours - LEAST_WEEKS * WEEK_HOURS
    step = max(DAY_HOURS, min(hours, room // max(1, folds - 1) if folds > 1 else hours))
    for fold in range(folds):
        end = len(values) - hours - fold * step
        if end < LEAST_WEEKS * WEEK_HOURS:
            break
        truth = values[end : end + hours]
        errors.append(truth - model(values[:end], hours))
        naive.append(
            {n: np.abs(truth - f).mean() for n, f in naive_forecasts(values[:end], hours).items()}
        )
    table = np.array(errors)
    best = min(float(np.mean([fold[name] for fold in naive])) for name in naive[0])
    inside, widened = 0.0, WIDENINGS[0]
    for widened in WIDENINGS:
        inside = _inside(table, widened)
        if inside >= INTERVAL:
            break
    return _Tested(table, float(np.abs(table).mean()), best, 100 * inside, widened)


def _inside(table: Floats, widened: float) -> float:
    """Share of each fold's hours within the interval made of the other folds' errors."""
    hits = []
    for held in range(len(table)):
        others = np.delete(table, held, axis=0) if len(table) > 1 else table
        low, high = _interval(others, np.zeros(table.shape[1]), widened)
        hits.append((table[held] >= low) & (table[held] <= high))
    return float(np.mean(np.concatenate(hits)))


def _interval(errors: Floats, around: Floats, widened: float) -> tuple[Floats, Floats]:
    """The middle 80 % of the back-tests' errors, wider the further ahead: the errors of each day
    ahead are pooled with those of the days beside it."""
    hours = len(around)
    days = -(-errors.shape[1] // DAY_HOURS)
    low, high = np.zeros(hours), np.zeros(hours)
    tail = (1 - INTERVAL) / 2
    for day in range(-(-hours // DAY_HOURS)):
        near = min(day, days - 1)
        first, last = max(0, near - 1) * DAY_HOURS, (near + 2) * DAY_HOURS
        pooled = errors[:, first:last].ravel()
        span = slice(day * DAY_HOURS, min(hours, (day + 1) * DAY_HOURS))
        below, above = np.quantile(pooled, (tail, 1 - tail))
        grown = np.sqrt(max(1.0, (day + 1) / days))
        low[span], high[span] = widened * below * grown, widened * above * grown
    # Back-tests that all erred to one side must not push the forecast out of its own interval.
    return around + np.minimum(low, 0.0), around + np.maximum(high, 0.0)


def hours_to(limit: float, found: Forecast) -> tuple[int | None, int | None, int | None]:
    """Hours until ``limit`` is reached by the forecast, and by the interval's high and low edge;
    None where it is not within the horizon."""

    def first(values: Floats) -> int | None:
        reached = np.flatnonzero(values >= limit)
        return int(reached[0]) if len(reached) else None

    return first(found.values), first(found.high), first(found.low)
