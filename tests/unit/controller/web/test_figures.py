from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from controller.web import figures
from controller.web.language import text

CHINA = ZoneInfo("Asia/Shanghai")
NAN = float("nan")


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "0"), (7.46, "7.5"), (9.0, "9"), (63.4, "63"), (1024, "1,024"), (None, "–"), (NAN, "–")],
)
def test_a_count_has_a_digit_after_the_point_only_when_it_is_small(
    value: float | None, said: str
) -> None:
    assert figures.number(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0 B"),
        (1023, "1,023 B"),
        (1024, "1 KB"),
        (1536, "1.5 KB"),
        (128 * 2**30, "128 GB"),
        (2**40 - 1, "1.0 TB"),
        (2 * 2**40, "2 TB"),
        (18.6 * 2**40, "18.6 TB"),
        (None, "–"),
        (NAN, "–"),
    ],
)
def test_bytes_are_said_in_steps_of_1024(value: float | None, said: str) -> None:
    assert figures.size(value).replace("\u00a0", " ") == said


def test_traffic_is_said_in_bits() -> None:
    assert figures.rate(10_250_000).replace("\u00a0", " ") == "82 Mbps"
    assert figures.rate(None) == "–"


def test_shares_have_one_digit_and_changes_a_sign() -> None:
    assert figures.percent(12.44).replace("\u00a0", " ") == "12.4 %"
    assert figures.percent(12.44, unit=False) == "12.4"
    assert figures.percent(None) == figures.percent(NAN) == "–"
    assert figures.points(1.84) == "+1.8"
    assert figures.points(-0.4) == "-0.4"
    assert figures.points(None) == "–"


def test_moments_are_those_of_the_zone() -> None:
    at = datetime(2026, 11, 23, 6, 5, 9, tzinfo=UTC)
    assert figures.moment(at, CHINA) == "2026-11-23 14:05"
    assert figures.moment(at, CHINA, seconds=True) == "2026-11-23 14:05:09"
    assert figures.day(datetime(2026, 11, 22, 17, tzinfo=UTC), CHINA) == "2026-11-23"
    assert figures.moment(None, CHINA) == figures.day(None, CHINA) == "–"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(42, "42 秒"), (600, "10 分钟"), (10_800, "3 小时"), (12 * 86_400, "12 天"), (None, "–")],
)
def test_a_length_of_time_is_said_in_its_largest_unit(seconds: float | None, said: str) -> None:
    assert figures.lasted(seconds, text("zh")) == said
