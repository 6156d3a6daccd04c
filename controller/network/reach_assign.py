"""Which poller measures which point: by zone, spread evenly, moved when a poller falls silent.

Private ranges overlap, so a point is measured by pollers whose host stands in its zone. A poller of
no zone measures points of any, except addresses that two zones have.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlmodel import Session, col

from controller.ingest.downlink import AssignmentKind, touch
from controller.ingest.tables import Agent
from controller.inventory.dated import in_force
from controller.inventory.tables import Holding
from controller.network.line_tables import AccessPoint, ReachPoller
from controller.network.reach_queries import instance_of
from controller.network.tables import SnmpCredential
from controller.runtime import Runtime

ROLE = "poller"
INTERVAL_S = 60
PROBES = 3
TIMEOUT_MS = 1_000
SILENT = timedelta(seconds=2 * INTERVAL_S)
"""A poller that was not heard of for so long is taken for dead: two intervals."""


class Poller(NamedTuple):
    """An agent that may measure; ``zone_id`` of its host, None where that is not known."""

    id: str
    zone_id: int | None


class Point(NamedTuple):
    """A point that is to be measured."""

    id: int
    zone_id: int | None
    address: str
    tcp_port: int


def spread(points: Sequence[Point], pollers: Sequence[Poller]) -> dict[str, list[Point]]:
    """Every point to one poller that can reach it, or to none. Pure, and the same however the
    lists are ordered; a poller that leaves moves its own points only."""
    zones_of: dict[str, set[int | None]] = {}
    for point in points:
        zones_of.setdefault(point.address, set()).add(point.zone_id)
    found: dict[str, list[Point]] = {poller.id: [] for poller in pollers}
    for point in sorted(points):
        near = [p for p in pollers if point.zone_id is not None and p.zone_id == point.zone_id]
        if not near and len(zones_of[point.address]) == 1:
            near = [p for p in pollers if point.zone_id is None or p.zone_id is None]
        if near:
            best = max(near, key=lambda poller: _weight(poller.id, point.id))
            found[best.id].append(point)
    return found


def _weight(poller: str, point: int) -> bytes:
    """Highest-random-weight hashing."""
    return hashlib.blake2b(f"{poller}|{point}".encode(), digest_size=8).digest()


def assigned(session: Session, now: datetime, asking: str = "") -> dict[str, list[Point]]:
    """What each living poller measures; ``asking`` is alive because it asks."""
    points = [
        Point(point.id or 0, point.zone_id, point.address, point.tcp_port or 0)
        for point in session.execute(
            select(AccessPoint).where(
                col(AccessPoint.removed).is_(None),
                col(AccessPoint.state) == "connected",
                col(AccessPoint.address) != "",
            )
        ).scalars()
    ]
    agents = [
        agent
        for agent in session.execute(select(Agent).where(col(Agent.state) == "active")).scalars()
        if agent.holds(ROLE) and (agent.id == asking or _alive(agent, now))
    ]
    zones = _zones(session, [agent.resource_id for agent in agents if agent.resource_id], now)
    pollers = [Poller(agent.id, zones.get(agent.resource_id or 0)) for agent in agents]
    return spread(points, sorted(pollers))


def _alive(agent: Agent, now: datetime) -> bool:
    return agent.last_seen is not None and now - agent.last_seen <= SILENT


def _zones(session: Session, resources: Iterable[int], now: datetime) -> dict[int, int | None]:
    rows = session.execute(
        select(col(Holding.resource_id), col(Holding.zone_id)).where(
            in_force(Holding, now), col(Holding.resource_id).in_(sorted(resources))
        )
    )
    return {row[0]: row[1] for row in rows}


def body_of(points: Sequence[Point]) -> dict[str, Any]:
    """The assignment as it travels."""
    return {
        "interval_s": INTERVAL_S,
        "probes": PROBES,
        "timeout_ms": TIMEOUT_MS,
        "targets": [[instance_of(each.id), each.address, each.tcp_port] for each in points],
    }


def give(_runtime: Runtime, session: Session, agent: Agent, now: datetime) -> list[dict[str, Any]]:
    """The bodies for this agent."""
    mine = assigned(session, now, agent.id).get(agent.id, [])
    return [body_of(mine)] if mine else []


REACH_ASSIGNMENT = AssignmentKind("reach", give, role=ROLE)


def _credential_marks(session: Session) -> list[list[str]]:
    """What changes with any credential: traps are received for all of them."""
    rows = session.execute(
        select(col(SnmpCredential.id), col(SnmpCredential.changed)).order_by(col(SnmpCredential.id))
    )
    return [[str(number), changed.isoformat()] for number, changed in rows]


def renew(runtime: Runtime) -> int:
    """Tells pollers whose points, or the credentials of traps, changed to fetch them; how many
    there were."""
    now = runtime.now()
    with runtime.database.read() as session:
        marks = _credential_marks(session)
        points = assigned(session, now)
        wanted = {
            poller: hashlib.sha256(json.dumps([mine, marks]).encode()).hexdigest()
            for poller, mine in points.items()
        }
        known = {row.agent_id: row.digest for row in session.execute(select(ReachPoller)).scalars()}
    changed = [
        each
        for each in wanted
        if known.get(each) != wanted[each] and (points[each] or marks or each in known)
    ]
    gone = [each for each in known if each not in wanted]
    if not changed and not gone:
        return 0
    with runtime.database.write() as session:
        for each in changed:
            session.merge(ReachPoller(agent_id=each, digest=wanted[each]))
        for each in gone:
            row = session.get(ReachPoller, each)
            if row is not None:
                session.delete(row)
        touch(session, [*changed, *gone])
    return len(changed)
