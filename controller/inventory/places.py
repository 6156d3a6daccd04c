"""Sites, zones and business systems: listed within a scope, and created on sight."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import distinct, func, insert, select
from sqlmodel import Session, col

from controller.access.scope import Scope
from controller.inventory.dated import in_force
from controller.inventory.model import PlaceView, SystemView
from controller.inventory.naming import fold
from controller.inventory.resources import unit_names
from controller.inventory.tables import BusinessSystem, Holding, Site, Unit, Zone

Place = type[Site] | type[Zone]


def list_sites(session: Session, scope: Scope) -> list[PlaceView]:
    """Sites in which the scope holds or held something, by code."""
    return _list(session, scope, Site, Holding.site_id)


def list_zones(session: Session, scope: Scope) -> list[PlaceView]:
    """Network zones in which the scope holds or held something, by code."""
    return _list(session, scope, Zone, Holding.zone_id)


def list_systems(
    session: Session, scope: Scope, at: datetime, *, unit_ids: frozenset[int] | None = None
) -> list[SystemView]:
    """Business systems of the scope (and of ``unit_ids``), by unit and name."""
    in_use = (
        select(
            col(Holding.system_id).label("system_id"),
            func.count(distinct(col(Holding.resource_id))).label("resources"),
        )
        .where(in_force(Holding, at))
        .group_by(col(Holding.system_id))
        .subquery()
    )
    statement = scope.limit(
        select(BusinessSystem, Unit, func.coalesce(in_use.c.resources, 0))
        .join(Unit, col(Unit.id) == col(BusinessSystem.unit_id))
        .outerjoin(in_use, in_use.c.system_id == col(BusinessSystem.id))
        .order_by(col(Unit.code), col(BusinessSystem.name)),
        BusinessSystem.unit_id,
    )
    if unit_ids is not None:
        statement = statement.where(col(BusinessSystem.unit_id).in_(sorted(unit_ids)))
    rows = session.execute(statement).all()
    names = unit_names(session, {system.unit_id for system, _, _ in rows}, at)
    return [
        SystemView(
            id=system.id or 0,
            name=system.name,
            unit_code=unit.code,
            unit_name=names.get(system.unit_id, unit.code),
            resources=resources,
        )
        for system, unit, resources in rows
    ]


class PlaceIds:
    """Names of sites, zones and systems turned into ids; what is new is created by ``create``.

    A site or zone is known by code or name in any spelling; a system by its name in its unit.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._sites = _known(session, Site)
        self._zones = _known(session, Zone)
        self._systems: dict[tuple[int, str], tuple[int, str]] = {}
        self._load_systems()

    def create(
        self, sites: Iterable[str], zones: Iterable[str], systems: Iterable[tuple[int, str]]
    ) -> None:
        """Creates what is not known yet; ``systems`` are (unit id, name). "" is no place."""
        self._create_places(Site, self._sites, sites)
        self._create_places(Zone, self._zones, zones)
        new: dict[tuple[int, str], str] = {}
        for unit_id, name in systems:
            key = (unit_id, fold(name))
            if name and key not in self._systems:
                new.setdefault(key, name)
        if new:
            self._session.execute(
                insert(BusinessSystem),
                [{"unit_id": unit_id, "name": name} for (unit_id, _), name in new.items()],
            )
            self._load_systems()

    def site(self, name: str) -> int | None:
        return self._sites[fold(name)][0] if name else None

    def zone(self, name: str) -> int | None:
        return self._zones[fold(name)][0] if name else None

    def system(self, unit_id: int, name: str) -> int | None:
        return self._systems[unit_id, fold(name)][0] if name else None

    def known(self, kind: str, unit_id: int, name: str) -> int | None:
        """The id of a site, zone or system (of ``unit_id``) that is there already."""
        if kind == "system":
            return self._systems.get((unit_id, fold(name)), (None, ""))[0]
        places = self._sites if kind == "site" else self._zones
        return places[fold(name)][0] if fold(name) in places else None

    def site_name(self, name: str) -> str:
        """The register's spelling, or ``name`` itself where it is not known yet."""
        return self._sites.get(fold(name), (0, name))[1] if name else ""

    def zone_name(self, name: str) -> str:
        return self._zones.get(fold(name), (0, name))[1] if name else ""

    def system_name(self, unit_id: int, name: str) -> str:
        return self._systems.get((unit_id, fold(name)), (0, name))[1] if name else ""

    def _create_places(
        self, table: Place, known: dict[str, tuple[int, str]], names: Iterable[str]
    ) -> None:
        for name in names:
            if name and fold(name) not in known:
                place = table(code=name[:64], name=name)
                self._session.add(place)
                self._session.flush()
                known[fold(name)] = (place.id or 0, name)

    def _load_systems(self) -> None:
        rows = self._session.execute(
            select(col(BusinessSystem.id), col(BusinessSystem.unit_id), col(BusinessSystem.name))
        )
        self._systems = {
            (unit_id, fold(name)): (system_id, name) for system_id, unit_id, name in rows
        }


def _known(session: Session, table: Place) -> dict[str, tuple[int, str]]:
    known: dict[str, tuple[int, str]] = {}
    rows = session.execute(select(col(table.id), col(table.code), col(table.name))).all()
    for place_id, _, name in rows:
        known[fold(name)] = (place_id, name)
    for place_id, code, name in rows:
        known[fold(code)] = (place_id, name)
    return known


def _list(session: Session, scope: Scope, table: Place, column: Any) -> list[PlaceView]:
    statement = select(table).order_by(col(table.code))
    if not scope.everything:
        held = scope.limit(select(col(column)), Holding.unit_id)
        statement = statement.where(col(table.id).in_(held))
    return [
        PlaceView(id=place.id or 0, code=place.code, name=place.name)
        for place in session.execute(statement).scalars()
    ]
