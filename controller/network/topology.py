"""The network's picture: devices, what LLDP heard between them, how full the links are.

A neighbour that is no device of the register stands there all the same, as unknown. Lines of the
register that LLDP did not tell of are drawn too, so that there is a picture without LLDP. The
places are computed here, so a picture looks alike each time: rings around the core, a branch in a
sector.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlmodel import Session, col

from controller.access.scope import Scope
from controller.inventory.naming import fold
from controller.network.devices import list_devices
from controller.network.line_ends import ends_of
from controller.network.line_model import End, LineView
from controller.network.lines import list_lines
from controller.network.model import DeviceView
from controller.network.port_use import PortKey, PortNow
from controller.network.tables import DeviceNeighbour

RING = 100.0
"""Drawing units between two rings."""
OLD = timedelta(days=7)
"""A neighbour that was not heard for so long is gone."""
RANK = {"core": 0, "router": 1, "firewall": 1, "aggregation": 2, "access": 3}
MOST_NODES = 1_000


@dataclass(frozen=True)
class Node:
    """A device, or (``known`` False) what a device heard of, or (``state`` place) where a line ends
    that leads to no device of the register. ``x`` and ``y`` in drawing units."""

    id: str
    name: str
    role: str
    state: str
    site: str
    code: str
    known: bool
    x: float = 0.0
    y: float = 0.0


@dataclass(frozen=True)
class Link:
    """A link with its ends' ports; ``used_pct`` of the busier direction, None not measured.
    ``line``: operator and number of the line that it is known from, "" where LLDP told of it."""

    one: str
    other: str
    one_port: str
    other_port: str
    used_pct: float | None
    bit_s: float | None
    speed_bit_s: float | None
    line: str = ""


@dataclass(frozen=True)
class Topology:
    """Nodes and links; ``left_out`` nodes beyond the most that one picture holds."""

    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
    left_out: int = 0


@dataclass
class _Draft:
    nodes: dict[str, Node] = field(default_factory=dict)
    links: dict[tuple[tuple[str, str], tuple[str, str]], Link] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)
    """Nodes beside the register's devices for which there was no room."""

    def add(self, node: Node) -> bool:
        """Whether the node is in the picture; beyond MOST_NODES it is counted only."""
        if node.id in self.nodes:
            return True
        if len(self.nodes) >= MOST_NODES:
            self.left_out.add(node.id)
            return False
        self.nodes[node.id] = node
        return True


def topology(
    session: Session,
    scope: Scope,
    at: datetime,
    use: Mapping[PortKey, PortNow],
    *,
    site: str = "",
) -> Topology:
    """Devices of the scope (of one ``site``) and their neighbours; ``use`` by port."""
    devices = [each for each in list_devices(session, scope, at) if not site or each.site == site]
    left_out = max(0, len(devices) - MOST_NODES)
    devices = sorted(devices, key=lambda each: (RANK.get(each.role, 4), each.name))[:MOST_NODES]
    ids = {each.id: each for each in devices}
    rows = session.execute(
        select(DeviceNeighbour)
        .where(col(DeviceNeighbour.last_seen) > at - OLD)
        .order_by(col(DeviceNeighbour.id))
    ).scalars()
    draft = assemble(devices, [row for row in rows if row.device_id in ids], use)
    lines = [each for each in list_lines(session, scope, at) if each.state != "ended"]
    add_lines(draft, devices, lines, ends_of(session, lines), use)
    placed = place(list(draft.nodes.values()), list(draft.links.values()))
    left_out += len(draft.left_out)
    return Topology(tuple(placed), tuple(draft.links.values()), left_out)


def assemble(
    devices: Sequence[DeviceView],
    neighbours: Iterable[DeviceNeighbour],
    use: Mapping[PortKey, PortNow],
) -> _Draft:
    """Nodes and links; a link that both ends told of is one."""
    draft = _Draft()
    by_id = {each.id: each for each in devices}
    for each in devices:
        draft.nodes[each.code] = Node(
            each.code, each.name or each.code, each.role,
            each.state if each.enabled else "paused", each.site, each.code, True,
        )  # fmt: skip
    for row in neighbours:
        here = by_id[row.device_id]
        there = by_id.get(row.remote_device_id or 0)
        if there is None:
            other = f"?{row.remote_chassis or row.remote_name}"
            name = row.remote_name or row.remote_chassis or "?"
            if not draft.add(Node(other, name, "other", "unknown", "", "", False)):
                continue
        else:
            other = there.code
        if other == here.code:
            continue  # a loop, or a device that hears itself
        local = row.instance.removeprefix("port:") or row.local_port
        remote = row.remote_port_descr or row.remote_port
        seen = use.get(PortKey(row.device_id, row.instance))
        _join(draft, here.code, local, other, remote, row.remote_port, seen)
    return draft


def _join(
    draft: _Draft, one: str, one_port: str, other: str, other_port: str, also: str,
    seen: PortNow | None,
) -> None:  # fmt: skip
    """Adds a link, or what this end knows to the link that the other end told of."""
    for name in (other_port, also):
        back = ((other, name), (one, one_port))
        key = next((k for k in draft.links if k == back), None)
        if key is not None:
            known = draft.links[key]
            if seen is not None and (seen.used_pct or -1) > (known.used_pct or -1):
                draft.links[key] = Link(
                    known.one, known.other, known.one_port, known.other_port, seen.used_pct,
                    _busier(seen), seen.speed_bit_s,
                )  # fmt: skip
            return
    draft.links[(one, one_port), (other, other_port)] = Link(
        one, other, one_port, other_port,
        None if seen is None else seen.used_pct,
        None if seen is None else _busier(seen),
        None if seen is None else seen.speed_bit_s,
    )  # fmt: skip


def add_lines(
    draft: _Draft,
    devices: Sequence[DeviceView],
    lines: Sequence[LineView],
    ports: Mapping[int, Sequence[PortKey]],
    use: Mapping[PortKey, PortNow],
) -> None:
    """Adds the lines with an end at one of ``devices`` that no link stands for yet, as long as
    there is room for their other ends. ``ports``: the polled ports at which each line ends.
    Pure."""
    named: dict[str, set[str]] = {}
    for each in devices:
        for word in (each.code, each.name):
            if word:
                named.setdefault(fold(word), set()).add(each.code)
    codes = {each.id: each.code for each in devices}
    # There is one cable in a port: a link that LLDP told of there is the line.
    cabled = {
        (node, fold(port))
        for link in draft.links.values()
        for node, port in ((link.one, link.one_port), (link.other, link.other_port))
        if port
    }
    joined = {frozenset((link.one, link.other)) for link in draft.links.values()}
    for line in lines:
        ends = [_end(line, end, named) for end in (line.a, line.b)]
        (one, known), (other, also) = ends
        if one == other or not (known or also) or not (one and other):
            continue
        a_port, b_port = _port_word(line.a.port), _port_word(line.b.port)
        keys = [key for key in ports.get(line.id, ()) if key.device_id in codes]
        ends_at = {(one, fold(a_port)), (other, fold(b_port))} | {
            (codes[key.device_id], fold(_port_word(key.instance))) for key in keys
        }
        if ends_at & cabled or (not a_port and not b_port and frozenset((one, other)) in joined):
            continue
        if not all(
            [draft.add(_place_of(line, line.a, one)), draft.add(_place_of(line, line.b, other))]
        ):
            continue
        measured = [use[key] for key in keys if key in use]
        seen = max(measured, key=lambda each: each.used_pct or -1.0, default=None)
        rate = None if seen is None else _busier(seen)
        width = line.bandwidth_bit_s or (None if seen is None else seen.speed_bit_s)
        number = f"{line.operator} {line.number}".strip()
        draft.links[(one, f"{number} {line.id}"), (other, "")] = Link(
            one, other, a_port, b_port,
            100.0 * rate / width if rate is not None and width else None, rate, width, number,
        )  # fmt: skip


def _end(line: LineView, end: End, named: Mapping[str, set[str]]) -> tuple[str, bool]:
    """The node of an end, and whether it is a device of the picture; "" where nothing is told."""
    found = named.get(fold(end.device), set()) if end.device else set()
    if len(found) == 1:
        return next(iter(found)), True
    where = end.device or end.text or end.site
    if not where and line.unit_code:
        where = line.unit_name or line.unit_code
    return (f"@{fold(where)}" if where else ""), False


def _place_of(line: LineView, end: End, node: str) -> Node:
    name = end.device or end.text or end.site or line.unit_name or line.number
    return Node(node, name, "other", "place", end.site, "", False)


def _port_word(port: str) -> str:
    return port.removeprefix("port:")


def _busier(seen: PortNow) -> float | None:
    known = [each for each in (seen.in_bit_s, seen.out_bit_s) if each is not None]
    return max(known, default=None)


def place(nodes: Sequence[Node], links: Sequence[Link]) -> list[Node]:
    """The nodes with places: a spanning tree from the highest-ranking node of each part, each level
    a ring, each branch a sector as wide as its leaves. Pure."""
    near: dict[str, list[str]] = {node.id: [] for node in nodes}
    for link in links:
        if link.one in near and link.other in near:
            near[link.one].append(link.other)
            near[link.other].append(link.one)
    ranked = sorted(nodes, key=lambda n: (not n.known, RANK.get(n.role, 4), -len(near[n.id]), n.id))
    children: dict[str, list[str]] = {node.id: [] for node in nodes}
    order: list[str] = []
    roots: list[str] = []
    seen: set[str] = set()
    for node in ranked:
        if node.id in seen:
            continue
        roots.append(node.id)
        seen.add(node.id)
        waiting = deque([node.id])
        while waiting:
            here = waiting.popleft()
            order.append(here)
            for other in sorted(set(near[here]) - seen):
                seen.add(other)
                children[here].append(other)
                waiting.append(other)
    leaves = {node.id: 1 for node in nodes}
    for here in reversed(order):
        if children[here]:
            leaves[here] = sum(leaves[child] for child in children[here])
    return _on_rings(nodes, roots, children, leaves)


def _on_rings(
    nodes: Sequence[Node],
    roots: Sequence[str],
    children: Mapping[str, Sequence[str]],
    leaves: Mapping[str, int],
) -> list[Node]:
    """One part: its root in the middle. Several parts: their roots share the first ring."""
    places: dict[str, tuple[float, float]] = {}
    whole = sum(leaves[root] for root in roots) or 1
    alone = len(roots) == 1
    waiting: deque[tuple[str, int, float, float]] = deque()
    start = 0.0
    for root in roots:
        width = 2 * math.pi * leaves[root] / whole
        waiting.append((root, 0 if alone else 1, start, width))
        start += width
    crowded = max(1.0, whole / 60)
    while waiting:
        here, ring, start, width = waiting.popleft()
        # Rings lie further apart the more leaves there are, so that the outermost has room.
        radius, angle = RING * ring * crowded, start + width / 2
        places[here] = (radius * math.cos(angle), radius * math.sin(angle))
        at = start
        for child in children[here]:
            part = width * leaves[child] / leaves[here]
            waiting.append((child, ring + 1, at, part))
            at += part
    return [
        Node(
            node.id, node.name, node.role, node.state, node.site, node.code, node.known,
            round(places[node.id][0], 1), round(places[node.id][1], 1),
        )
        for node in nodes
    ]  # fmt: skip
