"""Plans run by themselves at their times, once, and never for the time before they were known."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import select

from controller.access.principal import Principal
from controller.findings.model import NOTHING, Observation
from controller.findings.record import observe
from controller.findings.tables import SuppressionWindow
from controller.patrol import plans, schedule
from controller.patrol.plans import Schedule
from controller.patrol.tables import PatrolRun
from tests.unit.controller.patrol.city import City

ZONE = ZoneInfo("Asia/Shanghai")


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """A moment of November 2026 in Shanghai; the 23rd is a Monday."""
    return datetime(2026, 11, day, hour, minute, tzinfo=ZONE).astimezone(UTC)


DAILY = Schedule(at=time(7, 30))
WEEKLY = Schedule(at=time(8), weekday=1)
SIX_HOURLY = Schedule(at=time(1), every_hours=6, since=date(2026, 11, 20), until=date(2026, 11, 24))


@pytest.mark.parametrize(
    ("planned", "now", "last", "following"),
    [
        (DAILY, at(23, 9), at(23, 7, 30), at(24, 7, 30)),
        (DAILY, at(23, 7, 30), at(23, 7, 30), at(24, 7, 30)),
        (DAILY, at(23, 7), at(22, 7, 30), at(23, 7, 30)),
        (WEEKLY, at(23, 7), at(16, 8), at(23, 8)),
        (WEEKLY, at(25, 12), at(23, 8), at(30, 8)),
        (SIX_HOURLY, at(23, 14), at(23, 13), at(23, 19)),
        (SIX_HOURLY, at(23, 0), at(22, 19), at(23, 1)),
        (SIX_HOURLY, at(24, 20), at(24, 19), None),
        (SIX_HOURLY, at(19, 12), None, at(20, 1)),
    ],
)
def test_the_last_and_the_next_time(
    planned: Schedule, now: datetime, last: datetime | None, following: datetime | None
) -> None:
    assert schedule.last_slot(planned, now, ZONE) == last
    assert schedule.next_slot(planned, now, ZONE) == following


def runs(c: City) -> list[tuple[str, str, str]]:
    with c.runtime.database.read() as session:
        rows = session.exec(select(PatrolRun).order_by(PatrolRun.id)).all()  # type: ignore[arg-type]
        return [(row.plan, row.by, row.state) for row in rows]


def test_a_due_plan_runs_once_and_a_disabled_one_never(c: City) -> None:
    schedule.tick(c.runtime)
    assert runs(c) == []  # a new controller waits for the next slot
    c.pass_time(days=1)
    schedule.tick(c.runtime)
    schedule.tick(c.runtime)
    assert runs(c) == [("daily", "", "done")]
    c.pass_time(days=3)  # days that were missed are one run
    schedule.tick(c.runtime)
    assert [plan for plan, _, _ in runs(c)] == ["daily", "daily", "weekly"]


def test_an_edited_schedule_counts_at_once(c: City) -> None:
    schedule.tick(c.runtime)
    edited = plans.shipped()["daily"].model_dump(mode="json", exclude_none=True)
    edited["schedule"] = {"at": "00:00", "every_hours": 1}
    with c.runtime.database.write() as session:
        plans.save_plan(session, edited, Principal("wang", "ops", c.now), "加密")
    c.pass_time(hours=1)
    assert len(schedule.tick(c.runtime)) == 1
    with c.runtime.database.read() as session:
        assert session.exec(select(PatrolRun.plan_version)).one() == 1


def test_the_tick_shows_what_a_window_no_longer_hides(c: City) -> None:
    with c.runtime.database.write() as session:
        session.add(
            SuppressionWindow(
                code="x",
                since=c.now,
                until=c.now + timedelta(hours=1),
                reason="割接",
                by="wang",
                created=c.now,
            )
        )
        observe(session, c.now, "t", [Observation("x", "device", "d", "major", "坏")], NOTHING)
    assert [f.hidden_by for f in c.findings().values()] == ["window:1"]
    c.pass_time(hours=1)
    schedule.tick(c.runtime)
    assert [f.hidden_by for f in c.findings().values()] == [""]
