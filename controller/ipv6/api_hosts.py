"""Routes of hosts, units, traffic, official results and the day's work: /api/v1/ipv6/…"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from controller.access import audit
from controller.access.deps import RuntimeDep, ScopeDep
from controller.access.scope import Scope
from controller.inventory.model import Page
from controller.ipv6 import days, gear, hosts, official, traffic, worklist
from controller.ipv6.api import MOST, Language, Reader, Writer, index_of
from controller.ipv6.devices import list_gear
from controller.ipv6.model import (
    DayView,
    DeviceDetail,
    HostDetail,
    HostView,
    OfficialView,
    TrafficTrend,
    UnitDetail,
)
from controller.ipv6.official import OfficialRow
from controller.ipv6.overview import read_overview
from controller.ipv6.trend import By, Kind, read_trend
from controller.problems import Problem

router = APIRouter(prefix="/api/v1/ipv6", tags=["ipv6"])

LONGEST_DAYS = 3 * 366
State = Literal["all", "passing", "failing", "unknown", "untold"]
Unit = Annotated[str, Query(max_length=200, description="By code or name, subtree included.")]


class Results(BaseModel):
    """An official report; it replaces the same source's of that day."""

    model_config = ConfigDict(extra="forbid")

    source: str = Field(min_length=1, max_length=100, examples=["省级监测平台"])
    day: date
    rows: list[OfficialRow] = Field(min_length=1, max_length=MOST)


class Kept(BaseModel):
    """How many lines are kept."""

    kept: int = Field(examples=[12])


class Refreshed(BaseModel):
    """What computing anew came to."""

    scores: int = Field(examples=[231], description="Scores of today that were written.")
    opened: int = Field(examples=[4], description="Findings opened, or opened again.")
    resolved: int = Field(examples=[1])


@router.get("/hosts", summary="Hosts with their score")
def get_hosts(
    runtime: RuntimeDep,
    scope: ScopeDep,
    reader: Reader,
    unit: Unit = "",
    text: Annotated[str, Query(max_length=100)] = "",
    state: State = "all",
    page: Annotated[int, Query(ge=1)] = 1,
    size: Annotated[int, Query(ge=1, le=MOST)] = 200,
) -> Page[HostView]:
    del reader
    index = index_of(runtime)
    with runtime.database.read() as session:
        found = hosts.read_hosts(
            session, scope, index, runtime.now(), unit=unit, text=text, state=state
        )
    first = (page - 1) * size
    return Page(items=found[first : first + size], total=len(found), page=page, size=size)


@router.get("/hosts/{code}", summary="One host: what was read, every indicator, history")
def get_host(
    code: str, runtime: RuntimeDep, scope: ScopeDep, reader: Reader, language: Language = "zh"
) -> HostDetail:
    del reader
    index = index_of(runtime)
    with runtime.database.read() as session:
        return hosts.host_detail(session, scope, code, index, runtime.now(), language)


@router.get("/devices", summary="Network gear with its score")
def get_devices(
    runtime: RuntimeDep,
    scope: ScopeDep,
    reader: Reader,
    page: Annotated[int, Query(ge=1)] = 1,
    size: Annotated[int, Query(ge=1, le=MOST)] = 200,
) -> Page[HostView]:
    del reader
    index = index_of(runtime)
    with runtime.database.read() as session:
        found = list_gear(session, scope, index, runtime.now())
        first = (page - 1) * size
        shown = hosts.host_views(session, found[first : first + size], runtime.now())
    return Page(items=shown, total=len(found), page=page, size=size)


@router.get("/devices/{code}", summary="One device: indicators, and the share of each port")
def get_device(
    code: str, runtime: RuntimeDep, scope: ScopeDep, reader: Reader, language: Language = "zh"
) -> DeviceDetail:
    del reader
    return gear.device_detail(runtime, scope, code, index_of(runtime), language)


@router.get("/units/{code}", summary="One unit: score, systems, trend, what would raise it most")
def get_unit(
    code: str, runtime: RuntimeDep, scope: ScopeDep, reader: Reader, language: Language = "zh"
) -> UnitDetail:
    del reader
    index = index_of(runtime)
    with runtime.database.read() as session:
        return hosts.unit_detail(session, scope, code, index, runtime.now(), language)


@router.get("/days", summary="The city's score day by day")
def get_days(runtime: RuntimeDep, scope: ScopeDep, reader: Reader) -> list[DayView]:
    """Empty for who sees a part of the city only: a unit's days stand with the unit."""
    del reader
    if not scope.everything:
        return []
    with runtime.database.read() as session:
        return hosts.read_days(session, "city", 0, runtime.now())


@router.get("/traffic", summary="Share of IPv6 in traffic, by day and owner")
def get_traffic(
    runtime: RuntimeDep,
    scope: ScopeDep,
    reader: Reader,
    unit: Unit = "",
    since: Annotated[date | None, Query(alias="from", description="Default: 30 days ago.")] = None,
    until: Annotated[date | None, Query(alias="to", description="Default: tomorrow.")] = None,
    by: By = "unit",
    kind: Kind = "host",
) -> TrafficTrend:
    del reader
    today = runtime.now().astimezone(traffic.SHANGHAI).date()
    end = until or today + timedelta(days=1)
    first = since or end - timedelta(days=30)
    if not first < end <= first + timedelta(days=LONGEST_DAYS):
        raise Problem(
            422, "bad period", f"from {first} to {end}: none, or over {LONGEST_DAYS} days"
        )
    with runtime.database.read() as session:
        return read_trend(
            session, _of(session, scope, unit, runtime), first, end, by, runtime.now(), kind
        )


def _of(session: Session, scope: Scope, unit: str, runtime: RuntimeDep) -> Scope:
    if not unit:
        return scope
    return Scope(hosts.below_or_404(session, scope, unit, runtime.now()))


@router.get("/official", summary="Newest official results beside our scores")
def get_official(runtime: RuntimeDep, scope: ScopeDep, reader: Reader) -> list[OfficialView]:
    del reader
    index = index_of(runtime)
    with runtime.database.read() as session:
        read = read_overview(session, scope, index, runtime.now(), "zh")
        return official.beside(session, scope, read, runtime.now())


@router.put("/official", summary="Keep an official report")
def put_official(body: Results, runtime: RuntimeDep, writer: Writer) -> Kept:
    now = runtime.now()
    with runtime.database.write() as session:
        kept = official.put_results(session, body.source, body.day, body.rows, writer.name, now)
        told = {"source": body.source, "day": body.day.isoformat(), "rows": kept}
        audit.record(session, writer, "ipv6.official", body.source, "ok", told)
    return Kept(kept=kept)


@router.post("/refresh", summary="Judge everything, write today's scores, record findings: now")
def post_refresh(runtime: RuntimeDep, writer: Writer) -> Refreshed:
    index = index_of(runtime)
    scores = days.keep_day(runtime, index)
    recorded = worklist.record(runtime, index)
    with runtime.database.write() as session:
        audit.record(session, writer, "ipv6.refresh", f"{scores} scores")
    return Refreshed(
        scores=scores,
        opened=len(recorded.opened) + len(recorded.reopened),
        resolved=len(recorded.resolved),
    )
