"""IPv4 and IPv6 traffic apart, without what the host says to itself.

IpExt InOctets/OutOctets (/proc/net/netstat) and Ip6InOctets/Ip6OutOctets (/proc/net/snmp6) count
whole IP packets, those over loopback too. Taken out:

- IPv6 over loopback exactly: the kernel keeps the octets it received per interface (dev_snmp6/lo).
  Those it sent to an address of its own it books on that address's card, not on lo; but whatever
  is sent over lo is received over lo, so what came in stands for both ways.
- IPv4 over loopback: lo carries nothing but IP and counts packets without a link header, so its
  bytes (/proc/net/dev) less its IPv6 octets are its IPv4 octets.

The files are read within about 0.1 ms of each other, so on a host that talks to itself at 1 GB/s
the figure may be 0.1 MB an interval off; a negative remainder counts as nothing. What the host
forwards (router, container bridge) is counted, as the protocol saw it.
"""

from __future__ import annotations

from typing import NamedTuple

from collectors.host.contract import Values
from collectors.host.files import parse_headed, parse_number, read_bytes
from collectors.host.linux.network import LOOPBACK, parse_net_dev
from collectors.rates import difference

OCTETS_BITS = 64
"""The IP MIB's octets are 64 bits wide on every kernel (snmp_fold_field64)."""


class Octets(NamedTuple):
    """In and out since boot."""

    rx: int
    tx: int


class Snapshot(NamedTuple):
    """Octets of each protocol, and what of it went over loopback. v6 None: no IPv6 here."""

    v4: Octets
    v6: Octets | None
    loopback: int
    """Bytes received over lo, of both protocols."""
    loopback6: int


class Protocols:
    """A host whose kernel has no IPv6 has an IPv6 traffic of 0, not an unknown one."""

    name = "protocols"

    def __init__(self, proc: str, sys: str) -> None:
        self._net = f"{proc}/self/net"

    def read(self, now: float) -> Snapshot:
        v4 = parse_ipext(read_bytes(f"{self._net}/netstat"))
        dev = parse_net_dev(read_bytes(f"{self._net}/dev")).get(LOOPBACK)
        v6 = read_octets6(f"{self._net}/snmp6")
        lo6 = read_octets6(f"{self._net}/dev_snmp6/{LOOPBACK}") if v6 else None
        return Snapshot(v4, v6, dev.rx_bytes if dev else 0, lo6.rx if lo6 else 0)

    def values(self, before: Snapshot | None, after: Snapshot, seconds: float) -> Values:
        return protocol_values(before, after, seconds)


def read_octets6(path: str) -> Octets | None:
    """Ip6InOctets and Ip6OutOctets of snmp6 or dev_snmp6/X; None where the file is absent."""
    try:
        text = read_bytes(path)
    except FileNotFoundError:
        return None
    rx, tx = parse_number(text, b"Ip6InOctets"), parse_number(text, b"Ip6OutOctets")
    if rx is None or tx is None:
        raise ValueError(f"{path} has no Ip6InOctets and Ip6OutOctets")
    return Octets(rx, tx)


def parse_ipext(text: bytes) -> Octets:
    """The IPv4 octets of /proc/net/netstat; raises ValueError where they are missing."""
    group = parse_headed(text, b"IpExt:")
    try:
        return Octets(group[b"InOctets"], group[b"OutOctets"])
    except KeyError:
        raise ValueError("/proc/net/netstat has no IpExt InOctets and OutOctets") from None


def protocol_values(before: Snapshot | None, after: Snapshot, seconds: float) -> Values:
    """The four rates; a protocol whose counters were started again is left out."""
    if before is None or seconds <= 0:
        return {}
    values: Values = {}
    lo6 = difference(before.loopback6, after.loopback6, OCTETS_BITS)
    lo = difference(before.loopback, after.loopback)
    for index, way in enumerate(("rx", "tx")):
        v4 = difference(before.v4[index], after.v4[index], OCTETS_BITS)
        if v4 is not None and lo is not None and lo6 is not None:
            values[f"net4_{way}_bytes_s"] = max(0, v4 - max(0, lo - lo6)) / seconds
        if after.v6 is None:
            values[f"net6_{way}_bytes_s"] = 0.0
        elif before.v6 is not None and lo6 is not None:
            v6 = difference(before.v6[index], after.v6[index], OCTETS_BITS)
            if v6 is not None:
                values[f"net6_{way}_bytes_s"] = max(0, v6 - lo6) / seconds
    return values
