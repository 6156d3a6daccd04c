"""Traps become findings that the patrol shares, end with their opposites, and are counted."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from collectors.records import Document
from controller.access.scope import CITY, Scope
from controller.findings.model import Coverage, Observation
from controller.findings.record import observe
from controller.findings.tables import Finding
from controller.ingest.tables import Agent
from controller.inventory.tables import Holding, Resource, Unit, Zone
from controller.network import gear_subjects as gear
from controller.network import trap_take
from controller.network.tables import Device, DeviceAddress, DeviceNeighbour, DevicePort
from controller.network.trap_tables import TrapEvent, TrapSource
from controller.network.traps import list_sources, list_traps, tidy
from controller.store.relational import Database

from .conftest import NOW

PORTS = (
    # if_index, name, alias
    (1, "GE1/0/1", ""),  # end A of line P-1
    (7, "GE0/0/7", "至临镇"),
    (8, "GE0/0/8", ""),  # a desk
    (9, "GE0/0/9", ""),  # a neighbour hangs on it
)


def add_device(database: Database, code: str, network: str, address: str, unit: str) -> int:
    with database.write() as session:
        unit_id = session.execute(select(Unit).where(col(Unit.code) == unit)).scalar_one().id
        resource = Resource(code=code, name=f"名{code}", kind="device", created=NOW)
        session.add(resource)
        session.flush()
        session.add(Holding(resource_id=resource.id, since=NOW, unit_id=unit_id))
        session.add(Device(id=resource.id, network=network, address=address))
        session.flush()
        for index, name, alias in PORTS:
            session.add(
                DevicePort(
                    device_id=resource.id, instance=f"port:{name}", if_index=index, name=name,
                    alias=alias, seen=NOW,
                )
            )  # fmt: skip
        session.add(
            DeviceNeighbour(
                device_id=resource.id, local_port="GE0/0/9", instance="port:GE0/0/9",
                remote_name="peer-sw", first_seen=NOW, last_seen=NOW,
            )
        )  # fmt: skip
        return resource.id or 0


@pytest.fixture
def gear_town(town: Database) -> Database:
    add_device(town, "core-1", "公用网络区", "10.1.0.1", "ljq")
    with town.write() as session:
        zone = session.execute(select(Zone).where(col(Zone.name) == "公用网络区")).scalar_one()
        host = Resource(code="poller-host", name="poller-host", created=NOW)
        session.add(host)
        session.flush()
        session.add(Holding(resource_id=host.id, since=NOW, unit_id=1, zone_id=zone.id))
        session.add(
            Agent(id="p1", name="poller", secret_hash="x" * 64, state="active", unit_id=1,
                  resource_id=host.id, enrolled=NOW, roles="poller")
        )  # fmt: skip
    return town


def trap(kind: str, about: str = "", source: str = "10.1.0.1", **values: str) -> dict[str, Any]:
    return {
        "at_ms": int(NOW.timestamp() * 1000), "source": source, "version": "3", "oid": "1.3.6",
        "kind": kind, "about": about, "values": values, "variables": [["1.3.6.1", "x"]],
    }  # fmt: skip


def send(database: Database, *traps: Any, now: datetime = NOW, **more: Any) -> None:
    body = {"traps": list(traps), "dropped": {}, "refused": {}, **more}
    with database.write() as session:
        agent = session.get_one(Agent, "p1")
        trap_take.take(session, agent, Document("traps", 0, body), now)


def findings(database: Database, state: str = "open") -> dict[tuple[str, str], Finding]:
    with database.read() as session:
        rows = session.execute(select(Finding).where(col(Finding.state) == state)).scalars()
        found = {(row.code, row.subject_key): row for row in rows}
        session.expunge_all()
    return found


def test_a_link_down_opens_a_finding_as_grave_as_what_hangs_on_the_port(
    gear_town: Database,
) -> None:
    send(gear_town, *(trap("link_down", index) for index in ("1", "7", "8", "9", "77")))
    found = findings(gear_town)
    assert {key: row.severity for key, row in found.items()} == {
        ("port.down", "core-1 GE1/0/1"): "critical",  # the line to the province
        ("port.down", "core-1 GE0/0/7"): "minor",
        ("port.down", "core-1 GE0/0/9"): "major",
        ("port.down", "core-1 ifIndex 77"): "minor",
    }
    assert "电信 P-1" in found["port.down", "core-1 GE1/0/1"].title_zh
    with gear_town.read() as session:
        assert len(list_traps(session, CITY, NOW)) == 5  # the desk's trap is kept, too


def test_the_opposite_trap_resolves_and_the_last_word_of_a_batch_counts(
    gear_town: Database,
) -> None:
    send(gear_town, trap("link_down", "7"), trap("link_up", "7"))
    assert findings(gear_town) == {}
    send(gear_town, trap("link_up", "7"), trap("link_down", "7"))
    assert list(findings(gear_town)) == [("port.down", "core-1 GE0/0/7")]
    send(gear_town, trap("link_up", "9"))  # another port's
    assert len(findings(gear_town)) == 1
    send(gear_town, trap("link_up", "7"))
    assert findings(gear_town) == {}
    assert len(findings(gear_town, "resolved")) == 1


def test_traps_and_the_patrol_share_one_finding(gear_town: Database) -> None:
    for _ in range(3):
        send(gear_town, trap("link_down", "7"))
    kind, key = gear.port_subject("core-1", "GE0/0/7")
    seen = Observation(gear.PORT_DOWN, kind, key, "minor", "端口断开")
    with gear_town.write() as session:
        recorded = observe(session, NOW, gear.PATROL, [seen], Coverage.of([gear.PORT_DOWN]))
        assert (recorded.opened, len(recorded.still)) == ([], 1)
        assert session.get_one(Finding, recorded.still[0]).times_seen == 4
        gone = observe(session, NOW, gear.PATROL, [], Coverage.of([gear.PORT_DOWN]))
        assert gone.resolved == recorded.still  # polling saw it up again


def test_a_port_that_was_switched_off_is_no_finding(gear_town: Database) -> None:
    send(gear_town, trap("link_down", "7", admin_status="2"))
    assert findings(gear_town) == {}


def test_routing_peers_restarts_and_wrong_secrets(gear_town: Database) -> None:
    send(
        gear_town, trap("bgp_down", "10.0.0.2"), trap("ospf_down", "10.0.0.3"),
        trap("cold_start"), trap("authentication_failure"), trap("raw"), trap("bgp_up", "10.0.0.9"),
    )  # fmt: skip
    assert {key: row.severity for key, row in findings(gear_town).items()} == {
        ("peer.down", "core-1 bgp 10.0.0.2"): "major",
        ("peer.down", "core-1 ospf 10.0.0.3"): "major",
        ("device.restarted", "core-1"): "info",
        ("device.authentication", "core-1"): "minor",
    }
    send(gear_town, trap("bgp_up", "10.0.0.2"), trap("ospf_up", "10.0.0.3"))
    later = NOW + timedelta(days=1, minutes=1)
    send(gear_town, trap("authentication_failure"), now=later - timedelta(hours=1))
    with gear_town.write() as session:
        tidy(session, later)
    # The restart stands on the same device as a failure that goes on: it waits for that to end.
    assert ("device.authentication", "core-1") in findings(gear_town)
    with gear_town.write() as session:
        tidy(session, later + timedelta(days=1))
    assert findings(gear_town) == {}


def test_unknown_sources_and_what_was_dropped_are_counted(gear_town: Database) -> None:
    send(
        gear_town, trap("link_down", "1", source="192.0.2.7"), trap("raw", source="192.0.2.7"),
        trap("raw"), dropped={"192.0.2.7": 900, "": 3}, refused={"192.0.2.8": 2, "bad": -1},
    )  # fmt: skip
    assert findings(gear_town) == {}
    with gear_town.read() as session:
        sources = {each.address: each for each in list_sources(session, CITY, NOW)}
    assert (sources["192.0.2.7"].received, sources["192.0.2.7"].dropped) == (2, 900)
    assert (sources["192.0.2.8"].refused, sources[""].dropped) == (2, 3)
    assert (sources["10.1.0.1"].device, sources["192.0.2.7"].device) == ("core-1", "")
    assert "bad" not in sources


def test_counting_does_not_grow_without_bound(
    gear_town: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trap_take, "MOST_SOURCES", 10)
    for start in range(0, 40, 20):
        send(gear_town, refused={f"192.0.2.{start + n}": 1 for n in range(20)})
    with gear_town.read() as session:
        rows = session.execute(select(TrapSource)).scalars().all()
        assert len(rows) == 11
        assert sum(row.refused for row in rows) == 40


def test_one_address_in_two_networks_is_the_device_of_the_pollers_own(
    gear_town: Database,
) -> None:
    add_device(gear_town, "other", "某专网", "10.1.0.1", "czj")
    send(gear_town, trap("link_down", "7"))
    assert list(findings(gear_town)) == [("port.down", "core-1 GE0/0/7")]


def test_a_device_is_known_by_any_of_its_addresses(gear_town: Database) -> None:
    with gear_town.write() as session:
        device = session.execute(select(Device)).scalars().one()
        session.add(DeviceAddress(device_id=device.id, if_index=1, address="fd00:1::1", seen=NOW))
    send(gear_town, trap("link_down", "7", source="fd00:1::1"))
    send(gear_town, trap("link_down", "9", source="192.0.2.1", relayed_for="10.1.0.1"))
    assert len(findings(gear_town)) == 2


def test_another_units_traps_are_not_shown(gear_town: Database) -> None:
    send(gear_town, trap("link_down", "7"), trap("raw", source="192.0.2.7"))
    with gear_town.read() as session:
        ours = session.execute(select(Unit).where(col(Unit.code) == "ljq")).scalar_one().id
        theirs = session.execute(select(Unit).where(col(Unit.code) == "czj")).scalar_one().id
        assert len(list_traps(session, Scope(frozenset({ours or 0})), NOW)) == 1
        assert list_traps(session, Scope(frozenset({theirs or 0})), NOW) == []
        assert list_sources(session, Scope(frozenset({theirs or 0})), NOW) == []
        assert [t.kind for t in list_traps(session, CITY, NOW, text="192.0.2")] == ["raw"]


def test_old_traps_are_thrown_away(gear_town: Database) -> None:
    send(gear_town, trap("raw"))
    with gear_town.write() as session:
        assert tidy(session, NOW + timedelta(days=31)) == 1
        assert session.execute(select(TrapEvent)).all() == []


@pytest.mark.parametrize("body", [{}, {"traps": "x"}, {"traps": [1]}])
def test_a_document_that_is_none_is_refused(gear_town: Database, body: dict[str, Any]) -> None:
    with gear_town.write() as session, pytest.raises(ValueError, match="traps"):
        trap_take.take(session, session.get_one(Agent, "p1"), Document("traps", 0, body), NOW)


def test_nonsense_in_a_trap_is_survived(gear_town: Database) -> None:
    send(
        gear_town, {"kind": "link_down"}, {"source": 7, "at_ms": "x", "variables": [[1], "y"]},
        {"source": "10.1.0.1", "kind": "link_down", "about": "9" * 900, "values": "x"},
        {"source": "10.1.0.1", "kind": "bgp_sideways", "at_ms": 10**15},
    )  # fmt: skip
    with gear_town.read() as session:
        assert len(list_traps(session, CITY, NOW)) == 4


def test_an_agent_that_is_no_poller_says_nothing_of_others_gear(gear_town: Database) -> None:
    with gear_town.write() as session:
        agent = session.get_one(Agent, "p1")
        agent.roles = ""
        trap = {"source": "10.1.0.1", "kind": "link_down", "about": "7", "values": {}}
        with pytest.raises(ValueError, match="role poller"):
            trap_take.take(session, agent, Document("traps", 0, {"traps": [trap]}), NOW)
        assert not session.execute(select(Finding)).all()
        assert not session.execute(select(TrapEvent)).all()
