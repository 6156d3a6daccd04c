"""The patrol of the extranet: devices, ports, neighbours, access points, contracts of lines."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from collectors.records import Document
from controller.ingest.tables import Agent
from controller.inventory.tables import Holding, Resource
from controller.network import trap_take
from controller.network.line_tables import AccessPoint, Line, LineTerm, PointTerm
from controller.network.tables import Device, DeviceNeighbour, DevicePeer, DevicePort
from controller.store.tables import Watermark
from tests.unit.controller.patrol.city import City


@pytest.fixture
def net(c: City) -> City:
    """A device of B that answers, with three ports and a BGP neighbour; a poller of A."""
    c.host("vm-1", roles="poller")
    c.five("vm-1", cpu_used_pct=10.0, mem_used_pct=10.0, disk_used_pct=10.0)
    with c.runtime.database.write() as session:
        session.add(Watermark(name="live:host", at=c.now - timedelta(minutes=5)))
        resource = Resource(code="core-1", name="核心", kind="device", created=c.now)
        session.add(resource)
        session.flush()
        c.ids["core-1"] = resource.id or 0
        session.add(Holding(resource_id=resource.id, since=c.now, unit_id=c.ids["B"]))
        session.add(Device(id=resource.id, address="10.0.0.1", state="up"))
        session.flush()
        for index, name in enumerate(("GE1", "GE2", "GE3"), 1):
            session.add(
                DevicePort(
                    device_id=resource.id, instance=f"port:{name}", if_index=index, name=name,
                    admin="up", oper="up", seen=c.now,
                )
            )  # fmt: skip
        session.add(
            DeviceNeighbour(
                device_id=resource.id, local_port="GE2", instance="port:GE2", remote_name="sw-2",
                first_seen=c.now, last_seen=c.now,
            )
        )  # fmt: skip
        session.add(
            DevicePeer(device_id=resource.id, protocol="bgp", address="10.0.0.2",
                       state="established", state_since=c.now, seen=c.now)
        )  # fmt: skip
    return c


def change(c: City, table: type, number: int, **values: Any) -> None:
    with c.runtime.database.write() as session:
        row = session.get_one(table, number)
        for name, value in values.items():
            setattr(row, name, value)
        session.add(row)


def found(c: City) -> dict[tuple[str, str], str]:
    groups = ("device.", "port.", "peer.", "point.", "line.")
    return {key: row.severity for key, row in c.findings().items() if key[0].startswith(groups)}


def down(c: City, number: int) -> None:
    change(c, DevicePort, number, oper="down", oper_since=c.now, changes=[c.now.isoformat()])


def test_a_healthy_extranet_has_no_findings(net: City) -> None:
    done = net.patrol()
    assert found(net) == {}
    assert {each["check"]: each["judged"] for each in done.checks if each["error"]} == {}
    judged = {each["check"]: each["judged"] for each in done.checks}
    assert (judged["device.silent"], judged["port.down"], judged["peer.down"]) == (1, 3, 1)


def test_a_port_matters_by_what_hangs_on_it(net: City) -> None:
    for number in (1, 2, 3):
        down(net, number)
    net.patrol()
    assert found(net) == {("port.down", "core-1 GE2"): "major"}  # the others are desks
    with net.runtime.database.write() as session:
        session.add(Line(operator="电信", number="L-1", a_device="CORE-1", a_port="GE1",
                         updated=net.now))  # fmt: skip
    change(net, DevicePort, 3, alias="至机房")
    net.patrol()
    assert found(net) == {
        ("port.down", "core-1 GE1"): "critical", ("port.down", "core-1 GE2"): "major",
        ("port.down", "core-1 GE3"): "minor",
    }  # fmt: skip
    change(net, DevicePort, 2, oper="up")
    net.patrol()
    assert ("port.down", "core-1 GE2") not in found(net)


def test_a_port_that_never_was_up_under_watch_is_no_finding(net: City) -> None:
    change(net, DevicePort, 2, oper="down", oper_since=net.now, changes=[])
    net.patrol()
    assert found(net) == {}


def test_what_a_silent_device_said_last_is_not_believed_and_hides_behind_it(net: City) -> None:
    down(net, 2)
    net.patrol()
    change(net, Device, net.ids["core-1"], state="down", state_since=net.now)
    change(net, DevicePort, 2, oper="up")
    net.pass_time(minutes=40)
    net.heard("vm-1")
    net.patrol()
    assert found(net)["device.silent", "core-1"] == "critical"
    port = net.findings()["port.down", "core-1 GE2"]
    assert port.hidden_by  # still open: nothing is known of it now


def test_a_trap_and_the_patrol_tell_of_one_finding(net: City) -> None:
    trap = {"source": "10.0.0.1", "kind": "link_down", "about": "2", "values": {}, "variables": []}
    with net.runtime.database.write() as session:
        agent = session.get_one(Agent, "agent-vm-1")
        trap_take.take(session, agent, Document("traps", 0, {"traps": [trap]}), net.now)
    number = net.findings()["port.down", "core-1 GE2"].id
    down(net, 2)  # the next poll sees it, too
    net.patrol()
    assert net.findings()["port.down", "core-1 GE2"].id == number
    assert net.findings()["port.down", "core-1 GE2"].times_seen == 2
    change(net, DevicePort, 2, oper="up")
    net.patrol()
    assert found(net) == {}


def test_a_neighbour_that_left_and_one_that_was_not_read(net: City) -> None:
    change(net, DevicePeer, 1, state="active", state_since=net.now - timedelta(minutes=9))
    net.patrol()
    assert found(net) == {("peer.down", "core-1 bgp 10.0.0.2"): "major"}
    change(net, DevicePeer, 1, state="established", seen=net.now - timedelta(hours=2))
    net.patrol()
    assert len(found(net)) == 1  # two hours old: no recovery
    change(net, DevicePeer, 1, seen=net.now)
    net.patrol()
    assert found(net) == {}


def measure(c: City, point: int, minutes_up: list[bool]) -> None:
    """Minute rows up to now, oldest first."""
    count = len(minutes_up)
    end = int(c.now.timestamp()) // 60 * 60
    c.samples.insert(
        "reach",
        {
            "resource": np.full(count, 1, np.uint32),
            "instance": [f"ap:{point}"] * count,
            "source": ["agent"] * count,
            "time": (end - 60 * np.arange(count, 0, -1)) * 1000,
            "interval_s": np.full(count, 60, np.float32),
            "reachable_pct": np.where(minutes_up, 100.0, 0.0),
            "probe_loss_pct": np.where(minutes_up, 0.0, 100.0),
            "version": np.full(count, 1, np.uint64),
            "arrived": np.full(count, end, np.int64),
        },
    )


def add_points(c: City) -> None:
    with c.runtime.database.write() as session:
        for number in (1, 2, 3):
            session.add(
                AccessPoint(id=number, code=f"ap-{number}", level="city", address="10.1.0.1",
                            updated=c.now)
            )  # fmt: skip
            session.flush()
            session.add(PointTerm(point_id=number, since=c.now, unit_id=c.ids["B"]))


def test_a_point_is_judged_by_when_it_was_last_reached(net: City) -> None:
    add_points(net)
    measure(net, 1, [True] * 120)
    measure(net, 2, [True] * 60 + [False] * 90)
    # 3 is measured by nobody
    done = net.patrol()
    assert found(net) == {("point.unreachable", "ap-2"): "major"}
    entry = next(each for each in done.checks if each["check"] == "point.unreachable")
    assert (entry["judged"], entry["unjudged"]) == (2, 1)
    detail = net.findings()["point.unreachable", "ap-2"].detail
    assert detail["lost_min"] == pytest.approx(91, abs=2)
    assert detail["availability_pct"] == pytest.approx(40, abs=1)
    net.pass_time(hours=1)
    net.heard("vm-1")
    net.patrol()
    assert ("point.unreachable", "ap-2") in found(net)  # measured no more: no recovery


def test_contracts_that_end_soon_and_those_that_did(net: City) -> None:
    with net.runtime.database.write() as session:
        for number, days in enumerate((100, 30, 5, -3), 1):
            session.add(
                Line(id=number, operator="电信", number=f"L-{number}", updated=net.now,
                     contract_end=net.now + timedelta(days=days))
            )  # fmt: skip
            session.flush()
            session.add(LineTerm(line_id=number, since=net.now, unit_id=net.ids["B"]))
    net.patrol()
    assert found(net) == {
        ("line.contract", "电信 L-2"): "minor", ("line.contract", "电信 L-3"): "major",
        ("line.contract", "电信 L-4"): "major",
    }  # fmt: skip
    assert net.findings()["line.contract", "电信 L-4"].detail["days_left"] == -3
