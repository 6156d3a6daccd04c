"""The network sections of a bundle as records."""

from __future__ import annotations

from ipaddress import IPv4Interface, IPv6Interface, ip_interface
from itertools import pairwise
from typing import NamedTuple


class Socket(NamedTuple):
    """A listening socket; ``pid`` is 0 where it could not be seen."""

    proto: str
    address: str
    port: int
    pid: int
    comm: str

    @property
    def family(self) -> int:
        return 6 if self.proto.endswith("6") else 4

    @property
    def outside(self) -> bool:
        """Reached from other hosts, too."""
        return not (self.address.startswith("127.") or self.address == "::1")

    @property
    def locator(self) -> str:
        return f"{self.pid}:{self.comm} {self.proto}/{self.address}:{self.port}"


class Connection(NamedTuple):
    proto: str
    address: str
    port: int
    remote: str
    remote_port: int
    pid: int
    comm: str


class Address(NamedTuple):
    dev: str
    interface: IPv4Interface | IPv6Interface
    flags: str


class Link(NamedTuple):
    name: str
    mac: str
    mtu: int
    state: str
    kind: str
    flags: int


class Route(NamedTuple):
    """One line of ``ip route``; metric 0 is written as none by the kernel."""

    family: int
    destination: str
    via: str
    dev: str
    table: str
    metric: int
    line: str


def sockets(text: str) -> list[Socket]:
    rows = (raw.split("\t") for raw in text.splitlines())
    return [
        Socket(row[0], row[1], int(row[2]), _number(row[3]), row[4])
        for row in rows
        if len(row) == 5 and row[2].isdigit()
    ]


def connections(text: str) -> list[Connection]:
    rows = (raw.split("\t") for raw in text.splitlines())
    return [
        Connection(row[0], row[1], int(row[2]), row[3], int(row[4]), _number(row[5]), row[6])
        for row in rows
        if len(row) == 7 and row[2].isdigit() and row[4].isdigit()
    ]


def addresses(text: str) -> list[Address]:
    found = []
    for raw in text.splitlines():
        row = raw.split("\t")
        if len(row) < 4:
            continue
        try:
            found.append(Address(row[0].partition("@")[0], ip_interface(row[2]), row[3]))
        except ValueError:
            continue
    return found


def links(text: str) -> list[Link]:
    found = []
    for raw in text.splitlines():
        row = raw.split("\t")
        if len(row) == 6 and row[2].isdigit():
            flags = int(row[5], 16) if row[5].startswith("0x") else 0
            found.append(Link(row[0], row[1], int(row[2]), row[3], row[4], flags))
    return found


def routes(text: str) -> list[Route]:
    found = []
    for raw in text.splitlines():
        family, _, line = raw.partition("\t")
        words = line.split()
        if family not in ("4", "6") or not words:
            continue
        if words[0] in ("local", "broadcast", "multicast", "anycast"):
            continue
        after = dict(pairwise(words))
        found.append(
            Route(
                family=int(family),
                destination=words[0] if words[0] != "unreachable" else words[1],
                via=after.get("via", ""),
                dev=after.get("dev", ""),
                table=after.get("table", "main"),
                metric=_number(after.get("metric", "0")),
                line=line,
            )
        )
    return found


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0
