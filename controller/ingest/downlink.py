"""What an agent fetches: typed assignments, and bounded tasks. Data, never commands.

An agent learns with the answer to any batch that there is something new (``agent.assigned`` is a
version, read with the register every few seconds), and only then asks. So an agent without
assignments costs nothing, however many there are. Whoever changes what an agent is to do calls
``touch``.

Assignments are computed when they are asked for, by the capabilities that the application hands
in; secrets go into them there, for approved agents of the needed role, and are stored nowhere.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import update
from sqlmodel import Session, col

from controller.ingest import tasks
from controller.ingest.tables import Agent, AgentTask
from controller.ingest.tasks import TaskKind
from controller.problems import NotFound, Problem
from controller.runtime import Runtime

Body = dict[str, Any]

ASK_AGAIN_S = 10
"""Pollers ask this often by themselves, so that a device that is added is seen soon."""


class AssignmentKind(NamedTuple):
    """Something that agents measure besides their own host.

    ``give(runtime, session, agent, now)``: the bodies for this agent. ``role``: only agents that
    hold it are asked for, "" for every approved one.
    """

    name: str
    give: Callable[[Runtime, Session, Agent, datetime], list[Body]]
    role: str = ""


class Downlink(NamedTuple):
    """All that the application's capabilities give to agents."""

    assignments: tuple[AssignmentKind, ...] = ()
    tasks: tuple[TaskKind, ...] = ()

    def task(self, name: str) -> TaskKind:
        """The kind called ``name``. Raises NotFound."""
        for kind in self.tasks:
            if kind.name == name:
                return kind
        raise NotFound("kind of task", name)


class Orders(NamedTuple):
    """What one agent is to do now."""

    version: str
    assignments: list[Body]
    """Each with "kind" and "body"."""
    tasks: list[Body]
    """Each with "id", "kind", "expires" and "body"."""
    ask_again_s: int
    """0: only when told of a new version."""


def touch(session: Session, agents: Iterable[str]) -> None:
    """Tells these agents, with their next batch, to fetch what they are to do."""
    for agent in sorted(set(agents)):
        session.execute(
            update(Agent).where(col(Agent.id) == agent).values(assigned=secrets.token_hex(8))
        )


def orders_of(
    runtime: Runtime, downlink: Downlink, agent_id: str, has: frozenset[int], now: datetime
) -> Orders:
    """What the agent is to do; nothing unless it is approved. ``has``: tasks it already holds.

    Raises Problem 503 where a secret cannot be opened: the agent goes on with what it has.
    """
    with runtime.database.read() as session:
        agent = session.get(Agent, agent_id)
        if agent is None or agent.state != "active":
            return Orders("", [], [], 0)
        version, again = agent.assigned, ASK_AGAIN_S if agent.roles else 0
        assignments = [
            {"kind": kind.name, "body": body}
            for kind in downlink.assignments
            if not kind.role or agent.holds(kind.role)
            for body in kind.give(runtime, session, agent, now)
        ]
        waiting = tasks.open_tasks(session, agent_id, now)
    given = _hand_over(runtime, downlink, waiting, has, now) if waiting else []
    return Orders(version, assignments, given, again)


def _hand_over(
    runtime: Runtime,
    downlink: Downlink,
    waiting: list[AgentTask],
    has: frozenset[int],
    now: datetime,
) -> list[Body]:
    given = []
    with runtime.database.write() as session:
        for each in waiting:
            task = session.get(AgentTask, each.id)
            agent = session.get(Agent, each.agent_id)
            if task is None or agent is None or task.state not in tasks.OPEN:
                continue
            if task.id in has:
                continue
            if task.handed_over >= tasks.MOST_TRIES:
                tasks.end(task, "failed", "the agent took it and never came back with it", now)
                continue
            try:
                kind = downlink.task(task.kind)
                if kind.role and not agent.holds(kind.role):
                    tasks.end(task, "refused", f"the agent does not hold role {kind.role}", now)
                    continue
                body = kind.fill(runtime, session, agent, task.body, now) if kind.fill else None
            except Problem as problem:
                tasks.end(task, "failed", str(problem), now)
                continue
            task.handed_over += 1
            task.changed = now
            session.add(task)
            given.append(
                {
                    "id": task.id,
                    "kind": task.kind,
                    "expires": task.expires.isoformat(timespec="seconds"),
                    "body": task.body if body is None else body,
                }
            )
    return given
