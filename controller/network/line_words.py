"""Words of the registers of lines and points for files; pages translate through their own."""

from __future__ import annotations

LEVELS = {
    "city": ("市级", "City"),
    "county": ("县级", "County"),
    "township": ("乡镇级", "Township"),
    "village": ("村级", "Village"),
}
CITY = ("市本级", "The city itself")


def said(pair: tuple[str, str], language: str) -> str:
    """The Chinese or English of a pair."""
    return pair[1 if language == "en" else 0]
