"""Units as they are registered and as they are planned: read whole, changed, written."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlmodel import Session, col

from controller.inventory.naming import fold
from controller.inventory.tables import Unit, UnitAlias, UnitContact, UnitVersion
from controller.inventory.timeline import Span, Timeline, earlier, row_changes

_BEGINNING = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Place:
    """A unit's name and place in the tree; ``parent`` is a code, None at the top."""

    name: str
    parent: str | None = None
    kind: str = "department"


@dataclass(frozen=True)
class Person:
    """A contact; ``role`` is one of tables.CONTACT_ROLES."""

    role: str
    name: str
    phone: str = ""
    email: str = ""


@dataclass(frozen=True)
class UnitState:
    """A unit as registered or as planned (``id`` None: new)."""

    id: int | None
    code: str
    contact: str = ""
    email: str = ""
    phone: str = ""
    places: Timeline[Place] = ()
    aliases: tuple[str, ...] = ()
    """Names that anybody's exports use."""
    people: tuple[Person, ...] = ()
    """Contacts beside the first handler, by role and position."""


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
        write_units(session, self, now)
        return 0


def read_units(session: Session) -> dict[str, UnitState]:
    """Every unit by code."""
    units = {unit.id: unit for unit in session.execute(select(Unit)).scalars()}
    places: dict[int, list[Span[Place]]] = {}
    for version in session.execute(select(UnitVersion).order_by(col(UnitVersion.since))).scalars():
        parent = units[version.parent_id].code if version.parent_id is not None else None
        places.setdefault(version.unit_id, []).append(
            Span(version.since, version.until, Place(version.name, parent, version.kind))
        )
    aliases: dict[int, list[str]] = {}
    for alias in session.execute(select(UnitAlias).order_by(col(UnitAlias.id))).scalars():
        if not alias.source:
            aliases.setdefault(alias.unit_id, []).append(alias.name)
    people: dict[int, list[Person]] = {}
    ordered = select(UnitContact).order_by(col(UnitContact.position))
    for each in session.execute(ordered).scalars():
        person = Person(each.role, each.name, each.phone, each.email)
        people.setdefault(each.unit_id, []).append(person)
    return {
        unit.code: UnitState(
            unit_id, unit.code, unit.contact, unit.email, unit.phone,
            tuple(places.get(unit_id, ())), tuple(aliases.get(unit_id, ())),
            tuple(people.get(unit_id, ())),
        )
        for unit_id, unit in units.items()
        if unit_id is not None
    }  # fmt: skip


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


def write_units(session: Session, plan: UnitPlan, now: datetime) -> None:
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
    write_names_and_people(session, plan, ids)
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
                .values(version_row(ids, code, span))
            )
        versions += [version_row(ids, code, span) for span in added]
    if versions:
        session.execute(insert(UnitVersion), versions)


def write_names_and_people(session: Session, plan: UnitPlan, ids: dict[str, int]) -> None:
    """Makes the aliases and further contacts of each changed unit what the plan says."""
    for code, state in plan.after.items():
        old = plan.before.get(code) or UnitState(None, code)
        if state.aliases != old.aliases:
            session.execute(
                delete(UnitAlias).where(
                    col(UnitAlias.unit_id) == ids[code], col(UnitAlias.source) == ""
                )
            )
            taken = set(
                session.execute(
                    select(col(UnitAlias.folded)).where(col(UnitAlias.unit_id) == ids[code])
                ).scalars()
            )
            for name in state.aliases:
                if fold(name) not in taken:
                    taken.add(fold(name))
                    session.add(UnitAlias(unit_id=ids[code], name=name, folded=fold(name)))
        if state.people != old.people:
            session.execute(delete(UnitContact).where(col(UnitContact.unit_id) == ids[code]))
            for position, person in enumerate(state.people):
                session.add(
                    UnitContact(
                        unit_id=ids[code],
                        role=person.role,
                        position=position,
                        name=person.name,
                        phone=person.phone,
                        email=person.email,
                    )
                )
    session.flush()


def version_row(ids: dict[str, int], code: str, span: Span[Place]) -> dict[str, Any]:
    place = span.value
    return {
        "unit_id": ids[code],
        "name": place.name,
        "parent_id": ids[place.parent] if place.parent else None,
        "kind": place.kind,
        "since": span.since,
        "until": span.until,
    }
