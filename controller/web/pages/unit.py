"""One unit: what it holds, what it uses, where it stands, its systems and its resources."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from urllib.parse import quote

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from controller.access.scope import CITY
from controller.inventory.counts import zone_counts
from controller.inventory.model import UnitView
from controller.inventory.units import find_unit, list_units
from controller.problems import NotFound
from controller.usage.model import UsageQuery, UsageReport, UsageRow
from controller.usage.peers import Standing, peers_of, standing
from controller.usage.queries import usage_report
from controller.web import render, tables
from controller.web.pages.parts import (
    Allocation,
    PeriodSwitch,
    period_switch,
    rank_rows,
    usage_exports,
)
from controller.web.period import Period
from controller.web.shell import Crumb
from controller.web.view import UsageView, View

router = APIRouter()

LEAST_FOR_MEDIAN = 4
"""Among fewer, one's own figure and the median tell somebody else's."""

CHANGING = {"cpu": "cpu_avg_pct", "memory": "mem_avg_pct", "disk": "disk_used_pct"}
"""Figures that are held against the period before."""

RESOURCE_SORTS: dict[str, Callable[[UsageRow], Any]] = {
    "code": lambda row: row.resource,
    "system": lambda row: row.system,
    "vcpu": lambda row: row.vcpu_allocated,
    "cpu": lambda row: row.cpu_avg_pct,
    "max": lambda row: row.cpu_max_pct,
    "mem": lambda row: row.mem_allocated_bytes,
    "mem_avg": lambda row: row.mem_avg_pct,
    "disk_used": lambda row: row.disk_used_pct,
    "tx": lambda row: row.net_tx_p95_bytes_s,
    "coverage": lambda row: row.coverage_pct,
}
SORTED_BY = {
    "cpu": ("cpu_avg",),
    "max": ("cpu_max",),
    "mem_avg": ("mem_avg",),
    "disk_used": ("disk_avg",),
    "tx": ("tx_p95",),
    "coverage": ("filled",),
}
"""The figures that a sort needs of every resource; the others are computed for the rows shown."""
RESOURCES_SHOWN = 25


@dataclass(frozen=True)
class UnitPage(render.Context):
    """``row`` is the unit's line of the report, None where it holds nothing in the period."""

    template: ClassVar[str] = "unit.html"

    unit: UnitView
    period: PeriodSwitch
    row: UsageRow | None
    cpu: Allocation
    memory: Allocation
    disk: Allocation
    systems: list[UsageRow]
    zones: list[tuple[str, int]]
    """(name, resources held at the end of the period)."""
    below: int
    """Units under this one; their resources are counted in."""
    trend_url: str
    peers_url: str
    resources_url: str
    exports: tuple[tables.ExportLink, ...]


@dataclass(frozen=True)
class UnitPeers(render.Context):
    """The comparisons, fetched after the page: with the peers, and with the period before.

    Bound readers get their own bar and the median; ``rank`` holds the chart's bars as JSON.
    ``changes`` are (figure's name, percentage points), put into the figures' heads.
    """

    template: ClassVar[str] = "unit_peers.html"

    unit: UnitView
    own: UsageRow | None
    rank: str
    place: Standing
    changes: list[tuple[str, float]]


@dataclass(frozen=True)
class UnitResources(render.Context):
    """The table of the unit's resources with their use, fetched after the page."""

    template: ClassVar[str] = "unit_resources.html"

    rows: list[UsageRow]
    table: tables.TableState
    text: str
    period_query: dict[str, str]


@router.get("/units/{code}")
def unit_page(code: str, view: UsageView) -> HTMLResponse:
    _, period = view.text, view.period()
    unit = exact_unit(view, code)
    with view.runtime.database.read() as session:
        units = list_units(session, view.scope, period.until)
        zones = zone_counts(session, unit.id, period.until)
    path = f"/units/{quote(code, safe='')}"
    # Two questions at once: each waits for the sample store most of its time.
    with ThreadPoolExecutor(2) as pool:
        systems = pool.submit(_report, view, period, "system", code)
        row = _line(_report(view, period, "unit", code), code)
        system_rows = systems.result().rows
    context = UnitPage(
        unit=unit,
        period=period_switch(path, period, {}, _),
        row=row,
        cpu=allocation(row, "vcpu_allocated", "cpu_avg_pct", "cpu_p95_pct"),
        memory=allocation(row, "mem_allocated_bytes", "mem_avg_pct", "mem_p95_pct"),
        disk=allocation(row, "disk_allocated_bytes", "disk_used_pct", None),
        systems=tables.ordered(system_rows, lambda each: each.vcpu_allocated, descending=True),
        zones=zones,
        below=len(_below(code, units)),
        trend_url=render.link(f"/web-data{path}/trend", period.query),
        peers_url=render.link(f"{path}/peers", period.query),
        resources_url=render.link(f"{path}/resources", period.query),
        exports=usage_exports(period, "resource", code, _),
    )
    crumbs = [Crumb(_("单位用量"), render.link("/units", period.query))]
    return view.page(context, active="units", crumbs=[*crumbs, Crumb(unit.name)])


@router.get("/units/{code}/peers")
def unit_peers(code: str, view: UsageView) -> HTMLResponse:
    period = view.period()
    unit = exact_unit(view, code)
    with view.runtime.database.read() as session:
        peers = peers_of(code, list_units(session, CITY, period.until))
    # The one place that reads beyond a bound reader's scope: what leaves it is a place and the
    # median of several, never another's name or figure.
    everyone = UsageQuery(period.since, period.until, by="unit")
    with ThreadPoolExecutor(2) as pool:
        before = pool.submit(_report, view, period.before, "unit", code)
        report = view.report(everyone, CITY)
        then = _line(before.result(), code)
    rows = [row for row in report.rows if row.unit in peers]
    place = standing(code, rows)
    if view.bound:
        if place.of < LEAST_FOR_MEDIAN:
            place = replace(place, median_cpu_pct=None, median_mem_pct=None)
        own = [row for row in rows if row.unit == code]
        middle = replace(
            UsageRow(unit=None, unit_name=view.text("同类单位中位数")),
            cpu_avg_pct=place.median_cpu_pct,
        )
        bars = _without_links(rank_rows([*own, middle], code, period))
    else:
        bars = rank_rows(_around(rows, code), code, period)
    line = _line(report, code)
    context = UnitPeers(unit=unit, own=line, rank=bars, place=place, changes=_changes(line, then))
    return view.fragment(context)


@router.get("/units/{code}/resources")
def unit_resources(code: str, view: UsageView) -> HTMLResponse:
    period, asked = view.period(), view.request.query_params
    exact_unit(view, code)
    text = asked.get("text", "").strip()[:100]
    sort, descending = tables.parse_sort(asked.get("sort", ""), RESOURCE_SORTS, "-vcpu")
    query = UsageQuery(period.since, period.until, "resource", code)
    rows = [
        row
        for row in view.report(query, names=SORTED_BY.get(sort, ())).rows
        if text.casefold() in f"{row.resource} {row.resource_name} {row.system}".casefold()
    ]
    ranked = tables.ordered(rows, RESOURCE_SORTS[sort], descending=descending)
    page = tables.parse_page(asked.get("page", ""))
    shown = [row.resource or "" for row in tables.cut(ranked, page, RESOURCES_SHOWN)]
    figures = {
        row.resource: row for row in usage_report(view.runtime, view.scope, query, only=shown).rows
    }
    kept = {**period.query, **({"text": text} if text else {})}
    path = f"/units/{quote(code, safe='')}/resources"
    state = tables.TableState(path, kept, sort, descending, page, RESOURCES_SHOWN, len(rows))
    context = UnitResources(
        rows=[figures[each] for each in shown if each in figures],
        table=state,
        text=text,
        period_query=period.query,
    )
    return view.fragment(context)


def exact_unit(view: View, code: str) -> UnitView:
    """The unit of this code (addresses hold codes, never names). Raises NotFound."""
    with view.runtime.database.read() as session:
        unit = find_unit(session, view.scope, code, view.now)
    if unit.code != code:
        raise NotFound("unit", code)
    return unit


def allocation(row: UsageRow | None, allocated: str, average: str, p95: str | None) -> Allocation:
    """A figure of the page from the named fields of the unit's line."""
    if row is None:
        return Allocation(None, None, None)
    return Allocation(
        getattr(row, allocated), getattr(row, average), getattr(row, p95) if p95 else None
    )


def _line(report: UsageReport, code: str) -> UsageRow | None:
    return next((row for row in report.rows if row.unit == code), None)


def _changes(row: UsageRow | None, before: UsageRow | None) -> list[tuple[str, float]]:
    found = []
    for name, field in CHANGING.items():
        now, then = getattr(row, field, None), getattr(before, field, None)
        if now is not None and then is not None:
            found.append((name, now - then))
    return found


def _report(view: View, period: Period, by: Any, unit: str) -> UsageReport:
    return view.report(UsageQuery(period.since, period.until, by=by, unit=unit))


def _below(code: str, units: Sequence[UnitView]) -> set[str]:
    """Codes under ``code``; ``units`` is in tree order, parents first."""
    inside = {code}
    for unit in units:
        if unit.parent_code in inside:
            inside.add(unit.code)
    return inside - {code}


def _around(rows: Sequence[UsageRow], code: str, shown: int = 9) -> list[UsageRow]:
    """At most ``shown`` rows of the ranking: ``code`` and those around it."""
    ranked = tables.ordered(
        [row for row in rows if row.cpu_for_ranking is not None],
        lambda row: row.cpu_for_ranking,
        descending=True,
    )
    at = next((i for i, row in enumerate(ranked) if row.unit == code), 0)
    start = max(0, min(at - shown // 2, len(ranked) - shown))
    return ranked[start : start + shown]


def _without_links(bars: str) -> str:
    return json.dumps([{**bar, "href": ""} for bar in json.loads(bars)], ensure_ascii=False)
