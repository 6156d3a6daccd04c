"""单位用量: every unit ranked by its use against its allocation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from controller.inventory.units import list_units
from controller.usage.model import UsageQuery, UsageRow
from controller.web import render, tables
from controller.web.pages.parts import (
    PeriodSwitch,
    period_switch,
    rank_rows,
    usage_exports,
)
from controller.web.shell import Crumb
from controller.web.view import UsageView

router = APIRouter()

CHARTED = 12
"""Bars in the ranking; the table below has them all."""

SORTS: dict[str, Callable[[UsageRow], Any]] = {
    "name": lambda row: row.unit_name,
    "resources": lambda row: row.resources,
    "vcpu": lambda row: row.vcpu_allocated,
    "cpu": lambda row: row.cpu_for_ranking,
    "cpu_p95": lambda row: row.cpu_p95_pct,
    "mem": lambda row: row.mem_allocated_bytes,
    "mem_avg": lambda row: row.mem_for_ranking,
    "disk": lambda row: row.disk_allocated_bytes,
    "disk_used": lambda row: row.disk_used_pct,
    "tx": lambda row: row.net_tx_p95_bytes_s,
    "coverage": lambda row: row.coverage_pct,
}


@dataclass(frozen=True)
class UnitsPage(render.Context):
    """``rows`` are one page of the table in its order; ``tree``: shown as a tree, not ranked."""

    template: ClassVar[str] = "units.html"

    period: PeriodSwitch
    query: dict[str, str]
    """The period's parameters, for links to a unit."""
    rows: list[UsageRow]
    table: tables.TableState
    level: str
    """``top``: units at the first level, each with all below it; ``all``: the whole tree."""
    text: str
    rank: str
    """JSON of the chart's bars."""
    exports: tuple[tables.ExportLink, ...]
    tree: bool
    registered: int
    """Units there are; 0 shows how to begin."""
    may_import: bool
    since: str
    until: str


@router.get("/units")
def units_page(view: UsageView) -> HTMLResponse:
    _, asked = view.text, view.request.query_params
    period = view.period()
    report = view.report(UsageQuery(period.since, period.until, by="unit"))
    with view.runtime.database.read() as session:
        registered = len(list_units(session, view.scope, view.now))
    level = "all" if asked.get("level") == "all" else "top"
    text = asked.get("text", "").strip()[:100]
    rows = choose(report.rows, level, text)
    sort, descending = tables.parse_sort(
        asked.get("sort", ""), (*SORTS, "tree"), "tree" if level == "all" and not text else "-cpu"
    )
    ranked = rows if sort == "tree" else tables.ordered(rows, SORTS[sort], descending=descending)
    kept = {
        key: value for key, value in (("level", level), ("text", text)) if value not in ("", "top")
    }
    state = tables.TableState(
        "/units", {**period.query, **kept}, sort, descending,
        tables.parse_page(asked.get("page", "")), tables.PAGE_SIZE, len(rows),
    )  # fmt: skip
    context = UnitsPage(
        period=period_switch("/units", period, kept, _),
        query=period.query,
        rows=tables.cut(ranked, state.page),
        table=state,
        level=level,
        text=text,
        rank=rank_rows(choose(report.rows, "top", ""), None, period, limit=CHARTED),
        exports=usage_exports(period, "unit", None, _),
        tree=sort == "tree",
        registered=registered,
        may_import=view.may("inventory.write"),
        since=f"{period.first_day}",
        until=f"{period.last_day}",
    )
    return view.page(context, active="units", crumbs=[Crumb(_("单位用量"))])


def choose(rows: Sequence[UsageRow], level: str, text: str) -> list[UsageRow]:
    """Rows of a level, or of any level that have ``text`` in name or code.

    The first level is the topmost with more than one unit: where the whole city hangs below one
    root, its departments are compared and not the root with itself.
    """
    if text:
        wanted = text.casefold()
        return [row for row in rows if wanted in f"{row.unit_name} {row.unit}".casefold()]
    if level == "all":
        return list(rows)
    for depth in range(20):
        found = [row for row in rows if row.depth == depth]
        if len(found) > 1 or (found and not any(row.depth > depth for row in rows)):
            return found
    return list(rows)
