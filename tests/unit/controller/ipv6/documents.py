"""Documents of hosts as agents send them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from worlds import World

from collectors.records import Document
from controller.ingest.tables import Agent
from controller.ipv6.subjects import take_host

READY: dict[str, Any] = {
    "version": 1,
    "kernel": True,
    "addresses": [],
    "kinds": {"global": 1, "ula": 0, "link_local": 1, "tunnel": 0, "other": 0, "temporary": 0},
    "default_route": {"present": True, "gateway": "fe80::1", "interface": "eth0",
                      "reachable": True},
    "settings": {},
    "resolvers": [{"address": "fd00::53", "version": 6, "reachable": True, "aaaa": True}],
    "services": {"listening": 4, "v4_only_count": 0, "v4_only": []},
    "firewall": {"state": "both", "source": "kernel", "v4_rules": 3, "v6_rules": 3},
    "connections": {"v4": 3, "v6": 5, "peers_v4": 2, "peers_v6": 3},
    "not_checked": [],
}  # fmt: skip
BARE = READY | {
    "kinds": {**READY["kinds"], "global": 0},
    "default_route": {"present": False, "gateway": "", "interface": "", "reachable": None},
    "resolvers": [{"address": "10.0.0.53", "version": 4, "reachable": True, "aaaa": False}],
    "services": {
        "listening": 4,
        "v4_only_count": 4,
        "v4_only": [{"protocol": "tcp", "port": 8080, "address": "0.0.0.0", "process": "java"}],
    },
    "firewall": {"state": "not_checked", "source": "", "v4_rules": None, "v6_rules": None},
}
SERVICES_LEFT = READY | {"services": BARE["services"]}


def tell(w: World, resource: str, body: dict[str, Any], at: datetime | None = None) -> None:
    """The host's agent sends its document."""
    moment = at or w.clock[0]
    with w.runtime.database.write() as session:
        agent = session.get(Agent, f"agent-{resource}")
        if agent is None:
            agent = Agent(
                id=f"agent-{resource}", name=resource, secret_hash="0" * 64, state="active",
                unit_id=w.ids["A"], resource_id=w.ids[resource], enrolled=moment,
            )  # fmt: skip
            session.add(agent)
            session.flush()
        document = Document("ipv6_host", round(moment.timestamp() * 1000), body)
        take_host(session, agent, document, w.clock[0])
