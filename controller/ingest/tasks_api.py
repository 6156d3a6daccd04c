"""Routes of the downlink: what agents may be trusted with, and their tasks."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from controller.access import audit
from controller.access.deps import RuntimeDep, ScopeDep, may
from controller.access.principal import Principal
from controller.ingest import agents, downlink, tasks
from controller.ingest.tables import AGENT_ROLES
from controller.problems import Problem

Reader = Annotated[Principal, Depends(may("agents.read"))]
Manager = Annotated[Principal, Depends(may("agents.manage"))]
Trustee = Annotated[Principal, Depends(may("agents.trust"))]

router = APIRouter(tags=["agents"])


class Roles(BaseModel):
    """What the agent may be trusted with; an empty list takes everything away."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"roles": ["poller"]}})

    roles: list[Annotated[str, Field(max_length=40)]] = Field(max_length=10)


class NewTask(BaseModel):
    """``kind``: one that may be asked for over the API; ``hours``: after that it lapses."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"kind": "facts", "body": {}, "hours": 1}}
    )

    kind: str = Field(max_length=40)
    body: dict[str, Any] = Field(default_factory=dict)
    hours: float = Field(default=24, gt=0, le=tasks.MOST_HOURS)


class TaskList(BaseModel):
    items: list[tasks.TaskView]


@router.put("/agents/{agent_id}/roles")
def set_roles(
    runtime: RuntimeDep, scope: ScopeDep, principal: Trustee, agent_id: str, wanted: Roles
) -> agents.AgentView:
    """Say what an agent is trusted with: a poller is given the credentials of its network gear."""
    unknown = sorted(set(wanted.roles) - set(AGENT_ROLES))
    if unknown:
        known = ", ".join(AGENT_ROLES)
        raise Problem(422, "bad role", f"no role {', '.join(unknown)[:200]}; there are: {known}")
    with runtime.database.write() as session:
        agent = agents.writable(session, scope, agent_id)
        before, agent.roles = agent.roles, " ".join(sorted(set(wanted.roles)))
        session.add(agent)
        downlink.touch(session, [agent_id])
        detail = {"name": agent.name, "before": before, "roles": agent.roles}
        audit.record(session, principal, "agent.roles", agent_id, detail=detail)
    with runtime.database.read() as session:
        return agents.get_agent(session, scope, agent_id, principal.at)


@router.get("/agent-tasks")
def list_tasks(
    runtime: RuntimeDep,
    scope: ScopeDep,
    principal: Reader,
    agent: Annotated[str | None, Query(max_length=32)] = None,
    kind: Annotated[str | None, Query(max_length=40)] = None,
    state: Annotated[str | None, Query(description="waiting, running, done, failed …")] = None,
) -> TaskList:
    """The newest 200 tasks of the agents you may see."""
    del principal
    with runtime.database.read() as session:
        found = tasks.list_tasks(session, scope, agent_id=agent, kind=kind, state=state)
    return TaskList(items=found)


@router.get("/agent-tasks/{task_id}")
def get_task(
    runtime: RuntimeDep, scope: ScopeDep, principal: Reader, task_id: int
) -> tasks.TaskView:
    """One task: how far it is, and what came of it."""
    del principal
    with runtime.database.read() as session:
        return tasks.get_task(session, scope, task_id)


@router.post("/agents/{agent_id}/tasks", status_code=201)
def create_task(
    request: Request,
    runtime: RuntimeDep,
    scope: ScopeDep,
    principal: Manager,
    agent_id: str,
    wanted: NewTask,
) -> tasks.TaskView:
    """Ask an agent to do something once; it fetches that with its next batch."""
    down: downlink.Downlink = request.app.state.downlink
    with runtime.database.write() as session:
        agent = agents.writable(session, scope, agent_id)
        open_kinds = [each for each in down.tasks if each.check is not None]
        kind = next((each for each in open_kinds if each.name == wanted.kind), None)
        if kind is None or kind.check is None:
            known = ", ".join(each.name for each in open_kinds) or "none"
            raise Problem(422, "bad task", f"no kind {wanted.kind!r}; there are: {known}")
        body = kind.check(wanted.body)
        task = tasks.create_task(
            session, agent, kind, body, principal.name, principal.at, wanted.hours
        )
        downlink.touch(session, [agent_id])
        detail = {"agent": agent_id, "kind": kind.name, "hours": wanted.hours}
        audit.record(session, principal, "agent_task.create", str(task.id), detail=detail)
        return tasks.get_task(session, scope, task.id or 0)


@router.delete("/agent-tasks/{task_id}", status_code=204)
def cancel_task(runtime: RuntimeDep, scope: ScopeDep, principal: Manager, task_id: int) -> Response:
    """End a task; what the agent already does of it comes to nothing."""
    with runtime.database.write() as session:
        task = tasks.cancel(session, scope, task_id, principal.at)
        downlink.touch(session, [task.agent_id])
        audit.record(session, principal, "agent_task.cancel", str(task_id))
    return Response(status_code=204)
