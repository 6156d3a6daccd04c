"""Which polled port the register means: a device by code or name, a port by name, description or
instance, in any spelling."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlmodel import Session, col

from controller.inventory.naming import fold
from controller.inventory.tables import Resource
from controller.network.important import names_of
from controller.network.line_model import LineView
from controller.network.port_use import PortKey
from controller.network.tables import Device, DevicePort

Named = tuple[str, str]
"""(device, port) as a register has them."""

_CHUNK = 5_000


def ports_named(session: Session, pairs: Iterable[Named]) -> dict[Named, DevicePort]:
    """The polled port of each pair; one that names no port, or a device of two, is left out."""
    wanted = {pair for pair in pairs if pair[0] and pair[1]}
    if not wanted:
        return {}
    devices: dict[str, set[int]] = {}
    for code, name, device_id in session.execute(
        select(col(Resource.code), col(Resource.name), col(Device.id)).join(
            Device, col(Device.id) == col(Resource.id)
        )
    ):
        for each in (code, name):
            devices.setdefault(fold(each), set()).add(device_id)
    found = {pair: devices.get(fold(pair[0]), set()) for pair in wanted}
    ids = sorted({min(known) for known in found.values() if len(known) == 1})
    ports: dict[tuple[int, str], DevicePort] = {}
    for start in range(0, len(ids), _CHUNK):
        rows = session.execute(
            select(DevicePort).where(
                col(DevicePort.device_id).in_(ids[start : start + _CHUNK]),
                col(DevicePort.gone).is_(None),
            )
        ).scalars()
        for port in rows:
            for name in names_of(port):
                ports.setdefault((port.device_id, fold(name)), port)
    return {
        pair: ports[min(known), fold(pair[1])]
        for pair, known in found.items()
        if len(known) == 1 and (min(known), fold(pair[1])) in ports
    }


def ends_of(session: Session, lines: Iterable[LineView]) -> dict[int, list[PortKey]]:
    """The polled ports at which each line ends, end A before B, by the line's id."""
    pairs = {line.id: [(end.device, end.port) for end in (line.a, line.b)] for line in lines}
    known = ports_named(session, (pair for each in pairs.values() for pair in each))
    return {
        line_id: [
            PortKey(known[pair].device_id, known[pair].instance) for pair in each if pair in known
        ]
        for line_id, each in pairs.items()
        if any(pair in known for pair in each)
    }
