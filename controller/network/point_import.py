"""Import of access points: known by their code; an address is theirs within a zone or VPN only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
from controller.inventory.unit_names import NOBODY, UnitNames
from controller.network.line_columns import POINT_COLUMNS
from controller.network.line_import import spans, with_term
from controller.network.line_tables import AccessPoint, Line, PointTerm
from controller.said import say

OWN = (
    "name", "level", "community", "state", "site", "zone", "device", "port", "address", "tcp_port",
    "note",
)  # fmt: skip
PLACES = ("zone", "site")


@dataclass(frozen=True)
class PointHeld:
    """What of a point is dated: its unit, and the line that connects it."""

    unit_id: int = 0
    line_id: int | None = None


class LineNames:
    """Lines by circuit number, alone or behind their operator (联通 0571-…)."""

    def __init__(self, session: Session) -> None:
        self._by_name: dict[str, list[int]] = {}
        for line in session.execute(select(Line)).scalars():
            for name in {line.number, line.operator + line.number, line.name} - {""}:
                self._by_name.setdefault(fold(name), []).append(line.id or 0)

    def find(self, table: Table, record: Record, text: str) -> int | None:
        """The line's id; notes an error where there is none or several."""
        found = sorted(set(self._by_name.get(fold(text), ())))
        if len(found) == 1:
            return found[0]
        if found:
            message = say(
                f"{len(found)} lines are called {text!r}: write operator and number",
                f"有 {len(found)} 条线路叫“{text}”：请写运营商加电路编号",
            )
        else:
            message = say(
                f"no line {text!r} in the register: correct it, or import the lines first",
                f"线路台账中没有“{text}”：请更正，或先导入线路",
            )
        table.refuse(record, "line", message)
        return None


def plan_points(
    session: Session, table: Table, now: datetime, since: datetime | None
) -> RecordPlan:
    """The plan for the good records of ``table``."""
    units, lines = UnitNames(session, now), LineNames(session)
    plan = RecordPlan(_write_point)
    stored = point_values(session)
    known, taken = dict(stored), addresses(stored)
    rows: dict[Any, int] = {}
    for record in table.records:
        given, code = record.values, record.values.get("code", "")
        if not need(table, record, "code"):
            continue
        if code not in known:
            need(table, record, "level", "unit")
        fields = _held(table, record, units, lines)
        from_when = given.get("since") or since
        if record.bad or not once(table, record, (code, from_when), rows, "code"):
            continue
        values = dict(known.get(code) or blank_point())
        values.update({name: given[name] for name in OWN if name in given})
        if not _free(table, record, code, values, taken):
            continue
        values["removed"] = False
        values["terms"] = with_term(
            values["terms"], from_when, fields, now, first=EVER, blank=PointHeld()
        )
        known[code] = values
        plan.after[code] = values
        if code in stored:
            plan.before[code] = stored[code]
    return plan


def _held(table: Table, record: Record, units: UnitNames, lines: LineNames) -> Values:
    """The dated fields that a row gives."""
    found: Values = {}
    given = record.values
    if given.get("unit"):
        unit_id = find_unit(table, record, units)
        if unit_id == NOBODY:
            table.refuse(
                record, "unit",
                say("a point belongs to a unit: name it", "接入点须归属单位：请填写"),
            )  # fmt: skip
        found["unit_id"] = unit_id
    if "line" in given:
        found["line_id"] = lines.find(table, record, given["line"]) if given["line"] else None
    return found


def _free(
    table: Table, record: Record, code: str, values: Values, taken: dict[tuple[str, str], str]
) -> bool:
    """Whether no other point has this address in this zone; notes where one has."""
    place = (fold(values["zone"]), values["address"])
    other = taken.setdefault(place, code) if values["address"] else code
    if other != code:
        zone = values["zone"] or "–"
        table.refuse(
            record, "address",
            say(f"{values['address']} in zone {zone} is point {other!r} already: correct the "
                "address, or name the zone or VPN that keeps the two apart",
                f"网络区“{zone}”内的 {values['address']} 已是接入点“{other}”：请更正地址，"
                "或填写能区分二者的网络区或 VPN"),
        )  # fmt: skip
    return other == code


def addresses(known: Mapping[str, Values]) -> dict[tuple[str, str], str]:
    """(zone, address) of the points that are there -> code."""
    return {
        (fold(each["zone"]), each["address"]): code
        for code, each in known.items()
        if each["address"] and not each["removed"]
    }


def blank_point() -> Values:
    """A point of which nothing is known."""
    row = AccessPoint(code="", level="", updated=EVER)
    values = {name: "" if name in PLACES else getattr(row, name) for name in OWN}
    return values | {"removed": False, "terms": ()}


def point_values(session: Session) -> dict[str, Values]:
    """Every point by code, as an import compares it."""
    sites = {site.id: site.name for site in session.execute(select(Site)).scalars()}
    zones = {zone.id: zone.name for zone in session.execute(select(Zone)).scalars()}
    terms = spans(
        session.execute(select(PointTerm).order_by(col(PointTerm.since))).scalars(), "point_id",
        lambda row: PointHeld(row.unit_id, row.line_id),
    )  # fmt: skip
    found = {}
    for point in session.execute(select(AccessPoint)).scalars():
        places = {"zone": zones.get(point.zone_id, ""), "site": sites.get(point.site_id, "")}
        found[point.code] = {
            name: places[name] if name in PLACES else getattr(point, name) for name in OWN
        } | {"removed": point.removed is not None, "terms": terms.get(point.id or 0, ())}
    return found


def _write_point(
    session: Session, key: Any, values: Values, _before: Values | None, now: datetime
) -> None:
    write_point(session, key, values, "import", now)


def write_point(session: Session, code: str, values: Values, by: str, now: datetime) -> int:
    """Writes a point with its terms; returns its id."""
    point = session.execute(
        select(AccessPoint).where(col(AccessPoint.code) == code)
    ).scalar_one_or_none() or AccessPoint(code=code, level=values["level"], updated=now)
    places = PlaceIds(session)
    places.create([values["site"]], [values["zone"]], [])
    for name in OWN:
        if name not in PLACES:
            setattr(point, name, values[name])
    point.zone_id, point.site_id = places.zone(values["zone"]), places.site(values["site"])
    point.removed, point.updated, point.by = None, now, by
    session.add(point)
    session.flush()
    point_id = point.id or 0
    session.execute(delete(PointTerm).where(col(PointTerm.point_id) == point_id))
    for span in values["terms"]:
        session.add(
            PointTerm(point_id=point_id, since=span.since, until=span.until, **vars(span.value))
        )
    session.flush()
    return point_id


POINTS = Register("points", POINT_COLUMNS, ("code",), plan_points)
