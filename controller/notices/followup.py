"""催办, and escalation: proposed by the system, approved and carried out by hand."""

from __future__ import annotations

from controller.notices.desk import Desk, id_of
from controller.notices.model import LEVELS
from controller.notices.tables import Escalation, Notice, NoticeCall
from controller.problems import NotFound, Problem

STATES_AFTER = {"approve": ("proposed", "approved"), "refuse": ("proposed", "refused"),
                "carry_out": ("approved", "done")}  # fmt: skip
"""Act -> (from, to)."""


def call(desk: Desk, code: str, person: str, phone: str, reply: str) -> NoticeCall:
    """A call that was made: whom, on which number, what they said."""
    notice = desk.find(code)
    if notice.state != "issued":
        raise Problem(409, "not possible now", "only an issued notice is followed up")
    person, reply = " ".join(person.split()), reply.strip()
    if not person or not reply:
        raise Problem(422, "incomplete", "say whom you called and what they replied")
    made = NoticeCall(
        notice_id=id_of(notice), at=desk.now, by=desk.principal.name, person=person[:100],
        phone=phone.strip()[:60], reply=reply[:2000],
    )  # fmt: skip
    desk.session.add(made)
    desk.write_down(
        notice, None, "call", notice.state, notice.state, reply, {"person": person, "phone": phone}
    )
    desk.audit("call", notice, person=person)
    return made


def propose(desk: Desk, notice: Notice, level: str, reason: str) -> Escalation:
    """By the system only; nobody is written to."""
    made = Escalation(notice_id=id_of(notice), level=level, reason=reason[:500], proposed=desk.now)
    desk.session.add(made)
    desk.write_down(notice, None, "propose", notice.state, notice.state, reason, {"level": level})
    desk.audit("propose", notice, level=level)
    return made


def decide(
    desk: Desk, code: str, escalation_id: int, act: str, person: str, note: str
) -> Escalation:
    """approve (by a named person), refuse, or note that it was carried out."""
    notice = desk.find(code)
    found = desk.session.get(Escalation, escalation_id)
    if found is None or found.notice_id != notice.id:
        raise NotFound("escalation", str(escalation_id))
    if act not in STATES_AFTER:
        raise Problem(422, "unknown act", f"{act!r}: one of {', '.join(STATES_AFTER)}")
    before, after = STATES_AFTER[act]
    if found.state != before:
        raise Problem(409, "not possible now", f"{LEVELS[found.level]} is {found.state}")
    person = " ".join(person.split())
    if not person or (act != "approve" and not note.strip()):
        raise Problem(422, "incomplete", "name the person who decided, and say why or with what")
    found.state, found.decided = after, desk.now
    found.approver, found.note = person[:100], note.strip()[:2000]
    desk.session.add(found)
    desk.write_down(
        notice, None, f"escalation_{act}", before, after, note,
        {"level": found.level, "person": person},
    )  # fmt: skip
    desk.audit(f"escalation_{act}", notice, level=found.level, person=person)
    return found
