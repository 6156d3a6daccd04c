"""What would come back if open recommendations were carried out: by site, zone, pool, in all."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import or_, select
from sqlmodel import Session, col

from controller.access.scope import Scope
from controller.idle.model import Freed, WhatIf
from controller.idle.queries import latest_scan
from controller.idle.tables import IdleVerdict
from controller.inventory.dated import in_force
from controller.inventory.pools import placements
from controller.inventory.register_tables import Pool
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

    def add(self, held: Sequence[float | None], given: Sequence[float], cls: str) -> None:
        """``held`` in the order of HELD, ``given`` of FREED, empty for nothing."""
        for name, value in zip(HELD, held, strict=True):
            self.held[name] += value or 0.0
        if given:
            self.resources += 1
            self.classes[cls] += 1
            for name, value in zip(FREED, given, strict=True):
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
    # Columns, not objects: a whole city on a page that is looked at often.
    statement = scope.limit(
        select(
            col(Holding.resource_id),
            col(Holding.unit_id),
            col(Holding.vcpu),
            col(Holding.mem_bytes),
            col(Holding.disk_bytes),
            col(Site.code),
            col(Site.name),
            col(Zone.code),
            col(Zone.name),
        )
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
        pools_there = session.execute(select(Pool)).scalars()
        pool_names = {pool.code: pool.name for pool in pools_there}
    names: dict[str, str] = {}
    for number, owner, vcpu, mem, disk, site, site_name, zone, zone_name in session.execute(
        statement
    ):
        held = (vcpu, mem, disk)
        cls, unit, given = said.get(number, ("", None, ()))
        if unit != owner or (wanted is not None and cls not in wanted):
            given = ()
        total.add(held, given, cls)
        if code := placed.get(number):
            pools[code].add(held, given, cls)
        for key, name, sums, kind in (
            (site or "", site_name or "", sites, "s"),
            (zone or "", zone_name or "", zones, "z"),
        ):
            names[kind + key] = name
            sums[key].add(held, given, cls)
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
) -> dict[int, tuple[str, int | None, tuple[float, ...]]]:
    """Resource to (class, its unit then, what would be freed in the order of FREED)."""
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
    found = {}
    for resource, cls, unit, said in rows:
        given = tuple(float(said.get(name) or 0.0) for name in FREED) if said else ()
        found[resource] = (cls, unit, given if any(given) else ())
    return found


def _by_freed(rows: Iterable[Freed]) -> list[Freed]:
    return sorted(rows, key=lambda row: (-row.vcpu_freed, row.name))


def _share(part: float, whole: float) -> float | None:
    return round(100 * part / whole, 2) if whole else None
