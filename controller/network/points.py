"""The register of access points: read within a scope, with what was measured of them; removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from controller.access.scope import Scope
from controller.inventory.dated import in_force
from controller.inventory.naming import fold
from controller.inventory.tables import Site, Zone
from controller.network.line_ends import ports_named
from controller.network.line_model import PointTermView, PointView
from controller.network.line_tables import AccessPoint, Line, PointTerm
from controller.network.place_units import Places, places_of
from controller.network.tables import Device
from controller.problems import NotFound


@dataclass(frozen=True)
class Reach:
    """What was measured of a point. ``reachable`` None: nobody measured it lately."""

    reachable: bool | None = None
    availability_pct: float | None = None
    """Of the last 24 hours, weighted by time."""
    rtt_ms: float | None = None
    loss_pct: float | None = None
    measured: datetime | None = None
    last_reached: datetime | None = None
    """Within the last 24 hours."""


UNMEASURED = Reach()


def list_points(
    session: Session,
    scope: Scope,
    at: datetime,
    reach: Mapping[int, Reach],
    *,
    unit_ids: frozenset[int] | None = None,
    text: str = "",
    level: str = "",
    state: str = "",
    county: str | None = None,
    line_id: int | None = None,
) -> list[PointView]:
    """Points held at ``at``, by code; ``reach`` by point id goes before what polling says of a
    point's port. ``state``: connected, planned, exempt, unreachable (connected, known and not
    reached), removed; "" all but removed ones. ``county``: code, "" the city itself, None all."""
    statement = scope.limit(
        select(AccessPoint, PointTerm)
        .join(PointTerm, col(PointTerm.point_id) == col(AccessPoint.id))
        .where(in_force(PointTerm, at))
        .order_by(col(AccessPoint.code)),
        PointTerm.unit_id,
    )
    if unit_ids is not None:
        statement = statement.where(col(PointTerm.unit_id).in_(sorted(unit_ids)))
    if line_id is not None:
        statement = statement.where(col(PointTerm.line_id) == line_id)
    gone = col(AccessPoint.removed)
    statement = statement.where(gone.is_not(None) if state == "removed" else gone.is_(None))
    if level:
        statement = statement.where(col(AccessPoint.level) == level)
    rows = [(point, term) for point, term in session.execute(statement).all()]
    places = places_of(session, {term.unit_id for _, term in rows}, at)
    view = _viewer(session, places, {**_by_port(session, [point for point, _ in rows]), **reach})
    sought = fold(text)
    found = []
    for each in (view(point, term) for point, term in rows):
        told = f"{each.code} {each.name} {each.unit_name} {each.community} {each.zone} {each.line}"
        told += f" {each.site} {each.device} {each.port} {each.address} {each.note}"
        if sought and sought not in fold(told):
            continue
        if not _is(each, state) or (county is not None and each.county_code != county):
            continue
        found.append(each)
    return found


def _by_port(session: Session, points: Sequence[AccessPoint]) -> dict[int, Reach]:
    """What polling says of points that name a device and its port: reached where it is up.

    A port of a device that does not answer says nothing.
    """
    known = ports_named(session, ((point.device, point.port) for point in points))
    devices = sorted({port.device_id for port in known.values()})
    alive = set(
        session.execute(
            select(col(Device.id)).where(
                col(Device.id).in_(devices), col(Device.enabled).is_(True),
                col(Device.state) == "up",
            )
        ).scalars()
    )  # fmt: skip
    return {
        point.id or 0: Reach(reachable=port.oper == "up", measured=port.seen)
        for point in points
        if (port := known.get((point.device, point.port))) is not None and port.device_id in alive
    }


def _is(view: PointView, state: str) -> bool:
    if state in ("", "removed"):
        return True
    if state == "unreachable":
        return view.state == "connected" and view.reachable is False
    return view.state == state


def _viewer(session: Session, places: Places, reach: Mapping[int, Reach]) -> Any:
    sites = {site.id: site.name for site in session.execute(select(Site)).scalars()}
    zones = {zone.id: zone.name for zone in session.execute(select(Zone)).scalars()}
    lines = line_names(session)

    def view(point: AccessPoint, term: PointTerm) -> PointView:
        unit, county = places.unit(term.unit_id), places.county(term.unit_id)
        seen = reach.get(point.id or 0, UNMEASURED)
        return PointView(
            id=point.id or 0, code=point.code, name=point.name, level=point.level,
            unit_code=unit.code, unit_name=unit.name,
            county_code=county.code, county_name=county.name, community=point.community,
            state=point.state, site=sites.get(point.site_id, ""),
            zone=zones.get(point.zone_id, ""), device=point.device, port=point.port,
            address=point.address, tcp_port=point.tcp_port,
            line=lines.get(term.line_id or 0, ""), line_id=term.line_id, note=point.note,
            **vars(seen),
        )  # fmt: skip

    return view


def line_names(session: Session) -> dict[int, str]:
    """Operator and number of every line, by id."""
    return {
        line.id or 0: f"{line.operator} {line.number}".strip()
        for line in session.execute(select(Line)).scalars()
    }


def find_point(
    session: Session, scope: Scope, code: str, at: datetime, reach: Mapping[int, Reach]
) -> PointView:
    """Raises NotFound, also outside the scope."""
    for state in ("", "removed"):
        for each in list_points(session, scope, at, reach, state=state):
            if each.code == code:
                return each
    raise NotFound("access point", code)


def point_terms(session: Session, scope: Scope, point_id: int) -> list[PointTermView]:
    """The point's history within the scope, oldest first."""
    terms = session.execute(
        scope.limit(
            select(PointTerm)
            .where(col(PointTerm.point_id) == point_id)
            .order_by(col(PointTerm.since)),
            PointTerm.unit_id,
        )
    ).scalars()
    lines = line_names(session)
    found = []
    for term in terms:
        unit = places_of(session, {term.unit_id}, term.since).unit(term.unit_id)
        found.append(
            PointTermView(
                since=term.since, until=term.until, unit_code=unit.code, unit_name=unit.name,
                line=lines.get(term.line_id or 0, ""),
            )
        )  # fmt: skip
    return found


def remove_point(session: Session, scope: Scope, code: str, by: str, now: datetime) -> PointView:
    """Takes a point out of the register from now on; its history stays, an import brings it back.
    Raises NotFound."""
    view = find_point(session, scope, code, now, {})
    point = session.get_one(AccessPoint, view.id)
    point.removed, point.updated, point.by = now, now, by
    session.add(point)
    session.flush()
    return view
