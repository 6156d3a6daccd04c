"""What comes back every year, quarter and month: seasons by tag, and the days around an end."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date, timedelta

from controller.analysis.read_policy import PolicyError

BEFORE_END = 3
"""Last days of a month that belong to its end."""
AFTER_END = 2
"""First days of the next that do."""


@dataclass(frozen=True)
class Season:
    """Resources with one of ``tags`` are busy from ``first`` to ``last`` (month, day) each year."""

    name_zh: str
    name_en: str
    tags: tuple[str, ...]
    first: tuple[int, int]
    last: tuple[int, int]

    def holds(self, day: date) -> bool:
        """Whether the day lies in the season; one may run over the turn of the year."""
        at = (day.month, day.day)
        if self.first <= self.last:
            return self.first <= at <= self.last
        return at >= self.first or at <= self.last

    @property
    def span(self) -> str:
        return f"{self.first[0]}-{self.first[1]}…{self.last[0]}-{self.last[1]}"


def read_calendar(body: str) -> tuple[Season, ...]:
    """``[[season]]`` with name_zh, name_en, tags, first = "06-01", last = "09-30".

    Raises PolicyError.
    """
    try:
        document = tomllib.loads(body)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"not TOML: {error}") from None
    seasons = []
    for index, row in enumerate(document.get("season", [])):
        where = f"season[{index}]"
        try:
            seasons.append(
                Season(
                    str(row["name_zh"]),
                    str(row["name_en"]),
                    tuple(str(tag) for tag in row["tags"]),
                    _day(row["first"]),
                    _day(row["last"]),
                )
            )
        except KeyError as error:
            raise PolicyError(f"{where}.{error.args[0]}: is missing") from None
        except (TypeError, ValueError):
            raise PolicyError(f'{where}: first and last must be days as "06-01"') from None
    return tuple(seasons)


def _day(text: str) -> tuple[int, int]:
    day = date.fromisoformat(f"2024-{text}")  # a leap year: 02-29 is a day
    return day.month, day.day


def season_of(tags: tuple[str, ...], seasons: tuple[Season, ...]) -> Season | None:
    """The first season that one of the tags names."""
    return next((s for s in seasons if set(s.tags) & set(tags)), None)


def is_period_end(day: date, *, quarters: bool = False) -> bool:
    """Whether the day belongs to the end of a month (or of a quarter only)."""
    if day.day <= AFTER_END:
        ended = day.replace(day=1) - timedelta(days=1)
    elif (day + timedelta(days=BEFORE_END)).month != day.month:
        ended = day
    else:
        return False
    return not quarters or ended.month % 3 == 0


def next_period_end(day: date) -> date:
    """The day after which the next month's end, not yet over, has passed."""
    while not is_period_end(day):
        day += timedelta(days=1)
    while is_period_end(day):
        day += timedelta(days=1)
    return day
