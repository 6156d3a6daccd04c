"""The agents: heard, in time, with the right clock, nothing lost, nobody's double."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from controller.findings.model import Observation
from controller.patrol.look import Aside, Found, Heard, Look, observe
from controller.patrol.plans import Check


def silent(look: Look, check: Check) -> Found:
    """Not heard of. What depends on the agent (data missing) is hidden by this."""

    def value(agent: Heard) -> float:
        return look.minutes_since(agent.last_seen or agent.enrolled)

    def evidence(agent: Heard) -> dict[str, Any]:
        return {"last_seen": _iso(agent.last_seen)}

    return _each(check, _active(look), value, evidence, down=True)


def lag(look: Look, check: Check) -> Found:
    """Heard of, but its newest sample is old: the spool does not get empty."""
    heard = timedelta(minutes=check.number("heard_min"))
    present = [
        agent
        for agent in _active(look)
        if agent.last_seen is not None and look.now - agent.last_seen <= heard
    ]

    def value(agent: Heard) -> float:
        return look.minutes_since(agent.last_sample or agent.enrolled)

    def evidence(agent: Heard) -> dict[str, Any]:
        return {"last_sample": _iso(agent.last_sample)}

    return _each(check, present, value, evidence)


def clock_skew(look: Look, check: Check) -> Found:
    """How far the clock was off when the agent was last heard."""
    known = [agent for agent in _active(look) if agent.clock_skew_s is not None]
    found = Found(judged=len(known))
    for agent in known:
        skew = agent.clock_skew_s or 0.0
        severity = check.level(abs(skew))
        if severity:
            found.seen.append(_observe(check, severity, agent, {"skew_s": round(skew, 1)}))
    return found


def losses(look: Look, check: Check) -> Found:
    """Rows that an agent dropped because its spool was full, lately."""
    return _aside(look, check, look.losses, check.number("hours"), "rows")


def conflict(look: Look, check: Check) -> Found:
    """Two machines that send as one agent."""
    agents = [agent for agent in look.agents if agent.state in ("active", "conflict")]
    found = Found(judged=len(agents))
    for agent in agents:
        if agent.state == "conflict":
            clones = look.clones.get(agent.id)
            evidence = {"conflicts": clones.count if clones else 1}
            severity = check.level(1) or "major"
            found.seen.append(_observe(check, severity, agent, evidence))
    return found


def pending(look: Look, check: Check) -> Found:
    """Enrolled, and nobody has decided."""
    waiting = [agent for agent in look.agents if agent.state == "pending"]

    def value(agent: Heard) -> float:
        return look.minutes_since(agent.enrolled) / 60

    found = _each(check, waiting, value, lambda _: {})
    found.judged = len(look.agents)
    return found


def unregistered(look: Look, check: Check) -> Found:
    """Measured, but the register knows no owner or no size of it."""
    agents = [agent for agent in _active(look) if agent.last_sample is not None]
    found = Found(judged=len(agents))
    for agent in agents:
        thing = agent.resource
        if thing is None and agent.resource_id and not look.whole:
            continue  # it is another unit's now
        if thing is None or thing.unit_id is None or thing.vcpu is None:
            severity = check.level(0) or "minor"
            evidence = {"allocated": thing.vcpu if thing else None}
            found.seen.append(_observe(check, severity, agent, evidence))
    return found


def _active(look: Look) -> list[Heard]:
    return [agent for agent in look.agents if agent.state == "active"]


def _each(
    check: Check,
    agents: Iterable[Heard],
    value: Callable[[Heard], float],
    evidence: Callable[[Heard], Mapping[str, Any]],
    *,
    down: bool = False,
) -> Found:
    """A finding for each agent whose ``value`` reaches a level; its name is the check's first."""
    name = next(iter(check.evidence))
    found = Found()
    for agent in agents:
        found.judged += 1
        figure = value(agent)
        severity = check.level(figure)
        if severity:
            known = {name: round(figure, 1), **evidence(agent)}
            found.seen.append(_observe(check, severity, agent, known, down=down))
    return found


def _aside(look: Look, check: Check, asides: Mapping[str, Aside], hours: float, name: str) -> Found:
    since = look.now - timedelta(hours=hours)
    agents = _active(look)
    found = Found(judged=len(agents))
    for agent in agents:
        aside = asides.get(agent.id)
        if aside is None or aside.last_seen < since:
            continue
        severity = check.level(aside.count)
        if severity:
            known = {name: aside.count, "last_time": _iso(aside.last_seen)}
            found.seen.append(_observe(check, severity, agent, known))
    return found


def _observe(
    check: Check, severity: Any, agent: Heard, evidence: Mapping[str, Any], *, down: bool = False
) -> Observation:
    thing = agent.resource
    return observe(
        check,
        severity,
        ("agent", agent.id),
        {**evidence, "resource": thing.code if thing else ""},
        unit_id=thing.unit_id if thing and thing.unit_id else agent.unit_id,
        name=agent.name,
        down=down,
    )


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
