"""Deadlines in Chinese working days."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from controller.notices.workdays import Calendar, CalendarError, read_calendar

NATIONAL = date(2026, 9, 30)


@pytest.mark.parametrize(
    ("start", "count", "expected"),
    [
        (date(2026, 11, 23), 10, date(2026, 12, 7)),  # no holiday in between
        (date(2026, 11, 20), 1, date(2026, 11, 23)),  # over a weekend
        (NATIONAL, 1, date(2026, 10, 8)),  # over the National Day holiday
        (date(2026, 10, 9), 1, date(2026, 10, 10)),  # a Saturday that is worked
        (date(2026, 10, 12), -1, date(2026, 10, 10)),
        (date(2026, 11, 23), 0, date(2026, 11, 23)),
    ],
)
def test_a_deadline_counts_the_working_days_of_the_state_councils_table(
    start: date, count: int, expected: date
) -> None:
    calendar = Calendar()
    assert calendar.after(start, count) == expected
    assert calendar.between(start, expected) == count


def test_a_year_the_library_does_not_know_is_said_and_counts_weekends_only() -> None:
    calendar = Calendar()
    assert not calendar.knows(2040)
    assert calendar.unknown_years(date(2026, 12, 1), date(2040, 1, 4))[-1] == 2040
    assert calendar.is_workday(date(2040, 10, 1))  # a Monday: nobody knows that it is a holiday
    assert not calendar.is_workday(date(2040, 10, 6))


def test_the_override_file_goes_before_the_library(tmp_path: Path) -> None:
    file = tmp_path / "days.toml"
    file.write_text('[2040]\nholidays = ["2040-10-01"]\nworkdays = [2040-10-06]\n', "utf-8")
    calendar = read_calendar(str(file))
    assert calendar.knows(2040)
    assert calendar.after(date(2040, 9, 28), 1) == date(2040, 10, 2)
    assert calendar.is_workday(date(2040, 10, 6))
    assert calendar.knows(2026)  # the library still answers for the other years


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[2040]\nholidays = ['2039-10-01']", "no day of 2040"),
        ("[2040]\nholidays = ['tomorrow']", "is no date"),
        ("[2040]\nhollidays = []", "unknown hollidays"),
        ("[next]\nholidays = []", "is no year"),
        ("[2040]\nholidays = ['2040-10-01']\nworkdays = ['2040-10-01']", "both"),
        ("2040 = ", "not TOML"),
        ("[2040]\nholidays = 7", "holidays is no list"),
        ("[2040]\nworkdays = '2040-10-06'", "workdays is no list"),
        ("[2040]\nholidays = [[]]", "no day of 2040"),
        ("[2040]\nholidays = [2040-10-01T00:00:00Z]", "no day of 2040"),
        ("[99999]\nholidays = ['2040-10-01']", "no day of 99999"),
        ("2040 = 7", "is no year"),
    ],
)
def test_a_wrong_override_file_is_named_with_what_is_wrong(
    tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "days.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(CalendarError, match=said):
        read_calendar(str(file))


def test_an_override_file_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "days.toml"
    file.write_bytes("[2040] # 节假日".encode("gb18030"))
    with pytest.raises(CalendarError, match="not UTF-8 at byte 9"):
        read_calendar(str(file))


def test_a_missing_override_file_is_an_error_and_no_file_is_none(tmp_path: Path) -> None:
    with pytest.raises(CalendarError, match="cannot be read"):
        read_calendar(str(tmp_path / "nothing.toml"))
    assert read_calendar("").years == {}
