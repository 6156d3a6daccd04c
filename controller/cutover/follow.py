"""What follows from a cut-over that has ended: the hosts that said so are known by their new
addresses, and the move's step counts them. One that went back in reverse is known by its old one.

Only what a host said itself counts, be it in the run or to the look after an abnormal end. A look
after the way back is not counted: it cannot tell the two confirmed addresses apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from controller.access import audit
from controller.access.principal import local_principal
from controller.access.scope import CITY
from controller.moves import projects as moves
from controller.moves.model import StepIn
from controller.moves.tables import MovePlan, MoveProject, MoveStep
from controller.problems import Problem
from controller.readiness.allowed import PLAN, of_plans
from controller.readiness.known_hosts import also_known_as
from controller.readiness.tables import (
    ReadinessHost,
    ReadinessProject,
    ReadinessRun,
    ReadinessRunHost,
)

STEP = "cutover"
NAMED = 10
"""Hosts named in a line of the move's history; the audit log has all."""


def follow(session: Session, run: ReadinessRun, now: datetime) -> None:
    """Called with any run that has ended; does nothing for other kinds."""
    origin = session.get_one(ReadinessRun, run.inspects) if run.inspects else run
    if origin.kind not in ("cutover", "rollback") or (run.inspects and origin.kind == "rollback"):
        return
    moved = {
        host.name: host
        for row, host in session.execute(
            select(ReadinessRunHost, ReadinessHost)
            .join(ReadinessHost, col(ReadinessHost.id) == col(ReadinessRunHost.host_id))
            .where(col(ReadinessRunHost.run_id) == run.id)
        )
        if _decided(origin.kind, row.found, row.markers)
    }
    if not moved:
        return
    addresses = _readdress(session, origin, moved)
    _count(session, run, origin, sorted(moved), now)
    if addresses:
        audit.record(
            session, local_principal(now, origin.by or "local"), "cutover.follow",
            f"run {origin.id}", detail={"addresses": addresses},
        )  # fmt: skip


def _decided(kind: str, found: str, markers: Iterable[Mapping[str, Any]]) -> bool:
    """Of the way back the host's first word is where the cut-over has it: only a confirmation made
    in that very run says that it went back."""
    if found != "confirmed":
        return False
    return kind == "cutover" or any(
        mark.get("stage") == "confirm" and mark.get("ok") == "yes" for mark in markers
    )


def _readdress(
    session: Session, origin: ReadinessRun, moved: Mapping[str, ReadinessHost]
) -> dict[str, list[str]]:
    """Host -> address before and after. The approval stands: the machine is the one that was
    approved, and a plan that four eyes saw has moved it."""
    project = session.get_one(ReadinessProject, origin.project_id)
    plans: Mapping[str, Any] = origin.variables.get("cutover_hosts", {})
    changed = {}
    for name, host in sorted(moved.items()):
        plan = plans.get(name, {})
        old, new = (str(plan.get(it, "")).partition("/")[0] for it in ("old_address", "address"))
        if origin.kind == "rollback":
            old, new = new, old
        # Only IPv6 was added, or it is reached some other way.
        if not old or not new or host.address != old:
            continue
        port = host.port or project.connection.get("port") or 22
        project.known_hosts = also_known_as(project.known_hosts, old, new, int(port))
        host.address = new
        session.add(host)
        changed[name] = [old, new]
    session.add(project)
    session.flush()
    return changed


def _count(
    session: Session, run: ReadinessRun, origin: ReadinessRun, names: list[str], now: datetime
) -> None:
    """So many more hosts are over than before this run; what somebody entered by hand stays. A step
    that was done is not when hosts went back; in a move that is over only the history says it."""
    plan = session.get(MovePlan, origin.variables.get(PLAN) or 0)
    if plan is None:
        return
    project = session.get_one(MoveProject, plan.project_id)
    step = session.get_one(MoveStep, (plan.project_id, STEP))
    plans = session.scalars(
        select(col(MovePlan.id)).where(col(MovePlan.project_id) == plan.project_id)
    ).all()
    more = len(hosts_over(session, plans)) - len(hosts_over(session, plans, without=run.id or 0))
    if not more:
        return
    done = max(0, (step.hosts_done or 0) + more)
    shown = "、".join(names[:NAMED]) + (f" 等 {len(names)} 台" if len(names) > NAMED else "")
    what = "退回原地址" if origin.kind == "rollback" else "割接确认"
    text = f"{origin.variables.get('cutover_id', '')}（运行 {origin.id}）{what}：{shown}"
    if project.state != "open":
        moves.note_event(session, project, origin.by, now, what="step", step=STEP, text=text)
        return
    wanted: list[dict[str, Any]] = [{"hosts_done": done}]
    if step.state == "waiting" or (step.state == "done" and more < 0):
        wanted.insert(0, {"hosts_done": done, "state": "doing"})
    for given in wanted:
        try:
            moves.change_step(
                session, CITY, project.code, STEP, StepIn(**given), origin.by, now, text=text
            )
            return
        except Problem:  # an earlier step is not over: the number alone
            continue


def hosts_over(session: Session, plans: Iterable[int | None], without: int = 0) -> set[str]:
    """Hosts of these plans that are on their new address, by every run but ``without``."""
    rows = session.execute(
        select(
            col(ReadinessRun.id), col(ReadinessRun.kind), col(ReadinessRun.inspects),
            col(ReadinessHost.name), col(ReadinessRunHost.found), col(ReadinessRunHost.markers),
        )
        .join(ReadinessRunHost, col(ReadinessRunHost.run_id) == col(ReadinessRun.id))
        .join(ReadinessHost, col(ReadinessHost.id) == col(ReadinessRunHost.host_id))
        .where(
            of_plans(it for it in plans if it),
            col(ReadinessRun.kind).in_(("cutover", "rollback", "inspect")),
            col(ReadinessRunHost.found) == "confirmed",
            col(ReadinessRun.id) != without,
        )
        .order_by(col(ReadinessRun.id))
    ).all()  # fmt: skip
    kinds = {run_id: kind for run_id, kind, *_ in rows}
    over: set[str] = set()
    for _run_id, kind, inspects, name, found, markers in rows:
        looked = kind if kind != "inspect" else _kind_of(session, kinds, inspects)
        if kind == "inspect" and looked == "rollback":
            continue
        if looked == "cutover":
            over.add(name)
        elif _decided(looked, found, markers):
            over.discard(name)
    return over


def _kind_of(session: Session, known: dict[int | None, str], run_id: int | None) -> str:
    """``cutover`` where the run is gone: its looks outlive it."""
    if run_id not in known:
        run = session.get(ReadinessRun, run_id) if run_id else None
        known[run_id] = run.kind if run is not None else "cutover"
    return known[run_id]
