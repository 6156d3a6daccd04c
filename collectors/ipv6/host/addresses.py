"""IPv6 addresses by kind from /proc/net/if_inet6, and the settings of /proc/sys/net/ipv6/conf."""

from __future__ import annotations

import os
import socket
from typing import NamedTuple

from collectors.host.files import read_bytes, read_line
from collectors.host.identity.addresses import LOCAL_BRIDGES

TEMPORARY, DAD_FAILED, DEPRECATED, TENTATIVE = 0x01, 0x08, 0x20, 0x40
"""Address flags, linux/if_addr.h."""

SETTINGS = ("disable_ipv6", "accept_ra", "forwarding", "autoconf", "use_tempaddr")
MOST_INTERFACES = 64


class Address(NamedTuple):
    """One address. ``usable``: neither a failed duplicate, nor still being tested, nor on its way
    out."""

    interface: str
    address: str
    prefix: int
    kind: str
    """global, ula, link_local, tunnel (6to4, Teredo) or other."""
    temporary: bool
    usable: bool


def read_addresses(proc: str = "/proc") -> list[Address] | None:
    """Every address but loopback's and local bridges'; None where the kernel has no IPv6."""
    try:
        text = read_bytes(f"{proc}/self/net/if_inet6")
    except OSError:
        return None
    return [
        each
        for each in parse_addresses(text.decode("ascii", "replace"))
        if each.interface != "lo" and not each.interface.startswith(LOCAL_BRIDGES)
    ]


def parse_addresses(text: str) -> list[Address]:
    """Lines of address, index, prefix length, scope, flags (hexadecimal) and interface."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) != 6:
            continue
        try:
            packed = bytes.fromhex(words[0])
            prefix, flags = int(words[2], 16), int(words[4], 16)
            address = socket.inet_ntop(socket.AF_INET6, packed)
        except ValueError:
            continue
        usable = not flags & (DAD_FAILED | DEPRECATED | TENTATIVE)
        found.append(
            Address(words[5], address, prefix, kind_of(packed), bool(flags & TEMPORARY), usable)
        )
    return sorted(found)


def kind_of(packed: bytes) -> str:
    """What sort of address the 16 bytes are (RFC 4291, 4193, 3056, 4380)."""
    if packed[0] == 0xFE and packed[1] & 0xC0 == 0x80:
        return "link_local"
    if packed[0] & 0xFE == 0xFC:
        return "ula"
    if packed[:2] == b"\x20\x02" or packed[:4] == b"\x20\x01\x00\x00":
        return "tunnel"
    return "global" if packed[0] & 0xE0 == 0x20 else "other"


def count_kinds(addresses: list[Address]) -> dict[str, int]:
    """How many usable addresses there are of each kind; temporary ones are counted again."""
    counts = dict.fromkeys(("global", "ula", "link_local", "tunnel", "other", "temporary"), 0)
    for each in addresses:
        if each.usable:
            counts[each.kind] += 1
            counts["temporary"] += each.temporary
    return counts


def read_settings(proc: str = "/proc") -> dict[str, dict[str, int]]:
    """Interface (and ``all``, ``default``) to its settings, as far as they can be read."""
    folder = f"{proc}/sys/net/ipv6/conf"
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return {}
    wanted = [n for n in names if n != "lo" and not n.startswith(LOCAL_BRIDGES)][:MOST_INTERFACES]
    found: dict[str, dict[str, int]] = {}
    for name in wanted:
        values = {key: read_line(f"{folder}/{name}/{key}") for key in SETTINGS}
        found[name] = {k: int(v) for k, v in values.items() if v.lstrip("-").isdigit()}
    return found
