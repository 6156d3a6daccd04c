"""The unit's part: reading, the handler's answer, the confirmation by the person in charge."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta

from controller.access.roles import LOCAL
from controller.notices import lifecycle
from controller.notices.desk import Desk, id_of
from controller.notices.lifecycle import HANDLER, LEADER
from controller.notices.model import ANSWERS, KEEP_REASONS
from controller.notices.tables import Notice, NoticeItem
from controller.notices.views import ItemView
from controller.problems import Problem


@dataclass(frozen=True)
class Answer:
    """What the handler answers for one resource. A keep has a reason code and an end."""

    answer: str
    note: str = ""
    keep_reason: str = ""
    keep_until: date | None = None


def mark_read(desk: Desk, notice: Notice, via: str = "login") -> None:
    """The first time somebody of the unit opens it; later times change nothing."""
    if notice.read is not None or notice.state != "issued":
        return
    notice.read, notice.read_by = desk.now, desk.principal.name
    desk.write_down(notice, None, "read", notice.state, notice.state, "", {"via": via})
    desk.session.add(notice)


def answer(desk: Desk, code: str, item_id: int, given: Answer) -> Notice:
    """By the handler; may be changed until it is confirmed. Raises Problem 403, 404, 409, 422."""
    notice = desk.find(code)
    item = desk.item(notice, item_id)
    if notice.kind == "claim":
        raise Problem(409, "not possible now", "a claiming notice is answered in writing")
    _check(desk, given)
    desk.move_item(
        notice, item, "answer", HANDLER, note=given.note, answer=given.answer,
        keep_reason=given.keep_reason, keep_until=str(given.keep_until or ""),
    )  # fmt: skip
    item.answer, item.answer_note = given.answer, given.note.strip()[:2000]
    keeps = given.answer == "keep"
    item.keep_reason = given.keep_reason if keeps else ""
    item.keep_until = given.keep_until if keeps else None
    item.answered, item.answered_by = desk.now, desk.principal.name
    item.confirmed, item.confirmed_by = None, ""
    mark_read(desk, notice)
    desk.audit("answer", notice, item=item_id, answer=given.answer)
    return notice


def confirm(desk: Desk, code: str, item_id: int, note: str = "") -> Notice:
    """By the person in charge, who is not the one that answered: now the answer is in force."""
    notice = desk.find(code)
    item = desk.item(notice, item_id)
    _must_lead(desk)
    act = f"confirm_{item.answer}" if item.answer else "confirm_release"
    if item.state == "answered" and item.answered_by == desk.principal.name:
        raise Problem(403, "same person", "whoever answered does not confirm: another person does")
    desk.move_item(notice, item, act, LEADER, note=note)
    item.confirmed, item.confirmed_by = desk.now, desk.principal.name
    desk.audit("confirm", notice, item=item_id, answer=item.answer)
    return notice


def answer_all(desk: Desk, code: str, given: Answer) -> int:
    """The same answer for every resource that has none yet; how many those are. All or none.
    Raises Problem 403, 404, 409 where there are none, 422."""
    notice = desk.find(code)
    numbers = [id_of(item) for item in desk.items(notice) if item.state == "waiting"]
    if not numbers:
        raise Problem(409, "not possible now", "no resource waits for an answer")
    for number in numbers:
        answer(desk, code, number, given)
    return len(numbers)


def mark(item: NoticeItem | ItemView) -> str:
    """Which answer to which resource; another one once it is changed."""
    return f"{item.id}|{item.answer}|{item.answered.isoformat() if item.answered else ''}"


def confirm_all(desk: Desk, code: str, seen: Collection[str] | None = None) -> int:
    """Every answer that waits for the person in charge and is not their own; how many those are.
    ``seen``: only answers of these marks; what was given or changed since waits on. Raises Problem
    403, 404, 409 where there are none."""
    notice = desk.find(code)
    _must_lead(desk)
    numbers = [
        id_of(item) for item in desk.items(notice)
        if item.state == "answered" and item.answered_by != desk.principal.name
        and (seen is None or mark(item) in seen)
    ]  # fmt: skip
    if not numbers:
        raise Problem(409, "not possible now", "no answer waits for your confirmation")
    for number in numbers:
        confirm(desk, code, number)
    return len(numbers)


def send_back(desk: Desk, code: str, item_id: int, note: str) -> Notice:
    """The person in charge gives the answer back to the handler, with the reason."""
    notice = desk.find(code)
    item = desk.item(notice, item_id)
    _must_lead(desk)
    desk.move_item(notice, item, "send_back", LEADER, ["note"] if note.strip() else [], note)
    desk.audit("send_back", notice, item=item_id)
    return notice


def may_answer(role: str) -> bool:
    """Whether this role answers for a unit at all."""
    return role in ("unit", LOCAL)


def leads(role: str, duty: str) -> bool:
    """Whether this person confirms."""
    return role == LOCAL or (role == "unit" and duty == "leader")


def _must_lead(desk: Desk) -> None:
    if not leads(desk.principal.role, desk.principal.duty):
        raise Problem(
            403, "not the person in charge",
            "the unit's person in charge (负责人) confirms; the security administrator sets the "
            "duty of a user",
        )  # fmt: skip


def _check(desk: Desk, given: Answer) -> None:
    if given.answer not in ANSWERS:
        raise Problem(422, "unknown answer", f"{given.answer!r}: one of {', '.join(ANSWERS)}")
    if given.answer in ("dispute",) and not given.note.strip():
        raise Problem(422, "incomplete", "a dispute says what is wrong with the judgement")
    if given.answer != "keep":
        return
    if given.keep_reason not in KEEP_REASONS:
        raise Problem(
            422, "unknown reason", f"a keep has a reason code: one of {', '.join(KEEP_REASONS)}"
        )
    if given.keep_reason == "other" and not given.note.strip():
        raise Problem(422, "incomplete", "reason 'other' needs words")
    limit = desk.today + timedelta(days=desk.settings.notices.keep_max_days)
    if given.keep_until is None or not desk.today < given.keep_until <= limit:
        raise Problem(422, "invalid date", f"a keep ends after {desk.today} and by {limit}")


def possible(state: str, role: str, duty: str, *, answered_by_me: bool) -> list[str]:
    """What this person may do with a resource in this state: answer, confirm, send_back."""
    acts: list[str] = []
    if may_answer(role):
        acts += lifecycle.allowed(lifecycle.ITEM, state, HANDLER)
    if leads(role, duty) and not answered_by_me and state == "answered":
        acts += ["confirm", "send_back"]
    return acts
