"""Bounded tasks of agents: made by a person or a capability, fetched once, answered by a document.

The answer is a document of kind ``task_result``: ``{"task": id, "state": "running" | "done" |
"failed" | "refused", "done": n, "total": n, "error": text, "result": {…}}``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict
from sqlalchemy import delete, func, select
from sqlmodel import Session, col

from collectors.records import Document
from controller.access.scope import Scope
from controller.ingest.documents import DocumentKind
from controller.ingest.tables import Agent, AgentTask
from controller.problems import NotFound, Problem
from controller.runtime import Runtime

OPEN = ("waiting", "running")
MOST_OPEN = 100
"""Of one agent; one more is refused."""
MOST_BODY_BYTES = 64 << 10
MOST_RESULT_BYTES = 1 << 20
MOST_TRIES = 3
"""An agent that restarts amid a task gets it again this often."""
MOST_HOURS = 24 * 31
KEPT = timedelta(days=90)

Body = dict[str, Any]


class TaskKind(NamedTuple):
    """Something agents can be asked to do once.

    ``fill(runtime, session, agent, body, now)``: the body as it is handed over, with secrets; it
    may raise Problem, which ends the task. ``finished(session, task, now)``: called
    in the transaction that books the result. ``check(body)``: the body as it may come over the
    API, raising Problem 422; without it the kind is only made by its own capability.
    """

    name: str
    role: str = ""
    fill: Callable[[Runtime, Session, Agent, Body, datetime], Body] | None = None
    finished: Callable[[Session, AgentTask, datetime], None] | None = None
    check: Callable[[Body], Body] | None = None


def _no_body(body: Body) -> Body:
    if body:
        raise Problem(422, "bad task", "this kind takes no body")
    return body


FACTS_NOW = TaskKind("facts", check=_no_body)
"""Read the facts of the host again and send them, without waiting for the usual hour."""


class TaskView(BaseModel):
    """A task of an agent. ``done`` of ``total``: how far it is, 0 of 0 where that is unknown."""

    model_config = ConfigDict(frozen=True)

    id: int
    agent_id: str
    agent_name: str
    kind: str
    state: str
    body: dict[str, Any]
    created: datetime
    created_by: str
    expires: datetime
    changed: datetime
    done: int
    total: int
    error: str
    result: dict[str, Any] | None


def create_task(
    session: Session,
    agent: Agent,
    kind: TaskKind,
    body: Body,
    by: str,
    now: datetime,
    hours: float = 24,
) -> AgentTask:
    """A task for ``agent``; the caller calls ``downlink.touch`` and writes the audit row.

    Raises Problem 409 for an agent that may not do it or has too much to do, 422 for its size.
    """
    if agent.state != "active":
        raise Problem(409, "agent not active", f"agent {agent.name} is {agent.state}")
    if kind.role and not agent.holds(kind.role):
        raise Problem(409, "role missing", f"agent {agent.name} does not hold role {kind.role}")
    if not 0 < hours <= MOST_HOURS:
        raise Problem(422, "bad task", f"hours is not between 0 and {MOST_HOURS}")
    if len(json.dumps(body, ensure_ascii=False).encode()) > MOST_BODY_BYTES:
        raise Problem(422, "bad task", f"its body is over {MOST_BODY_BYTES} bytes")
    count = session.execute(
        select(func.count())
        .select_from(AgentTask)
        .where(col(AgentTask.agent_id) == agent.id, col(AgentTask.state).in_(OPEN))
    ).scalar_one()
    if count >= MOST_OPEN:
        raise Problem(409, "too many tasks", f"agent {agent.name} has {count} tasks to do")
    task = AgentTask(
        agent_id=agent.id,
        kind=kind.name,
        body=body,
        created=now,
        created_by=by,
        expires=now + timedelta(hours=hours),
        changed=now,
    )
    session.add(task)
    session.flush()
    return task


def open_tasks(session: Session, agent_id: str, now: datetime) -> list[AgentTask]:
    """What the agent has to do, oldest first."""
    statement = (
        select(AgentTask)
        .where(
            col(AgentTask.agent_id) == agent_id,
            col(AgentTask.state).in_(OPEN),
            col(AgentTask.expires) > now,
        )
        .order_by(col(AgentTask.id))
        .limit(MOST_OPEN)
    )
    return list(session.execute(statement).scalars())


def end(task: AgentTask, state: str, error: str, now: datetime) -> None:
    """Closes a task that gave no result."""
    task.state, task.error, task.changed = state, error[:500], now


def list_tasks(
    session: Session,
    scope: Scope,
    *,
    agent_id: str | None = None,
    kind: str | None = None,
    state: str | None = None,
    task_id: int | None = None,
    limit: int = 200,
) -> list[TaskView]:
    """Tasks of the agents in scope, newest first. What a task is about may be of other units than
    its agent's (sites, ranges): body and result are for those who may see everything."""
    statement = select(AgentTask, col(Agent.name)).join(
        Agent, col(Agent.id) == col(AgentTask.agent_id)
    )
    for column, value in (
        (col(AgentTask.agent_id), agent_id),
        (col(AgentTask.kind), kind),
        (col(AgentTask.state), state),
        (col(AgentTask.id), task_id),
    ):
        if value is not None:
            statement = statement.where(column == value)
    statement = scope.limit(statement, col(Agent.unit_id))
    statement = statement.order_by(col(AgentTask.id).desc()).limit(limit)
    names = TaskView.model_fields.keys() - {"agent_name", "body", "result"}
    whole = scope.everything
    return [
        TaskView(
            agent_name=name,
            body=task.body if whole else {},
            result=task.result if whole else None,
            **{field: getattr(task, field) for field in names},
        )
        for task, name in session.execute(statement)
    ]


def get_task(session: Session, scope: Scope, task_id: int) -> TaskView:
    """One task. Raises NotFound, also for another unit's agent."""
    found = list_tasks(session, scope, task_id=task_id)
    if not found:
        raise NotFound("task", str(task_id))
    return found[0]


def cancel(session: Session, scope: Scope, task_id: int, now: datetime) -> AgentTask:
    """Ends a task; what an agent already does of it comes to nothing. Raises NotFound, 409."""
    get_task(session, scope, task_id)
    task = session.get(AgentTask, task_id, with_for_update=True)
    if task is None:
        raise NotFound("task", str(task_id))
    if task.state not in OPEN:
        raise Problem(409, "task ended", f"task {task_id} is {task.state} already")
    end(task, "cancelled", "", now)
    session.add(task)
    return task


def expire(session: Session, now: datetime) -> int:
    """Ends what nobody did in time and forgets what is long over; how many ended."""
    late = session.execute(
        select(AgentTask).where(col(AgentTask.state).in_(OPEN), col(AgentTask.expires) <= now)
    ).scalars()
    count = 0
    for task in late:
        end(task, "expired", "the agent did not come back with it in time", now)
        session.add(task)
        count += 1
    session.execute(
        delete(AgentTask).where(
            col(AgentTask.state).not_in(OPEN), col(AgentTask.changed) < now - KEPT
        )
    )
    return count


def result_kind(kinds: tuple[TaskKind, ...]) -> DocumentKind:
    """The document that agents answer tasks of these kinds with."""
    by_name = {kind.name: kind for kind in kinds}

    def take(session: Session, agent: Agent, document: Document, now: datetime) -> None:
        task = _of(session, agent, document.body)
        if task.state not in OPEN:
            return  # cancelled or expired meanwhile, or a late repetition
        _book(task, document.body, now)
        session.add(task)
        finished = by_name[task.kind].finished if task.kind in by_name else None
        if finished is not None and task.state not in OPEN:
            finished(session, task, now)

    return DocumentKind("task_result", take, MOST_RESULT_BYTES)


def _of(session: Session, agent: Agent, body: Body) -> AgentTask:
    number = body.get("task")
    task = session.get(AgentTask, number) if isinstance(number, int) else None
    if task is None or task.agent_id != agent.id:
        raise ValueError("a result of no task of this agent")
    return task


def _book(task: AgentTask, body: Body, now: datetime) -> None:
    state, result = body.get("state"), body.get("result")
    if state not in ("running", "done", "failed", "refused"):
        raise ValueError("its state is none of running, done, failed, refused")
    if result is not None and not isinstance(result, dict):
        raise ValueError("its result is not an object")
    task.state, task.changed = state, now
    task.error = str(body.get("error") or "")[:500]
    task.done, task.total = _count(body.get("done")), _count(body.get("total"))
    if result is not None:
        task.result = result


def _count(value: object) -> int:
    return min(max(value, 0), 1 << 30) if isinstance(value, int) else 0
