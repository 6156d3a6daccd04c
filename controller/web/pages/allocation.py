"""申请与批复: applied, approved, delivered, and what contradicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from controller.inventory.allocations import (
    AllocationDetail,
    AllocationView,
    Quantities,
    allocation_detail,
    list_allocations,
)
from controller.inventory.contradictions import Contradiction, contradictions
from controller.inventory.model import UnitView
from controller.inventory.papers_api import below
from controller.inventory.units import list_units
from controller.web import figures, register_words, render
from controller.web.pages.register_parts import (
    Cell,
    Head,
    Listing,
    Option,
    RegisterView,
    listing,
    tabs,
    text_filter,
)
from controller.web.shell import Area, Crumb

router = APIRouter()


@dataclass(frozen=True)
class AllocationsPage(render.Context):
    """The applications; ``only`` is "contradictions" where those alone are shown."""

    template: ClassVar[str] = "register_allocations.html"

    tabs: tuple[Area, ...]
    listing: Listing
    units: list[UnitView]
    unit: str
    states: list[Option]
    state: str
    text: str
    only: str
    count: int
    """Contradictions in what the reader may see."""
    days: float | None
    """Mean days from application to delivery."""


@dataclass(frozen=True)
class AllocationPage(render.Context):
    """One application with its history."""

    template: ClassVar[str] = "register_allocation.html"

    tabs: tuple[Area, ...]
    line: AllocationDetail
    step: Cell
    facts: list[tuple[str, str]]
    sizes: list[tuple[str, str, str, str]]
    """(what, applied, approved, delivered)"""
    found: list[Contradiction]
    history: list[tuple[str, str, str]]
    """(when, who, what changed)"""


@router.get("/registers/allocations")
def allocations_page(view: RegisterView) -> Response:
    _, asked, words = view.text, view.request.query_params, register_words
    unit, text = asked.get("unit", ""), text_filter(view)
    state, only = asked.get("state", ""), asked.get("only", "")
    with view.runtime.database.read() as session:
        units = list_units(session, view.scope, view.now)
        unit_ids = below(session, view.scope, unit, view.now)
        lines = list_allocations(
            session, view.scope, view.now, unit_ids=unit_ids, text=text, state=state
        )
        wrong = contradictions(session, view.scope, view.now, unit_ids=unit_ids)
    bad: dict[int, list[Contradiction]] = {}
    for each in wrong:
        bad.setdefault(each.allocation_id, []).append(each)
    if only == "contradictions":
        lines = [line for line in lines if line.id in bad]

    def says(line: AllocationView) -> Cell:
        found = bad.get(line.id, [])
        whole = "；".join(_text(each, view.language) for each in found)
        kinds = dict.fromkeys(
            each.kind.replace("_", " ") if view.language == "en" else each.kind_zh for each in found
        )
        return Cell("、".join(kinds), tone="bad" if found else "", title=whole)

    def trio(size: str) -> Callable[[AllocationView], Cell]:
        def make(line: AllocationView) -> Cell:
            steps = (line.applied, line.approved, line.delivered)
            return Cell(" / ".join(amount(each, size) for each in steps))

        return make

    def day(name: str) -> Callable[[AllocationView], Cell]:
        return lambda line: Cell(figures.day(getattr(line, name), view.zone))

    columns = (
        (Head("number", _("申请单号")), lambda r: (r.number, r.line),
         lambda r: Cell(f"{r.number}-{r.line}", f"/registers/allocations/{r.id}")),
        (Head("unit", _("单位")), lambda r: r.unit_name, lambda r: Cell(r.unit_name)),
        (Head("system", _("业务系统")), lambda r: r.system or None, lambda r: Cell(r.system)),
        (Head("purpose", _("用途")), lambda r: r.purpose,
         lambda r: Cell(words.purpose(r.purpose, _))),
        (Head("state", _("进度")), lambda r: r.state, lambda r: words.step(r.state, _)),
        (Head("vcpu", _("vCPU 申请/批复/开通"), numeric=True), lambda r: r.applied.vcpu,
         trio("vcpu")),
        (Head("mem", _("内存 GB 申请/批复/开通"), numeric=True), lambda r: r.applied.mem_bytes,
         trio("mem_bytes")),
        (Head("disk", _("存储 GB 申请/批复/开通"), numeric=True), lambda r: r.applied.disk_bytes,
         trio("disk_bytes")),
        (Head("applied", _("申请日期")), lambda r: r.applied_at, day("applied_at")),
        (Head("days", _("开通用时（天）"), numeric=True), lambda r: r.days_to_deliver,
         lambda r: Cell("" if r.days_to_deliver is None else str(r.days_to_deliver))),
        (Head("expires", _("到期日期")), lambda r: r.expires, day("expires")),
        (Head("", _("矛盾")), lambda r: r.id, says),
    )  # fmt: skip
    chosen = {"unit": unit, "state": state, "text": text, "only": only}
    shown = listing(view, "/registers/allocations", lines, columns, chosen, "-number")
    if isinstance(shown, Response):
        return shown
    times = [line.days_to_deliver for line in lines if line.days_to_deliver is not None]
    context = AllocationsPage(
        tabs=tabs(view), listing=shown, units=units, unit=unit, state=state, text=text,
        states=[
            Option(key, words.step(key, _).text)
            for key in ("applied", "approved", "delivered", "expired")
        ],
        only=only, count=len(wrong), days=sum(times) / len(times) if times else None,
    )  # fmt: skip
    crumbs = [Crumb(_("登记台账"), "/registers/units"), Crumb(_("申请与批复"))]
    return view.page(context, active="registers", crumbs=crumbs)


@router.get("/registers/allocations/{allocation_id}")
def allocation_page(allocation_id: int, view: RegisterView) -> HTMLResponse:
    _, words = view.text, register_words
    with view.runtime.database.read() as session:
        line = allocation_detail(session, view.scope, allocation_id, view.now)
        found = [
            each
            for each in contradictions(session, view.scope, view.now)
            if each.allocation_id == allocation_id
        ]
    labels = {
        "vcpu": "vCPU", "mem_bytes": _("内存 GB"), "disk_bytes": _("存储 GB"),
        "accelerators": _("加速卡"),
    }  # fmt: skip
    facts = [
        (_("单位"), line.unit_name),
        (_("业务系统"), line.system),
        (_("用途"), words.purpose(line.purpose, _)),
        (_("站点"), line.site),
        (_("网络区"), line.zone),
        (_("处理器架构"), words.arch(line.arch, _)),
        (_("申请日期"), figures.day(line.applied_at, view.zone)),
        (_("批复日期"), figures.day(line.approved_at, view.zone)),
        (_("开通日期"), figures.day(line.delivered_at, view.zone)),
        (_("到期日期"), figures.day(line.expires, view.zone)),
        (_("备注"), line.note),
    ]
    context = AllocationPage(
        tabs=tabs(view),
        line=line,
        step=words.step(line.state, _),
        facts=[(label, value or "–") for label, value in facts],
        sizes=[
            (
                label,
                amount(line.applied, size),
                amount(line.approved, size),
                amount(line.delivered, size),
            )
            for size, label in labels.items()
        ],
        found=found,
        history=[
            (
                figures.moment(each.at, view.zone),
                each.by if view.scope.everything else "",
                _("登记") if each.what == "created" else _("变更：{n} 项", n=len(each.changes)),
            )
            for each in reversed(line.history)
        ],
    )
    crumbs = [
        Crumb(_("登记台账"), "/registers/units"),
        Crumb(_("申请与批复"), "/registers/allocations"),
        Crumb(f"{line.number}-{line.line}"),
    ]
    return view.page(context, active="registers", crumbs=crumbs)


def amount(of: Quantities, size: str) -> str:
    """A quantity in cores, GB or cards; – where it is not known."""
    value: float | None = getattr(of, size)
    if value is None:
        return "–"
    return f"{value / 2**30 if size.endswith('_bytes') else value:,.10g}"


def _text(each: Contradiction, language: str) -> str:
    return each.text_en if language == "en" else each.text_zh
