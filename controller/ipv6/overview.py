"""The overview: the whole, every unit, and what would raise their scores most."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from sqlmodel import Session

from controller.access.scope import Scope
from controller.analysis.ipv6 import Index, raising
from controller.inventory.units import list_units
from controller.ipv6.devices import list_gear
from controller.ipv6.model import Action, Overview, PartView, UnitReadiness
from controller.ipv6.readiness import (
    Subject,
    as_subjects,
    by_unit,
    list_hosts,
    parts_of,
    passing,
    score_of,
)
from controller.ipv6.traffic import SHANGHAI, shares, whole
from controller.ipv6.views import Judged, list_sites, remedy, title

WEEK = timedelta(days=7)


class Read(NamedTuple):
    """What was read for one overview, to be shown in more ways than one."""

    told: Overview
    sites: list[Judged]
    hosts: list[Subject]
    gear: list[Subject]


def read_overview(
    session: Session,
    scope: Scope,
    index: Index,
    now: datetime,
    language: str,
    *,
    vantage: str = "",
) -> Read:
    """City (or what the caller sees) and each unit with its subtree, the lowest score first."""
    judged = list_sites(session, scope, index, now, vantage=vantage)
    hosts = list_hosts(session, scope, index, now)
    gear = list_gear(session, scope, index, now)
    subjects = [*as_subjects(judged), *hosts, *gear]
    reachable = {site.id for site, _ in judged if site.home_v6}
    units = list_units(session, scope, now)
    ids = {unit.code: unit.id for unit in units}
    parents = {unit.id: ids.get(unit.parent_code or "") for unit in units}
    groups = by_unit(subjects, parents)
    today = now.astimezone(SHANGHAI).date()
    traffic = unit_traffic(session, scope, today, parents)
    shown = [
        UnitReadiness(
            unit=unit.code,
            unit_name=unit.name,
            unit_id=unit.id,
            depth=unit.depth,
            traffic_pct=traffic.get(unit.id),
            **sums(groups[unit.id], reachable, index, language),
        )
        for unit in units
        if unit.id in groups
    ]
    shown.sort(key=lambda each: (each.score is None, each.score or 0.0, each.unit))
    told = Overview(
        index=index.mark,
        index_title=index.title_zh if language == "zh" else index.title_en,
        official=index.official,
        good=index.good,
        traffic_pct=whole(_week(session, scope, today).values()).pct,
        units=shown,
        **sums(subjects, reachable, index, language),
    )
    return Read(told, judged, hosts, gear)


def sums(
    subjects: Sequence[Subject], reachable: set[int], index: Index, language: str
) -> dict[str, Any]:
    """The fields of a Readiness."""
    parts = parts_of(subjects)
    sites = [each for each in subjects if each.kind == "site"]
    combined = score_of(subjects, index)
    return {
        "sites": len(sites),
        "measured": sum(each.evaluation is not None for each in sites),
        "reachable": sum(each.ref in reachable for each in sites),
        "passing": passing(sites, index),
        "score": combined.score,
        "coverage": combined.coverage,
        "parts": [
            PartView(
                kind=part.kind,
                registered=part.registered,
                scored=part.scored,
                passing=passing([each for each in subjects if each.kind == part.kind], index),
                score=part.score,
            )
            for part in parts
        ],
        "actions": [
            _action(kind, code, gain, count, index, language)
            for kind, (code, gain, count) in raising(parts, index)
        ],
    }


def _action(kind: str, code: str, gain: float, count: int, index: Index, language: str) -> Action:
    known = next(each for each in index.of(kind).indicators if each.code == code)
    return Action(
        code=code,
        title=title(known, language),
        remedy=remedy(known, language),
        gain=gain,
        sites=count,
        kind=kind,
    )


def _week(session: Session, scope: Scope, today: date) -> dict[int, Any]:
    return shares(session, scope, today - WEEK, today + timedelta(days=1), "unit_id")


def unit_traffic(
    session: Session, scope: Scope, today: date, parents: dict[int, int | None]
) -> dict[int, float | None]:
    """IPv6 in percent of the last week's traffic of each unit with its subtree."""
    found: dict[int, list[Any]] = {}
    for unit, share in _week(session, scope, today).items():
        above, seen = unit, set[int]()
        while above is not None and above not in seen:
            found.setdefault(above, []).append(share)
            seen.add(above)
            above = parents.get(above)  # type: ignore[assignment]
    return {unit: whole(mine).pct for unit, mine in found.items()}
