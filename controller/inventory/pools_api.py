"""Routes of resource pools: what there is, what is left, and whether a request fits."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import UploadFile

from controller.access.deps import RuntimeDep, ScopeDep, may
from controller.access.principal import Principal
from controller.inventory import pools
from controller.inventory.allocations import Quantities
from controller.inventory.api import (
    FILE_BODY,
    At,
    ImportOptions,
    PageNumber,
    PageSize,
    Writer,
    in_shanghai,
    page_of,
    received_file,
    take_import,
)
from controller.inventory.model import Page
from controller.inventory.outcome import ImportOutcome

router = APIRouter(prefix="/api/v1", tags=["registers"])

Reader = Annotated[Principal, Depends(may("pools.read"))]


class PoolView(BaseModel):
    """A pool: capacity, what may be given out of it, what is held, promised and left."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"code": "main-gw-kp", "name": "主中心政务外网鲲鹏池", "site": "主中心",
                 "zone": "政务外网区", "arch": "kunpeng", "accelerator": "",
                 "capacity": {"vcpu": 2048}, "cpu_overcommit": 3.0, "mem_overcommit": 1.0,
                 "reserve_pct": 20.0, "grantable": {"vcpu": 4915.2}, "allocated": {"vcpu": 3000},
                 "promised": {"vcpu": 64}, "left": {"vcpu": 1851.2}, "cpu_ratio": 1.46,
                 "mem_ratio": None, "resources": 310}
            ]
        }
    )  # fmt: skip

    code: str
    name: str
    site: str
    zone: str = Field(description='"" serves every zone of the site.')
    arch: str
    accelerator: str
    capacity: Quantities
    cpu_overcommit: float
    mem_overcommit: float
    reserve_pct: float
    grantable: Quantities
    allocated: Quantities
    promised: Quantities = Field(description="Approved and not delivered yet.")
    left: Quantities
    cpu_ratio: float | None = Field(description="vCPU given out for each thread.")
    mem_ratio: float | None
    resources: int


class Unplaced(BaseModel):
    """A resource that no pool's figures count."""

    resource: str = Field(examples=["vm-0042"])
    why: str = Field(examples=["未登记站点"])


class ApprovalRequest(BaseModel):
    """What is asked for; a place or processor that is left out may be any."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"vcpu": 64, "mem_gib": 256, "disk_gib": 2000, "site": "主中心",
                          "arch": "kunpeng"}]
        },
    )  # fmt: skip

    vcpu: float = Field(0, ge=0, le=1e9)
    mem_gib: float = Field(0, ge=0, le=1e9)
    disk_gib: float = Field(0, ge=0, le=1e9)
    accelerators: float = Field(0, ge=0, le=1e6)
    site: str = ""
    zone: str = ""
    arch: str = ""
    accelerator: str = ""
    purpose: Literal["production", "test", "emergency"] = "production"


class CheckView(BaseModel):
    """One size: asked for, and left in the pool (null: its capacity is not known)."""

    size: str
    asked: float
    left: float | None
    ok: bool


class ApprovalAnswer(BaseModel):
    """Whether it can be approved, from which pool, and why (not)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"ok": False, "pool": "main-gw-kp", "pool_name": "主中心政务外网鲲鹏池",
                 "checks": [{"size": "vcpu", "asked": 64, "left": 12, "ok": False}],
                 "reason_zh": "不能批复：主中心政务外网鲲鹏池vCPU申请 64，可分配 12，缺 52",
                 "reason_en": "cannot be approved: main-gw-kp: vCPU: asked 64, left 12",
                 "alternatives": []}
            ]
        }
    )  # fmt: skip

    ok: bool
    pool: str
    pool_name: str
    checks: list[CheckView]
    reason_zh: str
    reason_en: str
    alternatives: list[str]


@router.get("/pools", summary="Resource pools")
def get_pools(
    runtime: RuntimeDep,
    scope: ScopeDep,
    _reader: Reader,
    at: At = None,
    page: PageNumber = 1,
    size: PageSize = 100,
) -> Page[PoolView]:
    """By code, as they were at the moment asked about."""
    moment = in_shanghai(at) if at else runtime.now()
    with runtime.database.read() as session:
        found = pools.list_pools(session, scope, moment)
    return page_of([PoolView(**pools.as_json(pool)) for pool in found], page, size)


@router.get("/pools/unplaced", summary="Resources that no pool counts")
def get_unplaced(
    runtime: RuntimeDep,
    scope: ScopeDep,
    _reader: Reader,
    page: PageNumber = 1,
    size: PageSize = 100,
) -> Page[Unplaced]:
    """With the reason: no site, no such pool, or no processor family known."""
    with runtime.database.read() as session:
        found = pools.unplaced(session, scope, runtime.now())
    return page_of([Unplaced(resource=code, why=why) for code, why in found], page, size)


@router.get("/pools/can-approve", summary="Can this application be approved?")
def get_can_approve(
    runtime: RuntimeDep,
    scope: ScopeDep,
    _reader: Reader,
    wanted: Annotated[ApprovalRequest, Query()],
) -> ApprovalAnswer:
    """Against what may be given out, less what is held, promised and kept in reserve."""
    request = to_request(wanted)
    with runtime.database.read() as session:
        answer = pools.can_approve(session, scope, request, runtime.now())
    return ApprovalAnswer(**asdict(answer))


def to_request(wanted: ApprovalRequest) -> pools.Request:
    """The request in the register's units."""
    given = wanted.model_dump(exclude={"mem_gib", "disk_gib"})
    return pools.Request(
        **given, mem_bytes=wanted.mem_gib * pools.GIB, disk_bytes=wanted.disk_gib * pools.GIB
    )


@router.post("/import/pools", summary="Import pools and capacities", openapi_extra=FILE_BODY)
def post_pools(
    runtime: RuntimeDep,
    writer: Writer,
    options: Annotated[ImportOptions, Query()],
    file: Annotated[UploadFile, Depends(received_file)],
) -> ImportOutcome:
    """Columns code, name, site, zone, arch, vcpu, mem_gib … (编码, 站点, 架构, CPU总量 …)."""
    return take_import("pools", runtime, writer, options, file)
