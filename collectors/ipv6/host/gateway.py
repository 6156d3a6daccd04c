"""The IPv6 default route, and whether its gateway answers neighbour discovery.

An echo request would need root or an open ping group. So one empty datagram is sent to the
gateway's discard port: to send it the kernel must resolve the neighbour, and what became of that
stands in its neighbour table, whatever the gateway thinks of the datagram.
"""

from __future__ import annotations

import socket
import struct
import time
from typing import Any, NamedTuple

from collectors.host.files import read_bytes
from collectors.host.netlink import ATTRIBUTE, NETLINK_ROUTE, dump, open_netlink

RTF_UP, RTF_REJECT = 0x1, 0x200
RTM_GETNEIGH = 30
NEIGHBOUR = struct.Struct("=BBHiHBB")
"""ndmsg: family, padding, interface index, state, flags, type."""
NDA_DST = 1
ALIVE, DEAD = 0x02 | 0x40 | 0x80, 0x20
"""NUD_REACHABLE, NUD_NOARP, NUD_PERMANENT; NUD_FAILED."""
DISCARD_PORT = 9
PATIENCE_S = 9.0
"""An entry that has grown stale is probed only 5 s after use, three times a second apart."""


class Route(NamedTuple):
    """A default route; ``gateway`` "" leads straight onto the link."""

    gateway: str
    interface: str
    metric: int


def read_default_route(proc: str = "/proc", patience_s: float = PATIENCE_S) -> dict[str, Any]:
    """The best default route and its gateway's reachability (None: no gateway, or not told)."""
    try:
        text = read_bytes(f"{proc}/self/net/ipv6_route").decode("ascii", "replace")
    except OSError:
        text = ""
    routes = sorted(parse_default_routes(text), key=lambda each: each.metric)
    if not routes:
        return {"present": False, "gateway": "", "interface": "", "reachable": None}
    best = routes[0]
    reachable = probe(best, patience_s) if best.gateway else None
    return {
        "present": True,
        "gateway": best.gateway,
        "interface": best.interface,
        "reachable": reachable,
    }


def parse_default_routes(text: str) -> list[Route]:
    """Default routes of /proc/net/ipv6_route that are up and refuse nothing."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) != 10 or words[1] != "00" or words[9] == "lo":
            continue
        flags = int(words[8], 16)
        if not flags & RTF_UP or flags & RTF_REJECT or words[0].strip("0"):
            continue
        via = bytes.fromhex(words[4])
        gateway = socket.inet_ntop(socket.AF_INET6, via) if any(via) else ""
        found.append(Route(gateway, words[9], int(words[5], 16)))
    return found


def probe(route: Route, patience_s: float) -> bool | None:
    """Whether the gateway answers on its link; None where the kernel could not be asked."""
    try:
        index = socket.if_nametoindex(route.interface)
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as knock:
            knock.sendto(b"", (route.gateway, DISCARD_PORT, 0, index))
    except OSError:
        return False
    until = time.monotonic() + patience_s
    while True:
        try:
            state = read_neighbours().get((index, route.gateway), DEAD)
        except OSError:
            return None
        if state & ALIVE:
            return True
        if state & DEAD or time.monotonic() > until:
            return False
        time.sleep(0.1)


def read_neighbours() -> dict[tuple[int, str], int]:
    """(interface index, address) to state of every IPv6 neighbour; raises OSError."""
    found = {}
    with open_netlink(NETLINK_ROUTE) as route:
        for message in dump(route, RTM_GETNEIGH, NEIGHBOUR.pack(socket.AF_INET6, 0, 0, 0, 0, 0, 0)):
            index, address, state = parse_neighbour(message)
            if address:
                found[index, address] = state
    return found


def parse_neighbour(message: bytes) -> tuple[int, str, int]:
    """Interface index, address and state of one ndmsg; "" for what is no IPv6 neighbour."""
    family, _, _, index, state, _, _ = NEIGHBOUR.unpack_from(message)
    at = NEIGHBOUR.size
    while family == socket.AF_INET6 and at + ATTRIBUTE.size <= len(message):
        size, kind = ATTRIBUTE.unpack_from(message, at)
        if size < ATTRIBUTE.size:
            break
        if kind == NDA_DST and size == ATTRIBUTE.size + 16:
            packed = message[at + ATTRIBUTE.size : at + size]
            return index, socket.inet_ntop(socket.AF_INET6, packed), state
        at += (size + 3) & ~3
    return index, "", state
