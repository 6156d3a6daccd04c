"""Notices of the two units, and one for each act that a contract test tries."""

from __future__ import annotations

from datetime import date, datetime

from sqlmodel import Session

from controller.notices.tables import (
    Delivery,
    Escalation,
    Notice,
    NoticeFile,
    NoticeItem,
    NoticeOrder,
    Recovery,
)
from controller.runtime import Runtime

STATES = {
    "review": ("draft", "draft"),
    "edit": ("draft", "draft"),
    "item": ("issued", "keep_asked"),
    "answer": ("issued", "waiting"),
    "receipt": ("issued", "stop_ordered"),
    "call": ("issued", "waiting"),
    "escalation": ("issued", "waiting"),
    "scan": ("signed", "draft"),
}
"""Subject of a call -> states of its letter and its resource."""


def add_notices(runtime: Runtime) -> None:
    """notice-A and notice-B of the units, notice-<subject> for each of STATES."""
    now = runtime.now()
    with runtime.database.write() as session:
        for unit, letter in ((1, "A"), (2, "B")):
            notice = _add(session, now, f"notice-{letter}", unit, "issued", "waiting", unit)
            session.add(
                Recovery(item_id=notice, unit_id=unit, resource_id=unit, at=now, how="released",
                         vcpu=1, evidence=f"agent of {letter}")
            )  # fmt: skip
        for number, (name, (state, item_state)) in enumerate(STATES.items(), 101):
            _add(session, now, f"notice-{name}", 1, state, item_state, number)


def _add(
    session: Session, now: datetime, code: str, unit: int, state: str, item_state: str, number: int
) -> int:
    """A notice with one resource, an order, a file, a proposal and a dead letter, all of one id."""
    session.add(
        Notice(
            id=number, code=code, unit_id=unit, state=state, title=f"提示函 {code}",
            addressee=f"单位{'AB'[unit - 1]}", body="正文", drafted=now, number=f"文 {code}",
            issued=now if state == "issued" else None, due=date(2027, 1, 4),
        )
    )  # fmt: skip
    session.flush()
    session.add(_item(number, unit, item_state, now))
    session.flush()
    session.add(NoticeOrder(id=number, item_id=number, kind="stop", ordered=now))
    session.add(Escalation(id=number, notice_id=number, level="talk", proposed=now))
    session.add(
        NoticeFile(
            id=number, notice_id=number, kind="scan", name="scan.pdf", media_type="application/pdf",
            size=5, sha256="0" * 64, at=now, content=b"%PDF-",
        )
    )  # fmt: skip
    session.add(
        Delivery(
            id=number, key=code, message_id=code, notice_id=number, unit_id=unit, channel="inbox",
            subject=f"提示函 {code}", state="dead", due=now, created=now,
        )
    )  # fmt: skip
    return number


def _item(number: int, unit: int, state: str, now: datetime) -> NoticeItem:
    return NoticeItem(
        id=number, notice_id=number, resource_id=unit, state=state, reason="闲置", as_of=now,
        due=date(2027, 1, 4), keep_until=date.fromordinal(now.toordinal() + 30),
    )  # fmt: skip
