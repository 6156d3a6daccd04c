"""总览: the city (or the reader's part of it) in four figures, a trend, and the two ends of the
ranking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response
from sqlmodel import col, select

from controller.access.tables import User
from controller.usage.model import UsageQuery, UsageRow
from controller.web import render, shell, tables
from controller.web.freshness import AgentCounts, agent_counts
from controller.web.pages.parts import PeriodSwitch, period_switch, rank_rows, usage_exports
from controller.web.pages.units import choose
from controller.web.shell import Crumb
from controller.web.view import ReaderView, View

router = APIRouter()

COMPLETE = 99.0
"""Percent; below it a unit is listed among those with gaps."""
SHOWN = 5
"""Bars at each end of the ranking."""


@dataclass(frozen=True)
class Total:
    """A sum over the first-level units: allocated, used on average, and the share of it."""

    allocated: float
    used: float
    pct: float | None


@dataclass(frozen=True)
class Overview(render.Context):
    """``least`` and ``most`` hold the bars of the lowest and highest use as JSON."""

    template: ClassVar[str] = "overview.html"

    period: PeriodSwitch
    query: dict[str, str]
    units: int
    resources: int
    vcpu: Total
    memory: Total
    disk: Total
    agents: AgentCounts
    most: str
    least: str
    both_ends: bool
    scale: float
    """End of both rankings' axis, percent, so that they can be compared."""
    coverage_pct: float | None
    incomplete: list[UsageRow]
    """First-level units whose data are least complete, below 99 %."""
    exports: tuple[tables.ExportLink, ...]
    may_manage: bool
    trend_url: str
    needs_security_admin: bool
    """The reader is a system administrator and nobody can make accounts yet."""


@router.get("/")
def overview_page(view: ReaderView) -> Response:
    if not view.may("usage.read"):
        # "/" is where everybody arrives; whose work is elsewhere is led there.
        return RedirectResponse(shell.home(view.principal), status_code=303)
    _, period = view.text, view.period()
    report = view.report(UsageQuery(period.since, period.until, by="unit"))
    top = [row for row in report.rows if row.depth == 0]
    first_level = choose(report.rows, "top", "")
    agents = agent_counts(view.runtime, view.scope, view.now)
    known = tables.ordered(
        [row for row in first_level if row.cpu_for_ranking is not None],
        lambda row: row.cpu_for_ranking,
        descending=True,
    )
    both_ends = len(known) >= 2 * SHOWN
    incomplete = [
        row for row in first_level if row.coverage_pct is not None and row.coverage_pct < 99
    ]
    context = Overview(
        period=period_switch("/", period, {}, _),
        query=period.query,
        units=len(first_level),
        resources=sum(row.resources for row in top),
        vcpu=total(top, "vcpu_allocated", "cpu_avg_pct"),
        memory=total(top, "mem_allocated_bytes", "mem_avg_pct"),
        disk=total(top, "disk_allocated_bytes", "disk_used_pct"),
        agents=agents,
        most=rank_rows(known[:SHOWN], None, period),
        least=rank_rows(known[-SHOWN:], None, period) if both_ends else "",
        both_ends=both_ends,
        scale=max(
            (max(row.cpu_for_ranking or 0, row.cpu_p95_pct or 0) for row in known), default=0.0
        ),
        coverage_pct=report.coverage_pct,
        incomplete=tables.ordered(incomplete, lambda row: row.coverage_pct, descending=False)[:5],
        exports=usage_exports(period, "unit", None, _),
        may_manage=view.may("agents.manage"),
        trend_url=render.link("/web-data/trend", period.query),
        needs_security_admin=_nobody_makes_accounts(view),
    )
    return view.page(context, active="overview", crumbs=[Crumb(_("总览"))])


def _nobody_makes_accounts(view: View) -> bool:
    if view.principal.role != "system_admin":
        return False
    with view.runtime.database.read() as session:
        found = session.exec(
            select(User.id).where(col(User.role) == "security_admin", col(User.disabled).is_(False))
        )
        return found.first() is None


def total(rows: Sequence[UsageRow], allocated: str, share: str) -> Total:
    """Sums over units; a unit without a share counts as allocated but not into the share."""
    whole = used = known = 0.0
    for row in rows:
        size, pct = getattr(row, allocated), getattr(row, share)
        if size is None:
            continue
        whole += size
        if pct is not None:
            known += size
            used += size * pct / 100
    return Total(whole, used, 100 * used / known if known else None)
