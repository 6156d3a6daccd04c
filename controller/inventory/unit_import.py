"""What a table of units means for the register: planned first, written when all of it is good."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlmodel import Session

from controller.inventory.dated import EVER
from controller.inventory.naming import fold, narrow
from controller.inventory.table import Record, Table
from controller.inventory.tables import CONTACT_ROLES
from controller.inventory.timeline import Span, Timeline, change, fit, nearest
from controller.inventory.unit_rules import check_place, likely_kind
from controller.inventory.unit_state import (
    Person,
    Place,
    UnitPlan,
    UnitState,
    find_loop,
    read_units,
)
from controller.said import say


def plan_units(session: Session, table: Table, now: datetime, since: datetime | None) -> UnitPlan:
    """The plan for the good records of ``table``; what else is wrong with them is noted there.

    A dated row says what holds from then on. A row without a date is held to be right since the
    unit's present name and place began; with ``since``, from then.
    """
    before = read_units(session)
    _check_codes(table, before)
    _check_people(table)
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
        if not _refuse_cycles(table, good, plan) and not _check_kinds(table, good, plan):
            return plan


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


def _check_people(table: Table) -> None:
    """Numbers and addresses belong to names in their order: more of them than names fit nobody."""
    for record in table.records:
        for role in ("charge", "leader"):
            names = record.values.get(role)
            for name in (f"{role}_phone", f"{role}_email"):
                given = record.values.get(name)
                if names is not None and given and len(given) > len(names):
                    table.refuse(
                        record,
                        name,
                        say(
                            f"holds {len(given)} for {len(names)} names: give each name its own, "
                            "in the same order",
                            f"有 {len(given)} 项，而姓名只有 {len(names)} 个：请按姓名顺序一一对应",
                        ),
                    )


def _resolve_parents(
    table: Table, good: Iterable[Record], before: dict[str, UnitState]
) -> dict[int, str | None]:
    """Row -> the parent's code; None at the top. Notes parents that are unknown or ambiguous."""
    records = list(good)
    codes = {*before, *(record.values["code"] for record in records)}
    names: dict[str, set[str]] = {}
    for state in before.values():
        for name in (*(span.value.name for span in state.places), *state.aliases):
            names.setdefault(fold(name), set()).add(state.code)
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


def _check_kinds(table: Table, good: Iterable[Record], plan: UnitPlan) -> bool:
    """Gives units whose kind nobody wrote the likely one; notes places that the tree of a
    prefecture does not have: an error where the kinds of both were written down, else a warning.
    Whether any record was refused."""
    records = list(good)
    states = plan.before | plan.after
    stated = {r.values["code"] for r in records if r.values.get("kind")}
    unsaid = [
        code for code in plan.after
        if code not in plan.before and code not in stated and len(plan.after[code].places) == 1
    ]  # fmt: skip
    for code in sorted(unsaid, key=lambda each: _depth(states, each)):
        span = plan.after[code].places[0]
        parent = states.get(span.value.parent or "")
        above = parent.places[-1].value.kind if parent and parent.places else None
        place = replace(span.value, kind=likely_kind(above))
        states[code] = plan.after[code] = replace(
            plan.after[code], places=(replace(span, value=place),)
        )
    refused = False
    for record in records:
        if not {"kind", "parent"} & set(record.values):
            continue
        place = plan.after[record.values["code"]].places[-1].value
        parent = states.get(place.parent or "")
        above = parent.places[-1].value.kind if parent and parent.places else None
        wrong = check_place(place.kind, above)
        if wrong is None:
            continue
        column = "parent" if "parent" in record.values else "kind"
        known = parent is None or parent.code in stated or above != "department"
        if record.values["code"] in stated and parent is not None and known:
            table.refuse(record, column, wrong)
            refused = True
        else:
            table.warn(record, column, wrong)
    return refused


def _depth(states: dict[str, UnitState], code: str) -> int:
    """How many units stand above; loops were refused before."""
    depth, state = 0, states.get(code)
    while state is not None and state.places and state.places[-1].value.parent and depth < 100:
        state = states.get(state.places[-1].value.parent or "")
        depth += 1
    return depth


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
    contacts: dict[str, Any] = {
        key: values[key] for key in ("contact", "email", "phone") if key in values
    }
    if "alias" in values:
        contacts["aliases"] = tuple(values["alias"])
    people = tuple(
        person for role in CONTACT_ROLES for person in _people(role, values, state.people)
    )
    return replace(state, places=places, people=people, **contacts)


def _people(role: str, values: dict[str, Any], before: tuple[Person, ...]) -> Iterable[Person]:
    """The contacts of one role after a row; who is not named again keeps number and address."""
    known = [person for person in before if person.role == role]
    phones, emails = values.get(f"{role}_phone"), values.get(f"{role}_email")
    names = values.get(role)
    if names is None:
        names = [person.name for person in known]
    by_name = {person.name: person for person in known}
    for place, name in enumerate(names):
        old = by_name.get(name, Person(role, name))
        yield replace(
            old,
            phone=_nth(phones, place, old.phone),
            email=_nth(emails, place, old.email),
        )


def _nth(values: list[str] | None, place: int, otherwise: str) -> str:
    if values is None:
        return otherwise
    return values[place] if place < len(values) else ""
