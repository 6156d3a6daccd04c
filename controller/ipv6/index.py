"""The index: read from TOML, checked, named with its version."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

from controller.analysis.ipv6 import Index, Indicator
from controller.analysis.ipv6_values import DEVICE_VALUES, HOST_VALUES

FOLDER = Path(__file__).parent / "indexes"
VALUES = ("aaaa", "name_servers", "home", "success", "content", "links_second", "links_third",
          "parts", "performance", "certificate")  # fmt: skip


class BadIndexError(ValueError):
    """An index cannot be used; the text names the file, the indicator and the key."""


def load_index(path: str = "") -> Index:
    """The index at ``path``, or the example that is shipped. Raises BadIndexError."""
    file = Path(path) if path else FOLDER / "example.toml"
    try:
        told = tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadIndexError(f"{file}: {error}") from None
    indicators = _indicators(file, told, "indicators", VALUES)
    if not indicators:
        raise BadIndexError(f"{file}: no [[indicators]]")
    hosts = _indicators(file, told, "hosts", tuple(HOST_VALUES))
    devices = _indicators(file, told, "devices", tuple(DEVICE_VALUES))
    try:
        return Index(
            name=str(told["name"]),
            version=str(told["version"]),
            title_zh=str(told["title_zh"]),
            title_en=str(told["title_en"]),
            official=bool(told["official"]),
            good=float(told["good"]),
            indicators=indicators,
            hosts=hosts,
            devices=devices,
            mix=_mix(file, told.get("mix", {"site": 1.0})),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadIndexError(f"{file}: {error}") from None


@cache
def _titles() -> dict[str, tuple[str, str]]:
    index = load_index()
    return {
        f"ipv6.{kind}.{each.code}": (each.title_zh, each.title_en)
        for kind in ("site", "host", "device")
        for each in index.of(kind).indicators
    }


def indicator_title(code: str, language: str) -> str:
    """What a finding's code (``ipv6.host.address``) is called; the code where it is none of the
    shipped index."""
    titles = _titles().get(code, (code, code))
    return f"IPv6 · {titles[language == 'en']}" if code in _titles() else code


def _indicators(
    file: Path, told: dict[str, Any], name: str, values: tuple[str, ...]
) -> tuple[Indicator, ...]:
    rows = told.get(name, [])
    if not isinstance(rows, list):
        raise BadIndexError(f"{file}: {name} is no list of tables")
    found = tuple(_indicator(file, row, values) for row in rows)
    codes = [each.code for each in found]
    if len(set(codes)) != len(codes):
        raise BadIndexError(f"{file}: {name}: an indicator stands twice")
    return found


def _mix(file: Path, told: Any) -> dict[str, float]:
    kinds = ("site", "host", "device")
    if not isinstance(told, dict) or not told or set(told) - set(kinds):
        raise BadIndexError(f"{file}: mix has weights of {', '.join(kinds)}, no others")
    for name, value in told.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise BadIndexError(f"{file}: mix: {name} is no weight of 0 or more")
    return {name: float(value) for name, value in told.items()}


def _indicator(file: Path, row: Any, values: tuple[str, ...]) -> Indicator:
    wanted = {each.name for each in fields(Indicator)}
    if not isinstance(row, dict) or set(row) != wanted:
        odd = set(row) ^ wanted if isinstance(row, dict) else {"not a table"}
        raise BadIndexError(f"{file}: an indicator has or lacks {', '.join(sorted(odd))}")
    numbers = {name: row[name] for name in ("weight", "full", "zero")}
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BadIndexError(f"{file}: {row['code']}: {name} is no number")
    if row["value"] not in values:
        raise BadIndexError(f"{file}: {row['code']}: no such value {row['value']!r}")
    if row["weight"] <= 0 or row["full"] == row["zero"]:
        raise BadIndexError(f"{file}: {row['code']}: weight above 0 and full apart from zero")
    return Indicator(**{**row, **{name: float(value) for name, value in numbers.items()}})
