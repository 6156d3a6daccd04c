"""Marks of what must be rolled up again: a (table, resource, UTC day), or (unit, system, UTC day).

A mark is made durable *before* the rows it speaks of are inserted, so that no crash between the
two leaves a rollup that nobody corrects. Because of that order a mark may be read before its
rows are there: ``take`` therefore leaves marks alone until any insert behind them has either
succeeded or timed out (``SETTLED``), and ``clear`` forgets a mark only if it was not renewed.

Marks of owners say that a register was put right: no row is on its way behind them, so they wait
for nothing, and no resource is averaged again for them (store.owners).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from sqlalchemy import delete, func, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import Session, col, select

from controller.store.tables import DirtyDay, DirtyOwner, Watermark

SETTLED = timedelta(seconds=45)
"""Age at which the insert behind a mark is over: inserts time out at 30 s."""

_CHUNK = 5_000
"""Rows of one executemany: bounds the memory of a mark over millions of resource-days."""


_EARLIEST = "earliest."
"""Watermark of the first day marked, with the table's name behind it."""


class Mark(NamedTuple):
    """One resource-day to compute again, and the generation it had when it was read."""

    resource: int
    day: date
    generation: int


class OwnerMark(NamedTuple):
    """One day of a unit's system (0: of none) whose sums are to be computed again."""

    unit: int
    system: int
    day: date
    generation: int


def first_generation(now: datetime) -> int:
    """The generation of a mark that did not stand yet: microseconds, so that a mark that was
    cleared and set again is never taken for the old one."""
    return int(now.timestamp() * 1_000_000)


def mark_dirty(
    session: Session, table: str, resource_days: Iterable[tuple[int, date]], now: datetime
) -> None:
    """Marks (resource id, UTC day) pairs of sample table ``table``; a mark that stands is renewed.

    Call it inside ``Database.write()`` and let that block end before the rows are inserted.
    """
    pairs = sorted(set(resource_days))
    if not pairs:
        return
    connection = session.connection()
    sqlite = connection.dialect.name == "sqlite"
    _note_earliest(session, table, min(day for _, day in pairs))
    for start in range(0, len(pairs), _CHUNK):
        rows = [
            {
                "sample_table": table,
                "resource_id": resource,
                "day": day,
                "generation": first_generation(now),
                "marked": now,
            }
            for resource, day in pairs[start : start + _CHUNK]
        ]
        renewed = {"generation": col(DirtyDay.generation) + 1, "marked": now}
        keys = ["sample_table", "resource_id", "day"]
        if sqlite:
            connection.execute(
                sqlite_insert(DirtyDay).on_conflict_do_update(index_elements=keys, set_=renewed),
                rows,
            )
        else:
            connection.execute(
                postgresql_insert(DirtyDay).on_conflict_do_update(
                    index_elements=keys, set_=renewed
                ),
                rows,
            )


def mark_owners(
    session: Session, owner_days: Iterable[tuple[int, int, date]], now: datetime
) -> None:
    """Marks (unit id, system id or 0, UTC day); a mark that stands is renewed."""
    rows = [
        {
            "unit_id": unit,
            "system_id": system,
            "day": day,
            "generation": first_generation(now),
            "marked": now,
        }
        for unit, system, day in sorted(set(owner_days))
    ]
    connection = session.connection()
    make = sqlite_insert if connection.dialect.name == "sqlite" else postgresql_insert
    statement = make(DirtyOwner).on_conflict_do_update(
        index_elements=["unit_id", "system_id", "day"],
        set_={"generation": col(DirtyOwner.generation) + 1, "marked": now},
    )
    for start in range(0, len(rows), _CHUNK):
        connection.execute(statement, rows[start : start + _CHUNK])


def take_owners(session: Session, *, limit: int = 200_000) -> list[OwnerMark]:
    """The marks of owners, newest days first."""
    rows = session.exec(
        select(
            col(DirtyOwner.unit_id),
            col(DirtyOwner.system_id),
            col(DirtyOwner.day),
            col(DirtyOwner.generation),
        )
        .order_by(col(DirtyOwner.day).desc(), col(DirtyOwner.unit_id), col(DirtyOwner.system_id))
        .limit(limit)
    )
    return [OwnerMark(*row) for row in rows]


def clear_owners(session: Session, marks: Sequence[OwnerMark]) -> None:
    """Forgets marks of owners that were not renewed since they were taken."""
    days: dict[tuple[int, int, int], list[date]] = {}
    for mark in marks:
        days.setdefault((mark.unit, mark.system, mark.generation), []).append(mark.day)
    for (unit, system, generation), own in days.items():
        for start in range(0, len(own), 500):
            session.connection().execute(
                delete(DirtyOwner).where(
                    col(DirtyOwner.unit_id) == unit,
                    col(DirtyOwner.system_id) == system,
                    col(DirtyOwner.generation) == generation,
                    col(DirtyOwner.day).in_(own[start : start + 500]),
                )
            )


def earliest_day(session: Session, table: str) -> date | None:
    """The first UTC day of ``table`` that was ever marked; None if none was.

    Rows that come live are not marked. So samples are no older than this day or the day on which
    this system was first used, whichever is earlier.
    """
    noted = session.get(Watermark, _EARLIEST + table)
    return None if noted is None else noted.at.date()


def _note_earliest(session: Session, table: str, day: date) -> None:
    """Keeps the smallest day ever marked; concurrent writers cannot raise it again."""
    midnight = datetime.combine(day, time(), UTC)
    connection = session.connection()
    make = sqlite_insert if connection.dialect.name == "sqlite" else postgresql_insert
    insert = make(Watermark).values(name=_EARLIEST + table, at=midnight)
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=["name"],
            set_={"at": insert.excluded.at},
            where=col(Watermark.at) > insert.excluded.at,
        )
    )


def take(session: Session, table: str, now: datetime, *, limit: int = 50_000) -> list[Mark]:
    """The settled marks of ``table``, newest days first: people look at today before last year."""
    statement = (
        select(col(DirtyDay.resource_id), col(DirtyDay.day), col(DirtyDay.generation))
        .where(col(DirtyDay.sample_table) == table, col(DirtyDay.marked) <= now - SETTLED)
        .order_by(col(DirtyDay.day).desc(), col(DirtyDay.resource_id))
        .limit(limit)
    )
    return [Mark(*row) for row in session.exec(statement)]


def clear(session: Session, table: str, marks: Sequence[Mark]) -> None:
    """Forgets marks that were not renewed since they were taken."""
    connection = session.connection()
    for start in range(0, len(marks), _CHUNK):
        for day, generation, resources in _grouped(marks[start : start + _CHUNK]):
            connection.execute(
                delete(DirtyDay).where(
                    col(DirtyDay.sample_table) == table,
                    col(DirtyDay.day) == day,
                    col(DirtyDay.generation) == generation,
                    col(DirtyDay.resource_id).in_(resources),
                )
            )


def generations(
    session: Session, table: str, resource_days: Iterable[tuple[int, date]]
) -> dict[tuple[int, date], int]:
    """The generation of each mark that stands, by (resource id, UTC day)."""
    wanted: dict[date, list[int]] = {}
    for resource, day in resource_days:
        wanted.setdefault(day, []).append(resource)
    found: dict[tuple[int, date], int] = {}
    for day, resources in wanted.items():
        for start in range(0, len(resources), _CHUNK):
            statement = select(col(DirtyDay.resource_id), col(DirtyDay.generation)).where(
                col(DirtyDay.sample_table) == table,
                col(DirtyDay.day) == day,
                col(DirtyDay.resource_id).in_(resources[start : start + _CHUNK]),
            )
            found |= {
                (resource, day): generation for resource, generation in session.exec(statement)
            }
    return found


def release(session: Session, table: str, marks: Sequence[Mark], now: datetime) -> None:
    """Leaves marks that were dated ahead to the worker, where nobody renewed them since."""
    connection = session.connection()
    for start in range(0, len(marks), _CHUNK):
        for day, generation, resources in _grouped(marks[start : start + _CHUNK]):
            connection.execute(
                update(DirtyDay)
                .where(
                    col(DirtyDay.sample_table) == table,
                    col(DirtyDay.day) == day,
                    col(DirtyDay.generation) == generation,
                    col(DirtyDay.resource_id).in_(resources),
                )
                .values(marked=now)
            )


def pending(session: Session, table: str) -> tuple[int, datetime | None]:
    """How many resource-days and days of owners wait to be rolled up, and since when."""
    count, oldest = session.exec(
        select(func.count(), func.min(col(DirtyDay.marked))).where(
            col(DirtyDay.sample_table) == table
        )
    ).one()
    if table != "host":  # whose rows alone are summed up by owner
        return count, oldest
    owned, first = session.exec(select(func.count(), func.min(col(DirtyOwner.marked)))).one()
    return count + owned, min((each for each in (oldest, first) if each), default=None)


def pending_owners(session: Session) -> int:
    """Days of owners that wait to be summed up again."""
    return session.exec(select(func.count()).select_from(DirtyOwner)).one()


def _grouped(marks: Sequence[Mark]) -> list[tuple[date, int, list[int]]]:
    groups: dict[tuple[date, int], list[int]] = {}
    for mark in marks:
        groups.setdefault((mark.day, mark.generation), []).append(mark.resource)
    return [(day, generation, resources) for (day, generation), resources in groups.items()]
