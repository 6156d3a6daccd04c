"""Tables from literals: the parsers need no device."""

from __future__ import annotations

from collectors.snmp.tables.entity import parse_sensors
from collectors.snmp.tables.host import parse_storage
from collectors.snmp.tables.interfaces import GAUGE32_FULL, parse_ports, speed
from collectors.snmp.tables.ip import (
    parse_addresses,
    parse_old_v4,
    parse_old_v6,
    parse_version_counters,
)
from collectors.snmp.tables.lldp import parse_neighbours
from collectors.snmp.tables.routing import parse_bgp, parse_bgp_versions, parse_ospf3
from collectors.snmp.tables.system import DESCR, ENGINE_TIME, OBJECT_ID, UPTIME, parse_system


def test_ports_need_no_if_index_column_and_names_fall_back_to_each_other() -> None:
    ports = parse_ports(
        {
            "descr": {"10": b"", "2": b"GigabitEthernet0/0/2"},
            "name": {"10": b"GE0/0/10", "2": b""},
            "oper": {"2": 7, "10": 1},
            "type": {"2": 6, "10": 9999},
            "in_octets": {"2": b"5000000000"},
            "in_octets_32": {"10": 17},
        }
    )
    assert [port.if_index for port in ports] == [2, 10]
    assert [port.if_name for port in ports] == ["GigabitEthernet0/0/2", "GE0/0/10"]
    assert [port.if_descr for port in ports] == ["GigabitEthernet0/0/2", "GE0/0/10"]
    assert [port.oper_status for port in ports] == ["lowerLayerDown", "up"]
    assert [port.if_type for port in ports] == ["ethernetCsmacd", "9999"]
    assert [port.in_octets for port in ports] == [5_000_000_000, 17]
    assert [port.counter_bits for port in ports] == [64, 32]
    assert ports[0].out_octets is None


def test_the_speed_is_the_high_one_where_there_is_one() -> None:
    assert speed(10_000, GAUGE32_FULL) == 10_000_000_000
    assert speed(0, 1544) == 1544
    assert speed(None, None) is None


def test_uptime_survives_the_wrap_of_sys_up_time() -> None:
    told = {DESCR: b"x", OBJECT_ID: ".1.3.6.1.4.1.9", UPTIME: 100, ENGINE_TIME: 50_000_000}
    assert parse_system(told).uptime_s == 50_000_000
    assert parse_system(told).sys_object_id == "1.3.6.1.4.1.9"
    assert parse_system({UPTIME: 100, ENGINE_TIME: 1}).uptime_s == 1.0
    assert parse_system({}).uptime_s is None


def test_addresses_are_read_with_and_without_a_length_octet() -> None:
    v6 = "32.1.13.184.0.0.0.0.0.0.0.0.0.0.0.1"
    prefix = "1.3.6.1.2.1.4.32.1.5.7.2.16.32.1.13.184.0.0.0.0.0.0.0.0.0.0.0.0.64"
    found = parse_addresses(
        {"1.4.10.0.0.1": 3, f"2.16.{v6}": 7, f"4.20.{v6}.0.0.0.7": 8, "2.3.1.2.3": 1, "9": 2},
        {f"2.16.{v6}": prefix, "1.4.10.0.0.1": "0.0"},
    )
    assert [(one.if_index, one.address, one.prefix_length) for one in found] == [
        (3, "10.0.0.1", 0),
        (7, "2001:db8::1", 64),
        (8, "2001:db8::1", 0),
    ]


def test_the_old_address_tables_are_read_too() -> None:
    v4 = parse_old_v4({"10.0.0.1": 3, "300.1": 4}, {"10.0.0.1": "255.255.255.0"})
    assert [(one.address, one.prefix_length) for one in v4] == [("10.0.0.1", 24)]
    v6 = parse_old_v6({"5.254.128.0.0.0.0.0.0.0.0.0.0.0.0.0.1": 64, "5.16.1": 64})
    assert [(one.if_index, one.address, one.prefix_length) for one in v6] == [(5, "fe80::1", 64)]


def test_counters_are_kept_by_ip_version_and_port() -> None:
    rows = parse_version_counters(
        {"in_packets": {"1": 10, "2": 4, "2.7": 3, "3": 9}, "in_octets": {"2.7": 300}}
    )
    told = [(one.version, one.if_index, one.in_packets, one.in_octets) for one in rows]
    assert told == [(4, None, 10, None), (6, None, 4, None), (6, 7, 3, 300)]


def test_linux_memory_is_shown_without_buffers_and_cache() -> None:
    kinds = "1.3.6.1.2.1.25.2.1."
    memory, disks = parse_storage(
        {
            "descr": {
                "1": b"Physical memory",
                "6": b"Memory buffers",
                "7": b"Cached memory",
                "31": b"/",
            },
            "kind": {"1": f"{kinds}2", "6": f"{kinds}1", "7": f"{kinds}1", "31": f"{kinds}4"},
            "unit": {"1": 1024, "6": 1024, "7": 1024, "31": 4096},
            "size": {"1": 1000, "6": 100, "7": 300, "31": -1},
            "used": {"1": 900, "6": 100, "7": 300, "31": 5},
        }
    )
    assert [(one.kind, one.used_bytes, one.total_bytes) for one in memory] == [
        ("system", 500 * 1024, 1000 * 1024),
        ("buffers", 100 * 1024, 1000 * 1024),
        ("cached", 300 * 1024, 1000 * 1024),
    ]
    assert disks[0].total_bytes == 4294967295 * 4096


def test_sensors_are_scaled_by_scale_and_precision() -> None:
    readings = parse_sensors(
        {
            "type": {"1": 8, "2": 6, "3": 1},
            "scale": {"1": 9, "2": 8, "3": 9},
            "precision": {"1": 1, "2": 0, "3": 0},
            "value": {"1": 415, "2": 1500, "3": 1},
            "status": {"1": 1, "2": 3, "3": 1},
            "name": {"1": b"CPU"},
            "descr": {"2": b"PSU"},
        }
    )
    told = [(one.name, one.unit, one.value, one.status) for one in readings]
    assert told == [("CPU", "celsius", 41.5, "ok"), ("PSU", "watts", 1.5, "nonoperational")]


def test_neighbours_find_the_port_by_its_name() -> None:
    found = {
        "chassis_kind": {"0.5.1": 4},
        "port_kind": {"0.5.1": 5},
        "chassis": {"0.5.1": bytes.fromhex("00e0fc000001")},
        "port": {"0.5.1": b"GE1/0/1"},
        "port_descr": {"0.5.1": b"to core"},
        "name": {"0.5.1": b"agg-1"},
        "descr": {"0.5.1": b""},
        "address": {"0.5.1.1.4.10.0.0.9": 1},
    }
    local = {"kind": {"5": 5}, "id": {"5": b"GE0/0/24"}, "descr": {}}
    (one,) = parse_neighbours(found, local, {"GE0/0/24": 30})
    assert (one.if_index, one.local_port, one.remote_name) == (30, "GE0/0/24", "agg-1")
    assert one.remote_chassis == "00:e0:fc:00:00:01"
    assert one.remote_addresses == ["10.0.0.9"]


def test_peers_have_their_state_by_name() -> None:
    index = "10.0.0.2"
    bgp = parse_bgp(
        {
            "state": {index: 6},
            "as": {index: 65001},
            "router": {index: "1.1.1.1"},
            "up": {index: 60},
            "admin": {index: 2},
        }
    )
    assert (bgp[0].state, bgp[0].remote_as, bgp[0].up_s) == ("established", 65001, 60.0)
    assert parse_ospf3({"state": {"3.0.167772162": 8}})[0].router_id == "10.0.0.2"


def test_bgp_peers_of_both_versions_are_read_from_their_index() -> None:
    four, six = "1.1.4.10.0.0.2", "1.2.16.253.9" + ".0" * 13 + ".7"
    zoned, odd = "1.4.20.254.128" + ".0" * 13 + ".1.0.0.0.3", "1.9.2.1.2"
    peers = parse_bgp_versions(
        {"state": {four: 6, six: 1, zoned: 6, odd: 6}, "as": {six: 65001}, "up": {}, "admin": {}}
    )
    told = [(peer.address, peer.state, peer.remote_as) for peer in peers]
    assert told == [("10.0.0.2", "established", None), ("fd09::7", "idle", 65001),
                    ("fe80::1", "established", None)]  # fmt: skip
