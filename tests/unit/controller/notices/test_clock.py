"""What time does by itself: reminders, proposals, withdrawal; run as often as one likes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlmodel import select

from controller.idle.tables import IdleScan, IdleVerdict
from controller.inventory.dated import SHANGHAI
from controller.notices import clock, followup
from controller.notices.tables import Delivery, Escalation
from controller.notices.workdays import Calendar
from tests.unit.controller.notices.conftest import SINCE, Office

DUE = date(2026, 12, 7)  # a Monday


@pytest.mark.parametrize(
    ("today", "step"),
    [
        (date(2026, 11, 25), None),  # T-8
        (date(2026, 11, 26), 7),
        (date(2026, 11, 30), 7),  # missed on the day itself: made up for once
        (date(2026, 12, 2), 3),
        (date(2026, 12, 4), 1),
        (date(2026, 12, 5), None),  # a Saturday
        (date(2026, 12, 7), None),  # the day itself
        (date(2026, 12, 9), None),
    ],
)
def test_reminders_come_seven_three_and_one_working_days_before(
    today: date, step: int | None
) -> None:
    assert clock.reminder_due(Calendar(), today, DUE, 10) == step


def test_a_short_deadline_is_not_reminded_of_on_the_day_of_the_letter() -> None:
    assert clock.reminder_due(Calendar(), date(2026, 11, 30), DUE, 5) is None
    assert clock.reminder_due(Calendar(), date(2026, 12, 2), DUE, 5) == 3


def _days(house: Office, until: datetime) -> list[dict[str, int]]:
    """The job three times a day until then."""
    turns = []
    while house.clock() < until:
        turns.append(clock.tick(house.runtime))
        house.clock.advance(hours=8)
    return turns


def test_each_reminder_goes_out_once_however_often_the_job_runs(house: Office) -> None:
    house.issue(1, 2)
    turns = _days(house, datetime(2026, 12, 8, tzinfo=UTC))
    assert sum(each.get("reminded", 0) for each in turns) == 3
    with house.desk() as desk:
        mails = desk.session.exec(select(Delivery).where(Delivery.channel == "mail")).all()
        assert [each.body["kind"] for each in mails] == [
            "issued",
            "reminder",
            "reminder",
            "reminder",
        ]
        assert "还有3个工作日" in mails[2].subject


def test_a_reminder_missed_for_days_is_made_up_for_by_one(house: Office) -> None:
    house.issue(1)
    house.clock.now = datetime(2026, 12, 3, 4, 0, tzinfo=UTC)  # T-2
    assert clock.tick(house.runtime)["reminded"] == 1
    assert clock.tick(house.runtime)["reminded"] == 0


def test_past_the_deadline_escalation_is_proposed_step_by_step_and_nobody_is_written_to(
    house: Office,
) -> None:
    code = house.issue(1)
    _days(house, datetime(2026, 12, 9, 16, 0, tzinfo=UTC))  # the end of the 9th in China
    with house.desk() as desk:
        assert desk.session.exec(select(Escalation)).all() == []
        mails = len(desk.session.exec(select(Delivery)).all())
    turns = _days(house, datetime(2026, 12, 31, tzinfo=UTC))
    assert sum(each["proposed"] for each in turns) == 1
    with house.desk() as desk:
        (talk,) = desk.session.exec(select(Escalation)).all()
        assert (talk.level, talk.state) == ("talk", "proposed")
        assert talk.proposed.astimezone(SHANGHAI).date() == date(
            2026, 12, 10
        )  # three working days after the 7th
        assert len(desk.session.exec(select(Delivery)).all()) == mails
        followup.decide(desk, code, talk.id or 0, "approve", "赵敏", "")
        followup.decide(desk, code, talk.id or 0, "carry_out", "赵敏", "已约谈")
    assert clock.tick(house.runtime)["proposed"] == 1
    with house.desk() as desk:
        assert {each.level for each in desk.session.exec(select(Escalation))} == {
            "talk",
            "circular",
        }


def test_a_notice_is_withdrawn_when_a_newer_scan_finds_the_resource_in_use(house: Office) -> None:
    code = house.issue(1)
    _judge(house, "idle", days=1)
    assert clock.tick(house.runtime)["withdrawn"] == 0
    _judge(house, "in_use", days=2)
    assert clock.tick(house.runtime)["withdrawn"] == 1
    assert house.read(code).state == "closed"
    with house.desk() as desk:
        words = [each.body["lines"][0] for each in desk.session.exec(select(Delivery))]
        assert "无需处理" in words[-1]


def test_another_policys_opinion_or_an_older_scan_withdraws_nothing(house: Office) -> None:
    house.issue(1)
    _judge(house, "in_use", days=-1)
    _judge(house, "in_use", days=2, policy="aws")
    assert clock.tick(house.runtime)["withdrawn"] == 0


def _judge(house: Office, cls: str, *, days: int, policy: str = "city") -> None:
    at = house.clock() + timedelta(days=days)
    with house.desk() as desk:
        scan = IdleScan(
            policy=policy, policy_version=1, as_of=at, since=SINCE, at=at, by="ops",
            window_days=30, outcome={},
        )  # fmt: skip
        desk.session.add(scan)
        desk.session.flush()
        desk.session.connection().execute(
            IdleVerdict.__table__.insert().values(  # type: ignore[attr-defined]
                scan_id=scan.id, resource_id=1, unit_id=1, cls=cls, reason_zh="x", reason_en="x",
                evidence={}, window_days=30, recommendation={},
            )
        )  # fmt: skip
