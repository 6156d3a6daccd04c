"""Routes of published months: publish one, list versions, and what differs between two."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlmodel import Session, col

from controller.access import audit
from controller.access.deps import RuntimeDep, ScopeDep, may
from controller.access.principal import Principal
from controller.access.scope import Scope
from controller.access.tables import AuditEntry
from controller.inventory.api import PageNumber, PageSize
from controller.inventory.model import Page
from controller.ledger import months
from controller.ledger.month import Document, build
from controller.ledger.month_diff import MonthDifference, difference, within
from controller.ledger.tables import MonthVersion
from controller.problems import Problem
from controller.runtime import Runtime

router = APIRouter(prefix="/api/v1/ledger", tags=["ledger"])

Reader = Annotated[Principal, Depends(may("ledger.read"))]
Publisher = Annotated[Principal, Depends(may("ledger.publish"))]

CAUSES = (
    "holding.", "import.units", "import.resources", "ledger.confirm", "ledger.undo",
    "ledger.pending", "unit.", "claim.approve", "resource.",
)  # fmt: skip
"""Beginnings of audit actions that can change what a month says."""


class VersionView(BaseModel):
    """A month as it was published once."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "month": "2026-10",
                    "version": 2,
                    "published": "2026-11-05T09:00:00+08:00",
                    "published_by": "zhang.wei",
                    "score": 96.4,
                    "coverage_pct": 99.1,
                    "forced": "",
                    "note": "更正 2 台云主机归属",
                    "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                    "counts": {"units": 12, "resources": 200, "holdings": 214, "bytes": 61234},
                }
            ]
        }
    )

    month: str
    version: int
    published: datetime
    published_by: str
    score: float | None
    coverage_pct: float | None
    forced: str
    note: str
    digest: str = Field(description="SHA-256 of the document kept.")
    counts: dict[str, int]

    @classmethod
    def of(cls, version: MonthVersion) -> VersionView:
        return cls(**{name: getattr(version, name) for name in cls.model_fields})


@router.get("/months", summary="Published months")
def get_months(
    runtime: RuntimeDep,
    _reader: Reader,
    month: Annotated[str, Query(description="e.g. 2026-10; default: all.")] = "",
    page: PageNumber = 1,
    size: PageSize = 50,
) -> Page[VersionView]:
    """Every version, newest first."""
    with runtime.database.read() as session:
        rows, total = months.list_versions(session, month=month, page=page, size=size)
        items = [VersionView.of(row) for row in rows]
    return Page(items=items, total=total, page=page, size=size)


class Publication(BaseModel):
    """The month to publish."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"month": "2026-10", "note": "月报"}]}
    )

    month: str = Field(max_length=7)
    force: str = Field(
        "", max_length=500, description="Why it is published below the score; system_admin only."
    )
    note: str = Field("", max_length=500)


@router.post("/months", summary="Publish a month")
def post_month(body: Publication, runtime: RuntimeDep, publisher: Publisher) -> VersionView:
    """Freezes its figures and the register they rest on as the next version."""
    made = months.publish(
        runtime, publisher, body.month, force=body.force, note=body.note, now=runtime.now()
    )
    with runtime.database.write() as session:
        kept = months.keep(session, made)
        view = VersionView.of(kept)
        audit.record(
            session,
            publisher,
            "ledger.publish",
            f"{view.month} v{view.version}",
            "ok",
            view.model_dump(mode="json", exclude={"month", "version"}),
        )
    return view


class Cause(BaseModel):
    """What was done to the registers between the two."""

    at: datetime
    by: str
    action: str
    object: str


class MonthDifferenceView(BaseModel):
    """What differs between two versions, or between one and now."""

    month: str
    before: str = Field(examples=["1"])
    after: str = Field(examples=["now"])
    figures: list[dict[str, Any]] = Field(
        description="by, unit, system, resource, fields {name: [before, after]}, because [codes]"
    )
    holdings: list[dict[str, Any]] = Field(
        description="resource, since, until, unit_before, unit_after, fields"
    )
    units: list[dict[str, Any]]
    imports: list[list[Any]]
    undone: list[list[Any]]
    causes: list[Cause] = Field(description="For roles that serve the whole city.")


@router.get("/months/{month}/differences", summary="What a correction changed")
def get_month_differences(
    month: str,
    runtime: RuntimeDep,
    scope: ScopeDep,
    _reader: Reader,
    before: Annotated[int | None, Query(description="A version; default: the newest.")] = None,
    after: Annotated[str, Query(description="A later version, or 'now'.")] = "now",
) -> MonthDifferenceView:
    """Which rows differ, by how much, and because of which holdings."""
    found, causes = read_difference(runtime, scope, month, before, after)
    with runtime.database.read() as session:
        version = months.find_version(session, month, before).version
    return MonthDifferenceView(
        month=month,
        before=str(version),
        after=after,
        **asdict(found),
        causes=causes,
    )


def read_difference(
    runtime: Runtime, scope: Scope, month: str, before: int | None, after: str
) -> tuple[MonthDifference, list[Cause]]:
    """Raises NotFound, Problem 422."""
    if after != "now" and not after.isdecimal():
        raise Problem(422, "not a version", f"after={after!r}: give a number or 'now'")
    with runtime.database.read() as session:
        first = months.find_version(session, month, before)
        codes = months.visible_codes(session, scope)
        one: Document = months.read_document(first)
        since, until = first.published, runtime.now()
        if after == "now":
            other: Document | None = None
        else:
            second = months.find_version(session, month, int(after))
            other, until = months.read_document(second), second.published
        causes = read_causes(session, since, until) if scope.everything else []
    found = difference(one, other if other is not None else build(runtime, month))
    return within(found, codes), causes


def read_causes(session: Session, since: datetime, until: datetime) -> list[Cause]:
    """Changes of the registers in the audit log, oldest first, at most 200."""
    rows = session.execute(
        select(AuditEntry)
        .where(
            col(AuditEntry.at) > since,
            col(AuditEntry.at) <= until,
            col(AuditEntry.outcome) == "ok",
        )
        .order_by(col(AuditEntry.id))
        .limit(20_000)
    ).scalars()
    return [
        Cause(at=row.at, by=row.actor, action=row.action, object=row.object)
        for row in rows
        if row.action.startswith(CAUSES)
    ][:200]
