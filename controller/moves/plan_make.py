"""A plan made: rows held against the register, hosts' plans, permits, waves. Pure."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controller.inventory.table import Table
from controller.moves.directory import Host
from controller.moves.plan_acl import Observed, permits
from controller.moves.plan_checks import Around, Faults, check_row, match_hosts
from controller.moves.plan_hosts import Called, host_plans, moved_addresses
from controller.moves.plan_rows import Fault, PlanRow, headers_of, rows_of
from controller.moves.plan_waves import MOST_HOSTS, plan_waves
from controller.moves.plan_whole import check_whole

ENOUGH_DAYS = 7
"""Shorter observed, a plan's list of permits and edges is told to be thin."""


@dataclass(frozen=True)
class Seen:
    """A connection with an end in the plan, and the codes of its ends ("" for no resource)."""

    client: str
    server: str
    observed: Observed


@dataclass(frozen=True)
class Made:
    """A plan: everything as plain data."""

    hosts: list[dict[str, Any]]
    faults: list[Fault]
    acl: list[dict[str, Any]]
    waves: list[dict[str, Any]]
    summary: dict[str, Any]

    @property
    def blocking(self) -> int:
        return sum(fault.severity == "blocker" for fault in self.faults)

    @property
    def digest(self) -> str:
        """SHA-256 of the hosts' plans."""
        return digest_of(self.hosts)


def digest_of(hosts: Sequence[Mapping[str, Any]]) -> str:
    """SHA-256 of hosts' plans, whatever the order of their fields."""
    text = json.dumps(hosts, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def check_plan(table: Table, around: Around) -> tuple[list[PlanRow], dict[int, Host], list[Fault]]:
    """Rows of the file, the hosts they mean, and every fault, in the order of the file."""
    rows, unread = rows_of(table)
    faults = Faults(headers_of(table))
    hosts = match_hosts(rows, around, faults)
    for row in rows:
        check_row(row, hosts.get(row.row), around, faults)
    check_whole(rows, hosts, faults)
    found = [*unread, *faults.found]
    return rows, hosts, sorted(found, key=lambda f: (f.row, f.severity, f.kind, f.column))


def make_plan(
    table: Table,
    around: Around,
    seen: Sequence[Seen],
    watched: Mapping[str, int],
    *,
    most: int = MOST_HOSTS,
) -> Made:
    """``watched``: host code -> days on which it (or others of it) told of its connections;
    ``most``: hosts of one wave."""
    rows, hosts, faults = check_plan(table, around)
    codes = list(dict.fromkeys(hosts[row.row].code for row in rows if row.row in hosts))
    pairs = [(each.client, each.server) for each in seen if each.client and each.server]
    systems = {host.code: host.system for host in hosts.values()}
    waves = plan_waves(codes, pairs, systems, most=most)
    wave_of = {code: wave["number"] for wave in waves for code in wave["hosts"]}
    plans = host_plans(rows, hosts, _called(seen, set(codes)), wave_of)
    acl = permits([each.observed for each in seen], moved_addresses(rows, hosts), rows, hosts)
    return Made(plans, faults, acl, waves, _summary(rows, codes, faults, acl, watched))


def _called(seen: Sequence[Seen], codes: set[str]) -> dict[str, list[Called]]:
    """Of each host of the plan what it calls, most days first; each peer and port once."""
    found: dict[str, dict[tuple[str, int], Called]] = defaultdict(dict)
    for each in seen:
        if each.client in codes:
            what = each.observed
            called = Called(what.server.address, what.port, what.days, what.process, what.protocol)
            before = found[each.client].get((called.peer, called.port))
            if before is None or before.days < called.days:
                found[each.client][called.peer, called.port] = called
    return {
        code: sorted(calls.values(), key=lambda c: (-c.days, c.peer, c.port))
        for code, calls in found.items()
    }


def _summary(
    rows: Sequence[PlanRow],
    codes: Sequence[str],
    faults: Sequence[Fault],
    acl: Sequence[Mapping[str, Any]],
    watched: Mapping[str, int],
) -> dict[str, Any]:
    days = [watched.get(code, 0) for code in codes]
    return {
        "rows": len(rows),
        "hosts": len(codes),
        "blockers": sum(fault.severity == "blocker" for fault in faults),
        "warnings": sum(fault.severity == "warning" for fault in faults),
        "kinds": dict(Counter(fault.kind for fault in faults).most_common()),
        "permits": len(acl),
        "unknown_permits": sum(not each["known"] for each in acl),
        "ipv6": sum(row.address6 is not None for row in rows),
        "unwatched": sum(not each for each in days),
        "thin": sum(0 < each < ENOUGH_DAYS for each in days),
    }
