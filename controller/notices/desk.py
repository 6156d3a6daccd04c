"""What every act on a notice needs, and how one is written down: transition, event, audit row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from controller.access import audit
from controller.access.principal import Principal
from controller.access.scope import Scope
from controller.notices import lifecycle
from controller.notices.lifecycle import ITEM, ITEM_END, LETTER, Refused
from controller.notices.tables import Notice, NoticeEvent, NoticeItem
from controller.notices.workdays import Calendar, CalendarError, read_calendar
from controller.problems import NotFound, Problem
from controller.settings import Settings

CALENDAR_WRONG = "calendar file is wrong"


@dataclass(frozen=True)
class Desk:
    """One person (or the system) at work on notices inside one transaction."""

    session: Session
    settings: Settings
    scope: Scope
    principal: Principal

    @property
    def now(self) -> datetime:
        return self.principal.at

    @property
    def today(self) -> date:
        """The day in the controller's zone."""
        return self.local_day(self.now)

    def local_day(self, at: datetime) -> date:
        """The day of a moment in the controller's zone."""
        return at.astimezone(ZoneInfo(self.settings.timezone)).date()

    @cached_property
    def _calendar(self) -> Calendar | CalendarError:
        try:
            return read_calendar(self.settings.notices.calendar_file)
        except CalendarError as error:
            return error

    @property
    def calendar(self) -> Calendar:
        """For what sets a deadline. Raises Problem 500 where the override file is wrong."""
        if isinstance(self._calendar, CalendarError):
            raise Problem(500, CALENDAR_WRONG, str(self._calendar))
        return self._calendar

    @property
    def shown_calendar(self) -> Calendar:
        """For what only tells of a deadline: a wrong override file must not hide the notices."""
        return Calendar() if isinstance(self._calendar, CalendarError) else self._calendar

    @property
    def calendar_error(self) -> str:
        """What is wrong with the override file, "" if nothing."""
        return str(self._calendar) if isinstance(self._calendar, CalendarError) else ""

    def find(self, code: str) -> Notice:
        """The notice of this code; a unit sees it once it is issued. Raises NotFound."""
        found = self.session.exec(select(Notice).where(Notice.code == code)).first()
        if found is None or not visible(self.scope, found):
            raise NotFound("notice", code)
        return found

    def item(self, notice: Notice, item_id: int) -> NoticeItem:
        """Raises NotFound."""
        found = self.session.get(NoticeItem, item_id)
        if found is None or found.notice_id != notice.id:
            raise NotFound("item", str(item_id))
        return found

    def items(self, notice: Notice) -> list[NoticeItem]:
        return list(
            self.session.exec(
                select(NoticeItem)
                .where(NoticeItem.notice_id == notice.id)
                .order_by(col(NoticeItem.id))
            )
        )

    def move_letter(
        self, notice: Notice, act: str, party: str, given: Iterable[str] = (), note: str = "",
        **detail: Any,
    ) -> None:  # fmt: skip
        """One step of the letter. Raises Problem 409, 422."""
        self._still(Notice, notice)
        found = _step(LETTER, act, notice.state, party, given)
        self.write_down(notice, None, act, notice.state, found.target, note, detail)
        notice.state = found.target
        self.session.add(notice)

    def move_item(
        self, notice: Notice, item: NoticeItem, act: str, party: str, given: Iterable[str] = (),
        note: str = "", **detail: Any,
    ) -> None:  # fmt: skip
        """One step of a resource; the letter is finished with its last. Raises Problem 409, 422."""
        # The letter first: two that each end one of its last two resources come here in turn.
        self.session.scalar(select(Notice.id).where(Notice.id == notice.id).with_for_update())
        self._still(NoticeItem, item)
        found = _step(ITEM, act, item.state, party, given)
        self.write_down(notice, item, act, item.state, found.target, note, detail)
        item.state = found.target
        if item.state in ITEM_END:
            item.closed = self.now
        self.session.add(item)
        if notice.state == "issued" and self._all_ended(notice):
            self.move_letter(notice, "finish", lifecycle.SYSTEM)
            notice.closed = self.now

    def _all_ended(self, notice: Notice) -> bool:
        """By what the database holds now: the rows in hand are as they were first read, and are
        left so, for ``_still`` to tell what changed since."""
        states = self.session.exec(
            select(NoticeItem.state).where(NoticeItem.notice_id == notice.id)
        )
        return all(state in ITEM_END for state in states)

    def _still(self, table: type[Notice] | type[NoticeItem], row: Notice | NoticeItem) -> None:
        """Two people at one time: the second waits here for the first, and is refused where that
        one changed it. Raises Problem 409."""
        if row.id is None:
            return
        fresh = self.session.scalar(select(table.state).where(table.id == row.id).with_for_update())
        if fresh != row.state:
            raise Problem(409, "not possible now", f"it has just become {fresh}: look again")

    def write_down(
        self, notice: Notice, item: NoticeItem | None, act: str, before: str, after: str,
        note: str = "", detail: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """A line of the history: who, when, what, why."""
        self.session.add(
            NoticeEvent(
                notice_id=id_of(notice),
                item_id=item.id if item else None,
                at=self.now,
                by=self.principal.name,
                act=act,
                before=before,
                after=after,
                note=note[:2000],
                detail=detail or {},
            )
        )
        self.session.flush()

    def audit(self, act: str, notice: Notice, **detail: Any) -> None:
        """The one audit row of an act."""
        audit.record(
            self.session, self.principal, f"notice.{act}", f"notice {notice.code}", detail=detail
        )


def id_of(row: Notice | NoticeItem) -> int:
    """The id of a stored row. Raises ValueError for one that is not."""
    if row.id is None:
        raise ValueError(f"{row!r} has not been stored yet")
    return row.id


def visible(scope: Scope, notice: Notice) -> bool:
    """Whether the reader may know of it: a unit not before it is issued."""
    if scope.everything:
        return True
    return scope.allows(notice.unit_id) and notice.issued is not None


def _step(
    machine: tuple[lifecycle.Step, ...], act: str, state: str, party: str, given: Iterable[str]
) -> lifecycle.Step:
    try:
        found = lifecycle.step(machine, act, state, party)
    except Refused as error:
        raise Problem(409, "not possible now", str(error)) from None
    if lacking := lifecycle.missing(found, given):
        raise Problem(422, "incomplete", f"{act} needs {', '.join(lacking)}")
    return found
