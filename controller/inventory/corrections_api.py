"""POST /api/v1/corrections: one correction of many resources."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from controller.access import audit
from controller.access.deps import RuntimeDep, ScopeDep
from controller.inventory import units
from controller.inventory.api import Writer, in_shanghai
from controller.inventory.corrections import correct_many
from controller.inventory.settle import settle

router = APIRouter(prefix="/api/v1", tags=["registers"])

MOST_CODES = 20_000


class ManyCorrection(BaseModel):
    """What was in truth the case during [since, until) for each resource named, or for all that
    ``of_unit`` was said to hold. Fields that are left out stay as they were."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"of_unit": "330100-JTJ", "since": "2026-08-01", "until": "2026-11-01",
                 "unit": "330100-WJW"}
            ]
        },
    )  # fmt: skip

    resources: list[str] = Field([], max_length=MOST_CODES, description="Codes.")
    of_unit: str = Field("", max_length=200, description="Only what this unit was said to hold.")
    since: datetime | None = Field(None, description="From when; default: each one's opening.")
    until: datetime | None = Field(None, description="Until when (not included); default: no end.")
    unit: str = Field("", max_length=200, description="Code or name of the true owner.")
    system: str = Field("", max_length=200)
    site: str = Field("", max_length=200)
    zone: str = Field("", max_length=200)
    vcpu: float | None = Field(None, ge=0, le=1e9, description="Cores.")
    mem_bytes: float | None = Field(None, ge=0, le=1e18)
    disk_bytes: float | None = Field(None, ge=0, le=1e18)


class ManyCorrected(BaseModel):
    """What a correction of many changed."""

    resources: int = Field(examples=[300], description="Resources that say something else now.")
    unchanged: int = Field(examples=[0])
    days_marked: int = Field(examples=[27600], description="Days of resources that changed.")
    days_pending: int = Field(
        examples=[0], description="Days of owners whose sums the worker still makes again."
    )


@router.post("/corrections", summary="Correct owner, place or allocation of many resources")
def post_corrections(
    wanted: ManyCorrection, runtime: RuntimeDep, scope: ScopeDep, writer: Writer
) -> ManyCorrected:
    """All of them or, where one cannot be, none. Figures of that time are right when it answers,
    but for ``days_pending``."""
    now = runtime.now()
    changes = wanted.model_dump(
        exclude_unset=True, exclude={"since", "until", "resources", "of_unit"}
    )
    with runtime.database.write() as session:
        of_unit = None
        if wanted.of_unit:
            of_unit = units.find_unit(session, scope, wanted.of_unit, now).id
        if "unit" in changes:
            changes["unit_id"] = units.find_unit(session, scope, changes.pop("unit"), now).id
        done = correct_many(
            session,
            wanted.resources,
            of_unit=of_unit,
            since=in_shanghai(wanted.since) if wanted.since else None,
            until=in_shanghai(wanted.until) if wanted.until else None,
            changes=changes,
            scope=scope,
            now=now,
        )
        audit.record(
            session,
            writer,
            "holding.correct",
            wanted.of_unit or f"{len(wanted.resources)} resources",
            "ok",
            wanted.model_dump(mode="json", exclude_unset=True) | {"days_marked": done.days_marked},
        )
    return ManyCorrected(
        resources=done.resources,
        unchanged=done.unchanged,
        days_marked=done.days_marked,
        days_pending=settle(runtime),
    )
