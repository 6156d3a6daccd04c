"""Which address a machine speaks to itself by."""

from __future__ import annotations

from pathlib import Path

from controller.ingest.authority import lasting_addresses
from controller.store.loopback import V4, V6, bindable, bracketed, loopback


def test_ipv4_comes_first_and_ipv6_where_there_is_none() -> None:
    assert loopback(lambda address: True) == V4
    assert loopback(lambda address: address == V6) == V6


def test_an_address_of_another_machine_cannot_be_bound() -> None:
    assert not bindable("2001:db8::1")


def test_a_url_has_brackets_round_ipv6() -> None:
    assert (bracketed(V4), bracketed(V6)) == ("127.0.0.1", "[::1]")


def test_certificates_name_lasting_addresses_of_cards_only(tmp_path: Path) -> None:
    told = tmp_path / "if_inet6"
    told.write_text(
        "00000000000000000000000000000001 01 80 10 80       lo\n"
        "fd0e0000000000000000000000000001 02 40 00 80     eth0\n"
        "24080000000000001111222233334444 02 40 00 01     eth0\n"
        "24080000000000000000000000000007 02 40 00 c0     eth0\n",
        "ascii",
    )
    assert lasting_addresses(str(told)) == ["fd0e::1"]
    assert lasting_addresses(str(tmp_path / "nowhere")) == []
