"""What pollers tell of devices besides samples: facts at every whole poll, states as they change.

``device_facts``: ``{"device": code, "poll": {…}}``, the object of ``yunxun-agent poll --format
json`` within bounds, each port with the ``instance`` of its samples.
``device_state``: ``{"device": code, "up": bool, "error": text, "ports": [[key, oper, admin]]}``;
the key is the instance; with ``"sensors": [{…}]`` where one of them changed.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select
from sqlmodel import Session, col

from collectors.records import Document
from controller.ingest.documents import DocumentKind
from controller.ingest.tables import Agent
from controller.inventory.tables import Resource
from controller.network.neighbours import keep_neighbours
from controller.network.tables import (
    Device,
    DeviceAddress,
    DevicePart,
    DevicePeer,
    DevicePoller,
    DevicePort,
)
from controller.network.told import number, word

MOST_FACTS_BYTES = 4 << 20
MOST_STATE_BYTES = 1 << 20
MOST_ROWS = 5_000
"""Of one table of one device."""
MOST_CHANGES = 20


def take_facts(session: Session, agent: Agent, document: Document, now: datetime) -> None:
    """A whole poll of a device. Raises ValueError."""
    at = _at(document, now)
    device = _device(session, agent, document.body, at)
    if device is None or (device.facts_at is not None and at < device.facts_at):
        return  # from the backlog: what came later stands
    poll = document.body.get("poll")
    if not isinstance(poll, dict):
        raise ValueError("no poll in it")
    parts = _rows(poll, "inventory")
    _keep_system(device, poll, parts, at)
    session.add(device)
    ports = _rows(poll, "ports")
    instances = {
        int(port["if_index"]): word(port, "instance", 200)
        for port in ports
        if isinstance(port.get("if_index"), int)
    }
    partial = set(device.partial)
    _keep_ports(session, device.id, ports, at, whole="ports" not in partial)
    _keep_parts(session, device.id, parts)
    _keep_addresses(session, device.id, _rows(poll, "ip_addresses"), instances, at)
    _keep_peers(session, device.id, _rows(poll, "peers"), at)
    keep_neighbours(session, device, _rows(poll, "neighbours"), instances, at)


def take_state(session: Session, agent: Agent, document: Document, now: datetime) -> None:
    """A device or its ports went up or down. Raises ValueError."""
    up = document.body.get("up")
    if not isinstance(up, bool):
        raise ValueError("up is not a boolean")
    at = _at(document, now)
    device = _device(session, agent, document.body, at)
    if device is None:
        return
    if device.state_since is None or at >= device.state_since:
        _set_state(device, "up" if up else "down", at)
        device.error = "" if up else word(document.body, "error", 300)
    if up and (device.last_answer is None or at > device.last_answer):
        device.last_answer = at
    session.add(device)
    told = document.body.get("ports")
    if isinstance(told, list) and told:
        _port_states(session, device.id, told[:MOST_ROWS], at)
    if "sensors" in document.body:
        _keep_sensors(device, _rows(document.body, "sensors"), at)


DEVICE_FACTS = DocumentKind("device_facts", take_facts, MOST_FACTS_BYTES)
DEVICE_STATE = DocumentKind("device_state", take_state, MOST_STATE_BYTES)


def _device(session: Session, agent: Agent, body: dict[str, Any], at: datetime) -> Device | None:
    """The device, if the agent polls it; None for what a former poller told while it did.
    Raises ValueError for anybody else's."""
    device: Device | None = session.execute(
        select(Device)
        .join(Resource, col(Resource.id) == col(Device.id))
        .where(col(Resource.code) == str(body.get("device", ""))[:128])
    ).scalar()
    if device is None:
        raise ValueError("a device that this agent never polled")
    if device.poller_id == agent.id:
        return device
    before = session.execute(
        select(func.max(col(DevicePoller.until))).where(
            col(DevicePoller.device_id) == device.id, col(DevicePoller.agent_id) == agent.id
        )
    ).scalar_one()
    if before is None:
        raise ValueError("a device that this agent never polled")
    if at >= before:
        raise ValueError("a device that another agent polls now")
    return None  # told before it moved: whoever polls it now tells all of it anew


def _keep_system(
    device: Device, poll: dict[str, Any], parts: list[dict[str, Any]], at: datetime
) -> None:
    told = poll.get("system")
    system = told if isinstance(told, dict) else {}
    device.facts_at = at
    if device.last_answer is None or at > device.last_answer:
        device.last_answer = at
        _set_state(device, "up", at)
        device.error = ""
    for name, source, most in (
        ("vendor", "vendor", 64), ("profile", "profile", 40), ("sys_name", "name", 200),
        ("sys_descr", "descr", 500), ("sys_object_id", "sys_object_id", 128),
        ("location", "location", 200),
    ):  # fmt: skip
        setattr(device, name, word(system, source, most))
    uptime = system.get("uptime_s")
    if isinstance(uptime, int | float) and 0 <= uptime < 4e9:
        device.booted = at - timedelta(seconds=float(uptime))
    chassis = [each for each in parts if each.get("kind") == "chassis"] or parts
    for name in ("model", "serial", "software"):
        values = [word(each, name, 100) for each in (*chassis, *parts)]
        setattr(device, name, next(filter(None, values), ""))
    forwarding, routes = poll.get("ipv6_forwarding"), poll.get("routes")
    device.ipv6_forwarding = forwarding if isinstance(forwarding, bool) else None
    device.routes = routes if isinstance(routes, int) and 0 <= routes < 1 << 31 else None
    partial = poll.get("partial")
    device.partial = [str(each)[:40] for each in partial[:50]] if isinstance(partial, list) else []
    sensors = _rows(poll, "sensors")
    if sensors or "entPhySensorTable" not in device.partial:
        _keep_sensors(device, sensors, at)


def _keep_sensors(device: Device, told: list[dict[str, Any]], at: datetime) -> None:
    if device.sensors_at is not None and at < device.sensors_at:
        return
    device.sensors_at = at
    device.sensors = [
        {
            "name": word(each, "name", 100),
            "unit": word(each, "unit", 20),
            "value": each.get("value") if isinstance(each.get("value"), int | float) else None,
            "status": word(each, "status", 20),
        }
        for each in told[:200]
    ]


def _set_state(device: Device, state: str, at: datetime) -> None:
    if device.state != state:
        device.state, device.state_since = state, at


def _keep_ports(
    session: Session, device_id: int, told: list[dict[str, Any]], at: datetime, *, whole: bool
) -> None:
    known = {row.instance: row for row in _of(session, DevicePort, device_id)}
    seen = set()
    for port in told:
        instance = word(port, "instance", 200)
        if not instance or instance in seen:
            continue
        seen.add(instance)
        row = known.get(instance) or DevicePort(
            device_id=device_id, instance=instance, if_index=0, seen=at
        )
        row.if_index = int(port.get("if_index") or 0)
        row.name = word(port, "if_name", 200) or word(port, "if_descr", 200)
        row.descr, row.alias = word(port, "if_descr", 200), word(port, "if_alias", 300)
        row.kind, row.phys_address = word(port, "if_type", 40), word(port, "phys_address", 40)
        row.speed_bit_s = number(port.get("speed_bit_s"))
        mtu = number(port.get("mtu"))
        row.mtu = None if mtu is None else int(mtu)
        _set_oper(row, word(port, "oper_status", 16), word(port, "admin_status", 16), at)
        row.seen, row.gone = at, None
        session.add(row)
    if whole and seen:
        for instance, row in known.items():
            if instance not in seen and row.gone is None:
                row.gone = at
                session.add(row)
    session.flush()


def _port_states(session: Session, device_id: int, told: list[Any], at: datetime) -> None:
    known = {row.instance: row for row in _of(session, DevicePort, device_id)}
    for each in told:
        if not isinstance(each, list) or len(each) != 3:
            raise ValueError("a port is not [instance, oper, admin]")
        row = known.get(str(each[0]))
        if row is not None and (row.oper_since is None or at >= row.oper_since):
            _set_oper(row, str(each[1])[:16], str(each[2])[:16], at)
            session.add(row)


def _set_oper(row: DevicePort, oper: str, admin: str, at: datetime) -> None:
    if oper != row.oper:
        if row.oper:
            row.changes = [*row.changes, at.isoformat(timespec="seconds")][-MOST_CHANGES:]
        row.oper, row.oper_since = oper, at
    row.admin = admin


def _keep_parts(session: Session, device_id: int, told: list[dict[str, Any]]) -> None:
    if not told:
        return  # not read, or none: what was known stands
    session.execute(delete(DevicePart).where(col(DevicePart.device_id) == device_id))
    seen = set()
    for part in told:
        index = part.get("index")
        if not isinstance(index, int) or index in seen:
            continue
        seen.add(index)
        inside = part.get("contained_in")
        session.add(
            DevicePart(
                device_id=device_id,
                part_index=index,
                contained_in=inside if isinstance(inside, int) else None,
                **{  # type: ignore[arg-type]
                    name: word(part, name, most)
                    for name, most in (
                        ("kind", 40), ("name", 200), ("descr", 300), ("model", 100),
                        ("serial", 100), ("hardware", 100), ("firmware", 100), ("software", 200),
                    )
                },
            )
        )  # fmt: skip


def _keep_addresses(
    session: Session,
    device_id: int,
    told: list[dict[str, Any]],
    instances: dict[int, str],
    at: datetime,
) -> None:
    if not told:
        return
    session.execute(delete(DeviceAddress).where(col(DeviceAddress.device_id) == device_id))
    seen = set()
    for each in told:
        index, address = each.get("if_index"), word(each, "address", 64)
        if not isinstance(index, int) or not address or (index, address) in seen:
            continue
        seen.add((index, address))
        length = each.get("prefix_length")
        session.add(
            DeviceAddress(
                device_id=device_id,
                if_index=index,
                instance=instances.get(index, ""),
                address=address,
                prefix_length=length if isinstance(length, int) else 0,
                seen=at,
            )
        )


def _keep_peers(session: Session, device_id: int, told: list[dict[str, Any]], at: datetime) -> None:
    known = {(row.protocol, row.address): row for row in _of(session, DevicePeer, device_id)}
    seen = set()
    for each in told:
        key = (word(each, "protocol", 8), word(each, "address", 64))
        # One address at several ports, or in several VRFs, is one peer here.
        if not key[1] or key in seen:
            continue
        seen.add(key)
        row = known.pop(key, None) or DevicePeer(
            device_id=device_id, protocol=key[0], address=key[1], state_since=at, seen=at
        )
        state = word(each, "state", 20)
        if state != row.state:
            row.state, row.state_since = state, at
        remote_as = each.get("remote_as")
        row.remote_as = remote_as if isinstance(remote_as, int) and remote_as < 1 << 31 else None
        row.router_id, row.seen = word(each, "router_id", 64), at
        session.add(row)
        session.flush()
    for row in known.values():
        session.delete(row)


def _of(session: Session, table: Any, device_id: int) -> list[Any]:
    return list(session.execute(select(table).where(table.device_id == device_id)).scalars())


def _rows(poll: dict[str, Any], name: str) -> list[dict[str, Any]]:
    told = poll.get(name)
    rows = told[:MOST_ROWS] if isinstance(told, list) else []
    return [each for each in rows if isinstance(each, dict)]


def _at(document: Document, now: datetime) -> datetime:
    """When the poller saw it; never later than now."""
    seen = datetime.fromtimestamp(document.time_ms / 1000, now.tzinfo)
    return min(seen, now)
