"""Machines whose last day was unlike the four weeks before: a hint to look, not a fault."""

from __future__ import annotations

import numpy as np

from collectors.catalog import HOST
from controller.analysis.anomaly import unusual
from controller.patrol.look import Found, Look, observe
from controller.patrol.plans import Check
from controller.store import statistics as st
from controller.store.rollup import closed_until
from controller.store.rollup_sql import window


def day(look: Look, check: Check) -> Found:
    """The mean of the last 24 hours against the days before, in robust standard deviations; under
    ``least_points`` of difference nothing is said, however steady the machine."""
    metric = HOST.metric(str(check.parameters["metric"])).name
    days = int(check.number("days"))
    end = closed_until(look.now) // st.HOUR_S * st.HOUR_S
    start = end - (days + 1) * st.DAY_S
    answer = look.runtime.samples.query(
        f"SELECT resource, intDiv({end - 1} - toUnixTimestamp(time), {st.DAY_S}) AS back, "
        f"avg({metric}) AS mean FROM {HOST.name}_1h FINAL WHERE {window('time', start, end)} "
        f"AND instance = '' AND not isNaN({metric}) GROUP BY resource, back"
    )
    things = {number: place for place, number in enumerate(look.things)}
    table = np.full((len(things), days + 1), np.nan)
    numbers = np.asarray(answer.get("resource", []), np.int64).tolist()
    backs = np.asarray(answer.get("back", []), np.int64).tolist()
    means = np.asarray(answer.get("mean", []), np.float64).tolist()
    for number, back, mean in zip(numbers, backs, means, strict=True):
        if number in things and 0 <= back <= days:
            table[things[number], back] = mean
    deviation, usual = unusual(table)
    found = Found()
    for number, place in things.items():
        thing, value = look.things[number], float(deviation[place])
        if np.isnan(value):
            if thing.measured:
                found.unjudged.add(thing.code)
            continue
        found.judged += 1
        today, level = float(table[place, 0]), float(usual[place])
        severity = check.level(abs(value))
        if severity and abs(today - level) >= check.number("least_points"):
            evidence = {
                "deviation": round(value, 1),
                "today": round(today, 1),
                "usual": round(level, 1),
                "days": days,
            }
            found.seen.append(
                observe(
                    check, severity, ("resource", thing.code), evidence, unit_id=thing.unit_id,
                    name=thing.name,
                )
            )  # fmt: skip
    found.applies = found.judged > 0
    return found
