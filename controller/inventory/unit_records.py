"""What goes along when units change: records of systems, and how a change is kept to be undone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col

from controller.inventory.holdings import Held, Holdings
from controller.inventory.register_tables import SystemRecord
from controller.inventory.tables import (
    BusinessSystem,
    Holding,
    Unit,
    UnitAlias,
    UnitContact,
    UnitVersion,
)
from controller.inventory.timeline import Span, Timeline
from controller.inventory.unit_state import Place, UnitState


def carry_records(
    session: Session, before: Mapping[int, Holdings], after: Mapping[int, Holdings]
) -> list[list[int]]:
    """Copies the record of each system whose resources went to another unit to the system of that
    name there, unless it has its own; gives [from, to] of each copy."""
    pairs = {
        (old.value.unit_id, new.value.unit_id, new.value.system)
        for key, spans in after.items()
        for new in spans
        for old in before.get(key, ())
        if new.value.system
        and new.value.system == old.value.system
        and new.value.unit_id != old.value.unit_id
        and (old.until is None or old.until > new.since)
    }
    units = {unit for pair in pairs for unit in pair[:2]}
    systems = {
        (row.unit_id, row.name): row.id or 0
        for row in session.execute(
            select(BusinessSystem).where(col(BusinessSystem.unit_id).in_(sorted(units)))
        ).scalars()
    }
    carried: list[list[int]] = []
    for source, target, name in sorted(pairs):
        first, second = systems.get((source, name)), systems.get((target, name))
        if first is None or second is None:
            continue
        record = session.get(SystemRecord, first)
        if record is not None and session.get(SystemRecord, second) is None:
            session.add(SystemRecord(**record.model_dump(exclude={"system_id"}), system_id=second))
            session.flush()
            carried.append([first, second])
    return carried


def bring_back(session: Session, carried: Iterable[Sequence[int]]) -> None:
    """Undoes ``carry_records``: what was written in the copy meanwhile is kept in the original."""
    for first, second in carried:
        copy = session.get(SystemRecord, second)
        if copy is None:
            continue
        session.merge(SystemRecord(**copy.model_dump(exclude={"system_id"}), system_id=first))
        session.delete(copy)
    session.flush()


def forget_unit(session: Session, code: str) -> None:
    """Removes a unit that was only made by a change now undone, unless something names it."""
    unit = session.execute(select(Unit).where(col(Unit.code) == code)).scalar_one_or_none()
    if unit is None:
        return
    held = select(col(Holding.system_id)).where(col(Holding.system_id).is_not(None))
    try:
        with session.begin_nested():
            session.execute(
                delete(BusinessSystem).where(
                    col(BusinessSystem.unit_id) == unit.id, col(BusinessSystem.id).not_in(held)
                )
            )
            for table in (UnitAlias, UnitContact, UnitVersion):
                session.execute(delete(table).where(col(table.unit_id) == unit.id))
            session.execute(delete(Unit).where(col(Unit.id) == unit.id))
    except IntegrityError:
        return  # An agent, a user or a paper names it: it stays, without a place in the tree.


def packed_places(state: UnitState | None) -> list[Any]:
    """A unit's places as JSON."""
    return [
        [_text(span.since), _text(span.until), asdict(span.value)]
        for span in (state.places if state else ())
    ]


def unpacked_places(packed: Iterable[Any]) -> Timeline[Place]:
    return tuple(
        Span(_moment(since) or datetime.min.replace(tzinfo=UTC), _moment(until), Place(**value))
        for since, until, value in packed
    )


def packed_holdings(spans: Holdings) -> list[Any]:
    """Holdings as JSON."""
    return [[_text(span.since), _text(span.until), asdict(span.value)] for span in spans]


def unpacked_holdings(packed: Iterable[Any]) -> Holdings:
    return tuple(
        Span(_moment(since) or datetime.min.replace(tzinfo=UTC), _moment(until), Held(**value))
        for since, until, value in packed
    )


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
