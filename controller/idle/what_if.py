"""What would come back if open recommendations were carried out: by site, zone, pool, in all."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlmodel import Session, col

from controller.access.scope import Scope
from controller.idle.model import Freed, WhatIf
from controller.idle.queries import latest_scan
from controller.idle.tables import IdleVerdict
from controller.inventory.dated import in_force
from controller.inventory.pools import list_pools, placements
from controller.inventory.tables import Holding, Resource, Site, Zone

FREED = ("vcpu_freed", "mem_bytes_freed", "disk_bytes_freed")
HELD = ("vcpu", "mem_bytes", "disk_bytes")


@dataclass
class _Sum:
    """What one site or zone holds, and what of it would be freed."""

    held: dict[str, float] = field(default_factory=lambda: dict.fromkeys(HELD, 0.0))
    freed: dict[str, float] = field(default_factory=lambda: dict.fromkeys(FREED, 0.0))
    classes: Counter[str] = field(default_factory=Counter)
    resources: int = 0

    def add(self, holding: Any, recommendation: dict[str, Any], cls: str) -> None:
        for name in HELD:
            self.held[name] += getattr(holding, name) or 0.0
        given = {name: float(recommendation.get(name) or 0.0) for name in FREED}
        if any(given.values()):
            self.resources += 1
            self.classes[cls] += 1
            for name, value in given.items():
                self.freed[name] += value

    def view(self, key: str, name: str) -> Freed:
        return Freed(
            key=key,
            name=name,
            resources=self.resources,
            **self.freed,
            **{f"{name}_held": value for name, value in self.held.items()},
            vcpu_share_pct=_share(self.freed["vcpu_freed"], self.held["vcpu"]),
            mem_share_pct=_share(self.freed["mem_bytes_freed"], self.held["mem_bytes"]),
            disk_share_pct=_share(self.freed["disk_bytes_freed"], self.held["disk_bytes"]),
            by_class=dict(self.classes),
        )


def what_if(
    session: Session,
    scope: Scope,
    policy: str,
    now: datetime,
    *,
    classes: Iterable[str] | None = None,
) -> WhatIf:
    """The newest scan's recommendations against what is held now. A resource that is gone or has
    another owner since counts no more. ``classes``: only recommendations of these."""
    scan = latest_scan(session, scope, policy)
    wanted = None if classes is None else set(classes)
    statement = scope.limit(
        select(Holding, Resource, Site, Zone)
        .join(Resource, col(Resource.id) == col(Holding.resource_id))
        .outerjoin(Site, col(Site.id) == col(Holding.site_id))
        .outerjoin(Zone, col(Zone.id) == col(Holding.zone_id))
        .where(in_force(Holding, now))
        .where(or_(col(Resource.retired).is_(None), col(Resource.retired) > now)),
        col(Holding.unit_id),
    )
    said = _said(session, scope, scan.id) if scan else {}
    total, sites, zones = _Sum(), defaultdict[str, _Sum](_Sum), defaultdict[str, _Sum](_Sum)
    pools = defaultdict[str, _Sum](_Sum)
    placed: dict[int, str] = {}
    if scope.everything:  # a pool is the city's
        placed = placements(session, now)
        pool_names = {pool.code: pool.name for pool in list_pools(session, scope, now)}
    names: dict[str, str] = {}
    for holding, resource, site, zone in session.execute(statement):
        cls, unit, recommendation = said.get(resource.id, ("", None, {}))
        if unit != holding.unit_id or (wanted is not None and cls not in wanted):
            recommendation = {}
        total.add(holding, recommendation, cls)
        if code := placed.get(resource.id):
            pools[code].add(holding, recommendation, cls)
        for place, sums, kind in ((site, sites, "s"), (zone, zones, "z")):
            key = place.code if place else ""
            names[kind + key] = place.name if place else ""
            sums[key].add(holding, recommendation, cls)
    return WhatIf(
        scan=scan.id if scan else None,
        policy=policy,
        as_of=scan.as_of if scan else None,
        total=total.view("", ""),
        sites=_by_freed(sums.view(key, names["s" + key]) for key, sums in sites.items()),
        pools=_by_freed(sums.view(key, pool_names[key]) for key, sums in pools.items()),
        zones=_by_freed(sums.view(key, names["z" + key]) for key, sums in zones.items()),
    )


def _said(
    session: Session, scope: Scope, scan_id: int
) -> dict[int, tuple[str, int | None, dict[str, Any]]]:
    rows = session.execute(
        scope.limit(
            select(
                col(IdleVerdict.resource_id),
                col(IdleVerdict.cls),
                col(IdleVerdict.unit_id),
                col(IdleVerdict.recommendation),
            ).where(col(IdleVerdict.scan_id) == scan_id),
            col(IdleVerdict.unit_id),
        )
    )
    return {resource: (cls, unit, said) for resource, cls, unit, said in rows}


def _by_freed(rows: Iterable[Freed]) -> list[Freed]:
    return sorted(rows, key=lambda row: (-row.vcpu_freed, row.name))


def _share(part: float, whole: float) -> float | None:
    return round(100 * part / whole, 2) if whole else None
