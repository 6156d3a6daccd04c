"""Real recordings read as LibreNMS reads them, at least 98 % of the values.

Reads ../shared/data/snmp, which is not part of the project; skipped only where it is absent.
"""

from __future__ import annotations

import asyncio
import json
from ipaddress import IPv6Address
from typing import Any

import pytest

from collectors.snmp.device import DevicePoll
from tests.real.snmp import recordings
from tests.real.snmp.comparison import EXPLAINED, Account, compare_all, poll_all

pytestmark = [
    pytest.mark.skipif(not recordings.SHARED.is_dir(), reason=recordings.MISSING),
    pytest.mark.timeout(400),
]


@pytest.fixture(scope="module")
def polls() -> dict[str, DevicePoll]:
    """Every recording, polled once for all tests."""
    return asyncio.run(poll_all())


@pytest.fixture(scope="module")
def account(polls: dict[str, DevicePoll]) -> Account:
    return compare_all(polls)


@pytest.mark.parametrize(
    "fields",
    [
        ("port found", "ifName", "ifDescr", "ifOperStatus", "ifAdminStatus", "ifMtu", "ifType"),
        ("ifSpeed",),
        ("ifInOctets", "ifOutOctets", "ifInUcastPkts", "ifOutUcastPkts"),
        ("ifInErrors", "ifOutErrors", "ifInDiscards", "ifOutDiscards"),
        ("processor",),
        ("memory found", "memory %", "memory total", "memory used"),
    ],
)
def test_at_least_98_percent_of_the_expected_values_are_equal(
    account: Account, fields: tuple[str, ...]
) -> None:
    wrong = [one for one in account.differences if one.field in fields]
    assert account.share(*fields) >= 98.0, wrong


def test_every_difference_is_explained(account: Account) -> None:
    met = {(one.recording, one.field) for one in account.differences}
    assert met <= set(EXPLAINED), met - set(EXPLAINED)


def test_ipv6_addresses_and_forwarding_are_those_of_the_independent_reading(
    polls: dict[str, DevicePoll],
) -> None:
    truth = json.loads((recordings.SHARED / "reference_dev" / "derived_truth_dev.json").read_text())
    checked = 0
    for path, told in truth.items():
        name = path.rpartition("/")[2].split(".snmprec")[0]
        wanted = {one["addr"] for one in told["ipv6"]}
        if not wanted and not told["ipv6_forwarding"]:
            continue
        poll = polls[name]
        assert wanted <= {one.address for one in poll.ip_addresses}, name
        if told["ipv6_forwarding"]:
            assert poll.ipv6_forwarding == (told["ipv6_forwarding"] == "1"), name
        checked += 1
    assert checked > 10


def test_ipv6_addresses_and_their_ports_are_those_that_librenms_reads(
    polls: dict[str, DevicePoll],
) -> None:
    checked = 0
    for name in recordings.recording_names():
        raw = json.loads(recordings.files().get(f"{name}.json", b"{}"))
        rows = (raw.get("ipv6-addresses", {}).get("discovery") or {}).get("ipv6_addresses", [])
        wanted = {(row["ifIndex"], str(IPv6Address(row["ipv6_address"]))) for row in rows}
        read = {(one.if_index, one.address) for one in polls[name].ip_addresses} if wanted else ()
        assert wanted <= set(read), name
        checked += len(wanted)
    assert checked > 30


SYSTEM_STATS, IF_STATS = "1.3.6.1.2.1.4.31.1.1.", "1.3.6.1.2.1.4.31.3.1."
ADDRESS_PORT, ADDRESS_TYPE = "1.3.6.1.2.1.4.34.1.3.", "1.3.6.1.2.1.4.34.1.4."
OCTETS = {"in_octets": ("6", "5"), "out_octets": ("33", "32")}
"""Columns of RFC 4293, 64 bits before 32."""


def recorded_counters(rows: dict[str, str]) -> dict[tuple[int, int | None], dict[str, int]]:
    """(version, port) to octets, read from a recording's text without any code of ours."""
    found: dict[tuple[int, int | None], dict[str, int]] = {}
    for base in (SYSTEM_STATS, IF_STATS):
        for name, columns in OCTETS.items():
            told = {c: {o: v for o, v in rows.items() if o.startswith(f"{base}{c}.")}
                    for c in columns}  # fmt: skip
            column = next((c for c in columns if told[c]), "")
            for oid, value in told.get(column, {}).items():
                version, _, port = oid.removeprefix(f"{base}{column}.").partition(".")
                if version in ("1", "2"):
                    key = ({"1": 4, "2": 6}[version], int(port) if port else None)
                    found.setdefault(key, {})[name] = int(value)
    return found


def recorded_addresses(rows: dict[str, str]) -> set[tuple[int, str]]:
    """(port, address) of every IPv6 unicast row of ipAddressTable."""
    found = set()
    for oid, port in rows.items():
        if not oid.startswith(f"{ADDRESS_PORT}2.16."):
            continue
        index = oid.removeprefix(ADDRESS_PORT)
        octets = index.split(".")[2:]
        if len(octets) == 16 and rows.get(f"{ADDRESS_TYPE}{index}") != "3":
            found.add((int(port), str(IPv6Address(bytes(map(int, octets))))))
    return found


def test_addresses_and_counters_by_ip_version_equal_the_recording(
    polls: dict[str, DevicePoll],
) -> None:
    counters = addresses = 0
    for name, content in recordings.files().items():
        if not name.endswith(".snmprec"):
            continue
        lines = [each.split("|", 2) for each in content.decode("latin-1").splitlines()]
        rows = {each[0].lstrip("."): each[2] for each in lines if len(each) == 3}
        wanted, listed = recorded_counters(rows), recorded_addresses(rows)
        if not wanted and not listed:
            continue
        poll = polls[name.removesuffix(".snmprec")]
        read = {(row.version, row.if_index): row for row in poll.ip_version_counters}
        for key, octets in wanted.items():
            for column, value in octets.items():
                assert getattr(read.get(key), column, None) == value, (name, key, column)
                counters += 1
        assert listed <= {(one.if_index, one.address) for one in poll.ip_addresses}, name
        addresses += len(listed)
    assert counters > 50
    assert addresses > 30


def test_bgp_peers_over_ipv6_are_those_that_librenms_reads(polls: dict[str, DevicePoll]) -> None:
    checked = 0
    for name in recordings.recording_names():
        for row in _bgp_rows(name):
            if ":" not in row["bgpPeerIdentifier"]:
                continue
            wanted = str(IPv6Address(row["bgpPeerIdentifier"]))
            read = {one.address: one for one in polls[name].peers if one.protocol == "bgp"}
            assert read[wanted].state == row["bgpPeerState"], name
            assert read[wanted].remote_as == row["bgpPeerRemoteAs"], name
            assert read[wanted].up_s == row["bgpPeerFsmEstablishedTime"], name
            checked += 1
    assert checked, "a recording holds such a peer"


def _bgp_rows(name: str) -> list[dict[str, Any]]:
    told = json.loads(recordings.files().get(f"{name}.json", b"{}")).get("bgp-peers", {})
    return list((told.get("poller") or {}).get("bgpPeers", []))
