"""The figures of hosts and devices that indicators of readiness are made of.

A host's document is what its agent sends (kind ``ipv6_host``), a device's what its poller read;
``traffic`` may be put beside it: ``{"v4_bytes", "v6_bytes"}`` of some days. What a part could not
be asked for is not measured, never a no.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Measured = tuple[float | None, str]
"""(value, "") or (None, the reason)."""

Document = Mapping[str, Any]

NOTHING: Measured = (None, "nothing_to_measure")
NOT_CHECKED: Measured = (None, "not_checked")
BY_IPV4 = 0.5
"""A resolver that answers AAAA, but is reached over IPv4."""


def _address(told: Document) -> Measured:
    kinds = told.get("kinds")
    if not isinstance(kinds, Mapping):
        return NOT_CHECKED
    return float(bool(kinds.get("global") or kinds.get("ula"))), ""


def _route(told: Document) -> Measured:
    route = told.get("default_route")
    if not isinstance(route, Mapping):
        return NOT_CHECKED
    if not route.get("present"):
        return 0.0, ""
    if route.get("reachable") is None and route.get("gateway"):
        return NOT_CHECKED
    return float(route.get("reachable") is not False), ""


def _resolver(told: Document) -> Measured:
    found = told.get("resolvers")
    if found is None:
        return NOT_CHECKED
    able = [each for each in found if each.get("aaaa")]
    if not found:
        return NOTHING
    if not able:
        return 0.0, ""
    return (1.0 if any(each.get("version") == 6 for each in able) else BY_IPV4), ""


def _services(told: Document) -> Measured:
    services = told.get("services")
    if not isinstance(services, Mapping):
        return NOT_CHECKED
    total = services.get("listening") or 0
    if not total:
        return NOTHING
    return 1 - (services.get("v4_only_count") or 0) / total, ""


def _firewall(told: Document) -> Measured:
    state = (told.get("firewall") or {}).get("state", "not_checked")
    return NOT_CHECKED if state == "not_checked" else (float(state in ("both", "none")), "")


def _traffic(told: Document) -> Measured:
    traffic = told.get("traffic") or {}
    v4, v6 = traffic.get("v4_bytes"), traffic.get("v6_bytes")
    if v4 is None or v6 is None:
        return None, "not_measured"
    return (v6 / (v4 + v6), "") if v4 + v6 > 0 else NOTHING


def _forwarding(told: Document) -> Measured:
    if told.get("forwards") is False:
        return NOTHING  # a switch that routes nothing
    value = told.get("ipv6_forwarding")
    return NOT_CHECKED if value is None else (float(bool(value)), "")


def _peers(told: Document) -> Measured:
    peers = told.get("peers")
    if peers is None:
        return NOT_CHECKED
    if not peers:
        return NOTHING
    v6 = [
        each for each in peers
        if each.get("protocol") == "ospfv3" or ":" in str(each.get("address", ""))
    ]  # fmt: skip
    if not v6 and all(each.get("protocol") == "bgp" for each in peers):
        return NOT_CHECKED  # no standard table lists BGP peers over IPv6
    up = [each for each in v6 if each.get("up")]
    return (len(up) / len(v6) if v6 else 0.0), ""


def _counters(told: Document) -> Measured:
    told_versions = told.get("versions_told")
    return NOT_CHECKED if told_versions is None else (float(6 in told_versions), "")


Values = dict[str, Callable[[Document], Measured]]

HOST_VALUES: Values = {
    "host_address": _address,
    "host_route": _route,
    "host_resolver": _resolver,
    "host_services": _services,
    "host_firewall": _firewall,
    "host_traffic": _traffic,
}
DEVICE_VALUES: Values = {
    "device_address": _address,
    "device_forwarding": _forwarding,
    "device_peers": _peers,
    "device_counters": _counters,
    "device_traffic": _traffic,
}
