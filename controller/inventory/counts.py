"""How many resources a unit's subtree holds in each zone."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlmodel import Session, col

from controller.inventory.dated import in_force
from controller.inventory.tables import Holding, Zone
from controller.inventory.units import subtree


def zone_counts(session: Session, unit_id: int, at: datetime) -> list[tuple[str, int]]:
    """(zone's name, resources held at ``at``), most first; those of no zone are left out."""
    rows = session.execute(
        select(col(Zone.name), func.count())
        .join(Holding, col(Holding.zone_id) == col(Zone.id))
        .where(col(Holding.unit_id).in_(sorted(subtree(session, unit_id, at))))
        .where(in_force(Holding, at))
        .group_by(col(Zone.name))
        .order_by(func.count().desc(), col(Zone.name))
    )
    return [(name, int(count)) for name, count in rows]
