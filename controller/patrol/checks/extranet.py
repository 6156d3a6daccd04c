"""The extranet: devices that are silent, ports and routing neighbours that went down, access points
that are not reached, contracts of lines that end.

Ports and neighbours carry the codes and subjects of traps (controller.network.gear_subjects), so
what a trap told first and a look sees later is one finding.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlmodel import Session, col

from controller.inventory.dated import SHANGHAI
from controller.inventory.units import list_units
from controller.network import gear_subjects as gear
from controller.network.devices import list_devices
from controller.network.important import importance
from controller.network.lines import days_left, list_lines
from controller.network.model import DeviceView
from controller.network.points import list_points
from controller.network.reach_queries import reach_now
from controller.network.tables import DevicePeer, DevicePort
from controller.patrol.look import Found, Look, observe
from controller.patrol.plans import Check

WEIGHTS = {"minor": 1.0, "major": 2.0, "critical": 3.0}
PEERS_UP = frozenset({"established", "full", "twoway"})
STALE = timedelta(hours=1)
"""A neighbour that was not read for so long says nothing of now."""


def contracts(look: Look, check: Check) -> Found:
    """Days until the contract of a line ends; below 0 it has ended."""
    with look.runtime.database.read() as session:
        lines = list_lines(session, look.scope, look.now)
        unit_ids = _unit_ids(session, look)
    found = Found(applies=bool(lines))
    for line in lines:
        left = days_left(line, look.now)
        if left is None or line.contract_end is None:
            continue
        found.judged += 1
        severity = check.level(left)
        if severity:
            name = f"{line.operator} {line.number}".strip()
            found.seen.append(
                observe(
                    check, severity, ("line", name),
                    {"days_left": left, "contract_end": _day(line.contract_end),
                     "operator": line.operator, "number": line.number},
                    unit_id=unit_ids.get(line.unit_code), name=name,
                )
            )  # fmt: skip
    return found


def points(look: Look, check: Check) -> Found:
    """Minutes since a connected point was last reached; one that nobody measures is not judged."""
    reach = reach_now(look.runtime, look.now)
    with look.runtime.database.read() as session:
        listed = list_points(session, look.scope, look.now, reach, state="connected")
        unit_ids = _unit_ids(session, look)
    found = Found(applies=bool(listed))
    for point in listed:
        if point.reachable is None:
            found.unjudged.add(point.code)
            continue
        found.judged += 1
        lost = 0.0
        if not point.reachable:
            since = point.last_reached or look.now - timedelta(days=1)
            if not point.address:
                since = look.now - timedelta(minutes=check.mildest)  # its port is down: as polled
            lost = look.minutes_since(since)
        severity = check.level(lost)
        if severity:
            found.seen.append(
                observe(
                    check, severity, ("access_point", point.code),
                    {"lost_min": round(lost), "availability_pct": point.availability_pct or 0.0,
                     "address": point.address, "line": point.line, "resource": point.code},
                    unit_id=unit_ids.get(point.unit_code), name=point.name or point.code,
                )
            )  # fmt: skip
    return found


def devices(look: Look, check: Check) -> Found:
    """Minutes since a device that is to be polled stopped answering. Its ports hide behind it."""
    with look.runtime.database.read() as session:
        listed = [d for d in list_devices(session, look.scope, look.now) if d.enabled]
    found = Found(applies=bool(listed))
    for device in listed:
        if device.state == "new":
            continue  # never answered yet: being set up
        found.judged += 1
        silent = 0.0
        if device.state == "down":
            silent = look.minutes_since(device.state_since or look.now)
        severity = check.level(silent)
        if severity:
            found.seen.append(
                observe(
                    check, severity, gear.device_subject(device.code),
                    {"silent_min": round(silent), "error": device.error,
                     "address": device.address, "resource": device.code},
                    unit_id=device.unit_id, name=device.name, down=True,
                )
            )  # fmt: skip
    return found


def ports(look: Look, check: Check) -> Found:
    """Ports that are switched on, went down while they were watched, and matter."""
    with look.runtime.database.read() as session:
        listed = _polled(session, look)
        found = Found(applies=bool(listed), unjudged=_silent(listed))
        for port in session.execute(
            select(DevicePort).where(col(DevicePort.gone).is_(None), col(DevicePort.admin) == "up")
        ).scalars():
            device = listed.get(port.device_id)
            if device is None or device.code in found.unjudged:
                continue
            found.judged += 1
            if port.oper == "up" or not port.changes:
                continue
            weight = importance(session, device.code, port)
            severity = check.level(WEIGHTS.get(weight.severity, 0.0))
            if severity:
                name = port.instance.removeprefix("port:")
                down = look.minutes_since(port.oper_since or look.now)
                found.seen.append(
                    observe(
                        check, severity, gear.port_subject(device.code, name),
                        {"weight": WEIGHTS[weight.severity], "port": name, "why": weight.why_zh,
                         "down_min": round(down), "changes": len(port.changes),
                         "resource": device.code},
                        unit_id=device.unit_id, name=f"{device.name} {name}",
                        depends_on=[gear.device_subject(device.code)],
                        words={"why": (weight.why_zh, weight.why_en)},
                    )
                )  # fmt: skip
    return found


def peers(look: Look, check: Check) -> Found:
    """Minutes since a BGP or OSPF neighbour left the state in which it works."""
    with look.runtime.database.read() as session:
        listed = _polled(session, look)
        rows = list(session.execute(select(DevicePeer)).scalars())
    found = Found(applies=any(row.device_id in listed for row in rows), unjudged=_silent(listed))
    for row in rows:
        device = listed.get(row.device_id)
        if device is None or device.code in found.unjudged:
            continue
        if look.now - row.seen > STALE:
            found.unjudged.add(device.code)
            continue
        found.judged += 1
        down = 0.0
        if row.state.lower() not in PEERS_UP:
            down = look.minutes_since(row.state_since)
        severity = check.level(down)
        if severity:
            found.seen.append(
                observe(
                    check, severity, gear.peer_subject(device.code, row.protocol, row.address),
                    {"down_min": round(down), "state": row.state,
                     "protocol": row.protocol.upper(), "peer": row.address,
                     "resource": device.code},
                    unit_id=device.unit_id, name=f"{device.name} {row.address}",
                    depends_on=[gear.device_subject(device.code)],
                )
            )  # fmt: skip
    return found


def _polled(session: Session, look: Look) -> dict[int, DeviceView]:
    return {device.id: device for device in list_devices(session, look.scope, look.now)}


def _silent(listed: dict[int, DeviceView]) -> set[str]:
    """Devices of which nothing is known now: only their traps speak."""
    return {d.code for d in listed.values() if not d.enabled or d.state != "up"}


def _unit_ids(session: Session, look: Look) -> dict[str, int]:
    """Codes of units to their ids."""
    return {unit.code: unit.id for unit in list_units(session, look.scope, look.now)}


def _day(moment: datetime) -> str:
    return moment.astimezone(SHANGHAI).date().isoformat()
