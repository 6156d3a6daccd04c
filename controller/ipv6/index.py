"""The index: read from TOML, checked, named with its version."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

from controller.analysis.ipv6 import Index, Indicator

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
    rows = told.get("indicators")
    if not isinstance(rows, list) or not rows:
        raise BadIndexError(f"{file}: no [[indicators]]")
    indicators = tuple(_indicator(file, row) for row in rows)
    codes = [each.code for each in indicators]
    if len(set(codes)) != len(codes):
        raise BadIndexError(f"{file}: an indicator stands twice")
    try:
        return Index(
            name=str(told["name"]),
            version=str(told["version"]),
            title_zh=str(told["title_zh"]),
            title_en=str(told["title_en"]),
            official=bool(told["official"]),
            good=float(told["good"]),
            indicators=indicators,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadIndexError(f"{file}: {error}") from None


def _indicator(file: Path, row: Any) -> Indicator:
    wanted = {each.name for each in fields(Indicator)}
    if not isinstance(row, dict) or set(row) != wanted:
        odd = set(row) ^ wanted if isinstance(row, dict) else {"not a table"}
        raise BadIndexError(f"{file}: an indicator has or lacks {', '.join(sorted(odd))}")
    numbers = {name: row[name] for name in ("weight", "full", "zero")}
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BadIndexError(f"{file}: {row['code']}: {name} is no number")
    if row["value"] not in VALUES:
        raise BadIndexError(f"{file}: {row['code']}: no such value {row['value']!r}")
    if row["weight"] <= 0 or row["full"] == row["zero"]:
        raise BadIndexError(f"{file}: {row['code']}: weight above 0 and full apart from zero")
    return Indicator(**{**row, **{name: float(value) for name, value in numbers.items()}})
