"""割接方案: the list of plans, and one with its faults, waves, hosts and permits."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar
from urllib.parse import quote

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse, Response

from controller.moves import plans, plans_api
from controller.moves.plans_api import Decision, FaultView, PlanDetail, Window, view_of
from controller.problems import Problem
from controller.web import figures, move_words, render, tables
from controller.web.move_words import MovesApprover, MovesView, MovesWriter
from controller.web.pages.register_parts import Cell, Head, Listing, Option, listing
from controller.web.shell import Area, Crumb, Flash
from controller.web.view import View

router = APIRouter()

SHOWN_FAULTS = 300
SHOWN_PERMITS = 200


@dataclass(frozen=True)
class MovePlansPage(render.Context):
    """Plans of every project, the newest first."""

    template: ClassVar[str] = "move_plans.html"

    tabs: tuple[Area, ...]
    listing: Listing
    states: list[Option]
    state: str


@dataclass(frozen=True)
class ShownFault:
    """A fault in the reader's language."""

    fault: FaultView
    severity: Cell
    text: str


@dataclass(frozen=True)
class MovePlanPage(render.Context):
    """One plan. ``kinds``: faults by column with their count."""

    template: ClassVar[str] = "move_plan.html"

    tabs: tuple[Area, ...]
    plan: PlanDetail
    state: Cell
    faults: list[ShownFault]
    faults_left: int
    columns: list[tuple[str, int]]
    wave_notes: list[str]
    permits: list[dict[str, Any]]
    permits_left: int
    exports: tuple[tables.ExportLink, ...]
    may_write: bool
    may_submit: bool
    may_decide: bool
    own_plan: bool
    """The reader made or submitted it, and so may not approve it."""
    begin: str
    end: str


@router.get("/moves/plans")
def plans_page(view: MovesView) -> Response:
    _ = view.text
    words = ("draft", "submitted", "approved", "refused", "withdrawn")
    state = view.request.query_params.get("state", "")
    state = state if state in words else ""
    with view.runtime.database.read() as session:
        found = [
            view_of(plan, code, view.scope, view.now, whole=False)
            for plan, code in plans.list_plans(session, view.scope, state=state)
        ]

    def when(row: PlanDetail) -> str:
        if row.window_from is None or row.window_until is None:
            return ""
        begin = figures.moment(row.window_from, view.zone)
        return f"{begin} – {figures.moment(row.window_until, view.zone)}"

    columns = (
        (Head("id", _("方案")), lambda r: r.id,
         lambda r: Cell(f"#{r.id} {r.file_name}", f"/moves/plans/{r.id}")),
        (Head("project", _("项目")), lambda r: r.project,
         lambda r: Cell(r.project, f"/moves/projects/{quote(r.project, safe='')}")),
        (Head("state", _("状态")), lambda r: r.state,
         lambda r: move_words.plan_state(r.state, _)),
        (Head("hosts", _("主机"), numeric=True), lambda r: r.summary["hosts"],
         lambda r: Cell(str(r.summary["hosts"]))),
        (Head("blockers", _("错误"), numeric=True), lambda r: r.summary["blockers"],
         lambda r: Cell(str(r.summary["blockers"]))),
        (Head("warnings", _("提醒"), numeric=True), lambda r: r.summary["warnings"],
         lambda r: Cell(str(r.summary["warnings"]))),
        (Head("window", _("割接窗口")), lambda r: r.window_from, lambda r: Cell(when(r))),
        (Head("by", _("编制")), lambda r: r.by or None, lambda r: Cell(r.by)),
        (Head("at", _("时间")), lambda r: r.at,
         lambda r: Cell(figures.moment(r.at, view.zone))),
    )  # fmt: skip
    shown = listing(view, "/moves/plans", found, columns, {"state": state}, "-id")
    if isinstance(shown, Response):
        return shown
    context = MovePlansPage(
        tabs=move_words.tabs(_), listing=shown, state=state,
        states=[Option(word, move_words.plan_state(word, _).text) for word in words],
    )  # fmt: skip
    crumbs = [Crumb(_("迁网"), "/moves"), Crumb(_("割接方案"))]
    return view.page(context, active="moves", crumbs=crumbs)


@router.get("/moves/plans/{plan_id}")
def plan_page(plan_id: int, view: MovesView) -> Response:
    _, english = view.text, view.language == "en"
    with view.runtime.database.read() as session:
        kept = plans.find_plan(session, view.scope, plan_id)
        plan = view_of(kept, plans.project_code(session, kept), view.scope, view.now)
    mine = view.principal.name in (kept.by, kept.submitted_by)
    blockers = int(plan.summary.get("blockers", 0))
    begin = plan.window_from or view.now
    context = MovePlanPage(
        tabs=move_words.tabs(_), plan=plan, state=move_words.plan_state(plan.state, _),
        faults=[_fault(view, fault) for fault in plan.faults[:SHOWN_FAULTS]],
        faults_left=max(0, len(plan.faults) - SHOWN_FAULTS),
        columns=Counter(fault.column or "–" for fault in plan.faults).most_common(8),
        wave_notes=[wave["note_en" if english else "note_zh"] for wave in plan.waves],
        permits=plan.acl[:SHOWN_PERMITS], permits_left=max(0, len(plan.acl) - SHOWN_PERMITS),
        exports=_exports(view, plan_id),
        may_write=view.may("moves.write") and plan.state != "withdrawn",
        may_submit=view.may("moves.write") and plan.state in ("draft", "refused")
        and not blockers and bool(plan.hosts),
        may_decide=view.may("moves.approve") and plan.state == "submitted" and not mine,
        own_plan=view.may("moves.approve") and plan.state == "submitted" and mine,
        begin=f"{begin.astimezone(view.zone):%Y-%m-%dT22:00}", end="",
    )  # fmt: skip
    crumbs = [
        Crumb(_("迁网"), "/moves"), Crumb(plan.project, f"/moves/projects/{quote(plan.project)}"),
        Crumb(_("方案 #{n}", n=plan_id)),
    ]  # fmt: skip
    return view.page(context, active="moves", crumbs=crumbs)


def _fault(view: View, fault: FaultView) -> ShownFault:
    _ = view.text
    blocks = fault.severity == "blocker"
    severity = Cell(_("错误") if blocks else _("提醒"), tone="bad" if blocks else "warn")
    return ShownFault(fault, severity, fault.en if view.language == "en" else fault.zh)


def _exports(view: View, plan_id: int) -> tuple[tables.ExportLink, ...]:
    _ = view.text
    path = f"/api/v1/moves/plans/{plan_id}/file"
    links = [
        tables.ExportLink("xlsx", _("端口开通申请表（XLSX）"), render.link(path, kind="acl")),
        tables.ExportLink("xlsx", _("方案全文（XLSX）"), render.link(path, kind="xlsx")),
    ]
    if not view.bound:
        label = _("割接剧本变量（plan.yml）")
        links.append(tables.ExportLink("yml", label, render.link(path, kind="yml")))
    return tuple(links)


def _back(plan_id: int, flash: Flash) -> RedirectResponse:
    return render.go(f"/moves/plans/{plan_id}", flash)


@router.post("/moves/plans/{plan_id}/submit")
def submit(
    plan_id: int,
    view: MovesWriter,
    begin: Annotated[str, Form(max_length=20)],
    end: Annotated[str, Form(max_length=20)],
) -> RedirectResponse:
    _ = view.text
    try:
        window = Window(begin=datetime.fromisoformat(begin), end=datetime.fromisoformat(end))
        plans_api.submit(view.runtime, view.scope, view.principal, plan_id, window)
    except (ValueError, Problem) as error:
        return _back(plan_id, Flash("bad", _("未提交：{why}", why=view.why(error)[:300])))
    return _back(plan_id, Flash("good", _("已提交，等待另一人审批。")))


@router.post("/moves/plans/{plan_id}/decision")
def decide(
    plan_id: int,
    view: MovesApprover,
    verdict: Annotated[str, Form(max_length=10)],
    note: Annotated[str, Form(max_length=500)] = "",
) -> RedirectResponse:
    _ = view.text
    given = Decision(approve=verdict == "approve", note=note)
    try:
        plans_api.decide(view.runtime, view.scope, view.principal, plan_id, given)
    except Problem as problem:
        why = _("退回时请填写原因") if problem.title == "say why" else view.why(problem)
        return _back(plan_id, Flash("bad", _("未办理：{why}", why=why)))
    said = _("已批准，可在窗口内执行。") if given.approve else _("已退回。")
    return _back(plan_id, Flash("good", said))


@router.post("/moves/plans/{plan_id}/withdraw")
def withdraw(plan_id: int, view: MovesWriter) -> RedirectResponse:
    _ = view.text
    try:
        plans_api.withdraw(view.runtime, view.scope, view.principal, plan_id)
    except Problem as problem:
        return _back(plan_id, Flash("bad", _("未撤回：{why}", why=view.why(problem))))
    return _back(plan_id, Flash("good", _("已撤回。")))
