"""The devices as people see them: a list, and one with its ports, neighbours and parts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlmodel import Session, col

from controller.access.scope import Scope
from controller.ingest.tables import Agent
from controller.inventory.dated import in_force
from controller.inventory.resources import unit_names
from controller.inventory.tables import Holding, Resource, Site, Unit, Zone
from controller.network.model import (
    AddressView,
    DeviceDetail,
    DeviceView,
    NeighbourView,
    PartView,
    PeerView,
    PortView,
)
from controller.network.tables import (
    Device,
    DeviceAddress,
    DeviceNeighbour,
    DevicePart,
    DevicePeer,
    DevicePort,
    SnmpCredential,
)
from controller.problems import NotFound

COPIED = tuple(
    name
    for name in DeviceView.model_fields
    if name in Device.model_fields and name not in ("id", "address", "port")
)


def list_devices(
    session: Session,
    scope: Scope,
    at: datetime,
    *,
    text: str = "",
    state: str | None = None,
    unit_ids: frozenset[int] | None = None,
    ids: list[int] | None = None,
) -> list[DeviceView]:
    """The devices held at ``at`` in scope, by name; each filter narrows. ``text`` looks into name,
    code, address, vendor, model, serial number and system name."""
    statement = scope.limit(_select(at), col(Holding.unit_id))
    if state:
        statement = statement.where(col(Device.state) == state)
    if unit_ids is not None:
        statement = statement.where(col(Holding.unit_id).in_(sorted(unit_ids)))
    if ids is not None:
        statement = statement.where(col(Device.id).in_(ids))
    if text.strip():
        searched = (
            Resource.code, Resource.name, Device.address, Device.vendor, Device.model,
            Device.serial, Device.sys_name,
        )  # fmt: skip
        statement = statement.where(
            or_(*(col(each).icontains(text.strip(), autoescape=True) for each in searched))
        )
    rows = session.execute(statement.order_by(col(Resource.name), col(Resource.code))).all()
    if not rows:
        return []
    names = unit_names(session, {row.Unit.id for row in rows}, at)
    counts = _port_counts(session)
    # As whom and by which agent gear is asked concerns those who run it, not who uses it.
    keep = {} if scope.everything else {"credential": "", "poller": ""}
    return [DeviceView(**_values(row, names, counts) | keep) for row in rows]


def find_device(session: Session, scope: Scope, code: str, at: datetime) -> DeviceView:
    """One device by the code of its resource. Raises NotFound, also for another unit's."""
    number = session.execute(
        select(col(Device.id))
        .join(Resource, col(Resource.id) == col(Device.id))
        .where(col(Resource.code) == code.strip())
    ).scalar()
    found = [] if number is None else list_devices(session, scope, at, ids=[number])
    if not found:
        raise NotFound("device", code)
    return found[0]


def device_detail(session: Session, scope: Scope, code: str, at: datetime) -> DeviceDetail:
    """As ``find_device``, with ports, neighbours, addresses, peers, parts and sensors."""
    view = find_device(session, scope, code, at)
    device = session.get_one(Device, view.id)
    return DeviceDetail(
        **dict(view),
        port_list=ports_of(session, view.id),
        neighbours=_neighbours(session, scope, view.id, at),
        addresses=[
            AddressView.model_validate(each, from_attributes=True)
            for each in _of(session, DeviceAddress, view.id, DeviceAddress.address)
        ],
        peers=[
            PeerView.model_validate(each, from_attributes=True)
            for each in _of(session, DevicePeer, view.id, DevicePeer.address)
        ],
        parts=[
            PartView.model_validate(each, from_attributes=True)
            for each in _of(session, DevicePart, view.id, DevicePart.part_index)
        ],
        sensors=device.sensors,
        routes=device.routes,
        ipv6_forwarding=device.ipv6_forwarding,
    )


def ports_of(session: Session, device_id: int) -> list[PortView]:
    """The device's ports by ifIndex; those that are gone last."""
    rows = _of(session, DevicePort, device_id, DevicePort.if_index)
    found = [
        PortView(
            changes=len(row.changes),
            **{name: getattr(row, name) for name in PortView.model_fields if name != "changes"},
        )
        for row in rows
    ]
    return sorted(found, key=lambda port: (port.gone is not None, port.if_index))


def _neighbours(
    session: Session, scope: Scope, device_id: int, at: datetime
) -> list[NeighbourView]:
    """What LLDP heard; the code only of devices in scope, others have the name they sent."""
    rows = session.execute(
        select(DeviceNeighbour, col(Resource.code), col(Holding.unit_id))
        .join(Resource, col(Resource.id) == col(DeviceNeighbour.remote_device_id), isouter=True)
        .join(Holding, (col(Holding.resource_id) == col(Resource.id)) & in_force(Holding, at),
              isouter=True)
        .where(col(DeviceNeighbour.device_id) == device_id)
        .order_by(col(DeviceNeighbour.local_port))
    )  # fmt: skip
    names = NeighbourView.model_fields.keys() - {"remote_code"}
    return [
        NeighbourView(
            remote_code=(code or "") if scope.allows(unit_id) else "",
            **{name: getattr(row, name) for name in names},
        )
        for row, code, unit_id in rows
    ]  # fmt: skip


def _of(session: Session, table: Any, device_id: int, order: Any) -> list[Any]:
    statement = select(table).where(table.device_id == device_id).order_by(order)
    return list(session.execute(statement).scalars())


def _select(at: datetime) -> Select[*tuple[Any, ...]]:
    return (
        select(Device, Resource, Holding, Unit, Site, Zone, SnmpCredential, Agent)
        .join(Resource, col(Resource.id) == col(Device.id))
        .join(Holding, (col(Holding.resource_id) == col(Device.id)) & in_force(Holding, at))
        .join(Unit, col(Unit.id) == col(Holding.unit_id))
        .outerjoin(Site, col(Site.id) == col(Holding.site_id))
        .outerjoin(Zone, col(Zone.id) == col(Holding.zone_id))
        .outerjoin(SnmpCredential, col(SnmpCredential.id) == col(Device.credential_id))
        .outerjoin(Agent, col(Agent.id) == col(Device.poller_id))
        .where(or_(col(Resource.retired).is_(None), col(Resource.retired) > at))
    )


def _port_counts(session: Session) -> dict[int, tuple[int, int]]:
    """Device to (ports switched on, those of them that are up)."""
    rows = session.execute(
        select(
            col(DevicePort.device_id),
            func.count(),
            func.count().filter(col(DevicePort.oper) == "up"),
        )
        .where(col(DevicePort.gone).is_(None), col(DevicePort.admin) == "up")
        .group_by(col(DevicePort.device_id))
    )
    return {device: (count, up) for device, count, up in rows}


def _values(row: Any, names: dict[int, str], counts: dict[int, tuple[int, int]]) -> dict[str, Any]:
    device, resource, unit = row.Device, row.Resource, row.Unit
    ports, up = counts.get(device.id, (0, 0))
    return {
        **{name: getattr(device, name) for name in COPIED},
        "id": device.id,
        "code": resource.code,
        "name": resource.name,
        "demo": resource.demo,
        "address": device.address,
        "port": device.port,
        "unit_id": unit.id,
        "unit_code": unit.code,
        "unit_name": names.get(unit.id, unit.code),
        "site": row.Site.name if row.Site else "",
        "zone": row.Zone.name if row.Zone else "",
        "credential": row.SnmpCredential.name if row.SnmpCredential else "",
        "poller": row.Agent.name if row.Agent else "",
        "ports": ports,
        "ports_up": up,
    }
