"""Lines and points follow merged units: what one held is the other's from that day.

The register of units moves resources itself; these registers lie above it, so a job brings them
along. Done again it changes nothing. A merge that is undone gives nothing back: import the file.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import or_, select
from sqlmodel import Session, col

from controller.inventory.tables import Unit, UnitChange
from controller.network.line_tables import LineTerm, PointTerm

Term = LineTerm | PointTerm


def follow_merges(session: Session, now: datetime) -> int:
    """Moves the terms of units that were merged until ``now``; how many were changed."""
    codes = {code: number or 0 for number, code in session.execute(
        select(col(Unit.id), col(Unit.code))
    )}  # fmt: skip
    changes = session.execute(
        select(UnitChange)
        .where(
            col(UnitChange.kind) == "merge",
            col(UnitChange.undone).is_(None),
            col(UnitChange.effective) <= now,
        )
        .order_by(col(UnitChange.effective), col(UnitChange.id))
    ).scalars()
    moved = 0
    for change in changes:
        into = [codes[code] for code in change.detail.get("into", []) if code in codes]
        ended = [codes[code] for code in change.detail.get("ended", []) if code in codes]
        if len(into) != 1 or not ended:
            continue
        for table in (LineTerm, PointTerm):
            moved += _move(session, table, ended, into[0], change.effective)
    session.flush()
    return moved


def _move(
    session: Session, table: type[Term], ended: list[int], into: int, effective: datetime
) -> int:
    terms = list(
        session.execute(
            select(table).where(
                col(table.unit_id).in_(ended),
                or_(col(table.until).is_(None), col(table.until) > effective),
            )
        ).scalars()
    )
    for term in terms:
        if term.since >= effective:
            term.unit_id = into
        else:
            kept = term.model_dump(exclude={"id", "since", "unit_id"})
            session.add(table(**kept, since=effective, unit_id=into))
            term.until = effective
        session.add(term)
    return len(terms)
