"""How far the figures reach, how complete they are, and which agents wait for approval."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock

from sqlalchemy import case, func, select
from sqlmodel import col

from controller.access.scope import Scope
from controller.ingest.tables import Agent
from controller.problems import Problem
from controller.runtime import Runtime
from controller.store.samples import SamplesError
from controller.usage.freshness import newest_data
from controller.usage.model import UsageQuery
from controller.usage.queries import usage_report
from controller.web.shell import STALE_AFTER, Freshness

OFFLINE_AFTER = timedelta(minutes=5)
"""An agent ships every minute and retries for some; silence beyond this is worth a look."""
KEPT = timedelta(seconds=60)
"""The top bar stands on every page; its figures are read again after this time."""
MOST_SCOPES = 500


@dataclass
class Memory:
    """What was read for each scope, kept on ``app.state.freshness``."""

    known: dict[frozenset[int] | None, tuple[datetime, Freshness]] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)


def read(memory: Memory, runtime: Runtime, scope: Scope, now: datetime) -> Freshness | None:
    """Freshness of a scope's figures, at most KEPT old; None while the sample store is away."""
    known = memory.known.get(scope.unit_ids)
    if known is not None and now - known[0] < KEPT:
        return known[1]
    try:
        newest = newest_data(runtime, scope, now)
        day = UsageQuery(now - timedelta(days=1), now, by="unit")
        coverage = usage_report(runtime, scope, day).coverage_pct if newest else None
    except (Problem, SamplesError):
        # The page itself says what is wrong; its frame must not fail on top of it.
        return None
    found = Freshness(newest, coverage, newest is not None and now - newest > STALE_AFTER)
    with memory.lock:
        if len(memory.known) >= MOST_SCOPES:
            memory.known.clear()
        memory.known[scope.unit_ids] = (now, found)
    return found


@dataclass(frozen=True)
class AgentCounts:
    """``heard`` of ``active`` agents sent data of late; ``waiting`` want a decision."""

    active: int
    heard: int
    waiting: int


def agent_counts(runtime: Runtime, scope: Scope, now: datetime) -> AgentCounts:
    """Counted by the database: the top of every page must not read ten thousand agents."""
    recent = case((col(Agent.last_sample) >= now - OFFLINE_AFTER, 1))
    statement = scope.limit(
        select(col(Agent.state), func.count(), func.count(recent)).group_by(col(Agent.state)),
        col(Agent.unit_id),
    )
    with runtime.database.read() as session:
        found = {state: (count, heard) for state, count, heard in session.execute(statement)}
    active, heard = found.get("active", (0, 0))
    waiting = found.get("pending", (0, 0))[0] + found.get("conflict", (0, 0))[0]
    return AgentCounts(active, heard, waiting)
