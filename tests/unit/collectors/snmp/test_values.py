"""What broken devices answer is survived."""

from __future__ import annotations

import pytest

from collectors.snmp.values import (
    counter,
    decimal,
    index_numbers,
    integer,
    mac,
    seconds,
    size,
    text,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, 5),
        (b"1234", 1234),
        (b" 18446744073709551615\0", 18446744073709551615),
        (-1535721472, 2759245824),
        (b"12 packets", None),
        (b"9" * 30, None),
        (None, None),
        (-(1 << 40), None),
    ],
)
def test_a_counter_is_a_number_also_as_text_or_negative(value: object, expected: object) -> None:
    assert counter(value) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (15, 15.0),
        (b"93.99%", 93.99),
        (b"cpu-usage: 1.52843%", 1.52843),
        (float("nan"), None),
        (b"", None),
        (b"no number", None),
    ],
)
def test_a_percentage_is_found_in_text(value: object, expected: object) -> None:
    assert decimal(value) == expected  # type: ignore[arg-type]


def test_a_size_with_its_own_unit_in_the_text_is_understood() -> None:
    assert size(b"210.082 MB", 1) == round(210.082 * 1048576)
    assert size(b'"44292kB', 1) == 44292 * 1024
    assert size(b"memory-total: 8089344kB", 7) == 8089344 * 1024
    assert size(b"8089344", 1024) == 8089344 * 1024
    assert size(3, 1024) == 3072
    assert size(b"...", 1) is None
    assert size("1.3.6.1", 1) is None


def test_chinese_in_gb18030_and_utf8_is_read() -> None:
    assert text("网管".encode("gbk")) == "网管"
    assert text("网管".encode()) == "网管"
    assert text(b"name\0\0") == "name"
    assert text(b"\xff\xfe\xff") != ""


def test_hardware_addresses_come_as_octets_or_as_text() -> None:
    assert mac(bytes.fromhex("00e0fc123456")) == "00e0fc123456"
    assert mac(b"00:e0:FC:12:34:56") == "00e0fc123456"
    assert mac(b"00e0-fc12-3456") == "00e0fc123456"
    assert mac(b"") == ""
    assert mac(7) == ""


def test_timeticks_are_hundredths_and_indices_are_compared_as_numbers() -> None:
    assert seconds(150) == 1.5
    assert seconds(b"x") is None
    assert index_numbers("1.10") > index_numbers("1.9")
    assert integer(b"7") == 7
