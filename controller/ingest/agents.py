"""The agents as people see them: who is there, how they fare, who may send."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict
from sqlalchemy import delete, func, select
from sqlmodel import Session, col

from controller.access import audit
from controller.access.principal import Principal
from controller.access.scope import Scope
from controller.ingest import set_aside
from controller.ingest.enrolment import bind, create_token, list_tokens, revoke_token
from controller.ingest.tables import Agent, AgentEpoch, EnrolmentToken, SetAside
from controller.inventory.model import UnitView
from controller.inventory.tables import Resource
from controller.inventory.units import list_units
from controller.problems import NotFound, Problem
from controller.store.relational import Database

__all__ = [
    "AgentView",
    "SetAsideView",
    "TokenView",
    "approve",
    "create_token",
    "get_agent",
    "list_agents",
    "list_set_aside",
    "list_tokens",
    "revoke",
    "revoke_token",
    "token_views",
]


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class AgentView(_View):
    """One agent. ``lag_s``: age of its newest sample; ``clock_skew_s``: how far its clock is
    ahead; ``losses``: rows it told us it had to drop."""

    id: str
    name: str
    state: str
    unit_code: str
    unit_name: str
    resource_code: str
    version: str
    enrolled: datetime
    last_seen: datetime | None
    last_sample: datetime | None
    lag_s: float | None
    clock_skew_s: float | None
    address: str
    losses: int
    roles: list[str] = []
    """What it is trusted with besides its own host."""
    demo: bool = False


class TokenView(_View):
    """An enrolment token without its secret."""

    id: int
    prefix: str
    unit_code: str
    unit_name: str
    uses_left: int
    auto_approve: bool
    created: datetime
    created_by: str
    expires: datetime
    revoked: datetime | None


class SetAsideView(_View):
    """Something that was not taken as it came, counted."""

    id: int
    kind: str
    agent_id: str
    agent_name: str
    unit_code: str
    subject: str
    count: int
    from_time: datetime | None
    to_time: datetime | None
    first_seen: datetime
    last_seen: datetime


def list_agents(
    session: Session,
    scope: Scope,
    now: datetime,
    *,
    state: str | None = None,
    unit_ids: frozenset[int] | None = None,
    resource_id: int | None = None,
    agent_id: str | None = None,
    text: str = "",
) -> list[AgentView]:
    """The agents in scope, by name; each filter narrows. ``text`` looks into name, id, address."""
    statement = select(Agent, col(Resource.code)).join(
        Resource, col(Resource.id) == col(Agent.resource_id), isouter=True
    )
    if state is not None:
        statement = statement.where(col(Agent.state) == state)
    if unit_ids is not None:
        statement = statement.where(col(Agent.unit_id).in_(sorted(unit_ids)))
    if resource_id is not None:
        statement = statement.where(col(Agent.resource_id) == resource_id)
    if agent_id is not None:
        statement = statement.where(col(Agent.id) == agent_id)
    if text:
        statement = statement.where(
            col(Agent.name).icontains(text, autoescape=True)
            | col(Agent.id).startswith(text, autoescape=True)
            | col(Agent.address).startswith(text, autoescape=True)
            | col(Resource.code).icontains(text, autoescape=True)
        )
    statement = scope.limit(statement, col(Agent.unit_id)).order_by(col(Agent.name), col(Agent.id))
    found = session.execute(statement).all()
    if not found:
        return []
    units = {unit.id: unit for unit in list_units(session, scope, now)}
    losses = _losses(session, None if len(found) > 500 else [agent.id for agent, _ in found])
    views = []
    for agent, resource_code in found:
        unit = units.get(agent.unit_id)
        lag = (now - agent.last_sample).total_seconds() if agent.last_sample else None
        views.append(
            AgentView(
                id=agent.id,
                name=agent.name,
                state=agent.state,
                unit_code=unit.code if unit else "",
                unit_name=unit.name if unit else "",
                resource_code=resource_code or "",
                version=agent.version,
                enrolled=agent.enrolled,
                last_seen=agent.last_seen,
                last_sample=agent.last_sample,
                lag_s=None if lag is None else max(0.0, lag),
                clock_skew_s=agent.clock_skew_s,
                address=agent.address,
                losses=losses.get(agent.id, 0),
                roles=agent.roles.split(),
                demo=agent.demo,
            )
        )
    return views


def get_agent(session: Session, scope: Scope, agent_id: str, now: datetime) -> AgentView:
    """One agent. Raises NotFound, also for another unit's."""
    found = list_agents(session, scope, now, agent_id=agent_id)
    if not found:
        raise NotFound("agent", agent_id)
    return found[0]


def _losses(session: Session, agents: list[str] | None) -> dict[str, int]:
    statement = (
        select(col(SetAside.agent_id), func.sum(col(SetAside.count)))
        .where(col(SetAside.kind) == set_aside.LOSS)
        .group_by(col(SetAside.agent_id))
    )
    if agents is not None:
        statement = statement.where(col(SetAside.agent_id).in_(agents))
    return {agent: int(count) for agent, count in session.execute(statement)}


def approve(
    database: Database, scope: Scope, agent_id: str, by: Principal, now: datetime
) -> AgentView:
    """Lets an agent send: a pending one, or after a conflict the one that goes on.

    Raises NotFound, and Problem 409 for a revoked one.
    """
    with database.write() as session:
        agent = writable(session, scope, agent_id)
        if agent.state == "revoked":
            raise Problem(409, "agent revoked", "enrol it again with a new token")
        before = agent.state
        if before != "active":
            bind(session, agent, now, by.name)
            # What the copy sent is no evidence against the one that goes on.
            session.execute(delete(AgentEpoch).where(col(AgentEpoch.agent_id) == agent_id))
            audit.record(
                session,
                by,
                "agent.approve",
                agent_id,
                detail={"name": agent.name, "before": before, "resource": agent.resource_id},
            )
        return get_agent(session, scope, agent_id, now)


def revoke(
    database: Database, scope: Scope, agent_id: str, by: Principal, now: datetime
) -> AgentView:
    """Ends an agent; its samples stay. Every process refuses it within seconds.

    Raises NotFound.
    """
    with database.write() as session:
        agent = writable(session, scope, agent_id)
        if agent.state != "revoked":
            before, agent.state = agent.state, "revoked"
            session.add(agent)
            audit.record(
                session, by, "agent.revoke", agent_id, detail={"name": agent.name, "before": before}
            )
            session.flush()
        return get_agent(session, scope, agent_id, now)


def writable(session: Session, scope: Scope, agent_id: str) -> Agent:
    """An agent's row, locked until the commit. Raises NotFound, also for another unit's."""
    agent = session.get(Agent, agent_id, with_for_update=True)
    if agent is None or not scope.allows(agent.unit_id):
        raise NotFound("agent", agent_id)
    return agent


def token_views(session: Session, scope: Scope, now: datetime) -> list[TokenView]:
    """The enrolment tokens in scope, newest first."""
    units = {unit.id: unit for unit in list_units(session, scope, now)}
    return [_token_view(token, units) for token in list_tokens(session, scope)]


def _token_view(token: EnrolmentToken, units: dict[int, UnitView]) -> TokenView:
    unit = units.get(token.unit_id)
    return TokenView(
        id=token.id or 0,
        prefix=token.prefix,
        unit_code=unit.code if unit else "",
        unit_name=unit.name if unit else "",
        uses_left=token.uses_left,
        auto_approve=token.auto_approve,
        created=token.created,
        created_by=token.created_by,
        expires=token.expires,
        revoked=token.revoked,
    )


def list_set_aside(
    session: Session,
    scope: Scope,
    now: datetime,
    *,
    kind: str | None = None,
    agent_id: str | None = None,
) -> list[SetAsideView]:
    """What was set aside of the agents in scope, the latest first."""
    statement = select(SetAside, Agent).join(Agent, col(Agent.id) == col(SetAside.agent_id))
    if kind is not None:
        statement = statement.where(col(SetAside.kind) == kind)
    if agent_id is not None:
        statement = statement.where(col(SetAside.agent_id) == agent_id)
    statement = scope.limit(statement, col(Agent.unit_id))
    units = {unit.id: unit.code for unit in list_units(session, scope, now)}
    return [
        SetAsideView(
            id=row.id or 0,
            kind=row.kind,
            agent_id=row.agent_id,
            agent_name=agent.name,
            unit_code=units.get(agent.unit_id, ""),
            subject=row.subject,
            count=row.count,
            from_time=row.from_time,
            to_time=row.to_time,
            first_seen=row.first_seen,
            last_seen=row.last_seen,
        )
        for row, agent in session.execute(statement.order_by(col(SetAside.last_seen).desc()))
    ]
