"""The boards are filtered, sorted and paged at the database, and stay quick when they are long."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import insert
from sqlmodel import col, select

from controller.access import tokens
from controller.app import create_app
from controller.inventory.tables import Resource
from controller.notices import board, clock, office, orders, queries
from controller.notices.answers import Answer, answer, confirm
from controller.notices.desk import CALENDAR_WRONG
from controller.notices.tables import Delivery, Notice, NoticeItem, NoticeOrder, Recovery
from controller.problems import Problem
from controller.settings import NoticesSettings
from tests.serving import serving
from tests.unit.controller.notices.conftest import Office

MANY = 10_000


def test_a_board_counts_each_state_and_lists_the_overdue_first(house: Office) -> None:
    late = house.issue(1)
    house.clock.advance(days=15)
    open_ = house.issue(2)
    (draft,) = house.draft(4)
    with house.desk() as desk:
        found = board.rows(desk)
        assert [(row.code, row.overdue) for row in found] == [
            (late, True), (open_, False), (draft, False),
        ]  # fmt: skip
        assert board.counts(desk) == {
            "": 3, "open": 3, "overdue": 1, "proposed": 0, "draft": 1, "reviewed": 0, "signed": 0,
            "issued": 2, "closed": 0, "cancelled": 0,
        }  # fmt: skip
        assert (found[0].items, found[0].open, found[0].vcpu) == (1, 1, 8)
        page = board.listing(desk, 2, 1, state="issued", sort="code")
        assert ([row.code for row in page.items], page.total) == ([open_], 2)
        assert [row.code for row in board.rows(desk, text="教育")] == [draft]
        assert [row.code for row in board.rows(desk, unit="U2")] == [draft]
    with house.handler() as desk:
        assert [row.code for row in board.rows(desk)] == [late, open_]
        assert board.counts(desk)["draft"] == 0


@pytest.mark.parametrize("sort", board.SORTS)
def test_rows_without_a_value_stand_last_whichever_way_a_board_is_sorted(
    house: Office, sort: str
) -> None:
    house.issue(1)
    house.draft(4)
    with house.desk() as desk:
        for descending in (False, True):
            assert len(board.rows(desk, sort=sort, descending=descending)) == 2
        last = [board.rows(desk, sort="issued", descending=d)[-1].state for d in (False, True)]
        assert last == ["draft", "draft"]


def test_a_deadline_that_was_yesterday_is_over_at_the_weekend_too(house: Office) -> None:
    house.clock.now = datetime(2026, 11, 27, 4, 0, tzinfo=UTC)  # a Friday
    house.issue(1)
    house.clock.now = datetime(2026, 12, 12, 4, 0, tzinfo=UTC)  # the Saturday after its deadline
    with house.desk() as desk:
        (row,) = board.rows(desk, state="overdue")
        assert (str(row.due), row.days_left, row.overdue) == ("2026-12-11", 0, True)


def test_the_follow_up_list_has_calls_and_proposals_of_what_is_late(house: Office) -> None:
    code = house.issue(1)
    house.issue(4)
    house.clock.advance(days=20)
    clock.tick(house.runtime)
    with house.desk() as desk:
        found, total = board.pressing(desk, 1, 1)
        assert (len(found), total) == (1, 2)
        assert found[0].notice.code == code
        assert [each.level for each in found[0].escalations] == ["talk"]


def test_orders_without_a_receipt_stand_first_and_another_units_are_not_seen(
    house: Office,
) -> None:
    code = house.issue(1, 2)
    with house.desk() as desk:
        numbers = [item.id or 0 for item in desk.items(desk.find(code))]
    for number in numbers:
        with house.handler() as desk:
            answer(desk, code, number, Answer("release"))
        with house.leader() as desk:
            confirm(desk, code, number)
    with house.desk() as desk:
        made = [orders.order(desk, code, number, "stop").id or 0 for number in numbers]
        orders.receipt(desk, made[1])
        found = queries.orders(desk, 1, 10)
        assert ([each.id for each in found.items], found.total) == (made, 2)
        assert queries.orders(desk, 1, 10, waiting=True).total == 1
        assert queries.order(desk, made[1]).resource_code == "vm-2"


def test_boards_of_ten_thousand_notices_answer_within_a_second(house: Office) -> None:
    _fill(house)
    with house.desk() as desk:
        for what in (
            lambda: board.rows(desk, size=50),
            lambda: board.rows(desk, sort="vcpu", descending=True, page=150, size=50),
            lambda: board.counts(desk),
            lambda: board.pressing(desk, 1, 20),
            lambda: queries.orders(desk, 1, 50),
            lambda: queries.deliveries(desk, 1, 50),
            lambda: queries.ledger(desk, 1, 50),
        ):
            began = time.process_time()
            what()
            assert time.process_time() - began < 1.0
        assert board.counts(desk)[""] == MANY
        assert board.pressing(desk, 1, 20)[1] > MANY / 4
        assert queries.ledger(desk, 1, 50).total == queries.orders(desk, 1, 50).total == MANY


@pytest.mark.parametrize(("file", "shown"), [("", 50), ("pdf", 50), ("csv", 120)])
def test_only_an_export_holds_more_than_a_page(house: Office, file: str, shown: int) -> None:
    _fill(house, 120)
    with house.runtime.database.write() as session:
        token = tokens.create_token(session, "ops", "ops", house.clock())[0]
    with (
        serving(create_app(house.runtime)) as url,
        httpx.Client(base_url=url, trust_env=False, timeout=30) as client,
    ):
        client.headers["authorization"] = f"Bearer {token}"
        answer = client.get("/notices", params={"file": file})
        assert answer.status_code == 200
        assert len(set(re.findall(r"TX-2026-\d{5}", answer.text))) == shown
        ledger = client.get("/notices/ledger", params={"file": file, "page": "3"})
        assert ledger.text.count("vm-1") == (120 if file == "csv" else 20)


def _fill(house: Office, many: int = MANY) -> None:
    now = house.clock()
    with house.runtime.database.write() as session:
        vm = session.exec(select(Resource.id).order_by(col(Resource.id))).first()
        states = ("issued", "draft", "closed", "issued")
        session.execute(
            insert(Notice),
            [
                {
                    "id": n, "code": f"TX-2026-{n:05d}", "unit_id": 1 + n % 2, "kind": "idle",
                    "state": states[n % 4], "title": "函", "addressee": "市财政局", "body": "文",
                    "drafted": now, "number": f"{n}号", "signature": "", "drafted_by": "ops",
                    "reviewed_by": "", "signed_by": "", "read_by": "", "demo": False,
                    "issued": now if states[n % 4] == "issued" else None,
                }
                for n in range(1, many + 1)
            ],
        )  # fmt: skip
        session.execute(
            insert(NoticeItem),
            [
                {
                    "id": n, "notice_id": n, "resource_id": vm, "state": "waiting", "reason": "-",
                    "as_of": now, "cls": "idle", "allocation": {"vcpu": n % 64, "system": "系统"},
                    "evidence": {}, "recommendation": {}, "policy": "city", "policy_version": 1,
                    "policy_clause": "", "window_days": 30, "answer": "", "answer_note": "",
                    "keep_reason": "", "keep_approver": "", "answered_by": "", "confirmed_by": "",
                    "due": (now + timedelta(days=n % 40 - 30)).date(),
                }
                for n in range(1, many + 1)
            ],
        )  # fmt: skip
        session.execute(
            insert(NoticeOrder),
            [
                {"item_id": n, "kind": "stop", "detail": {}, "ordered": now, "ordered_by": "ops",
                 "done_by": "", "snapshot": "", "note": ""}
                for n in range(1, many + 1)
            ],
        )  # fmt: skip
        session.execute(
            insert(Delivery),
            [
                {"key": f"k{n}", "message_id": f"m{n}", "unit_id": 1, "notice_id": n,
                 "channel": "mail", "recipient": "a@b.cn", "subject": "函", "body": {},
                 "state": "sent", "attempts": 1, "due": now, "created": now, "error": ""}
                for n in range(1, many + 1)
            ],
        )  # fmt: skip
        session.execute(
            insert(Recovery),
            [
                {"item_id": n, "unit_id": 1, "resource_id": vm, "at": now, "how": "released",
                 "vcpu": 2.0, "mem_bytes": 1.0, "disk_bytes": 1.0, "evidence": ""}
                for n in range(1, many + 1)
            ],
        )  # fmt: skip


def test_a_wrong_calendar_file_hides_no_notice_and_stops_what_sets_a_deadline(
    made: Callable[..., Office], tmp_path: Path
) -> None:
    file = tmp_path / "days.toml"
    house = made(notices=NoticesSettings(calendar_file=str(file)))
    file.write_text("", "utf-8")
    code = house.issue(1)
    file.write_text("[2027]\nholidays = 7", "utf-8")
    with house.desk() as desk:
        assert "holidays is no list" in desk.calendar_error
        assert board.rows(desk)[0].days_left == 10
        assert queries.detail(desk, code).code == code
    with house.desk() as desk, pytest.raises(Problem, match="holidays is no list") as refused:
        office.answer_due(desk)
    assert refused.value.title == CALENDAR_WRONG
