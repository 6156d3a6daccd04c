"""What time does to notices, by a job that may run at any moment and as often as it likes.

1. Reminders at T-7, T-3, T-1 working days; one that was missed is not made up for by several.
2. A keep that is over asks the unit again.
3. Past the deadline, 约谈 and later 通报 are proposed on a page; nobody is written to.
4. A resource that is in use again is withdrawn.
5. What the provider reported is verified, closed, and entered into the ledger.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from controller.access.principal import local_principal
from controller.access.scope import CITY
from controller.idle.tables import IdleScan, IdleVerdict
from controller.ingest.tables import Agent
from controller.inventory.dated import in_force
from controller.inventory.tables import Holding, Resource
from controller.ledger.tables import PendingCheck, PlatformImport
from controller.notices import followup, messages, verify
from controller.notices.desk import Desk
from controller.notices.lifecycle import AWAITING_ANSWER, SYSTEM
from controller.notices.model import LEVELS
from controller.notices.office import ask_again
from controller.notices.recovered import enter
from controller.notices.tables import Escalation, Notice, NoticeItem
from controller.notices.workdays import Calendar
from controller.runtime import Runtime
from controller.settings import NoticesSettings

REMIND = (7, 3, 1)
"""Working days before the deadline."""

WITHDRAWABLE = ("waiting", "answered")


def tick(runtime: Runtime) -> dict[str, int]:
    """One turn; how often each thing was done. A notice is a transaction of its own."""
    done: dict[str, int] = {}
    now = runtime.now()
    with runtime.database.read() as session:
        numbers = session.exec(select(Notice.id).where(Notice.state == "issued")).all()
    for number in numbers:
        with runtime.database.write() as session:
            desk = Desk(session, runtime.settings, CITY, local_principal(now, "system"))
            notice = session.get(Notice, number)
            if notice is not None and notice.state == "issued":
                for name, count in _one(desk, notice).items():
                    done[name] = done.get(name, 0) + count
    return done


def _one(desk: Desk, notice: Notice) -> dict[str, int]:
    items = desk.items(notice)
    return {
        "expired": _expire(desk, notice, items),
        "withdrawn": _withdraw(desk, notice, items),
        "verified": _verify(desk, notice, items),
        "reminded": _remind(desk, notice, items),
        "proposed": _escalate(desk, notice, items),
    }


def reminder_due(calendar: Calendar, today: date, due: date, answer_days: int) -> int | None:
    """The step of REMIND that has been reached, None if none has or the deadline is here.

    A step that is no shorter than the whole time to answer would come with the letter itself.
    """
    left = calendar.between(today, due)
    if left <= 0 or not calendar.is_workday(today):
        return None
    reached = [step for step in REMIND if left <= step < answer_days]
    return min(reached) if reached else None


def _remind(desk: Desk, notice: Notice, items: Sequence[NoticeItem]) -> int:
    dates = {item.due for item in items if item.state in AWAITING_ANSWER and item.due}
    answer_days = desk.settings.notices.answer_days
    count = 0
    for due in sorted(dates):
        step = reminder_due(desk.calendar, desk.today, due, answer_days)
        left = desk.calendar.between(desk.today, due)
        # The outbox keeps one message a deadline and step: a second run writes nothing.
        if step is not None and messages.reminder(desk, notice, due, step, left):
            desk.write_down(notice, None, "remind", notice.state, notice.state, "", {"days": left})
            desk.audit("remind", notice, days=left)
            count += 1
    return count


def _expire(desk: Desk, notice: Notice, items: Sequence[NoticeItem]) -> int:
    count = 0
    for item in items:
        if item.state == "kept" and item.keep_until is not None and item.keep_until < desk.today:
            desk.move_item(notice, item, "expire", SYSTEM, until=str(item.keep_until))
            ask_again(desk, item)
            messages.decided(desk, notice, item, "expire", "")
            desk.audit("expire", notice, item=item.id)
            count += 1
    return count


def next_level(
    calendar: Calendar, settings: NoticesSettings, today: date, overdue_since: date,
    present: Sequence[Escalation],
) -> str | None:  # fmt: skip
    """talk after ``escalate_days`` working days, circular after as many again; each once, and the
    second only after the first was carried out or refused."""
    late = calendar.between(overdue_since, today)
    states = {each.level: each.state for each in present}
    if "talk" not in states:
        return "talk" if late >= settings.escalate_days else None
    ripe = states["talk"] in ("done", "refused") and late >= 2 * settings.escalate_days
    return "circular" if ripe and "circular" not in states else None


def _escalate(desk: Desk, notice: Notice, items: Sequence[NoticeItem]) -> int:
    if notice.kind == "claim":
        return 0
    late = [i for i in items if i.state in AWAITING_ANSWER and i.due and i.due < desk.today]
    if not late:
        return 0
    since = min(item.due for item in late if item.due)
    present = desk.session.exec(select(Escalation).where(Escalation.notice_id == notice.id)).all()
    level = next_level(desk.calendar, desk.settings.notices, desk.today, since, present)
    if level is None:
        return 0
    days = desk.calendar.between(since, desk.today)
    reason = f"{len(late)}项资源逾期{days}个工作日未反馈，建议{LEVELS[level]}"
    followup.propose(desk, notice, level, reason)
    return 1


def _withdraw(desk: Desk, notice: Notice, items: Sequence[NoticeItem]) -> int:
    back: list[NoticeItem] = []
    for item in items:
        if item.state in WITHDRAWABLE and (seen := in_use_again(desk.session, item)) is not None:
            desk.move_item(
                notice, item, "withdraw", SYSTEM, ["note"], "资源已恢复使用", as_of=seen.isoformat()
            )
            desk.audit("withdraw", notice, item=item.id)
            back.append(item)
    messages.withdrawn(desk, notice, back, "监测到资源已恢复使用。")
    return len(back)


def in_use_again(session: Session, item: NoticeItem) -> datetime | None:
    """The end of the window in which a newer scan by the same policy finds it in use."""
    newest = session.exec(
        select(IdleVerdict.cls, IdleScan.as_of)
        .join(IdleScan, col(IdleScan.id) == col(IdleVerdict.scan_id))
        .where(
            IdleVerdict.resource_id == item.resource_id,
            IdleScan.policy == item.policy,
            col(IdleScan.as_of) > item.as_of,
        )
        .order_by(col(IdleScan.as_of).desc(), col(IdleScan.id).desc())
        .limit(1)
    ).first()
    return newest[1] if newest is not None and newest[0] == "in_use" else None


def _verify(desk: Desk, notice: Notice, items: Sequence[NoticeItem]) -> int:
    count = 0
    for item in items:
        if item.state == "verifying":
            found, holding = look(desk, item)
            if found.ok:
                desk.move_item(notice, item, "verify", SYSTEM, note=found.why)
                enter(desk, notice, item, verify.gained(item, holding), found.why)
                desk.audit("verify", notice, item=item.id, why=found.why)
                count += 1
    return count


def look(desk: Desk, item: NoticeItem) -> tuple[verify.Finding, Holding | None]:
    """What register and agents say of it now, with the holding in force."""
    session = desk.session
    holding = session.exec(
        select(Holding).where(Holding.resource_id == item.resource_id, in_force(Holding, desk.now))
    ).first()
    if item.answer == "shrink":
        return verify.shrunk(item, holding), holding
    resource = session.get_one(Resource, item.resource_id)
    agents = session.exec(select(Agent).where(Agent.resource_id == item.resource_id)).all()
    done = item.done or desk.now
    found = verify.released(
        resource, holding, agents, done, desk.now, absent=_absent_from(session, item, done)
    )
    return found, None if found.ok else holding


def _absent_from(session: Session, item: NoticeItem, done: datetime) -> str:
    """The file of the newest export, confirmed since ``done``, that names the resource no more."""
    noticed = aliased(PlatformImport)
    # An open check says that no export of its source has named it since.
    newest = session.exec(
        select(PlatformImport.file_name)
        .join(noticed, col(noticed.source_id) == col(PlatformImport.source_id))
        .join(PendingCheck, col(PendingCheck.import_id) == col(noticed.id))
        .where(
            PendingCheck.resource_id == item.resource_id,
            PendingCheck.state == "open",
            PlatformImport.state == "confirmed",
            col(PlatformImport.confirmed) >= done,
        )
        .order_by(col(PlatformImport.confirmed).desc(), col(PlatformImport.id).desc())
        .limit(1)
    ).first()
    return newest or ""
