"""Two polls into rates: what is sure is told, the rest is a gap."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collectors.snmp.device import DevicePoll, IpVersionCounters, Port, System
from collectors.snmp.rates import growth, port_rates, rebooted, version_rates

PORT = Port(
    if_index=1,
    if_name="GE0/0/1",
    oper_status="up",
    speed_bit_s=1_000_000_000,
    in_octets=1_000,
    out_octets=2_000,
    in_packets=10,
    out_packets=20,
    in_errors=0,
    out_errors=0,
    in_discards=5,
    out_discards=None,
    discontinuity_s=0.0,
)


def poll(port: Port, uptime: float | None = 1000.0) -> DevicePoll:
    return DevicePoll(system=System(uptime_s=uptime), ports=[port])


def test_growth_over_the_interval_is_the_rate_and_its_share_of_the_speed() -> None:
    later = replace(PORT, in_octets=1_000 + 60 * 12_500_000, out_octets=2_600, in_discards=65)
    (one,) = port_rates(poll(PORT), poll(later, 1060), 60)
    assert one.in_bytes_s == 12_500_000
    assert one.in_use_pct == 10.0
    assert one.out_bytes_s == 10.0
    assert one.in_discards_s == 1.0
    assert one.out_discards_s is None
    assert (one.gap, one.up) == ("", True)


@pytest.mark.parametrize(
    ("change", "uptime", "gap"),
    [
        ({"in_octets": 5}, 20.0, "reboot"),
        ({"discontinuity_s": 7.0}, 1060.0, "discontinuity"),
        ({"if_name": "GE0/0/2"}, 1060.0, "replaced"),
        ({"if_index": 2}, 1060.0, "new"),
        ({"in_octets": 10**15}, 1060.0, "too fast"),
        ({"counter_bits": 32}, 1060.0, "narrow counter"),
    ],
)
def test_what_cannot_be_compared_is_a_gap_with_its_reason(
    change: dict[str, object], uptime: float, gap: str
) -> None:
    (one,) = port_rates(poll(PORT), poll(replace(PORT, **change), uptime), 60)  # type: ignore[arg-type]
    assert one.gap == gap
    assert one.in_bytes_s is None


def test_a_wrap_of_a_32_bit_counter_is_seen_within_what_the_line_carries() -> None:
    slow = replace(PORT, speed_bit_s=100_000_000, counter_bits=32, in_octets=2**32 - 100)
    (one,) = port_rates(poll(slow), poll(replace(slow, in_octets=500), 1060), 60)
    assert one.in_bytes_s == 10.0
    (one,) = port_rates(
        poll(replace(slow, in_octets=2**31)), poll(replace(slow, in_octets=5), 1060), 60
    )
    assert one.in_bytes_s is None


@pytest.mark.parametrize(
    ("before", "after", "bits", "most", "expected"),
    [
        (10, 30, 64, None, 20),
        (30, 10, 64, None, None),
        (2**64 - 5, 5, 64, None, 10),
        (2**32 - 5, 5, 32, 100, 10),
        (2**32 - 5, 200, 32, 100, None),
        (2**32 - 5, 5, 32, None, 10),
        (2**31, 5, 32, None, None),
        (2**40, 2**40 + 1, 32, 100, 1),
        (None, 5, 64, None, None),
        (5, None, 64, None, None),
    ],
)
def test_counters_grow_wrap_or_start_again(
    before: int | None, after: int | None, bits: int, most: float | None, expected: int | None
) -> None:
    assert growth(before, after, bits, most) == expected


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (1000.0, 1060.0, False),
        (1000.0, 1045.0, False),
        (1000.0, 30.0, True),
        (1000.0, 1010.0, True),
        (2**32 / 100 - 20, 40.0, False),
        (None, 30.0, False),
    ],
)
def test_a_reboot_is_an_uptime_that_did_not_grow_with_the_clock(
    first: float | None, second: float | None, expected: bool
) -> None:
    assert rebooted(poll(PORT, first), poll(PORT, second), 60.0) is expected


def test_traffic_is_split_by_ip_version_and_a_fall_is_no_wrap() -> None:
    def with_v6(octets: int, uptime: float) -> DevicePoll:
        row = IpVersionCounters(version=6, if_index=3, in_octets=octets, in_packets=None)
        return DevicePoll(system=System(uptime_s=uptime), ip_version_counters=[row])

    (one,) = version_rates(with_v6(100, 10), with_v6(700, 70), 60)
    assert (one.version, one.if_index, one.in_bytes_s, one.in_packets_s) == (6, 3, 10.0, None)
    (one,) = version_rates(with_v6(700, 10), with_v6(100, 70), 60)
    assert one.in_bytes_s is None
    assert version_rates(with_v6(100, 1000), with_v6(700, 5), 60) == []


def test_no_time_no_rate() -> None:
    assert port_rates(poll(PORT), poll(PORT), 0) == []
