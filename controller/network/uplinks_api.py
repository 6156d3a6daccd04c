"""Routes of what lines and points did over a period: /api/v1/network/uplinks, …/availability."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from controller.access.deps import RuntimeDep, ScopeDep, may
from controller.access.principal import Principal
from controller.inventory.api import PageNumber, PageSize, in_shanghai, page_of
from controller.inventory.model import Page
from controller.network.availability import AvailabilityRow, availability
from controller.network.line_sheets import XLSX
from controller.network.targets import targets_of
from controller.network.uplink_sheet import uplinks_xlsx
from controller.network.uplinks import CountyUse, LineUse, Use, uplinks
from controller.problems import Problem

router = APIRouter(prefix="/api/v1/network", tags=["network"])

Reader = Annotated[Principal, Depends(may("network.read"))]
From = Annotated[datetime | None, Query(alias="from", description="Default: 7 days before ``to``.")]
To = Annotated[datetime | None, Query(description="Default: now.")]
LONGEST = timedelta(days=400)


class UseView(BaseModel):
    """Bits a second; percentiles by nearest rank over five-minute means."""

    in_avg: float | None
    in_p95: float | None
    out_avg: float | None
    out_p95: float | None
    highest: float | None
    coverage_pct: float


class UplinkLine(BaseModel):
    """One uplink of a county."""

    id: int
    operator: str
    number: str
    contracted_bit_s: float | None
    measured: bool
    use: UseView
    used_pct: float | None = Field(description="P95 of the contract, the busier direction.")


class UplinkCounty(BaseModel):
    """A county's uplinks together: their sum is taken bucket by bucket."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"code": "ljq", "name": "临江区", "contracted_bit_s": 1.5e9, "target_bit_s": 1e9,
                 "use": {"in_avg": 4e8, "in_p95": 1.1e9, "out_avg": 5e7, "out_p95": 1.1e8,
                         "highest": 1.3e9, "coverage_pct": 99.8},
                 "used_pct": 73.3, "state": "tight", "lines": []}
            ]
        }
    )  # fmt: skip

    code: str
    name: str
    contracted_bit_s: float
    target_bit_s: float | None
    use: UseView
    used_pct: float | None
    state: str = Field(description="full, tight, fine or unknown.")
    lines: list[UplinkLine]


def _period(since: datetime | None, until: datetime | None, now: datetime) -> tuple[datetime, ...]:
    """Raises Problem 422."""
    end = in_shanghai(until) if until else now
    start = in_shanghai(since) if since else end - timedelta(days=7)
    if not start < end or end - start > LONGEST:
        raise Problem(422, "bad period", f"from before to, at most {LONGEST.days} days")
    return start, end


@router.get(
    "/uplinks",
    summary="County uplinks: contracted against used",
    responses={200: {"content": {XLSX: {}}}},
    response_model=list[UplinkCounty],
)
def get_uplinks(
    runtime: RuntimeDep,
    scope: ScopeDep,
    _reader: Reader,
    since: From = None,
    to: To = None,
    language: Literal["zh", "en"] = "zh",
    format: Annotated[Literal["json", "xlsx"], Query()] = "json",  # noqa: A002
) -> Response | list[UplinkCounty]:
    """Lines of level county whose unit lies in one, by county."""
    now = runtime.now()
    start, end = _period(since, to, now)
    found = uplinks(runtime, scope, start, end, now, targets_of(runtime))
    if format == "xlsx":
        head = {"Content-Disposition": f'attachment; filename="uplinks-{now:%Y%m%d}.xlsx"'}
        return Response(uplinks_xlsx(found, start, end, language), media_type=XLSX, headers=head)
    return [_county(each) for each in found]


def _county(each: CountyUse) -> UplinkCounty:
    return UplinkCounty(
        code=each.code, name=each.name, contracted_bit_s=each.contracted,
        target_bit_s=each.target, use=_use(each.use), used_pct=each.used_pct, state=each.state,
        lines=[_line(line) for line in each.lines],
    )  # fmt: skip


def _line(each: LineUse) -> UplinkLine:
    return UplinkLine(
        id=each.line.id, operator=each.line.operator, number=each.line.number,
        contracted_bit_s=each.line.bandwidth_bit_s, measured=each.measured, use=_use(each.use),
        used_pct=each.used_pct,
    )  # fmt: skip


def _use(use: Use) -> UseView:
    return UseView(**vars(use))


@router.get("/availability", summary="Availability of access points over a period")
def get_availability(
    runtime: RuntimeDep,
    scope: ScopeDep,
    _reader: Reader,
    since: From = None,
    to: To = None,
    by: Literal["unit", "point"] = "unit",
    page: PageNumber = 1,
    size: PageSize = 100,
) -> Page[AvailabilityRow]:
    """Weighted by time; a unit is the mean of its points, its own only."""
    start, end = _period(since, to, runtime.now())
    with runtime.database.read() as session:
        found = availability(runtime, session, scope, start, end, by)
    return page_of(found, page, size)
