"""Routes over all projects: adaptation by unit, 上云率, the list of assessed products."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict
from starlette.datastructures import UploadFile

from controller.access.deps import RuntimeDep, ScopeDep
from controller.inventory.api import (
    FILE_BODY,
    ImportOptions,
    Writer,
    received_file,
    take_import,
)
from controller.inventory.outcome import ImportOutcome
from controller.inventory.papers_api import UnitFilter, below
from controller.readiness import adaptation, products
from controller.readiness.adaptation import UnitState
from controller.readiness.api import Reader

router = APIRouter(prefix="/api/v1", tags=["readiness"])


class UnitProgress(BaseModel):
    """A unit's systems: adapted or not, class by class; on the cloud or not."""

    model_config = ConfigDict(json_schema_extra={"examples": [{
        "unit": "330100-CZJ", "unit_name": "市财政局", "systems": 4, "ready_share": 0.25,
        "states": {"ready": 1, "not_ready": 2, "unknown": 0, "none": 1},
        "layers": {"cpu": {"ready": 2, "not_ready": 1, "unknown": 0, "none": 1}},
        "on_cloud": 3, "should": 1, "unclear": 0, "cloud_share": 0.75}]})  # fmt: skip

    unit: str
    unit_name: str
    systems: int
    ready_share: float | None
    states: dict[str, int]
    layers: dict[str, dict[str, int]]
    on_cloud: int
    should: int
    unclear: int
    cloud_share: float | None


class LeftBehind(BaseModel):
    """A system that should be on the cloud and is not; ``projects`` that are to move it."""

    system: str
    unit: str
    unit_name: str
    projects: list[str]


class Progress(BaseModel):
    """All units, the whole, and the systems that are left behind."""

    whole: UnitProgress
    units: list[UnitProgress]
    left_behind: list[LeftBehind]


class ProductView(BaseModel):
    """A row of the list."""

    model_config = ConfigDict(json_schema_extra={"examples": [{
        "kind": "os", "vendor": "", "product": "…", "version": "V10", "level": "Ⅱ",
        "notice": "2026年第1号", "published": None, "expires": "2027-05-01T00:00:00Z",
        "state": "valid"}]})  # fmt: skip

    kind: str
    vendor: str
    product: str
    version: str
    level: str
    notice: str
    published: datetime | None
    expires: datetime | None
    state: str


class Products(BaseModel):
    """By kind and name."""

    items: list[ProductView]


@router.get("/readiness/adaptation", summary="Adaptation by unit, and 上云率")
def get_adaptation(
    runtime: RuntimeDep, scope: ScopeDep, reader: Reader, unit: UnitFilter = None
) -> Progress:
    """From checks where a system's hosts were checked, from the register where they were not."""
    with runtime.database.read() as session:
        ids = below(session, scope, unit, reader.at)
        states = adaptation.system_states(session, scope, reader.at, ids)
    return Progress(
        whole=_progress(adaptation.whole(states)),
        units=[_progress(each) for each in adaptation.by_unit(states)],
        left_behind=[
            LeftBehind(
                system=each.record.name, unit=each.record.unit_code,
                unit_name=each.record.unit_name, projects=[name for _, name in each.projects],
            )
            for each in adaptation.left_behind(states)
        ],
    )  # fmt: skip


def _progress(unit: UnitState) -> UnitProgress:
    return UnitProgress(
        unit=unit.code, unit_name=unit.name, systems=unit.systems, ready_share=unit.ready_share,
        states=unit.states, layers=unit.layers, on_cloud=unit.on_cloud, should=unit.should,
        unclear=unit.unclear, cloud_share=unit.cloud_share,
    )  # fmt: skip


@router.get("/readiness/products", summary="安全可靠测评 results")
def get_products(
    runtime: RuntimeDep,
    reader: Reader,
    kind: Annotated[str, Query(max_length=16)] = "",
    state: Annotated[str, Query(max_length=16, description="valid, expiring, expired …")] = "",
) -> Products:
    """As imported, with what is about to end."""
    with runtime.database.read() as session:
        rows = products.list_products(session)
    found = [
        ProductView(
            kind=row.kind, vendor=row.vendor, product=row.product, version=row.version,
            level=row.level, notice=row.notice, published=row.published, expires=row.expires,
            state=products.state_of(row, reader.at),
        )
        for row in rows
        if not kind or row.kind == kind
    ]  # fmt: skip
    return Products(items=[each for each in found if not state or each.state == state])


@router.post("/import/products", summary="Import 安全可靠测评 results", openapi_extra=FILE_BODY)
def post_products(
    runtime: RuntimeDep,
    writer: Writer,
    options: Annotated[ImportOptions, Query()],
    file: Annotated[UploadFile, Depends(received_file)],
) -> ImportOutcome:
    """Columns 类别, 厂商, 产品名称, 版本, 等级, 公告号, 发布日期, 有效期至; rows are added or
    changed, none is removed."""
    return take_import(products.PRODUCTS, runtime, writer, options, file)
