"""One project of 迁网: its steps and what blocks them, the unit's word, its plans, its history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from controller.ledger.received import Received
from controller.moves import api, plans, plans_api, projects
from controller.moves.model import (
    EventView,
    ProjectDetail,
    ReasonIn,
    SignIn,
    StepIn,
    StepView,
)
from controller.moves.plans_api import PlanDetail, PlanOptions, view_of
from controller.moves.steps import OVER, refuse_change
from controller.problems import Problem
from controller.web import figures, move_words, render
from controller.web.move_words import MovesSigner, MovesView, MovesWriter
from controller.web.pages.move_parts import received_by_writer, sent_back
from controller.web.pages.register_parts import Cell
from controller.web.shell import Area, Crumb, Flash
from controller.web.view import View

router = APIRouter()


@dataclass(frozen=True)
class ShownStep:
    """A step, its words, and what the reader may do with it."""

    step: StepView
    label: str
    state: Cell
    blockers: list[str]
    current: bool
    may_start: bool
    may_finish: bool
    may_skip: bool
    may_reopen: bool


@dataclass(frozen=True)
class ShownEvent:
    """A line of the history."""

    event: EventView
    label: str
    changes: str


@dataclass(frozen=True)
class ShownPlan:
    """A plan of the project, and its state as a word."""

    plan: PlanDetail
    state: Cell


@dataclass(frozen=True)
class MoveProjectPage(render.Context):
    """A project whole."""

    template: ClassVar[str] = "move_project.html"

    tabs: tuple[Area, ...]
    project: ProjectDetail
    state: Cell
    steps: list[ShownStep]
    events: list[ShownEvent]
    plans: list[ShownPlan]
    may_write: bool
    may_sign: bool
    """The unit itself reads, the cut-over is done, and its word is waited for."""
    signed: StepView | None


@router.get("/moves/projects/{code}")
def project_page(code: str, view: MovesView) -> HTMLResponse:
    _ = view.text
    with view.runtime.database.read() as session:
        project = projects.project_detail(session, view.scope, code, view.now)
        found = plans.list_plans(session, view.scope, project=code)
        shown = [view_of(plan, code, view.scope, view.now, whole=False) for plan, _code in found]
    may_write = view.may("moves.write") and project.state == "open"
    steps = {step.step: step for step in project.steps}
    sign = steps["sign_off"]
    context = MoveProjectPage(
        tabs=move_words.tabs(_), project=project, state=move_words.project_state(project.state, _),
        steps=[_step(view, project, steps, step, may_write) for step in project.steps],
        events=[_event(view, event) for event in project.events],
        plans=[ShownPlan(plan, move_words.plan_state(plan.state, _)) for plan in shown],
        may_write=may_write,
        may_sign=view.may("moves.sign") and project.state == "open" and sign.state == "waiting"
        and steps["cutover"].state in OVER,
        signed=sign if sign.state == "done" else None,
    )  # fmt: skip
    crumbs = [Crumb(_("迁网"), "/moves"), Crumb(project.name)]
    return view.page(context, active="moves", crumbs=crumbs)


def _step(
    view: View, project: ProjectDetail, steps: dict[str, StepView], step: StepView, may_write: bool
) -> ShownStep:
    _ = view.text
    own = may_write and step.step != "sign_off"

    def may(state: str) -> bool:
        return own and not refuse_change(steps, step.step, state)

    over = step.state in OVER
    return ShownStep(
        step=step,
        label=move_words.steps(_)[step.step],
        state=move_words.step_state(step.state, _),
        blockers=[move_words.blocker(each, view.language == "en") for each in step.blockers],
        current=step.step == project.step,
        may_start=step.state == "waiting" and may("doing"),
        may_finish=not over and may("done"),
        may_skip=step.state == "waiting" and may("skipped"),
        may_reopen=over and may("waiting"),
    )


def _event(view: View, event: EventView) -> ShownEvent:
    _ = view.text
    names, label = move_words.fields(_), move_words.events(_).get(event.what, event.what)
    if event.step and event.what == "step":
        label = f"{move_words.steps(_)[event.step]} · {label}"
    told = []
    for name, (_before, after) in event.changes.items():
        text = _said(view, name, after)
        told.append(f"{names.get(name, name)}：{text or '–'}")
    return ShownEvent(event, label, "；".join(told))


def _said(view: View, name: str, value: object) -> str:
    if name == "state":
        return move_words.step_state(str(value), view.text).text
    if name == "planned" and value:
        return figures.day(datetime.fromisoformat(str(value)), view.zone)
    return "" if value is None else str(value)


def _back(code: str, flash: Flash) -> RedirectResponse:
    return render.go(f"/moves/projects/{quote(code, safe='')}", flash)


@router.post("/moves/projects/{code}/steps/{step}")
def change_step(
    code: str,
    step: str,
    view: MovesWriter,
    state: Annotated[str, Form(max_length=16)] = "",
    who: Annotated[str, Form(max_length=100)] = "",
    planned: Annotated[str, Form(max_length=10)] = "",
    blocked_by: Annotated[str, Form(max_length=500)] = "",
    reference: Annotated[str, Form(max_length=200)] = "",
    hosts_done: Annotated[str, Form(max_length=8)] = "",
) -> RedirectResponse:
    """A button alone sends the state; the form sends the rest."""
    _ = view.text
    try:
        given = (
            StepIn.model_validate({"state": state})
            if state
            else StepIn(
                who=who,
                planned=datetime.fromisoformat(planned) if planned else None,
                blocked_by=blocked_by,
                reference=reference,
                hosts_done=int(hosts_done) if hosts_done else None,
            )
        )
        api.set_step(view.runtime, view.scope, view.principal, code, step, given)
    except (ValueError, Problem) as error:
        return _back(code, Flash("bad", _("未更新：{why}", why=view.why(error)[:300])))
    return _back(code, Flash("good", _("已更新。")))


@router.post("/moves/projects/{code}/sign-off")
def sign_off(
    code: str,
    view: MovesSigner,
    verdict: Annotated[str, Form(max_length=10)],
    text: Annotated[str, Form(max_length=500)] = "",
) -> RedirectResponse:
    _ = view.text
    accept = verdict == "accept"
    try:
        given = SignIn(accept=accept, text=text)
        api.sign(view.runtime, view.scope, view.principal, code, given)
    except Problem as problem:
        why = _("退回时请填写原因") if problem.title == "say why" else view.why(problem)
        return _back(code, Flash("bad", _("未提交：{why}", why=why)))
    said = _("已确认，感谢配合。") if accept else _("已退回，运维人员将处理后再次提请确认。")
    return _back(code, Flash("good", said))


@router.post("/moves/projects/{code}/cancel")
def cancel(
    code: str, view: MovesWriter, text: Annotated[str, Form(max_length=500)] = ""
) -> RedirectResponse:
    _ = view.text
    try:
        api.cancel(view.runtime, view.scope, view.principal, code, text or _("页面操作"))
    except Problem as problem:
        return _back(code, Flash("bad", _("未取消：{why}", why=view.why(problem))))
    return _back(code, Flash("good", _("项目已取消，可随时恢复。")))


@router.post("/moves/projects/{code}/reopen")
def reopen(code: str, view: MovesWriter) -> RedirectResponse:
    _ = view.text
    try:
        given = ReasonIn(text=_("页面操作"))
        api.post_reopen(code, given, view.runtime, view.scope, view.principal)
    except Problem as problem:
        return _back(code, Flash("bad", _("未恢复：{why}", why=view.why(problem))))
    return _back(code, Flash("good", _("项目已恢复。")))


@router.post("/moves/projects/{code}/plans")
def make_plan(
    code: str, view: MovesWriter, sent: Annotated[Received, Depends(received_by_writer)]
) -> Response:
    """Sent by htmx, which shows that it is under way; the answer leads to the plan."""
    _, name = view.text, sent.file.filename or "file"
    try:
        days = int(sent.fields.get("days") or 30)
        options = PlanOptions(project=code, days=days)
        plan = plans_api.make_plan(view.runtime, view.scope, view.principal, options, sent.file)
    except (ValueError, Problem) as error:
        path = f"/moves/projects/{quote(code, safe='')}"
        return sent_back(path, Flash("bad", f"{name}：{error}"[:480]))
    blockers = int(plan.summary["blockers"])
    flash = (
        Flash("warn", _("方案已生成，有 {n} 处错误需更正后重新上传。", n=blockers))
        if blockers
        else Flash("good", _("方案已生成，可提交审批。"))
    )
    return sent_back(f"/moves/plans/{plan.id}", flash)
