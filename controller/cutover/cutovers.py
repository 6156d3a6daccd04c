"""Cut-overs: an approved plan becomes a run; a run is read back host by host.

start(session, scope, …)       a wave of a plan, or all of it
take_back(session, scope, …)   what is on trial at once, what is confirmed in reverse
board(session, scope, id)      each host as it said itself
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session, col

from controller.access.scope import Scope
from controller.cutover.follow import NAMED, hosts_over
from controller.cutover.model import CutoverDetail, CutoverHost, CutoverView, StageView
from controller.moves import plans
from controller.moves.plan_hosts import playbook_plan
from controller.moves.tables import MoveProject
from controller.problems import NotFound, Problem
from controller.readiness import projects, runs, views
from controller.readiness.projects import WantedHost
from controller.readiness.tables import (
    ReadinessHost,
    ReadinessProject,
    ReadinessRun,
    ReadinessRunHost,
)
from controller.said import say
from playbooks.cutover.plan import PlanError, read_hosts

KINDS = ("cutover", "rollback")
OVER = ("confirmed", "rolled_back", "untouched", "rollback_unverified", "needs_hands")
VERIFY_S = 50
LEFT_OUT = "cutover_left_out"
"""Among a run's variables: hosts of the plan or wave that it does not touch."""
LEAST_DEADLINE_S, MOST_DEADLINE_S = 120, 3600


def start(
    session: Session,
    scope: Scope,
    plan_id: int,
    project_id: int,
    *,
    wave: int | None,
    only: Iterable[str],
    deadline_s: int,
    verify_s: int = VERIFY_S,
    by: str,
    now: datetime,
) -> ReadinessRun:
    """Queues the cut-over of a plan's hosts over the connection and credential of ``project_id``:
    ``only`` these, or all that are not over yet. A host whose way back was not seen to its end
    counts as over: it is started by name.

    The plan's own approval and window count. Raises NotFound, Problem 404, 409, 422.
    """
    plan = plans.find_plan(session, scope, plan_id)
    project = projects.find(session, scope, project_id)
    if why := plans.runnable(plan, now):
        raise Problem(409, "not to be carried out", why)
    if session.get_one(MoveProject, plan.project_id).state == "cancelled":
        said = say("the move of this plan was cancelled", "该方案所属的迁网项目已取消")
        raise Problem(409, "not to be carried out", said)
    chosen = playbook_plan(plan.hosts, wave)["cutover_hosts"]
    if not chosen:
        raise Problem(404, "no such wave", f"plan {plan_id} has waves 1 to {len(plan.waves)}")
    wanted = sorted(set(only))
    if unknown := [it for it in wanted if it not in chosen]:
        raise Problem(422, "bad host", f"host {unknown[0]!r} is not in this plan or wave")
    over = sorted(hosts_over(session, [plan_id]) & set(chosen)) if not wanted else []
    if len(over) == len(chosen):
        raise Problem(409, "all are over", _name_them(plan_id, project_id, over))
    chosen = {it: chosen[it] for it in wanted or chosen if it not in over}
    _check_times(deadline_s, verify_s)
    _check_whole(chosen)
    _known_to(session, scope, project, chosen, now)
    tries = session.scalar(
        select(func.count())
        .select_from(ReadinessRun)
        .where(col(ReadinessRun.project_id) == project_id, col(ReadinessRun.kind) == "cutover")
    )
    name = f"plan-{plan_id}{f'-wave-{wave}' if wave else ''}.{(tries or 0) + 1}"
    return runs.enqueue(
        session, project, "cutover", by=by, now=now, hosts=chosen, approved=True,
        until=plan.window_until, started_by="plan",
        variables=_variables(chosen, name, deadline_s, verify_s)
        | {"cutover_plan": plan_id, "cutover_wave": wave or 0, LEFT_OUT: over},
    )  # fmt: skip


def take_back(session: Session, scope: Scope, run_id: int, by: str, now: datetime) -> ReadinessRun:
    """Queues the way back. It needs no approval: the way back is part of what was approved. Hosts
    that were taken off the project since go back, too, where an address of theirs is known; the
    others are left out, and the board names them.

    Raises NotFound, Problem 409.
    """
    run, project = find(session, scope, run_id)
    if run.kind != "cutover":
        raise Problem(409, "not a cut-over", f"run {run_id} takes one back already")
    if run.state in runs.UNDER_WAY:
        raise Problem(409, "under way", f"cancel run {run_id} first: its hosts then go back")
    before = sum(
        each.variables.get("cutover_back_of") == run_id
        for each in session.scalars(
            select(ReadinessRun).where(
                col(ReadinessRun.project_id) == run.project_id,
                col(ReadinessRun.kind) == "rollback",
            )
        )
    )
    name = run.variables["cutover_id"]
    planned = sorted(run.variables["cutover_hosts"])
    known = {it.name for it in projects.hosts(session, project.id or 0, retired=True) if it.address}
    hosts = [it for it in planned if it in known]
    if not hosts:
        raise Problem(
            409, "no hosts", say(
                f"no address is known of {_some(planned)}: give the hosts of project "
                f"{project.name} their addresses first",
                f"{_some(planned)} 的登录地址未知：请先在项目“{project.name}”中填写主机地址",
            ),
        )  # fmt: skip
    # Without the plan's window: going back is allowed at any time.
    done = {key: value for key, value in run.variables.items() if key != runs.UNTIL}
    return runs.enqueue(
        session, project, "rollback", by=by, now=now, hosts=hosts, approved=True, started_by="plan",
        variables=done
        | {"cutover_back_of": run_id, "cutover_back_id": f"{name}-back{before + 1}",
           LEFT_OUT: sorted(set(planned) - known)},
    )  # fmt: skip


def find(session: Session, scope: Scope, run_id: int) -> tuple[ReadinessRun, ReadinessProject]:
    """Raises NotFound, also for a run of another kind or unit."""
    run, project = projects.of_run(session, scope, run_id)
    if run.kind not in KINDS:
        raise NotFound("cut-over", str(run_id))
    return run, project


def list_runs(
    session: Session, scope: Scope, now: datetime, *, page: int, size: int
) -> tuple[list[CutoverView], int]:
    """Newest first, and how many there are."""
    own = [it.id for it in projects.visible(session, scope)]
    mine = (col(ReadinessRun.project_id).in_(own), col(ReadinessRun.kind).in_(KINDS))
    total = session.scalar(select(func.count()).select_from(ReadinessRun).where(*mine))
    rows = session.scalars(
        select(ReadinessRun)
        .where(*mine)
        .order_by(col(ReadinessRun.id).desc())
        .offset((page - 1) * size)
        .limit(size)
    ).all()
    return [board_of(session, row, now).run for row in rows], total or 0


def board(session: Session, scope: Scope, run_id: int, now: datetime) -> CutoverDetail:
    """Of hosts left out a unit reads those of the project alone: a plan may hold another's. Raises
    NotFound."""
    run, project = find(session, scope, run_id)
    found = board_of(session, run, now)
    if found.left_out and not scope.everything:
        own = {it.name for it in projects.hosts(session, project.id or 0, retired=True)}
        found.left_out = [it for it in found.left_out if it in own]
    return found


def move_of(session: Session, scope: Scope, plan_id: int) -> str:
    """Code of the move that a plan belongs to; "" where there is none within the scope."""
    try:
        return plans.project_code(session, plans.find_plan(session, scope, plan_id))
    except NotFound:
        return ""


def board_of(session: Session, run: ReadinessRun, now: datetime) -> CutoverDetail:
    """One run with every host, its looks after an abnormal end included."""
    looks = session.scalars(
        select(ReadinessRun)
        .where(col(ReadinessRun.inspects) == run.id)
        .order_by(col(ReadinessRun.id))
    ).all()
    seen: dict[str, list[ReadinessRunHost]] = {}
    for each in (run, *looks):
        for row, host in session.execute(
            select(ReadinessRunHost, col(ReadinessHost.name))
            .join(ReadinessHost, col(ReadinessHost.id) == col(ReadinessRunHost.host_id))
            .where(col(ReadinessRunHost.run_id) == each.id)
        ):
            seen.setdefault(host, []).append(row)
    given: Mapping[str, Any] = run.variables.get("cutover_hosts", {})
    items = [_host(name, seen[name], given.get(name, {}), run) for name in sorted(seen)]
    view = views.run_view(session, run, now)
    plan, wave = run.variables.get("cutover_plan", 0), run.variables.get("cutover_wave", 0)
    return CutoverDetail(
        run=CutoverView(
            id=view.id, name=run.variables.get("cutover_id", ""), kind=run.kind, plan=plan,
            wave=wave or None, project=view.project, project_name=view.project_name,
            state=view.state, by=view.by, queued=view.queued, started=view.started,
            finished=view.finished, error=view.error, hosts=len(items),
            by_state=dict(Counter(it.state for it in items)), stages=view.stages,
            back_of=run.variables.get("cutover_back_of"), cancel_by=view.cancel_by,
            worker=view.worker,
        ),
        items=items,
        left_out=run.variables.get(LEFT_OUT, []),
    )  # fmt: skip


def _host(
    name: str, rows: list[ReadinessRunHost], plan: Mapping[str, Any], run: ReadinessRun
) -> CutoverHost:
    first, last = rows[0], next((it for it in reversed(rows) if it.found), rows[0])
    markers = [mark for row in rows for mark in row.markers]
    state = last.found or {"waiting": "waiting", "running": "running"}.get(first.state, "unknown")
    if not last.found and run.started is None and run.state not in runs.UNDER_WAY:
        state = "untouched"  # it never began
    if state == "unknown" and first.state == "failed" and run.state in runs.UNDER_WAY:
        state = "running"  # going back; what became of it is still to be read
    if run.kind == "rollback":
        if run.state in runs.UNDER_WAY and first.state in ("waiting", "running"):
            state = first.state  # where it was before is not where it will be
        elif last is first:
            state = _where_after_reverse(state, markers)
    deadline = next((mark["deadline_at"] for mark in markers if mark.get("deadline_at")), "")
    decided = state in OVER or any(mark.get("stage") == "confirm" for mark in markers)
    final: dict[str, Any] = next((mark for mark in reversed(markers) if mark.get("state")), {})
    return CutoverHost(
        host=name,
        old=str(plan.get("old_address", "")),
        new=str(plan.get("address") or plan.get("address6") or ""),
        state=state,
        stage=first.stage,
        message=_why(markers) or str(final.get("text", "")) or first.message,
        to_do=str(final.get("to_do", "")),
        deadline_at=datetime.fromisoformat(deadline) if deadline and not decided else None,
        stages=[
            StageView(
                stage=str(mark.get("stage", "")),
                ok=mark.get("ok") != "no",
                text=str(mark.get("text", "")),
                at=str(mark.get("at", "")),
            )
            for mark in markers
        ],
    )


def _where_after_reverse(found: str, markers: list[dict[str, Any]]) -> str:
    """What a cut-over in reverse says of itself, in the words of the one that it takes back: its
    ``confirmed`` is the old address, and a host that it left as it was is on the new one."""
    reversed_ = any(mark.get("stage") == "settle" for mark in markers) and any(
        mark.get("stage") == "where" and mark.get("state") == "confirmed" for mark in markers
    )
    if not reversed_:
        return found
    return {
        "confirmed": "rolled_back", "rolled_back": "confirmed", "untouched": "confirmed",
    }.get(found, found)  # fmt: skip


def _why(markers: list[dict[str, Any]]) -> str:
    """Why it did not go through: the first stage that failed says it."""
    return next((str(mark.get("text", "")) for mark in markers if mark.get("ok") == "no"), "")


def _name_them(plan_id: int, project_id: int, over: Sequence[str]) -> str:
    command = f"yunxun cutover run {plan_id} --login {project_id} --host"
    return say(
        f"these are over already: {_some(over)}. To start one all the same (its way back was cut "
        f"off, say), name it: {command} NAME",
        f"所选主机均已割接：{_some(over)}。确需再次执行时（如退回中断的主机）请指明主机："
        f"{command} 主机名",
    )


def _some(names: Sequence[str]) -> str:
    more = f" … ({len(names)})" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _check_times(deadline_s: int, verify_s: int) -> None:
    if verify_s < 1 or 2 * verify_s >= deadline_s:
        raise Problem(
            422, "bad times", f"verifying may take less than half of the deadline: {verify_s} s of"
            f" {deadline_s} s",
        )  # fmt: skip
    if not LEAST_DEADLINE_S <= deadline_s <= MOST_DEADLINE_S:
        raise Problem(
            422, "bad deadline",
            f"deadline {deadline_s} s: between {LEAST_DEADLINE_S} and {MOST_DEADLINE_S}",
        )  # fmt: skip


def _check_whole(chosen: Mapping[str, Any]) -> None:
    """As the playbooks check it: a host is given its own part only, so that here is where one
    address planned for two is seen."""
    try:
        read_hosts(chosen)
    except PlanError as error:
        raise Problem(422, "bad plan", str(error)[:2000]) from None


def _variables(
    chosen: Mapping[str, Any], name: str, deadline_s: int, verify_s: int
) -> dict[str, Any]:
    return {
        "cutover_hosts": dict(chosen),
        "cutover_id": name,
        "cutover_deadline_s": deadline_s,
        "cutover_verify_s": verify_s,
    }


def _known_to(
    session: Session,
    scope: Scope,
    project: ReadinessProject,
    chosen: Mapping[str, Mapping[str, Any]],
    now: datetime,
) -> None:
    """Hosts of the plan that the project lacks are added with their present address; one that has
    neither that nor its new address there is refused: it would be somebody else."""
    known = {it.name: it for it in projects.hosts(session, project.id or 0, retired=True)}
    missing = []
    for name, plan in chosen.items():
        old, new = (str(plan.get(it, "")).partition("/")[0] for it in ("old_address", "address"))
        host = known.get(name)
        if host is None or host.retired is not None or not host.address:
            if not old:
                raise Problem(422, "bad host", f"{name}: no address to log in to is known")
            missing.append(WantedHost(name=name, address=old, unit=str(plan.get("unit", ""))))
        elif old and host.address not in (old, new):
            raise Problem(
                409, "address differs",
                f"{name} is {host.address} in project {project.name} and {old} in the plan",
            )  # fmt: skip
    if missing:
        projects.set_hosts(session, scope, project, missing, now)
