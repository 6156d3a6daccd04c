"""线路: the register of lines with contracts and cost, and one line with history and points."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form
from fastapi.responses import Response

from controller.access import audit
from controller.inventory.dated import SHANGHAI
from controller.inventory.model import UnitView
from controller.inventory.papers_api import below
from controller.inventory.units import list_units
from controller.network import lines
from controller.network.line_model import LineTermView, LineView, PointView
from controller.network.points import list_points
from controller.network.reach_queries import reach_now
from controller.network.register_edit import keep_line
from controller.problems import Problem
from controller.web import figures, line_words, network_words, render
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
from controller.web.view import View, opened

router = APIRouter()

NetworkView = Annotated[View, Depends(opened("network.read"))]

PATH = "/network/lines"


@dataclass(frozen=True)
class LinesPage(render.Context):
    """The register; the filters as chosen, and what stands above the table."""

    template: ClassVar[str] = "network_lines.html"

    tabs: tuple[Area, ...]
    listing: Listing
    units: list[UnitView]
    unit: str
    levels: list[Option]
    level: str
    kinds: list[Option]
    kind: str
    states: list[Option]
    state: str
    text: str
    total: int
    bandwidth: str
    """Contracted, of the lines in use."""
    yearly_cost: float
    due: int
    ended: int
    may_write: bool


@dataclass(frozen=True)
class LinePage(render.Context):
    """One line: facts, what held when, what it connects. ``may_write`` offers to change it."""

    template: ClassVar[str] = "network_line.html"

    tabs: tuple[Area, ...]
    line: LineView
    state: Cell
    facts: list[tuple[str, str]]
    terms: list[tuple[LineTermView, str]]
    """(term, bandwidth in words), the newest first."""
    points: list[tuple[PointView, Cell]]
    may_write: bool
    mbps: str
    contract_end: str


@router.get(PATH)
def lines_page(view: NetworkView) -> Response:
    _, asked = view.text, view.request.query_params
    chosen = {name: asked.get(name, "") for name in ("unit", "level", "kind", "state")}
    chosen["text"] = text_filter(view)
    with view.runtime.database.read() as session:
        units = list_units(session, view.scope, view.now)
        whole = lines.list_lines(session, view.scope, view.now)
        found = lines.list_lines(
            session, view.scope, view.now, text=chosen["text"], kind=chosen["kind"],
            level=chosen["level"], state=chosen["state"],
            unit_ids=below(session, view.scope, chosen["unit"], view.now),
        )  # fmt: skip
    shown = listing(view, PATH, found, _columns(view), chosen, "contract")
    if isinstance(shown, Response):
        return shown
    states = Counter(line.state for line in whole)
    used = [line for line in whole if line.state != "ended"]
    context = LinesPage(
        tabs=network_words.tabs(view), listing=shown, units=units, unit=chosen["unit"],
        levels=line_words.options(line_words.levels(_)), level=chosen["level"],
        kinds=line_words.options(line_words.kinds(_)), kind=chosen["kind"],
        states=line_words.options(line_words.line_states(_)), state=chosen["state"],
        text=chosen["text"], total=len(whole),
        bandwidth=line_words.bandwidth(sum(line.bandwidth_bit_s or 0 for line in used)) or "–",
        yearly_cost=sum(line.yearly_cost or 0 for line in used),
        due=states["due"], ended=states["ended"], may_write=view.may("inventory.write"),
    )  # fmt: skip
    return view.page(context, active="network", crumbs=_crumbs(view))


def _columns(view: View) -> Any:
    _ = view.text
    kinds, levels = line_words.kinds(_), line_words.levels(_)
    shared = _("共用")

    def day(moment: datetime | None) -> str:
        return figures.day(moment, view.zone) if moment else ""

    return (
        (Head("number", _("电路编号")), lambda r: r.number,
         lambda r: Cell(r.number, f"{PATH}/{r.id}", title=r.name)),
        (Head("state", _("状态")), lambda r: r.state, lambda r: line_words.line_state(r, _)),
        (Head("operator", _("运营商")), lambda r: r.operator or None, lambda r: Cell(r.operator)),
        (Head("kind", _("类型")), lambda r: kinds[r.kind], lambda r: Cell(kinds[r.kind])),
        (Head("level", _("层级")), lambda r: list(levels).index(r.level),
         lambda r: Cell(levels[r.level])),
        (Head("county", _("县区")), lambda r: r.county_name, lambda r: Cell(r.county_name)),
        (Head("unit", _("单位")), lambda r: r.unit_name or None,
         lambda r: Cell(r.unit_name or shared)),
        (Head("a", _("A 端")), lambda r: r.a.told() or None, lambda r: Cell(r.a.told())),
        (Head("b", _("B 端")), lambda r: r.b.told() or None, lambda r: Cell(r.b.told())),
        (Head("bandwidth", _("签约带宽"), numeric=True), lambda r: r.bandwidth_bit_s,
         lambda r: Cell(line_words.bandwidth(r.bandwidth_bit_s))),
        (Head("cost", _("年费用（元）"), numeric=True), lambda r: r.yearly_cost,
         lambda r: Cell("" if r.yearly_cost is None else f"{r.yearly_cost:,.0f}")),
        (Head("contract", _("合同到期")), lambda r: r.contract_end,
         lambda r: line_words.contract(view, r, day(r.contract_end))),
        (Head("points", _("接入点"), numeric=True), lambda r: r.points,
         lambda r: Cell(str(r.points) if r.points else "")),
    )  # fmt: skip


@router.get(PATH + "/{line_id}")
def line_page(line_id: int, view: NetworkView) -> Response:
    _ = view.text
    reach = reach_now(view.runtime, view.now)
    with view.runtime.database.read() as session:
        line = lines.find_line(session, view.scope, line_id, view.now)
        terms = lines.line_terms(session, view.scope, line_id)
        points = list_points(session, view.scope, view.now, reach, line_id=line_id)
    days = lines.days_left(line, view.now)
    end = figures.day(line.contract_end, view.zone)
    if days is not None:
        gone = _("已过 {n} 天", n=-days) if days < 0 else _("还有 {n} 天", n=days)
        end = f"{end}（{gone}）" if view.language == "zh" else f"{end} ({gone})"
    cost = "–" if line.yearly_cost is None else _("{n} 元", n=f"{line.yearly_cost:,.0f}")
    facts = [
        (_("运营商"), line.operator), (_("名称"), line.name),
        (_("类型"), line_words.kinds(_)[line.kind]), (_("层级"), line_words.levels(_)[line.level]),
        (_("单位"), line.unit_name or _("共用")), (_("县区"), line.county_name),
        (_("网络区"), line.zone), (_("A 端"), line.a.told()), (_("B 端"), line.b.told()),
        (_("签约带宽"), line_words.bandwidth(line.bandwidth_bit_s)), (_("年费用"), cost),
        (_("合同开始"), figures.day(line.contract_start, view.zone)), (_("合同到期"), end),
        (_("备注"), line.note),
    ]  # fmt: skip
    width = line.bandwidth_bit_s
    context = LinePage(
        tabs=network_words.tabs(view), line=line, state=line_words.line_state(line, _),
        facts=[(label, value or "–") for label, value in facts],
        terms=[(each, line_words.bandwidth(each.bandwidth_bit_s) or "–") for each in terms[::-1]],
        points=[(point, line_words.reached(point, _)) for point in points],
        may_write=view.may("inventory.write") and line.state != "removed",
        mbps="" if width is None else f"{width / 1e6:.10g}",
        contract_end=figures.day(line.contract_end, view.zone) if line.contract_end else "",
    )  # fmt: skip
    return view.page(context, active="network", crumbs=_crumbs(view, line.number))


@router.post(PATH + "/{line_id}/change")
def change_line(
    line_id: int,
    view: RegisterWriter,
    mbps: Annotated[str, Form()] = "",
    since: Annotated[str, Form()] = "",
    contract_end: Annotated[str, Form()] = "",
    note: Annotated[str, Form()] = "",
) -> Response:
    """Bandwidth from a day on, the contract's end, the note."""
    _ = view.text
    try:
        given: dict[str, Any] = {
            "bandwidth_bit_s": float(mbps) * 1e6 if mbps.strip() else None,
            "contract_end": _day(contract_end),
            "note": note.strip()[:1000],
            "since": _day(since),
        }
        if not 0 <= (given["bandwidth_bit_s"] or 0) <= 1e15:
            raise ValueError
        with view.runtime.database.write() as session:
            kept = keep_line(session, view.scope, line_id, given, view.principal.name, view.now)
            name = f"{kept.operator} {kept.number}"
            audit.record(session, view.principal, "line.keep", name, "ok", given)
    except ValueError:
        return render.go(
            f"{PATH}/{line_id}", Flash("bad", _("未保存：带宽须为数字，日期须为年月日。"))
        )
    except Problem as problem:
        if problem.status == 404:
            raise
        return render.go(f"{PATH}/{line_id}", Flash("bad", _("未保存：合同到期须晚于合同开始。")))
    return render.go(f"{PATH}/{line_id}", Flash("good", _("已保存。")))


def _day(text: str) -> datetime | None:
    """A day of a date field; raises ValueError."""
    if not text.strip():
        return None
    return datetime.fromisoformat(text.strip()).replace(tzinfo=SHANGHAI)


@router.post(PATH + "/{line_id}/remove")
def remove_line(line_id: int, view: RegisterWriter) -> Response:
    _ = view.text
    with view.runtime.database.write() as session:
        gone = lines.remove_line(session, view.scope, line_id, view.principal.name, view.now)
        audit.record(session, view.principal, "line.remove", f"{gone.operator} {gone.number}")
    told = _("线路 {n} 已移除；重新导入即可恢复。", n=gone.number)
    return render.go(PATH, Flash("good", told))


def _crumbs(view: View, number: str = "") -> list[Crumb]:
    _ = view.text
    found = [Crumb(_("网络"), "/network/devices"), Crumb(_("线路"), PATH)]
    return [*found, Crumb(number)] if number else found


def point_link(code: str) -> str:
    """The page of an access point."""
    return f"/network/points/{quote(code, safe='')}"
