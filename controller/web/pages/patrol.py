"""巡查: what waits, the plans, the latest runs; starting a run, handing a shift over."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Form
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError
from sqlmodel import Session, col, select

from controller.access.tables import User
from controller.findings import changes
from controller.findings import views as findings
from controller.findings.model import Summary
from controller.patrol import plans, schedule
from controller.patrol import views as runs
from controller.patrol.api import begin
from controller.patrol.plans import Check, PlanView
from controller.patrol.views import RunView
from controller.problems import NotFound, Problem
from controller.web import render
from controller.web.pages import patrol_words as words
from controller.web.shell import Crumb, Flash
from controller.web.view import View, opened

router = APIRouter()

PatrolView = Annotated[View, Depends(opened("patrol.read"))]
Runner = Annotated[View, Depends(opened("patrol.run"))]
Planner = Annotated[View, Depends(opened("patrol.plan"))]
Manager = Annotated[View, Depends(opened("findings.manage"))]

RUNS_SHOWN = 8
CODES_SHOWN = 8


@dataclass(frozen=True)
class ShownRun:
    """A run in words; ``gain`` is the score's change since the run before it."""

    run: RunView
    title: str
    kind: str
    state: tuple[str, str]
    gain: float | None


@dataclass(frozen=True)
class ShownPlan:
    """A plan and when it runs next."""

    view: PlanView
    title: str
    kind: str
    following: datetime | None


@dataclass(frozen=True)
class CodeCount:
    """How many findings of one check stand."""

    code: str
    title: str
    count: int
    share: float
    """Of the most frequent one, 0-100."""


@dataclass(frozen=True)
class PatrolPage(render.Context):
    """The overview: findings that wait, the last run, the plans."""

    template: ClassVar[str] = "patrol.html"

    summary: Summary
    last: ShownRun | None
    """The last daily run that is done."""
    codes: list[CodeCount]
    rows: list[ShownRun]
    plans: list[ShownPlan]
    people: list[str]
    may_run: bool
    may_manage: bool


@dataclass(frozen=True)
class ShownCheck:
    """A check as the plan has it."""

    check: Check
    title: str
    group: str
    levels: list[tuple[tuple[str, str], float]]
    parameters: list[tuple[str, str]]


@dataclass(frozen=True)
class PlanPage(render.Context):
    """One plan: its checks with levels, its versions, and the text to edit."""

    template: ClassVar[str] = "patrol_plan.html"

    plan: ShownPlan
    checks: list[ShownCheck]
    versions: list[PlanView]
    definition: str
    """The plan as JSON; after a refusal, what was typed."""
    may_edit: bool
    may_run: bool
    error: str
    """Why what was typed was not saved; "" where nothing was."""
    note: str


@router.get("/patrol")
def patrol_page(view: PatrolView) -> Response:
    _ = view.text
    with view.runtime.database.read() as session:
        summary = findings.summary(session, view.scope, view.now)
        counts = findings.by_code(session, view.scope)
        rows, _total = runs.list_runs(session, view.scope, view.now, size=RUNS_SHOWN)
        daily, _total = runs.list_runs(
            session, view.scope, view.now, plan="daily", state="done", size=1
        )
        every = plans.list_plans(session)
        people = _people(session) if view.may("findings.manage") else []
    most = counts[0][1] if counts else 1
    context = PatrolPage(
        summary=summary,
        last=shown_run(view, daily[0]) if daily else None,
        codes=[
            CodeCount(code, words.check_title(code, view.language), count, 100 * count / most)
            for code, count in counts[:CODES_SHOWN]
        ],
        rows=[shown_run(view, row) for row in rows],
        plans=[_shown_plan(view, each) for each in every],
        people=people,
        may_run=view.may("patrol.run"),
        may_manage=view.may("findings.manage"),
    )
    return view.page(context, active="patrol", crumbs=[Crumb(_("巡查"))])


@router.post("/patrol/runs")
def start_run(view: Runner, plan: Annotated[str, Form()] = "daily") -> RedirectResponse:
    try:
        number = begin(view.runtime, view.scope, plan, "", view.principal)
    except NotFound:
        raise
    except Problem:
        return render.go("/patrol", Flash("warn", view.text("该方案正在巡查，请稍候。")))
    return render.go(f"/patrol/runs/{number}")


@router.post("/patrol/hand-over")
def hand_over(
    view: Manager,
    from_user: Annotated[str, Form()],
    to_user: Annotated[str, Form()],
    note: Annotated[str, Form(max_length=1000)] = "",
) -> RedirectResponse:
    _ = view.text
    try:
        with view.runtime.database.write() as session:
            done = changes.hand_over(session, view.scope, from_user, to_user, view.principal, note)
    except Problem:
        return render.go("/patrol", Flash("bad", _("交接双方须为不同的在用用户。")))
    return render.go("/patrol", Flash("good", _("已交接 {n} 项问题。", n=len(done.findings))))


@router.get("/patrol/plans/{name}")
def plan_page(name: str, view: PatrolView) -> Response:
    return _plan_page(view, name)


def _plan_page(
    view: View, name: str, *, typed: str = "", note: str = "", error: str = ""
) -> Response:
    _ = view.text
    with view.runtime.database.read() as session:
        plan = plans.get_plan(session, name)
        versions = list(plans.versions(session, name))
    definition = plan.plan.model_dump(mode="json", exclude_none=True)
    context = PlanPage(
        plan=_shown_plan(view, plan),
        checks=[_shown_check(view, check) for check in plan.plan.resolved()],
        versions=versions,
        definition=typed or json.dumps(definition, ensure_ascii=False, indent=1),
        may_edit=view.may("patrol.plan"),
        may_run=view.may("patrol.run"),
        error=error,
        note=note,
    )
    crumbs = [Crumb(_("巡查"), "/patrol"), Crumb(plan.plan.title(view.language))]
    return view.page(context, active="patrol", crumbs=crumbs, status=422 if error else 200)


@router.post("/patrol/plans/{name}")
def save_plan(
    name: str,
    view: Planner,
    definition: Annotated[str, Form(max_length=100_000)],
    note: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """What cannot be a plan comes back as it was typed, with what is wrong."""
    _ = view.text
    try:
        wanted = json.loads(definition)
        if not isinstance(wanted, dict):
            raise ValueError("not an object")
        with view.runtime.database.write() as session:
            made = plans.save_plan(session, wanted, view.principal, note)
    except (ValueError, ValidationError) as error:
        said = _("方案不是有效的 JSON：{why}", why=str(error).splitlines()[0])
        return _plan_page(view, name, typed=definition, note=note, error=said)
    except Problem as problem:
        said = _("方案未保存：{why}", why=view.why(problem))
        return _plan_page(view, name, typed=definition, note=note, error=said)
    said = _("已保存为第 {n} 版。", n=made.version)
    return render.go(f"/patrol/plans/{made.plan.name}", Flash("good", said))


def shown_run(view: View, run: RunView) -> ShownRun:
    """The run in the page's words."""
    gain = None
    if run.score is not None and run.previous_score is not None:
        gain = round(run.score - run.previous_score, 1)
    return ShownRun(
        run=run,
        title=run.title(view.language),
        kind=words.kind(run.kind, view.text),
        state=words.run_state(run.state, view.text),
        gain=gain,
    )


def _shown_plan(view: View, plan: PlanView) -> ShownPlan:
    following = None
    if plan.plan.enabled:
        following = schedule.next_slot(plan.plan.schedule, view.now, view.zone)
    return ShownPlan(
        plan, plan.plan.title(view.language), words.kind(plan.plan.kind, view.text), following
    )


def _shown_check(view: View, check: Check) -> ShownCheck:
    english = view.language == "en"
    return ShownCheck(
        check=check,
        title=check.title_en if english else check.title_zh,
        group=words.group(check.group, view.text),
        levels=[(words.severity(level.severity, view.text), level.at) for level in check.levels],
        parameters=[
            (name, json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value))
            for name, value in check.parameters.items()
        ],
    )


def _people(session: Session) -> list[str]:
    rows = session.exec(
        select(User.username).where(col(User.disabled).is_(False)).order_by(col(User.username))
    )
    return list(rows)
