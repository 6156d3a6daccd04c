"""Recordings with all their flaws are read; what is written can be read again."""

from __future__ import annotations

from collectors.snmp.snmprec import (
    ADDRESS,
    COUNTER64,
    GAUGE32,
    INTEGER,
    OCTETS,
    OID,
    TICKS,
    read_recording,
    recording_lines,
)


def test_flawed_lines_are_left_out_and_the_rest_is_sorted() -> None:
    data = (
        b"1.3.6.1.2.1.1.5.0|4|later|with|bars\r\n"
        b"1.3.6.1.2.1.1.10.0|4x|d6d0cec4\n"
        b".1.3.6.1.2.1.1.2.0|6|.1.3.6.1.4.1.9\n"
        b"10.xx.xx.100|2|1\n"
        b"1.3.6.1.2.1.1.9.0|2|text\n"
        b"1.3.6.1.2.1.1.6.0|4e|a\\x0ab\\\\\n"
        b"1.3.6.1.2.1.4.20.1.1.10.0.0.1|64x|0a000001\n"
        b"1.3.6.1.2.1.1.5.0|4|twice\n"
        b"sentinel\n"
    )
    assert read_recording(data) == [
        ("1.3.6.1.2.1.1.2.0", OID, "1.3.6.1.4.1.9"),
        ("1.3.6.1.2.1.1.5.0", OCTETS, b"twice"),
        ("1.3.6.1.2.1.1.6.0", OCTETS, b"a\nb\\"),
        ("1.3.6.1.2.1.1.10.0", OCTETS, b"\xd6\xd0\xce\xc4"),
        ("1.3.6.1.2.1.4.20.1.1.10.0.0.1", ADDRESS, "10.0.0.1"),
    ]


def test_a_written_recording_has_the_types_of_the_mib() -> None:
    found = {
        "1.3.6.1.2.1.1.3.0": 12345,
        "1.3.6.1.2.1.2.2.1.5.1": 1000,
        "1.3.6.1.2.1.2.2.1.8.1": 1,
        "1.3.6.1.2.1.31.1.1.1.6.1": 7,
        "1.3.6.1.2.1.31.1.1.1.18.1": "上联".encode(),
        "1.3.6.1.2.1.1.2.0": "1.3.6.1.4.1.9.1.1",
        "1.3.6.1.2.1.4.20.1.1.10.0.0.1": "10.0.0.1",
    }
    rows = read_recording("".join(recording_lines(found)).encode())
    types = {oid: (tag, value) for oid, tag, value in rows}
    assert types["1.3.6.1.2.1.1.3.0"] == (TICKS, 12345)
    assert types["1.3.6.1.2.1.2.2.1.5.1"] == (GAUGE32, 1000)
    assert types["1.3.6.1.2.1.2.2.1.8.1"] == (INTEGER, 1)
    assert types["1.3.6.1.2.1.31.1.1.1.6.1"] == (COUNTER64, 7)
    assert types["1.3.6.1.2.1.31.1.1.1.18.1"] == (OCTETS, "上联".encode())
    assert types["1.3.6.1.2.1.1.2.0"] == (OID, "1.3.6.1.4.1.9.1.1")
    assert types["1.3.6.1.2.1.4.20.1.1.10.0.0.1"] == (ADDRESS, "10.0.0.1")
