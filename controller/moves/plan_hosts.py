"""Per-host plans from the rows of an address plan: what the cut-over playbooks take. Pure.

Field names are those of ``cutover_hosts`` in docs/cutover.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from controller.moves.directory import Host
from controller.moves.plan_rows import PlanRow, texts

MOST_EDGES = 60
"""Connections tried again after a cut-over; those met on most days."""
REQUIRED_DAYS = 3
"""Met on so many days a connection must open again; a rarer one is tried and told."""


@dataclass(frozen=True)
class Called:
    """A connection that a host opens: to which address and port, met on how many days."""

    peer: str
    port: int
    days: int
    process: str = ""
    protocol: str = "tcp"


def host_plans(
    rows: Sequence[PlanRow],
    hosts: Mapping[int, Host],
    called: Mapping[str, Sequence[Called]],
    waves: Mapping[str, int],
) -> list[dict[str, Any]]:
    """A plan of each host, in the order of the file; a second interface is left to hands.

    ``called`` and ``waves`` by the host's code. Peers that move by this very plan are called at
    the address they will have if their wave is not a later one.
    """
    plans: dict[str, dict[str, Any]] = {}
    moved = moved_addresses(rows, hosts)
    for row in rows:
        host = hosts.get(row.row)
        if host is None or host.code in plans:
            continue
        wave = waves.get(host.code, 1)
        edges = [
            {
                "peer": _peer(each.peer, moved, waves, wave),
                "port": each.port,
                "required": each.days >= REQUIRED_DAYS,
            }
            for each in called.get(host.code, ())[:MOST_EDGES]
        ]
        plan: dict[str, Any] = {
            "code": host.code,
            "name": host.name,
            "row": row.row,
            "system": host.system,
            "unit": host.unit_name,
            "wave": wave,
            "interface": row.interface,
            "old_address": str(row.old) if row.old is not None and row.address4 else "",
            "address": _text(row.address4),
            "gateway": _text(row.gateway4),
            "address6": _text(row.address6),
            "gateway6": _text(row.gateway6),
            "dns": texts(row.dns),
            "search": row.search,
            "dns_probe": row.dns_probe,
            "ntp": texts(row.ntp),
            "mtu": row.mtu,
            "vlan": row.vlan,
            "routes": [{"to": str(to), "via": str(via)} for to, via in row.routes],
            "edges": edges,
            "note": row.note,
        }
        plans[host.code] = plan
    return list(plans.values())


def _text(value: object) -> str:
    return "" if value is None else str(value)


@dataclass(frozen=True)
class Moved:
    """A host of the plan: its code, and its new addresses by IP version."""

    code: str
    new: Mapping[int, str]


def moved_addresses(rows: Sequence[PlanRow], hosts: Mapping[int, Host]) -> dict[str, Moved]:
    """Present address -> the host of the plan that has it, and what it will have."""
    found: dict[str, Moved] = {}
    for row in rows:
        host = hosts.get(row.row)
        if host is None:
            continue
        new: dict[int, str] = {
            interface.version: str(interface.ip) for _, interface, _, _ in row.interfaces()
        }
        olds = set(host.addresses) | ({str(row.old.ip)} if row.old is not None else set())
        for old in olds:
            found.setdefault(old, Moved(host.code, new))
    return found


def _peer(peer: str, moved: Mapping[str, Moved], waves: Mapping[str, int], wave: int) -> str:
    other = moved.get(peer)
    if other is None or waves.get(other.code, 1) > wave:
        return peer
    return other.new.get(ip_address(peer).version, peer)


PLAYBOOK_FIELDS = (
    "interface", "old_address", "address", "gateway", "address6", "gateway6", "dns", "search",
    "dns_probe", "ntp", "mtu", "routes", "edges", "note", "unit", "wave",
)  # fmt: skip


def _harmless(value: Any) -> Any:
    """Text that came in a file (a note, a search domain) without the beginnings of templates: who
    runs the playbooks would carry out what stands in them."""
    return re.sub(r"\{(?=[{%#])", "{ ", value) if isinstance(value, str) else value


def playbook_plan(plans: Iterable[Mapping[str, Any]], wave: int | None = None) -> dict[str, Any]:
    """``{"cutover_hosts": …}`` of all hosts or of one wave; empty fields are left out."""
    return {
        "cutover_hosts": {
            plan["code"]: {
                name: _harmless(plan[name])
                for name in PLAYBOOK_FIELDS
                if plan[name] not in ("", None, [])
            }
            for plan in plans
            if wave is None or plan["wave"] == wave
        }
    }
