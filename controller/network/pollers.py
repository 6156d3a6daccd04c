"""The agents that poll, or could: what each has to do, and when it was heard."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict
from sqlalchemy import func, select
from sqlmodel import Session, col

from controller.access.scope import Scope
from controller.ingest.tables import Agent
from controller.network.assign import ROLE, sites_of
from controller.network.tables import Device

LATE = timedelta(minutes=3)
"""A poller asks every 10 s and every agent sends every minute: later than this it is away."""


class PollerView(BaseModel):
    """An approved agent. ``polls``: it holds the role; ``devices`` that it polls now."""

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    site: int
    """Of its own host, 0 where that is not known."""
    version: str
    last_seen: datetime | None
    away: bool
    polls: bool
    devices: int


def list_pollers(session: Session, scope: Scope, now: datetime) -> list[PollerView]:
    """The approved agents of the scope, pollers first, by name."""
    agents: list[Agent] = list(
        session.execute(
            scope.limit(select(Agent).where(col(Agent.state) == "active"), col(Agent.unit_id))
        ).scalars()
    )
    counts: dict[str | None, int] = {
        row[0]: row[1]
        for row in session.execute(
            select(col(Device.poller_id), func.count()).group_by(col(Device.poller_id))
        )
    }
    sites = sites_of(session, [agent.resource_id or 0 for agent in agents], now)
    found = [
        PollerView(
            id=agent.id,
            name=agent.name,
            site=sites.get(agent.resource_id or 0, 0),
            version=agent.version,
            last_seen=agent.last_seen,
            away=agent.last_seen is None or now - agent.last_seen > LATE,
            polls=agent.holds(ROLE),
            devices=counts.get(agent.id, 0),
        )
        for agent in agents
    ]
    return sorted(found, key=lambda each: (not each.polls, each.name))
