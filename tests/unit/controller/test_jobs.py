"""When a job is due, and what becomes of one that fails."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from controller.jobs import JOBS, Job, due, last_time_of, pause_after
from controller.store.tables import JobRun

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
OFTEN = Job("often", "lane", lambda _: None, every=timedelta(seconds=20))
NIGHTLY = Job("nightly", "lane", lambda _: None, at=time(2, 0))


def _ok(ago: timedelta) -> JobRun:
    return JobRun(name="x", last_ok=NOON - ago)


def _failed(ago: timedelta, failures: int) -> JobRun:
    return JobRun(
        name="x", last_ok=NOON - timedelta(days=3), last_failed=NOON - ago, failures=failures
    )


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (None, True),
        (_ok(timedelta(seconds=19)), False),
        (_ok(timedelta(seconds=20)), True),
        (_ok(-timedelta(hours=1)), True),  # the clock was set back
        (_failed(timedelta(seconds=19), 1), False),
        (_failed(timedelta(seconds=21), 1), True),
        (_failed(timedelta(seconds=79), 4), False),
        (_failed(timedelta(seconds=81), 4), True),
        (_failed(timedelta(minutes=9), 50), False),
        (_failed(timedelta(minutes=11), 50), True),
    ],
)
def test_a_frequent_job_runs_at_its_pace_and_rests_after_failures(
    run: JobRun | None, expected: bool
) -> None:
    assert due(OFTEN, run, NOON, SHANGHAI) is expected


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (None, False),  # a new controller's first night counts from now
        (_ok(timedelta(hours=9, minutes=59)), False),
        (_ok(timedelta(hours=10, minutes=1)), True),  # 02:00 in Shanghai was ten hours ago
        (_ok(timedelta(days=9)), True),  # missed nights are made up for once
        (_failed(timedelta(seconds=5), 1), False),
        (_failed(timedelta(seconds=11), 1), True),
    ],
)
def test_a_nightly_job_runs_once_a_night_in_the_controllers_zone(
    run: JobRun | None, expected: bool
) -> None:
    assert due(NIGHTLY, run, NOON, SHANGHAI) is expected


def test_the_last_two_oclock_is_today_after_it_and_yesterday_before() -> None:
    assert last_time_of(time(2), NOON, SHANGHAI) == datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
    early = datetime(2026, 11, 22, 17, 59, tzinfo=UTC)
    assert last_time_of(time(2), early, SHANGHAI) == datetime(2026, 11, 21, 18, 0, tzinfo=UTC)


def test_pauses_double_up_to_ten_minutes() -> None:
    assert [pause_after(n).total_seconds() for n in (0, 1, 2, 3, 7, 8, 10_000)] == [
        0,
        10,
        20,
        40,
        600,
        600,
        600,
    ]


def test_every_job_has_a_name_of_its_own_and_rollups_share_a_lane() -> None:
    assert len({job.name for job in JOBS}) == len(JOBS)
    assert {job.lane for job in JOBS if job.name in ("live rollup", "recompute", "holdings")} == {
        "rollup"
    }
