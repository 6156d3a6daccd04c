"""The questions about who talks to whom: the drawing, the list, unknown peers, edges of hosts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlmodel import Session, col

from controller.access.scope import Scope
from controller.inventory.dated import SHANGHAI
from controller.inventory.unclaimed import Guess
from controller.moves.directory import Directory, Host, load_directory
from controller.moves.edge_graph import By, Graph, draw, peer_text, seen_by
from controller.moves.edge_links import Links, gather_links
from controller.moves.edge_set import EPOCH, EdgeSet, day_number, unpack
from controller.moves.tables import MoveEdges

LEAST_DAYS, MOST_DAYS = 1, 30
MOST_LISTED = 100_000


class EndView(BaseModel):
    """One end of a link. Of another unit's a unit sees the kind only."""

    kind: str = Field(description="host, peer (no resource of the register), other (another unit).")
    name: str = Field(description="Name of the resource, or what kind of thing it is.")
    code: str = ""
    address: str = ""
    unit_name: str = ""
    system: str = ""
    network: str = Field("", description="The department's own network the address lies in.")


class LinkView(BaseModel):
    """Who calls whom, on which port, how often and when."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"client": {"kind": "host", "name": "交通-应用-01", "code": "vm-0042",
                            "address": "10.20.0.42", "unit_name": "市交通运输局",
                            "system": "智慧交通", "network": ""},
                 "server": {"kind": "peer", "name": "", "code": "", "address": "172.20.8.4",
                            "unit_name": "", "system": "", "network": "交通视频专网"},
                 "protocol": "tcp", "port": 5432, "process": "java", "looks": 812, "days": 7,
                 "first": "2026-11-01", "last": "2026-11-20"}
            ]
        }
    )  # fmt: skip

    client: EndView
    server: EndView
    protocol: str = "tcp"
    port: int
    process: str
    looks: int
    days: int
    first: date
    last: date


class Seen(BaseModel):
    """What the map rests on: how many hosts told, since when, and what had to be left out."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"days": 30, "hosts_telling": 180, "hosts": 200, "since":
                 "2026-10-23T00:00:00+08:00", "last": "2026-11-23T14:05:00+08:00", "left_out": 0}
            ]
        }
    )  # fmt: skip

    days: int
    hosts_telling: int
    hosts: int
    since: datetime | None
    last: datetime | None
    left_out: int


class Map:
    """Links of a window in a scope, and what names their ends. Made once a request."""

    def __init__(
        self,
        session: Session,
        scope: Scope,
        days: int,
        now: datetime,
        unit_ids: frozenset[int] | None = None,
    ) -> None:
        """``days`` back from now; ``unit_ids``: only links with an end of these units."""
        self.scope, self.days = scope, days
        self.directory: Directory = load_directory(session, now)
        last = day_number(now.astimezone(SHANGHAI).date())
        links = gather_links(load_sets(session), self.directory, last - days + 1, last)
        self.links: Links = seen_by(links, self.directory, scope)
        if unit_ids is not None:
            self.links = seen_by(self.links, self.directory, Scope(unit_ids))

    def graph(self, by: By) -> Graph:
        """The drawing."""
        return draw(self.links, self.directory, by, self.scope)

    def rows(self, *, text: str = "", unknown: bool = False) -> Links:
        """Links for the list, those met on most days first; ``unknown`` only with such an end."""
        links = self.links
        if unknown:
            links = links.taken((links.client < 0) | (links.server < 0))
        if text.strip():
            links = links.taken(self._matching(links, text.strip().casefold()))
        return links.taken(np.lexsort((links.port, -links.looks, -links.days)))

    def views(self, links: Links, begin: int, end: int) -> Iterator[LinkView]:
        """The links of these places as they are shown."""
        for place in range(begin, min(end, len(links))):
            yield LinkView(
                client=self._end(links, int(links.client[place])),
                server=self._end(links, int(links.server[place])),
                port=int(links.port[place]),
                process=links.names[int(links.process[place])],
                looks=int(links.looks[place]),
                days=int(links.days[place]),
                first=EPOCH + timedelta(days=int(links.first[place])),
                last=EPOCH + timedelta(days=int(links.last[place])),
            )

    def _matching(self, links: Links, wanted: str) -> np.ndarray:
        if wanted.isdecimal():
            return np.asarray(links.port == int(wanted))
        hosts = np.array(
            [
                self.scope.allows(h.unit_id)
                and wanted
                in f"{h.code} {h.name} {h.unit_name} {h.system} {' '.join(h.addresses)}".casefold()
                for h in self.directory.hosts
            ]
            or [False]
        )
        peers = np.array(
            [wanted in peer_text(links, -2 - place) for place in range(len(links.peers))] or [False]
        )
        found = np.zeros(len(links), bool)
        for ends in (links.client, links.server):
            known = ends >= 0
            found[known] |= hosts[ends[known]]
            found[~known] |= peers[-2 - ends[~known]]
        return found

    def _end(self, links: Links, end: int) -> EndView:
        if end < 0:
            address = peer_text(links, end)
            own = self.directory.network_of(address) if address else None
            if own is not None and not self.scope.allows(own.unit_id):
                return EndView(kind="other", name="network")
            return EndView(
                kind="peer", name="", address=address, network=own.name if own else "",
                unit_name=own.unit_name if own else "",
            )  # fmt: skip
        host = self.directory.hosts[end]
        if not self.scope.allows(host.unit_id):
            return EndView(kind="other", name=host.kind)
        return EndView(
            kind="host", name=host.name, code=host.code, system=host.system,
            address=host.addresses[0] if host.addresses else "", unit_name=host.unit_name,
        )  # fmt: skip


def load_sets(
    session: Session, resource_ids: Sequence[int] | None = None
) -> Iterator[tuple[int, EdgeSet]]:
    """Packed sets of all resources, or of some, unpacked one by one."""
    statement = select(col(MoveEdges.resource_id), col(MoveEdges.packed))
    if resource_ids is not None:
        statement = statement.where(col(MoveEdges.resource_id).in_(resource_ids))
    for resource_id, packed in session.execute(statement):
        yield resource_id, unpack(packed)


def seen(session: Session, scope: Scope, days: int, now: datetime) -> Seen:
    """What the map of this scope rests on."""
    hosts = [h for h in load_directory(session, now).hosts if scope.allows(h.unit_id)]
    ids = {host.id for host in hosts}
    rows = [
        row
        for row in session.execute(
            select(
                col(MoveEdges.resource_id), col(MoveEdges.since), col(MoveEdges.last),
                col(MoveEdges.left_out), col(MoveEdges.left_out_at),
            )
        )
        if row[0] in ids
    ]  # fmt: skip
    recent = now - timedelta(days=days)
    return Seen(
        days=days,
        hosts_telling=sum(row[2] >= recent for row in rows),
        hosts=len(hosts),
        since=min((row[1] for row in rows), default=None),
        last=max((row[2] for row in rows), default=None),
        left_out=sum(row[3] for row in rows if row[4] is not None and row[4] >= recent),
    )


def candidates_by_links(
    session: Session, codes: Sequence[str], now: datetime
) -> dict[str, list[Guess]]:
    """As ``neighbours_by_links``, with the reason in words: for the list of the unclaimed."""
    if not codes or session.execute(select(col(MoveEdges.resource_id)).limit(1)).first() is None:
        return {}
    return {
        code: [
            (unit, f"与该单位 {count} 台主机有连接", f"talks to {count} of its hosts")
            for unit, count in units
        ]
        for code, units in neighbours_by_links(session, codes, now).items()
    }


LEAST_LINKS = 2
"""Hosts of one unit that a machine must talk to before it says anything."""


def neighbours_by_links(
    session: Session, codes: Sequence[str], now: datetime, *, days: int = MOST_DAYS
) -> dict[str, list[tuple[int, int]]]:
    """Of each resource the units whose hosts it talks to: (unit, how many), most first.

    For who may hold a machine that nobody has claimed. Hosts that many talk to (a tenth of the
    fleet and over 20) say nothing.
    """
    directory = load_directory(session, now)
    last = day_number(now.astimezone(SHANGHAI).date())
    links = gather_links(load_sets(session), directory, last - days + 1, last)
    both = links.taken((links.client >= 0) & (links.server >= 0))
    pairs = np.unique(
        np.concatenate(
            [np.stack([both.client, both.server], 1), np.stack([both.server, both.client], 1)]
        ),
        axis=0,
    )
    if not len(pairs):
        return {}
    numbers, counts = np.unique(pairs[:, 0], return_counts=True)
    common = set(numbers[counts > max(20, len(directory.hosts) // 10)].tolist())
    wanted = {host.place: host.code for host in directory.hosts if host.code in set(codes)}
    found: dict[str, Counter[int]] = {}
    for mine, other in pairs[np.isin(pairs[:, 0], list(wanted))].tolist():
        host: Host = directory.hosts[other]
        if other not in common and host.claimed:
            found.setdefault(wanted[mine], Counter())[host.unit_id] += 1
    return {
        code: [(unit, n) for unit, n in counts.most_common(3) if n >= LEAST_LINKS]
        for code, counts in found.items()
    }
