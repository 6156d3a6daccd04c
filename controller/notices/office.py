"""The office's part: text, 核稿, 签发, 发文字号 and stamped scan, and what is decided by hand."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta

from sqlmodel import col, select

from controller.inventory.units import find_unit
from controller.notices import lifecycle, messages, orders, wording
from controller.notices.desk import Desk, id_of
from controller.notices.lifecycle import ITEM_END, OFFICE, SYSTEM
from controller.notices.recovered import enter, expected
from controller.notices.tables import Escalation, Notice, NoticeCall, NoticeFile, NoticeItem
from controller.problems import Problem

LETTER_AGE_DAYS = 366
"""A letter that is dated earlier was mistyped."""
MOST_FILE = 20 * 1024 * 1024
KINDS_OF_FILE = {
    b"%PDF-": "application/pdf",
    b"\x89PNG": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
}
"""What a scan may be, by its first bytes: what a browser shows and nothing that runs."""


def edit(desk: Desk, code: str, title: str, body: str, addressee: str = "") -> Notice:
    """Another text for this letter, while it is a draft. Raises Problem 409, 422."""
    notice = desk.find(code)
    if notice.state != "draft":
        raise Problem(409, "not possible now", "the text is changed in a draft only: return it")
    title, body = title.strip(), wording.tidy(body)
    if not title or not body or len(title) > 200 or len(body) > wording.MOST_TEXT:
        raise Problem(422, "incomplete", "a letter has a title and a text")
    notice.title, notice.body = title, body
    notice.addressee = addressee.strip()[:200] or notice.addressee
    desk.write_down(notice, None, "edit", "draft", "draft")
    desk.audit("edit", notice)
    return notice


def review(desk: Desk, code: str, person: str, note: str = "") -> Notice:
    """核稿 by a named person."""
    notice, person = desk.find(code), _named(person)
    desk.move_letter(notice, "review", OFFICE, ["person"], note, person=person)
    notice.reviewed_by = person
    desk.audit("review", notice, person=person)
    return notice


def sign(desk: Desk, code: str, person: str, note: str = "") -> Notice:
    """签发 by a named person, who is not the one that reviewed."""
    notice, person = desk.find(code), _named(person)
    if person == notice.reviewed_by:
        raise Problem(422, "same person", f"{person} reviewed it: another person signs")
    desk.move_letter(notice, "sign", OFFICE, ["person"], note, person=person)
    notice.signed_by = person
    desk.audit("sign", notice, person=person)
    return notice


def send_back(desk: Desk, code: str, note: str) -> Notice:
    """Back to the drafter, with the reason."""
    notice = desk.find(code)
    desk.move_letter(notice, "return", OFFICE, _given(note=note), note)
    notice.reviewed_by = notice.signed_by = ""
    desk.audit("return", notice)
    return notice


def drop(desk: Desk, code: str, item_id: int, note: str) -> Notice:
    """Take one resource out of a draft."""
    notice = desk.find(code)
    if notice.state != "draft":
        raise Problem(409, "not possible now", "a resource is dropped from a draft only")
    item = desk.item(notice, item_id)
    if sum(each.state not in ITEM_END for each in desk.items(notice)) == 1:
        raise Problem(409, "last resource", "it is the letter's last resource: cancel it")
    desk.move_item(notice, item, "drop", OFFICE, _given(note=note), note)
    desk.audit("drop", notice, item=item_id)
    return notice


def cancel(desk: Desk, code: str, note: str) -> Notice:
    """Give up a letter that was not sent; its resources may be drafted again."""
    notice = desk.find(code)
    desk.move_letter(notice, "cancel", OFFICE, _given(note=note), note)
    notice.closed = desk.now
    for item in desk.items(notice):
        if item.state not in ITEM_END:
            desk.move_item(notice, item, "drop", OFFICE, ["note"], note)
    desk.audit("cancel", notice)
    return notice


def close(desk: Desk, code: str, note: str) -> Notice:
    """End an issued letter by hand; refused while an order is under way. The unit is told."""
    notice = desk.find(code)
    items = [item for item in desk.items(notice) if item.state not in ITEM_END]
    for item in items:
        if "withdraw" not in lifecycle.allowed(lifecycle.ITEM, item.state, OFFICE):
            raise Problem(
                409, "order under way", f"item {item.id} is {item.state}: finish its order first"
            )
    if not items or notice.state != "issued":
        desk.move_letter(notice, "close", OFFICE, _given(note=note), note)
    for item in items:
        desk.move_item(notice, item, "withdraw", OFFICE, _given(note=note), note)
    notice.closed = desk.now
    messages.withdrawn(desk, notice, items, note)
    desk.audit("close", notice)
    return notice


def add_file(desk: Desk, code: str, kind: str, name: str, content: bytes) -> NoticeFile:
    """A scan (of the stamped letter) or a receipt. Raises Problem 413, 422."""
    notice = desk.find(code)
    if kind not in ("scan", "receipt"):
        raise Problem(422, "unknown kind", "a file is a scan or a receipt")
    if len(content) > MOST_FILE:
        raise Problem(413, "too large", f"a scan has at most {MOST_FILE >> 20} MB")
    media = next((m for head, m in KINDS_OF_FILE.items() if content.startswith(head)), "")
    if not media:
        raise Problem(422, "not a scan", f"{name}: give a PDF, PNG or JPEG file")
    made = NoticeFile(
        notice_id=id_of(notice), kind=kind, name=name.rpartition("/")[2][:200] or kind,
        media_type=media, size=len(content), sha256=hashlib.sha256(content).hexdigest(),
        at=desk.now, by=desk.principal.name, content=content,
    )  # fmt: skip
    desk.session.add(made)
    desk.write_down(
        notice, None, f"file_{kind}", notice.state, notice.state, made.name,
        {"sha256": made.sha256, "size": made.size},
    )  # fmt: skip
    desk.audit(f"file_{kind}", notice, name=made.name, sha256=made.sha256)
    return made


def register(desk: Desk, code: str, number: str, dated: date | None = None) -> Notice:
    """发文字号 as the OA gave it; the stamped scan must be there. Now the clock starts and the
    unit is told. Raises Problem 409, 422."""
    notice = desk.find(code)
    number = " ".join(number.split())
    scan = desk.session.exec(
        select(NoticeFile.id).where(
            NoticeFile.notice_id == notice.id, col(NoticeFile.kind) == "scan"
        )
    ).first()
    given = _given(number=number, scan="1" if scan else "")
    first = desk.today - timedelta(days=LETTER_AGE_DAYS)
    if dated is not None and not first <= dated <= desk.today:
        raise Problem(
            422, "invalid letter date", f"the letter is dated from {first} to {desk.today}"
        )
    desk.move_letter(notice, "register", OFFICE, given, number=number)
    twice = desk.session.exec(
        select(Notice.code).where(Notice.number == number, col(Notice.id) != notice.id)
    ).first()
    if twice:
        raise Problem(422, "number taken", f"{number} is the number of {twice}")
    notice.number, notice.dated = number[:80], dated or desk.today
    notice.issued = desk.now
    notice.due = answer_due(desk)
    for item in desk.items(notice):
        if item.state == "draft":
            item.due = notice.due
            desk.move_item(notice, item, "issue", SYSTEM)
    desk.session.flush()
    messages.issued(desk, notice)
    desk.audit("register", notice, number=number, due=str(notice.due))
    return notice


def send_again(desk: Desk, code: str) -> int:
    """The letter's message once more, to whom it goes today; how many messages that makes."""
    notice = desk.find(code)
    if notice.state != "issued":
        raise Problem(409, "not possible now", "only an issued letter is sent: register it first")
    made = messages.issued(desk, notice, again=True)
    desk.write_down(notice, None, "send_again", notice.state, notice.state, "", {"messages": made})
    desk.audit("send_again", notice, messages=made)
    return made


def answer_due(desk: Desk) -> date:
    """The last day to answer, counted from today."""
    return desk.calendar.after(desk.today, desk.settings.notices.answer_days)


def grant_keep(
    desk: Desk, code: str, item_id: int, person: str, until: date | None, note: str = ""
) -> Notice:
    """Approve 申请保留 until a day, at most ``keep_max_days`` away. Every keep expires."""
    notice = desk.find(code)
    item = desk.item(notice, item_id)
    until = until or item.keep_until
    limit = desk.today + timedelta(days=desk.settings.notices.keep_max_days)
    if until is not None and not desk.today < until <= limit:
        raise Problem(422, "invalid date", f"a keep ends after {desk.today} and by {limit}")
    desk.move_item(
        notice, item, "grant_keep", OFFICE, _given(person=person.strip(), until=until), note,
        person=person.strip(), until=str(until),
    )  # fmt: skip
    item.keep_until, item.keep_approver = until, person.strip()[:100]
    messages.decided(desk, notice, item, "grant_keep", note)
    desk.audit("grant_keep", notice, item=item_id, until=str(until), person=person)
    return notice


def decide(desk: Desk, code: str, item_id: int, act: str, note: str) -> Notice:
    """refuse_keep, accept_dispute, reject_dispute, withdraw, restore, verify_by_hand.

    What goes back to the unit gets a new deadline. Raises Problem 404, 409, 422.
    """
    if act not in DECISIONS:
        raise Problem(422, "unknown act", f"{act!r}: one of {', '.join(DECISIONS)}")
    notice = desk.find(code)
    item = desk.item(notice, item_id)
    if act == "restore":
        orders.call_back(desk, notice, item, note)
    desk.move_item(notice, item, act, OFFICE, _given(note=note), note)
    if item.state == "waiting":
        ask_again(desk, item)
    if act == "verify_by_hand":
        enter(desk, notice, item, expected(item), f"{desk.principal.name} 核实：{note}")
    messages.decided(desk, notice, item, act, note)
    desk.audit(act, notice, item=item_id)
    return notice


DECISIONS = (
    "refuse_keep", "accept_dispute", "reject_dispute", "withdraw", "restore", "verify_by_hand",
)  # fmt: skip


def ask_again(desk: Desk, item: NoticeItem) -> None:
    """The unit has to answer anew, within a new deadline."""
    item.due = answer_due(desk)
    item.answer = item.answer_note = item.answered_by = item.confirmed_by = ""
    item.answered = item.confirmed = None
    desk.session.add(item)


def claim(desk: Desk, code: str, item_id: int, unit: str, note: str) -> Notice:
    """A unit says that an unclaimed resource is its own; the register is corrected by import."""
    notice = desk.find(code)
    item = desk.item(notice, item_id)
    if notice.kind != "claim":
        raise Problem(409, "not possible now", "only a claiming notice is answered by a claim")
    found = find_unit(desk.session, desk.scope, unit, desk.now)
    desk.move_item(
        notice, item, "claim", OFFICE, _given(unit=found.code, note=note), note, unit=found.code
    )
    desk.audit("claim", notice, item=item_id, unit=found.code)
    return notice


def force(desk: Desk, code: str, item_id: int, person: str, note: str) -> Notice:
    """Go on without an answer: only past the deadline, by a named approver, and still by stopping,
    observation and snapshot. Of a unit's resource only after a call or an approved escalation."""
    notice = desk.find(code)
    item = desk.item(notice, item_id)
    if item.due is None or desk.today <= item.due:
        raise Problem(409, "deadline not over", f"the deadline {item.due} is not over")
    if notice.kind != "claim" and not _was_pressed(desk, notice):
        raise Problem(409, "press first", "first a follow-up call (催办) or an approved escalation")
    given = _given(person=person.strip(), note=note)
    desk.move_item(notice, item, "force", OFFICE, given, note, person=person.strip())
    item.answer = ""  # what was not confirmed is not in force
    desk.audit("force", notice, item=item_id, person=person)
    return notice


def _was_pressed(desk: Desk, notice: Notice) -> bool:
    called = desk.session.exec(
        select(NoticeCall.id).where(NoticeCall.notice_id == notice.id)
    ).first()
    raised = desk.session.exec(
        select(Escalation.id).where(
            Escalation.notice_id == notice.id, col(Escalation.state).in_(("approved", "done"))
        )
    ).first()
    return called is not None or raised is not None


def _named(person: str) -> str:
    name = " ".join(person.split())[:100]
    if not name:
        raise Problem(422, "incomplete", "give the person's name")
    return name


def _given(**values: object) -> list[str]:
    """Names of what is really given; blanks are nothing."""
    return [
        name for name, value in values.items()
        if (value.strip() if isinstance(value, str) else value)
    ]  # fmt: skip
