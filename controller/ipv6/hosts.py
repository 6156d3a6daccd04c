"""The questions about hosts and units: lists, one in full, its trend."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from controller.access.scope import Scope
from controller.analysis.ipv6 import Index
from controller.inventory.resources import find_resource, unit_names
from controller.inventory.tables import BusinessSystem, Unit
from controller.inventory.units import find_unit, list_units, subtree
from controller.ipv6 import official, traffic
from controller.ipv6.model import (
    DayView,
    HostDetail,
    HostView,
    SystemReadiness,
    UnitDetail,
)
from controller.ipv6.overview import WEEK, read_overview
from controller.ipv6.readiness import Subject, by_system, list_hosts, score_of
from controller.ipv6.subjects import HOST, judge_row, read_row, traffic_pct
from controller.ipv6.tables import Ipv6Day
from controller.ipv6.traffic import SHANGHAI
from controller.ipv6.views import indicators
from controller.problems import NotFound

HISTORY = 60
TREND_DAYS = 366
STATES = ("all", "passing", "failing", "unknown", "untold")
"""untold: no agent ever said anything."""


def read_hosts(
    session: Session,
    scope: Scope,
    index: Index,
    now: datetime,
    *,
    unit: str = "",
    text: str = "",
    state: str = "all",
) -> list[HostView]:
    """Hosts in scope by code. ``unit`` (code or name) includes its subtree. Raises NotFound."""
    hosts = list_hosts(session, scope, index, now)
    if unit:
        below = subtree(session, find_unit(session, scope, unit, now).id, now)
        hosts = [each for each in hosts if each.unit_id in below]
    hosts = [each for each in hosts if _is(each, state, index)]
    found = host_views(session, hosts, now)
    wanted = text.strip().casefold()
    return [
        each for each in found
        if wanted in f"{each.code} {each.name} {each.unit_name} {each.system}".casefold()
    ]  # fmt: skip


def _is(host: Subject, state: str, index: Index) -> bool:
    if state == "untold":
        return host.evaluation is None
    if state == "unknown":
        return host.evaluation is not None and host.score is None
    if state in ("passing", "failing"):
        return host.score is not None and (host.score >= index.good) == (state == "passing")
    return True


def host_views(session: Session, hosts: list[Subject], now: datetime) -> list[HostView]:
    """As the API gives them."""
    ids = {each.unit_id for each in hosts if each.unit_id is not None}
    names = unit_names(session, ids, now)
    codes = unit_codes(session)
    return [
        HostView(
            code=each.code,
            name=each.name,
            unit=codes.get(each.unit_id or 0, ""),
            unit_name=names.get(each.unit_id or 0, ""),
            system=each.system,
            score=each.score,
            coverage=each.evaluation.coverage if each.evaluation else None,
            at=each.at,
            lost=each.lost(),
            traffic_pct=_traffic_pct(each),
        )
        for each in hosts
    ]


def _traffic_pct(host: Subject) -> float | None:
    for each in host.evaluation.results if host.evaluation else ():
        if each.code == "traffic" and each.value is not None:
            return round(100 * each.value, 2)
    return None


def unit_codes(session: Session) -> dict[int, str]:
    """Every unit's code by its id."""
    rows = session.exec(select(col(Unit.id), col(Unit.code)))
    return {number: code for number, code in rows if number is not None}


def host_detail(
    session: Session, scope: Scope, code: str, index: Index, now: datetime, language: str
) -> HostDetail:
    """One host with every indicator in words. Raises NotFound."""
    resource = find_resource(session, scope, code, now)
    row = read_row(session, HOST, resource.id)
    judged = judge_row(row, index) if row is not None else None
    hosts = index.of(HOST)
    days = session.exec(
        select(Ipv6Day)
        .where(col(Ipv6Day.level) == HOST, col(Ipv6Day.ref) == resource.id)
        .order_by(col(Ipv6Day.day).desc())
        .limit(HISTORY)
    ).all()
    return HostDetail(
        code=resource.code,
        name=resource.name,
        unit=resource.unit_code,
        unit_name=resource.unit_name,
        system=resource.system,
        score=judged.score if judged else None,
        coverage=judged.coverage if judged else None,
        at=row.at if row else None,
        lost=[each.code for each in judged.results if each.state == "fail"] if judged else [],
        traffic_pct=traffic_pct(row) if row else None,
        indicators=indicators(judged, hosts, language) if judged else [],
        document=row.document if row else None,
        history=[(each.day, each.score) for each in days],
    )


def unit_detail(
    session: Session, scope: Scope, code: str, index: Index, now: datetime, language: str
) -> UnitDetail:
    """One unit with its subtree: systems, trend, official results. Raises NotFound."""
    unit = find_unit(session, scope, code, now)
    below = subtree(session, unit.id, now)
    inside = Scope(below if scope.unit_ids is None else below & scope.unit_ids)
    read = read_overview(session, inside, index, now, language)
    mine = next((each for each in read.told.units if each.unit_id == unit.id), None)
    told = mine.model_dump() if mine else _nothing()
    told |= {"unit": unit.code, "unit_name": unit.name, "unit_id": unit.id}
    return UnitDetail(
        **told,
        good=index.good,
        systems=_systems(session, inside, read.hosts, index, now),
        days=read_days(session, "unit", unit.id, now),
        official=official.beside(session, inside, read, now),
    )


def _nothing() -> dict[str, object]:
    return {"sites": 0, "measured": 0, "reachable": 0, "passing": 0, "score": None}


def _systems(
    session: Session, scope: Scope, hosts: list[Subject], index: Index, now: datetime
) -> list[SystemReadiness]:
    groups = by_system(hosts)
    rows = session.exec(
        select(BusinessSystem).where(col(BusinessSystem.id).in_(sorted(groups)))
    ).all()
    today = now.astimezone(SHANGHAI).date()
    carried = traffic.shares(session, scope, today - WEEK, today + timedelta(days=1), "system_id")
    found = [
        SystemReadiness(
            system=row.name,
            hosts=len(groups[row.id or 0]),
            scored=sum(each.score is not None for each in groups[row.id or 0]),
            score=score_of(groups[row.id or 0], index).score,
            traffic_pct=carried[row.id or 0].pct if row.id in carried else None,
        )
        for row in rows
    ]
    return sorted(found, key=lambda each: (each.score is None, each.score or 0.0, each.system))


def read_days(session: Session, level: str, ref: int, now: datetime) -> list[DayView]:
    """The days kept of a unit, system or the city, oldest first."""
    first = now.astimezone(SHANGHAI).date() - timedelta(days=TREND_DAYS)
    rows = session.exec(
        select(Ipv6Day)
        .where(col(Ipv6Day.level) == level, col(Ipv6Day.ref) == ref, col(Ipv6Day.day) >= first)
        .order_by(col(Ipv6Day.day))
    )
    return [DayView.model_validate(row) for row in rows]


def below_or_404(session: Session, scope: Scope, unit: str, now: datetime) -> frozenset[int]:
    """Ids of a unit's subtree that may be seen. Raises NotFound."""
    found = subtree(session, find_unit(session, scope, unit, now).id, now)
    seen = {each.id for each in list_units(session, scope, now)}
    if not found & seen:
        raise NotFound("unit", unit)
    return frozenset(found & seen)
