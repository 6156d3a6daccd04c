"""Routes of units beyond the list: names and people, merges, splits, renames, and undoing them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlmodel import Session, col

from controller.access import audit
from controller.access.deps import RuntimeDep, ScopeDep
from controller.access.principal import Principal
from controller.access.scope import CITY
from controller.inventory import unit_changes, unit_people
from controller.inventory.api import At, PageNumber, PageSize, Reader, Writer, in_shanghai
from controller.inventory.model import Page
from controller.inventory.settle import settle
from controller.inventory.tables import UNIT_KINDS, Resource
from controller.inventory.unit_draft import Outcome, Paper, Part
from controller.inventory.unit_people import ChangeView, ContactView, UnitDetail
from controller.problems import NotFound, Problem
from controller.runtime import Runtime

router = APIRouter(prefix="/api/v1", tags=["registers"])


MOST_ALIAS = 200
"""Characters of an alias."""


class UnitKeep(BaseModel):
    """What is to stand in the register; what is left out stays as it is."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"aliases": ["市卫健委", "卫计委"],
                 "contacts": [{"role": "handler", "name": "李雷", "phone": "0571-1", "email": ""}]}
            ]
        },
    )  # fmt: skip

    aliases: list[Annotated[str, Field(max_length=MOST_ALIAS)]] | None = Field(None, max_length=50)
    contacts: list[ContactView] | None = Field(None, max_length=50)


class PartIn(BaseModel):
    """A unit that comes out of a change; a new one needs a name."""

    model_config = ConfigDict(extra="forbid")

    code: str = Field(min_length=1, max_length=64)
    name: str = Field("", max_length=200)
    kind: str = Field("", description=f"One of {', '.join(UNIT_KINDS)}; default: as before.")
    parent: str | None = Field(None, description='Code; "" is the top; default: as before.')
    systems: list[str] = Field([], description="Of a split: business systems that go to it.")
    resources: list[str] = Field([], description="Of a split: codes that go to it.")
    units: list[str] = Field([], description="Of a split: units that stand below it then.")


class ChangeIn(BaseModel):
    """A change of units from ``effective`` on."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"kind": "merge", "effective": "2026-07-01", "units": ["330100-LYJ"],
                 "into": [{"code": "330100-ZRJ"}], "document": "市编〔2026〕12号"}
            ]
        },
    )  # fmt: skip

    kind: Literal["merge", "split", "rename", "move"]
    effective: datetime = Field(description="Without a zone: Asia/Shanghai.")
    units: list[str] = Field(min_length=1, max_length=100, description="Codes it begins with.")
    into: list[PartIn] = Field(min_length=1, max_length=100)
    rest: str = Field("", description="Of a split: who takes what no part names.")
    document: str = Field("", max_length=200)
    note: str = Field("", max_length=500)
    dry_run: bool = False


class ChangeOut(BaseModel):
    """What a change did, or would do."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"id": 4, "kind": "merge", "ended": ["330100-LYJ"], "into": ["330100-ZRJ"],
                 "moved_units": [], "moved_resources": 41, "days_marked": 5904, "warnings": [],
                 "days_pending": 0}
            ]
        }
    )  # fmt: skip

    id: int | None
    kind: str
    ended: list[str]
    into: list[str]
    moved_units: list[str]
    moved_resources: int
    days_marked: int
    warnings: list[str]
    days_pending: int = 0


class Undone(BaseModel):
    """The change that was taken back."""

    change: ChangeView
    days_marked: int
    days_pending: int


@router.get("/unit-changes", summary="Merges, splits, renames and moves of units")
def get_changes(
    runtime: RuntimeDep,
    scope: ScopeDep,
    _reader: Reader,
    page: PageNumber = 1,
    size: PageSize = 100,
) -> Page[ChangeView]:
    """Newest first; those undone are listed, too."""
    with runtime.database.read() as session:
        found = unit_people.list_changes(session, scope)
    start = (page - 1) * size
    return Page(items=found[start : start + size], total=len(found), page=page, size=size)


@router.get("/units/{code}/register", summary="One unit with names, people and history")
def get_register(
    code: str, runtime: RuntimeDep, scope: ScopeDep, _reader: Reader, at: At = None
) -> UnitDetail:
    moment = in_shanghai(at) if at else runtime.now()
    with runtime.database.read() as session:
        return unit_people.unit_detail(session, scope, code, moment)


@router.put("/units/{code}/register", summary="Set a unit's aliases and contacts")
def put_register(
    code: str, kept: UnitKeep, runtime: RuntimeDep, scope: ScopeDep, writer: Writer
) -> UnitDetail:
    """Aliases are the names by which exports call it; they are looked up in every import."""
    now = runtime.now()
    with runtime.database.write() as session:
        keep_unit(session, writer, code, kept, runtime)
        return unit_people.unit_detail(session, scope, code, now)


def keep_unit(
    session: Session, writer: Principal, code: str, kept: UnitKeep, runtime: Runtime
) -> None:
    """Writes aliases and contacts, with the audit's row."""
    unit_people.keep_names(
        session, CITY, code, aliases=kept.aliases, contacts=kept.contacts, now=runtime.now()
    )
    audit.record(
        session, writer, "unit.keep", code, "ok", kept.model_dump(mode="json", exclude_none=True)
    )


@router.post("/unit-changes", summary="Merge, split, rename or move units")
def post_change(
    wanted: ChangeIn,
    runtime: RuntimeDep,
    writer: Writer,
    dry_run: Annotated[bool, Query(description="As the body's dry_run.")] = False,
) -> ChangeOut:
    """From the date on, what the old units held is the new ones'; before it nothing changes."""
    if dry_run:
        wanted = wanted.model_copy(update={"dry_run": True})
    return change_units(runtime, writer, wanted)


def change_units(runtime: Runtime, writer: Principal, wanted: ChangeIn) -> ChangeOut:
    """Carries a change out, or tries it. Raises NotFound, Problem 422."""
    now = runtime.now()
    paper = Paper(writer.name, now, wanted.document, wanted.note, wanted.dry_run)
    with runtime.database.write() as session:
        outcome = _carry_out(session, wanted, paper)
        audit.record(
            session,
            writer,
            f"unit.{wanted.kind}",
            ", ".join(wanted.units)[:200],
            "dry run" if wanted.dry_run else "ok",
            wanted.model_dump(mode="json", exclude_defaults=True),
        )
    pending = 0 if wanted.dry_run else settle(runtime)
    return ChangeOut(**vars(outcome), days_pending=pending)


def _carry_out(session: Session, wanted: ChangeIn, paper: Paper) -> Outcome:
    effective = in_shanghai(wanted.effective)
    for part in wanted.into:
        if part.kind and part.kind not in UNIT_KINDS:
            raise Problem(422, "unknown kind", f"{part.kind!r}: use one of {', '.join(UNIT_KINDS)}")
    parts = [_part(session, part) for part in wanted.into]
    if wanted.kind == "split":
        if len(wanted.units) != 1:
            raise Problem(422, "one unit", "a split begins with one unit")
        return unit_changes.split(
            session, wanted.units[0], parts, effective, paper, rest=wanted.rest
        )
    if len(parts) != 1:
        raise Problem(422, "one unit", f"a {wanted.kind} ends in one unit: give one in 'into'")
    if wanted.kind == "merge":
        return unit_changes.merge(session, wanted.units, parts[0], effective, paper)
    if len(wanted.units) != 1:
        raise Problem(422, "one unit", f"a {wanted.kind} begins with one unit")
    return unit_changes.reshape(session, wanted.units[0], effective, paper, parts[0])


def _part(session: Session, part: PartIn) -> Part:
    ids: list[int] = []
    for code in part.resources:
        found = session.execute(
            select(col(Resource.id)).where(col(Resource.code) == code.strip())
        ).scalar_one_or_none()
        if found is None:
            raise NotFound("resource", code)
        ids.append(found)
    return Part(
        part.code.strip(), part.name.strip(), part.kind, part.parent, tuple(part.systems),
        tuple(ids), tuple(part.units),
    )  # fmt: skip


@router.post("/unit-changes/{change_id}/undo", summary="Take a change of units back")
def post_undo(change_id: int, runtime: RuntimeDep, writer: Writer) -> Undone:
    """Refused with 409 where what it left was changed since."""
    return undo_change(runtime, writer, change_id)


def undo_change(runtime: Runtime, writer: Principal, change_id: int) -> Undone:
    """Raises NotFound, Problem 409."""
    now = runtime.now()
    with runtime.database.write() as session:
        row, marked = unit_changes.undo(session, change_id, writer.name, now)
        audit.record(session, writer, "unit.undo", str(change_id), "ok", {"kind": row.kind})
        view = next(
            each for each in unit_people.list_changes(session, CITY) if each.id == change_id
        )
    return Undone(change=view, days_marked=marked, days_pending=settle(runtime))
