"""推送采集端: bundles that lie ready, the roll-outs, and the board of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Form
from fastapi.responses import RedirectResponse, Response

from controller.access import audit
from controller.problems import NotFound, Problem
from controller.readiness import projects, runs
from controller.readiness.reasons import in_words
from controller.rollout import bundles, rollouts
from controller.rollout.api import NewRollout, begin
from controller.rollout.bundles import BundleView
from controller.rollout.rollouts import RolloutHost, RolloutView
from controller.web import cutover_words as words
from controller.web import render, tables
from controller.web.shell import Crumb, Flash
from controller.web.view import View, opened

router = APIRouter()

RolloutPageView = Annotated[View, Depends(opened("readiness.read"))]
Manager = Annotated[View, Depends(opened("readiness.manage"))]


@dataclass(frozen=True)
class ShownRollout:
    """A roll-out with its words. ``counts``: tone, word and number of each state."""

    run: RolloutView
    state: tuple[str, str]
    counts: list[tuple[str, str, int]]
    error: str


@dataclass(frozen=True)
class ShownHost:
    """A host on the board."""

    host: RolloutHost
    state: tuple[str, str]
    stage: str


@dataclass(frozen=True)
class RolloutsPage(render.Context):
    """All roll-outs, newest first, and the agents that lie ready."""

    template: ClassVar[str] = "rollouts.html"

    rows: list[ShownRollout]
    table: tables.TableState
    may_run: bool
    ready: list[BundleView]
    """Bundles in the folder, also those that are refused."""
    logins: list[tuple[int, str]]
    """Readiness projects whose hosts and login can be used."""
    folder: str
    signer: str
    """Fingerprint of the key whose bundles are taken; "" for none yet."""


@dataclass(frozen=True)
class RolloutPage(render.Context):
    """The board of one roll-out; while it is under way it renews itself."""

    template: ClassVar[str] = "rollout.html"

    shown: ShownRollout
    hosts: list[ShownHost]
    live: bool
    may_cancel: bool


@router.get("/agents/rollouts")
def rollouts_page(view: RolloutPageView) -> Response:
    _ = view.text
    page = tables.parse_page(view.request.query_params.get("page", ""))
    manager = view.may("readiness.manage")
    with view.runtime.database.read() as session:
        rows, total = rollouts.list_runs(
            session, view.scope, view.now, page=page, size=tables.PAGE_SIZE
        )
        logins = [
            (it.id or 0, it.name)
            for it in (projects.visible(session, view.scope, closed=False) if manager else [])
        ]
    context = RolloutsPage(
        rows=[_shown(view, row) for row in rows],
        table=tables.TableState("/agents/rollouts", {}, "", False, page, tables.PAGE_SIZE, total),
        may_run=manager,
        ready=[
            each.model_copy(update={"why": in_words(each.why, view.language)})
            for each in (bundles.list_bundles(view.runtime.settings) if manager else [])
        ],
        logins=logins,
        folder=str(bundles.folder(view.runtime.settings)) if manager else "",
        signer=bundles.signer(view.runtime.settings) if manager else "",
    )
    crumbs = (Crumb(_("采集端"), "/agents"), Crumb(_("推送采集端")))
    return view.page(context, active="agents", crumbs=crumbs)


@router.post("/agents/rollouts")
def start(
    view: Manager,
    bundle: Annotated[str, Form(max_length=200)],
    login: Annotated[int, Form()],
    wait: Annotated[int, Form()] = 180,
) -> RedirectResponse:
    _ = view.text
    try:
        wanted = NewRollout(bundle=bundle, project=login, hosts=[], wait_s=wait)
        made = begin(view.runtime, view.scope, view.principal, wanted)
    except NotFound:
        raise
    except (Problem, ValueError) as problem:
        why = view.why(problem)
        return render.go("/agents/rollouts", Flash("bad", _("未能开始推送：{why}", why=why)))
    return render.go(f"/agents/rollouts/{made.run.id}")


@router.get("/agents/rollouts/{run_id}")
def rollout_page(run_id: int, view: RolloutPageView) -> Response:
    _ = view.text
    with view.runtime.database.read() as session:
        run = rollouts.find(session, view.scope, run_id)
        found = rollouts.board_of(session, run, view.now)
    under_way = found.run.state in runs.UNDER_WAY
    unread = any(it.state in ("running", "unknown") for it in found.items)
    stages = found.run.stages
    context = RolloutPage(
        shown=_shown(view, found.run),
        hosts=[
            ShownHost(
                it,
                words.rollout_state(it.state, _),
                words.rollout_stage(stages[it.stage - 1], _) if 0 < it.stage <= len(stages) else "",
            )
            for it in found.items
        ],
        live=under_way or (unread and found.run.started is not None),
        may_cancel=view.may("readiness.manage") and under_way and not found.run.cancel_by,
    )
    crumbs = (
        Crumb(_("采集端"), "/agents"),
        Crumb(_("推送采集端"), "/agents/rollouts"),
        Crumb(found.run.version),
    )
    return view.page(context, active="agents", crumbs=crumbs)


@router.post("/agents/rollouts/{run_id}/cancel")
def cancel(run_id: int, view: Manager) -> RedirectResponse:
    _ = view.text
    place = f"/agents/rollouts/{run_id}"
    try:
        with view.runtime.database.write() as session:
            run = rollouts.find(session, view.scope, run_id)
            runs.cancel(session, run, view.principal.name, view.now)
            audit.record(session, view.principal, "readiness.cancel", f"run {run_id}")
    except NotFound:
        raise
    except Problem as problem:
        return render.go(place, Flash("warn", view.why(problem)))
    return render.go(place, Flash("info", _("已请求取消：在下一阶段之前停止。")))


def _shown(view: View, run: RolloutView) -> ShownRollout:
    counts = [
        (*words.rollout_state(state, view.text), number)
        for state, number in sorted(run.by_state.items())
    ]
    return ShownRollout(
        run, words.run_state(run.state, view.text), counts, in_words(run.error, view.language)
    )
