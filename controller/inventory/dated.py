"""Dated rows: what is in force at a moment, and what "no date known" means."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any, Protocol

from sqlalchemy import ColumnElement, and_, or_
from sqlmodel import col

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")
"""A fixed offset, so that no time zone database is needed: there is no summer time since 1991."""

EVER = datetime(2000, 1, 1, tzinfo=SHANGHAI)
"""Start of what has no date: a unit or resource whose beginning nobody wrote down was always there.

The import's time would be wrong in the other direction: history loaded later would belong to
nobody and be missing from every report without a word.
"""


class Dated(Protocol):
    """A table class with ``since`` and ``until``."""

    since: Any
    until: Any


def in_force(table: type[Dated], at: datetime) -> ColumnElement[bool]:
    """The condition that a row's interval [since, until) holds ``at``."""
    return and_(col(table.since) <= at, or_(col(table.until).is_(None), col(table.until) > at))
