"""Moments as people and programs write them."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from controller.problems import Problem
from controller.said import say


def read_moment(text: str, zone: ZoneInfo, what: str) -> datetime:
    """A date (its midnight) or an RFC 3339 time; without a zone it is meant in ``zone``.

    Raises Problem 422 naming ``what``.
    """
    try:
        # A "+" of the offset comes as a space where the sender did not encode it.
        moment = datetime.fromisoformat(text.strip().replace(" ", "+") if _zoned(text) else text)
    except ValueError:
        raise Problem(
            422,
            "not a time",
            say(
                f"{what}={text!r}: give 2026-06-01 or 2026-06-01T08:00:00+08:00",
                f"{what}={text}：请写 2026-06-01 或 2026-06-01T08:00:00+08:00",
            ),
        ) from None
    if not 1970 <= moment.year < 9999:
        raise Problem(
            422,
            "not a time",
            say(f"{what}={text!r}: the year is out of range", f"{what}={text}：年份超出范围"),
        )
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def read_period(since: str, until: str, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """[since, until); raises Problem 422, also where it is empty."""
    start, end = read_moment(since, zone, "from"), read_moment(until, zone, "to")
    if end <= start:
        raise Problem(
            422,
            "empty period",
            say(f"from {since} is not before to {until}", f"起始 {since} 须早于截止 {until}"),
        )
    return start, end


def read_month(month: str, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """[first day, first day of the next month) of ``2026-10``; raises Problem 422."""
    if not re.fullmatch(r"(19|20|21)\d\d-(0[1-9]|1[0-2])", month):
        raise Problem(
            422,
            "not a month",
            say(f"{month!r}: give e.g. 2026-10", f"“{month}”不是月份：应如 2026-10"),
        )
    year, number = int(month[:4]), int(month[5:])
    following = (year + 1, 1) if number == 12 else (year, number + 1)
    return datetime(year, number, 1, tzinfo=zone), datetime(*following, 1, tzinfo=zone)


def _zoned(text: str) -> bool:
    return "T" in text and " " in text.strip()
