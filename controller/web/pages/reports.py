"""报表: every document in one place; first the usage report of each unit for a month."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from controller.ledger.months import newest, published_report
from controller.patrol import views as patrol_views
from controller.usage.model import UsageQuery, UsageRow
from controller.usage.periods import read_month
from controller.web import render
from controller.web.language import Text
from controller.web.shell import Crumb
from controller.web.view import UsageView, View

router = APIRouter()

FORMS = (("pdf", "PDF"), ("docx", "DOCX"), ("xlsx", "XLSX"), ("html", "HTML"))
MONTHS = 13
"""As far back as five-minute rows are kept."""


@dataclass(frozen=True)
class Line:
    """A unit's usage report of the month, in each form as (name, address)."""

    row: UsageRow
    files: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Other:
    """Another document: what it is, and its addresses; ``page`` is where it is made."""

    title: str
    about: str
    page: str
    files: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ReportsPage(render.Context):
    """``whole`` are the files of everything in the reader's scope."""

    template: ClassVar[str] = "reports.html"

    month: str
    choices: tuple[str, ...]
    """Months to choose from, the newest first."""
    version: int | None
    """The last published version of the month, None where there is none."""
    frozen: bool
    """Whether the figures shown are the published ones."""
    running: bool
    """Whether the month is not over."""
    whole: tuple[tuple[str, str], ...]
    rows: list[Line]
    others: tuple[Other, ...]


@router.get("/reports")
def reports_page(view: UsageView) -> HTMLResponse:
    _, asked = view.text, view.request.query_params
    choices = recent_months(view.now, view.zone)
    month = asked.get("month", "")
    if month not in choices:
        month = choices[1]
    version = _published(view, month)
    frozen = version is not None and asked.get("figures", "published") == "published"
    query = {"month": month, **({"version": str(version)} if frozen else {})}
    since, until = read_month(month, view.zone)
    usage = UsageQuery(since, until, by="unit")
    if frozen:
        report = published_report(view.runtime, view.scope, usage, month, version)
    else:
        report = view.report(usage)
    context = ReportsPage(
        month=month,
        choices=choices,
        version=version,
        frozen=frozen,
        running=until > view.now,
        whole=_files(query),
        rows=[Line(row, _files({**query, "unit": row.unit or ""})) for row in report.rows],
        others=tuple(_others(view, _)),
    )
    return view.page(context, active="reports", crumbs=[Crumb(_("报表"))])


def recent_months(now: datetime, zone: ZoneInfo) -> tuple[str, ...]:
    """``2026-11`` and the months before it, the newest first."""
    first = now.astimezone(zone).date().replace(day=1)
    found = []
    for _ in range(MONTHS):
        found.append(f"{first:%Y-%m}")
        first = (first - timedelta(days=1)).replace(day=1)
    return tuple(found)


def _published(view: View, month: str) -> int | None:
    with view.runtime.database.read() as session:
        found = newest(session, month)
    return found.version if found is not None else None


def _files(query: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (label, render.link("/api/v1/reports/usage", query, format=form)) for form, label in FORMS
    )


def _others(view: View, _: Text) -> list[Other]:
    found = []
    if view.may("patrol.read"):
        found.append(
            Other(
                _("巡检报告"), _("最近一次巡查的得分、问题与签名。"), "/patrol/runs", _patrol(view)
            )
        )
    found.append(
        Other(
            _("闲置判定清单"),
            _("按本市规则判定的每项资源、依据与建议。"),
            "/idle",
            (),
        )
    )
    found.append(
        Other(
            _("对账结果"),
            _("平台、台账与采集端三方差异。"),
            "/ledger/reconciliation",
            (("CSV", "/api/v1/ledger/reconciliation?format=csv"),),
        )
    )
    if view.may("notices.read"):
        found.append(Other(_("回收成效台账"), _("提示函处置后收回的资源。"), "/notices/ledger", ()))
    found.append(Other(_("IPv6 支持度"), _("网站与单位得分及提升建议。"), "/ipv6", ()))
    return found


def _patrol(view: View) -> tuple[tuple[str, str], ...]:
    with view.runtime.database.read() as session:
        runs, _ = patrol_views.list_runs(session, view.scope, view.now, state="done", size=1)
    return tuple(
        (form.upper(), f"/api/v1/patrol/runs/{run.id}/report?format={form}")
        for run in runs
        for form in ("pdf", "xlsx")
    )
