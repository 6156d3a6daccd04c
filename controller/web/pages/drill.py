"""应急演练: the form in which a drill that was held is written down as a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from starlette.datastructures import FormData

from controller.patrol import signing
from controller.patrol.api import NewDrill, NewStep
from controller.problems import Problem
from controller.web import render
from controller.web.language import Text
from controller.web.pages.patrol import Runner
from controller.web.shell import Crumb, Flash
from controller.web.view import View

router = APIRouter()

ROWS = 10
"""Steps that the form has room for; empty ones are left out."""
MOST_TEXT = 2000


@dataclass(frozen=True)
class StepRow:
    """A line of the form as it was filled in; ``ok`` is "1", "0" or "" (not said)."""

    title: str = ""
    expected: str = ""
    outcome: str = ""
    ok: str = ""

    @property
    def empty(self) -> bool:
        return not (self.title or self.expected or self.outcome or self.ok)


@dataclass(frozen=True)
class DrillPage(render.Context):
    """The form, with what was filled in and what is wrong with it."""

    template: ClassVar[str] = "patrol_drill.html"

    title: str = ""
    scenario: str = ""
    participants: str = ""
    started: str = ""
    finished: str = ""
    conclusion: str = ""
    steps: list[StepRow] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@router.get("/patrol/drills/new")
def drill_form(view: Runner) -> Response:
    return _page(view, DrillPage(steps=[StepRow()] * ROWS))


@router.post("/patrol/drills")
async def write_down(view: Runner, request: Request) -> Response:
    """The form is read by hand: its lines have numbers in their names."""
    return await run_in_threadpool(_write_down, view, _read(await request.form()))


def _write_down(view: View, filled: DrillPage) -> Response:
    _ = view.text
    problems = _problems(filled, _)
    if not problems:
        try:
            number = _record(view, filled)
        except Problem as problem:
            problems = [
                _("同一名称和开始时间的演练已登记过。")
                if problem.status == 409
                else _("结束时间须晚于开始时间，且不晚于现在。")
            ]
        else:
            return render.go(f"/patrol/runs/{number}", Flash("good", _("演练已登记。")))
    page = DrillPage(**{**vars(filled), "problems": problems})
    return _page(view, page, status=422)


def _page(view: View, context: DrillPage, status: int = 200) -> Response:
    _ = view.text
    crumbs = [
        Crumb(_("巡查"), "/patrol"),
        Crumb(_("巡查记录"), "/patrol/runs"),
        Crumb(_("登记应急演练")),
    ]
    return view.page(context, active="patrol", crumbs=crumbs, status=status)


def _read(form: FormData) -> DrillPage:
    def text(name: str, most: int = MOST_TEXT) -> str:
        value = form.get(name, "")
        return value.strip()[:most] if isinstance(value, str) else ""

    steps = [
        StepRow(
            text(f"step-{index}", 200),
            text(f"expected-{index}", 500),
            text(f"outcome-{index}", 500),
            text(f"ok-{index}", 1),
        )
        for index in range(ROWS)
    ]
    return DrillPage(
        title=text("title", 100),
        scenario=text("scenario"),
        participants=text("participants"),
        started=text("started", 30),
        finished=text("finished", 30),
        conclusion=text("conclusion"),
        steps=steps,
    )


def _problems(filled: DrillPage, _: Text) -> list[str]:
    found = []
    if not filled.title:
        found.append(_("请填写演练名称。"))
    if _moment(filled.started) is None or _moment(filled.finished) is None:
        found.append(_("请填写开始和结束时间。"))
    given = [step for step in filled.steps if not step.empty]
    if not given:
        found.append(_("请至少填写一个步骤。"))
    for number, step in enumerate(filled.steps, 1):
        if not step.empty and (not step.title or step.ok not in ("0", "1")):
            found.append(_("第 {n} 步缺少名称或结果。", n=number))
    return found


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _record(view: View, filled: DrillPage) -> int:
    """Raises Problem 422 for impossible times."""
    started, finished = _moment(filled.started), _moment(filled.finished)
    if started is None or finished is None:
        raise Problem(422, "wrong times", "a drill has a beginning and an end")
    people = filled.participants.replace("，", "、").replace(",", "、").split("、")
    wanted = NewDrill(
        title=filled.title,
        scenario=filled.scenario,
        participants=[name.strip() for name in people if name.strip()][:100],
        started=_local(started, view),
        finished=_local(finished, view),
        steps=[
            NewStep(title=s.title, expected=s.expected, outcome=s.outcome, ok=s.ok == "1")
            for s in filled.steps
            if not s.empty
        ],
        conclusion=filled.conclusion,
    )
    with view.runtime.database.write() as session:
        return signing.record_drill(
            session,
            view.principal,
            title=wanted.title,
            scenario=wanted.scenario,
            participants=wanted.participants,
            started=wanted.started,
            finished=wanted.finished,
            steps=[signing.Step(s.title, s.expected, s.outcome, s.ok) for s in wanted.steps],
            conclusion=wanted.conclusion,
        )


def _local(moment: datetime, view: View) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=view.zone)
