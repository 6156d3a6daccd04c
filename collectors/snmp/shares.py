"""IPv4 and IPv6 traffic of each port between two polls, whatever half of the truth a device tells.

What devices do, and what is made of it:

- ipIfStatsTable has rows of both versions for the port: they are the answer (``both``).
- Only IPv6 rows (net-snmp on Linux, several switches): IPv4 is what IF-MIB counted less the IPv6
  octets and less the link headers of every packet (``rest``).
- Only IPv6 rows, and IF-MIB counts IPv4 alone (VLAN interfaces of Cisco Catalyst 4500-X, whose
  IPv6 is in ipIfStatsHCOutOctets only): IF-MIB is IPv4 (``v4_port``). Taken for so on VLAN ports
  of that vendor, and on another's where IF-MIB grew less than IPv6 alone.
- Only IPv4 rows while the table has IPv6 rows of other ports: this port carries no IPv6 (``both``).
- 64-bit columns answered as Counter32: a fall is a wrap if the line could have carried it.

No rows for a port: unknown, never zero. net-snmp answers the IP tables from a copy up to 60 s old
and IF-MIB from one of 3 s, so two polls should lie LEAST_S apart; where an Ethernet port seems to
have carried more IPv6 than anything, the copies were too far apart and nothing is said. Sources:
RFC 4293, RFC 2863, and reports against LibreNMS, net-snmp and Network UPS Tools.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .device import DevicePoll, IpVersionCounters, Port
from .rates import growth, rebooted

ETHERNET_HEADER = 14
"""Octets of a frame that IF-MIB counts and IP-MIB does not; the check sum is counted by few."""
FRAMED = frozenset(
    {"ethernetCsmacd", "gigabitEthernet", "fastEther", "l2vlan", "l3ipvlan", "ieee8023adLag",
     "bridge", "ieee80211", "propVirtual"}
)  # fmt: skip
VLAN_TYPES = frozenset({"l3ipvlan", "propVirtual", "l2vlan"})
V4_ONLY_VENDORS = frozenset({"cisco"})
TOLERANCE = 0.98
"""IF-MIB is read some milliseconds before IP-MIB: a little less than IPv6 alone proves nothing."""
TOO_FAST = 1.5
LEAST_S = 600.0
"""Between two polls, for the copies' ages to be a tenth of what is measured at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortShare:
    """Bytes a second of each version at a port; ``how`` it was told: both, rest or v4_port."""

    if_index: int
    rx4: float
    tx4: float
    rx6: float
    tx6: float
    how: str

    @property
    def v6_pct(self) -> float | None:
        """IPv6 in both directions of all, in percent; None without traffic."""
        return v6_share(self.rx4 + self.tx4, self.rx6 + self.tx6)


def v6_share(v4: float, v6: float) -> float | None:
    """IPv6 of both in percent; None of nothing."""
    return 100.0 * v6 / (v4 + v6) if v4 + v6 > 0 else None


def port_shares(before: DevicePoll, after: DevicePoll, seconds: float) -> list[PortShare]:
    """Every port of ``after`` whose two versions can be told apart over ``seconds``."""
    if seconds <= 0 or rebooted(before, after, seconds):
        return []
    old_ports = {port.if_index: port for port in before.ports}
    old_rows = _by_port(before.ip_version_counters)
    rows = _by_port(after.ip_version_counters)
    found = []
    for port in after.ports:
        old = old_ports.get(port.if_index)
        if old is None or old.if_name != port.if_name:
            continue
        if old.discontinuity_s != port.discontinuity_s:
            continue
        share = _share(
            _Growth(old, port, seconds),
            old_rows.get(port.if_index, {}),
            rows.get(port.if_index, {}),
            vlan_is_v4=after.system.vendor.lower() in V4_ONLY_VENDORS
            and port.if_type in VLAN_TYPES,
            v6_told=any(6 in versions for versions in rows.values()),
        )
        if share is not None:
            found.append(share)
    return found


def device_share(
    before: DevicePoll, after: DevicePoll, seconds: float
) -> tuple[float, float] | None:
    """(IPv4, IPv6) bytes a second of the whole device, both directions: ipSystemStatsTable where it
    has both versions, else the sum over its ports; None where neither tells."""
    if seconds <= 0 or rebooted(before, after, seconds):
        return None
    old = {row.version: row for row in before.ip_version_counters if row.if_index is None}
    new = {row.version: row for row in after.ip_version_counters if row.if_index is None}
    sums = []
    for version in (4, 6):
        if version in old and version in new:
            parts = [
                growth(getattr(old[version], name), getattr(new[version], name), 64)
                for name in ("in_octets", "out_octets")
            ]
            if None not in parts:
                sums.append(sum(part for part in parts if part is not None) / seconds)
    if len(sums) == 2:
        return sums[0], sums[1]
    ports = [
        share
        for share in port_shares(before, after, seconds)
        if not _is_loopback(after.ports, share.if_index)
    ]
    if not ports:
        return None
    return sum(p.rx4 + p.tx4 for p in ports), sum(p.rx6 + p.tx6 for p in ports)


def _is_loopback(ports: Iterable[Port], if_index: int) -> bool:
    return any(p.if_index == if_index and p.if_type == "softwareLoopback" for p in ports)


@dataclass(frozen=True, slots=True)
class _Growth:
    """The port at both ends of the interval."""

    old: Port
    new: Port
    seconds: float

    def most(self) -> float | None:
        """Octets the line could have carried; None where its speed is not told."""
        speed = self.new.speed_bit_s
        return speed / 8 * self.seconds * TOO_FAST if speed else None

    def octets(self, name: str) -> int | None:
        """Growth of a counter of IF-MIB."""
        bits = 32 if 32 in (self.old.counter_bits, self.new.counter_bits) else 64
        return growth(getattr(self.old, name), getattr(self.new, name), bits, self.most())

    def version(
        self, old: IpVersionCounters | None, new: IpVersionCounters | None, name: str
    ) -> int | None:
        """Growth of a counter of one IP version, whose width is not told."""
        first, second = getattr(old, name, None), getattr(new, name, None)
        if first is not None and second is not None and second < first < 1 << 32:
            most = self.most()
            return None if most is None or most >= 1 << 32 else growth(first, second, 32, most)
        return growth(first, second, 64)


def _share(
    port: _Growth,
    old: dict[int, IpVersionCounters],
    new: dict[int, IpVersionCounters],
    *,
    vlan_is_v4: bool,
    v6_told: bool,
) -> PortShare | None:
    ways: dict[str, tuple[float, float]] = {}
    hows = set()
    for way in ("in", "out"):
        v4 = port.version(old.get(4), new.get(4), f"{way}_octets")
        v6 = port.version(old.get(6), new.get(6), f"{way}_octets")
        if v4 is not None and v6 is None and 6 not in new and v6_told:
            v6 = 0
        if v6 is None:
            return None
        how = "both"
        if v4 is None:
            if 4 in new:
                return None  # it is told, only not over this interval
            rest = _rest(port, way, v6, vlan_is_v4=vlan_is_v4)
            if rest is None:
                return None
            v4, how = rest
        hows.add(how)
        ways[way] = (v4 / port.seconds, v6 / port.seconds)
    return PortShare(
        if_index=port.new.if_index,
        rx4=ways["in"][0], tx4=ways["out"][0], rx6=ways["in"][1], tx6=ways["out"][1],
        how=max(hows),
    )  # fmt: skip


def _rest(port: _Growth, way: str, v6: int, *, vlan_is_v4: bool) -> tuple[int, str] | None:
    """IPv4 octets by IF-MIB, and how."""
    octets = port.octets(f"{way}_octets")
    if octets is None:
        return None
    packets = port.octets(f"{way}_packets") or 0
    header = ETHERNET_HEADER if port.new.if_type in FRAMED else 0
    less = octets < TOLERANCE * v6
    if vlan_is_v4 or (less and port.new.if_type in VLAN_TYPES):
        return max(0, octets - header * packets), "v4_port"
    if less:
        return None
    return max(0, octets - v6 - header * packets), "rest"


def _by_port(rows: Iterable[IpVersionCounters]) -> dict[int, dict[int, IpVersionCounters]]:
    found: dict[int, dict[int, IpVersionCounters]] = {}
    for row in rows:
        if row.if_index is not None:
            found.setdefault(row.if_index, {})[row.version] = row
    return found
