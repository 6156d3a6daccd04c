"""Drafting: one letter a unit, nothing twice, everything kept that it was judged on."""

from __future__ import annotations

import pytest
from sqlmodel import select

from controller.idle.tables import IdleScan, IdleVerdict
from controller.inventory.tables import Holding
from controller.inventory.unclaimed import ensure_unclaimed
from controller.notices import drafts, office
from controller.notices.tables import Notice, NoticeItem
from controller.problems import NotFound, Problem
from tests.unit.controller.notices.conftest import GIB, SINCE, Office, item


def test_one_letter_a_unit_lists_its_resources(house: Office) -> None:
    codes = house.draft(1, 4, 2)
    assert len(codes) == 2
    with house.desk() as desk:
        letters = {desk.find(code).addressee: desk.find(code) for code in codes}
        assert set(letters) == {"市财政局", "市教育局"}
        finance = letters["市财政局"]
        assert [each.resource_id for each in desk.items(finance)] == [1, 2]
        assert "16核、内存32GB、存储400GB" in finance.body
        assert "《市政务云管理办法》第二十条" in finance.body
        assert "2026年11月23日" in finance.body
        assert "{" not in finance.title + finance.body
        assert finance.signature == "市数据局"


def test_a_notice_keeps_the_data_it_was_judged_on(house: Office) -> None:
    house.draft(1)
    with house.desk() as desk:
        kept = desk.session.exec(select(NoticeItem)).one()
        assert kept.evidence == {"cpu_peak_pct": 2.1}
        assert (kept.policy, kept.policy_version, kept.window_days) == ("city", 1, 30)
        assert (kept.samples, kept.coverage_pct) == (8601, 99.5)
        assert kept.allocation["mem_bytes"] == 16 * GIB
        assert kept.allocation["system"] == "系统1"


def test_a_resource_in_an_open_notice_is_not_drafted_twice_and_is_named(house: Office) -> None:
    (first,) = house.draft(1)
    with house.desk() as desk:
        drafted = drafts.from_items(desk, [item(1), item(2)])
    assert drafted.skipped == {"vm-1": f"already in notice {first}"}
    assert len(drafted.codes) == 1
    with house.desk() as desk:
        office.cancel(desk, first, "draft by mistake")
    assert len(house.draft(1)) == 1


def test_what_nobody_holds_gets_a_claiming_notice(house: Office) -> None:
    (code,) = house.draft(5)
    letter = house.read(code)
    assert (letter.kind, letter.unit_id, letter.addressee) == ("claim", None, "各有关单位")
    assert "8核" in letter.body  # what it was allocated last


def test_what_the_register_keeps_as_unclaimed_gets_one_too(house: Office) -> None:
    with house.desk() as desk:
        nobody = ensure_unclaimed(desk.session, desk.now)
        held = desk.session.exec(select(Holding).where(Holding.resource_id == 1)).one()
        held.until = desk.now
        desk.session.add(held)
        desk.session.add(
            Holding(resource_id=1, unit_id=nobody, since=desk.now, vcpu=4, mem_bytes=8 * GIB)
        )
    (code,) = house.draft(1)
    letter = house.read(code)
    assert (letter.kind, letter.unit_id, letter.addressee) == ("claim", None, "各有关单位")


def test_a_class_that_asks_for_nothing_is_left_out(house: Office) -> None:
    with house.desk() as desk:
        drafted = drafts.from_items(desk, [item(1, "in_use")])
    assert drafted.codes == []
    assert drafted.skipped == {"vm-1": "class in_use is nothing to notify of"}


def test_numbers_go_on_within_the_year(house: Office) -> None:
    assert house.draft(1) + house.draft(2) == ["TX-2026-0001", "TX-2026-0002"]


def test_verdicts_become_letters_with_their_scan_and_clause(house: Office) -> None:
    with house.desk() as desk:
        desk.session.add(
            IdleScan(
                id=7, policy="city", policy_version=3, as_of=house.clock(), since=SINCE,
                at=house.clock(), by="ops", window_days=30, outcome={"clause": "第二十条"},
            )
        )  # fmt: skip
        desk.session.flush()
        verdict = IdleVerdict(
                id=70, scan_id=7, resource_id=1, unit_id=1, reason_zh="闲置",
                reason_en="idle", evidence={"cpu_p95_pct": 1.2}, samples=5, samples_expected=5,
                coverage_pct=100.0, window_days=30, recommendation={"action": "release"},
        )  # fmt: skip
        verdict.cls = "idle"
        desk.session.add(verdict)
        desk.session.flush()
        drafted = drafts.from_verdicts(desk, [70])
        letter = desk.session.exec(select(Notice).where(Notice.code == drafted.codes[0])).one()
        kept = desk.items(letter)[0]
        assert (kept.scan_id, kept.policy_version, kept.policy_clause) == (7, 3, "第二十条")
        with pytest.raises(NotFound):
            drafts.from_verdicts(desk, [71])


def test_nothing_chosen_is_an_error(house: Office) -> None:
    with house.desk() as desk, pytest.raises(Problem, match="at least one"):
        drafts.from_items(desk, [])
    with house.desk() as desk, pytest.raises(NotFound):
        drafts.from_items(desk, [item(4711)])
