"""资源池: what there is, is held, promised and left; and whether an application fits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from fastapi import APIRouter
from fastapi.responses import Response

from controller.idle.model import Candidate, Recovery
from controller.idle.recover import recover_first
from controller.inventory import pools
from controller.inventory.pools import Answer, PoolState, Request
from controller.inventory.tables import ARCHITECTURES
from controller.problems import Problem
from controller.web import register_words, render
from controller.web.pages.idle import class_word
from controller.web.pages.register_parts import (
    Cell,
    Head,
    Listing,
    Option,
    PoolsView,
    listing,
    tabs,
)
from controller.web.shell import Area, Crumb

router = APIRouter()

MOST = 1e9


@dataclass(frozen=True)
class PoolsPage(render.Context):
    """The pools; ``answer`` to the application in ``asked``, where one was asked about."""

    template: ClassVar[str] = "register_pools.html"

    tabs: tuple[Area, ...]
    listing: Listing
    unplaced: list[tuple[str, str]]
    """(resource, why) of what no pool counts; the first fifty."""
    unplaced_total: int
    sites: list[str]
    zones: list[str]
    archs: list[Option]
    purposes: list[Option]
    asked: dict[str, str]
    answer: Answer | None
    recovery: Recovery | None
    """What would have to be recovered first, where the answer is no."""
    recovery_reason: str
    steps: list[tuple[Candidate, str]]
    """Of the recovery, each with its class in a word."""
    reason: str
    problem: str


@router.get("/registers/pools")
def pools_page(view: PoolsView) -> Response:
    _, query = view.text, view.request.query_params
    asked = {
        name: query.get(name, "").strip()[:100]
        for name in ("vcpu", "mem", "disk", "cards", "site", "zone", "arch", "purpose")
    }
    answer, recovery, problem = None, None, ""
    with view.runtime.database.read() as session:
        found = pools.list_pools(session, view.scope, view.now)
        lost = pools.unplaced(session, view.scope, view.now)
        if any(asked[name] for name in ("vcpu", "mem", "disk", "cards")):
            try:
                answer, recovery = recover_first(session, view.scope, _request(asked), view.now)
            except (ValueError, Problem):
                problem = _("数量须为大于 0 的数字。")

    def number(part: str, size: str) -> tuple[Callable[[PoolState], Any], Callable[[Any], Cell]]:
        def value(pool: PoolState) -> float | None:
            of = {"left": pool.left(), "grantable": pool.grantable()}.get(part)
            return getattr(of or getattr(pool, part), size)  # type: ignore[no-any-return]

        def cell(pool: PoolState) -> Cell:
            found = value(pool)
            if found is None:
                return Cell("")
            text = f"{found / pools.GIB if size.endswith('_bytes') else found:,.0f}"
            return Cell(text, tone="bad" if found < 0 else "")

        return value, cell

    words = register_words
    columns = (
        (Head("name", _("资源池")), lambda p: p.name, lambda p: Cell(p.name, title=p.code)),
        (Head("site", _("站点")), lambda p: p.site, lambda p: Cell(p.site)),
        (Head("zone", _("网络区")), lambda p: p.zone or None,
         lambda p: Cell(p.zone or _("不限"))),
        (Head("arch", _("处理器架构")), lambda p: p.arch,
         lambda p: Cell(" ".join(filter(None, (words.arch(p.arch, _), p.accelerator))))),
        (Head("vcpu", _("vCPU 总量"), numeric=True), *number("capacity", "vcpu")),
        (Head("vcpu_held", _("已分配"), numeric=True), *number("allocated", "vcpu")),
        (Head("vcpu_promised", _("已批未开"), numeric=True), *number("promised", "vcpu")),
        (Head("vcpu_left", _("可分配"), numeric=True), *number("left", "vcpu")),
        (Head("ratio", _("超分比"), numeric=True), lambda p: p.cpu_ratio,
         lambda p: Cell("" if p.cpu_ratio is None else f"{p.cpu_ratio:.2f}",
                        title=_("上限 {n}", n=f"{p.cpu_overcommit:g}"))),
        (Head("mem", _("内存 GB"), numeric=True), *number("capacity", "mem_bytes")),
        (Head("mem_left", _("内存可分配"), numeric=True), *number("left", "mem_bytes")),
        (Head("disk", _("存储 GB"), numeric=True), *number("capacity", "disk_bytes")),
        (Head("disk_left", _("存储可分配"), numeric=True), *number("left", "disk_bytes")),
        (Head("cards", _("加速卡"), numeric=True), *number("capacity", "accelerators")),
        (Head("cards_left", _("加速卡可分配"), numeric=True), *number("left", "accelerators")),
        (Head("reserve", _("预留 %"), numeric=True), lambda p: p.reserve_pct,
         lambda p: Cell(f"{p.reserve_pct:g}")),
    )  # fmt: skip
    shown = listing(view, "/registers/pools", found, columns, {}, "name")
    if isinstance(shown, Response):
        return shown
    reason = ""
    if answer is not None:
        reason = answer.reason_en if view.language == "en" else answer.reason_zh
    context = PoolsPage(
        tabs=tabs(view), listing=shown, unplaced=lost[:50], unplaced_total=len(lost),
        sites=sorted({pool.site for pool in found}),
        zones=sorted({pool.zone for pool in found if pool.zone}),
        archs=[Option(code, words.arch(code, _)) for code in ARCHITECTURES],
        purposes=[
            Option(code, words.purpose(code, _)) for code in ("production", "test", "emergency")
        ],
        asked=asked, answer=answer, reason=reason, problem=problem,
        recovery=recovery,
        recovery_reason=(
            "" if recovery is None
            else recovery.reason_en if view.language == "en" else recovery.reason_zh
        ),
        steps=[(each, class_word(each.cls, _)) for each in (recovery.steps if recovery else [])],
    )  # fmt: skip
    crumbs = [Crumb(_("登记台账"), "/registers/units"), Crumb(_("资源池"))]
    return view.page(context, active="registers", crumbs=crumbs)


def _request(asked: dict[str, str]) -> Request:
    """Raises ValueError for what is no number."""
    sizes = {name: float(asked[name] or 0) for name in ("vcpu", "mem", "disk", "cards")}
    if any(not 0 <= size <= MOST for size in sizes.values()):
        raise ValueError("out of range")
    return Request(
        vcpu=sizes["vcpu"],
        mem_bytes=sizes["mem"] * pools.GIB,
        disk_bytes=sizes["disk"] * pools.GIB,
        accelerators=sizes["cards"],
        site=asked["site"],
        zone=asked["zone"],
        arch=asked["arch"],
        purpose=asked["purpose"] or "production",
    )
