"""Links drawn together: system to system or unit to unit, and every end given a name. Pure.

Who belongs to a unit sees its own links, and of the other side only what kind of thing it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from controller.access.scope import Scope
from controller.moves.directory import Directory
from controller.moves.edge_links import Links, peer_place
from controller.moves.edge_set import address_text

By = Literal["system", "unit"]
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
    """Names for the ends of links: a number for each node, the same for all its hosts."""

    def __init__(self, links: Links, directory: Directory, by: By, scope: Scope) -> None:
        self._directory = directory
        self._scope = scope
        self._by = by
        self.nodes: list[Node] = []
        self._numbers: dict[str, int] = {}
        self.of_host = np.array(
            [self._host(place) for place in range(len(directory.hosts))] or [-1]
        )
        self.of_peer = self._peers(links.peers)

    def numbers(self, ends: NDArray[np.int64]) -> NDArray[np.int64]:
        """The node of each end."""
        known = ends >= 0
        out = np.empty(len(ends), np.int64)
        out[known] = self.of_host[ends[known]]
        out[~known] = self.of_peer[-2 - ends[~known]]
        return out

    def _number(self, key: str, kind: str, name: str, unit: str) -> int:
        found = self._numbers.get(key)
        if found is None:
            found = self._numbers[key] = len(self.nodes)
            self.nodes.append(Node(key, kind, name, unit, 0))
        return found

    def _host(self, place: int) -> int:
        host = self._directory.hosts[place]
        if not self._scope.allows(host.unit_id):
            return self._number(f"other:{host.kind}", "other", host.kind, "")
        if self._by == "unit" or not host.system_id:
            return self._number(f"unit:{host.unit_code}", "unit", host.unit_name, host.unit_name)
        return self._number(f"system:{host.system_id}", "system", host.system, host.unit_name)

    def _peers(self, peers: NDArray[Any]) -> NDArray[np.int64]:
        """Nodes of unknown addresses; judged once a range, not once an address."""
        if not len(peers):
            return np.full(1, -1, np.int64)
        raw = np.frombuffer(peers.astype("S16").tobytes(), np.uint8).reshape(-1, 16).copy()
        mapped = (raw[:, :10] == 0).all(axis=1) & (raw[:, 10:12] == 255).all(axis=1)
        raw[mapped, 15] = 0
        raw[~mapped, 8:] = 0
        ranges, which = np.unique(raw, axis=0, return_inverse=True)
        nodes = [self._range(bytes(each), each_mapped) for each, each_mapped in zip(
            ranges.tolist(), (ranges[:, 10:12] == 255).all(axis=1).tolist(), strict=True
        )]  # fmt: skip
        return np.array(nodes, np.int64)[which.reshape(-1)]

    def _range(self, packed: bytes, mapped: bool) -> int:
        text = address_text(packed)
        net = str(ip_network(f"{text or '::'}/{24 if mapped else 64}", strict=False))
        own = self._directory.network_of(net)
        if own is not None:
            if not self._scope.allows(own.unit_id):
                return self._number("other:network", "other", "network", "")
            return self._number(f"network:{own.code}", "network", own.name, own.unit_name)
        if text and ip_address(text).is_global:
            return self._number("internet", "internet", "", "")
        return self._number(f"range:{net}", "range", net, "")


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
    hosts = _hosts(ends, links)
    outside = source != target
    arrows = _arrows(source[outside], target[outside], links.taken(outside))
    arrows.sort(key=lambda arrow: (-arrow.days * arrow.links, -arrow.looks))
    shown: list[Arrow] = []
    used: dict[int, int] = {}
    for arrow in arrows:
        fresh = {arrow.source, arrow.target} - used.keys()
        if len(shown) >= MOST_LINKS or len(used) + len(fresh) > MOST_NODES:
            continue
        for number in sorted(fresh):
            used[number] = len(used)
        shown.append(arrow)
    nodes = [
        Node(n.key, n.kind, n.name, n.unit, hosts.get(number, 0))
        for number in used for n in (ends.nodes[number],)
    ]  # fmt: skip
    placed = [
        Arrow(used[a.source], used[a.target], a.ports, a.links, a.looks, a.days, a.last)
        for a in shown
    ]
    ends_seen = np.concatenate([links.client, links.server])
    return Graph(
        nodes, placed, len(arrows) - len(shown), len(np.unique(ends_seen[ends_seen >= 0])),
        len(np.unique(ends_seen[ends_seen < 0])),
    )  # fmt: skip


def _hosts(ends: Ends, links: Links) -> dict[int, int]:
    """How many hosts or addresses each node stands for in these links."""
    seen = np.unique(np.concatenate([links.client, links.server]))
    numbers, counts = np.unique(ends.numbers(seen), return_counts=True)
    return dict(zip(numbers.tolist(), counts.tolist(), strict=True))


def _arrows(source: NDArray[np.int64], target: NDArray[np.int64], links: Links) -> list[Arrow]:
    if not len(source):
        return []
    order = np.lexsort((links.port, target, source))
    source, target, links = source[order], target[order], links.taken(order)
    new = np.ones(len(source), bool)
    new[1:] = (source[1:] != source[:-1]) | (target[1:] != target[:-1])
    starts = np.flatnonzero(new)
    ends = np.append(starts[1:], len(source))
    looks, days = np.add.reduceat(links.looks, starts), np.maximum.reduceat(links.days, starts)
    last = np.maximum.reduceat(links.last, starts)
    found = []
    for place, (begin, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        found.append(
            Arrow(
                int(source[begin]), int(target[begin]),
                _ports(links.port[begin:end], links.looks[begin:end]), end - begin,
                int(looks[place]), int(days[place]), int(last[place]),
            )
        )  # fmt: skip
    return found


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
