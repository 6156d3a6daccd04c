"""Units by what the network needs of them: code, name, level in the network, and their county."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from controller.inventory.dated import in_force
from controller.inventory.tables import Unit, UnitVersion

LEVEL_OF_KIND: Mapping[str, str] = {
    "city": "city",
    "department": "city",
    "subordinate": "city",
    "vertical": "city",
    "park": "city",
    "enterprise": "city",
    "county": "county",
    "county_department": "county",
    "township": "township",
    "village": "village",
}
"""Kind of unit -> the level of the network on which it has its point."""


@dataclass(frozen=True)
class Named:
    """A unit, or none: then both are empty."""

    code: str = ""
    name: str = ""
    kind: str = ""


NOBODY = Named()


@dataclass(frozen=True)
class Places:
    """Units at a moment, by id, with the unit above each."""

    units: Mapping[int, Named] = field(default_factory=dict)
    above: Mapping[int, int | None] = field(default_factory=dict)

    def unit(self, unit_id: int | None) -> Named:
        return self.units.get(unit_id or 0, NOBODY)

    def county(self, unit_id: int | None) -> Named:
        """The county that the unit is or lies in; nobody where it is the city's own."""
        seen: set[int] = set()
        while unit_id is not None and unit_id not in seen:
            seen.add(unit_id)
            if self.unit(unit_id).kind == "county":
                return self.unit(unit_id)
            unit_id = self.above.get(unit_id)
        return NOBODY


def places_of(session: Session, unit_ids: Collection[int], at: datetime) -> Places:
    """The whole tree at ``at``; units of ``unit_ids`` that are no more keep their last name."""
    units: dict[int, Named] = {}
    above: dict[int, int | None] = {}
    rows = session.execute(
        select(col(Unit.id), col(Unit.code), UnitVersion)
        .join(UnitVersion, col(UnitVersion.unit_id) == col(Unit.id))
        .where(in_force(UnitVersion, at))
    )
    for unit_id, code, version in rows:
        units[unit_id] = Named(code, version.name, version.kind)
        above[unit_id] = version.parent_id
    gone = sorted(set(unit_ids) - set(units))
    if gone:
        rows = session.execute(
            select(col(Unit.id), col(Unit.code), UnitVersion)
            .join(UnitVersion, col(UnitVersion.unit_id) == col(Unit.id))
            .where(col(Unit.id).in_(gone))
            .order_by(col(UnitVersion.since))
        )
        for unit_id, code, version in rows:
            units[unit_id] = Named(code, version.name, version.kind)
            above[unit_id] = version.parent_id
    return Places(units, above)
