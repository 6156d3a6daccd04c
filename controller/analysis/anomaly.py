"""Days that are unlike the days before: only ever a hint, never a verdict. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST_DAYS = 14
"""Fewer days before show no habit."""
MAD_TO_SIGMA = 1.4826
LEAST_SPREAD = 1.0
"""In the figure's unit: a machine that never moves is not unusual for moving by a hair."""


def unusual(days: Floats) -> tuple[Floats, Floats]:
    """(deviations of the newest day, the usual level), one a row of ``days`` (newest first, NaN: no
    data). A deviation is the distance from the median of the days before in their robust standard
    deviations, with its sign; NaN where there are too few days."""
    newest, before = days[:, 0], days[:, 1:]
    known = (~np.isnan(before)).sum(axis=1) >= LEAST_DAYS
    usual = np.full(len(days), np.nan)
    spread = np.full(len(days), np.nan)
    if known.any():
        chosen = before[known]
        usual[known] = np.nanmedian(chosen, axis=1)
        away = np.abs(chosen - usual[known][:, None])
        spread[known] = np.maximum(MAD_TO_SIGMA * np.nanmedian(away, axis=1), LEAST_SPREAD)
    deviation: Floats = (newest - usual) / spread
    return deviation, usual
