"""Which resource a machine is."""

from __future__ import annotations

import pytest

from controller.inventory.matching import (
    clean_addresses,
    clean_uuid,
    create_resource_for_agent,
    match_resource,
    uuid_variants,
)
from controller.inventory.tables import Resource
from controller.store.relational import Database

from .sheets import NOW, UNITS, load_resources, load_units, one

UUID = "33221100-5544-7766-8899-aabbccddeeff"
SWAPPED = "00112233-4455-6677-8899-aabbccddeeff"


@pytest.fixture
def registered(database: Database) -> Database:
    load_units(database, UNITS)
    outcome = load_resources(
        database,
        "code,name,unit,ip,instance_uuid,retired\n"
        f'v1,一,jtj,"10.0.0.1,10.0.0.2",{UUID},\n'
        "v2,二,jtj,10.0.0.10,,\n"
        "v3,三,wjw,10.0.0.10,,\n"
        "v4,四,jtj,10.0.0.40,,2026-11-01\n"
        "v5,五,jtj,10.0.0.50,,\nv6,六,glzx,10.0.0.50,,\n",
    )
    assert outcome.imported
    return database


def match(
    database: Database, uuid: str | None, addresses: list[str], units: set[int] | None = None
) -> str | None:
    with database.read() as session:
        found = match_resource(
            session, uuid, addresses, NOW, unit_ids=None if units is None else frozenset(units)
        )
        return found.code if found else None


@pytest.mark.parametrize(
    "uuid", [UUID, UUID.upper(), SWAPPED, f"{{{SWAPPED}}}", UUID.replace("-", "")]
)
def test_a_machine_is_known_by_its_uuid_in_either_byte_order(
    registered: Database, uuid: str
) -> None:
    assert match(registered, uuid, []) == "v1"


def test_a_uuid_of_another_unit_s_resource_opens_nothing(registered: Database) -> None:
    assert match(registered, UUID, [], {1, 2}) == "v1"
    assert match(registered, UUID, ["10.0.0.10"], {3}) is None


def test_an_address_decides_if_exactly_one_resource_of_the_unit_has_it(
    registered: Database,
) -> None:
    assert match(registered, None, ["10.0.0.10"], {1, 2}) == "v2"
    assert match(registered, None, ["10.0.0.10"], {3}) == "v3"
    assert match(registered, None, ["10.0.0.10"]) is None  # two units use it
    assert match(registered, None, ["10.0.0.50"], {1, 2}) is None  # two resources do
    assert match(registered, None, ["10.0.0.2/24", "fe80::1%eth0"], {1, 2}) == "v1"


def test_an_address_is_compared_whole(registered: Database) -> None:
    assert match(registered, None, ["10.0.0.4", "10.0.0"], None) is None


def test_an_address_does_not_overrule_a_different_uuid(registered: Database) -> None:
    other = "bbbbbbbb-0000-4000-8000-000000000001"
    assert match(registered, other, ["10.0.0.1"]) is None  # v1 is known to be another machine
    assert match(registered, other, ["10.0.0.10"], {1, 2}) == "v2"  # of v2 nothing is known


def test_a_retired_resource_s_address_is_free(registered: Database) -> None:
    assert match(registered, None, ["10.0.0.40"]) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "00000000-0000-0000-0000-000000000000",
        "F" * 32,
        "03000200-0400-0500-0006-000700080009",
    ],
)
def test_a_placeholder_is_no_uuid(text: str) -> None:
    assert clean_uuid(text) is None
    assert uuid_variants(text) == []


def test_addresses_that_identify_nothing_are_left_out() -> None:
    given = [
        "127.0.0.1",
        "::1",
        "fe80::1",
        "0.0.0.0",
        "２００１:DB8::1",
        "10.0.0.1/8",
        "10.0.0.1",
        "x",
    ]
    assert clean_addresses(given) == ["2001:db8::1", "10.0.0.1"]


def create(database: Database, name: str, uuid: str | None = None) -> Resource:
    with database.write() as session:
        return create_resource_for_agent(
            session,
            name=name,
            unit_id=1,
            instance_uuid=uuid,
            addresses=["127.0.0.1", "10.9.9.9"],
            os="openEuler 22.03",
            vcpu=8,
            mem_bytes=16 * 2.0**30,
            disk_bytes=None,
            now=NOW,
        )


def test_an_approved_agent_gets_a_resource_with_what_it_says_of_itself(
    registered: Database,
) -> None:
    made = create(registered, "web 01", "cccccccc-0000-4000-8000-000000000001")
    found = one(registered, made.code)
    assert (found["code"], found["unit_code"], found["ip"]) == ("web-01", "jtj", "10.9.9.9")
    assert (found["vcpu"], found["mem_bytes"], found["created"]) == (8, 16 * 2**30, NOW)


def test_codes_and_uuids_that_are_taken_are_not_given_again(registered: Database) -> None:
    codes = [create(registered, "v1", UUID).code for _ in range(2)]
    assert codes == ["v1-2", "v1-3"]
    assert create(registered, "市局 主机", UUID).instance_uuid is None
