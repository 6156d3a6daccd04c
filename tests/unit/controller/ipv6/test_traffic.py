"""Shares of IPv6 in traffic by day and owner, from rows in the real engine."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from documents import READY, tell
from worlds import EPOCH, START, World

from controller.access.scope import CITY, Scope
from controller.ipv6 import days, hosts, traffic, trend
from controller.ipv6.index import load_index
from controller.store import rollup

DAY = 86_400
FIRST = date(2026, 3, 2)
INDEX = load_index()


def put(w: World, code: str, start: int, hours: int, v4: float, v6: float) -> None:
    """Rows of five minutes; bytes a second each way of each version."""
    times = start + np.arange(hours * 12) * 300
    w.rows(code, times, net4_rx_bytes_s=v4, net4_tx_bytes_s=v4, net6_rx_bytes_s=v6,
           net6_tx_bytes_s=v6)  # fmt: skip


def roll(w: World) -> None:
    """Makes the hours out of the rows."""
    every = [
        (w.ids[code], (EPOCH + timedelta(days=number)).date())
        for code in ("moves", "stays")
        for number in range(12)
    ]
    for _ in rollup.roll_resource_days(w.runtime, "host", every):
        pass


@pytest.fixture
def house(w: World) -> World:
    """A's host changes hands to B on the fifth day at noon in Shanghai; B has one of its own."""
    w.unit("A")
    w.unit("B")
    turn = EPOCH + timedelta(days=4, hours=4)
    w.resource("moves")
    w.holding("moves", "A", until=turn)
    w.holding("moves", "B", since=turn)
    w.vm("stays", "B")
    return w


def at_day(number: int) -> date:
    return FIRST + timedelta(days=number)


def test_a_day_is_one_of_shanghai_and_each_owner_has_its_own_hours(house: World) -> None:
    put(house, "moves", START, 24 * 9, v4=900.0, v6=100.0)
    put(house, "stays", START + 8 * DAY, 4, v4=0.0, v6=50.0)
    roll(house)
    traffic.keep_days(house.runtime, at_day(10))
    with house.runtime.database.read() as session:
        lines = {line.day: line.share for line in traffic.trend(
            session, CITY, FIRST, at_day(11))}  # fmt: skip
        a, b = (
            {line.day: line.share for line in traffic.trend(
                session, Scope(frozenset({house.ids[unit]})), FIRST, at_day(11))}
            for unit in ("A", "B")
        )  # fmt: skip
    # The first day has sixteen hours in Shanghai.
    assert lines[FIRST] == (2 * 900.0 * 16 * 3600, 2 * 100.0 * 16 * 3600, 1)
    assert lines[at_day(1)].pct == 10.0
    # The hand-over: noon of the fifth day, twelve hours each.
    assert a[at_day(4)].v4_bytes == b[at_day(4)].v4_bytes == 2 * 900.0 * 12 * 3600
    assert at_day(5) not in a
    assert b[at_day(8)].v6_bytes == 2 * 3600 * (100.0 * 24 + 50.0 * 4)
    assert b[at_day(8)].subjects == 2
    assert at_day(10) not in lines


def test_an_agent_that_tells_one_version_only_counts_for_nothing(house: World) -> None:
    times = START + np.arange(12) * 300
    house.rows("moves", times, net4_rx_bytes_s=100.0, net4_tx_bytes_s=100.0)
    put(house, "stays", START, 1, v4=30.0, v6=10.0)
    roll(house)
    traffic.keep_days(house.runtime, at_day(10))
    with house.runtime.database.read() as session:
        told = trend.read_trend(session, CITY, FIRST, at_day(11), "unit", house.clock[0])
    assert (told.pct, len(told.days)) == (25.0, 1)
    assert [(part.name, part.pct) for part in told.parts] == [("单位B", 25.0)]


def test_late_rows_of_the_last_days_are_taken_in(house: World) -> None:
    put(house, "stays", START + 8 * DAY, 1, v4=10.0, v6=0.0)
    roll(house)
    traffic.keep_days(house.runtime, at_day(8))
    put(house, "stays", START + 7 * DAY, 1, v4=0.0, v6=10.0)
    roll(house)
    traffic.keep_days(house.runtime, at_day(9))
    with house.runtime.database.read() as session:
        found = traffic.trend(session, CITY, FIRST, at_day(11))
    assert [(line.day, line.share.pct) for line in found] == [(at_day(7), 100.0), (at_day(8), 0.0)]


def test_a_hosts_traffic_of_the_last_week_is_judged_with_it(house: World) -> None:
    tell(house, "stays", READY)
    put(house, "stays", START, 1, v4=0.0, v6=1_000_000.0)  # too long ago
    put(house, "stays", START + 9 * DAY, 12, v4=865.0, v6=135.0)
    roll(house)
    days.keep_day(house.runtime, INDEX)
    with house.runtime.database.read() as session:
        told = hosts.host_detail(session, CITY, "stays", INDEX, house.clock[0], "zh")
        unit = hosts.unit_detail(session, CITY, "B", INDEX, house.clock[0], "zh")
    assert told.traffic_pct == pytest.approx(13.5)
    assert told.score == pytest.approx(95.0)
    assert unit.traffic_pct == pytest.approx(13.5)


def put_ports(w: World, code: str, instance: str, v4: float, v6: float) -> None:
    times = START + DAY + np.arange(24) * 300
    w.rows(code, times, table="port", instance=instance, source="poller", port_in4_bytes_s=v4,
           port_out4_bytes_s=v4, port_in6_bytes_s=v6, port_out6_bytes_s=v6)  # fmt: skip


def test_a_device_is_its_own_counters_else_its_ports(w: World) -> None:
    w.unit("A")
    for code in ("router", "switch"):
        w.resource(code, kind="device")
        w.holding(code, "A")
    put_ports(w, "router", "port:x", 1e6, 1e6)  # it has counters of its own, which count
    times = START + DAY + np.arange(24) * 300
    w.rows("router", times, table="device", source="poller", device_in4_bytes_s=70.0,
           device_out4_bytes_s=20.0, device_in6_bytes_s=5.0, device_out6_bytes_s=5.0)  # fmt: skip
    put_ports(w, "switch", "port:a", 10.0, 30.0)
    put_ports(w, "switch", "port:lo", 1e6, 1e6)
    every = [(w.ids[code], (EPOCH + timedelta(days=1)).date()) for code in ("router", "switch")]
    for table in ("device", "port"):
        for _ in rollup.roll_resource_days(w.runtime, table, every):
            pass
    found = traffic.bytes_of(w.runtime, EPOCH, w.clock[0], "device")
    assert found[w.ids["router"]].pct == 10.0
    assert found[w.ids["switch"]].pct == 75.0
    ports = traffic.port_shares(w.runtime, w.ids["switch"], EPOCH, w.clock[0])
    assert {name: share.pct for name, share in ports.items()} == {"port:a": 75.0}
    traffic.keep_days(w.runtime, at_day(10))
    with w.runtime.database.read() as session:
        [line] = traffic.trend(session, CITY, FIRST, at_day(11), kind="device")
        assert traffic.trend(session, CITY, FIRST, at_day(11)) == []
    # 7200 s of (90 + 20) and (10 + 60) bytes.
    assert line.share == (7200 * 110.0, 7200 * 70.0, 2)
