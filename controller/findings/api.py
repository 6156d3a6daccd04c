"""Routes of findings: /api/v1/findings and /api/v1/suppressions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from controller.access.deps import RuntimeDep, ScopeDep, may
from controller.access.principal import Principal
from controller.findings import changes, views, windows
from controller.findings.model import FindingLife, FindingView, Summary, WindowView
from controller.inventory import units
from controller.inventory.dated import SHANGHAI
from controller.inventory.model import Page
from controller.problems import Problem

router = APIRouter(prefix="/api/v1", tags=["findings"])

Reader = Annotated[Principal, Depends(may("findings.read"))]
Acknowledger = Annotated[Principal, Depends(may("findings.acknowledge"))]
Manager = Annotated[Principal, Depends(may("findings.manage"))]
Note = Annotated[str, Field(max_length=1000)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Acknowledgement(_Body):
    """Which findings somebody takes notice of, with a word."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"ids": [17, 18], "note": "已联系单位"}}
    )

    ids: list[int] = Field(min_length=1, max_length=changes.MOST_AT_ONCE)
    note: Note = ""


class Changed(BaseModel):
    """How many findings changed."""

    changed: int


class Assignment(_Body):
    """``to``: a user name, "" for nobody; ``due``: another time limit."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"to": "li.lei", "due": "2026-11-24"}}
    )

    to: str = Field(max_length=64)
    due: datetime | None = None
    note: Note = ""


class Word(_Body):
    """A note, or what was done."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"note": "已清理日志，释放 40 GB"}}
    )

    note: Note


class HandOver(_Body):
    """Whose unresolved findings go to whom."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"from_user": "wang", "to_user": "li", "note": "白班交夜班"}},
    )

    from_user: str = Field(max_length=64)
    to_user: str = Field(max_length=64)
    note: Note = ""


class HandedOver(BaseModel):
    """The hand-over as recorded."""

    id: int
    at: datetime
    findings: list[int]


class NewWindow(_Body):
    """Hide a code, a subject, a unit's findings, or what is all of them, for a time."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "subject_kind": "resource",
                "subject_key": "vm-17",
                "since": "2026-11-23T22:00:00+08:00",
                "until": "2026-11-24T06:00:00+08:00",
                "reason": "割接",
            }
        },
    )

    code: str = Field(default="", max_length=64)
    subject_kind: str = Field(default="", max_length=32)
    subject_key: str = Field(default="", max_length=200)
    unit: str = Field(default="", max_length=200)
    since: datetime | None = None
    until: datetime
    reason: str = Field(max_length=500)


@router.get("/findings", summary="Findings")
def list_findings(
    runtime: RuntimeDep,
    scope: ScopeDep,
    reader: Reader,
    state: Annotated[
        Literal["", "unresolved", "open", "acknowledged", "resolved"],
        Query(description="'' is all of them."),
    ] = "unresolved",
    severity: Literal["", "critical", "major", "minor", "info"] = "",
    source: Annotated[str, Query(max_length=32)] = "",
    code: Annotated[str, Query(max_length=64)] = "",
    unit: Annotated[str, Query(description="Code or name; its subtree included.")] = "",
    subject_kind: Annotated[str, Query(max_length=32)] = "",
    subject_key: Annotated[str, Query(max_length=200)] = "",
    assignee: Annotated[str, Query(max_length=64)] = "",
    text: Annotated[str, Query(max_length=100)] = "",
    hidden: bool | None = None,
    overdue: bool = False,
    sort: Annotated[str, Query(description=f"-NAME descends; {', '.join(views.SORTS)}")] = "",
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    size: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Page[FindingView]:
    """The gravest first unless ``sort`` says otherwise."""
    key = sort.removeprefix("-") or "severity"
    if key not in views.SORTS:
        raise Problem(422, "unknown sort", f"sort by one of {', '.join(views.SORTS)}")
    with runtime.database.read() as session:
        below = None
        if unit:
            found = units.find_unit(session, scope, unit, reader.at)
            below = units.subtree(session, found.id, reader.at)
        wanted = views.Filter(
            state=state,
            severity=severity,
            source=source,
            code=code,
            unit_ids=below,
            subject_kind=subject_kind,
            subject_key=subject_key,
            assignee=assignee,
            text=text,
            hidden=hidden,
            overdue=overdue,
        )
        items, total = views.list_findings(
            session,
            scope,
            reader.at,
            wanted,
            sort=key,
            descending=sort.startswith("-"),
            page=page,
            size=size,
        )
    return Page(items=items, total=total, page=page, size=size)


@router.get("/findings/summary", summary="What waits, by severity")
def get_summary(runtime: RuntimeDep, scope: ScopeDep, reader: Reader) -> Summary:
    """Unresolved findings that are not hidden."""
    with runtime.database.read() as session:
        return views.summary(session, scope, reader.at)


@router.get("/findings/{finding_id}", summary="One finding and its life")
def get_finding(
    finding_id: int, runtime: RuntimeDep, scope: ScopeDep, reader: Reader
) -> FindingLife:
    """All that happened to it, oldest first."""
    with runtime.database.read() as session:
        return views.get_finding(session, scope, finding_id, reader.at)


@router.post("/findings/acknowledge", summary="Acknowledge findings")
def acknowledge(
    wanted: Acknowledgement, runtime: RuntimeDep, scope: ScopeDep, by: Acknowledger
) -> Changed:
    """All of them or, if one is not there, none."""
    with runtime.database.write() as session:
        return Changed(changed=changes.acknowledge(session, scope, wanted.ids, by, wanted.note))


@router.post("/findings/hand-over", summary="Hand a shift's findings over")
def hand_over(wanted: HandOver, runtime: RuntimeDep, scope: ScopeDep, by: Manager) -> HandedOver:
    """Every unresolved finding assigned to one user goes to another."""
    with runtime.database.write() as session:
        done = changes.hand_over(session, scope, wanted.from_user, wanted.to_user, by, wanted.note)
        return HandedOver(id=done.id or 0, at=done.at, findings=done.findings)


@router.post("/findings/{finding_id}/assign", summary="Assign a finding")
def assign(
    finding_id: int, wanted: Assignment, runtime: RuntimeDep, scope: ScopeDep, by: Manager
) -> FindingLife:
    """To a user, with a time limit if another one is wanted."""
    due = None if wanted.due is None else _in_shanghai(wanted.due)
    with runtime.database.write() as session:
        changes.assign(session, scope, finding_id, wanted.to, due, by, wanted.note)
        return views.get_finding(session, scope, finding_id, by.at)


@router.post("/findings/{finding_id}/note", summary="Write a note")
def add_note(
    finding_id: int, wanted: Word, runtime: RuntimeDep, scope: ScopeDep, by: Acknowledger
) -> FindingLife:
    """Into the finding's life."""
    with runtime.database.write() as session:
        changes.add_note(session, scope, finding_id, by, wanted.note)
        return views.get_finding(session, scope, finding_id, by.at)


@router.post("/findings/{finding_id}/resolve", summary="Resolve by hand")
def resolve(
    finding_id: int, wanted: Word, runtime: RuntimeDep, scope: ScopeDep, by: Manager
) -> FindingLife:
    """Seen again, it is opened again."""
    with runtime.database.write() as session:
        changes.resolve(session, scope, finding_id, by, wanted.note)
        return views.get_finding(session, scope, finding_id, by.at)


@router.get("/suppressions", summary="Suppression windows")
def list_windows(
    runtime: RuntimeDep,
    scope: ScopeDep,
    reader: Reader,
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    size: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Page[WindowView]:
    """Those that hide or will first."""
    with runtime.database.read() as session:
        found = windows.list_windows(session, scope, reader.at)
    items = found[(page - 1) * size : page * size]
    return Page(items=items, total=len(found), page=page, size=size)


@router.post("/suppressions", status_code=201, summary="Hide findings for a time")
def create_window(
    wanted: NewWindow, runtime: RuntimeDep, scope: ScopeDep, by: Manager
) -> WindowView:
    """With a reason and an end."""
    with runtime.database.write() as session:
        return windows.create_window(
            session,
            scope,
            by,
            since=by.at if wanted.since is None else _in_shanghai(wanted.since),
            until=_in_shanghai(wanted.until),
            reason=wanted.reason,
            code=wanted.code,
            subject_kind=wanted.subject_kind,
            subject_key=wanted.subject_key,
            unit=wanted.unit,
        )


@router.delete("/suppressions/{window_id}", status_code=204, summary="End a window now")
def end_window(window_id: int, runtime: RuntimeDep, scope: ScopeDep, by: Manager) -> Response:
    """What it hid is shown again."""
    with runtime.database.write() as session:
        windows.end_window(session, scope, window_id, by)
    return Response(status_code=204)


def _in_shanghai(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)
