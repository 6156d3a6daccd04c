"""From what hosts saw to who calls whom: links between hosts, each counted once. Pure.

A connection inside the fleet is seen at both ends; it is one link, with the larger of the two
counts. An end that is no resource of the register is a peer: an address, grouped by network.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.moves.directory import NOBODY, Directory
from controller.moves.edge_set import DAYS, IN, LOCAL, EdgeSet


@dataclass(frozen=True)
class Links:
    """Columns of one length: client and server as places of the directory, or as places of
    ``peers`` counted down from -2; port of the server; looks and days in the window."""

    client: NDArray[np.int64]
    server: NDArray[np.int64]
    port: NDArray[np.int64]
    looks: NDArray[np.int64]
    days: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    process: NDArray[np.int64]
    """Place in ``names``; of the side that saw it."""
    peers: NDArray[Any]
    """Addresses (16 bytes) of ends that are no resource."""
    names: list[str]

    def __len__(self) -> int:
        return len(self.client)

    def taken(self, mask: NDArray[Any]) -> Links:
        """Only the links of ``mask`` (or in the order of these places)."""
        columns = ("client", "server", "port", "looks", "days", "first", "last", "process")
        found = {name: getattr(self, name)[mask] for name in columns}
        return Links(**found, peers=self.peers, names=self.names)


def peer_place(end: int) -> int:
    """The place in ``peers`` of an end that is no host."""
    return -2 - end


def gather_links(
    sets: Iterable[tuple[int, EdgeSet]], directory: Directory, first_day: int, last_day: int
) -> Links:
    """Links of the window [first_day, last_day] from the sets of resources (by id)."""
    names: dict[str, int] = {"": 0}
    parts: list[tuple[NDArray[Any], ...]] = []
    for resource_id, kept in sets:
        place = directory.place_of.get(resource_id)
        if place is None or not len(kept):
            continue
        part = _window(kept, first_day, last_day)
        if part is None:
            continue
        edges, looks, days = part
        own = np.array([names.setdefault(name, len(names)) for name in kept.names], np.int64)
        parts.append((np.full(len(edges), place, np.int64), edges, looks, days, own[edges["name"]]))
    if not parts:
        none = np.zeros(0, np.int64)
        return Links(
            none, none, none, none, none, none, none, none, np.zeros(0, "S16"), list(names)
        )
    owner, edges, looks, days, process = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    known = directory.resolve(directory.zone[owner], edges["peer"])
    unknown = known == NOBODY
    peers, which = np.unique(edges["peer"][unknown], return_inverse=True)
    other = known.copy()
    other[unknown] = -2 - which
    called = edges["direction"] == IN
    client, server = np.where(called, other, owner), np.where(called, owner, other)
    columns = (
        client, server, edges["port"].astype(np.int64), looks, days,
        edges["first"].astype(np.int64), edges["last"].astype(np.int64), process,
    )  # fmt: skip
    return _once(Links(*columns, peers, list(names)))


def _window(
    kept: EdgeSet, first_day: int, last_day: int
) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64]] | None:
    """Edges met in the window, with looks and days; loopback left out."""
    begin, end = max(first_day, kept.newest - DAYS + 1), min(last_day, kept.newest)
    columns = [day % DAYS for day in range(begin, end + 1)]
    if not columns:
        return None
    part = kept.looks[:, columns]
    days = np.count_nonzero(part, axis=1)
    mask = (days > 0) & (kept.edges["direction"] != LOCAL)
    if not mask.any():
        return None
    return kept.edges[mask], part[mask].sum(axis=1, dtype=np.int64), days[mask].astype(np.int64)


def _once(links: Links) -> Links:
    """Each (client, server, port) once."""
    # One number a link sorts five times as fast as three columns: 23 bits an end, 16 a port.
    least = -2 - len(links.peers)
    key = ((links.client - least) << 39) | ((links.server - least) << 16) | links.port
    order = np.argsort(key)
    key, links = key[order], links.taken(order)
    starts = np.flatnonzero(np.append(True, key[1:] != key[:-1]))

    def most(column: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.maximum.reduceat(column, starts)

    return Links(
        links.client[starts], links.server[starts], links.port[starts], most(links.looks),
        most(links.days), np.minimum.reduceat(links.first, starts), most(links.last),
        most(links.process), links.peers, links.names,
    )  # fmt: skip


def of_hosts(links: Links, places: NDArray[np.int64]) -> Links:
    """Links with at least one end among ``places``."""
    return links.taken(np.isin(links.client, places) | np.isin(links.server, places))
