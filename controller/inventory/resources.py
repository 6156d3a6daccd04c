"""Resources with the owner and allocation in force at a moment: one, or a page of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, nulls_last, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from controller.access.scope import Scope
from controller.inventory.dated import EVER, in_force
from controller.inventory.model import HoldingView, Page, ResourceDetail, ResourceView
from controller.inventory.tables import (
    BusinessSystem,
    Holding,
    Resource,
    Site,
    Unit,
    UnitVersion,
    Zone,
)
from controller.inventory.units import find_unit, subtree
from controller.problems import NotFound, Problem

MAX_PAGE_SIZE = 1000

SORTS: dict[str, Any] = {
    "code": col(Resource.code),
    "name": col(Resource.name),
    "kind": col(Resource.kind),
    "unit": col(Unit.code),
    "system": col(BusinessSystem.name),
    "site": col(Site.name),
    "zone": col(Zone.name),
    "ip": col(Resource.ip),
    "vcpu": col(Holding.vcpu),
    "mem_bytes": col(Holding.mem_bytes),
    "disk_bytes": col(Holding.disk_bytes),
    "created": col(Resource.created),
}
"""What a list may be sorted by; ``-`` before the word turns it round."""


def list_resources(
    session: Session,
    scope: Scope,
    at: datetime,
    *,
    unit: str | None = None,
    system: str | None = None,
    text: str = "",
    sort: str = "code",
    page: int = 1,
    size: int = 50,
) -> Page[ResourceView]:
    """Resources held at ``at``. ``unit`` (code or name) includes its subtree; ``text`` is looked
    for in code, name, addresses and operating system. Raises NotFound for an unknown unit."""
    statement = scope.limit(_select(), Holding.unit_id).where(in_force(Holding, at))
    if unit:
        below = subtree(session, find_unit(session, scope, unit, at).id, at)
        statement = statement.where(col(Holding.unit_id).in_(sorted(below)))
    if system:
        statement = statement.where(col(BusinessSystem.name) == system)
    if text.strip():
        searched = (Resource.code, Resource.name, Resource.ip, Resource.os)
        statement = statement.where(
            or_(*(col(column).icontains(text.strip(), autoescape=True) for column in searched))
        )
    size = max(1, min(size, MAX_PAGE_SIZE))
    page = max(1, page)
    total = session.execute(
        select(func.count()).select_from(statement.order_by(None).subquery())
    ).scalar_one()
    rows = session.execute(_sorted(statement, sort).offset((page - 1) * size).limit(size)).all()
    names = unit_names(session, {row.Unit.id for row in rows}, at)
    items = [_view(row, names) for row in rows]
    return Page[ResourceView](items=items, total=total, page=page, size=size)


def find_resource(session: Session, scope: Scope, code: str, at: datetime) -> ResourceView:
    """The resource of this code with what holds at ``at``, else (retired, not yet begun) with
    what held last before or begins first after. Raises NotFound, also outside the scope."""
    rows = session.execute(
        _select().where(col(Resource.code) == code.strip()).order_by(col(Holding.since))
    ).all()
    if not rows:
        raise NotFound("resource", code)
    begun = [row for row in rows if row.Holding.since <= at]
    row = begun[-1] if begun else rows[0]
    if not scope.allows(row.Holding.unit_id):
        raise NotFound("resource", code)
    return _view(row, unit_names(session, {row.Unit.id}, at))


def resource_detail(session: Session, scope: Scope, code: str, at: datetime) -> ResourceDetail:
    """As ``find_resource``, with the holdings that lie in the scope, oldest first."""
    resource = find_resource(session, scope, code, at)
    rows = session.execute(
        scope.limit(_select(), Holding.unit_id)
        .where(col(Resource.id) == resource.id)
        .order_by(col(Holding.since))
    ).all()
    names = unit_names(session, {row.Unit.id for row in rows}, at)
    holdings = [
        HoldingView(
            since=row.Holding.since,
            until=row.Holding.until,
            unit_code=row.Unit.code,
            unit_name=names.get(row.Unit.id, row.Unit.code),
            system=row.BusinessSystem.name if row.BusinessSystem else "",
            site=row.Site.name if row.Site else "",
            zone=row.Zone.name if row.Zone else "",
            vcpu=row.Holding.vcpu,
            mem_bytes=row.Holding.mem_bytes,
            disk_bytes=row.Holding.disk_bytes,
            bandwidth_bit_s=row.Holding.bandwidth_bit_s,
        )
        for row in rows
    ]
    return ResourceDetail(**dict(resource), holdings=holdings)


def unit_names(session: Session, unit_ids: set[int], at: datetime) -> dict[int, str]:
    """The units' names in force at ``at``; for a unit not in force then, its latest name."""
    version = aliased(UnitVersion)
    rows = session.execute(
        select(col(version.unit_id), col(version.name), col(version.since))
        .where(col(version.unit_id).in_(sorted(unit_ids)))
        .order_by(col(version.since))
    ).all()
    names: dict[int, str] = {}
    for unit_id, name, since in rows:
        if since <= at or unit_id not in names:
            names[unit_id] = name
    return names


def _select() -> Select[*tuple[Any, ...]]:
    return (
        select(Resource, Holding, Unit, BusinessSystem, Site, Zone)
        .join(Holding, col(Holding.resource_id) == col(Resource.id))
        .join(Unit, col(Unit.id) == col(Holding.unit_id))
        .outerjoin(BusinessSystem, col(BusinessSystem.id) == col(Holding.system_id))
        .outerjoin(Site, col(Site.id) == col(Holding.site_id))
        .outerjoin(Zone, col(Zone.id) == col(Holding.zone_id))
    )


def _sorted(statement: Select[*tuple[Any, ...]], sort: str) -> Select[*tuple[Any, ...]]:
    column = SORTS.get(sort.removeprefix("-"))
    if column is None:
        raise Problem(
            422, "unknown sort", f"cannot sort by {sort!r}: use one of {', '.join(SORTS)}"
        )
    # Unknown values last in both directions; the code makes pages stable.
    order = column.desc() if sort.startswith("-") else column.asc()
    return statement.order_by(nulls_last(order), col(Resource.code))


def _view(row: Any, names: dict[int, str]) -> ResourceView:
    resource, holding, unit = row.Resource, row.Holding, row.Unit
    return ResourceView(
        id=resource.id,
        code=resource.code,
        name=resource.name,
        kind=resource.kind,
        unit_id=unit.id,
        unit_code=unit.code,
        unit_name=names.get(unit.id, unit.code),
        system=row.BusinessSystem.name if row.BusinessSystem else "",
        site=row.Site.name if row.Site else "",
        zone=row.Zone.name if row.Zone else "",
        ip=resource.ip,
        os=resource.os,
        vcpu=holding.vcpu,
        mem_bytes=holding.mem_bytes,
        disk_bytes=holding.disk_bytes,
        bandwidth_bit_s=holding.bandwidth_bit_s,
        created=resource.created,
        created_known=resource.created != EVER,
        retired=resource.retired,
        tags=list(resource.tags),
        demo=resource.demo,
        instance_uuid=resource.instance_uuid,
    )
