"""File systems: how full they are, and when they will be."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from collectors.catalog import HOST
from controller.analysis.trend import fill
from controller.findings.model import Subject
from controller.patrol.look import Found, Look, Thing, observe
from controller.patrol.plans import Check
from controller.store import statistics as st
from controller.store.rollup import closed_until
from controller.store.rollup_sql import window

GIB = float(1 << 30)

ONLY_FILE_SYSTEMS = "(instance = '' OR startsWith(instance, 'fs:'))"
"""The whole host stands for its disks where nobody tells its file systems apart (platforms)."""


class _Place(NamedTuple):
    """A resource's file system; ``mount`` "" is all of the host's."""

    thing: Thing
    mount: str

    @property
    def subject(self) -> Subject:
        if not self.mount:
            return ("resource", self.thing.code)
        return ("filesystem", f"{self.thing.code}:{self.mount}")

    @property
    def shown(self) -> tuple[str, str]:
        return (self.mount, self.mount) if self.mount else ("存储", "The storage")

    @property
    def words(self) -> str:
        return f"{self.thing.name} {self.mount}".strip()


def level(look: Look, check: Check) -> Found:
    """The newest figure of each file system against the levels."""
    metric = HOST.metric(str(check.parameters["metric"])).name
    end = closed_until(look.now)
    start = end - int(check.number("fresh_hours") * st.HOUR_S)
    answer = look.runtime.samples.query(
        f"SELECT resource, instance, argMax({metric}, time) AS used_pct, "
        "argMax(disk_total_bytes - disk_used_bytes, time) AS free "
        f"FROM {HOST.name}_5m FINAL WHERE {window('time', start, end)} "
        f"AND {ONLY_FILE_SYSTEMS} AND not isNaN({metric}) GROUP BY resource, instance"
    )
    rows = _rows(answer, ("used_pct", "free"))
    found = _found(look, {number for number, _, _ in rows})
    apart = {number for number, mount, _ in rows if mount}
    for number, mount, figures in rows:
        thing = look.things.get(number)
        if thing is None or (not mount and number in apart):
            continue
        found.judged += 1
        severity = check.level(figures["used_pct"])
        if severity:
            place = _Place(thing, mount)
            free = figures["free"]
            found.seen.append(
                observe(
                    check,
                    severity,
                    place.subject,
                    {
                        "used_pct": round(figures["used_pct"], 1),
                        "free_gib": None if np.isnan(free) else round(free / GIB, 1),
                        "mount": mount,
                        "resource": thing.code,
                    },
                    unit_id=thing.unit_id,
                    name=place.words,
                    words={
                        "mount": place.shown,
                        "free_gib": 0.0 if np.isnan(free) else free / GIB,
                    },
                )
            )
    return found


def forecast(look: Look, check: Check) -> Found:
    """Days to full of each file system that grows and is more than ``from_used_pct`` full.

    Judged are those with enough days; refused ones (the line did not hold on the last days) are
    counted in the note and keep their findings.
    """
    end = closed_until(look.now)
    start = end - int(check.number("days") * st.DAY_S)
    zone = look.runtime.settings.timezone
    period = window("time", start, end)
    # Two passes: few file systems are so full that their past has to travel.
    answer = look.runtime.samples.query(
        f"SELECT resource, instance, toRelativeDayNum(time, {{zone:String}}) AS day, "
        "avg(disk_used_bytes) AS used, argMax(disk_total_bytes, time) AS size "
        f"FROM {HOST.name}_1h FINAL WHERE {period} AND (resource, instance) IN ("
        f"SELECT resource, instance FROM {HOST.name}_1h FINAL "
        f"WHERE {window('time', end - 2 * st.DAY_S, end)} AND {ONLY_FILE_SYSTEMS} "
        "GROUP BY resource, instance HAVING max(disk_used_pct) >= {least:Float64}) "
        "AND not isNaN(disk_used_bytes) AND disk_total_bytes > 0 "
        "GROUP BY resource, instance, day ORDER BY resource, instance, day",
        {"zone": zone, "least": check.number("from_used_pct")},
    )
    present = look.runtime.samples.query(
        f"SELECT DISTINCT resource FROM {HOST.name}_1h "
        f"WHERE {window('time', end - 2 * st.DAY_S, end)} AND not isNaN(disk_used_bytes)"
    )
    there = set(np.asarray(present.get("resource", []), np.int64).tolist())
    found = _found(look, there)
    found.judged = len(there & set(look.things))
    refused = 0
    worst = check.number("worst_error_pct") / 100
    groups = _grouped(answer)
    apart = {number for number, mount in groups if mount}
    for (number, mount), rows in groups.items():
        thing = look.things.get(number)
        if thing is None or (not mount and number in apart):
            continue
        day, used, size = (np.asarray(column, np.float64) for column in zip(*rows, strict=True))
        line = fill(
            day,
            used,
            size,
            least_days=int(check.number("least_days")),
            held_back=int(check.number("backtest_days")),
        )
        if line is None:
            continue
        if line.error > worst:
            refused += 1
            found.unjudged.add(thing.code)
            continue
        severity = check.level(line.days)
        if severity:
            place = _Place(thing, mount)
            found.seen.append(
                observe(
                    check,
                    severity,
                    place.subject,
                    {
                        "days_left": round(line.days, 1),
                        "days_low": round(line.low),
                        "days_high": round(line.high),
                        "used_pct": round(float(100 * used[-1] / size[-1]), 1),
                        "growth_gib_day": round(line.slope / GIB, 2),
                        "error_pct": round(100 * line.error, 2),
                        "days_seen": line.seen,
                        "mount": mount,
                        "resource": thing.code,
                    },
                    unit_id=thing.unit_id,
                    name=place.words,
                    words={"mount": place.shown},
                )
            )
    if refused:
        found.note = (
            f"{refused} 个文件系统的增长无法可靠预测（回测误差过大），未给出日期",
            f"{refused} file systems refused: the line did not hold on the last days",
        )
    return found


def _found(look: Look, there: set[int]) -> Found:
    missing = {t.code for t in look.things.values() if t.measured and t.id not in there}
    return Found(unjudged=missing)


def _rows(answer: Any, names: tuple[str, ...]) -> list[tuple[int, str, dict[str, float]]]:
    """(resource, mount, figures) of each row."""
    columns = {name: np.asarray(answer.get(name, []), np.float64).tolist() for name in names}
    return [
        (int(number), _mount(instance), {name: columns[name][index] for name in names})
        for index, (number, instance) in enumerate(
            zip(answer.get("resource", []), answer.get("instance", []), strict=True)
        )
    ]


def _grouped(answer: Any) -> dict[tuple[int, str], list[tuple[float, float, float]]]:
    """By (resource, mount): (day, used, size), in order of days."""
    groups: dict[tuple[int, str], list[tuple[float, float, float]]] = {}
    for number, instance, day, used, size in zip(
        np.asarray(answer.get("resource", []), np.int64).tolist(),
        answer.get("instance", []),
        np.asarray(answer.get("day", []), np.float64).tolist(),
        np.asarray(answer.get("used", []), np.float64).tolist(),
        np.asarray(answer.get("size", []), np.float64).tolist(),
        strict=True,
    ):
        groups.setdefault((number, _mount(instance)), []).append((day, used, size))
    return groups


def _mount(instance: str) -> str:
    return str(instance).removeprefix("fs:")
