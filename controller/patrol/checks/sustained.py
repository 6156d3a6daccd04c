"""A figure that stays at or above a threshold for a while, from the five-minute rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from collectors.catalog import HOST
from controller.patrol.look import Found, Look, observe
from controller.patrol.plans import Check
from controller.store import statistics as st
from controller.store.rollup import closed_until
from controller.store.rollup_sql import window

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Streak:
    """The longest run of buckets of one resource at or above ``threshold``, epoch seconds."""

    threshold: float
    start: int
    end: int
    average: float
    peak: float

    @property
    def minutes(self) -> float:
        return (self.end - self.start) / 60


def sustained(look: Look, check: Check) -> Found:
    """Metric ``metric`` at or above a level for ``minutes`` on end within the last ``hours``."""
    metric = HOST.metric(str(check.parameters["metric"])).name
    end = closed_until(look.now)
    period = window("time", end - int(check.number("hours") * st.HOUR_S), end)
    known = look.runtime.samples.query(
        f"SELECT DISTINCT resource FROM {HOST.name}_5m "
        f"WHERE {period} AND instance = '' AND not isNaN({metric})"
    )
    judged = set(np.asarray(known.get("resource", []), np.int64).tolist()) & set(look.things)
    # Only rows at or above the mildest level travel: few, however large the fleet.
    hot = look.runtime.samples.query(
        f"SELECT resource, toInt64(toUnixTimestamp(time)) AS at, {metric} AS value "
        f"FROM {HOST.name}_5m FINAL WHERE {period} AND instance = '' AND {metric} >= "
        "{least:Float64} ORDER BY resource, at",
        {"least": check.mildest},
    )
    found = Found(
        judged=len(judged),
        unjudged={t.code for t in look.things.values() if t.measured and t.id not in judged},
    )
    least_s = int(check.number("minutes") * 60)
    for number, streaks in longest(
        np.asarray(hot.get("resource", []), np.int64),
        np.asarray(hot.get("at", []), np.int64),
        np.asarray(hot.get("value", []), np.float64),
        [level.at for level in check.levels],
        least_s,
    ).items():
        thing = look.things.get(number)
        if thing is None:
            continue
        streak = streaks[-1]
        severity = check.level(streak.threshold)
        if severity:
            found.seen.append(
                observe(
                    check,
                    severity,
                    ("resource", thing.code),
                    {
                        "threshold": streak.threshold,
                        "minutes": streak.minutes,
                        "average_pct": round(streak.average, 1),
                        "peak_pct": round(streak.peak, 1),
                        "from": _iso(streak.start),
                        "to": _iso(streak.end),
                    },
                    unit_id=thing.unit_id,
                    name=thing.name,
                )
            )
    return found


def longest(
    resource: Ints, at: Ints, value: Floats, thresholds: list[float], least_s: int
) -> dict[int, list[Streak]]:
    """By resource, for each threshold that it kept for ``least_s``, its longest streak.

    ``resource`` and ``at`` (bucket starts, epoch seconds) are sorted together. A bucket without a
    row ends a streak. Thresholds ascend, so do the answer's.
    """
    found: dict[int, list[Streak]] = {}
    for threshold in thresholds:
        keep = value >= threshold
        who, when, what = resource[keep], at[keep], value[keep]
        if not len(who):
            continue
        first = np.ones(len(who), bool)
        first[1:] = (np.diff(who) != 0) | (np.diff(when) != st.BUCKET_S)
        starts = np.flatnonzero(first)
        ends = np.append(starts[1:], len(who))
        lengths = (ends - starts) * st.BUCKET_S
        best: dict[int, int] = {}
        for index in np.flatnonzero(lengths >= least_s).tolist():
            number = int(who[starts[index]])
            if number not in best or lengths[index] >= lengths[best[number]]:
                best[number] = index  # of equals the latest
        for number, index in best.items():
            part = what[starts[index] : ends[index]]
            begin = int(when[starts[index]])
            found.setdefault(number, []).append(
                Streak(
                    threshold,
                    begin,
                    begin + int(lengths[index]),
                    float(part.mean()),
                    float(part.max()),
                )
            )
    return found


def _iso(epoch_s: int) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).isoformat()
