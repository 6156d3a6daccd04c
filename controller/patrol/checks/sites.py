"""Websites as they were measured: IPv6 readiness that fell, certificates that end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import or_, select
from sqlmodel import col

from controller.findings.model import Observation
from controller.ipv6.tables import Ipv6Reading, Ipv6Site
from controller.patrol.look import Found, Look, observe
from controller.patrol.plans import Check, Severity


class _Site(NamedTuple):
    """A site's readings from one vantage point, newest first."""

    code: str
    name: str
    unit_id: int
    vantage: str
    readings: list[tuple[datetime, float | None, str, dict[str, Any]]]
    """(at, score, index, what was read)."""


def regress(look: Look, check: Check) -> Found:
    """Sites whose newest score lies below the best one of the days before, by the same index from
    the same vantage point. Without a fresh reading nothing is said."""
    found = Found()
    fresh = look.now - timedelta(days=check.number("fresh_days"))
    worst: dict[str, tuple[float, _Site, dict[str, Any]]] = {}
    for site in _sites(look, int(check.number("days"))):
        at, score, index, _read = site.readings[0]
        before = [
            old for _at, old, name, _ in site.readings[1:] if old is not None and name == index
        ]
        if at < fresh or score is None or not before:
            found.unjudged.add(site.code)
            continue
        drop = max(before) - score
        evidence = {
            "drop": round(drop, 1),
            "score": round(score, 1),
            "best": round(max(before), 1),
            "vantage": site.vantage,
            "resource": site.code,
        }
        if site.code not in worst or drop > worst[site.code][0]:
            worst[site.code] = (drop, site, evidence)
    found.unjudged -= set(worst)
    found.judged = len(worst)
    for drop, site, evidence in worst.values():
        severity = check.level(drop) if drop > 0 else None
        if severity:
            found.seen.append(_observed(check, severity, site, evidence))
    found.applies = bool(worst or found.unjudged)
    return found


def certificates(look: Look, check: Check) -> Found:
    """The certificates that sites showed in their newest reading."""
    found = Found()
    soonest: dict[str, tuple[float, _Site, dict[str, Any]]] = {}
    for site in _sites(look, int(check.number("fresh_days"))):
        shown = site.readings[0][3].get("certificate")
        if not isinstance(shown, dict) or not shown.get("not_after"):
            continue
        try:
            ends = datetime.fromisoformat(str(shown["not_after"]))
        except ValueError:
            continue
        days = (ends - look.now).total_seconds() / 86_400
        evidence = {
            "days_left": round(days, 1),
            "expires": f"{ends:%Y-%m-%d}",
            "vantage": site.vantage,
            "resource": site.code,
        }
        if site.code not in soonest or days < soonest[site.code][0]:
            soonest[site.code] = (days, site, evidence)
    found.judged = len(soonest)
    for days, site, evidence in soonest.values():
        severity = check.level(days)
        if severity:
            found.seen.append(_observed(check, severity, site, evidence))
    found.applies = found.judged > 0
    return found


def _observed(
    check: Check, severity: Severity, site: _Site, evidence: dict[str, Any]
) -> Observation:
    return observe(
        check, severity, ("ipv6_site", site.code), evidence, unit_id=site.unit_id, name=site.name
    )


def _sites(look: Look, days: int) -> Iterator[_Site]:
    since = look.now - timedelta(days=days)
    with look.runtime.database.read() as session:
        rows = session.execute(
            look.scope.limit(
                select(Ipv6Site, Ipv6Reading)
                .join(Ipv6Reading, col(Ipv6Reading.site_id) == col(Ipv6Site.id))
                .where(
                    or_(col(Ipv6Site.retired).is_(None), col(Ipv6Site.retired) > look.now),
                    col(Ipv6Reading.at) >= since,
                    col(Ipv6Reading.at) <= look.now,
                )
                .order_by(col(Ipv6Site.code), col(Ipv6Reading.vantage), col(Ipv6Reading.at).desc()),
                Ipv6Site.unit_id,
            )
        ).all()
    current: _Site | None = None
    for site, reading in rows:
        told = (reading.at, reading.score, reading.index_name, reading.reading)
        if current and (current.code, current.vantage) == (site.code, reading.vantage):
            current.readings.append(told)
            continue
        if current:
            yield current
        current = _Site(site.code, site.name, site.unit_id, reading.vantage, [told])
    if current:
        yield current
