"""Links drawn together: system to system or unit to unit, and every end given a name. Pure.

Who belongs to a unit sees its own links, and of the other side only what kind of thing it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from controller.access.scope import Scope
from controller.moves.directory import Directory
from controller.moves.edge_links import Links, peer_place
from controller.moves.edge_set import address_text

By = Literal["system", "unit"]
Net = IPv4Network | IPv6Network
MOST_NODES, MOST_LINKS = 150, 600
"""Drawn; the heaviest. The list holds all."""
MOST_PORTS = 6


@dataclass(frozen=True)
class Node:
    """An end of the drawing. ``kind``: system, unit, network (a department's own), internet,
    range (unknown addresses of one /24 or /64), other (another unit's, for a unit's eyes)."""

    key: str
    kind: str
    name: str
    unit: str
    """Name of the unit; "" where there is none or it is not told."""
    hosts: int


@dataclass(frozen=True)
class Arrow:
    """All links from one node to another."""

    source: int
    target: int
    ports: tuple[int, ...]
    links: int
    looks: int
    days: int
    last: int
    """Day number of the last look that met one."""


@dataclass(frozen=True)
class Graph:
    """Nodes and the arrows between their places; ``left_out`` arrows are too light to draw."""

    nodes: list[Node]
    arrows: list[Arrow]
    left_out: int
    hosts: int
    unknown: int
    """Addresses that are no resource of the register."""


class Ends:
    """Numbers for the ends of links, the same for all hosts of a node; named only when drawn."""

    def __init__(self, links: Links, directory: Directory, by: By, scope: Scope) -> None:
        self._directory = directory
        self._scope = scope
        self._by = by
        self._named: list[Node] = []
        self._numbers: dict[str, int] = {}
        self.of_host = np.array(
            [self._host(place) for place in range(len(directory.hosts))] or [-1]
        )
        self._ranges = np.zeros((0, 16), np.uint8)
        self._first_range = 0
        self.of_peer = self._peers(links.peers)

    def numbers(self, ends: NDArray[np.int64]) -> NDArray[np.int64]:
        """The node of each end."""
        known = ends >= 0
        out = np.empty(len(ends), np.int64)
        out[known] = self.of_host[ends[known]]
        out[~known] = self.of_peer[-2 - ends[~known]]
        return out

    def node(self, number: int) -> Node:
        """The node of a number."""
        if number < self._first_range:
            return self._named[number]
        packed = bytes(self._ranges[number - self._first_range])
        text = address_text(packed) or "::"
        net = str(ip_network(f"{text}/{24 if '.' in text else 64}", strict=False))
        return Node(f"range:{net}", "range", net, "", 0)

    def _number(self, key: str, kind: str, name: str, unit: str) -> int:
        found = self._numbers.get(key)
        if found is None:
            found = self._numbers[key] = len(self._named)
            self._named.append(Node(key, kind, name, unit, 0))
        return found

    def _host(self, place: int) -> int:
        host = self._directory.hosts[place]
        if not self._scope.allows(host.unit_id):
            return self._number(f"other:{host.kind}", "other", host.kind, "")
        if self._by == "unit" or not host.system_id:
            return self._number(f"unit:{host.unit_code}", "unit", host.unit_name, host.unit_name)
        return self._number(f"system:{host.system_id}", "system", host.system, host.unit_name)

    def _own(self, place: int) -> int:
        own = self._directory.networks[place]
        if not self._scope.allows(own.unit_id):
            return self._number("other:network", "other", "network", "")
        return self._number(f"network:{own.code}", "network", own.name, own.unit_name)

    def _peers(self, peers: NDArray[Any]) -> NDArray[np.int64]:
        """Nodes of unknown addresses: own networks, the internet, else ranges by /24 and /64."""
        raw = np.frombuffer(peers.astype("S16").tobytes(), np.uint8).reshape(-1, 16)
        found = np.full(len(raw), -1, np.int64)
        found[inside(raw, GLOBAL) & ~inside(raw, NOT_GLOBAL)] = INTERNET
        # Narrow ranges last: they stand before the wide ones.
        for net, place in sorted(self._directory.nets, key=lambda each: each[0].prefixlen):
            mask = inside(raw, (net,))
            if mask.any():
                found[mask] = self._own(place)
        if (found == INTERNET).any():
            found[found == INTERNET] = self._number("internet", "internet", "", "")
        self._first_range = len(self._named)
        left = np.flatnonzero(found == -1)
        if len(left):
            cut = raw[left].copy()
            mapped = inside(cut, (ALL_IPV4,))
            cut[mapped, 15] = 0
            cut[~mapped, 8:] = 0
            single, which = np.unique(cut.reshape(-1).view("S16"), return_inverse=True)
            self._ranges = np.frombuffer(single.astype("S16").tobytes(), np.uint8).reshape(-1, 16)
            found[left] = self._first_range + which.reshape(-1)
        return found if len(found) else np.full(1, -1, np.int64)


INTERNET = -3
ALL_IPV4 = ip_network("0.0.0.0/0")
GLOBAL: tuple[Net, ...] = (ALL_IPV4, ip_network("2000::/3"))
NOT_GLOBAL: tuple[Net, ...] = tuple(
    ip_network(each)
    for each in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
        "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15",
        "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3", "2001:db8::/32", "2001:2::/48",
    )
)  # fmt: skip
"""Addresses of the registries of special addresses (RFC 6890) that are met on inner networks."""


def inside(raw: NDArray[np.uint8], nets: Sequence[Net]) -> NDArray[np.bool_]:
    """Which rows of 16 bytes (IPv4 mapped) lie in one of the networks."""
    found = np.zeros(len(raw), bool)
    for net in nets:
        mapped = net.version == 4
        head = bytes(10) + b"\xff\xff" if mapped else b""
        want = np.frombuffer(head + net.network_address.packed, np.uint8)
        whole, rest = divmod(net.prefixlen + (96 if mapped else 0), 8)
        mask = (raw[:, :whole] == want[:whole]).all(axis=1)
        if rest:
            bits = 0xFF << (8 - rest) & 0xFF
            mask &= (raw[:, whole] & bits) == (want[whole] & bits)
        found |= mask
    return found


def seen_by(links: Links, directory: Directory, scope: Scope) -> Links:
    """The links that a scope may see: those with an end of its own."""
    if scope.unit_ids is None:
        return links
    mine = np.flatnonzero(np.isin(directory.unit, sorted(scope.unit_ids)))
    return links.taken(np.isin(links.client, mine) | np.isin(links.server, mine))


def draw(links: Links, directory: Directory, by: By, scope: Scope) -> Graph:
    """The drawing of links that ``seen_by`` left; arrows within one node are not drawn."""
    ends = Ends(links, directory, by, scope)
    source, target = ends.numbers(links.client), ends.numbers(links.server)
    outside = np.flatnonzero(source != target)
    arrows = _arrows(source[outside], target[outside], links.taken(outside))
    shown: list[Arrow] = []
    used: dict[int, int] = {}
    for place in np.lexsort((-arrows.looks, -arrows.days * arrows.links)).tolist():
        pair = (int(arrows.source[place]), int(arrows.target[place]))
        fresh = set(pair) - used.keys()
        if len(used) + len(fresh) > MOST_NODES:
            continue
        for number in sorted(fresh):
            used[number] = len(used)
        shown.append(arrows.arrow(place, used[pair[0]], used[pair[1]]))
        if len(shown) >= MOST_LINKS:
            break
    hosts = _hosts(ends, links)
    nodes = [replace(ends.node(number), hosts=hosts.get(number, 0)) for number in used]
    both = np.concatenate([links.client, links.server])
    return Graph(
        nodes, shown, len(arrows.source) - len(shown), len(np.unique(both[both >= 0])),
        len(np.unique(both[both < 0])),
    )  # fmt: skip


def _hosts(ends: Ends, links: Links) -> dict[int, int]:
    """How many hosts or addresses each node stands for in these links."""
    seen = np.unique(np.concatenate([links.client, links.server]))
    numbers, counts = np.unique(ends.numbers(seen), return_counts=True)
    return dict(zip(numbers.tolist(), counts.tolist(), strict=True))


@dataclass(frozen=True)
class _Arrows:
    """Columns of all arrows, and the links (sorted by arrow) that each is made of."""

    source: NDArray[np.int64]
    target: NDArray[np.int64]
    links: NDArray[np.int64]
    looks: NDArray[np.int64]
    days: NDArray[np.int64]
    last: NDArray[np.int64]
    starts: NDArray[np.int64]
    made_of: Links

    def arrow(self, place: int, source: int, target: int) -> Arrow:
        """One of them, with its ports, between places of the drawing."""
        begin = int(self.starts[place])
        end = begin + int(self.links[place])
        ports = _ports(self.made_of.port[begin:end], self.made_of.looks[begin:end])
        return Arrow(
            source, target, ports, end - begin, int(self.looks[place]), int(self.days[place]),
            int(self.last[place]),
        )  # fmt: skip


def _arrows(source: NDArray[np.int64], target: NDArray[np.int64], links: Links) -> _Arrows:
    if not len(source):
        none = np.zeros(0, np.int64)
        return _Arrows(none, none, none, none, none, none, none, links)
    key = source << 31 | target
    order = np.argsort(key)
    key, source, target, links = key[order], source[order], target[order], links.taken(order)
    starts = np.flatnonzero(np.append(True, key[1:] != key[:-1]))
    return _Arrows(
        source[starts], target[starts], np.diff(np.append(starts, len(key))),
        np.add.reduceat(links.looks, starts), np.maximum.reduceat(links.days, starts),
        np.maximum.reduceat(links.last, starts), starts, links,
    )  # fmt: skip


def _ports(ports: NDArray[np.int64], looks: NDArray[np.int64]) -> tuple[int, ...]:
    """The ports that were met most, the first MOST_PORTS."""
    if len(ports) == 1:
        return (int(ports[0]),)
    single, which = np.unique(ports, return_inverse=True)
    weight = np.bincount(which, weights=looks)
    return tuple(single[np.argsort(-weight, kind="stable")[:MOST_PORTS]].tolist())


def peer_text(links: Links, end: int) -> str:
    """The address of an end that is no host."""
    return address_text(bytes(links.peers[peer_place(end)]))
