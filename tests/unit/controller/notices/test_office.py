"""From the draft to the day it is sent: named people, number and scan, then the clock."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

import pytest
from sqlmodel import col, select

from controller.access import audit
from controller.access.tables import AuditEntry
from controller.notices import office, wording
from controller.notices.tables import Delivery, NoticeEvent
from controller.problems import NotFound, Problem
from controller.settings import HookSettings, NoticesSettings
from tests.unit.controller.notices.conftest import PDF, Office


def test_the_clock_starts_only_when_number_and_scan_are_there(house: Office) -> None:
    (code,) = house.draft(1)
    with house.desk() as desk:
        office.review(desk, code, "王核")
        office.sign(desk, code, "赵签")
    with house.desk() as desk, pytest.raises(Problem, match="needs scan"):
        office.register(desk, code, "市数函〔2026〕7号")
    assert house.read(code).due is None
    with house.desk() as desk:
        office.add_file(desk, code, "scan", "扫描.pdf", PDF)
        with pytest.raises(Problem, match="needs number"):
            office.register(desk, code, " ")
        office.register(desk, code, "市数函〔2026〕7号")
    letter = house.read(code)
    assert letter.state == "issued"
    assert (letter.dated, letter.due) == (date(2026, 11, 23), date(2026, 12, 7))
    assert (letter.reviewed_by, letter.signed_by) == ("王核", "赵签")


def test_the_reviewer_does_not_sign(house: Office) -> None:
    (code,) = house.draft(1)
    with house.desk() as desk:
        office.review(desk, code, "王核")
        with pytest.raises(Problem, match="another person"):
            office.sign(desk, code, " 王核 ")
        with pytest.raises(Problem, match="name"):
            office.sign(desk, code, " ")


def test_a_letter_is_changed_as_a_draft_only(house: Office) -> None:
    (code,) = house.draft(1)
    with house.desk() as desk:
        office.edit(desk, code, "另一标题", "  第一段 \n\n 第二段 ")
        office.review(desk, code, "王核")
    assert house.read(code).body == "第一段\n第二段"
    with house.desk() as desk, pytest.raises(Problem, match="draft only"):
        office.edit(desk, code, "标题", "正文")
    with house.desk() as desk:
        office.send_back(desk, code, "措辞")
    assert house.read(code).reviewed_by == ""


def test_a_scan_is_a_document_and_nothing_that_runs(house: Office) -> None:
    (code,) = house.draft(1)
    for content in (b"<html><script>", b"MZ\x90", b""):
        with house.desk() as desk, pytest.raises(Problem, match="PDF, PNG or JPEG"):
            office.add_file(desk, code, "scan", "scan.pdf", content)
    with house.desk() as desk, pytest.raises(Problem, match="at most 20 MB"):
        office.add_file(desk, code, "scan", "scan.pdf", b"%PDF-" + bytes(office.MOST_FILE))


def test_a_number_belongs_to_one_letter(house: Office) -> None:
    code = house.issue(1)
    (other,) = house.draft(2)
    number = house.read(code).number
    with house.desk() as desk:
        office.review(desk, other, "王核")
        office.sign(desk, other, "赵签")
        office.add_file(desk, other, "scan", "s.pdf", PDF)
        with pytest.raises(Problem, match=f"number of {code}"):
            office.register(desk, other, number)


def test_every_step_is_written_down_with_who_when_and_why_and_audited_once(house: Office) -> None:
    (code,) = house.draft(1)
    with house.desk("wang") as desk:
        office.review(desk, code, "王核", "可以")
    with house.desk() as desk:
        event = desk.session.exec(select(NoticeEvent).where(NoticeEvent.act == "review")).one()
        assert (event.by, event.before, event.after) == ("wang", "draft", "reviewed")
        assert (event.note, event.detail["person"], event.at) == ("可以", "王核", house.clock())
        rows = desk.session.exec(
            select(AuditEntry).where(col(AuditEntry.action) == "notice.review")
        ).all()
        assert [row.object for row in rows] == [f"notice {code}"]
        assert audit.verify(desk.session).broken is None


def test_the_unit_is_told_in_the_transaction_of_the_registration(house: Office) -> None:
    code = house.issue(1, 2)
    with house.desk() as desk:
        told = desk.session.exec(select(Delivery)).all()
        assert {(each.channel, each.recipient, each.state) for each in told} == {
            ("mail", "czj@example.gov.cn", "waiting"),
            ("inbox", "", "sent"),
        }
        assert "2项" in " ".join(told[0].body["lines"])
        assert "2026年12月7日" in " ".join(told[0].body["lines"])
    with house.desk() as desk, pytest.raises(Problem):
        office.register(desk, code, "市数函〔2026〕99号")
    with house.desk() as desk:
        assert len(desk.session.exec(select(Delivery)).all()) == 2


def test_every_hook_of_the_settings_is_told(made: Callable[..., Office]) -> None:
    hooks = (HookSettings(name="centre", url="https://example.org/x"),)
    house = made(notices=NoticesSettings(hooks=hooks))
    house.issue(1)
    with house.desk() as desk:
        assert {each.channel for each in desk.session.exec(select(Delivery))} == {
            "mail", "inbox", "centre",
        }  # fmt: skip


def test_a_unit_knows_nothing_of_a_letter_before_it_is_sent_nor_of_anothers(house: Office) -> None:
    (code,) = house.draft(1)
    with house.handler() as desk, pytest.raises(NotFound):
        desk.find(code)
    sent, others = house.issue(2), house.issue(4)
    with house.handler() as desk:
        assert desk.find(sent).code == sent
        with pytest.raises(NotFound):
            desk.find(others)


def test_closing_by_hand_withdraws_what_is_open_and_says_so_to_the_unit(house: Office) -> None:
    code = house.issue(1, 2)
    with house.desk() as desk, pytest.raises(Problem, match="needs note"):
        office.close(desk, code, "")
    with house.desk() as desk:
        office.close(desk, code, "另行处理")
    letter = house.read(code)
    assert letter.state == "closed"
    with house.desk() as desk:
        assert {each.state for each in desk.items(letter)} == {"withdrawn"}
        last = desk.session.exec(select(Delivery).order_by(col(Delivery.id).desc())).first()
        assert last is not None
        assert "另行处理" in last.body["lines"][-1]


def test_a_resource_is_dropped_from_a_draft_but_not_the_last_one(house: Office) -> None:
    (code,) = house.draft(1, 2)
    with house.desk() as desk:
        items = desk.items(desk.find(code))
        office.drop(desk, code, items[0].id or 0, "误列")
        with pytest.raises(Problem, match="last resource"):
            office.drop(desk, code, items[1].id or 0, "误列")


def test_an_edited_template_is_used_and_an_unknown_place_refused(house: Office) -> None:
    with house.desk() as desk:
        with pytest.raises(Problem, match=r"unknown place \{units\}"):
            wording.save(desk.session, desk.principal, "idle", "函", "致{units}")
        wording.save(desk.session, desk.principal, "idle", "致{unit}的函", "共{count}项。")
    (code,) = house.draft(1)
    assert (house.read(code).title, house.read(code).body) == ("致市财政局的函", "共1项。")


@pytest.mark.parametrize(
    ("body", "near"), [("共{count项", "{count"), ("共count}项", "count}"), ("共｛count｝项", "｛")]
)
def test_a_template_with_a_brace_that_belongs_to_no_place_is_refused(
    house: Office, body: str, near: str
) -> None:
    with house.desk() as desk, pytest.raises(Problem, match=re.escape(near)):
        wording.save(desk.session, desk.principal, "idle", "函", f"{body}\n特此函告。")
    (code,) = house.draft(1)
    assert "特此函告" in house.read(code).body  # the shipped one is still in force


@pytest.mark.parametrize("dated", [date(2026, 11, 24), date(2025, 11, 1), date(1926, 11, 23)])
def test_a_letter_is_not_dated_in_the_future_nor_long_ago(house: Office, dated: date) -> None:
    (code,) = house.draft(1)
    with house.desk() as desk:
        office.review(desk, code, "王核")
        office.sign(desk, code, "赵签")
        office.add_file(desk, code, "scan", "s.pdf", PDF)
    with house.desk() as desk, pytest.raises(Problem, match="dated from 2025-11-22 to 2026-11-23"):
        office.register(desk, code, "市数函〔2026〕1号", dated)
    assert house.read(code).state == "signed"


def test_a_blank_is_no_reason(house: Office) -> None:
    code = house.issue(1)
    with pytest.raises(Problem, match="needs note"), house.desk() as desk:
        office.close(desk, code, " \n ")
    with pytest.raises(Problem, match="needs note"), house.desk() as desk:
        office.decide(desk, code, desk.items(desk.find(code))[0].id or 0, "withdraw", "\t")
    assert house.read(code).state == "issued"
