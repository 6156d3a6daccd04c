"""What devices answer, made into numbers and text. Broken types are common; none raises."""

from __future__ import annotations

import math
import re

Value = None | str | bytes | int | float
"""As gufo-snmp gives it: OIDs and IpAddress are text, octet strings bytes."""

NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")
UNITS = {"": 1, "b": 1, "kb": 1024, "mb": 1 << 20, "gb": 1 << 30, "k": 1024, "m": 1 << 20}


def integer(value: Value) -> int | None:
    """A whole number, also where a device sends it as text (``b"1234"``)."""
    if isinstance(value, int):
        return value
    number = decimal(value)
    return None if number is None else int(number)


def counter(value: Value) -> int | None:
    """A counter: never negative. A 32-bit one sent as a negative INTEGER is read unsigned."""
    if isinstance(value, int) and value >= 0:
        return value
    if isinstance(value, bytes):
        digits = value.strip(b' \0\t\r\n"')
        return int(digits) if digits.isdigit() and len(digits) < 21 else None
    number = integer(value)
    if number is not None and number < 0:
        return number + (1 << 32) if number >= -(1 << 31) else None
    return number


def decimal(value: Value) -> float | None:
    """The first number in the answer: 15, b"93.99%", "cpu-usage: 1.52843%"."""
    if isinstance(value, int | float):
        return float(value) if math.isfinite(value) else None
    if value is None:
        return None
    found = NUMBER.search(text(value))
    return float(found[0]) if found and len(found[0]) < 40 else None


def size(value: Value, unit: int) -> int | None:
    """Bytes, from a number in ``unit`` or from text that names its own (``"210.082 MB"``)."""
    if isinstance(value, int):
        return value * unit
    if not isinstance(value, bytes):
        return None
    found = re.search(r"([\d.]{1,30})\s*([KMG]?B?)\b", text(value), re.IGNORECASE)
    try:
        number = float(found[1]) if found else None
    except ValueError:
        return None
    if number is None or found is None:
        return None
    return round(number * (UNITS.get(found[2].lower(), unit) if found[2] else unit))


def text(value: Value) -> str:
    """Text of an octet string: UTF-8, else GB 18030 (Chinese gear), else byte for byte."""
    if isinstance(value, bytes):
        raw = value.rstrip(b"\0")
        for encoding in ("utf-8", "gb18030"):
            try:
                return raw.decode(encoding).strip()
            except UnicodeDecodeError:
                continue
        return raw.decode("latin-1").strip()
    return "" if value is None else str(value)


def mac(value: Value) -> str:
    """A hardware address in lower-case hex without separators, "" where there is none."""
    if not isinstance(value, bytes) or not value:
        return ""
    if len(value) >= 11:
        written = re.sub(r"[^0-9a-f]", "", text(value).lower())
        if len(written) in (12, 16) and re.fullmatch(r"[0-9a-fA-F:. -]+", text(value)):
            return written
    return value.hex()


def seconds(ticks: Value) -> float | None:
    """TimeTicks (1/100 s) in seconds."""
    number = integer(ticks)
    return None if number is None else (number & 0xFFFFFFFF) / 100


def index_numbers(suffix: str) -> tuple[int, ...]:
    """A row's index, compared the way SNMP orders it."""
    return tuple(map(int, suffix.split("."))) if suffix else ()
