"""The period a page speaks of: 7 days, 30 days, last month, or two dates of one's own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

NAMES = ("7d", "30d", "month", "custom")
DEFAULT = "30d"
LONGEST = timedelta(days=1830)
"""Five years: what the hourly rollup keeps."""


@dataclass(frozen=True)
class Period:
    """Half-open [since, until) with the name it was asked by; ``error`` says what was ignored."""

    name: str
    since: datetime
    until: datetime
    zone: ZoneInfo
    error: str = ""

    @property
    def first_day(self) -> date:
        """The first local day."""
        return self.since.astimezone(self.zone).date()

    @property
    def last_day(self) -> date:
        """The last local day that has a part in the period."""
        return (self.until.astimezone(self.zone) - timedelta(microseconds=1)).date()

    @property
    def days(self) -> float:
        return (self.until - self.since) / timedelta(days=1)

    @property
    def before(self) -> Period:
        """The period just before, for 较上期: last month's is the month before, else as long."""
        if self.name == "month":
            until = self.since
            first = (self.first_day - timedelta(days=1)).replace(day=1)
            return Period("month", _midnight(first, self.zone), until, self.zone)
        return Period("custom", self.since - (self.until - self.since), self.since, self.zone)

    @property
    def query(self) -> dict[str, str]:
        """The query parameters that ask for this period again."""
        if self.name == "custom":
            return {"period": "custom", "from": f"{self.first_day}", "to": f"{self.last_day}"}
        return {"period": self.name}

    @property
    def api_query(self) -> dict[str, str]:
        """The same period as the API takes it (RFC 3339 moments)."""
        return {"from": self.since.isoformat(), "to": self.until.isoformat()}


def parse(name: str, first: str, last: str, now: datetime, zone: ZoneInfo) -> Period:
    """The period of a request; what cannot be read falls back to the last 30 days, and says so.

    ``7d`` and ``30d`` end at the last full 5 minutes, so that one page opened twice within them
    says the same. ``first`` and ``last`` are local dates, both included.
    """
    until = now.replace(second=0, microsecond=0)
    until -= timedelta(minutes=until.minute % 5)
    if name == "7d":
        return Period("7d", until - timedelta(days=7), until, zone)
    if name == "month":
        this_month = now.astimezone(zone).date().replace(day=1)
        month = (this_month - timedelta(days=1)).replace(day=1)
        return Period("month", _midnight(month, zone), _midnight(this_month, zone), zone)
    error = ""
    if name == "custom":
        try:
            since = _midnight(date.fromisoformat(first), zone)
            end = _midnight(date.fromisoformat(last) + timedelta(days=1), zone)
        except (ValueError, OverflowError):
            error = "dates"
        else:
            if since < end and end - since <= LONGEST and since < now:
                return Period("custom", since, min(end, until) if since < until else end, zone)
            error = "order"
    elif name not in ("", DEFAULT):
        error = "name"
    return Period(DEFAULT, until - timedelta(days=30), until, zone, error)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
