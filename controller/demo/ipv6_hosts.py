"""What the agents of the demo fleet would have told of IPv6: invented, as its history is, for the
hosts of some units; the others stay unknown, as in life. Then the day is computed the ordinary way.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlmodel import col, select

from controller.commands.client import Api
from controller.demo.site_names import SITES
from controller.demo.world import SEED, Vm
from controller.inventory.tables import Resource
from controller.ipv6.subjects import HOST, put_document
from controller.ipv6.tables import Ipv6Day
from controller.ipv6.traffic import SHANGHAI
from controller.local import open_database

TELLING = {"demo-zfb": 0.85, "demo-dsj": 0.7, "demo-wjw": 0.35, "demo-hbj": 0.5, "demo-ljq": 0.2}
"""Units whose hosts have agents, and how many of them got IPv6."""
DAYS = 30
CLIMB = 0.35
"""Points that the score rose a day, as invented."""


def furnish(api: Api, data: Path, vms: list[Vm], end: datetime) -> str:
    """Tells of the hosts, computes the day, invents the days before; a line for the terminal."""
    chance = random.Random(SEED)  # noqa: S311 -- invented data, not a secret
    told = 0
    with open_database(data) as runtime, runtime.database.write() as session:
        found = session.exec(select(col(Resource.code), col(Resource.id))).all()
        ids = {code: number or 0 for code, number in found}
        for vm in vms:
            if vm.unit in TELLING and vm.code in ids:
                body = _document(chance, vm, TELLING[vm.unit])
                at = end - timedelta(minutes=chance.randrange(3, 50))
                put_document(session, HOST, ids[vm.code], body, at, "demo")
                told += 1
    rows = [{"site": site[0], "score": 55 + 12 * n} for n, site in enumerate(SITES)]
    known = {each["code"] for each in api.items("/api/v1/ipv6/sites")}
    rows = [row for row in rows if row["site"] in known]
    if rows:
        day = (end - timedelta(days=12)).date().isoformat()
        body = {"source": "省级监测平台(演示)", "day": day, "rows": rows}
        api.put("/api/v1/ipv6/official", body)
    made = api.post("/api/v1/ipv6/refresh", {})
    _earlier_days(data, end)
    return f"主机 IPv6 · hosts: {told} 台, 问题 {made['opened']} 项 · {made['opened']} findings"


def _document(chance: random.Random, vm: Vm, ready: float) -> dict[str, Any]:
    """A host: with IPv6 all told, or bare; some services and firewalls lag behind."""
    on = chance.random() < ready
    lagging = chance.random() < 0.4
    ports = [(22, "sshd"), (8080, "java"), (9100, "node_exporter"), (3306, "mysqld")]
    left = ports[1:3] if lagging else []
    v4_only = ports if not on else left
    tail = ":".join(vm.ip.split("."))
    addresses = [("eth0", "fe80::1", 64, "link_local")]
    addresses += [("eth0", f"2408:8000:66::{tail}", 64, "global")] if on else []
    return {
        "version": 1,
        "kernel": True,
        "addresses": [
            {"interface": name, "address": address, "prefix": prefix, "kind": kind,
             "temporary": False, "usable": True}
            for name, address, prefix, kind in addresses
        ],
        "kinds": {"global": int(on), "ula": 0, "link_local": 1, "tunnel": 0, "other": 0,
                  "temporary": 0},
        "default_route": {"present": on, "gateway": "fe80::fffe" if on else "",
                          "interface": "eth0" if on else "", "reachable": True if on else None},
        "settings": {"all": {"disable_ipv6": 0, "accept_ra": 1, "forwarding": 0}},
        "resolvers": [
            {"address": "2408:8000:66::53" if on else "10.66.0.53", "version": 6 if on else 4,
             "reachable": True, "aaaa": True}
        ],
        "services": {
            "listening": len(ports),
            "v4_only_count": len(v4_only),
            "v4_only": [
                {"protocol": "tcp", "port": port, "address": "0.0.0.0", "process": name}  # noqa: S104
                for port, name in v4_only
            ],
        },
        "firewall": {"state": "not_checked", "source": "", "v4_rules": None, "v6_rules": None},
        "connections": {"v4": 20, "v6": 14 if on else 0, "peers_v4": 8, "peers_v6": 5 * on},
        "not_checked": ["firewall"],
    }  # fmt: skip


def _earlier_days(data: Path, end: datetime) -> None:
    """The days before today, a little lower each."""
    today = end.astimezone(SHANGHAI).date()
    with open_database(data) as runtime, runtime.database.write() as session:
        rows = session.exec(
            select(Ipv6Day).where(
                col(Ipv6Day.day) >= today, col(Ipv6Day.level).in_(("city", "unit", "system"))
            )
        ).all()
        for row in rows:
            for back in range(1, DAYS + 1):
                score = None if row.score is None else max(0.0, round(row.score - CLIMB * back, 2))
                session.add(
                    Ipv6Day(
                        level=row.level,
                        ref=row.ref,
                        day=row.day - timedelta(days=back),
                        score=score,
                        coverage=row.coverage,
                        subjects=row.subjects,
                        passing=row.passing,
                    )
                )
