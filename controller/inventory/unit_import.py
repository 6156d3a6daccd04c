"""What a table of units means for the register: planned first, written when all of it is good."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlmodel import Session, col

from controller.inventory.dated import EVER
from controller.inventory.naming import fold, narrow
from controller.inventory.table import Record, Table
from controller.inventory.tables import Unit, UnitVersion
from controller.inventory.timeline import (
    Span,
    Timeline,
    change,
    earlier,
    fit,
    nearest,
    row_changes,
)

_BEGINNING = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Place:
    """A unit's name and place in the tree; ``parent`` is a code, None at the top."""

    name: str
    parent: str | None = None
    kind: str = "department"


@dataclass(frozen=True)
class UnitState:
    """A unit as registered or as planned (``id`` None: new)."""

    id: int | None
    code: str
    contact: str = ""
    email: str = ""
    phone: str = ""
    places: Timeline[Place] = ()


@dataclass
class UnitPlan:
    """``before`` and ``after`` by code; ``after`` holds only what the file names."""

    before: dict[str, UnitState]
    after: dict[str, UnitState] = field(default_factory=dict)

    @property
    def created(self) -> int:
        return sum(code not in self.before for code in self.after)

    @property
    def updated(self) -> int:
        return len(self.after) - self.created - self.unchanged

    @property
    def unchanged(self) -> int:
        return sum(self.before.get(code) == state for code, state in self.after.items())

    def apply(self, session: Session, now: datetime) -> int:
        """Writes the plan; returns the resource-days marked, which a change of the tree is not
        in need of: figures are kept by unit, and a subtree is added up when asked for."""
        _write_units(session, self, now)
        return 0


def plan_units(session: Session, table: Table, now: datetime, since: datetime | None) -> UnitPlan:
    """The plan for the good records of ``table``; what else is wrong with them is noted there.

    A dated row says what holds from then on. A row without a date is held to be right since the
    unit's present name and place began; with ``since``, from then.
    """
    before = read_units(session)
    _check_codes(table, before)
    # A record that turns out bad may be another's parent: then all is planned again without it.
    while True:
        good = [record for record in table.records if not record.bad]
        parents = _resolve_parents(table, good, before)
        if any(record.bad for record in good):
            continue
        plan = UnitPlan(before)
        for record in sorted(good, key=lambda item: item.values.get("since") or EVER):
            code = record.values["code"]
            state = plan.after.get(code) or before.get(code)
            values = dict(record.values)
            if "parent" in values:
                values["parent"] = parents[record.row]
            plan.after[code] = _apply(state, values, now, since)
        if not _refuse_cycles(table, good, plan):
            return plan


def read_units(session: Session) -> dict[str, UnitState]:
    """Every unit by code."""
    units = {unit.id: unit for unit in session.execute(select(Unit)).scalars()}
    places: dict[int, list[Span[Place]]] = {}
    for version in session.execute(select(UnitVersion).order_by(col(UnitVersion.since))).scalars():
        parent = units[version.parent_id].code if version.parent_id is not None else None
        places.setdefault(version.unit_id, []).append(
            Span(version.since, version.until, Place(version.name, parent, version.kind))
        )
    return {
        unit.code: UnitState(
            unit_id, unit.code, unit.contact, unit.email, unit.phone, tuple(places.get(unit_id, ()))
        )
        for unit_id, unit in units.items()
        if unit_id is not None
    }


def _check_codes(table: Table, before: dict[str, UnitState]) -> None:
    first: dict[tuple[str, datetime | None], int] = {}
    rows: dict[str, list[Record]] = {}
    for record in table.records:
        code = record.values.get("code")
        if not code:
            if "code" not in record.failed:
                table.refuse(record, "code", "the code is missing: every unit needs its own")
            continue
        named = record.values.get("name") or "name" in record.failed
        if code not in before and code not in rows and not named:
            table.refuse(record, "name", f"the name of the new unit {code!r} is missing")
        same = first.setdefault((code, record.values.get("since")), record.row)
        undated = any("since" not in other.values for other in rows.get(code, ()))
        if same != record.row or undated or ("since" not in record.values and code in rows):
            other = same if same != record.row else rows[code][0].row
            table.refuse(
                record,
                "code",
                f"{code!r} stands in row {other} already: remove one, or give each row the date "
                "since when it holds",
            )
        rows.setdefault(code, []).append(record)


def _resolve_parents(
    table: Table, good: Iterable[Record], before: dict[str, UnitState]
) -> dict[int, str | None]:
    """Row -> the parent's code; None at the top. Notes parents that are unknown or ambiguous."""
    records = list(good)
    codes = {*before, *(record.values["code"] for record in records)}
    names: dict[str, set[str]] = {}
    for state in before.values():
        for span in state.places:
            names.setdefault(fold(span.value.name), set()).add(state.code)
    for record in records:
        if record.values.get("name"):
            names.setdefault(fold(record.values["name"]), set()).add(record.values["code"])
    parents: dict[int, str | None] = {}
    for record in records:
        wanted = record.values.get("parent", "")
        parents[record.row] = None
        if not wanted:
            continue
        if narrow(wanted) in codes:
            parents[record.row] = narrow(wanted)
            continue
        # A unit may be called like its parent; it is not meant itself.
        found = sorted(names.get(fold(wanted), set()) - {record.values["code"]})
        if len(found) == 1:
            parents[record.row] = found[0]
        elif found:
            table.refuse(
                record,
                "parent",
                f"{len(found)} units are called {wanted!r}: give the code, one of "
                + ", ".join(found[:10]),
            )
        else:
            table.refuse(record, "parent", _unknown_parent(table, wanted))
    return parents


def _unknown_parent(table: Table, wanted: str) -> str:
    for record in table.records:
        named = (record.values.get("code"), fold(record.values.get("name", "")))
        if record.bad and (narrow(wanted) == named[0] or fold(wanted) == named[1]):
            return f"the parent {wanted!r} in row {record.row} has errors itself: mend those first"
    return f"no unit {wanted!r} in the register or in this file: correct it or add the unit"


def _refuse_cycles(table: Table, good: Iterable[Record], plan: UnitPlan) -> bool:
    """Notes the records whose unit would stand above itself at any time; whether there are any."""
    states = plan.before | plan.after
    looping = {code: loop for code in plan.after if (loop := find_loop(states, code))}
    refused = False
    for record in good:
        loop = looping.get(record.values["code"])
        if loop and "parent" in record.values:
            refused = True
            table.refuse(
                record,
                "parent",
                "the unit would stand above itself: "
                + " under ".join(loop)
                + "; correct one of these parents",
            )
    return refused


def find_loop(states: dict[str, UnitState], code: str) -> list[str] | None:
    """The codes from ``code`` upwards back to itself, at whatever time; None if that never is."""
    stack: list[tuple[list[str], datetime, datetime | None]] = [([code], _BEGINNING, None)]
    while stack:
        path, since, until = stack.pop()
        state = states.get(path[-1])
        for span in state.places if state else ():
            start, end = max(span.since, since), earlier(span.until, until)
            parent = span.value.parent
            if parent is None or (end is not None and start >= end):
                continue
            if parent == code:
                return [*path, code]
            if parent not in path:
                stack.append(([*path, parent], start, end))
    return None


def _apply(
    state: UnitState | None, values: dict[str, Any], now: datetime, effective: datetime | None
) -> UnitState:
    placed = {key: values[key] for key in ("name", "parent", "kind") if key in values}
    if placed.get("name") == "":
        del placed["name"]
    since = values.get("since")
    if state is None or not state.places:
        code = values["code"]
        place = replace(Place(code), **placed)
        places: Timeline[Place] = (Span(since or EVER, None, place),)
        state = state or UnitState(None, code)
    else:
        places = state.places
        current = nearest(places, now)
        start, end = current.since if current else EVER, current.until if current else None
        if since or effective:
            start, end = since or effective or EVER, None
        if start < places[0].since:
            places = fit(places, start, places[-1].until)
        places = change(places, start, end, lambda place: replace(place, **placed))
    contacts = {key: values[key] for key in ("contact", "email", "phone") if key in values}
    return replace(state, places=places, **contacts)


def _write_units(session: Session, plan: UnitPlan, now: datetime) -> None:
    new = [state for code, state in plan.after.items() if code not in plan.before]
    if new:
        session.execute(
            insert(Unit),
            [
                {
                    "code": state.code,
                    "contact": state.contact,
                    "email": state.email,
                    "phone": state.phone,
                    "created": now,
                }
                for state in new
            ],
        )
    ids = {code: key for key, code in session.execute(select(col(Unit.id), col(Unit.code)))}
    versions: list[dict[str, Any]] = []
    for code, state in plan.after.items():
        old = plan.before.get(code)
        if old == state:
            continue
        contacts = (state.contact, state.email, state.phone)
        if old is not None and contacts != (old.contact, old.email, old.phone):
            session.execute(
                update(Unit)
                .where(col(Unit.id) == ids[code])
                .values(contact=state.contact, email=state.email, phone=state.phone)
            )
        gone, changed, added = row_changes(old.places if old else (), state.places)
        for since in gone:
            session.execute(
                delete(UnitVersion).where(
                    col(UnitVersion.unit_id) == ids[code], col(UnitVersion.since) == since
                )
            )
        for span in changed:
            session.execute(
                update(UnitVersion)
                .where(col(UnitVersion.unit_id) == ids[code], col(UnitVersion.since) == span.since)
                .values(_version(ids, code, span))
            )
        versions += [_version(ids, code, span) for span in added]
    if versions:
        session.execute(insert(UnitVersion), versions)


def _version(ids: dict[str, int], code: str, span: Span[Place]) -> dict[str, Any]:
    place = span.value
    return {
        "unit_id": ids[code],
        "name": place.name,
        "parent_id": ids[place.parent] if place.parent else None,
        "kind": place.kind,
        "since": span.since,
        "until": span.until,
    }
