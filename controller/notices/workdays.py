"""Working days of China: the maintained calendar, an override file, and weekends where neither
knows the year.

The State Council publishes a year's holidays in the November before it; the library follows with
a release. Until then an operator writes the table into a file (``notices.calendar_file``):

    [2027]
    holidays = ["2027-01-01", "2027-02-05"]
    workdays = ["2027-02-20"]        # weekends that are worked
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

import chinese_calendar
from chinese_calendar import constants

LONGEST = 2000
"""Days looked at for one answer; further away somebody made a mistake."""


class CalendarError(ValueError):
    """The override file is wrong; the text names file, year and day."""


@dataclass(frozen=True)
class YearTable:
    """A year as the State Council published it: days off in the week, weekends that are worked."""

    holidays: frozenset[date]
    workdays: frozenset[date]


@dataclass(frozen=True)
class Calendar:
    """Working days; ``years`` is what the override file says and goes before the library."""

    years: Mapping[int, YearTable] = field(default_factory=dict)

    def knows(self, year: int) -> bool:
        """Whether the year's holidays are known; if not, only weekends are days off."""
        return year in self.years or year in _library_years()

    def is_workday(self, day: date) -> bool:
        table = self.years.get(day.year)
        if table is not None:
            if day in table.holidays:
                return False
            return day in table.workdays or day.weekday() < 5
        if day.year in _library_years():
            return bool(chinese_calendar.is_workday(day))
        return day.weekday() < 5

    def after(self, day: date, count: int) -> date:
        """The ``count``-th working day after ``day`` (before it, where negative); the day itself
        is not counted. Raises ValueError beyond LONGEST days."""
        step = 1 if count >= 0 else -1
        left, at = abs(count), day
        for _ in range(LONGEST):
            if left == 0:
                return at
            at += timedelta(days=step)
            left -= self.is_workday(at)
        raise ValueError(f"{count} working days from {day}: too far away")

    def between(self, first: date, last: date) -> int:
        """Working days in (first, last]; negative where ``last`` is before ``first``."""
        if last < first:
            return -self.between(last, first)
        days = min((last - first).days, LONGEST)
        return sum(self.is_workday(first + timedelta(days=n)) for n in range(1, days + 1))

    def unknown_years(self, first: date, last: date) -> list[int]:
        """Years of [first, last] whose holidays are not known: to be said beside a deadline."""
        return [year for year in range(first.year, last.year + 1) if not self.knows(year)]


def read_calendar(path: str) -> Calendar:
    """The calendar with the override file at ``path``; "" is none. Raises CalendarError."""
    if not path:
        return Calendar()
    try:
        given = tomllib.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise CalendarError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise CalendarError(f"{path}: not UTF-8 at byte {error.start}") from None
    except tomllib.TOMLDecodeError as error:
        raise CalendarError(f"{path}: not TOML: {error}") from None
    return Calendar(dict(_year(path, *each) for each in given.items()))


def _year(path: str, name: str, table: object) -> tuple[int, YearTable]:
    if not name.isdecimal() or not isinstance(table, dict):
        raise CalendarError(f"{path}: [{name}] is no year: write [2027] with holidays and workdays")
    if unknown := set(table) - {"holidays", "workdays"}:
        raise CalendarError(f"{path}: [{name}]: unknown {', '.join(sorted(unknown))}")
    year = int(name)
    days = [
        frozenset(_day(path, year, each) for each in _list(path, name, key, table.get(key, [])))
        for key in ("holidays", "workdays")
    ]
    if both := days[0] & days[1]:
        raise CalendarError(f"{path}: [{name}]: {min(both)} is both a holiday and a working day")
    return year, YearTable(*days)


def _list(path: str, name: str, key: str, given: object) -> list[object]:
    if not isinstance(given, list):
        raise CalendarError(f'{path}: [{name}]: {key} is no list of days: write ["2027-01-01"]')
    return given


def _day(path: str, year: int, given: object) -> date:
    if isinstance(given, str):
        try:
            given = date.fromisoformat(given)
        except ValueError:
            raise CalendarError(f"{path}: [{year}]: {given!r} is no date") from None
    if not isinstance(given, date) or isinstance(given, datetime) or given.year != year:
        raise CalendarError(f"{path}: [{year}]: {given} is no day of {year}")
    return given


def _library_years() -> range:
    return range(min(constants.holidays).year, max(constants.holidays).year + 1)
