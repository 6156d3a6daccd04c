"""How ready this host is for IPv6, asked of the kernel and of its resolvers. Needs no root.

``read_host()`` gives one JSON-ready document (kind ``ipv6_host``)::

    {"version": 1, "kernel": true,
     "addresses": [{"interface", "address", "prefix", "kind", "temporary", "usable"}],
     "kinds": {"global": 1, "ula": 0, "link_local": 1, "tunnel": 0, "temporary": 0},
     "default_route": {"present", "gateway", "interface", "reachable"},
     "settings": {"eth0": {"disable_ipv6", "accept_ra", "forwarding", "autoconf", "use_tempaddr"}},
     "resolvers": [{"address", "version", "reachable", "aaaa"}],
     "services": {"listening": 5, "v4_only": [{"protocol", "port", "address", "process"}]},
     "firewall": {"state", "source", "v4_rules", "v6_rules"},
     "connections": {"v4", "v6", "peers_v4", "peers_v6"},
     "not_checked": ["firewall", "process"]}

What a part cannot be asked for is None and its name stands in ``not_checked``: it is never taken
for a no. What would need root: the firewall's rules, and processes of other users.
"""

from __future__ import annotations

from typing import Any

from collectors.ipv6.host.addresses import count_kinds, read_addresses, read_settings
from collectors.ipv6.host.firewall import read_firewall
from collectors.ipv6.host.gateway import read_default_route
from collectors.ipv6.host.resolvers import read_resolvers
from collectors.ipv6.host.services import read_services

KIND = "ipv6_host"
VERSION = 1
MOST_ADDRESSES = 200


def read_host(proc: str = "/proc", root: str = "/") -> dict[str, Any]:
    """The document. Never raises for what one part could not read; it may take some ten seconds
    where gateway or resolvers are silent."""
    missing: list[str] = []
    addresses = read_addresses(proc)
    kernel = addresses is not None
    services, connections, unseen = read_services(proc)
    if services is None:
        missing.append("services")
    if connections is None:
        missing.append("connections")
    if unseen:
        missing.append("process")
    firewall = read_firewall(proc, root)
    if firewall["state"] == "not_checked":
        missing.append("firewall")
    route = read_default_route(proc)
    if route["present"] and route["reachable"] is None:
        missing.append("gateway")
    resolvers = read_resolvers(root)
    found = addresses or []
    return {
        "version": VERSION,
        "kernel": kernel,
        "addresses": [each._asdict() for each in found[:MOST_ADDRESSES]],
        "kinds": count_kinds(found),
        "default_route": route,
        "settings": read_settings(proc),
        "resolvers": resolvers,
        "services": services,
        "firewall": firewall,
        "connections": connections,
        "not_checked": missing,
    }


def steady(document: dict[str, Any]) -> dict[str, Any]:
    """The part of a document whose change is worth sending at once: not the counts of the moment,
    nor temporary addresses, which come and go by themselves."""
    kept = {key: value for key, value in document.items() if key != "connections"}
    kept["addresses"] = [
        each for each in document.get("addresses") or [] if not each.get("temporary")
    ]
    kept["kinds"] = {
        key: value for key, value in (document.get("kinds") or {}).items() if key != "temporary"
    }
    return kept
