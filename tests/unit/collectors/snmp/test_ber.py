"""Datagrams that hold together are told from those that do not."""

from __future__ import annotations

import random

from collectors.snmp.ber import well_formed

GET = bytes.fromhex(
    "302902010104067075626c6963a01c02046a1b2c3d020100020100300e300c06082b060102010101000500"
)


def test_a_true_message_holds_together_and_none_of_its_beginnings_does() -> None:
    assert well_formed(GET)
    assert not any(well_formed(GET[:cut]) for cut in range(len(GET)))
    assert not well_formed(GET + b"\0")


def test_long_lengths_are_understood_and_silly_ones_refused() -> None:
    assert well_formed(b"\x04\x82\x01\x00" + bytes(256))
    assert not well_formed(b"\x04\x82\x01\x00" + bytes(255))
    assert not well_formed(b"\x30\x80\x00\x00")
    assert not well_formed(b"\x04\x84\xff\xff\xff\xff")
    assert not well_formed(b"\x30\x02" * 40 + b"\x04\x00")
    assert not well_formed(b"\x1f\x81\x01\x00")


def test_noise_never_raises() -> None:
    chance = random.Random(3)
    held = sum(well_formed(chance.randbytes(chance.randrange(200))) for _ in range(5000))
    assert held < 100
