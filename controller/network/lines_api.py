"""Routes of lines and access points: /api/v1/lines, access-points, network/coverage."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, IPvAnyAddress
from starlette.datastructures import UploadFile

from controller.access import audit
from controller.access.deps import RuntimeDep, ScopeDep, may
from controller.access.principal import Principal
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
from controller.inventory.model import Page
from controller.inventory.outcome import ImportOutcome
from controller.inventory.papers_api import UnitFilter, below
from controller.network import lines, points
from controller.network.coverage import Coverage, CoverageRow, Unconnected, coverage
from controller.network.line_import import LINES
from controller.network.line_model import LineDetail, LineView, PointDetail, PointView
from controller.network.line_sheets import XLSX, coverage_xlsx
from controller.network.point_import import POINTS
from controller.network.reach_queries import reach_now
from controller.network.register_edit import keep_line, keep_point
from controller.network.targets import targets_of
from controller.problems import Problem

router = APIRouter(prefix="/api/v1", tags=["network"])

Reader = Annotated[Principal, Depends(may("registers.read"))]
Level = Literal["", "city", "county", "township", "village"]
Confirm = Annotated[str, Query(description="What is removed, once more.", max_length=200)]


class Keep(BaseModel):
    """Fields to set; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    def given(self) -> dict[str, Any]:
        """The fields that were sent, dates in Shanghai where they have no zone."""
        return {
            name: in_shanghai(value) if isinstance(value, datetime) else value
            for name, value in self.model_dump(exclude_unset=True).items()
        }


class LineKeep(Keep):
    """Fields of a line to set."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"bandwidth_bit_s": 2e9, "since": "2027-01-01", "note": "扩容"}]
        }
    )

    name: str = Field("", max_length=200)
    kind: Literal["dark_fibre", "otn", "sdh", "mstp", "ethernet", "mpls", "pon", "sdwan",
                  "internet", "mobile", "other"] = "other"  # fmt: skip
    level: Literal["city", "county", "township", "village"] = "county"
    zone: str = Field("", max_length=200)
    unit: str = Field("", description='Code or name; "" is shared by all.')
    a_site: str = Field("", max_length=200)
    a_device: str = Field("", max_length=128)
    a_port: str = Field("", max_length=128)
    a_text: str = Field("", max_length=200)
    b_site: str = Field("", max_length=200)
    b_device: str = Field("", max_length=128)
    b_port: str = Field("", max_length=128)
    b_text: str = Field("", max_length=200)
    bandwidth_bit_s: float | None = Field(None, ge=0, le=1e15)
    yearly_cost: float | None = Field(None, ge=0, le=1e12)
    contract_start: datetime | None = None
    contract_end: datetime | None = None
    since: datetime | None = Field(None, description="From when unit, bandwidth and cost hold.")
    note: str = Field("", max_length=1000)


class PointKeep(Keep):
    """Fields of an access point to set."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"address": "10.9.1.2", "zone": "公用网络区"}]}
    )

    name: str = Field("", max_length=200)
    level: Literal["city", "county", "township", "village"] = "county"
    state: Literal["connected", "planned", "exempt"] = "connected"
    unit: str = Field("", description="Code or name.")
    community: str = Field("", max_length=200)
    site: str = Field("", max_length=200)
    zone: str = Field("", max_length=200)
    device: str = Field("", max_length=128)
    port: str = Field("", max_length=128)
    address: IPvAnyAddress | Literal[""] = ""
    tcp_port: int | None = Field(None, ge=1, le=65_535)
    line: str = Field("", max_length=200)
    since: datetime | None = Field(None, description="From when unit and line hold.")
    note: str = Field("", max_length=1000)

    def given(self) -> dict[str, Any]:
        found = super().given()
        return found | ({"address": str(found["address"])} if "address" in found else {})


class CoverageRowView(BaseModel):
    """One level of one county ("" the city itself); the figures count places."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"county_code": "ljq", "county_name": "临江区", "level": "township", "should": 12,
                 "connected": 11, "connected_pct": 91.7, "measured": 11, "reachable": 10,
                 "reachable_pct": 90.9, "lines": 11, "bit_s": 2.2e9, "target_bit_s": None,
                 "aimed": 0, "met": 0}
            ]
        }
    )  # fmt: skip

    county_code: str
    county_name: str
    level: str
    should: int
    connected: int
    connected_pct: float | None
    measured: int
    reachable: int
    reachable_pct: float | None
    lines: int
    bit_s: float = Field(description="Contracted, all lines of the level.")
    target_bit_s: float | None = Field(description="Of one place; null: no target.")
    aimed: int = Field(description="Places that have a target.")
    met: int = Field(description="Places whose lines add up to it.")


class UnconnectedView(BaseModel):
    """A place that should have a point and has none."""

    county_code: str
    county_name: str
    level: str
    unit_code: str
    unit_name: str
    community: str
    planned: str = Field(description='Code of the point that is planned; "" where none is.')


class CoverageView(BaseModel):
    """Coverage by county and level, the whole by level, and who is without."""

    rows: list[CoverageRowView]
    levels: list[CoverageRowView]
    without: list[UnconnectedView] = Field(max_length=10_000)


@router.get("/lines", summary="Lines: circuits, ends, bandwidth, contracts")
def get_lines(
    runtime: RuntimeDep,
    scope: ScopeDep,
    _reader: Reader,
    unit: UnitFilter = None,
    text: str = "",
    kind: str = "",
    level: Level = "",
    state: Literal["", "active", "due", "ended", "removed"] = "",
    page: PageNumber = 1,
    size: PageSize = 100,
) -> Page[LineView]:
    """By operator and circuit number."""
    now = runtime.now()
    with runtime.database.read() as session:
        found = lines.list_lines(
            session, scope, now, unit_ids=below(session, scope, unit, now), text=text, kind=kind,
            level=level, state=state,
        )  # fmt: skip
    return page_of(found, page, size)


@router.get("/lines/{line_id}", summary="One line with its history and points")
def get_line(line_id: int, runtime: RuntimeDep, scope: ScopeDep, _reader: Reader) -> LineDetail:
    now = runtime.now()
    reach = reach_now(runtime, now)
    with runtime.database.read() as session:
        return LineDetail(
            line=lines.find_line(session, scope, line_id, now),
            terms=lines.line_terms(session, scope, line_id),
            points=points.list_points(session, scope, now, reach, line_id=line_id),
        )


@router.put("/lines/{line_id}", summary="Change a line")
def put_line(
    line_id: int, kept: LineKeep, runtime: RuntimeDep, scope: ScopeDep, writer: Writer
) -> LineView:
    """Unit, bandwidth and cost from ``since`` on, or as a correction of what holds now."""
    with runtime.database.write() as session:
        view = keep_line(session, scope, line_id, kept.given(), writer.name, runtime.now())
        told = kept.model_dump(mode="json", exclude_unset=True)
        audit.record(session, writer, "line.keep", f"{view.operator} {view.number}", "ok", told)
        return view


@router.delete("/lines/{line_id}", summary="Take a line out of the register")
def delete_line(
    line_id: int, runtime: RuntimeDep, scope: ScopeDep, writer: Writer, confirm: Confirm = ""
) -> Response:
    """``confirm`` must be its circuit number. Its history stays; an import brings it back."""
    now = runtime.now()
    with runtime.database.write() as session:
        view = lines.find_line(session, scope, line_id, now)
        _confirmed(confirm, view.number)
        lines.remove_line(session, scope, line_id, writer.name, now)
        audit.record(session, writer, "line.remove", f"{view.operator} {view.number}")
    return Response(status_code=204)


def _confirmed(given: str, wanted: str) -> None:
    if given != wanted:
        raise Problem(422, "not confirmed", f"confirm must be {wanted!r}: nothing was removed")


@router.get("/access-points", summary="Access points with their reachability")
def get_points(
    runtime: RuntimeDep,
    scope: ScopeDep,
    _reader: Reader,
    unit: UnitFilter = None,
    text: str = "",
    level: Level = "",
    state: Literal["", "connected", "planned", "exempt", "unreachable", "removed"] = "",
    page: PageNumber = 1,
    size: PageSize = 100,
) -> Page[PointView]:
    """By code."""
    now = runtime.now()
    reach = reach_now(runtime, now)
    with runtime.database.read() as session:
        found = points.list_points(
            session, scope, now, reach, unit_ids=below(session, scope, unit, now), text=text,
            level=level, state=state,
        )  # fmt: skip
    return page_of(found, page, size)


@router.get("/access-points/{code}", summary="One access point with its history")
def get_point(code: str, runtime: RuntimeDep, scope: ScopeDep, _reader: Reader) -> PointDetail:
    now = runtime.now()
    reach = reach_now(runtime, now)
    with runtime.database.read() as session:
        view = points.find_point(session, scope, code, now, reach)
        return PointDetail(point=view, terms=points.point_terms(session, scope, view.id))


@router.put("/access-points/{code}", summary="Change an access point")
def put_point(
    code: str, kept: PointKeep, runtime: RuntimeDep, scope: ScopeDep, writer: Writer
) -> PointView:
    """Unit and line from ``since`` on, or as a correction of what holds now."""
    with runtime.database.write() as session:
        view = keep_point(session, scope, code, kept.given(), writer.name, runtime.now())
        told = kept.model_dump(mode="json", exclude_unset=True)
        audit.record(session, writer, "point.keep", code, "ok", told)
        return view


@router.delete("/access-points/{code}", summary="Take an access point out of the register")
def delete_point(
    code: str, runtime: RuntimeDep, scope: ScopeDep, writer: Writer, confirm: Confirm = ""
) -> Response:
    """``confirm`` must be its code. Its history stays; an import brings it back."""
    now = runtime.now()
    with runtime.database.write() as session:
        points.find_point(session, scope, code, now, {})
        _confirmed(confirm, code)
        points.remove_point(session, scope, code, writer.name, now)
        audit.record(session, writer, "point.remove", code)
    return Response(status_code=204)


@router.get(
    "/network/coverage",
    summary="Who should be connected and is, by county and level",
    responses={200: {"content": {XLSX: {}}}},
    response_model=CoverageView,
)
def get_coverage(
    runtime: RuntimeDep,
    scope: ScopeDep,
    _reader: Reader,
    language: Literal["zh", "en"] = "zh",
    format: Annotated[Literal["json", "xlsx"], Query()] = "json",  # noqa: A002
) -> Response | CoverageView:
    """Contracted bandwidth stands beside what the level aims at."""
    now = runtime.now()
    targets, reach = targets_of(runtime), reach_now(runtime, now)
    with runtime.database.read() as session:
        found = coverage(session, scope, now, targets, reach)
    if format == "xlsx":
        head = {"Content-Disposition": f'attachment; filename="coverage-{now:%Y%m%d}.xlsx"'}
        return Response(coverage_xlsx(found, targets, language), media_type=XLSX, headers=head)
    return coverage_view(found)


def coverage_view(found: Coverage) -> CoverageView:
    """Coverage as the API gives it."""

    def row(each: CoverageRow) -> CoverageRowView:
        return CoverageRowView(
            **vars(each), connected_pct=each.connected_pct, reachable_pct=each.reachable_pct
        )

    def lacking(each: Unconnected) -> UnconnectedView:
        return UnconnectedView(**vars(each))

    return CoverageView(
        rows=[row(each) for each in found.rows],
        levels=[row(each) for each in found.levels],
        without=[lacking(each) for each in found.without[:10_000]],
    )


@router.post("/import/lines", summary="Import lines", openapi_extra=FILE_BODY)
def post_lines(
    runtime: RuntimeDep,
    writer: Writer,
    options: Annotated[ImportOptions, Query()],
    file: Annotated[UploadFile, Depends(received_file)],
) -> ImportOutcome:
    """Columns number, operator, kind, unit, bandwidth_mbps … (电路编号, 运营商, A端设备 …)."""
    return take_import(LINES, runtime, writer, options, file)


@router.post("/import/points", summary="Import access points", openapi_extra=FILE_BODY)
def post_points(
    runtime: RuntimeDep,
    writer: Writer,
    options: Annotated[ImportOptions, Query()],
    file: Annotated[UploadFile, Depends(received_file)],
) -> ImportOutcome:
    """Columns code, level, unit, community, zone, address, line … (编码, 层级, 单位, 地址 …)."""
    return take_import(POINTS, runtime, writer, options, file)
