"""What is made of the halves of the truth that devices tell of IP versions."""

from __future__ import annotations

from typing import Any

import pytest

from collectors.snmp.device import DevicePoll, IpVersionCounters, Port, System
from collectors.snmp.shares import device_share, port_shares, v6_share

SECONDS = 600.0


def poll(
    at: float,
    octets: int,
    rows: dict[int, int | None],
    *,
    packets: int = 0,
    vendor: str = "",
    **port: Any,
) -> DevicePoll:
    """One port whose counters stand at these figures both ways; ``rows``: version to octets."""
    values: dict[str, Any] = {
        "if_index": 7, "if_name": "p7", "if_type": "ethernetCsmacd", "speed_bit_s": 10**9,
        "in_octets": octets, "out_octets": octets, "in_packets": packets, "out_packets": packets,
        **port,
    }  # fmt: skip
    return DevicePoll(
        system=System(uptime_s=at, vendor=vendor),
        ports=[Port(**values)],
        ip_version_counters=[
            IpVersionCounters(version=version, if_index=7, in_octets=count, out_octets=count)
            for version, count in rows.items()
        ],
    )


def test_both_versions_told_are_taken_as_they_are() -> None:
    [share] = port_shares(poll(0, 0, {4: 0, 6: 0}), poll(600, 9_999, {4: 6_000, 6: 2_000}), SECONDS)
    assert (share.rx4, share.tx4, share.rx6, share.how) == (10.0, 10.0, 2_000 / 600, "both")
    assert share.v6_pct == 25.0


def test_ipv4_is_the_rest_where_only_ipv6_is_told() -> None:
    before = poll(0, 0, {6: 0})
    after = poll(600, 10_000 + 14 * 100, {6: 2_500}, packets=100)
    [share] = port_shares(before, after, SECONDS)
    assert (share.rx4 * 600, share.rx6 * 600, share.how) == (7_500, 2_500, "rest")


@pytest.mark.parametrize("vendor", ["Cisco", ""])
def test_a_vlan_port_that_counts_ipv4_alone_is_noticed(vendor: str) -> None:
    before = poll(0, 0, {6: 0}, vendor=vendor, if_type="l3ipvlan")
    after = poll(600, 1_000, {6: 9_000}, vendor=vendor, if_type="l3ipvlan")
    [share] = port_shares(before, after, SECONDS)
    assert (share.rx4 * 600, share.rx6 * 600, share.how) == (1_000, 9_000, "v4_port")


def test_on_the_vendor_known_for_it_a_vlan_port_counts_ipv4_however_much_it_is() -> None:
    before = poll(0, 0, {6: 0}, vendor="Cisco", if_type="propVirtual")
    after = poll(600, 9_000, {6: 1_000}, vendor="Cisco", if_type="propVirtual")
    [share] = port_shares(before, after, SECONDS)
    assert share.v6_pct == 10.0


def test_an_ethernet_port_with_more_ipv6_than_everything_says_nothing() -> None:
    assert port_shares(poll(0, 0, {6: 0}), poll(600, 1_000, {6: 9_000}), SECONDS) == []


def test_a_counter32_in_a_64_bit_column_may_wrap() -> None:
    before = poll(0, 0, {4: 0, 6: (1 << 32) - 1_000}, speed_bit_s=10_000_000)
    after = poll(600, 0, {4: 6_000, 6: 1_000}, speed_bit_s=10_000_000)
    [share] = port_shares(before, after, SECONDS)
    assert share.rx6 * 600 == 2_000


def test_a_fall_that_is_no_wrap_is_a_gap() -> None:
    before = poll(0, 0, {4: 0, 6: 5_000_000}, speed_bit_s=10_000_000)
    after = poll(600, 0, {4: 6_000, 6: 1_000}, speed_bit_s=10_000_000)
    assert port_shares(before, after, SECONDS) == []


def test_without_rows_of_the_port_nothing_is_known() -> None:
    assert port_shares(poll(0, 0, {}), poll(600, 9_000, {}), SECONDS) == []
    assert port_shares(poll(0, 0, {4: 0}), poll(600, 9_000, {4: 9_000}), SECONDS) == []


def test_a_port_without_ipv6_rows_beside_ports_that_have_them_carries_none() -> None:
    before, after = poll(0, 0, {4: 0}), poll(600, 9_000, {4: 9_000})
    for each in (before, after):
        each.ip_version_counters.append(IpVersionCounters(version=6, if_index=8, in_octets=0))
    [share] = port_shares(before, after, SECONDS)
    assert (share.v6_pct, share.how) == (0.0, "both")


@pytest.mark.parametrize(
    "change", [{"discontinuity_s": 5.0}, {"if_name": "other"}], ids=["discontinuity", "replaced"]
)
def test_a_port_that_began_anew_is_a_gap(change: dict[str, Any]) -> None:
    before, after = poll(0, 0, {4: 0, 6: 0}), poll(600, 0, {4: 5, 6: 5}, **change)
    assert port_shares(before, after, SECONDS) == []


def test_a_reboot_is_a_gap() -> None:
    assert port_shares(poll(900, 0, {4: 0, 6: 0}), poll(60, 0, {4: 5, 6: 5}), SECONDS) == []
    assert device_share(poll(900, 0, {4: 0, 6: 0}), poll(60, 0, {4: 5, 6: 5}), SECONDS) is None


def test_a_device_is_its_system_table_else_its_ports() -> None:
    before, after = poll(0, 0, {4: 0, 6: 0}), poll(600, 0, {4: 6_000, 6: 6_000})
    assert device_share(before, after, SECONDS) == (20.0, 20.0)
    for each, count in ((before, 0), (after, 600)):
        each.ip_version_counters += [
            IpVersionCounters(version=4, in_octets=count, out_octets=0),
            IpVersionCounters(version=6, in_octets=3 * count, out_octets=0),
        ]
    assert device_share(before, after, SECONDS) == (1.0, 3.0)


def test_nothing_has_no_share() -> None:
    assert v6_share(0, 0) is None
