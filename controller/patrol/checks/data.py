"""Whether there are figures at all, and how complete they are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from collectors.catalog import HOST
from controller.findings.model import Subject
from controller.patrol.look import Found, Look, observe
from controller.patrol.plans import Check
from controller.store import statistics as st
from controller.store.rollup import closed_until
from controller.store.rollup_sql import window


def none(look: Look, check: Check) -> Found:
    """A resource of a kind that reports, without a row for days, whoever might have sent one."""
    days = int(check.number("look_back_days"))
    end = int(look.now.timestamp())
    newest: dict[int, int] = {}
    # Hourly rows stand for the past, five-minute rows for what is not an hour old.
    for table, since in (
        (f"{HOST.name}_1h", end - days * st.DAY_S),
        (f"{HOST.name}_coarse", end - days * st.DAY_S),
        (f"{HOST.name}_5m", end - 3 * st.HOUR_S),
    ):
        answer = look.runtime.samples.query(
            f"SELECT resource, toInt64(toUnixTimestamp(max(time))) AS newest FROM {table} "
            f"WHERE {window('time', since, end)} AND instance = '' GROUP BY resource"
        )
        for resource, at in zip(
            np.asarray(answer.get("resource", []), np.int64).tolist(),
            np.asarray(answer.get("newest", []), np.int64).tolist(),
            strict=True,
        ):
            newest[resource] = max(at, newest.get(resource, 0))
    agents = _agents(look)
    found = Found()
    for thing in look.things.values():
        if not thing.measured:
            continue
        found.judged += 1
        last = newest.get(thing.id)
        quiet_since = datetime.fromtimestamp(last, UTC) if last else thing.created
        empty = min((look.now - quiet_since) / timedelta(days=1), float(days))
        severity = check.level(empty)
        if severity:
            agent = agents.get(thing.id)
            found.seen.append(
                observe(
                    check,
                    severity,
                    ("resource", thing.code),
                    {
                        "days": round(empty, 1),
                        "last_data": quiet_since.isoformat() if last else None,
                        "has_agent": agent is not None,
                    },
                    unit_id=thing.unit_id,
                    name=thing.name,
                    depends_on=[agent] if agent else [],
                )
            )
    return found


def gap(look: Look, check: Check) -> Found:
    """Five-minute buckets with data of an agent's host, of those there should be."""
    hours = check.number("hours")
    end = closed_until(look.now)
    start = end - int(hours * st.HOUR_S)
    answer = look.runtime.samples.query(
        f"SELECT resource, uniqExact(time) AS n FROM {HOST.name}_5m "
        f"WHERE {window('time', start, end)} AND instance = '' GROUP BY resource"
    )
    counts = dict(
        zip(
            np.asarray(answer.get("resource", []), np.int64).tolist(),
            np.asarray(answer.get("n", []), np.int64).tolist(),
            strict=True,
        )
    )
    found = Found()
    for agent in look.agents:
        thing = agent.resource
        if agent.state != "active" or thing is None:
            continue
        begun = max(start, int(agent.enrolled.timestamp()))
        expected = (end - begun) // st.BUCKET_S
        if expected < 1:
            continue
        found.judged += 1
        missing = max(0, expected - counts.get(thing.id, 0))
        coverage = 100 * (1 - missing / expected)
        severity = check.level(coverage)
        if severity:
            found.seen.append(
                observe(
                    check,
                    severity,
                    ("resource", thing.code),
                    {
                        "coverage_pct": round(coverage, 1),
                        "hours": hours,
                        "missing_min": missing * st.BUCKET_S // 60,
                    },
                    unit_id=thing.unit_id,
                    name=thing.name,
                    depends_on=[("agent", agent.id)],
                )
            )
    return found


def _agents(look: Look) -> dict[int, Subject]:
    """Resource to its active agent, as a subject."""
    return {
        agent.resource.id: ("agent", agent.id)
        for agent in look.agents
        if agent.resource is not None and agent.state == "active"
    }
