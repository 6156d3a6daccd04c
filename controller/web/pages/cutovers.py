"""割接: the list, and the board of one with each host's stage and its running timer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Form
from fastapi.responses import RedirectResponse, Response

from controller.access import audit
from controller.cutover import cutovers
from controller.cutover.api import NewCutover, begin, go_back
from controller.cutover.model import CutoverHost, CutoverView
from controller.moves import plans
from controller.problems import NotFound, Problem
from controller.readiness import projects, runs
from controller.readiness.reasons import in_words
from controller.web import cutover_words as words
from controller.web import move_words, render, tables
from controller.web.shell import Area, Crumb, Flash
from controller.web.view import View, opened

router = APIRouter()

CutoverPageView = Annotated[View, Depends(opened("readiness.read"))]
Manager = Annotated[View, Depends(opened("readiness.manage"))]


@dataclass(frozen=True)
class ShownCutover:
    """A cut-over with its words. ``counts``: tone, word and number of each state of its hosts."""

    run: CutoverView
    state: tuple[str, str]
    counts: list[tuple[str, str, int]]
    error: str


@dataclass(frozen=True)
class Step:
    """One stage on a host's line: done, now, failed or to come."""

    name: str
    mark: str
    text: str


@dataclass(frozen=True)
class ShownHost:
    """A host on the board. ``left``: minutes and seconds until it goes back by itself."""

    host: CutoverHost
    state: tuple[str, str]
    steps: list[Step]
    left: str


@dataclass(frozen=True)
class CutoversPage(render.Context):
    """All cut-overs, newest first, and what could be started now."""

    template: ClassVar[str] = "cutovers.html"

    tabs: tuple[Area, ...]

    rows: list[ShownCutover]
    table: tables.TableState
    may_run: bool
    ready: list[tuple[int, str]]
    """Plans that may be carried out now: number and label."""
    logins: list[tuple[int, str]]
    """Readiness projects whose login can be used: number and name."""


@dataclass(frozen=True)
class CutoverPage(render.Context):
    """The board of one cut-over; while it is under way it renews itself."""

    template: ClassVar[str] = "cutover.html"

    shown: ShownCutover
    hosts: list[ShownHost]
    left_out: list[str]
    live: bool
    may_cancel: bool
    may_go_back: bool
    move: str
    """Code of the move whose step counts the hosts; "" where the plan is gone."""


@router.get("/cutovers")
def cutovers_page(view: CutoverPageView) -> Response:
    _ = view.text
    page = tables.parse_page(view.request.query_params.get("page", ""))
    with view.runtime.database.read() as session:
        rows, total = cutovers.list_runs(
            session, view.scope, view.now, page=page, size=tables.PAGE_SIZE
        )
        ready: list[tuple[int, str]] = []
        logins: list[tuple[int, str]] = []
        if view.may("readiness.manage"):
            ready = [
                (plan.id or 0, f"{plan.id} · {code} · {plan.file_name}")
                for plan, code in plans.list_plans(session, view.scope, state="approved")
                if not plans.runnable(plan, view.now)
            ]
            logins = [
                (it.id or 0, it.name)
                for it in projects.visible(session, view.scope, closed=False)
                if it.kind == "network"
            ]
    context = CutoversPage(
        tabs=move_words.tabs(_),
        rows=[_shown(view, row) for row in rows],
        table=tables.TableState("/cutovers", {}, "", False, page, tables.PAGE_SIZE, total),
        may_run=view.may("readiness.manage"),
        ready=ready,
        logins=logins,
    )
    return view.page(context, active="moves", crumbs=(Crumb(_("割接")),))


@router.post("/cutovers")
def start(
    view: Manager,
    plan: Annotated[int, Form()],
    login: Annotated[int, Form()],
    wave: Annotated[str, Form(max_length=4)] = "",
    deadline: Annotated[int, Form()] = 300,
) -> RedirectResponse:
    _ = view.text
    try:
        wanted = NewCutover(
            plan=plan, project=login, wave=int(wave) if wave else None, hosts=[],
            deadline_s=deadline,
        )  # fmt: skip
        made = begin(view.runtime, view.scope, view.principal, wanted)
    except NotFound:
        raise
    except (Problem, ValueError) as problem:
        why = view.why(problem)
        return render.go("/cutovers", Flash("bad", _("未能开始割接：{why}", why=why)))
    return render.go(f"/cutovers/{made.run.id}")


@router.get("/cutovers/{run_id}")
def cutover_page(run_id: int, view: CutoverPageView) -> Response:
    _ = view.text
    with view.runtime.database.read() as session:
        found = cutovers.board(session, view.scope, run_id, view.now)
        move = cutovers.move_of(session, view.scope, found.run.plan)
    shown = _shown(view, found.run)
    under_way = found.run.state in runs.UNDER_WAY
    open_ = any(it.state in ("waiting", "running", "unknown", "armed") for it in found.items)
    manager = view.may("readiness.manage")
    context = CutoverPage(
        shown=shown,
        hosts=[_host(view, it, found.run) for it in found.items],
        left_out=found.left_out,
        live=under_way or (open_ and found.run.started is not None),
        may_cancel=manager and under_way and not found.run.cancel_by,
        may_go_back=manager and not under_way and found.run.kind == "cutover"
        and found.run.started is not None,
        move=move,
    )  # fmt: skip
    crumbs = (Crumb(_("割接"), "/cutovers"), Crumb(found.run.name))
    return view.page(context, active="moves", crumbs=crumbs)


@router.post("/cutovers/{run_id}/cancel")
def cancel(run_id: int, view: Manager) -> RedirectResponse:
    _ = view.text
    try:
        with view.runtime.database.write() as session:
            run, _project = cutovers.find(session, view.scope, run_id)
            runs.cancel(session, run, view.principal.name, view.now)
            audit.record(session, view.principal, "readiness.cancel", f"run {run_id}")
    except NotFound:
        raise
    except Problem as problem:
        return render.go(f"/cutovers/{run_id}", Flash("warn", view.why(problem)))
    said = _("已请求取消：在下一阶段之前停止，未确认的主机自行回退。")
    return render.go(f"/cutovers/{run_id}", Flash("info", said))


@router.post("/cutovers/{run_id}/rollback")
def take_back(run_id: int, view: Manager) -> RedirectResponse:
    try:
        made = go_back(view.runtime, view.scope, view.principal, run_id)
    except NotFound:
        raise
    except Problem as problem:
        return render.go(f"/cutovers/{run_id}", Flash("bad", view.why(problem)))
    return render.go(f"/cutovers/{made.run.id}")


def _shown(view: View, run: CutoverView) -> ShownCutover:
    counts = [
        (*words.host_state(state, view.text, run.kind), number)
        for state, number in sorted(run.by_state.items())
    ]
    return ShownCutover(
        run, words.run_state(run.state, view.text), counts, in_words(run.error, view.language)
    )


def _host(view: View, host: CutoverHost, run: CutoverView) -> ShownHost:
    names = {"check": 1, "backup": 2, "arm": 3, "apply": 4, "reach": 5, "verify": 6, "confirm": 7,
             "persist": 8, "settle": 9}  # fmt: skip
    told = {names[it.stage]: it for it in host.stages if it.stage in names}
    steps = []
    for number, name in enumerate(run.stages, 1):
        mark = "later"
        if number in told:
            mark = "done" if told[number].ok else "failed"
        elif number == host.stage and host.state == "running":
            mark = "now"
        text = told[number].text if number in told else ""
        steps.append(Step(words.stage(name, view.text), mark, text))
    left = ""
    if host.deadline_at is not None:
        seconds = max(0, round((host.deadline_at - view.now).total_seconds()))
        left = f"{seconds // 60}:{seconds % 60:02d}"
    return ShownHost(host, words.host_state(host.state, view.text, run.kind), steps, left)
