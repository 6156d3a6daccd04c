from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from controller.web.period import Period, parse

CHINA = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 23, 6, 7, 31, tzinfo=UTC)


def _parse(name: str, first: str = "", last: str = "") -> Period:
    return parse(name, first, last, NOW, CHINA)


def test_thirty_days_end_at_the_last_full_five_minutes() -> None:
    period = _parse("")
    assert period.name == "30d"
    assert period.until == datetime(2026, 11, 23, 6, 5, tzinfo=UTC)
    assert period.until - period.since == timedelta(days=30)
    assert not period.error


def test_last_month_is_the_local_calendar_month() -> None:
    period = _parse("month")
    assert period.since == datetime(2026, 9, 30, 16, tzinfo=UTC)
    assert (period.first_day, period.last_day) == (date(2026, 10, 1), date(2026, 10, 31))
    assert period.before.first_day == date(2026, 9, 1)
    assert period.before.until == period.since


def test_own_dates_include_both_days() -> None:
    period = _parse("custom", "2026-11-01", "2026-11-02")
    assert period.days == 2
    assert period.query == {"period": "custom", "from": "2026-11-01", "to": "2026-11-02"}
    assert period.before.until == period.since
    assert period.before.days == 2


def test_own_dates_end_no_later_than_now() -> None:
    period = _parse("custom", "2026-11-20", "2026-12-31")
    assert period.until == datetime(2026, 11, 23, 6, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("", ""),
        ("2026-13-01", "2026-13-02"),
        ("x", "2026-11-02"),
        ("2026-11-03", "2026-11-01"),
        ("0001-01-01", "2026-11-01"),
        ("2027-01-01", "2027-01-02"),
        ("9999-12-31", "9999-12-31"),
    ],
)
def test_dates_that_make_no_period_are_named_and_the_last_30_days_shown(
    first: str, last: str
) -> None:
    period = _parse("custom", first, last)
    assert period.error
    assert period.name == "30d"


def test_an_unknown_name_is_the_default() -> None:
    assert _parse("forever").name == "30d"
    assert _parse("forever").error
