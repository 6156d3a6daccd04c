"""Routes of the system register, what falls due, allocations and their contradictions."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session
from starlette.datastructures import UploadFile
from starlette.requests import Request

from controller.access import audit
from controller.access.deps import RuntimeDep, ScopeDep, may
from controller.access.principal import Principal
from controller.access.scope import Scope
from controller.inventory import units
from controller.inventory.allocations import (
    AllocationDetail,
    AllocationView,
    allocation_detail,
    list_allocations,
)
from controller.inventory.api import (
    FILE_BODY,
    ImportOptions,
    PageNumber,
    PageSize,
    Writer,
    in_shanghai,
    page_of,
    received_file,
    take_import,
)
from controller.inventory.contradictions import Contradiction, contradictions
from controller.inventory.model import Page
from controller.inventory.outcome import ImportOutcome
from controller.inventory.register_tables import XINCHUANG_LAYERS, XINCHUANG_STATES
from controller.inventory.systems import (
    DueItem,
    SystemRecordView,
    due,
    find_system,
    keep_system,
    system_register,
)
from controller.problems import Problem

router = APIRouter(prefix="/api/v1", tags=["registers"])

Reader = Annotated[Principal, Depends(may("registers.read"))]
UnitFilter = Annotated[str | None, Query(description="Code or name; its subtree included.")]


def below(session: Session, scope: Scope, unit: str | None, at: datetime) -> frozenset[int] | None:
    """Ids of the unit's subtree; None for no unit. Raises NotFound."""
    if not unit:
        return None
    return units.subtree(session, units.find_unit(session, scope, unit, at).id, at)


@router.get("/system-register", summary="Business systems with their records")
def get_system_register(
    runtime: RuntimeDep,
    scope: ScopeDep,
    _reader: Reader,
    unit: UnitFilter = None,
    text: str = "",
    level: Annotated[int | None, Query(ge=1, le=5)] = None,
    cloud: Annotated[
        Literal["", "on", "off", "should", "unknown"],
        Query(description="should: is not on the cloud and should be."),
    ] = "",
    page: PageNumber = 1,
    size: PageSize = 100,
) -> Page[SystemRecordView]:
    """By unit and name."""
    now = runtime.now()
    with runtime.database.read() as session:
        unit_ids = below(session, scope, unit, now)
        found = system_register(
            session, scope, now, unit_ids=unit_ids, text=text, level=level, cloud=cloud
        )
    return page_of(found, page, size)


@router.get("/system-register/{system_id}", summary="One business system's record")
def get_system(
    system_id: int, runtime: RuntimeDep, scope: ScopeDep, _reader: Reader
) -> SystemRecordView:
    with runtime.database.read() as session:
        return find_system(session, scope, system_id, runtime.now())


class SystemKeep(BaseModel):
    """Fields of the record to set; what is left out stays as it is, null is not known."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"level": 3, "assessed": "2026-03-01", "on_cloud": True}]},
    )

    level: int | None = Field(None, ge=1, le=5)
    record_number: str = Field("", max_length=100)
    assessed: datetime | None = None
    crypto_assessed: datetime | None = None
    on_cloud: bool | None = None
    should_be_on_cloud: bool | None = None
    xinchuang: dict[str, str] = Field({}, description=f"Layer ({', '.join(XINCHUANG_LAYERS)}) "
                                      f"-> {', '.join(XINCHUANG_STATES)}.")  # fmt: skip
    public_addresses: list[str] = Field([], max_length=100)
    last_backup: datetime | None = None
    offsite_copy: datetime | None = None
    last_drill: datetime | None = None
    operator: str = Field("", max_length=200)
    operator_contact: str = Field("", max_length=200)
    contract_end: datetime | None = None
    note: str = Field("", max_length=1000)


@router.put("/system-register/{system_id}", summary="Set a business system's record")
def put_system(
    system_id: int, kept: SystemKeep, runtime: RuntimeDep, scope: ScopeDep, writer: Writer
) -> SystemRecordView:
    """Dates without a zone are Shanghai's."""
    now = runtime.now()
    for layer, state in kept.xinchuang.items():
        if layer not in XINCHUANG_LAYERS or state not in XINCHUANG_STATES:
            raise Problem(422, "unknown layer or state", f"{layer}: {state}")
    values: dict[str, Any] = {
        name: in_shanghai(value) if isinstance(value, datetime) else value
        for name, value in kept.model_dump(exclude_unset=True).items()
    }
    with runtime.database.write() as session:
        find_system(session, scope, system_id, now)
        keep_system(session, system_id, values, writer.name, now)
        audit.record(
            session, writer, "system.keep", str(system_id), "ok",
            kept.model_dump(mode="json", exclude_unset=True),
        )  # fmt: skip
        return find_system(session, scope, system_id, now)


@router.get("/due", summary="What falls due until a date")
def get_due(
    request: Request,
    runtime: RuntimeDep,
    scope: ScopeDep,
    _reader: Reader,
    until: Annotated[datetime | None, Query(description="Default: 30 days from now.")] = None,
    unit: UnitFilter = None,
    page: PageNumber = 1,
    size: PageSize = 100,
) -> Page[DueItem]:
    """Assessments, drills, backups, contracts and allocations, the longest overdue first."""
    now = runtime.now()
    with runtime.database.read() as session:
        found = due(
            session,
            scope,
            in_shanghai(until) if until else now + timedelta(days=30),
            now,
            unit_ids=below(session, scope, unit, now),
            further=getattr(request.app.state, "further_due", ()),
        )
    return page_of(found, page, size)


@router.get("/allocations", summary="Applied, approved, delivered")
def get_allocations(
    runtime: RuntimeDep,
    scope: ScopeDep,
    _reader: Reader,
    unit: UnitFilter = None,
    text: str = "",
    state: Literal["", "applied", "approved", "delivered", "expired"] = "",
    page: PageNumber = 1,
    size: PageSize = 100,
) -> Page[AllocationView]:
    """Newest application first, with the days it took to deliver."""
    now = runtime.now()
    with runtime.database.read() as session:
        unit_ids = below(session, scope, unit, now)
        found = list_allocations(session, scope, now, unit_ids=unit_ids, text=text, state=state)
    return page_of(found, page, size)


@router.get("/allocations/contradictions", summary="Papers that contradict each other or use")
def get_contradictions(
    runtime: RuntimeDep,
    scope: ScopeDep,
    _reader: Reader,
    unit: UnitFilter = None,
    page: PageNumber = 1,
    size: PageSize = 100,
) -> Page[Contradiction]:
    """Delivered over approved, held over delivered, delivered without approval, expired in use."""
    now = runtime.now()
    with runtime.database.read() as session:
        unit_ids = below(session, scope, unit, now)
        found = contradictions(session, scope, now, unit_ids=unit_ids)
    return page_of(found, page, size)


@router.get("/allocations/{allocation_id}", summary="One allocation with its history")
def get_allocation(
    allocation_id: int, runtime: RuntimeDep, scope: ScopeDep, _reader: Reader
) -> AllocationDetail:
    with runtime.database.read() as session:
        return allocation_detail(session, scope, allocation_id, runtime.now())


@router.post("/import/systems", summary="Import the system register", openapi_extra=FILE_BODY)
def post_systems(
    runtime: RuntimeDep,
    writer: Writer,
    options: Annotated[ImportOptions, Query()],
    file: Annotated[UploadFile, Depends(received_file)],
) -> ImportOutcome:
    """Columns unit, name, level, record_number, assessed … (单位, 系统名称, 等保级别 …)."""
    return take_import("systems", runtime, writer, options, file)


@router.post("/import/allocations", summary="Import allocations", openapi_extra=FILE_BODY)
def post_allocations(
    runtime: RuntimeDep,
    writer: Writer,
    options: Annotated[ImportOptions, Query()],
    file: Annotated[UploadFile, Depends(received_file)],
) -> ImportOutcome:
    """Columns number, unit, system, applied_vcpu … (申请单号, 单位, 申请CPU, 批复CPU …)."""
    return take_import("allocations", runtime, writer, options, file)
