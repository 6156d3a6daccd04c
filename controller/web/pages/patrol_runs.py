"""巡查记录: the runs, and one run with its score, its changes and its signature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse, Response

from controller.patrol import plans, signing
from controller.patrol import views as runs
from controller.patrol.views import CheckView, SeenFinding
from controller.problems import Problem
from controller.web import render, tables
from controller.web.pages import patrol_words as words
from controller.web.pages.parts import Choice
from controller.web.pages.patrol import PatrolView, Runner, ShownRun, shown_run
from controller.web.pages.patrol_words import Evidence
from controller.web.shell import Crumb, Flash

router = APIRouter()


@dataclass(frozen=True)
class RunsPage(render.Context):
    """All runs, newest first."""

    template: ClassVar[str] = "patrol_runs.html"

    rows: list[ShownRun]
    table: tables.TableState
    plan: str
    plans: list[tuple[str, str]]
    """(name, title) of every plan."""


@dataclass(frozen=True)
class SeenRow:
    """A finding as the run saw it."""

    seen: SeenFinding
    title: str
    change: str
    severity: tuple[str, str]
    evidence: list[Evidence]
    href: str


@dataclass(frozen=True)
class ShownEntry:
    """What became of a check."""

    entry: CheckView
    title: str
    group: str
    note: str


@dataclass(frozen=True)
class RunPage(render.Context):
    """One run. ``parts``: the sum behind the score, the greatest deduction first."""

    template: ClassVar[str] = "patrol_run.html"

    shown: ShownRun
    rows: list[SeenRow]
    table: tables.TableState
    changes: list[Choice]
    checks: list[ShownEntry]
    parts: list[dict[str, Any]]
    weights: float
    passed: int
    """Steps of a drill that went as expected."""
    definition: dict[str, Any]
    may_sign: bool
    exports: tuple[tables.ExportLink, ...]


@router.get("/patrol/runs")
def runs_page(view: PatrolView) -> Response:
    _, asked = view.text, view.request.query_params
    plan, page = asked.get("plan", "")[:64], tables.parse_page(asked.get("page", ""))
    with view.runtime.database.read() as session:
        rows, total = runs.list_runs(
            session, view.scope, view.now, plan=plan, page=page, size=tables.PAGE_SIZE
        )
        known = [
            (each.plan.name, each.plan.title(view.language)) for each in plans.list_plans(session)
        ]
    context = RunsPage(
        rows=[shown_run(view, row) for row in rows],
        table=tables.TableState(
            "/patrol/runs",
            {"plan": plan} if plan else {},
            "started",
            True,
            page,
            tables.PAGE_SIZE,
            total,
        ),
        plan=plan,
        plans=[*known, (signing.DRILL, words.kind(signing.DRILL, _))],
    )
    crumbs = [Crumb(_("巡查"), "/patrol"), Crumb(_("巡查记录"))]
    return view.page(context, active="patrol", crumbs=crumbs)


@router.get("/patrol/runs/{run_id}")
def run_page(run_id: int, view: PatrolView) -> Response:
    _, asked = view.text, view.request.query_params
    change = asked.get("change", "")
    change = change if change in runs.CHANGES else ""
    page = tables.parse_page(asked.get("page", ""))
    with view.runtime.database.read() as session:
        detail = runs.get_run(session, view.scope, run_id, view.now)
        seen, total = runs.run_findings(
            session, view.scope, run_id, view.now, change=change, page=page, size=tables.PAGE_SIZE
        )
    shown = shown_run(view, detail.run)
    path, counts = f"/patrol/runs/{run_id}", detail.run.counts
    labels = [("", _("全部"), sum(counts.get(each, 0) for each in runs.CHANGES))]
    labels += [(each, words.change(each, _), counts.get(each, 0)) for each in runs.CHANGES]
    api = f"/api/v1/patrol/runs/{run_id}/report"
    english = view.language == "en"
    context = RunPage(
        shown=shown,
        rows=[
            SeenRow(
                seen=each,
                title=each.title(view.language),
                change=words.change(each.change, _),
                severity=words.severity(each.severity, _),
                evidence=words.evidence(
                    each.code, each.detail, view.language, view.zone, each.before
                ),
                href=words.subject_link(each.subject_kind, each.subject_key, each.detail),
            )
            for each in seen
        ],
        table=tables.TableState(
            path,
            {"change": change} if change else {},
            "severity",
            False,
            page,
            tables.PAGE_SIZE,
            total,
        ),
        changes=[
            Choice(f"{label} {count}", render.link(path, change=name), name == change)
            for name, label, count in labels
        ],
        checks=[
            ShownEntry(
                entry=each,
                title=each.title(view.language),
                group=words.group(each.group, _),
                note=each.note_en if english else each.note_zh,
            )
            for each in detail.checks
        ],
        parts=[
            {**part, "title": words.check_title(part["check"], view.language)}
            for part in sorted(
                detail.formula.get("parts", []), key=lambda part: -float(part["deduction"])
            )
            if part["deduction"]
        ],
        weights=float(detail.formula.get("weights", 0)),
        passed=sum(bool(each.ok) for each in detail.checks),
        definition=detail.definition,
        may_sign=view.may("patrol.run") and detail.run.state == "done" and not detail.run.signed,
        exports=(
            tables.ExportLink("pdf", _("巡检报告（PDF）"), f"{api}?format=pdf"),
            tables.ExportLink("xlsx", _("Excel 表格（XLSX）"), f"{api}?format=xlsx"),
            tables.ExportLink("html", _("网页（HTML）"), f"{api}?format=html"),
            tables.ExportLink("json", "JSON", f"{api}?format=json"),
        ),
    )
    crumbs = [
        Crumb(_("巡查"), "/patrol"),
        Crumb(_("巡查记录"), "/patrol/runs"),
        Crumb(_("第 {n} 次", n=run_id)),
    ]
    return view.page(context, active="patrol", crumbs=crumbs)


@router.post("/patrol/runs/{run_id}/sign")
def sign(
    run_id: int, view: Runner, remark: Annotated[str, Form(max_length=2000)] = ""
) -> RedirectResponse:
    back = f"/patrol/runs/{run_id}"
    try:
        with view.runtime.database.write() as session:
            signing.sign(session, view.scope, run_id, view.principal, remark)
    except Problem as problem:
        if problem.status != 409:
            raise
        return render.go(back, Flash("warn", view.text("未签名：已有人签名，或巡查尚未完成。")))
    return render.go(back, Flash("good", view.text("已签名。")))
