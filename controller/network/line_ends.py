"""Which port of which device a line ends at: the register's words matched with what was polled."""

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


def ends_of(session: Session, lines: Iterable[LineView]) -> dict[int, list[PortKey]]:
    """The polled ports at which each line ends, end A before B, by the line's id. A device is known
    by its code or name, a port by name, description or instance, in any spelling."""
    devices: dict[str, set[int]] = {}
    for code, name, device_id in session.execute(
        select(col(Resource.code), col(Resource.name), col(Device.id)).join(
            Device, col(Device.id) == col(Resource.id)
        )
    ):
        for each in (code, name):
            devices.setdefault(fold(each), set()).add(device_id)
    wanted: dict[int, list[tuple[int, str]]] = {}
    for line in lines:
        for end in (line.a, line.b):
            found = devices.get(fold(end.device), set()) if end.device else set()
            if len(found) == 1 and end.port:
                wanted.setdefault(line.id, []).append((next(iter(found)), fold(end.port)))
    ids = sorted({device for pairs in wanted.values() for device, _ in pairs})
    ports: dict[tuple[int, str], str] = {}
    for start in range(0, len(ids), 5_000):
        rows = session.execute(
            select(DevicePort).where(
                col(DevicePort.device_id).in_(ids[start : start + 5_000]),
                col(DevicePort.gone).is_(None),
            )
        ).scalars()
        for port in rows:
            for name in names_of(port):
                ports.setdefault((port.device_id, fold(name)), port.instance)
    return {
        line_id: keys
        for line_id, pairs in wanted.items()
        if (keys := [PortKey(pair[0], ports[pair]) for pair in pairs if pair in ports])
    }
