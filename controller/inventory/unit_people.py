"""A unit's names, contacts, history and changes: read whole, and kept by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlmodel import Session, col

from controller.access.scope import Scope
from controller.inventory.lock import lock_registers
from controller.inventory.model import UnitView
from controller.inventory.naming import tidy
from controller.inventory.tables import (
    CONTACT_ROLES,
    Unit,
    UnitAlias,
    UnitChange,
    UnitContact,
    UnitVersion,
)
from controller.inventory.unit_state import Person, UnitPlan, read_units, write_units
from controller.inventory.units import find_unit
from controller.problems import Problem
from controller.said import say


class ContactView(BaseModel):
    """A person of a unit: 经办人 (handler), 负责人 (charge) or 分管领导 (leader)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"role": "leader", "name": "王敏", "phone": "0571-00000001", "email": ""}]
        },
    )

    role: str = Field(pattern=f"^({'|'.join(CONTACT_ROLES)})$")
    name: str = Field(min_length=1, max_length=100)
    phone: str = Field("", max_length=60)
    email: str = Field("", max_length=254)


class FormerView(BaseModel):
    """What a unit was called and where it stood during [since, until)."""

    name: str
    kind: str
    parent_code: str | None
    since: datetime
    until: datetime | None


class ChangeView(BaseModel):
    """A merge, split, rename or move of units."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"id": 4, "kind": "merge", "effective": "2026-07-01T00:00:00+08:00",
                 "at": "2026-07-03T09:00:00+08:00", "by": "ops", "document": "市编〔2026〕12号",
                 "note": "", "ended": ["330100-LYJ"], "into": ["330100-ZRJ"],
                 "moved_resources": 41, "undone": None}
            ]
        }
    )  # fmt: skip

    id: int
    kind: str
    effective: datetime
    at: datetime
    by: str
    document: str
    note: str
    ended: list[str]
    into: list[str]
    moved_resources: int
    undone: datetime | None


class UnitDetail(UnitView):
    """A unit with its other names, its people, its history and what became of it."""

    aliases: list[str] = []
    contacts: list[ContactView] = []
    former: list[FormerView] = []
    """Every name and place, oldest first."""
    changes: list[ChangeView] = []
    """Newest first."""


def unit_detail(session: Session, scope: Scope, code_or_name: str, at: datetime) -> UnitDetail:
    """Raises NotFound, also outside the scope."""
    unit = find_unit(session, scope, code_or_name, at)
    codes = {row[0]: row[1] for row in session.execute(select(col(Unit.id), col(Unit.code)))}
    versions = session.execute(
        select(UnitVersion)
        .where(col(UnitVersion.unit_id) == unit.id)
        .order_by(col(UnitVersion.since))
    ).scalars()
    aliases = session.execute(
        select(col(UnitAlias.name))
        .where(col(UnitAlias.unit_id) == unit.id)
        .order_by(col(UnitAlias.id))
    ).scalars()
    return UnitDetail(
        **unit.model_dump(),
        aliases=list(aliases),
        contacts=contacts_of(session, unit),
        former=[
            FormerView(
                name=version.name,
                kind=version.kind,
                parent_code=(
                    codes.get(version.parent_id)
                    if version.parent_id and scope.allows(version.parent_id)
                    else None
                ),
                since=version.since,
                until=version.until,
            )
            for version in versions
        ],
        changes=[
            change
            for change in list_changes(session, scope)
            if unit.code in (*change.ended, *change.into)
        ],
    )


def contacts_of(session: Session, unit: UnitView) -> list[ContactView]:
    """The first handler, then everybody else in order."""
    found = []
    if unit.contact or unit.phone or unit.email:
        found.append(
            ContactView(
                role="handler", name=unit.contact or "–", phone=unit.phone, email=unit.email
            )
        )
    rows = session.execute(
        select(UnitContact)
        .where(col(UnitContact.unit_id) == unit.id)
        .order_by(col(UnitContact.position))
    ).scalars()
    found += [
        ContactView(role=row.role, name=row.name, phone=row.phone, email=row.email) for row in rows
    ]
    return found


def list_changes(session: Session, scope: Scope) -> list[ChangeView]:
    """Changes that concern the scope, newest first; of other units not even the codes."""
    ids = {code: key for key, code in session.execute(select(col(Unit.id), col(Unit.code)))}

    def seen(codes: Sequence[str]) -> list[str]:
        return [code for code in codes if scope.allows(ids.get(code))]

    rows = session.execute(
        select(UnitChange).order_by(col(UnitChange.effective).desc(), col(UnitChange.id).desc())
    ).scalars()
    return [
        ChangeView(
            id=row.id or 0,
            kind=row.kind,
            effective=row.effective,
            at=row.at,
            by=row.by if scope.everything else "",
            document=row.document,
            note=row.note,
            ended=seen(row.detail.get("ended", [])),
            into=seen(row.detail.get("into", [])),
            moved_resources=row.detail.get("moved_resources", 0) if scope.everything else 0,
            undone=row.undone,
        )
        for row in rows
        if scope.everything or seen([*row.detail.get("ended", []), *row.detail.get("into", [])])
    ]


def keep_names(
    session: Session,
    scope: Scope,
    code: str,
    *,
    aliases: Sequence[str] | None,
    contacts: Sequence[ContactView] | None,
    now: datetime,
) -> None:
    """Makes a unit's aliases and contacts exactly these; None leaves them. Raises NotFound, and
    Problem 422 for an alias that is another unit's code."""
    lock_registers(session)
    unit = find_unit(session, scope, code, now)
    states = read_units(session)
    state = states[unit.code]
    if aliases is not None:
        cleaned = tuple(dict.fromkeys(name for each in aliases if (name := tidy(each))))
        for name in cleaned:
            if name in states and name != unit.code:
                raise Problem(
                    422,
                    "alias taken",
                    say(f"{name!r} is the code of another unit", f"“{name}”是另一单位的编码"),
                )
        state = replace(state, aliases=cleaned)
    if contacts is not None:
        people = [Person(each.role, tidy(each.name), each.phone, each.email) for each in contacts]
        first = next((person for person in people if person.role == "handler"), None)
        if first is not None:
            people.remove(first)
        people.sort(key=lambda person: CONTACT_ROLES.index(person.role))
        state = replace(
            state,
            contact=first.name if first else "",
            phone=first.phone if first else "",
            email=first.email if first else "",
            people=tuple(people),
        )
    write_units(session, UnitPlan(states, {unit.code: state}), now)
