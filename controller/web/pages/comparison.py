"""用量对比: approved, delivered, held and used side by side, place among peers, growth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from fastapi import APIRouter
from fastapi.responses import Response

from controller.access.scope import CITY
from controller.usage.comparison import ComparedRow, Figure, comparison
from controller.web import render, tables
from controller.web.pages.idle import views
from controller.web.pages.parts import Choice, PeriodSwitch, period_switch
from controller.web.shell import Crumb
from controller.web.view import UsageView, View

router = APIRouter()

GIB = 2.0**30

SORTS: dict[str, Callable[[ComparedRow], Any]] = {
    "name": lambda row: row.unit_name,
    "approved": lambda row: row.approved,
    "delivered": lambda row: row.delivered,
    "allocated": lambda row: row.allocated,
    "used": lambda row: row.used,
    "share": lambda row: row.average_pct,
    "spare": lambda row: row.spare,
    "rank": lambda row: row.rank,
    "grown": lambda row: row.allocated_growth,
    "growth": lambda row: row.used_growth,
}


@dataclass(frozen=True)
class ComparisonPage(render.Context):
    """``rows`` is one page of the table; amounts in cores or GB. ``totals`` are (word, amount) of
    the topmost units."""

    template: ClassVar[str] = "comparison.html"

    views: tuple[Choice, ...]
    period: PeriodSwitch
    query: dict[str, str]
    figures: tuple[Choice, ...]
    unit_word: str
    rows: list[ComparedRow]
    scale: float
    totals: list[tuple[str, float | None, str]]
    table: tables.TableState
    text: str
    exports: tuple[tables.ExportLink, ...]
    since: str
    until: str
    bound: bool


@router.get("/comparison")
def comparison_page(view: UsageView, file: str = "") -> Response:
    _, asked, period = view.text, view.request.query_params, view.period()
    figure: Figure = "mem" if asked.get("figure") == "mem" else "cpu"
    text = asked.get("text", "").strip()[:100]
    found = comparison(
        view.runtime, view.scope, period.since, period.until, figure,
        report=lambda query: view.report(query, CITY),
    )  # fmt: skip
    wanted = text.casefold()
    rows = [row for row in found.rows if wanted in f"{row.unit_name} {row.unit}".casefold()]
    sort, descending = tables.parse_sort(asked.get("sort", ""), SORTS, "-spare")
    rows = tables.ordered(rows, SORTS[sort], descending=descending)
    scale = 1.0 if figure == "cpu" else GIB
    unit_word = _("核") if figure == "cpu" else "GB"
    if file in ("csv", "xlsx"):
        return _export(view, rows, file, scale, unit_word)
    kept = {**period.query, **({"figure": "mem"} if figure == "mem" else {})}
    query = kept | ({"text": text} if text else {})
    page = tables.parse_page(asked.get("page", ""))
    context = ComparisonPage(
        views=views("comparison", _),
        period=period_switch(
            "/comparison", period, {k: v for k, v in query.items() if k not in period.query}, _
        ),
        query=period.query,
        figures=(
            Choice("vCPU", render.link("/comparison", query, figure=""), figure == "cpu"),
            Choice(_("内存"), render.link("/comparison", query, figure="mem"), figure == "mem"),
        ),
        unit_word=unit_word,
        rows=tables.cut(rows, page),
        scale=scale,
        totals=_totals(found.rows, view),
        table=tables.TableState(
            "/comparison", query, sort, descending, page, tables.PAGE_SIZE, len(rows)
        ),
        text=text,
        exports=tuple(
            tables.ExportLink(each, label, render.link("/comparison", query, file=each))
            for each, label in (
                ("xlsx", _("Excel 表格（XLSX）")),
                ("csv", _("文本表格（CSV）")),
            )
        ),
        since=f"{period.first_day}",
        until=f"{period.last_day}",
        bound=view.bound,
    )
    crumbs = [Crumb(_("闲置判定"), "/idle"), Crumb(_("用量对比"))]
    return view.page(context, active="idle", crumbs=crumbs)


def _totals(rows: list[ComparedRow], view: View) -> list[tuple[str, float | None, str]]:
    """Sums of the topmost units, each with what it is."""
    _ = view.text
    top = [row for row in rows if row.depth == 0]

    def added(name: str) -> float | None:
        known = [value for row in top if (value := getattr(row, name)) is not None]
        return sum(known) if known else None

    return [
        (_("批复量"), added("approved"), _("仍在有效期内的申请")),
        (_("分配量"), added("allocated"), _("期末实际持有")),
        (_("平均使用"), added("used"), _("时段内平均")),
        (_("闲余"), added("spare"), _("分配量减 P95 使用量")),
    ]


def _export(
    view: View, rows: list[ComparedRow], file: str, scale: float, unit_word: str
) -> Response:
    _ = view.text
    names = [
        _("批复量"), _("开通量"), _("分配量"), _("平均使用"), _("P95 使用"), _("闲余"),
        _("分配增长"), _("使用增长"),
    ]  # fmt: skip
    heads = [
        _("单位编码"), _("单位"), *(f"{name}（{unit_word}）" for name in names),
        _("平均使用率 %"), _("同类名次"), _("同类单位数"), _("同类中位数 %"),
    ]  # fmt: skip
    cells = []
    for row in rows:
        amounts = (
            row.approved, row.delivered, row.allocated, row.used, row.peak, row.spare,
            row.allocated_growth, row.used_growth,
        )  # fmt: skip
        cells.append(
            [
                row.unit, row.unit_name,
                *(None if each is None else round(each / scale, 2) for each in amounts),
                row.average_pct, row.rank, row.of, row.median_pct,
            ]
        )  # fmt: skip
    name = f"comparison-{view.now.astimezone(view.zone):%Y%m%d}"
    return tables.export(file, name, heads, cells)
