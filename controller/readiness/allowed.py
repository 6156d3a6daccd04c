"""What allows a run to change hosts: an approval, a window, an approved plan; and that no other run
is at the same hosts. Asked when a run is queued, and again when its process takes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select, text
from sqlmodel import Session, col

from controller.moves.tables import MovePlan, MoveProject
from controller.problems import Problem
from controller.readiness.kinds import BY_NAME, CHANGING
from controller.readiness.tables import (
    ReadinessApproval,
    ReadinessHost,
    ReadinessProject,
    ReadinessRun,
    ReadinessRunHost,
)
from controller.said import say

UNDER_WAY = ("queued", "running")
UNTIL = "yunxun_until"
"""Among a run's variables: when the window ends that was checked as it was queued. Nobody else can
set it: names.variables refuses such names."""
PLAN = "cutover_plan"
"""Among a cut-over's variables: the number of its plan."""
_LOCK = 0x7975_7263  # "yurc": PostgreSQL's advisory lock of whoever queues a run that changes hosts


def check_approved(session: Session, project: ReadinessProject, now: datetime) -> None:
    """Hosts are changed only with an approval and, where there is a window, inside it. Raises
    Problem 409."""
    last = _last_approval(session, project.id)
    if last is None or last.decision != "approved":
        raise Problem(
            409, "not approved", "this run changes hosts: have the project approved first"
        )
    if project.window_from and now < project.window_from:
        raise Problem(409, "outside the window", "the project's window has not begun yet")
    if project.window_until and now >= project.window_until:
        raise Problem(409, "outside the window", "the project's window is over: set another")


def lapsed(session: Session, run: ReadinessRun, now: datetime) -> str:
    """Why a run that waited may not begin any more; "" where it may. A worker that was away must
    not change hosts outside of what was approved."""
    kind = BY_NAME[run.kind]
    if not kind.changes:
        return ""
    until = run.variables.get(UNTIL)
    if until and now >= datetime.fromisoformat(until):
        return "等待期间窗口已过，未执行 (its window ended while it waited: nothing was done)"
    if kind.needs == "plan":
        return "" if kind.way_back else _plan_over(session, run)
    project = session.get_one(ReadinessProject, run.project_id)
    if why := _outside(project, now):
        return why
    last = _last_approval(session, run.project_id)
    if last is None or last.decision != "approved":
        return "等待期间批准已撤回，未执行 (no longer approved: nothing was done)"
    return ""


def _outside(project: ReadinessProject, now: datetime) -> str:
    if project.window_from and now < project.window_from:
        return "等待期间窗口已推迟，未执行 (its window was put off meanwhile: nothing was done)"
    if project.window_until and now >= project.window_until:
        return "等待期间窗口已过，未执行 (its window ended while it waited: nothing was done)"
    return ""


def _plan_over(session: Session, run: ReadinessRun) -> str:
    """A plan is approved until it is withdrawn, by hand or because another took its place."""
    number = run.variables.get(PLAN) or 0
    found = session.execute(
        select(col(MovePlan.state), col(MoveProject.state))
        .join(MoveProject, col(MoveProject.id) == col(MovePlan.project_id))
        .where(col(MovePlan.id) == number)
    ).first()
    if found is None or found[0] != "approved":
        state = found[0] if found else "gone"
        return (
            f"等待期间方案 {number} 已撤回或被新方案取代，未执行"
            f" (plan {number} is {state}, no longer approved: nothing was done)"
        )
    if found[1] == "cancelled":
        return "等待期间迁网项目已取消，未执行 (its move was cancelled: nothing was done)"
    return ""


def _last_approval(session: Session, project_id: int | None) -> ReadinessApproval | None:
    return session.scalars(
        select(ReadinessApproval)
        .where(col(ReadinessApproval.project_id) == project_id)
        .order_by(col(ReadinessApproval.id).desc())
    ).first()


def check_free(
    session: Session,
    project: ReadinessProject,
    kind: str,
    hosts: Iterable[ReadinessHost],
    plan: int,
) -> None:
    """No two runs that are not over change one host, or carry one plan out. Held until the caller's
    transaction ends. Raises Problem 409."""
    # Two that ask at once must not both find it free. SQLite's write transactions are one at a time
    # by themselves.
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    if plan and not BY_NAME[kind].way_back:
        _check_plan(session, plan)
    rows = session.execute(
        select(
            col(ReadinessRun.id), col(ReadinessRun.kind), col(ReadinessProject.connection),
            col(ReadinessHost.id), col(ReadinessHost.name), col(ReadinessHost.address),
            col(ReadinessHost.port),
        )
        .join(ReadinessProject, col(ReadinessProject.id) == col(ReadinessRun.project_id))
        .join(ReadinessRunHost, col(ReadinessRunHost.run_id) == col(ReadinessRun.id))
        .join(ReadinessHost, col(ReadinessHost.id) == col(ReadinessRunHost.host_id))
        .where(col(ReadinessRun.state).in_(UNDER_WAY), col(ReadinessRun.kind).in_(CHANGING))
        .order_by(col(ReadinessRun.id))
    ).all()  # fmt: skip
    wanted = list(hosts)
    by_id = {host.id: host for host in wanted}
    by_way = {_way(host.address, host.port, project.connection): host for host in wanted}
    # A plan names hosts by their codes in the register.
    by_name = {host.name: host for host in wanted if BY_NAME[kind].needs == "plan"}
    for run_id, other, connection, host_id, name, address, port in rows:
        found = by_id.get(host_id)
        if found is None and address and not _apart(project.connection, connection):
            found = by_way.get(_way(address, port, connection))
        if found is None and BY_NAME[other].needs == "plan":
            found = by_name.get(name)
        if found is not None:
            raise Problem(
                409, "under way", say(
                    f"{found.name} is being changed by run {run_id} ({other}): wait until that is "
                    "over, or cancel it",
                    f"主机 {found.name} 正由第 {run_id} 次运行变更：请待其结束，或先取消它",
                ),
            )  # fmt: skip


def _check_plan(session: Session, plan: int) -> None:
    under_way = session.scalar(
        select(col(ReadinessRun.id)).where(
            col(ReadinessRun.state).in_(UNDER_WAY),
            col(ReadinessRun.kind) == "cutover",
            of_plans([plan]),
        )
    )
    if under_way is not None:
        raise Problem(
            409, "under way", say(
                f"run {under_way} is carrying plan {plan} out: wait until that is over, or "
                "cancel it",
                f"方案 {plan} 正由第 {under_way} 次运行执行：请待其结束，或先取消它",
            ),
        )  # fmt: skip


def of_plans(numbers: Iterable[int]) -> Any:
    """The condition that a run belongs to one of these plans."""
    variables: Any = col(ReadinessRun.variables)
    return variables[PLAN].as_integer().in_(list(numbers))


def _way(address: str, port: int | None, connection: Mapping[str, Any]) -> tuple[str, int]:
    return address, int(port or connection.get("port") or 22)


def _apart(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Behind two jump hosts one address may be two machines: departments' networks overlap."""
    jumps = one.get("jump_host"), other.get("jump_host")
    return all(jumps) and jumps[0] != jumps[1]
