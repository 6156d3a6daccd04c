"""Nights and weekends: hours of the week in which a machine is regularly not needed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from controller.analysis.figures import WEEK_HOURS, Bools, Floats

LEAST_WEEKS = 3
"""A pattern is one only when it came back at least twice."""
DAY_HOURS = 24


@dataclass(frozen=True)
class Weekly:
    """Parallel to the resources: hours of the week that are regularly quiet, or not."""

    quiet: Floats
    busy: Floats
    known: Bools
    which: Bools
    """(resources, 168): the quiet hours."""


def weekly_hours(holds: Floats, known: Floats, share_pct: float) -> Weekly:
    """An hour of the week is quiet where the condition held in ``share_pct`` of the weeks it was
    measured in. ``known``: enough weeks were measured in all 168 hours."""
    quiet = (known >= LEAST_WEEKS) & (100 * holds >= share_pct * known)
    enough = (known >= LEAST_WEEKS).sum(axis=1) == WEEK_HOURS
    return Weekly(
        quiet.sum(axis=1).astype(np.float64),
        (~quiet).sum(axis=1).astype(np.float64),
        enough,
        quiet,
    )


def in_words(quiet: Bools) -> tuple[str, str]:
    """The 168 hours of one machine as people say it: what can be switched off, zh and en."""
    grid = quiet.reshape(7, DAY_HOURS)
    parts: list[tuple[str, str]] = []
    nights = _stretch(np.asarray(grid[:5].all(axis=0)))
    if nights:
        first, last = nights
        parts.append(
            (
                f"工作日 {first:02d}:00–{last:02d}:00",
                f"working days {first:02d}:00–{last:02d}:00",
            )
        )
    weekend = grid[5:].mean()
    if weekend == 1.0:
        parts.append(("周末全天", "all weekend"))
    elif weekend >= 0.5:
        parts.append(("周末部分时段", "part of the weekend"))
    if not parts:
        hours = int(quiet.sum())
        return f"每周 {hours} 小时", f"{hours} hours a week"
    return "、".join(zh for zh, _ in parts), " and ".join(en for _, en in parts)


def _stretch(hours: Bools) -> tuple[int, int] | None:
    """The longest run of hours around the clock as (first hour, hour after the last)."""
    if hours.all():
        return 0, 24
    best: tuple[int, int] = (0, 0)
    for start in range(DAY_HOURS):
        length = 0
        while length < DAY_HOURS and hours[(start + length) % DAY_HOURS]:
            length += 1
        if length > best[1]:
            best = (start, length)
    return (best[0], (best[0] + best[1]) % DAY_HOURS) if best[1] else None
