"""The audit log over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from controller.access import audit
from controller.access.deps import RuntimeDep, may
from controller.access.principal import Principal
from controller.access.tables import AuditEntry

router = APIRouter(prefix="/api/v1", tags=["access"])

AuditReader = Annotated[Principal, Depends(may("audit.read"))]


class AuditView(BaseModel):
    id: int
    at: datetime
    actor: str
    address: str
    action: str
    object: str
    outcome: str
    detail: dict[str, Any]
    chain: str


class AuditPage(BaseModel):
    """``next_before`` continues the list; null at its end."""

    items: list[AuditView]
    next_before: int | None


class AuditVerdict(BaseModel):
    """``broken`` is the id of the first row that was changed, removed or moved."""

    rows: int
    intact: bool
    broken: int | None
    head: str


@router.get("/audit", summary="The audit log, newest first")
def list_audit(
    runtime: RuntimeDep,
    _principal: AuditReader,
    since: Annotated[datetime | None, Query(alias="from")] = None,
    until: Annotated[datetime | None, Query(alias="to")] = None,
    actor: str = "",
    action: Annotated[str, Query(description="an action or its beginning, such as user.")] = "",
    before: Annotated[int | None, Query(description="next_before of the page before")] = None,
    size: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> AuditPage:
    with runtime.database.read() as session:
        entries = audit.list_entries(
            session,
            since=_aware(runtime.settings.timezone, since),
            until=_aware(runtime.settings.timezone, until),
            actor=actor,
            action=action,
            before_id=before,
            limit=size,
        )
        items = [_audit_view(entry) for entry in entries]
    return AuditPage(items=items, next_before=items[-1].id if len(items) == size else None)


@router.get("/audit/verify", summary="Walk the hash chain of the audit log")
def verify_audit(runtime: RuntimeDep, _principal: AuditReader) -> AuditVerdict:
    with runtime.database.read() as session:
        verdict = audit.verify(session)
    return AuditVerdict(
        rows=verdict.rows, intact=verdict.broken is None, broken=verdict.broken, head=verdict.head
    )


def _aware(timezone: str, moment: datetime | None) -> datetime | None:
    if moment is None or moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=ZoneInfo(timezone))


def _audit_view(entry: AuditEntry) -> AuditView:
    return AuditView.model_validate(entry, from_attributes=True)
