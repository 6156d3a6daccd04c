"""Recordings: ``OID|TAG|VALUE`` lines, read with their flaws and written from a poll.

TAG is the SNMP type number, with ``x`` where VALUE is hex and ``e`` where it has backslash
escapes. gufo-snmp gives values without their SNMP type: of the objects we poll the type is known
from the MIB (``TYPES``); of others an INTEGER, Gauge32 or Counter64 is written by size.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from .values import Value, index_numbers

INTEGER, OCTETS, NULL, OID, ADDRESS = 2, 4, 5, 6, 64
COUNTER32, GAUGE32, TICKS, OPAQUE, COUNTER64 = 65, 66, 67, 68, 70
Row = tuple[str, int, bytes | int | str]
"""OID, tag, and bytes for octets and Opaque, a number, or text for OID and IpAddress."""

_IF, _IFX = "1.3.6.1.2.1.2.2.1", "1.3.6.1.2.1.31.1.1.1"
TYPES = {
    "1.3.6.1.2.1.1.3": TICKS,
    **{f"{_IF}.{column}": COUNTER32 for column in (*range(10, 21),)},
    f"{_IF}.5": GAUGE32,
    f"{_IF}.9": TICKS,
    f"{_IF}.21": GAUGE32,
    **{f"{_IFX}.{column}": COUNTER32 for column in range(2, 6)},
    **{f"{_IFX}.{column}": COUNTER64 for column in range(6, 14)},
    f"{_IFX}.15": GAUGE32,
    f"{_IFX}.19": TICKS,
    "1.3.6.1.2.1.10.7.2.1": COUNTER32,
    **{f"1.3.6.1.2.1.4.31.{t}.1.{column}": COUNTER32 for t in (1, 3) for column in range(3, 46)},
    **{
        f"1.3.6.1.2.1.4.31.{t}.1.{column}": COUNTER64
        for t in (1, 3)
        for column in (4, 6, 13, 19, 21, 24, 31, 33, 35, 37, 39, 41, 43, 45)
    },
    "1.3.6.1.2.1.4.24.6": GAUGE32,
    "1.3.6.1.2.1.4.24.3": GAUGE32,
    "1.3.6.1.2.1.15.3.1.16": GAUGE32,
}
_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|.)", re.DOTALL)
_NAMED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"0": b"\0"}


def read_recording(data: bytes) -> list[Row]:
    """Rows in the order of their OIDs, the last of duplicates; unreadable lines are left out."""
    rows: dict[tuple[int, ...], Row] = {}
    for line in data.split(b"\n"):
        row = _row(line.rstrip(b"\r"))
        if row is not None:
            rows[index_numbers(row[0])] = row
    return [rows[key] for key in sorted(rows)]


def _row(line: bytes) -> Row | None:
    parts = line.split(b"|", 2)
    found = re.fullmatch(rb"(\d+)([xe]?)", parts[1]) if len(parts) == 3 else None
    oid = parts[0].decode("latin-1").strip().lstrip(".")
    if found is None or not re.fullmatch(r"\d+(\.\d+)+", oid):
        return None
    tag, raw = int(found[1]), parts[2]
    try:
        if found[2] == b"x":
            raw = bytes.fromhex(raw.decode("ascii"))
        elif found[2] == b"e":
            raw = _ESCAPE.sub(_unescape, raw)
        return (oid, tag, _value(tag, raw))
    except ValueError:
        return None


def _unescape(found: re.Match[bytes]) -> bytes:
    name = found[1]
    return bytes.fromhex(name[1:].decode()) if len(name) == 3 else _NAMED.get(name, name)


def _value(tag: int, raw: bytes) -> bytes | int | str:
    if tag in (INTEGER, COUNTER32, GAUGE32, TICKS, COUNTER64):
        return int(raw)
    if tag in (OCTETS, OPAQUE, NULL):
        return raw
    if tag == OID:
        name = raw.decode("ascii").strip().lstrip(".")
        if not re.fullmatch(r"\d+(\.\d+)*", name):
            raise ValueError(name)
        return name
    if tag == ADDRESS:
        told = raw.decode("latin-1") if len(raw) != 4 else ".".join(map(str, raw))
        if not re.fullmatch(r"\d+\.\d+\.\d+\.\d+", told):
            raise ValueError(told)
        return told
    raise ValueError(tag)


def recording_lines(found: dict[str, Value]) -> Iterable[str]:
    """The lines of a recording of what a poll read, in OID order."""
    for oid in sorted(found, key=index_numbers):
        value = found[oid]
        if value is not None:
            tag, text = _written(oid, value)
            yield f"{oid}|{tag}|{text}\n"


def write_recording(path: Path, found: dict[str, Value]) -> int:
    """Writes a recording; gives its number of rows.

    Raises:
        OSError: the file cannot be written.
    """
    lines = list(recording_lines(found))
    path.write_text("".join(lines), encoding="utf-8")
    return len(lines)


def _written(oid: str, value: str | bytes | int | float) -> tuple[str, str]:
    if isinstance(value, bytes):
        plain = value.isascii() and value.decode("ascii").isprintable()
        return (str(OCTETS), value.decode("ascii")) if plain else (f"{OCTETS}x", value.hex())
    if isinstance(value, str):
        address = re.fullmatch(r"\d{1,3}(\.\d{1,3}){3}", value) and not value.startswith("1.3.6")
        return str(ADDRESS if address else OID), value
    if isinstance(value, float):
        return str(OCTETS), repr(value)
    return str(_number_type(oid, value)), str(value)


def _number_type(oid: str, value: int) -> int:
    parent = oid
    while parent.count(".") > 6:
        parent = parent.rpartition(".")[0]
        if parent in TYPES:
            known = TYPES[parent]
            return COUNTER64 if value >= 1 << 32 else known
    if -(1 << 31) <= value < 1 << 31:
        return INTEGER
    return GAUGE32 if 0 <= value < 1 << 32 else COUNTER64
