"""接入点: coverage by county and level, the register of points, and one point as measured."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Any, ClassVar

from fastapi import APIRouter
from fastapi.responses import Response

from controller.access import audit
from controller.inventory.model import UnitView
from controller.inventory.papers_api import below
from controller.inventory.units import list_units
from controller.network.coverage import Coverage, CoverageRow, coverage
from controller.network.line_model import PointTermView, PointView
from controller.network.points import find_point, list_points, point_terms, remove_point
from controller.network.reach_queries import reach_now, series
from controller.network.targets import Target, targets_of
from controller.web import figures, line_words, network_words, render, tables
from controller.web.pages import data
from controller.web.pages.network_lines import NetworkView, point_link
from controller.web.pages.register_parts import (
    Cell,
    Head,
    Listing,
    Option,
    RegisterWriter,
    listing,
    text_filter,
)
from controller.web.shell import Area, Crumb, Flash
from controller.web.view import View

router = APIRouter()

PATH = "/network/points"
MOST_WITHOUT = 200


@dataclass(frozen=True)
class CoverageCell:
    """One county and level: places connected of those that should be, reached of those measured,
    contracted bandwidth, and whether it meets the target (tone and word)."""

    row: CoverageRow
    level: str
    bandwidth: str
    target: str
    tone: str
    word: str


@dataclass(frozen=True)
class PointsPage(render.Context):
    """Coverage above, points below; the filters as chosen."""

    template: ClassVar[str] = "network_points.html"

    tabs: tuple[Area, ...]
    levels: list[CoverageCell]
    """The whole by level."""
    counties: list[tuple[str, str, list[CoverageCell]]]
    """(code, name, its levels)"""
    without: list[tuple[str, str, str, str]]
    """(county, level, unit or community, planned point) of those without a point."""
    without_total: int
    listing: Listing
    units: list[UnitView]
    unit: str
    level_options: list[Option]
    level: str
    states: list[Option]
    state: str
    county: str
    text: str
    total: int
    exports: tuple[tables.ExportLink, ...]
    may_write: bool


@dataclass(frozen=True)
class PointPage(render.Context):
    """One point: facts, what held when, and how it was reached over the last day."""

    template: ClassVar[str] = "network_point.html"

    tabs: tuple[Area, ...]
    point: PointView
    reached: Cell
    facts: list[tuple[str, str]]
    terms: list[PointTermView]
    data_url: str
    may_write: bool


@router.get(PATH)
def points_page(view: NetworkView) -> Response:
    _, asked = view.text, view.request.query_params
    chosen = {name: asked.get(name, "") for name in ("unit", "level", "state", "county")}
    chosen["text"] = text_filter(view)
    targets, reach = targets_of(view.runtime), reach_now(view.runtime, view.now)
    with view.runtime.database.read() as session:
        units = list_units(session, view.scope, view.now)
        covered = coverage(session, view.scope, view.now, targets, reach)
        whole = list_points(session, view.scope, view.now, reach)
        found = list_points(
            session, view.scope, view.now, reach, text=chosen["text"], level=chosen["level"],
            state=chosen["state"],
            county={"": None, "-": ""}.get(chosen["county"], chosen["county"]),
            unit_ids=below(session, view.scope, chosen["unit"], view.now),
        )  # fmt: skip
    shown = listing(view, PATH, found, _columns(view), chosen, "code")
    if isinstance(shown, Response):
        return shown
    levels = line_words.levels(_)
    context = PointsPage(
        tabs=network_words.tabs(view),
        levels=[_cell(view, row, targets) for row in covered.levels],
        counties=_counties(view, covered, targets),
        without=[
            (each.county_name or _("市本级"), levels[each.level],
             " · ".join(filter(None, (each.unit_name, each.community))), each.planned)
            for each in covered.without[:MOST_WITHOUT]
        ],
        without_total=len(covered.without), listing=shown, units=units, unit=chosen["unit"],
        level_options=line_words.options(levels), level=chosen["level"],
        states=line_words.options(line_words.point_states(_)), state=chosen["state"],
        county=chosen["county"], text=chosen["text"], total=len(whole),
        exports=(
            tables.ExportLink(
                "xlsx", _("接入率与未接入清单（XLSX）"),
                f"/api/v1/network/coverage?format=xlsx&language={view.language}",
            ),
            *shown.exports,
        ),
        may_write=view.may("inventory.write"),
    )  # fmt: skip
    return view.page(context, active="network", crumbs=_crumbs(view))


def _cell(view: View, row: CoverageRow, targets: dict[str, Target]) -> CoverageCell:
    _ = view.text
    target = targets.get(row.level)
    tone, word = "", ""
    if row.target_bit_s is not None and row.aimed:
        met = row.met == row.aimed
        tone = "good" if met else "bad" if not row.met else "warn"
        word = _("达标 {m}/{n}", m=row.met, n=row.aimed)
    title = ""
    if target is not None and target.bit_s is not None:
        title = target.title_en if view.language == "en" else target.title_zh
    level = line_words.levels(_)[row.level]
    return CoverageCell(row, level, line_words.bandwidth(row.bit_s) or "–", title, tone, word)


def _counties(
    view: View, covered: Coverage, targets: dict[str, Target]
) -> list[tuple[str, str, list[CoverageCell]]]:
    found: dict[str, tuple[str, str, list[CoverageCell]]] = {}
    for row in covered.rows:
        name = row.county_name or view.text("市本级")
        entry = found.setdefault(row.county_code, (row.county_code, name, []))
        entry[2].append(_cell(view, row, targets))
    return list(found.values())


def _columns(view: View) -> Any:
    _ = view.text
    levels = line_words.levels(_)
    return (
        (Head("code", _("接入点")), lambda r: r.code,
         lambda r: Cell(r.name or r.code, point_link(r.code), title=r.code)),
        (Head("level", _("层级")), lambda r: list(levels).index(r.level),
         lambda r: Cell(levels[r.level])),
        (Head("county", _("县区")), lambda r: r.county_name, lambda r: Cell(r.county_name)),
        (Head("unit", _("单位")), lambda r: r.unit_name,
         lambda r: Cell(" · ".join(filter(None, (r.unit_name, r.community))))),
        (Head("zone", _("网络区")), lambda r: r.zone or None, lambda r: Cell(r.zone)),
        (Head("address", _("地址")), lambda r: r.address or None, lambda r: Cell(r.address)),
        (Head("line", _("线路")), lambda r: r.line or None,
         lambda r: Cell(r.line, f"/network/lines/{r.line_id}" if r.line_id else "")),
        (Head("reached", _("可达性")), lambda r: r.reachable,
         lambda r: line_words.reached(r, _)),
        (Head("available", _("24 小时可用率"), numeric=True), lambda r: r.availability_pct,
         lambda r: Cell(figures.percent(r.availability_pct))),
        (Head("rtt", _("时延 ms"), numeric=True), lambda r: r.rtt_ms,
         lambda r: Cell("" if r.rtt_ms is None else f"{r.rtt_ms:.1f}")),
        (Head("loss", _("丢包"), numeric=True), lambda r: r.loss_pct,
         lambda r: Cell("" if r.loss_pct is None else figures.percent(r.loss_pct))),
    )  # fmt: skip


@router.get(PATH + "/{code}")
def point_page(code: str, view: NetworkView) -> Response:
    _ = view.text
    reach = reach_now(view.runtime, view.now)
    with view.runtime.database.read() as session:
        point = find_point(session, view.scope, code, view.now, reach)
        terms = point_terms(session, view.scope, point.id)
    probe = _("TCP 端口 {n}", n=point.tcp_port) if point.tcp_port else _("ICMP（不允许时改用 TCP）")
    facts = [
        (_("编码"), point.code), (_("层级"), line_words.levels(_)[point.level]),
        (_("单位"), point.unit_name), (_("县区"), point.county_name),
        (_("村（社区）"), point.community),
        (_("接入状态"), line_words.point_states(_)[point.state]), (_("站点"), point.site),
        (_("网络区"), point.zone), (_("地址"), point.address), (_("探测方式"), probe),
        (_("设备"), " ".join(filter(None, (point.device, point.port)))), (_("线路"), point.line),
        (_("最近测量"), figures.moment(point.measured, view.zone)), (_("备注"), point.note),
    ]  # fmt: skip
    context = PointPage(
        tabs=network_words.tabs(view),
        point=point,
        reached=line_words.reached(point, _),
        facts=[(label, value or "–") for label, value in facts],
        terms=terms[::-1],
        data_url=f"/web-data{point_link(code)}",
        may_write=view.may("inventory.write"),
    )
    return view.page(context, active="network", crumbs=_crumbs(view, point.name or point.code))


@router.get("/web-data" + PATH + "/{code}")
def point_data(code: str, view: NetworkView) -> dict[str, Any]:
    """A point's availability, loss and round trip over the last 24 hours."""
    _ = view.text
    until = view.now.replace(microsecond=0)
    since = until - timedelta(hours=24)
    with view.runtime.database.read() as session:
        point = find_point(session, view.scope, code, view.now, {})
    told = series(view.runtime, point.id, since, until)
    times = told["times"]
    step = min((b - a for a, b in pairwise(times)), default=60)
    answer = data.answer_of(view, since, until, step, times, told["reachable_pct"])
    begun = times[0] if times else int(since.timestamp())
    charts = {
        "reach": data.chart(
            "pct",
            data.line("used", _("可达率"), told["reachable_pct"], area=True),
            data.line("tx", _("丢包率"), told["loss_pct"]),
        ),
        "rtt": data.chart("count", data.line("used", _("往返时延"), told["rtt_ms"]), word="ms"),
    }
    return answer | {"charts": charts, "gaps": data.since_then(answer["gaps"], begun)}


@router.post(PATH + "/{code}/remove")
def remove(code: str, view: RegisterWriter) -> Response:
    _ = view.text
    with view.runtime.database.write() as session:
        remove_point(session, view.scope, code, view.principal.name, view.now)
        audit.record(session, view.principal, "point.remove", code)
    return render.go(PATH, Flash("good", _("接入点 {n} 已移除；重新导入即可恢复。", n=code)))


def _crumbs(view: View, name: str = "") -> list[Crumb]:
    _ = view.text
    found = [Crumb(_("网络"), "/network/devices"), Crumb(_("接入点"), PATH)]
    return [*found, Crumb(name)] if name else found
