"""Network gear: what its poller read of it, made into a document that the index can judge.

Nothing is kept twice: addresses, peers and forwarding stand in the network's own tables.
"""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from controller.access.scope import Scope
from controller.analysis.ipv6 import Index, evaluate
from controller.ipv6.readiness import Subject
from controller.ipv6.subjects import DEVICE, read_traffic
from controller.network.devices import list_devices
from controller.network.model import DeviceView
from controller.network.tables import Device, DeviceAddress, DevicePeer

ROUTING = frozenset({"core", "aggregation", "router", "firewall"})
"""Roles that forward; another that does not is no worse for it."""
UP = frozenset({"established", "full", "twoWay"})
"""BGP; OSPF to the designated router, and to its other neighbours."""


def list_gear(session: Session, scope: Scope, index: Index, now: datetime) -> list[Subject]:
    """Every device in scope by name; one that never answered is judged by nothing."""
    devices = list_devices(session, scope, now)
    told = documents(session, devices)
    judged_by = index.of(DEVICE)
    return [
        Subject(
            kind=DEVICE,
            ref=device.id,
            code=device.code,
            name=device.name or device.code,
            unit_id=device.unit_id,
            at=device.last_answer,
            evaluation=evaluate(told[device.id], judged_by) if device.id in told else None,
        )
        for device in devices
    ]


def documents(session: Session, devices: Iterable[DeviceView]) -> dict[int, dict[str, Any]]:
    """What is known of each device that was read whole at least once."""
    listed = list(devices)
    ids = [device.id for device in listed]
    addresses: dict[int, list[str]] = defaultdict(list)
    for device_id, address in session.exec(
        select(col(DeviceAddress.device_id), col(DeviceAddress.address)).where(
            col(DeviceAddress.device_id).in_(ids)
        )
    ):
        addresses[device_id].append(address)
    peers: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for peer in session.exec(select(DevicePeer).where(col(DevicePeer.device_id).in_(ids))):
        peers[peer.device_id].append(
            {"protocol": peer.protocol, "address": peer.address, "up": peer.state in UP}
        )
    rows = {row.id: row for row in session.exec(select(Device).where(col(Device.id).in_(ids)))}
    traffic = read_traffic(session, DEVICE)
    found = {}
    for device in listed:
        row = rows[device.id]
        if row.facts_at is None:
            continue
        carried = traffic.get(device.id, {})
        found[device.id] = {
            "kinds": kinds_of(addresses[device.id]),
            "addresses": sorted(each for each in addresses[device.id] if ":" in each),
            "ipv6_forwarding": row.ipv6_forwarding,
            "forwards": row.role in ROUTING or row.ipv6_forwarding is True,
            "peers": peers[device.id],
            "versions_told": carried.get("versions"),
            "traffic": carried,
        }
    return found


def kinds_of(addresses: Iterable[str]) -> dict[str, int]:
    """How many IPv6 addresses there are of each kind."""
    counts = {"global": 0, "ula": 0, "link_local": 0, "other": 0}
    for text in addresses:
        try:
            address = ipaddress.ip_address(text.partition("%")[0])
        except ValueError:
            continue
        if isinstance(address, ipaddress.IPv4Address) or address.is_loopback:
            continue
        if address.is_link_local:
            counts["link_local"] += 1
        elif address in ipaddress.IPv6Network("fc00::/7"):
            counts["ula"] += 1
        elif address in ipaddress.IPv6Network("2000::/3"):
            counts["global"] += 1
        else:
            counts["other"] += 1
    return counts
