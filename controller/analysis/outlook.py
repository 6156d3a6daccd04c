"""When something that fills up reaches its limit, with an interval, or why nothing is said.

Pure. What only piles up (disks, allocations) is a robust line through daily figures; what follows
people's days and weeks (load, traffic) is the seasonal forecast. Both test themselves on the newest
days, and a bad test is a refusal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from controller.analysis.forecast import (
    DAY_HOURS,
    Forecast,
    Refusal,
    forecast,
    hours_to,
    predict_scaled,
)
from controller.analysis.trend import SAME_SIZE, fill, slope_of

Floats = NDArray[np.float64]

STATES = ("over", "reaches", "steady", "refused")
"""Beyond the limit already; reaches it within the horizon; does not; not forecast."""

TREND_DAYS = 365
"""How far a line is carried on."""
SEASON_DAYS = 56
"""How far a seasonal forecast is: its interval grows with every week."""
LEAST_DAYS, HELD_BACK = 14, 5
WORST_ERROR, WORST_STEPS = 0.02, 0.05
"""Of the size: a line that missed the days held back by more is refused. What is given out goes up
in steps and may err by more."""


@dataclass(frozen=True)
class Outlook:
    """``days`` until the limit, ``low`` and ``high`` of its interval; None: beyond the horizon.

    ``error_pct``: mean absolute error of the back-test as a share of the limit.
    """

    state: str
    now: float
    limit: float
    days: float | None = None
    low: float | None = None
    high: float | None = None
    growth: float | None = None
    """A week, in the figure's unit."""
    error_pct: float | None = None
    reason_zh: str = ""
    reason_en: str = ""


@dataclass(frozen=True)
class Path:
    """What lies ahead, step by step after the series, for a picture."""

    values: Floats
    low: Floats
    high: Floats


def piling_up(day: Floats, used: Floats, limit: Floats, worst: float = WORST_ERROR) -> Outlook:
    """Of daily figures in ascending days; ``limit`` is each day's. NaN: not known."""
    keep = ~(np.isnan(used) | np.isnan(limit)) & (limit > 0)
    day, used, limit = day[keep], used[keep], limit[keep]
    if not len(day):
        return _refused(np.nan, np.nan, "没有数据", "no data")
    now, top = float(used[-1]), float(limit[-1])
    if now >= top:
        return Outlook("over", now, top, 0.0, 0.0, 0.0, reason_zh="已达上限", reason_en="full")
    changed = np.flatnonzero(np.abs(limit / limit[-1] - 1) > SAME_SIZE)
    same = len(day) - (int(changed[-1]) + 1 if len(changed) else 0)
    if same < LEAST_DAYS:
        return _refused(
            now, top,
            f"总量不变的历史只有 {same} 天，不足 {LEAST_DAYS} 天",
            f"only {same} days with this limit, {LEAST_DAYS} are needed",
        )  # fmt: skip
    line = fill(day, used, limit, least_days=LEAST_DAYS, held_back=HELD_BACK)
    if line is None:
        return Outlook("steady", now, top, reason_zh="没有持续增长", reason_en="no steady growth")
    error = 100 * line.error
    if line.error > worst:
        return _refused(
            now, top,
            f"回测误差 {error:.1f} % 超过总量的 {100 * worst:g} %，不作预测",
            f"the back-test's error is {error:.1f} % of the limit, over {100 * worst:g} %",
            error,
        )  # fmt: skip
    reaches = line.days <= TREND_DAYS
    # Not only the slope is uncertain: the line misses the days themselves by as much as it did.
    left, missed = top - now, line.error * top
    low, high = line.low * max(0.0, left - missed) / left, line.high * (left + missed) / left
    return Outlook(
        "reaches" if reaches else "steady",
        now,
        top,
        line.days if reaches else None,
        low if low <= TREND_DAYS else None,
        high if high <= TREND_DAYS else None,
        7 * line.slope,
        error,
        "" if reaches else f"{TREND_DAYS} 天内不会达到上限",
        "" if reaches else f"not within {TREND_DAYS} days",
    )


def seasonal(hours: Floats, limit: float) -> tuple[Outlook, Path | None]:
    """Of an hourly series (NaN: gap) against ``limit``, and its path where there is a forecast."""
    known = hours[~np.isnan(hours)]
    if not len(known):
        return _refused(np.nan, limit, "没有数据", "no data"), None
    week = hours[-7 * DAY_HOURS :]
    lately = week[~np.isnan(week)]
    now = float(np.quantile(lately, 0.95)) if len(lately) else float(known[-1])
    found = _better(hours)
    if isinstance(found, Refusal):
        return _refused(now, limit, found.zh, found.en), None
    path = Path(found.values, found.low, found.high)
    error = 100 * found.error / limit if limit > 0 else None
    growth = _growth(found)
    if now >= limit:
        return (
            Outlook(
                "over", now, limit, 0.0, 0.0, 0.0, growth, error,
                "近 7 天繁忙时段（P95）已达上限", "the last week's P95 has reached it",
            ),
            path,
        )  # fmt: skip
    when, soonest, latest = (
        None if each is None else each / DAY_HOURS for each in hours_to(limit, found)
    )
    state = "reaches" if when is not None else "steady"
    return (
        Outlook(
            state, now, limit, when, soonest, latest, growth, error,
            "" if when is not None else f"{SEASON_DAYS} 天内预计不会达到上限",
            "" if when is not None else f"not within {SEASON_DAYS} days",
        ),
        path,
    )  # fmt: skip


def far_from(hours: Floats, limit: float) -> bool:
    """Whether even the steepest climb of the daily P95 that is likely stays below ``limit`` for the
    horizon: such a series needs no forecast, which takes some half a second."""
    days = len(hours) // DAY_HOURS
    if days < LEAST_DAYS:
        return False
    table = hours[-days * DAY_HOURS :].reshape(days, DAY_HOURS)
    known = ~np.isnan(table).all(axis=1)
    if known.sum() < LEAST_DAYS:
        return False
    busy = np.nanquantile(table[known], 0.95, axis=1)
    _middle, _low, steepest = slope_of(np.flatnonzero(known).astype(np.float64), busy)
    return float(busy[-7:].max()) + max(0.0, steepest) * SEASON_DAYS < limit


def line_ahead(
    day: Floats, used: Floats, limit: Floats, ahead: int, worst: float = WORST_ERROR
) -> Path | None:
    """The line of ``piling_up`` carried on for ``ahead`` days; None where there is none."""
    keep = ~(np.isnan(used) | np.isnan(limit)) & (limit > 0)
    day, used, limit = day[keep], used[keep], limit[keep]
    line = fill(day, used, limit, least_days=LEAST_DAYS, held_back=HELD_BACK)
    if line is None or line.error > worst:
        return None
    steps, left = np.arange(1, ahead + 1), max(0.0, float(limit[-1] - used[-1]))
    slow = left / line.high if line.high > 0 else 0.0
    fast = left / line.low if line.low > 0 else line.slope
    start = float(used[-1])
    rates = (line.slope, slow, fast)
    middle, low, high = (np.asarray(start + steps * rate, np.float64) for rate in rates)
    missed = line.error * float(limit[-1])
    return Path(middle, low - missed, high + missed)


def _better(hours: Floats) -> Forecast | Refusal:
    """The rhythm added to the level or growing with it, whichever erred less in the back-test."""
    plain = forecast(hours, SEASON_DAYS * DAY_HOURS)
    if isinstance(plain, Refusal) or np.nanmin(hours) < 0:
        return plain
    scaled = forecast(hours, SEASON_DAYS * DAY_HOURS, model=predict_scaled)
    if isinstance(scaled, Refusal) or scaled.error >= plain.error:
        return plain
    return scaled


def _growth(found: Forecast) -> float:
    """Change of the level in a week: the forecast's last week against its first."""
    week = 7 * DAY_HOURS
    weeks = max(1, len(found.values) // week - 1)
    return float(found.values[-week:].mean() - found.values[:week].mean()) / weeks


def _refused(now: float, limit: float, zh: str, en: str, error_pct: float | None = None) -> Outlook:
    return Outlook("refused", now, limit, error_pct=error_pct, reason_zh=zh, reason_en=en)
