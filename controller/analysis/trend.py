"""When a disk will be full: a robust line through its daily figures, an interval, or a refusal.

Pure. The slope is Theil and Sen's median of all pairwise slopes, its interval Sen's of 80 %: a
clean-up or a burst of one day does not turn the line. A line that would have been wrong on the
last days (``error``) is refused: clean-ups that come again and again have no date of being full.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

Z_80 = 1.2816
"""Of the normal distribution: 80 % lie within."""
SAME_SIZE = 0.01
"""A size that differs by more was enlarged or shrunk: the days before say nothing."""


@dataclass(frozen=True)
class Fill:
    """Days from the last day's figure until full. ``low`` and ``high`` bound it at 80 %.
    ``error``: mean absolute error on the days
    held back, as a share of the size."""

    days: float
    low: float
    high: float
    slope: float
    """Bytes a day."""
    error: float
    seen: int


def fill(
    day: Floats, used: Floats, size: Floats, *, least_days: int, held_back: int
) -> Fill | None:
    """None where there are too few days of one size, or the use does not grow.

    ``day`` ascends; ``used`` and ``size`` are that day's figures in bytes.
    """
    keep = ~(np.isnan(used) | np.isnan(size)) & (size > 0)
    day, used, size = day[keep], used[keep], size[keep]
    if not len(day):
        return None
    other = np.flatnonzero(np.abs(size / size[-1] - 1) > SAME_SIZE)
    if len(other):
        day, used, size = (each[other[-1] + 1 :] for each in (day, used, size))
    if len(day) < max(least_days, held_back + 3):
        return None
    slope, low, high = slope_of(day, used)
    if slope <= 0 or low <= 0:
        return None
    left = max(0.0, float(size[-1] - used[-1]))
    before = day[:-held_back], used[:-held_back]
    guess, _, _ = slope_of(*before)
    start = float(np.median(before[1] - guess * before[0]))
    error = np.abs(start + guess * day[-held_back:] - used[-held_back:]) / size[-1]
    return Fill(
        days=left / slope,
        low=left / high,
        high=left / low,
        slope=slope,
        error=float(error.mean()),
        seen=len(day),
    )


def slope_of(day: Floats, used: Floats) -> tuple[float, float, float]:
    """Median slope and the 80 % interval around it (Sen 1968), each in ``used`` a day."""
    first, second = np.triu_indices(len(day), 1)
    slopes = np.sort((used[second] - used[first]) / (day[second] - day[first]))
    n, pairs = len(day), len(slopes)
    width = Z_80 * np.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    lower = int(max(0, np.floor((pairs - width) / 2)))
    upper = int(min(pairs - 1, np.ceil((pairs + width) / 2)))
    return float(np.median(slopes)), float(slopes[lower]), float(slopes[upper])
