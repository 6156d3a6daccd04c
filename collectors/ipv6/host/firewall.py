"""Whether the rules for what comes in are there for both IP versions.

The kernel tells its rules to an administrator only (nfnetlink answers EPERM to others); then the
files that a firewall is loaded from are looked at, as far as they may be read.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from typing import Any

from collectors.host.files import read_bytes
from collectors.host.netlink import ATTRIBUTE, dump, open_netlink

NETLINK_NETFILTER = 12
GET_CHAIN, GET_RULE = (10 << 8) | 4, (10 << 8) | 7
"""NFNL_SUBSYS_NFTABLES with NFT_MSG_GETCHAIN, NFT_MSG_GETRULE."""
GENERIC = struct.Struct(">BBH")
"""nfgenmsg: family, version, resource id."""
INET, IPV4, IPV6 = 1, 2, 10
TABLE, NAME, HOOK, POLICY = 1, 3, 4, 5
"""Attributes of a chain."""
RULE_TABLE, RULE_CHAIN = 1, 2
HOOK_NUMBER = 1
INPUT, DROP = 1, 0
ATTRIBUTE_KIND = 0x3FFF
"""Without the bits that say nested and byte order."""

FILES = {
    "v4": ("etc/sysconfig/iptables", "etc/iptables/rules.v4", "etc/iptables/iptables.rules"),
    "v6": ("etc/sysconfig/ip6tables", "etc/iptables/rules.v6", "etc/iptables/ip6tables.rules"),
}


def read_firewall(proc: str = "/proc", root: str = "/") -> dict[str, Any]:
    """``state``: both, none, v4_only, v6_only or not_checked; how many rules, and from where."""
    try:
        rules = count_kernel_rules()
        source = "kernel"
        if not any(rules) and _has_legacy(proc):
            # Rules of iptables-legacy are not nftables' and cannot be counted here.
            return {"state": "not_checked", "source": "", "v4_rules": None, "v6_rules": None}
    except OSError:
        found = count_file_rules(root)
        if found is None:
            return {"state": "not_checked", "source": "", "v4_rules": None, "v6_rules": None}
        rules, source = found, "files"
    return {"state": judge(*rules), "source": source, "v4_rules": rules[0], "v6_rules": rules[1]}


def judge(v4: int, v6: int) -> str:
    """The state's name."""
    if v4 and v6:
        return "both"
    return "v4_only" if v4 else "v6_only" if v6 else "none"


def count_kernel_rules() -> tuple[int, int]:
    """Rules (and dropping policies) of chains that hook what comes in, for IPv4 and for IPv6;
    those of family inet count for both. Raises OSError, EPERM without the right."""
    inputs: set[tuple[int, bytes, bytes]] = set()
    counts = {IPV4: 0, IPV6: 0, INET: 0}
    request = GENERIC.pack(0, 0, 0)
    with open_netlink(NETLINK_NETFILTER) as link:
        for message in dump(link, GET_CHAIN, request):
            family, told = message[0], dict(attributes(message[GENERIC.size :]))
            hook = dict(attributes(told[HOOK])).get(HOOK_NUMBER) if HOOK in told else None
            if family in counts and hook is not None and int.from_bytes(hook, "big") == INPUT:
                inputs.add((family, told.get(TABLE, b""), told.get(NAME, b"")))
                policy = told.get(POLICY)
                counts[family] += policy is not None and int.from_bytes(policy, "big") == DROP
    with open_netlink(NETLINK_NETFILTER) as link:
        for message in dump(link, GET_RULE, request):
            family, told = message[0], dict(attributes(message[GENERIC.size :]))
            if (family, told.get(RULE_TABLE, b""), told.get(RULE_CHAIN, b"")) in inputs:
                counts[family] += 1
    return counts[IPV4] + counts[INET], counts[IPV6] + counts[INET]


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(kind, value) of netlink attributes in a row."""
    at = 0
    while at + ATTRIBUTE.size <= len(data):
        size, kind = ATTRIBUTE.unpack_from(data, at)
        if size < ATTRIBUTE.size:
            return
        yield kind & ATTRIBUTE_KIND, data[at + ATTRIBUTE.size : at + size]
        at += (size + 3) & ~3


def _has_legacy(proc: str) -> bool:
    """Whether a filter table of iptables-legacy is loaded."""
    for name in ("ip_tables_names", "ip6_tables_names"):
        try:
            if b"filter" in read_bytes(f"{proc}/self/net/{name}").split():
                return True
        except OSError:
            continue
    return False


def count_file_rules(root: str = "/") -> tuple[int, int] | None:
    """Input rules of the files that iptables is loaded from, or of ufw; None where none is there
    or may be read."""
    v4, v6 = (_first_file(root, FILES[version]) for version in ("v4", "v6"))
    if v4 is not None or v6 is not None:
        return count_input(v4 or ""), count_input(v6 or "")
    ufw = _first_file(root, ("etc/ufw/ufw.conf",))
    if ufw is not None and _setting(ufw, "ENABLED") == "yes":
        return 1, int(_setting(_first_file(root, ("etc/default/ufw",)) or "", "IPV6") == "yes")
    return None


def count_input(text: str) -> int:
    """Rules of INPUT in iptables-save's form, and a policy of INPUT that drops."""
    lines = [line.split() for line in text.splitlines()]
    return sum(words[:2] in (["-A", "INPUT"], [":INPUT", "DROP"]) for words in lines)


def _first_file(root: str, paths: Iterable[str]) -> str | None:
    for path in paths:
        try:
            return read_bytes(os.path.join(root, path)).decode("utf-8", "replace")
        except FileNotFoundError:
            continue
        except OSError:
            return None
    return None


def _setting(text: str, name: str) -> str:
    for line in text.splitlines():
        key, _, value = line.partition("=")
        if key.strip() == name:
            return value.strip().strip("\"'").lower()
    return ""
