"""Import of lines: known by operator and circuit number; owner, width and price are dated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlmodel import Session, col

from controller.inventory.dated import EVER
from controller.inventory.imports import Register
from controller.inventory.naming import fold
from controller.inventory.places import PlaceIds
from controller.inventory.record_import import RecordPlan, Values, find_unit, need, once
from controller.inventory.table import Record, Table
from controller.inventory.tables import Site, Zone
from controller.inventory.timeline import Span, Timeline, change, nearest
from controller.inventory.unit_names import NOBODY, UnitNames
from controller.network.line_columns import LINE_COLUMNS
from controller.network.line_tables import Line, LineTerm
from controller.said import say

MBIT = 1e6
OWN = (
    "name", "kind", "level", "zone", "a_site", "a_device", "a_port", "a_text", "b_site",
    "b_device", "b_port", "b_text", "contract_start", "contract_end", "note",
)  # fmt: skip
PLACES = ("zone", "a_site", "b_site")


@dataclass(frozen=True)
class LineHeld:
    """What of a line is dated: its unit (None: shared), bit/s each way, yuan a year."""

    unit_id: int | None = None
    bandwidth_bit_s: float | None = None
    yearly_cost: float | None = None


def plan_lines(session: Session, table: Table, now: datetime, since: datetime | None) -> RecordPlan:
    """The plan for the good records of ``table``."""
    units = UnitNames(session, now)
    plan = RecordPlan(_write_line)
    stored = line_values(session)
    known = dict(stored)
    folded = {(fold(operator), number): (operator, number) for operator, number in stored}
    rows: dict[Any, int] = {}
    for record in table.records:
        given = record.values
        if not need(table, record, "number"):
            continue
        key = (given.get("operator", ""), given["number"])
        if not key[0]:
            key = _only_operator(table, record, stored, key[1])
        key = folded.get((fold(key[0]), key[1]), key)
        unit_id = _unit(table, record, units)
        from_when = given.get("since") or since
        if record.bad or not once(table, record, (key, from_when), rows, "number"):
            continue
        values = dict(known.get(key) or blank_line())
        values.update({name: given[name] for name in OWN if name in given})
        start, end = values["contract_start"], values["contract_end"]
        if start is not None and end is not None and end <= start:
            table.refuse(
                record, "contract_end",
                say("the contract ends before it begins: correct one of the dates",
                    "合同到期早于合同开始：请更正其中一个日期"),
            )  # fmt: skip
            continue
        values["removed"] = False
        values["terms"] = with_term(
            values["terms"], from_when, _held(given, unit_id), now,
            first=start or EVER, blank=LineHeld(),
        )  # fmt: skip
        known[key] = values
        plan.after[key] = values
        if key in stored:
            plan.before[key] = stored[key]
    return plan


def _only_operator(
    table: Table, record: Record, stored: Mapping[tuple[str, str], Values], number: str
) -> tuple[str, str]:
    """The key of a row without an operator: the one line of that number, if there is one."""
    found = [key for key in stored if key[1] == number]
    if len(found) > 1:
        names = "、".join(operator for operator, _ in found)
        table.refuse(
            record, "operator",
            say(f"several operators have a line of this number ({names}): name the operator",
                f"多个运营商有此电路编号（{names}）：请填写运营商"),
        )  # fmt: skip
    return found[0] if found else ("", number)


def _unit(table: Table, record: Record, units: UnitNames) -> int | None:
    """The row's unit; None where it names none."""
    unit_id = find_unit(table, record, units, required=False)
    if unit_id == NOBODY:
        table.refuse(
            record, "unit",
            say("a line has a unit or none: leave the cell empty for a shared line",
                "线路须有单位或为共用：共用线路请留空"),
        )  # fmt: skip
    return unit_id or None


def _held(given: Values, unit_id: int | None) -> Values:
    """The dated fields that a row gives."""
    found: Values = {}
    if "unit" in given:
        found["unit_id"] = unit_id
    if "bandwidth_mbps" in given:
        mbps = given["bandwidth_mbps"]
        found["bandwidth_bit_s"] = None if mbps is None else mbps * MBIT
    if "yearly_cost" in given:
        found["yearly_cost"] = given["yearly_cost"]
    return found


def with_term(
    terms: Timeline[Any],
    since: datetime | None,
    fields: Values,
    now: datetime,
    *,
    first: datetime,
    blank: Any,
) -> Timeline[Any]:
    """``terms`` with ``fields`` holding from ``since`` on (None: since what holds now began).

    An empty timeline begins at ``since`` or ``first`` with ``blank``; a ``since`` before all of it
    stretches its first value back.
    """
    current = nearest(terms, now)
    start = since or (first if current is None else current.since)
    if not terms:
        return (Span(start, None, replace(blank, **fields)),)
    if start < terms[0].since:
        terms = (Span(start, terms[0].until, terms[0].value), *terms[1:])
    return change(terms, start, None, lambda value: replace(value, **fields))


def blank_line() -> Values:
    """A line of which nothing is known."""
    row = Line(number="", updated=EVER)
    values = {name: "" if name in PLACES else getattr(row, name) for name in OWN}
    return values | {"removed": False, "terms": ()}


def line_values(session: Session) -> dict[tuple[str, str], Values]:
    """Every line by (operator, number), as an import compares it."""
    sites = {site.id: site.name for site in session.execute(select(Site)).scalars()}
    zones = {zone.id: zone.name for zone in session.execute(select(Zone)).scalars()}
    terms = spans(
        session.execute(select(LineTerm).order_by(col(LineTerm.since))).scalars(), "line_id",
        lambda row: LineHeld(row.unit_id, row.bandwidth_bit_s, row.yearly_cost),
    )  # fmt: skip
    found = {}
    for line in session.execute(select(Line)).scalars():
        places = {
            "zone": zones.get(line.zone_id, ""),
            "a_site": sites.get(line.a_site_id, ""),
            "b_site": sites.get(line.b_site_id, ""),
        }
        found[line.operator, line.number] = {
            name: places[name] if name in PLACES else getattr(line, name) for name in OWN
        } | {"removed": line.removed is not None, "terms": terms.get(line.id or 0, ())}
    return found


def spans(rows: Any, key: str, value: Any) -> dict[int, Timeline[Any]]:
    """Dated rows, oldest first, as timelines by what they belong to."""
    found: dict[int, tuple[Span[Any], ...]] = {}
    for row in rows:
        span = Span(row.since, row.until, value(row))
        found[getattr(row, key)] = (*found.get(getattr(row, key), ()), span)
    return found


def _write_line(
    session: Session, key: Any, values: Values, _before: Values | None, now: datetime
) -> None:
    write_line(session, key, values, "import", now)


def write_line(
    session: Session, key: tuple[str, str], values: Values, by: str, now: datetime
) -> int:
    """Writes a line with its terms; returns its id."""
    operator, number = key
    line = session.execute(
        select(Line).where(col(Line.operator) == operator, col(Line.number) == number)
    ).scalar_one_or_none() or Line(operator=operator, number=number, updated=now)
    places = PlaceIds(session)
    places.create([values["a_site"], values["b_site"]], [values["zone"]], [])
    for name in OWN:
        if name not in PLACES:
            setattr(line, name, values[name])
    line.zone_id = places.zone(values["zone"])
    line.a_site_id, line.b_site_id = places.site(values["a_site"]), places.site(values["b_site"])
    line.removed, line.updated, line.by = None, now, by
    session.add(line)
    session.flush()
    line_id = line.id or 0
    session.execute(delete(LineTerm).where(col(LineTerm.line_id) == line_id))
    for span in values["terms"]:
        session.add(
            LineTerm(line_id=line_id, since=span.since, until=span.until, **vars(span.value))
        )
    session.flush()
    return line_id


LINES = Register("lines", LINE_COLUMNS, ("number",), plan_lines)
