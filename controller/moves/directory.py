"""Whose an address is: resources with unit, system and zone, found by (zone, address).

The same private address may stand in several networks. It is looked for in the zone of the host
that saw it; anywhere else it counts only if exactly one resource bears it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_network
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlmodel import Session, col

from controller.inventory.dated import in_force
from controller.inventory.resources import unit_names
from controller.inventory.tables import BusinessSystem, Holding, Resource, Unit, Zone
from controller.inventory.unclaimed import unclaimed_id
from controller.moves.edge_set import pack_address
from controller.moves.tables import MoveNetwork

NOBODY = -1


@dataclass(frozen=True)
class Host:
    """A resource as the map knows it. ``place`` is its row in the directory's arrays."""

    place: int
    id: int
    code: str
    name: str
    kind: str
    unit_id: int
    unit_code: str
    unit_name: str
    system_id: int
    """0: none."""
    system: str
    zone_id: int
    zone: str
    addresses: tuple[str, ...]
    claimed: bool = True


@dataclass(frozen=True)
class OwnNetwork:
    """A department's own network as the map needs it: to say whose an unknown address is."""

    code: str
    name: str
    unit_id: int
    unit_name: str
    prefixes: tuple[str, ...]


class Directory:
    """All hosts at a moment, and their addresses sorted for searching."""

    def __init__(self, hosts: list[Host], networks: list[OwnNetwork]) -> None:
        self.hosts = hosts
        self.networks = networks
        self.place_of = {host.id: host.place for host in hosts}
        self.unit = np.array([host.unit_id for host in hosts], np.int64)
        self.system = np.array([host.system_id for host in hosts], np.int64)
        self.zone = np.array([host.zone_id for host in hosts], np.int64)
        self._by_zone: dict[int, tuple[NDArray[Any], NDArray[np.int64]]] = {}
        everywhere: dict[bytes, set[int]] = {}
        zoned: dict[int, dict[bytes, int]] = {}
        for host in hosts:
            for text in host.addresses:
                packed = pack_address(text)
                if packed is None:
                    continue
                everywhere.setdefault(packed, set()).add(host.place)
                mine = zoned.setdefault(host.zone_id, {})
                # Twice in one zone: nobody can say whose it is.
                mine[packed] = host.place if mine.get(packed, host.place) == host.place else NOBODY
        self._by_zone = {zone: _sorted(found) for zone, found in zoned.items()}
        self._single = _sorted(
            {packed: places.pop() for packed, places in everywhere.items() if len(places) == 1}
        )
        self.nets = [
            (ip_network(prefix, strict=False), place)
            for place, network in enumerate(networks)
            for prefix in network.prefixes
        ]

    def resolve(self, zones: NDArray[np.int64], peers: NDArray[Any]) -> NDArray[np.int64]:
        """The host's place of each peer as seen from a zone; NOBODY where it is not known."""
        found = _search(self._single, peers)
        for zone in np.unique(zones).tolist():
            here = self._by_zone.get(zone)
            if here is None:
                continue
            mask = zones == zone
            mine, hit = _search_known(here, peers[mask])
            found[mask] = np.where(hit, mine, found[mask])
        return found

    def network_of(self, text: str) -> OwnNetwork | None:
        """The own network whose range holds a network or address; the narrowest of several."""
        wanted = ip_network(text, strict=False)
        best = None
        for net, place in self.nets:
            if (
                net.version == wanted.version
                and wanted.subnet_of(net)  # type: ignore[arg-type]
                and (best is None or net.prefixlen > best[0])
            ):
                best = (net.prefixlen, place)
        return None if best is None else self.networks[best[1]]


def _sorted(found: dict[bytes, int]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    keys = sorted(found)
    return np.array(keys or [b""], "S16"), np.array([found[k] for k in keys] or [NOBODY], np.int64)


def _search_known(
    known: tuple[NDArray[Any], NDArray[np.int64]], wanted: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    keys, places = known
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    hit = keys[at] == wanted
    return np.where(hit, places[at], NOBODY), hit


def _search(
    known: tuple[NDArray[Any], NDArray[np.int64]], wanted: NDArray[Any]
) -> NDArray[np.int64]:
    return _search_known(known, wanted)[0]


def load_directory(session: Session, at: datetime) -> Directory:
    """Every resource held at ``at``, whoever's: scope is applied to what is shown of it."""
    rows = session.execute(
        select(
            col(Resource.id), col(Resource.code), col(Resource.name), col(Resource.kind),
            col(Resource.ip), col(Holding.unit_id), col(Unit.code), col(Holding.system_id),
            col(BusinessSystem.name), col(Holding.zone_id), col(Zone.name),
        )
        .join(Holding, col(Holding.resource_id) == col(Resource.id))
        .join(Unit, col(Unit.id) == col(Holding.unit_id))
        .outerjoin(BusinessSystem, col(BusinessSystem.id) == col(Holding.system_id))
        .outerjoin(Zone, col(Zone.id) == col(Holding.zone_id))
        .where(in_force(Holding, at))
        .order_by(col(Resource.id))
    ).all()  # fmt: skip
    networks = session.execute(
        select(MoveNetwork).where(col(MoveNetwork.retired).is_(None)).order_by(col(MoveNetwork.id))
    ).scalars().all()  # fmt: skip
    names = unit_names(session, {row[5] for row in rows} | {n.unit_id for n in networks}, at)
    holder = unclaimed_id(session)
    hosts = [
        Host(
            place, row[0], row[1], row[2], row[3], row[5], row[6], names.get(row[5], row[6]),
            row[7] or 0, row[8] or "", row[9] or 0, row[10] or "",
            tuple(filter(None, row[4].split(","))), row[5] != holder,
        )
        for place, row in enumerate(rows)
    ]  # fmt: skip
    return Directory(
        hosts,
        [
            OwnNetwork(n.code, n.name, n.unit_id, names.get(n.unit_id, ""), tuple(n.prefixes))
            for n in networks
        ],
    )
