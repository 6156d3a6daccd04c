"""States that a register carries as tags: stopped, detached, and since when.

A platform's export gives them as a word, with the day if it knows it: ``未挂载:2026-09-01``.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

CHINA = timezone(timedelta(hours=8))
"""A register's days are China's; it has had no daylight saving since 1991."""
DAY_S = 86_400


def tag_named(tags: tuple[str, ...], wanted: tuple[str, ...]) -> str | None:
    """The first tag that is, or begins with, a wanted word (``word`` or ``word:more``)."""
    for tag in tags:
        if _word(tag) in wanted:
            return tag
    return None


def detached_since(tags: tuple[str, ...], wanted: tuple[str, ...], as_of_s: int) -> float | None:
    """Whole days since the tag's day; NaN where it has none, None without such a tag."""
    tag = tag_named(tags, wanted)
    if tag is None:
        return None
    _, _, text = tag.replace("：", ":").partition(":")
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        return float("nan")
    since = datetime(day.year, day.month, day.day, tzinfo=CHINA).timestamp()
    return float(max(0, int(as_of_s - since) // DAY_S))


def _word(tag: str) -> str:
    return tag.replace("：", ":").partition(":")[0].strip()
