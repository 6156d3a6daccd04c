"""Real recordings read as LibreNMS reads them, at least 98 % of the values.

Reads ../shared/data/snmp, which is not part of the project; skipped only where it is absent.
"""

from __future__ import annotations

import asyncio
import json
from ipaddress import IPv6Address

import pytest

from collectors.snmp import snmprec
from collectors.snmp.poll import ADDRESSES, VERSIONS, Wish, poll_once
from collectors.snmp.profile import load_profiles
from collectors.snmp.target import Community, Target
from tests.real.snmp import recordings
from tests.real.snmp.comparison import EXPLAINED, Account, compare_all
from tests.real.snmp.player import Device, playing

pytestmark = [
    pytest.mark.skipif(not recordings.SHARED.is_dir(), reason=recordings.MISSING),
    pytest.mark.timeout(400),
]


@pytest.fixture(scope="module")
def account() -> Account:
    return asyncio.run(compare_all())


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


def test_ipv6_addresses_and_forwarding_are_those_of_the_independent_reading() -> None:
    truth = json.loads((recordings.SHARED / "reference_dev" / "derived_truth_dev.json").read_text())
    profiles = load_profiles()

    async def run() -> int:
        checked = 0
        for path, told in truth.items():
            name = path.rpartition("/")[2].split(".snmprec")[0]
            wanted = {one["addr"] for one in told["ipv6"]}
            if not wanted and not told["ipv6_forwarding"]:
                continue
            rows = snmprec.read_recording(recordings.files()[f"{name}.snmprec"])
            async with playing({name: Device(rows)}) as (port, _):
                poll = await poll_once(
                    Target("127.0.0.1", port),
                    Community(community=name),
                    profiles,
                    wish=Wish(parts=frozenset({ADDRESSES, VERSIONS})),
                )
            assert wanted <= {one.address for one in poll.ip_addresses}, name
            if told["ipv6_forwarding"]:
                assert poll.ipv6_forwarding == (told["ipv6_forwarding"] == "1"), name
            checked += 1
        return checked

    assert asyncio.run(run()) > 10


def test_ipv6_addresses_and_their_ports_are_those_that_librenms_reads() -> None:
    profiles = load_profiles()

    async def run() -> int:
        checked = 0
        for name in recordings.recording_names():
            raw = json.loads(recordings.files().get(f"{name}.json", b"{}"))
            rows = (raw.get("ipv6-addresses", {}).get("discovery") or {}).get("ipv6_addresses", [])
            wanted = {(row["ifIndex"], str(IPv6Address(row["ipv6_address"]))) for row in rows}
            if not wanted:
                continue
            device = Device(snmprec.read_recording(recordings.files()[f"{name}.snmprec"]))
            async with playing({name: device}) as (port, _):
                poll = await poll_once(
                    Target("127.0.0.1", port),
                    Community(community=name),
                    profiles,
                    wish=Wish(parts=frozenset({ADDRESSES})),
                )
            assert wanted <= {(one.if_index, one.address) for one in poll.ip_addresses}, name
            checked += len(wanted)
        return checked

    assert asyncio.run(run()) > 30
