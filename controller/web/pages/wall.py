"""大屏: the overview alone, dark, large enough to be read from five metres, refreshing itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from controller.usage.model import UsageQuery
from controller.web import render
from controller.web.freshness import AgentCounts, agent_counts
from controller.web.pages.overview import Total, total
from controller.web.pages.parts import rank_rows
from controller.web.pages.units import choose
from controller.web.shell import Crumb
from controller.web.view import UsageView

router = APIRouter()

REFRESH_S = 60
LATE_AFTER_S = 200
"""Three refreshes that failed: the page says that it stands still."""
BARS = 8


@dataclass(frozen=True)
class WallPage(render.Context):
    """The figures of the overview over the last days; ``most`` holds the bars as JSON."""

    template: ClassVar[str] = "wall.html"

    refresh_s: int
    late_after_s: int
    units: int
    resources: int
    vcpu: Total
    memory: Total
    disk: Total
    agents: AgentCounts
    most: str
    trend_url: str
    span: str
    """The period in words."""


@router.get("/wall")
def wall_page(view: UsageView) -> HTMLResponse:
    _, period = view.text, view.period()
    report = view.report(UsageQuery(period.since, period.until, by="unit"))
    top = [row for row in report.rows if row.depth == 0]
    first_level = choose(report.rows, "top", "")
    context = WallPage(
        refresh_s=REFRESH_S,
        late_after_s=LATE_AFTER_S,
        units=len(first_level),
        resources=sum(row.resources for row in top),
        vcpu=total(top, "vcpu_allocated", "cpu_avg_pct"),
        memory=total(top, "mem_allocated_bytes", "mem_avg_pct"),
        disk=total(top, "disk_allocated_bytes", "disk_used_pct"),
        agents=agent_counts(view.runtime, view.scope, view.now),
        most=rank_rows(first_level, None, period, limit=BARS),
        trend_url=render.link("/web-data/trend", period.query),
        span=_("{since} 至 {until}", since=f"{period.first_day}", until=f"{period.last_day}"),
    )
    return view.page(context, active="overview", crumbs=[Crumb(_("大屏"))])
