"""A whole poll as the document that goes to the controller: bounded, without counters."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from .device import DevicePoll
from .samples import instances

MOST_PORTS = 4_000
MOST = {"inventory": 500, "neighbours": 1_000, "ip_addresses": 2_000, "peers": 1_000,
        "sensors": 200}  # fmt: skip
PORT_FIELDS = (
    "if_index", "if_name", "if_descr", "if_alias", "if_type", "mtu", "speed_bit_s",
    "admin_status", "oper_status", "phys_address",
)  # fmt: skip


def facts_of(poll: DevicePoll) -> dict[str, Any]:
    """The poll without what samples carry; each port with the instance of its samples."""
    told = poll.as_json()
    keys = instances(poll.ports)
    body = {name: told[name][:most] for name, most in MOST.items()}
    body["ports"] = [
        {"instance": keys[port["if_index"]]} | {name: port[name] for name in PORT_FIELDS}
        for port in told["ports"][:MOST_PORTS]
    ]
    for name in ("system", "partial", "routes", "ipv6_forwarding"):
        body[name] = told[name]
    return body


def port_states(poll: DevicePoll) -> dict[str, tuple[str, str]]:
    """Instance to (operational, administrative) state."""
    keys = instances(poll.ports)
    return {
        keys[port.if_index]: (port.oper_status, port.admin_status)
        for port in poll.ports[:MOST_PORTS]
    }


def sensor_mark(poll: DevicePoll) -> int:
    """Changes when a sensor breaks, comes to a stop or works again; readings alone are no news.
    Of use within one process only."""
    return hash(tuple((s.name, s.status, s.value == 0) for s in poll.sensors[: MOST["sensors"]]))


def sensors_of(poll: DevicePoll) -> list[dict[str, Any]]:
    """The sensors as a document tells them."""
    return [asdict(each) for each in poll.sensors[: MOST["sensors"]]]
