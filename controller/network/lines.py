"""The register of lines: read within a scope, edited, removed; and contracts that end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session, col

from controller.access.scope import Scope
from controller.inventory.dated import SHANGHAI, in_force
from controller.inventory.naming import fold
from controller.inventory.systems import DueItem
from controller.inventory.tables import Site, Zone
from controller.network.line_model import End, LineTermView, LineView
from controller.network.line_tables import Line, LineTerm, PointTerm
from controller.network.place_units import Places, places_of
from controller.problems import NotFound

DUE_SOON = timedelta(days=60)
"""A contract that ends within this is shown as due: a tender takes about that long."""


def list_lines(
    session: Session,
    scope: Scope,
    at: datetime,
    *,
    unit_ids: frozenset[int] | None = None,
    text: str = "",
    kind: str = "",
    level: str = "",
    state: str = "",
    county: str | None = None,
) -> list[LineView]:
    """Lines held at ``at``, by operator and number. ``county``: code, "" the city itself, None all.
    ``state``: active, due or ended; removed ones only where asked for."""
    statement = scope.limit(
        select(Line, LineTerm)
        .join(LineTerm, col(LineTerm.line_id) == col(Line.id))
        .where(in_force(LineTerm, at))
        .order_by(col(Line.operator), col(Line.number)),
        LineTerm.unit_id,
    )
    if unit_ids is not None:
        statement = statement.where(col(LineTerm.unit_id).in_(sorted(unit_ids)))
    if state != "removed":
        statement = statement.where(col(Line.removed).is_(None))
    for column, wanted in ((Line.kind, kind), (Line.level, level)):
        if wanted:
            statement = statement.where(col(column) == wanted)
    rows = [(line, term) for line, term in session.execute(statement).all()]
    places = places_of(session, {term.unit_id for _, term in rows if term.unit_id}, at)
    view = _viewer(session, scope, places, at)
    sought = fold(text)
    found = []
    for each in (view(line, term) for line, term in rows):
        told = f"{each.number} {each.operator} {each.name} {each.unit_name} {each.zone}"
        told += f" {each.a.told()} {each.b.told()} {each.note}"
        if sought and sought not in fold(told):
            continue
        if (state and each.state != state) or (county is not None and each.county_code != county):
            continue
        found.append(each)
    return found


def _viewer(session: Session, scope: Scope, places: Places, at: datetime) -> Any:
    sites = {site.id: site.name for site in session.execute(select(Site)).scalars()}
    zones = {zone.id: zone.name for zone in session.execute(select(Zone)).scalars()}
    counted = scope.limit(
        select(col(PointTerm.line_id), func.count())
        .where(in_force(PointTerm, at))
        .group_by(col(PointTerm.line_id)),
        PointTerm.unit_id,
    )
    counts: dict[int | None, int] = {row[0]: row[1] for row in session.execute(counted)}

    def view(line: Line, term: LineTerm) -> LineView:
        unit = places.unit(term.unit_id)
        county = places.county(term.unit_id)
        return LineView(
            id=line.id or 0, number=line.number, operator=line.operator, name=line.name,
            kind=line.kind, level=line.level, zone=zones.get(line.zone_id, ""),
            unit_code=unit.code, unit_name=unit.name,
            county_code=county.code, county_name=county.name,
            a=End(site=sites.get(line.a_site_id, ""), device=line.a_device, port=line.a_port,
                  text=line.a_text),
            b=End(site=sites.get(line.b_site_id, ""), device=line.b_device, port=line.b_port,
                  text=line.b_text),
            bandwidth_bit_s=term.bandwidth_bit_s, yearly_cost=term.yearly_cost,
            contract_start=line.contract_start, contract_end=line.contract_end,
            state=line_state(line, at), points=counts.get(line.id, 0), note=line.note,
        )  # fmt: skip

    return view


def line_state(line: Line, at: datetime) -> str:
    """active, due, ended or removed at ``at``. Pure."""
    if line.removed is not None and line.removed <= at:
        return "removed"
    if line.contract_end is None or line.contract_end > at + DUE_SOON:
        return "active"
    return "due" if line.contract_end > at else "ended"


def find_line(session: Session, scope: Scope, line_id: int, at: datetime) -> LineView:
    """Raises NotFound, also outside the scope."""
    for state in ("", "removed"):
        for each in list_lines(session, scope, at, state=state):
            if each.id == line_id:
                return each
    raise NotFound("line", str(line_id))


def line_terms(session: Session, scope: Scope, line_id: int) -> list[LineTermView]:
    """The line's history within the scope, oldest first."""
    terms = session.execute(
        scope.limit(
            select(LineTerm).where(col(LineTerm.line_id) == line_id).order_by(col(LineTerm.since)),
            LineTerm.unit_id,
        )
    ).scalars()
    found = []
    for term in terms:
        unit = places_of(session, {term.unit_id or 0}, term.since).unit(term.unit_id)
        found.append(
            LineTermView(
                since=term.since, until=term.until, unit_code=unit.code, unit_name=unit.name,
                bandwidth_bit_s=term.bandwidth_bit_s, yearly_cost=term.yearly_cost,
            )
        )  # fmt: skip
    return found


def remove_line(session: Session, scope: Scope, line_id: int, by: str, now: datetime) -> LineView:
    """Takes a line out of the register from now on; its history stays, an import brings it back.
    Raises NotFound."""
    view = find_line(session, scope, line_id, now)
    line = session.get_one(Line, line_id)
    line.removed, line.updated, line.by = now, now, by
    session.add(line)
    session.flush()
    return view


def due_contracts(
    session: Session,
    scope: Scope,
    until: datetime,
    now: datetime,
    unit_ids: frozenset[int] | None,
) -> Sequence[DueItem]:
    """Contracts of lines that end before ``until``, as items of what falls due."""
    return [
        DueItem(
            what="line_contract", title_zh="线路合同到期", title_en="line's contract ends",
            unit_code=each.unit_code, unit_name=each.unit_name, system_id=None,
            subject=f"{each.operator} {each.number}".strip(), due=each.contract_end,
            overdue=each.contract_end < now, last=None, rule="合同",
            href=f"/network/lines/{each.id}",
        )
        for each in list_lines(session, scope, now, unit_ids=unit_ids)
        if each.contract_end is not None and each.contract_end < until
    ]  # fmt: skip


def days_left(view: LineView, now: datetime) -> int | None:
    """Whole days until the contract ends in Shanghai's calendar; negative: it has ended."""
    if view.contract_end is None:
        return None
    return (view.contract_end.astimezone(SHANGHAI).date() - now.astimezone(SHANGHAI).date()).days
