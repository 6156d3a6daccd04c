"""What pollers tell, as it may be kept: text without control characters, numbers within reason."""

from __future__ import annotations

from typing import Any


def word(told: dict[str, Any], name: str, most: int) -> str:
    """A text of at most ``most`` characters; "" for what is none."""
    value = told.get(name)
    if not isinstance(value, str):
        return ""
    return "".join(c if c.isprintable() else " " for c in value).strip()[:most]


def number(value: object) -> float | None:
    """A number from 0 on; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < 1e15 else None
