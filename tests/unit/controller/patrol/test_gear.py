"""What links carried, and the patrol's checks of gear under load, on a real store."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.access.scope import CITY, Scope
from controller.inventory.tables import Holding, Resource
from controller.network.line_tables import Line, LineTerm
from controller.network.link_usage import link_usage, sheet
from controller.network.tables import Device, DevicePort
from controller.network.usage_api import to_xlsx
from controller.store.tables import Watermark
from tests.unit.controller.patrol.city import City

SPEED = 1e9


@pytest.fixture
def net(c: City) -> City:
    """Device core-1, held by A until noon yesterday and by B since, with two ports; a contracted
    line of 200 Mbit/s at GE1."""
    moved = c.now - timedelta(hours=12)
    with c.runtime.database.write() as session:
        session.add(Watermark(name="live:host", at=c.now - timedelta(minutes=5)))
        resource = Resource(code="core-1", name="核心", kind="device",
                            created=c.now - timedelta(days=9))  # fmt: skip
        session.add(resource)
        session.flush()
        number = c.ids["core-1"] = resource.id or 0
        session.add(Holding(resource_id=number, since=c.now - timedelta(days=9), until=moved,
                            unit_id=c.ids["A"]))  # fmt: skip
        session.add(Holding(resource_id=number, since=moved, unit_id=c.ids["B"]))
        session.add(Device(id=number, address="10.0.0.1", state="up"))
        session.flush()
        for index, (name, kind) in enumerate(
            (("GE1", "ethernetCsmacd"), ("GE2", "ethernetCsmacd"), ("lo0", "softwareLoopback")), 1
        ):
            session.add(
                DevicePort(device_id=number, instance=f"port:{name}", if_index=index, name=name,
                           kind=kind, admin="up", oper="up", speed_bit_s=SPEED, seen=c.now)
            )  # fmt: skip
        line = Line(operator="电信", number="L-1", a_device="core-1", a_port="GE1", updated=c.now)
        session.add(line)
        session.flush()
        session.add(LineTerm(line_id=line.id or 0, since=c.now - timedelta(days=9),
                             unit_id=c.ids["B"], bandwidth_bit_s=2e8))  # fmt: skip
    return c


def put(c: City, port: str, buckets: int, value: Any, **more: float) -> list[float]:
    """Five-minute rows that end now; ``value(n)`` is bytes a second in, half of it goes out."""
    first = int(c.now.timestamp()) // 300 * 300 - buckets * 300
    rates = [float(value(n)) for n in range(buckets)]
    c.runtime.samples.insert(
        "port_5m",
        {
            "resource": [c.ids["core-1"]] * buckets,
            "instance": [f"port:{port}"] * buckets,
            "time": [(first + n * 300) * 1000 for n in range(buckets)],
            "seconds": [300.0] * buckets,
            "port_in_bytes_s": rates,
            "port_out_bytes_s": [rate / 2 for rate in rates],
            "port_in_errors_s": [more.get("errors", 0.0)] * buckets,
            "port_out_errors_s": [0.0] * buckets,
            "port_in_discards_s": [0.0] * buckets,
            "port_out_discards_s": [0.0] * buckets,
            "port_up_pct": [more.get("up", 100.0)] * buckets,
            "port_speed_bit_s": [SPEED] * buckets,
            "version": 1,
            "arrived": int(c.now.timestamp()),
        },
    )
    return rates


def nearest(values: list[float], share: float) -> float:
    return sorted(values)[math.ceil(share * len(values)) - 1]


def test_a_link_has_mean_p95_and_use_of_what_is_contracted(net: City) -> None:
    chance = random.Random(3)
    rates = put(net, "GE1", 200, lambda _: chance.uniform(0, 2e7), errors=0.5)
    put(net, "lo0", 200, lambda _: 1e9)
    since = net.now - timedelta(days=2)
    (row,) = link_usage(net.runtime, CITY, since, net.now, "link")
    assert (row.key, row.line, row.contracted_bit_s) == ("core-1 GE1", "电信 L-1", 2e8)
    assert row.in_avg_bit_s == pytest.approx(8 * sum(rates) / len(rates), rel=1e-5)
    assert row.in_p95_bit_s == pytest.approx(8 * nearest(rates, 0.95), rel=1e-5)
    assert row.out_p95_bit_s == pytest.approx(4 * nearest(rates, 0.95), rel=1e-5)
    assert row.in_used_pct == pytest.approx(100 * 8 * nearest(rates, 0.95) / 2e8, rel=1e-5)
    assert row.errors == pytest.approx(0.5 * 300 * 200)
    assert row.availability_pct == pytest.approx(100)
    assert row.coverage_pct == pytest.approx(100 * 200 * 300 / (2 * 86_400), rel=0.01)


def test_a_device_carries_the_sum_of_its_ports_bucket_by_bucket(net: City) -> None:
    one = put(net, "GE1", 50, lambda n: 1e6 * n)
    two = put(net, "GE2", 50, lambda n: 1e6 * (50 - n))
    (row,) = link_usage(net.runtime, CITY, net.now - timedelta(days=1), net.now, "device")
    summed = [a + b for a, b in zip(one, two, strict=True)]
    assert row.links == 2
    assert row.in_p95_bit_s == pytest.approx(8 * nearest(summed, 0.95), rel=1e-5)
    # Not the sum of the ports' own percentiles.
    assert row.in_p95_bit_s < 8 * (nearest(one, 0.95) + nearest(two, 0.95))


def test_each_unit_answers_for_the_time_it_held_the_device(net: City) -> None:
    """24 hours, 12 of each; B carried ten times as much. A bucket is of who held its start."""
    put(net, "GE1", 288, lambda n: 1e5 if n <= 144 else 1e6)
    rows = {r.key: r for r in link_usage(net.runtime, CITY, net.now - timedelta(days=1), net.now,
                                         "unit")}  # fmt: skip
    assert rows["A"].in_avg_bit_s == pytest.approx(8e5, rel=0.02)
    assert rows["B"].in_avg_bit_s == pytest.approx(8e6, rel=0.02)
    scope = Scope(frozenset({net.ids["A"]}))
    (own,) = link_usage(net.runtime, scope, net.now - timedelta(days=1), net.now, "unit")
    assert own.key == "A"


def test_a_file_has_every_column_and_takes_no_name_for_a_formula(net: City) -> None:
    put(net, "GE1", 10, lambda _: 1e6)
    with net.runtime.database.write() as session:
        port = session.get_one(DevicePort, 1)
        port.alias = "=1+1"
        session.add(port)
    rows = link_usage(net.runtime, CITY, net.now - timedelta(days=1), net.now, "link")
    heads, cells = sheet(rows, "zh")
    assert len(heads) == len(cells[0])
    assert to_xlsx(rows, "zh").startswith(b"PK")


# ---- the checks


def codes(c: City) -> dict[str, str]:
    wanted = ("link.", "port.", "device.")
    return {key[0]: row.severity for key, row in c.findings().items() if key[0].startswith(wanted)}


def test_a_full_and_lossy_link_is_found_and_a_quiet_one_is_not(net: City) -> None:
    put(net, "GE1", 288, lambda _: 2.4e7, errors=0.02)  # 192 of 200 Mbit/s; 1,728 errors a day
    put(net, "GE2", 288, lambda _: 1e6)
    done = net.patrol()
    assert [each for each in done.checks if each["error"]] == []
    assert codes(net) == {"link.busy": "major", "link.lossy": "minor"}


def test_a_flapping_port_is_found_until_it_has_been_quiet(net: City) -> None:
    put(net, "GE2", 12, lambda _: 1e6)
    changes = [(net.now - timedelta(minutes=m)).isoformat() for m in (90, 60, 30, 20)]
    with net.runtime.database.write() as session:
        port = session.get_one(DevicePort, 2)
        port.changes = changes
        session.add(port)
    net.patrol()
    assert codes(net) == {"port.flapping": "minor"}


def test_a_busy_device_is_found_and_a_silent_one_hides_it(net: City) -> None:
    first = int(net.now.timestamp()) // 300 * 300 - 48 * 300
    net.runtime.samples.insert(
        "device_5m",
        {
            "resource": [net.ids["core-1"]] * 48, "instance": [""] * 48,
            "time": [(first + n * 300) * 1000 for n in range(48)], "seconds": [300.0] * 48,
            "device_cpu_pct": [97.0] * 48, "device_mem_used_pct": [50.0] * 48,
            "device_temperature_c": [75.0] * 48, "device_up_pct": [100.0] * 48,
            "version": 1, "arrived": int(net.now.timestamp()),
        },
    )  # fmt: skip
    net.patrol()
    assert codes(net) == {"device.cpu": "major", "device.temperature": "minor"}
    with net.runtime.database.write() as session:
        device = session.get_one(Device, net.ids["core-1"])
        device.state, device.state_since = "down", datetime(2026, 1, 1, tzinfo=UTC)
        session.add(device)
    net.patrol()
    hidden = {key[0]: row.hidden_by for key, row in net.findings().items()}
    assert hidden["device.cpu"].startswith("finding:")
    assert hidden["device.silent"] == ""


def test_a_failed_fan_is_found_named_and_resolved_when_it_turns_again(net: City) -> None:
    def sensors(*speeds: float, power: str = "ok") -> None:
        with net.runtime.database.write() as session:
            device = session.get_one(Device, net.ids["core-1"])
            device.sensors = [
                {"name": f"FAN {n}", "unit": "rpm", "value": speed, "status": "ok"}
                for n, speed in enumerate(speeds, 1)
            ] + [{"name": "PSU 1", "unit": "watts", "value": 90, "status": power}]
            session.add(device)

    sensors(4200, 4100)
    net.patrol()
    assert codes(net) == {}
    sensors(4200, 0)
    net.patrol()
    assert codes(net) == {"device.part": "major"}
    (row,) = [row for key, row in net.findings().items() if key[0] == "device.part"]
    assert row.detail["parts"] == "FAN 2"
    sensors(4200, 0, power="nonoperational")
    net.patrol()
    assert codes(net) == {"device.part": "critical"}
    sensors(4200, 4100)
    net.patrol()
    assert codes(net) == {}
