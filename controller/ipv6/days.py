"""A reading a day: traffic of the last week beside every host, scores of units, systems and the
city, and of hosts where they changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Any

from sqlalchemy import delete, func, insert
from sqlmodel import Session, col, select

from controller.access.scope import CITY
from controller.analysis.ipv6 import Index
from controller.inventory.units import list_units
from controller.ipv6.everything import list_subjects
from controller.ipv6.readiness import (
    Subject,
    by_system,
    by_unit,
    passing,
    score_of,
)
from controller.ipv6.subjects import DEVICE, HOST, judge_waiting, put_traffic
from controller.ipv6.tables import Ipv6Day
from controller.ipv6.traffic import KINDS, SHANGHAI, bytes_of, day_start, keep_days
from controller.runtime import Runtime

TRAFFIC_DAYS = 7
KEPT_DAYS = 3 * 366
CHUNK = 2_000


def keep_day(runtime: Runtime, index: Index) -> int:
    """Does the day's work; how many scores were written. May run again on the same day."""
    today = runtime.now().astimezone(SHANGHAI).date()
    keep_days(runtime, today)
    since, until = day_start(today - timedelta(days=TRAFFIC_DAYS)), runtime.now()
    for kind in KINDS:
        carried = bytes_of(runtime, since, until, kind)
        with runtime.database.write() as session:
            found = {ref: (share.v4_bytes, share.v6_bytes) for ref, share in carried.items()}
            put_traffic(session, kind, found, TRAFFIC_DAYS, runtime.now())
    judge_waiting(runtime, index)
    with runtime.database.write() as session:
        rows = list(_scores(session, runtime, index, today))
        _write(session, rows, today)
    return len(rows)


def _scores(
    session: Session, runtime: Runtime, index: Index, today: date
) -> Iterator[dict[str, Any]]:
    now = runtime.now()
    subjects = list_subjects(session, CITY, index, now)
    yield _row("city", 0, today, subjects, index)
    units = list_units(session, CITY, now)
    ids = {unit.code: unit.id for unit in units}
    parents = {unit.id: ids.get(unit.parent_code or "") for unit in units}
    for unit, mine in by_unit(subjects, parents).items():
        yield _row("unit", unit, today, mine, index)
    for system, mine in by_system(subjects).items():
        yield _row("system", system, today, mine, index)
    for kind in (HOST, DEVICE):
        last = _last_scores(session, kind)
        for each in subjects:
            if each.kind == kind and each.evaluation is not None:
                if each.ref in last and last[each.ref] == each.score:
                    continue
                yield _row(kind, each.ref, today, [each], index)


def _row(level: str, ref: int, day: date, subjects: list[Subject], index: Index) -> dict[str, Any]:
    if level in (HOST, DEVICE):
        told = subjects[0].evaluation
        score, coverage = (told.score, told.coverage) if told else (None, 0.0)
    else:
        whole = score_of(subjects, index)
        score, coverage = whole.score, whole.coverage
    return {
        "level": level, "ref": ref, "day": day, "score": score, "coverage": coverage,
        "subjects": len(subjects), "passing": passing(subjects, index),
    }  # fmt: skip


def _last_scores(session: Session, level: str) -> dict[int, float | None]:
    last = (
        select(col(Ipv6Day.ref), func.max(col(Ipv6Day.day)).label("day"))
        .where(col(Ipv6Day.level) == level)
        .group_by(col(Ipv6Day.ref))
        .subquery()
    )
    rows = session.execute(
        select(Ipv6Day.ref, Ipv6Day.score)
        .join(last, (last.c.ref == col(Ipv6Day.ref)) & (last.c.day == col(Ipv6Day.day)))
        .where(col(Ipv6Day.level) == level)
    )
    return {row[0]: row[1] for row in rows}


def _write(session: Session, rows: list[dict[str, Any]], today: date) -> None:
    connection = session.connection()
    for level, refs in _by_level(rows):
        for first in range(0, len(refs), CHUNK):
            connection.execute(
                delete(Ipv6Day).where(
                    col(Ipv6Day.level) == level,
                    col(Ipv6Day.day) == today,
                    col(Ipv6Day.ref).in_(refs[first : first + CHUNK]),
                )
            )
    for first in range(0, len(rows), CHUNK):
        connection.execute(insert(Ipv6Day), rows[first : first + CHUNK])
    connection.execute(delete(Ipv6Day).where(col(Ipv6Day.day) < today - timedelta(days=KEPT_DAYS)))


def _by_level(rows: Iterable[dict[str, Any]]) -> Iterator[tuple[str, list[int]]]:
    levels: dict[str, list[int]] = {}
    for row in rows:
        levels.setdefault(row["level"], []).append(row["ref"])
    yield from levels.items()
