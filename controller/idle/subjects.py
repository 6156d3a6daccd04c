"""Which resources are judged, and what the register says of them at that moment."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import or_, select
from sqlmodel import Session, col

from controller.access.scope import Scope
from controller.analysis.figures import Subject
from controller.inventory.dated import in_force
from controller.inventory.tables import Holding, Resource
from controller.inventory.units import find_unit, subtree

BITS = 8.0


class Named(NamedTuple):
    """A subject with the words that people know it by."""

    subject: Subject
    code: str
    name: str


def read_subjects(
    session: Session, scope: Scope, at: datetime, *, unit: str | None = None
) -> list[Named]:
    """Resources that existed at ``at`` and are in scope by their owner then, by id. ``unit`` (code
    or name) includes its subtree; raises NotFound. What nobody holds is for the whole city only.
    """
    statement = (
        select(Resource, Holding)
        .outerjoin(Holding, (col(Holding.resource_id) == col(Resource.id)) & in_force(Holding, at))
        .where(col(Resource.created) <= at, col(Resource.kind) != "device")
        .where(or_(col(Resource.retired).is_(None), col(Resource.retired) > at))
        .order_by(col(Resource.id))
    )
    if unit is not None:
        below = subtree(session, find_unit(session, scope, unit, at).id, at)
        statement = statement.where(col(Holding.unit_id).in_(sorted(below)))
    statement = scope.limit(statement, col(Holding.unit_id))
    found = []
    for resource, holding in session.execute(statement):
        subject = Subject(
            resource=resource.id,
            kind=resource.kind,
            created_s=int(resource.created.timestamp()),
            unit=holding.unit_id if holding else None,
            vcpu=holding.vcpu if holding else None,
            mem_bytes=holding.mem_bytes if holding else None,
            disk_bytes=holding.disk_bytes if holding else None,
            line_bytes_s=(
                holding.bandwidth_bit_s / BITS if holding and holding.bandwidth_bit_s else None
            ),
            tags=tuple(resource.tags),
        )
        found.append(Named(subject, resource.code, resource.name))
    return found
