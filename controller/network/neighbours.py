"""Who stands at the other end of a port: LLDP's rows, matched with our own devices."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlmodel import Session, col

from controller.network.tables import Device, DeviceAddress, DeviceNeighbour, DevicePort
from controller.network.told import word

FORGOTTEN = timedelta(days=30)
"""A neighbour that was not heard for so long is dropped."""
MOST = 1_000


def keep_neighbours(
    session: Session,
    device: Device,
    told: list[dict[str, Any]],
    instances: dict[int, str],
    at: datetime,
) -> None:
    """Takes in what LLDP heard at the device's ports."""
    rows = session.execute(
        select(DeviceNeighbour).where(col(DeviceNeighbour.device_id) == device.id)
    ).scalars()
    known = {(row.local_port, row.remote_chassis, row.remote_port): row for row in rows}
    for each in told[:MOST]:
        key = (
            word(each, "local_port", 200),
            word(each, "remote_chassis", 100),
            word(each, "remote_port", 200),
        )
        row = known.get(key)
        if row is None:
            row = known[key] = DeviceNeighbour(
                device_id=device.id,
                local_port=key[0],
                remote_chassis=key[1],
                remote_port=key[2],
                first_seen=at,
                last_seen=at,
            )
        index = each.get("if_index")
        row.instance = instances.get(index, "") if isinstance(index, int) else ""
        row.remote_port_descr = word(each, "remote_port_descr", 200)
        row.remote_name = word(each, "remote_name", 200)
        row.remote_descr = word(each, "remote_descr", 500)
        addresses = each.get("remote_addresses")
        row.remote_addresses = (
            [str(one)[:64] for one in addresses[:20]] if isinstance(addresses, list) else []
        )
        row.remote_device_id = match(session, device, row)
        row.last_seen = at
        session.add(row)
    session.execute(
        delete(DeviceNeighbour).where(
            col(DeviceNeighbour.device_id) == device.id,
            col(DeviceNeighbour.last_seen) < at - FORGOTTEN,
        )
    )
    session.flush()


def match(session: Session, device: Device, row: DeviceNeighbour) -> int | None:
    """The device of ours that a neighbour is: by an address within the same network, by a port's
    hardware address, by its system name; None unless exactly one fits."""
    others = col(Device.id) != device.id
    found: set[int]
    if row.remote_addresses:
        found = set(
            session.execute(
                select(col(Device.id)).where(
                    others,
                    col(Device.network) == device.network,
                    col(Device.address).in_(row.remote_addresses),
                )
            ).scalars()
        ) or set(
            session.execute(
                select(col(Device.id))
                .join(DeviceAddress, col(DeviceAddress.device_id) == col(Device.id))
                .where(
                    others,
                    col(Device.network) == device.network,
                    col(DeviceAddress.address).in_(row.remote_addresses),
                )
            ).scalars()
        )
        if len(found) == 1:
            return found.pop()
    chassis = "".join(c for c in row.remote_chassis.lower() if c in "0123456789abcdef")
    if len(chassis) == 12:
        found = set(
            session.execute(
                select(col(DevicePort.device_id)).where(
                    col(DevicePort.phys_address) == chassis, col(DevicePort.device_id) != device.id
                )
            ).scalars()
        )
        if len(found) == 1:
            return found.pop()
    if row.remote_name:
        found = set(
            session.execute(
                select(col(Device.id)).where(others, col(Device.sys_name) == row.remote_name)
            ).scalars()
        )
        if len(found) == 1:
            return found.pop()
    return None
