"""The list of permits to ask the network team for: observed connections at their new addresses.

Pure. One row a (source, destination, protocol, port). What stays within one planned network passes
no firewall and is left out; DNS and NTP of the plan are asked for although UDP is not observed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

from controller.moves.directory import Host
from controller.moves.plan_hosts import Moved
from controller.moves.plan_rows import Address, Network, PlanRow


@dataclass(frozen=True)
class End:
    """One end of a connection as observed: its address, and who it is where that is known."""

    address: str
    name: str = ""
    unit: str = ""
    system: str = ""
    known: bool = True
    own: bool = False
    """Belongs to the unit that moves."""


@dataclass(frozen=True)
class Observed:
    """A connection with an end in the plan."""

    client: End
    server: End
    port: int
    days: int
    last: str
    process: str = ""
    protocol: str = "tcp"


def permits(
    observed: Iterable[Observed],
    moved: Mapping[str, Moved],
    rows: Sequence[PlanRow],
    hosts: Mapping[int, Host],
) -> list[dict[str, Any]]:
    """The rows of the list, by source and destination; IPv4 and IPv6 each where both ends have
    one."""
    nets = {interface.network for row in rows for _, interface, _, _ in row.interfaces()}
    found: dict[tuple[str, str, str, int], dict[str, Any]] = {}
    for each in observed:
        for source, target in _pairs(each, moved):
            if _same_network(source, target, nets):
                continue
            key = (source, target, each.protocol, each.port)
            before = found.get(key)
            if before is None or each.days > before["days"]:
                found[key] = _row(each, source, target)
    for row in rows:
        host = hosts.get(row.row)
        for service, port, servers in (("DNS", 53, row.dns), ("NTP", 123, row.ntp)):
            for own, server in _service_pairs(row, servers):
                if host is not None and not _same_network(own, server, nets):
                    key = (own, server, "udp", port)
                    found.setdefault(key, _service(host, service, own, server, port))
    return sorted(
        found.values(), key=lambda r: (_order(r["source"]), _order(r["target"]), r["port"])
    )


@lru_cache(maxsize=50_000)
def _parsed(address: str) -> Address:
    return ip_address(address)


def _order(address: str) -> tuple[int, int]:
    parsed = _parsed(address)
    return parsed.version, int(parsed)


def _pairs(each: Observed, moved: Mapping[str, Moved]) -> list[tuple[str, str]]:
    """(source, destination) at the new addresses, one for each IP version that can be."""
    client, server = moved.get(each.client.address), moved.get(each.server.address)
    pairs = []
    for version in (4, 6):
        ends = []
        for end, new in ((each.client.address, client), (each.server.address, server)):
            if new is not None:
                ends.append(new.new.get(version, ""))
            else:
                ends.append(end if _parsed(end).version == version else "")
        if all(ends):
            pairs.append((ends[0], ends[1]))
    return pairs


def _same_network(source: str, target: str, nets: Iterable[Network]) -> bool:
    one, other = _parsed(source), _parsed(target)
    return one.version == other.version and any(
        net.version == one.version and one in net and other in net for net in nets
    )


def _service_pairs(row: PlanRow, servers: Sequence[Address]) -> list[tuple[str, str]]:
    return [
        (str(interface.ip), str(server))
        for _, interface, _, _ in row.interfaces()
        for server in servers
        if server.version == interface.version
    ]


def _row(each: Observed, source: str, target: str) -> dict[str, Any]:
    notes = []
    if not (each.client.known and each.server.known):
        notes.append("对端未在台账中登记，请核实")
    return {
        "source": source, "source_name": each.client.name, "source_unit": each.client.unit,
        "source_system": each.client.system,
        "target": target, "target_name": each.server.name, "target_unit": each.server.unit,
        "target_system": each.server.system,
        "protocol": each.protocol, "port": each.port, "use": each.process, "days": each.days,
        "last": each.last, "note": "；".join(notes), "source_own": each.client.own,
        "target_own": each.server.own, "target_known": each.server.known,
        "source_known": each.client.known,
        "known": each.client.known and each.server.known,
    }  # fmt: skip


def _service(host: Host, use: str, source: str, target: str, port: int) -> dict[str, Any]:
    return {
        "source": source, "source_name": host.name, "source_unit": host.unit_name,
        "source_system": host.system, "target": target, "target_name": use, "target_unit": "",
        "target_system": "", "protocol": "udp", "port": port, "use": use, "days": 0, "last": "",
        "note": "按地址方案", "known": True, "source_own": True, "target_own": True,
        "source_known": True, "target_known": True,
    }  # fmt: skip


HEADS = ("序号", "源单位", "源系统", "源主机", "源地址", "目的单位", "目的系统", "目的主机",
         "目的地址", "协议", "目的端口", "用途", "观测天数", "最近出现", "备注")  # fmt: skip


def acl_lines(acl: Sequence[Mapping[str, Any]]) -> list[list[object]]:
    """The list as rows of a sheet, under HEADS."""
    return [
        [number, r["source_unit"], r["source_system"], r["source_name"], r["source"],
         r["target_unit"], r["target_system"], r["target_name"], r["target"],
         r["protocol"].upper(), r["port"], r["use"], r["days"] or "", r["last"], r["note"]]
        for number, r in enumerate(acl, 1)
    ]  # fmt: skip
