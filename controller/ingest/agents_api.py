"""Routes of the register of agents: who may send, enrolment tokens, what was set aside."""

from __future__ import annotations

from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from controller.access.deps import RuntimeDep, ScopeDep, may
from controller.access.principal import Principal
from controller.ingest import agents, authority, enrolment
from controller.ingest.installed import door_of

Reader = Annotated[Principal, Depends(may("agents.read"))]
Manager = Annotated[Principal, Depends(may("agents.manage"))]

T = TypeVar("T")

router = APIRouter(tags=["agents"])


class AgentPage(BaseModel):
    items: list[agents.AgentView]
    total: int
    page: int
    size: int


class TokenPage(BaseModel):
    items: list[agents.TokenView]
    total: int
    page: int
    size: int


class SetAsidePage(BaseModel):
    items: list[agents.SetAsideView]
    total: int
    page: int
    size: int


class NewToken(BaseModel):
    """``unit``: code or name; ``uses``: how many agents may enrol with it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"unit": "330100-JTJ", "uses": 20, "hours": 48, "auto_approve": True}
        },
    )

    unit: str = Field(max_length=200)
    uses: int = Field(default=1, ge=1, le=enrolment.MOST_USES)
    hours: float = Field(default=24, gt=0, le=enrolment.MOST_HOURS)
    auto_approve: bool = False


class GivenToken(BaseModel):
    """``token`` is shown this once: ``yunxun-agent enrol TOKEN``."""

    token: str


@router.get("/agents")
def list_agents(
    runtime: RuntimeDep,
    scope: ScopeDep,
    principal: Reader,
    state: Annotated[str | None, Query(description="pending, active, revoked, conflict")] = None,
    text: Annotated[str, Query(max_length=100)] = "",
    page: Annotated[int, Query(ge=1)] = 1,
    size: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> AgentPage:
    """The agents of the units you may see, by name."""
    with runtime.database.read() as session:
        found = agents.list_agents(session, scope, principal.at, state=state, text=text)
    return AgentPage(items=_page(found, page, size), total=len(found), page=page, size=size)


@router.get("/agents/{agent_id}")
def get_agent(
    runtime: RuntimeDep, scope: ScopeDep, principal: Reader, agent_id: str
) -> agents.AgentView:
    """One agent."""
    with runtime.database.read() as session:
        return agents.get_agent(session, scope, agent_id, principal.at)


@router.post("/agents/{agent_id}/approve")
async def approve(
    request: Request, runtime: RuntimeDep, scope: ScopeDep, principal: Manager, agent_id: str
) -> agents.AgentView:
    """Let a pending agent send, or the one that goes on after a conflict."""
    view = await run_in_threadpool(
        agents.approve, runtime.database, scope, agent_id, principal, principal.at
    )
    await door_of(request.app).upkeep.reload()
    return view


@router.post("/agents/{agent_id}/revoke")
async def revoke(
    request: Request, runtime: RuntimeDep, scope: ScopeDep, principal: Manager, agent_id: str
) -> agents.AgentView:
    """Refuse an agent from now on."""
    view = await run_in_threadpool(
        agents.revoke, runtime.database, scope, agent_id, principal, principal.at
    )
    await door_of(request.app).upkeep.reload()
    return view


@router.get("/agent-tokens")
def list_tokens(
    runtime: RuntimeDep,
    scope: ScopeDep,
    principal: Manager,
    page: Annotated[int, Query(ge=1)] = 1,
    size: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> TokenPage:
    """Enrolment tokens, newest first, without their secrets."""
    with runtime.database.read() as session:
        found = agents.token_views(session, scope, principal.at)
    return TokenPage(items=_page(found, page, size), total=len(found), page=page, size=size)


@router.post("/agent-tokens", status_code=201)
def create_token(
    request: Request, runtime: RuntimeDep, scope: ScopeDep, principal: Manager, wanted: NewToken
) -> GivenToken:
    """An enrolment token for a unit; shown this once."""
    url = enrolment.controller_url(runtime.settings, str(request.base_url))
    fingerprint = ""
    if url.startswith("https://"):
        fingerprint = authority.fingerprint_of(authority.read_ca(runtime.settings))
    token = agents.create_token(
        runtime.database,
        scope,
        wanted.unit,
        wanted.uses,
        wanted.hours,
        wanted.auto_approve,
        principal,
        principal.at,
        url,
        fingerprint,
    )
    return GivenToken(token=token)


@router.delete("/agent-tokens/{token_id}", status_code=204)
def revoke_token(
    runtime: RuntimeDep, scope: ScopeDep, principal: Manager, token_id: int
) -> Response:
    """End an enrolment token; agents that used it stay."""
    agents.revoke_token(runtime.database, scope, token_id, principal, principal.at)
    return Response(status_code=204)


@router.get("/set-aside")
def list_set_aside(
    runtime: RuntimeDep,
    scope: ScopeDep,
    principal: Reader,
    kind: str | None = None,
    agent: str | None = None,
    page: Annotated[int, Query(ge=1)] = 1,
    size: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> SetAsidePage:
    """What was not taken as it came: losses, unknown columns, wrong clocks, clones."""
    with runtime.database.read() as session:
        found = agents.list_set_aside(session, scope, principal.at, kind=kind, agent_id=agent)
    return SetAsidePage(items=_page(found, page, size), total=len(found), page=page, size=size)


def _page(found: list[T], page: int, size: int) -> list[T]:
    return found[(page - 1) * size : page * size]
