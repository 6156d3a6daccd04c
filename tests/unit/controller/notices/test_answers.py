"""The unit's part and what follows it: to the verified release, the granted keep, the dispute."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from threading import Barrier
from time import sleep

import pytest
from sqlmodel import col, select

from controller.ingest.tables import Agent
from controller.inventory.tables import Holding, Resource
from controller.ledger.tables import PendingCheck, PlatformImport, PlatformSource
from controller.notices import (
    acts,
    answers,
    bodies,
    clock,
    followup,
    lifecycle,
    office,
    orders,
    queries,
)
from controller.notices.answers import Answer
from controller.notices.tables import Delivery, Escalation, NoticeItem, NoticeOrder, Recovery
from controller.problems import Problem
from controller.settings import NoticesSettings
from tests.real.postgres import Cluster
from tests.unit.controller.notices.conftest import GIB, Office


def _item(house: Office, code: str) -> NoticeItem:
    with house.desk() as desk:
        return desk.items(desk.find(code))[0]


def _items(house: Office, code: str) -> list[NoticeItem]:
    with house.desk() as desk:
        return desk.items(desk.find(code))


def _answered(house: Office, code: str, given: Answer) -> int:
    """Answered by the handler and confirmed by the person in charge; the item's id."""
    number = _item(house, code).id or 0
    with house.handler() as desk:
        answers.answer(desk, code, number, given)
    with house.leader() as desk:
        answers.confirm(desk, code, number)
    return number


def _retire(house: Office, resource: int) -> None:
    """What the import of a platform export does with a VM that is gone."""
    with house.desk() as desk:
        desk.session.get_one(Resource, resource).retired = house.clock()
        for holding in desk.session.exec(select(Holding).where(Holding.resource_id == resource)):
            holding.until = house.clock()


def _act(house: Office, code: str, number: int, act: str, **more: object) -> None:
    with house.desk() as desk:
        acts.item(desk, code, number, bodies.ItemAct.model_validate({"act": act, **more}))


def _receipt(house: Office, **given: str) -> None:
    with house.desk("cloud", "provider") as desk:
        waiting = desk.session.exec(
            select(NoticeOrder).where(col(NoticeOrder.done).is_(None))
        ).one()
        orders.receipt(desk, waiting.id or 0, **given)


def test_a_release_goes_from_the_answer_to_the_ledger(house: Office) -> None:
    code = house.issue(1)
    number = _answered(house, code, Answer("release"))
    assert _item(house, code).state == "release_due"
    _act(house, code, number, "order_stop")
    _receipt(house)
    observed = _item(house, code)
    assert (observed.state, observed.observe_until) == ("observing", date(2026, 11, 30))
    with pytest.raises(Problem, match="observed until 2026-11-30"):
        _act(house, code, number, "order_recover")
    house.clock.advance(days=8)
    _act(house, code, number, "order_recover")
    with pytest.raises(Problem, match="needs snapshot"):
        _receipt(house)
    _receipt(house, snapshot="snap-1")
    house.clock.advance(days=1)
    assert clock.tick(house.runtime)["verified"] == 0  # the register still holds it
    _retire(house, 1)
    assert clock.tick(house.runtime)["verified"] == 1
    assert house.read(code).state == "closed"
    with house.desk() as desk:
        row = desk.session.exec(select(Recovery)).one()
        assert (row.how, row.vcpu, row.mem_bytes, row.cost_month) == ("released", 8, 16 * GIB, None)
        assert queries.ledger(desk, 1, 10).items[0].notice_code == code


def test_a_release_is_verified_by_the_next_export_that_names_the_resource_no_more(
    house: Office,
) -> None:
    code = house.issue(1)
    number = _answered(house, code, Answer("release"))
    _act(house, code, number, "order_stop")
    _receipt(house)
    house.clock.advance(days=8)
    _export(house, 1, names=False)  # it was away from an export before it was deleted
    _act(house, code, number, "order_recover")
    house.clock.advance(hours=1)
    _receipt(house, snapshot="snap-1")
    house.clock.advance(days=1)
    assert clock.tick(house.runtime)["verified"] == 0
    _export(house, 2, names=True)  # the provider has it again: it was not deleted
    assert clock.tick(house.runtime)["verified"] == 0
    _export(house, 3, names=False)
    assert clock.tick(house.runtime)["verified"] == 1
    with house.desk() as desk:
        row = desk.session.exec(select(Recovery)).one()
        assert (row.vcpu, row.evidence) == (8, "平台导出（清单-3.xlsx）已无此资源")
    assert house.read(code).state == "closed"


def _export(house: Office, number: int, *, names: bool) -> None:
    """What confirming a platform's export leaves behind about resource 1."""
    now = house.clock()
    with house.desk() as desk:
        if number == 1:
            desk.session.add(PlatformSource(id=1, code="cloud-a", name="云A", changed=now))
            desk.session.flush()
        made = PlatformImport(
            id=number, source_id=1, file_name=f"清单-{number}.xlsx", sha256="0" * 64, since=now,
            state="confirmed", uploaded=now, confirmed=now, document=b"",
        )  # fmt: skip
        desk.session.add(made)
        desk.session.flush()
        if names:
            check = desk.session.exec(
                select(PendingCheck).where(PendingCheck.state == "open")
            ).one()
            check.state = "back"
        else:
            desk.session.add(PendingCheck(resource_id=1, import_id=number, noticed=now))


def test_an_agent_that_still_speaks_holds_up_the_verification(house: Office) -> None:
    code = house.issue(1)
    number = _answered(house, code, Answer("release"))
    _act(house, code, number, "order_stop")
    _receipt(house)
    house.clock.advance(days=8)
    _act(house, code, number, "order_recover")
    _receipt(house, snapshot="snap-1")
    house.clock.advance(days=2)
    _retire(house, 1)
    with house.desk() as desk:
        desk.session.add(
            Agent(
                id="a1", name="host-1", secret_hash="a" * 64, state="active", unit_id=1,
                resource_id=1, enrolled=house.clock(), last_sample=house.clock(),
            )
        )  # fmt: skip
    assert clock.tick(house.runtime)["verified"] == 0
    with house.desk() as desk:
        found, _ = clock.look(desk, _item(house, code))
        assert "host-1" in found.why
    _act(house, code, number, "verify_by_hand", note="平台截图为证")
    with house.desk() as desk:
        assert desk.session.exec(select(Recovery)).one().vcpu == 8


def test_a_shrink_is_verified_by_the_smaller_allocation(
    made: Callable[..., Office],
) -> None:
    house = made(notices=NoticesSettings(price_vcpu_month=50, price_mem_gib_month=10))
    code = house.issue(2, cls="oversized")
    number = _answered(house, code, Answer("shrink"))
    _act(house, code, number, "order_shrink")
    with house.desk() as desk:
        ordered = desk.session.exec(select(NoticeOrder)).one()
        assert ordered.detail == {"CPU核数": "2", "内存GB": "4"}
    _receipt(house)
    assert clock.tick(house.runtime)["verified"] == 0
    with house.desk() as desk:
        held = desk.session.exec(select(Holding).where(Holding.resource_id == 2)).one()
        held.vcpu, held.mem_bytes = 2, 4 * GIB
    assert clock.tick(house.runtime)["verified"] == 1
    with house.desk() as desk:
        row = desk.session.exec(select(Recovery)).one()
        assert (row.how, row.vcpu, row.mem_bytes, row.disk_bytes) == ("shrunk", 6, 12 * GIB, 0)
        assert row.cost_month == 6 * 50 + 12 * 10


def test_whoever_answered_does_not_confirm_and_a_handler_never_does(house: Office) -> None:
    code = house.issue(1)
    number = _item(house, code).id or 0
    with house.leader() as desk:
        answers.answer(desk, code, number, Answer("release"))
        with pytest.raises(Problem, match="another person"):
            answers.confirm(desk, code, number)
    with house.handler() as desk, pytest.raises(Problem, match="person in charge"):
        answers.confirm(desk, code, number)
    assert _item(house, code).state == "answered"


def test_an_answer_is_changed_until_it_is_confirmed_and_may_be_sent_back(house: Office) -> None:
    code = house.issue(1)
    number = _item(house, code).id or 0
    with house.handler() as desk:
        answers.answer(desk, code, number, Answer("release"))
        answers.answer(desk, code, number, Answer("dispute", "仍在使用"))
    with house.leader() as desk:
        with pytest.raises(Problem, match="needs note"):
            answers.send_back(desk, code, number, " ")
        answers.send_back(desk, code, number, "请附截图")
    assert _item(house, code).state == "waiting"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (Answer("burn"), "release, shrink, keep, dispute"),
        (Answer("dispute"), "what is wrong"),
        (Answer("keep", keep_until=date(2026, 12, 31)), "reason code"),
        (Answer("keep", keep_reason="other", keep_until=date(2026, 12, 31)), "needs words"),
        (Answer("keep", keep_reason="standby"), "a keep ends"),
        (Answer("keep", keep_reason="standby", keep_until=date(2026, 11, 23)), "a keep ends"),
        (Answer("keep", keep_reason="standby", keep_until=date(2030, 1, 1)), "a keep ends"),
    ],
)
def test_an_incomplete_answer_is_refused_with_what_is_missing(
    house: Office, given: Answer, said: str
) -> None:
    code = house.issue(1)
    with house.handler() as desk, pytest.raises(Problem, match=said):
        answers.answer(desk, code, _item(house, code).id or 0, given)


def test_many_resources_are_answered_and_confirmed_at_once_each_written_down(
    house: Office,
) -> None:
    code = house.issue(1, 2, 3)
    first = _items(house, code)[0].id or 0
    with house.handler() as desk:
        answers.answer(desk, code, first, Answer("dispute", "夜间批处理"))
        assert answers.answer_all(desk, code, Answer("release", "同意")) == 2
    with pytest.raises(Problem, match="no resource waits"), house.handler() as desk:
        answers.answer_all(desk, code, Answer("release"))
    with pytest.raises(Problem, match="person in charge"), house.handler() as desk:
        answers.confirm_all(desk, code)
    with house.leader() as desk:
        assert answers.confirm_all(desk, code) == 3
    assert [item.state for item in _items(house, code)] == [
        "disputed", "release_due", "release_due",
    ]  # fmt: skip
    with house.desk() as desk:
        acts_ = [each.act for each in queries.detail(desk, code).events]
        assert (acts_.count("answer"), acts_.count("confirm_release")) == (3, 2)


def test_an_incomplete_answer_for_all_answers_none(house: Office) -> None:
    code = house.issue(1, 2)
    with pytest.raises(Problem, match="reason code"), house.handler() as desk:
        answers.answer_all(desk, code, Answer("keep", keep_until=date(2026, 12, 30)))
    assert {item.state for item in _items(house, code)} == {"waiting"}


def test_the_person_in_charge_does_not_confirm_their_own_answers_with_all_others(
    house: Office,
) -> None:
    code = house.issue(1, 2)
    own, other = [item.id or 0 for item in _items(house, code)]
    with house.leader() as desk:
        answers.answer(desk, code, own, Answer("release"))
    with house.handler() as desk:
        answers.answer(desk, code, other, Answer("release"))
    with house.leader() as desk:
        assert answers.confirm_all(desk, code) == 1
    assert [item.state for item in _items(house, code)] == ["answered", "release_due"]


def test_what_was_answered_after_the_page_was_read_is_not_confirmed_with_the_rest(
    house: Office,
) -> None:
    code = house.issue(1, 2, 3)
    first, second, third = [item.id or 0 for item in _items(house, code)]
    with house.handler() as desk:
        answers.answer(desk, code, first, Answer("dispute", "夜间批处理"))
        answers.answer(desk, code, second, Answer("dispute", "夜间批处理"))
    with house.desk() as desk:
        shown = queries.detail(desk, code).resources
        seen = {answers.mark(each) for each in shown if each.state == "answered"}
    with house.handler() as desk:
        answers.answer(desk, code, second, Answer("release"))
        answers.answer(desk, code, third, Answer("release"))
    with house.leader() as desk:
        assert answers.confirm_all(desk, code, seen) == 1
    assert [item.state for item in _items(house, code)] == ["disputed", "answered", "answered"]


def test_every_keep_expires_and_then_the_unit_is_asked_again(house: Office) -> None:
    code = house.issue(1)
    until = date(2026, 12, 31)
    number = _answered(house, code, Answer("keep", keep_reason="seasonal", keep_until=until))
    with pytest.raises(Problem, match="needs person"):
        _act(house, code, number, "grant_keep")
    with pytest.raises(Problem, match="a keep ends"):
        _act(house, code, number, "grant_keep", person="赵敏", until="2036-01-01")
    _act(house, code, number, "grant_keep", person="赵敏")
    kept = _item(house, code)
    assert (kept.state, kept.keep_until, kept.keep_approver) == ("kept", until, "赵敏")
    house.clock.now = datetime(2026, 12, 31, 4, 0, tzinfo=UTC)
    assert clock.tick(house.runtime)["expired"] == 0
    house.clock.advance(days=1)
    assert clock.tick(house.runtime)["expired"] == 1
    again = _item(house, code)
    assert (again.state, again.answer) == ("waiting", "")
    assert again.due is not None
    assert again.due > until


def test_a_refused_keep_and_a_lost_dispute_come_back_with_a_new_deadline(house: Office) -> None:
    code = house.issue(1)
    number = _answered(house, code, Answer("dispute", "仍在使用"))
    house.clock.advance(days=9)
    _act(house, code, number, "reject_dispute", note="数据无误")
    assert _item(house, code).due == date(2026, 12, 16)


def test_an_upheld_dispute_withdraws_the_resource_and_finishes_the_letter(house: Office) -> None:
    code = house.issue(1)
    number = _answered(house, code, Answer("dispute", "仍在使用"))
    _act(house, code, number, "accept_dispute", note="属实")
    assert (_item(house, code).state, house.read(code).state) == ("withdrawn", "closed")
    assert house.draft(1)  # may be drafted again


def test_silence_goes_on_by_hand_only_after_the_deadline_and_a_call(house: Office) -> None:
    code = house.issue(1)
    number = _item(house, code).id or 0
    with pytest.raises(Problem, match="is not over"):
        _act(house, code, number, "force", person="赵敏", note="逾期")
    house.clock.advance(days=15)
    with pytest.raises(Problem, match="催办"):
        _act(house, code, number, "force", person="赵敏", note="逾期")
    with house.desk() as desk:
        followup.call(desk, code, "张三", "0000", "知道了")
    _act(house, code, number, "force", person="赵敏", note="逾期")
    assert _item(house, code).state == "release_due"


def test_what_nobody_claims_is_stopped_observed_and_recovered_and_a_claim_ends_it(
    house: Office,
) -> None:
    code = house.issue(5)
    number = _item(house, code).id or 0
    house.clock.advance(days=15)
    assert clock.tick(house.runtime)["proposed"] == 0  # nobody is there to be talked to
    _act(house, code, number, "force", person="赵敏", note="无人认领")
    _act(house, code, number, "order_stop")
    _receipt(house)
    house.clock.advance(days=8)
    _act(house, code, number, "order_recover")
    _receipt(house, snapshot="snap-5")
    _retire(house, 5)
    assert clock.tick(house.runtime)["verified"] == 1

    other = house.issue(4)
    with pytest.raises(Problem, match="claiming notice"):
        _act(house, other, _item(house, other).id or 0, "claim", unit="U2", note="x")


def test_a_claim_names_the_unit(house: Office) -> None:
    code = house.issue(5)
    _act(house, code, _item(house, code).id or 0, "claim", unit="市教育局", note="教育局来函")
    assert (_item(house, code).state, house.read(code).state) == ("claimed", "closed")


def test_a_stopped_resource_is_restored_on_objection(house: Office) -> None:
    code = house.issue(1)
    number = _answered(house, code, Answer("release"))
    _act(house, code, number, "order_stop")
    _receipt(house)
    _act(house, code, number, "restore", note="业务需要")
    assert _item(house, code).state == "withdrawn"
    with house.desk() as desk, pytest.raises(Problem, match="receipt was given"):
        orders.receipt(desk, 1)


def test_what_is_restored_calls_the_order_back_and_tells_the_provider_to_start_it(
    made: Callable[..., Office],
) -> None:
    house = made(notices=NoticesSettings(provider_email="cloud@example.cn"))
    code = house.issue(1)
    number = _answered(house, code, Answer("release"))
    _act(house, code, number, "order_stop")
    with pytest.raises(Problem, match="needs note"), house.desk() as desk:
        acts.item(desk, code, number, bodies.ItemAct(act="restore"))
    _act(house, code, number, "restore", note="业务未迁完")
    with house.desk("cloud", "provider") as desk:
        start, stop = queries.orders(desk, 1, 10).items
        assert (stop.kind, stop.withdrawn, stop.done) == ("stop", house.clock(), None)
        assert (start.kind, start.done) == ("start", None)
        assert queries.waiting_for(desk, "provider") == 1
        with pytest.raises(Problem, match="withdrawn"):
            orders.receipt(desk, stop.id)
        mails = desk.session.exec(
            select(Delivery).where(Delivery.recipient == "cloud@example.cn")
        ).all()
        assert "恢复开机" in mails[-1].body["lines"][0]
        orders.receipt(desk, start.id, "已开机")
        assert queries.waiting_for(desk, "provider") == 0
        assert queries.detail(desk, code).events[-1].act == "started"
    assert _item(house, code).state == "withdrawn"


def test_two_people_who_do_the_same_at_one_time_do_it_once(
    made: Callable[..., Office], postgres: Cluster
) -> None:
    house = made(url=postgres.new_database())
    code = house.issue(1)
    number = _answered(house, code, Answer("release"))
    both = Barrier(2)

    def order(_: int) -> str:
        with house.desk() as desk:
            assert desk.item(desk.find(code), number).state == "release_due"
            both.wait(10)
            try:
                orders.order(desk, code, number, "stop")
            except Problem as refused:
                return refused.title
        return "ordered"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(order, range(2))) == ["not possible now", "ordered"]
    with house.desk() as desk:
        assert len(desk.session.exec(select(NoticeOrder)).all()) == 1


def test_a_letter_whose_last_two_resources_end_at_one_time_is_finished(
    made: Callable[..., Office], postgres: Cluster
) -> None:
    house = made(url=postgres.new_database())
    code = house.issue(1, 2)
    both = Barrier(2)

    def end(which: int) -> None:
        with house.desk() as desk:
            notice = desk.find(code)
            items = desk.items(notice)
            both.wait(10)
            desk.move_item(notice, items[which], "withdraw", lifecycle.SYSTEM, ["note"], "在用")
            sleep(0.3)  # the other comes while this one is not written yet

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(end, range(2)))
    assert [each.state for each in _items(house, code)] == ["withdrawn", "withdrawn"]
    letter = house.read(code)
    assert (letter.state, letter.closed) == ("closed", house.clock())


def test_reading_is_noted_once(house: Office) -> None:
    code = house.issue(1)
    for _ in range(2):
        with house.handler() as desk:
            answers.mark_read(desk, desk.find(code))
    letter = house.read(code)
    assert letter.read_by == "zhang"
    with house.desk() as desk:
        seen = [each for each in queries.detail(desk, code).events if each.act == "read"]
        assert len(seen) == 1


def test_a_unit_is_not_shown_the_offices_own_part(house: Office) -> None:
    code = house.issue(1)
    with house.desk() as desk:
        followup.call(desk, code, "张三", "0000", "知道了")
        followup.propose(desk, desk.find(code), "talk", "逾期")
    with house.handler() as desk:
        seen = queries.detail(desk, code)
    assert (seen.calls, seen.escalations, seen.deliveries, seen.reviewed_by) == ([], [], [], "")
    assert {each.act for each in seen.events} <= {"register", "issue", "read", "file_scan"}


def test_an_escalation_is_decided_by_a_named_person_once(house: Office) -> None:
    code = house.issue(1)
    with house.desk() as desk:
        number = followup.propose(desk, desk.find(code), "talk", "逾期").id or 0
    with house.desk() as desk, pytest.raises(Problem, match="name the person"):
        followup.decide(desk, code, number, "approve", "", "")
    with house.desk() as desk, pytest.raises(Problem, match="is proposed"):
        followup.decide(desk, code, number, "carry_out", "赵敏", "已约谈")
    with house.desk() as desk:
        followup.decide(desk, code, number, "approve", "赵敏", "")
        followup.decide(desk, code, number, "carry_out", "赵敏", "已约谈")
        assert desk.session.get_one(Escalation, number).state == "done"


def test_closing_is_refused_while_an_order_is_under_way(house: Office) -> None:
    code = house.issue(1)
    number = _answered(house, code, Answer("release"))
    _act(house, code, number, "order_stop")
    with house.desk() as desk, pytest.raises(Problem, match="finish its order"):
        office.close(desk, code, "不再跟踪")
