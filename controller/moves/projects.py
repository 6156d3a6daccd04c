"""Projects that move networks: begin, steps with history, the unit's word, the board."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session, col

from controller.access.scope import Scope
from controller.inventory.resources import unit_names
from controller.inventory.tables import Unit
from controller.moves.model import (
    EventView,
    ProjectDetail,
    ProjectIn,
    ProjectView,
    StepIn,
    StepView,
)
from controller.moves.networks import find_network
from controller.moves.steps import (
    NAMES,
    OVER,
    PlanState,
    blockers,
    current_step,
    is_late,
    refuse_change,
)
from controller.moves.tables import (
    STEPS,
    MoveEvent,
    MoveNetwork,
    MovePlan,
    MoveProject,
    MoveStep,
)
from controller.problems import NotFound, Problem

MOST_EVENTS = 500
"""Shown of one project; all are kept."""


def begin_project(
    session: Session, scope: Scope, given: ProjectIn, by: str, now: datetime
) -> MoveProject:
    """Begins the move of a network. Raises NotFound, Problem 409, 422."""
    network = find_network(session, scope, given.network)
    if network.disposition == "keep":
        raise Problem(422, "network is kept", f"{network.code} is to be kept: change that first")
    taken = session.execute(
        select(col(MoveProject.code)).where(col(MoveProject.code) == given.code)
    ).first()
    running = session.execute(
        select(col(MoveProject.code)).where(
            col(MoveProject.network_id) == network.id, col(MoveProject.state) != "cancelled"
        )
    ).scalars().first()  # fmt: skip
    if taken is not None or running is not None:
        what = f"code {given.code}" if taken is not None else f"project {running} of this network"
        raise Problem(409, "there already", f"{what} is there already")
    project = MoveProject(
        code=given.code,
        name=given.name or f"{network.name}迁移",
        network_id=network.id or 0,
        unit_id=network.unit_id,
        target=given.target,
        lead=given.lead,
        planned_end=given.planned_end,
        note=given.note,
        created=now,
        by=by,
    )
    session.add(project)
    session.flush()
    session.add_all([MoveStep(project_id=project.id or 0, step=step) for step in STEPS])
    note_event(session, project, by, now, what="created")
    return project


def find_project(session: Session, scope: Scope, code: str) -> MoveProject:
    """Raises NotFound, also for another unit's."""
    project: MoveProject | None = session.execute(
        select(MoveProject).where(col(MoveProject.code) == code.strip())
    ).scalar_one_or_none()
    if project is None or not scope.allows(project.unit_id):
        raise NotFound("project", code)
    return project


def note_event(
    session: Session,
    project: MoveProject,
    by: str,
    now: datetime,
    *,
    what: str,
    step: str = "",
    text: str = "",
    changes: dict[str, Any] | None = None,
) -> None:
    """Writes one line of the project's history."""
    session.add(
        MoveEvent(
            project_id=project.id or 0, at=now, by=by, step=step, what=what, text=text[:500],
            changes=changes or {},
        )
    )  # fmt: skip
    session.flush()


def change_step(
    session: Session,
    scope: Scope,
    code: str,
    step: str,
    given: StepIn,
    by: str,
    now: datetime,
    *,
    text: str = "",
) -> MoveProject:
    """Changes a step, ``text``: why. Raises NotFound, Problem 409 where the order forbids it."""
    project = find_project(session, scope, code)
    _check_open(project)
    steps = _steps(session, [project.id or 0])[project.id or 0]
    if step not in steps:
        raise NotFound("step", step)
    wanted = given.model_dump(exclude_unset=True)
    state = wanted.get("state")
    if state is not None and state != steps[step].state:
        refused = refuse_change(_views(steps), step, state)
        if refused:
            raise Problem(409, "not yet", f"{NAMES[step][1]}: {refused}")
    _apply(session, project, steps[step], wanted, by, now, what="step", text=text)
    _end_when_over(session, project, by, now)
    return project


def sign_off(
    session: Session, scope: Scope, code: str, accept: bool, text: str, by: str, now: datetime
) -> MoveProject:
    """The unit's word after the cut-over; a refusal needs a reason and sends the move back to it.

    Raises NotFound, Problem 409, 422.
    """
    project = find_project(session, scope, code)
    _check_open(project)
    steps = _steps(session, [project.id or 0])[project.id or 0]
    if steps["cutover"].state not in OVER:
        raise Problem(409, "not yet", "the cut-over is not done: there is nothing to sign off yet")
    if steps["sign_off"].state == "done":
        raise Problem(409, "signed already", f"signed by {steps['sign_off'].who}")
    if accept:
        wanted = {"state": "done", "who": by, "blocked_by": "", "reference": text[:200]}
        _apply(session, project, steps["sign_off"], wanted, by, now, what="signed", text=text)
        _end_when_over(session, project, by, now)
        return project
    if not text.strip():
        raise Problem(422, "say why", "a refusal needs a reason")
    wanted = {"state": "waiting", "blocked_by": text[:500]}
    _apply(session, project, steps["sign_off"], wanted, by, now, what="refused", text=text)
    back: dict[str, Any] = {"state": "doing", "blocked_by": text[:500]}
    _apply(session, project, steps["cutover"], back, by, now, what="step")
    return project


def cancel_project(
    session: Session, scope: Scope, code: str, text: str, by: str, now: datetime
) -> MoveProject:
    """Ends a project without moving. Raises NotFound, Problem 409."""
    project = find_project(session, scope, code)
    _check_open(project)
    project.state = "cancelled"
    session.add(project)
    note_event(session, project, by, now, what="cancelled", text=text)
    return project


def reopen_project(
    session: Session, scope: Scope, code: str, text: str, by: str, now: datetime
) -> MoveProject:
    """Takes a cancellation back. Raises NotFound, Problem 409."""
    project = find_project(session, scope, code)
    if project.state != "cancelled":
        raise Problem(409, "not cancelled", f"project {code} is {project.state}")
    other = session.execute(
        select(col(MoveProject.code)).where(
            col(MoveProject.network_id) == project.network_id,
            col(MoveProject.state) != "cancelled",
        )
    ).scalars().first()  # fmt: skip
    if other is not None:
        raise Problem(409, "there already", f"project {other} moves this network since")
    project.state = "open"
    session.add(project)
    note_event(session, project, by, now, what="reopened", text=text)
    return project


def list_projects(
    session: Session, scope: Scope, now: datetime, *, state: str = "", text: str = ""
) -> list[ProjectView]:
    """The board: what is blocked or late first, then by planned end."""
    statement = scope.limit(
        select(MoveProject, MoveNetwork, col(Unit.code))
        .join(MoveNetwork, col(MoveNetwork.id) == col(MoveProject.network_id))
        .join(Unit, col(Unit.id) == col(MoveProject.unit_id)),
        MoveProject.unit_id,
    )
    if state:
        statement = statement.where(col(MoveProject.state) == state)
    views = _project_views(session, session.execute(statement).all(), now)
    wanted = text.casefold().strip()
    found = [
        view for view in views
        if wanted in f"{view.code} {view.name} {view.network_name} {view.unit_name}".casefold()
    ]  # fmt: skip
    found.sort(
        key=lambda v: (
            v.state != "open", not v.late, not v.blockers,
            v.planned_end.timestamp() if v.planned_end else 9e12, v.code,
        )
    )  # fmt: skip
    return found


def project_detail(session: Session, scope: Scope, code: str, now: datetime) -> ProjectDetail:
    """One project with its history. Raises NotFound."""
    project = find_project(session, scope, code)
    row = session.execute(
        select(MoveProject, MoveNetwork, col(Unit.code))
        .join(MoveNetwork, col(MoveNetwork.id) == col(MoveProject.network_id))
        .join(Unit, col(Unit.id) == col(MoveProject.unit_id))
        .where(col(MoveProject.id) == project.id)
    ).all()
    (view,) = _project_views(session, row, now)
    events = session.execute(
        select(MoveEvent)
        .where(col(MoveEvent.project_id) == project.id)
        .order_by(col(MoveEvent.at).desc(), col(MoveEvent.id).desc())
        .limit(MOST_EVENTS)
    ).scalars()  # fmt: skip
    return ProjectDetail(
        **view.model_dump(exclude={"unit_id"}),
        unit_id=project.unit_id,
        events=[
            EventView(
                at=e.at, by=e.by if scope.everything else _own(e), step=e.step, what=e.what,
                text=e.text, changes=e.changes,
            )
            for e in events
        ],
    )  # fmt: skip


def _own(event: MoveEvent) -> str:
    """Who did it, for the unit's eyes: its own people by name, the office's not."""
    return event.by if event.what in ("signed", "refused") else ""


def _check_open(project: MoveProject) -> None:
    if project.state != "open":
        raise Problem(409, "not open", f"project {project.code} is {project.state}")


def _apply(
    session: Session,
    project: MoveProject,
    step: MoveStep,
    wanted: dict[str, Any],
    by: str,
    now: datetime,
    *,
    what: str,
    text: str = "",
) -> None:
    changes: dict[str, Any] = {}
    for name, value in wanted.items():
        before = getattr(step, name)
        if before != value:
            changes[name] = [_plain(before), _plain(value)]
            setattr(step, name, value)
    if not changes and what == "step":
        return
    if "state" in changes:
        if step.state in ("doing", "done"):
            step.started = step.started or now
        step.finished = now if step.state in OVER else None
        if step.state in OVER:
            step.blocked_by = ""
        if step.state == "waiting":
            step.started = None
    session.add(step)
    note_event(session, project, by, now, what=what, step=step.step, text=text, changes=changes)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _end_when_over(session: Session, project: MoveProject, by: str, now: datetime) -> None:
    steps = _steps(session, [project.id or 0])[project.id or 0]
    if all(step.state in OVER for step in steps.values()):
        project.state = "done"
        session.add(project)
        note_event(session, project, by, now, what="done")


def _steps(session: Session, ids: Sequence[int]) -> dict[int, dict[str, MoveStep]]:
    found: dict[int, dict[str, MoveStep]] = {each: {} for each in ids}
    for start in range(0, len(ids), 500):
        rows = session.execute(
            select(MoveStep).where(col(MoveStep.project_id).in_(ids[start : start + 500]))
        ).scalars()
        for step in rows:
            found[step.project_id][step.step] = step
    return found


def _views(steps: dict[str, MoveStep]) -> dict[str, StepView]:
    return {
        name: StepView(**steps[name].model_dump(exclude={"project_id"}), blockers=[])
        for name in STEPS
    }


def _project_views(session: Session, rows: Sequence[Any], now: datetime) -> list[ProjectView]:
    steps = _steps(session, [row[0].id for row in rows])
    names = unit_names(session, {row[0].unit_id for row in rows}, now)
    plans = _plan_states(session, [row[0].id for row in rows])
    found = []
    for project, network, unit_code in rows:
        views = _views(steps[project.id])
        step = current_step(views) if project.state == "open" else ""
        if step:
            views[step].blockers = blockers(views, step, plans.get(project.id), network.hosts, now)
        ordered = [views[name] for name in STEPS]
        found.append(
            ProjectView(
                code=project.code, name=project.name, network=network.code,
                network_name=network.name, unit_id=project.unit_id, unit_code=unit_code,
                unit_name=names.get(project.unit_id, unit_code), target=project.target,
                lead=project.lead, planned_end=project.planned_end, state=project.state,
                step=step, done_steps=sum(each.state in OVER for each in ordered),
                late=project.state == "open" and is_late(ordered, project.planned_end, now),
                blockers=views[step].blockers if step else [], hosts=network.hosts,
                hosts_done=views["cutover"].hosts_done, steps=ordered, note=project.note,
                created=project.created,
            )
        )  # fmt: skip
    return found


def _plan_states(session: Session, ids: Sequence[int]) -> dict[int, PlanState]:
    """Of each project its newest plan that was not withdrawn."""
    found: dict[int, PlanState] = {}
    newest = (
        select(func.max(col(MovePlan.id)))
        .where(col(MovePlan.state) != "withdrawn")
        .group_by(col(MovePlan.project_id))
    )
    rows = session.execute(
        select(
            col(MovePlan.project_id), col(MovePlan.state), col(MovePlan.faults),
            col(MovePlan.window_from), col(MovePlan.window_until),
        ).where(col(MovePlan.id).in_(newest))
    ).all()  # fmt: skip
    wanted = set(ids)
    for project_id, state, faults, begin, end in rows:
        if project_id in wanted:
            blocking = sum(fault["severity"] == "blocker" for fault in faults)
            found[project_id] = PlanState(state, blocking, begin, end)
    return found


def count_waiting(session: Session, scope: Scope) -> int:
    """Projects that wait for a unit's word: the badge of its people."""
    cut = (
        select(col(MoveStep.project_id))
        .where(col(MoveStep.step) == "cutover", col(MoveStep.state).in_(OVER))
        .scalar_subquery()
    )
    statement = scope.limit(
        select(func.count(col(MoveProject.id)))
        .join(MoveStep, col(MoveStep.project_id) == col(MoveProject.id))
        .where(
            col(MoveProject.state) == "open",
            col(MoveStep.step) == "sign_off",
            col(MoveStep.state).not_in(OVER),
            col(MoveProject.id).in_(cut),
        ),
        MoveProject.unit_id,
    )
    return int(session.execute(statement).scalar_one())
