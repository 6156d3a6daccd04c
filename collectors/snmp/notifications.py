"""What a trap or inform says: its kind, and which port or neighbour it is about. Pure.

Numbers are those of SNMPv2-MIB (RFC 3418), IF-MIB (RFC 2863), BGP4-MIB (RFC 1657 and 4273) and
OSPF-TRAP-MIB (RFC 4750). What is none of them stays raw.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

MOST_VARIABLES = 32
MOST_TEXT = 200

TRAP_OID = "1.3.6.1.6.3.1.1.4.1.0"
UPTIME = "1.3.6.1.2.1.1.3.0"
RELAYED_FOR = "1.3.6.1.6.3.18.1.3.0"
"""snmpTrapAddress: whom a proxy speaks for (RFC 3584), and of a v1 trap its own idea of itself."""
COMMUNITY = "1.3.6.1.6.3.18.1.4.0"
"""snmpTrapCommunity: a secret, so it is not kept."""

KINDS = {
    "1.3.6.1.6.3.1.1.5.1": "cold_start",
    "1.3.6.1.6.3.1.1.5.2": "warm_start",
    "1.3.6.1.6.3.1.1.5.3": "link_down",
    "1.3.6.1.6.3.1.1.5.4": "link_up",
    "1.3.6.1.6.3.1.1.5.5": "authentication_failure",
    "1.3.6.1.2.1.15.7.1": "bgp_up",
    "1.3.6.1.2.1.15.7.2": "bgp_down",
    "1.3.6.1.2.1.15.0.1": "bgp_up",
    "1.3.6.1.2.1.15.0.2": "bgp_down",
    "1.3.6.1.2.1.14.16.2.2": "ospf_neighbour",
}
RAW = "raw"

IF_INDEX = "1.3.6.1.2.1.2.2.1.1."
IF_COLUMNS = {
    IF_INDEX: "if_index",
    "1.3.6.1.2.1.2.2.1.2.": "if_descr",
    "1.3.6.1.2.1.2.2.1.7.": "admin_status",
    "1.3.6.1.2.1.2.2.1.8.": "oper_status",
    "1.3.6.1.2.1.31.1.1.1.1.": "if_name",
    "1.3.6.1.2.1.31.1.1.1.18.": "if_alias",
}
BGP_PEER = "1.3.6.1.2.1.15.3.1."
OSPF_NEIGHBOUR = "1.3.6.1.2.1.14.10.1."
OSPF_STATE = OSPF_NEIGHBOUR + "6."
OSPF_UP = ("4", "8")
"""twoWay (all there is between routers that are not designated) and full."""


class Notification(NamedTuple):
    """One trap or inform. ``about``: if_index of a port, address of a neighbour, "" the device."""

    source: str
    version: str
    """1, 2c or 3."""
    oid: str
    kind: str
    about: str
    values: dict[str, str]
    """What is known of the port: if_name, if_descr, oper_status …"""
    variables: list[tuple[str, str]]
    """OID and value of each variable, as they came, bounded."""


def read(source: str, version: str, variables: Iterable[tuple[str, str]]) -> Notification:
    """A notification from its variables (OID, printed value)."""
    known = ((oid, value[:MOST_TEXT]) for oid, value in variables if oid != COMMUNITY)
    kept = list(known)[:MOST_VARIABLES]
    told = dict(kept)
    oid = told.get(TRAP_OID, "")
    kind = KINDS.get(oid, RAW)
    values: dict[str, str] = {}
    about = ""
    if kind.startswith("link_"):
        about, values = _port(kept)
    elif kind.startswith("bgp_"):
        about = _tail(kept, BGP_PEER, 4)
    elif kind == "ospf_neighbour":
        about = _tail(kept, OSPF_NEIGHBOUR, 4)
        state = next((value for each, value in kept if each.startswith(OSPF_STATE)), "")
        kind = "ospf_up" if state in OSPF_UP else "ospf_down" if state else RAW
        values = {"state": state} if state else {}
    if kind != RAW and kind.startswith(("link_", "bgp_", "ospf_")) and not about:
        kind = RAW  # without its subject it cannot be told from another's
    if told.get(RELAYED_FOR, source) != source:
        values["relayed_for"] = told[RELAYED_FOR]
    rest = [each for each in kept if each[0] not in (TRAP_OID, UPTIME)]
    return Notification(source, version, oid, kind, about, values, rest)


def _port(variables: list[tuple[str, str]]) -> tuple[str, dict[str, str]]:
    """The port's index and what else was sent of it."""
    values: dict[str, str] = {}
    index = ""
    for oid, value in variables:
        for column, name in IF_COLUMNS.items():
            if oid.startswith(column):
                values[name] = value
                index = index or oid[len(column) :]
    return values.get("if_index", index), values


def _tail(variables: list[tuple[str, str]], column: str, length: int) -> str:
    """The address in the index of a table's first variable: column, then ``length`` numbers."""
    for oid, _ in variables:
        numbers = oid.removeprefix(column).split(".")
        if oid.startswith(column) and len(numbers) > length:
            return ".".join(numbers[1 : 1 + length])
    return ""
