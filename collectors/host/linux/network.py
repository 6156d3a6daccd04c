"""Traffic of the network cards from /proc/net/dev, each byte counted once.

Bridges, bonds, VLANs, tunnels and container pairs carry what a card below them carries. So only
cards with hardware behind them count (/sys/class/net/X/device: PCI, virtio, netvsc, USB), without
those whose master is itself such a card (an SR-IOV function below Hyper-V's netvsc). Where there
is no hardware at all, as within a container, every interface that lies on no other counts.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from collectors.host.contract import NothingToCollect, Values
from collectors.host.files import read_bytes, read_line
from collectors.rates import rate

LOOPBACK = "lo"
NEVER = re.compile(r"(lo|ifb\d+|dummy\d+|docker\d+|virbr\d+)$")
"""Interfaces that carry only copies or nothing; the kernel has no other mark for them."""

STACKED_ENTRIES = frozenset(("bridge", "bonding", "tun_flags"))
"""What sysfs shows for a bridge, a bond, a tun or tap."""

STACKED_KINDS = frozenset(("DEVTYPE=vxlan", "DEVTYPE=geneve", "DEVTYPE=wireguard", "DEVTYPE=team"))
"""Tunnels that look like Ethernet and need not show a lower interface."""

ETHERNET = "1"
"""ARPHRD_ETHER; IP tunnels have types of their own."""

NAMES = (
    "net_rx_bytes_s",
    "net_tx_bytes_s",
    "net_rx_packets_s",
    "net_tx_packets_s",
    "net_errors_s",
    "net_drops_s",
)


class Counters(NamedTuple):
    """Since the interface was made; ``ifindex`` is the kernel's, never used twice; 0: unknown."""

    rx_bytes: int
    tx_bytes: int
    rx_packets: int
    tx_packets: int
    errors: int
    drops: int
    ifindex: int = 0


class Link(NamedTuple):
    """What sysfs tells of one interface."""

    hardware: bool
    master: str
    stacked: bool
    """It has lower interfaces here, or is a bridge, tunnel or tap."""


class Network:
    """The host row sums the cards; one that was replaced is left out of that one interval."""

    name = "network"

    def __init__(self, proc: str, sys: str) -> None:
        # self/net, not net: the latter is a link to it, and a second name lookup.
        self._path = f"{proc}/self/net/dev"
        self._class = f"{sys}/class/net"
        self._indexes: dict[str, int] = {}
        self._seen: set[str] = set()
        self._counted: frozenset[str] = frozenset()

    def read(self, now: float) -> dict[str, Counters]:
        every = parse_net_dev(read_bytes(self._path))
        indexes = {name: self._read_index(name) for name in self._counted if name in every}
        if every.keys() != self._seen or indexes != self._indexes:
            self._seen = set(every)
            self._counted = counted_links({name: self._read_link(name) for name in every})
            indexes = {name: self._read_index(name) for name in self._counted}
            self._indexes = indexes
        if not indexes:
            raise NothingToCollect("no network interface but loopback")
        return {name: every[name]._replace(ifindex=index) for name, index in indexes.items()}

    def values(
        self,
        before: dict[str, Counters] | None,
        after: dict[str, Counters],
        seconds: float,
    ) -> Values:
        total: Values = {}
        for card in self.parts(before, after, seconds).values():
            for name, value in card.items():
                total[name] = total.get(name, 0.0) + value
        return total

    def parts(
        self,
        before: dict[str, Counters] | None,
        after: dict[str, Counters],
        seconds: float,
    ) -> dict[str, Values]:
        if before is None:
            return {}
        return {
            f"nic:{name}": card_values(before[name], counters, seconds)
            for name, counters in after.items()
            if name in before
        }

    def _read_index(self, name: str) -> int:
        text = read_line(f"{self._class}/{name}/ifindex")
        return int(text) if text.isdigit() else 0

    def _read_link(self, name: str) -> Link:
        folder = f"{self._class}/{name}"
        try:
            entries = os.listdir(folder)
            master = (
                os.path.basename(os.readlink(f"{folder}/master")) if "master" in entries else ""
            )
        except OSError:
            # Made in another namespace than the one /sys was mounted in, or gone already.
            return Link(False, "", False)
        stacked = (
            any(entry.startswith("lower_") for entry in entries)
            or not STACKED_ENTRIES.isdisjoint(entries)
            or not STACKED_KINDS.isdisjoint(read_line(f"{folder}/uevent").split())
            or read_line(f"{folder}/type") not in (ETHERNET, "")
        )
        return Link("device" in entries, master, stacked)


def counted_links(links: dict[str, Link]) -> frozenset[str]:
    """The interfaces whose bytes add up to the host's traffic, each byte once."""
    hardware = {name for name, link in links.items() if link.hardware}
    if hardware:
        return frozenset(name for name in hardware if links[name].master not in hardware)
    return frozenset(
        name
        for name, link in links.items()
        if not link.stacked and not link.master and not NEVER.match(name)
    )


def parse_net_dev(text: bytes) -> dict[str, Counters]:
    """Every interface's counters; raises ValueError on a line that is not 16 numbers."""
    counters = {}
    for line in text.splitlines()[2:]:
        name, colon, rest = line.rpartition(b":")
        fields = rest.split()
        if not colon or len(fields) < 16:
            raise ValueError(f"/proc/net/dev has a line {line[:80]!r}")
        rx_bytes, rx_packets, rx_errors, rx_drops = map(int, fields[:4])
        tx_bytes, tx_packets, tx_errors, tx_drops = map(int, fields[8:12])
        counters[os.fsdecode(name.strip())] = Counters(
            rx_bytes, tx_bytes, rx_packets, tx_packets, rx_errors + tx_errors, rx_drops + tx_drops
        )
    return counters


def card_values(before: Counters, after: Counters, seconds: float) -> Values:
    """The rates of one card; nothing where it is another card, or any counter started again."""
    if before.ifindex != after.ifindex:
        return {}
    values: Values = {}
    for name, old, new in zip(NAMES, before, after, strict=False):
        per_second = rate(old, new, seconds)
        if per_second is None:
            return {}
        values[name] = per_second
    return values
