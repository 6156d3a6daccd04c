"""The board: notices as lines, counted, filtered, sorted and paged at the database, in a scope."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Float,
    Select,
    and_,
    case,
    cast,
    false,
    func,
    literal,
    or_,
    select,
    true,
)
from sqlmodel import col

from controller.inventory.tables import Unit
from controller.notices.desk import Desk
from controller.notices.lifecycle import AWAITING_ANSWER, ITEM_END, LETTER_END
from controller.notices.tables import Escalation, Notice, NoticeCall, NoticeItem
from controller.notices.views import (
    CallView,
    EscalationView,
    FollowRow,
    NoticePage,
    NoticeRow,
)

FILTERS = (
    "", "open", "overdue", "proposed", "draft", "reviewed", "signed", "issued", "closed",
    "cancelled",
)  # fmt: skip
"""A state, ``open`` (not at its end), ``overdue``, ``proposed`` (an escalation waits), "" all."""

SORTS = ("due", "code", "unit", "state", "issued", "items", "vcpu")
"""``due``: overdue first, then by the day that comes next; what is over stands last."""

_RANK = case(
    {"issued": 0, "signed": 1, "reviewed": 2, "draft": 3, "closed": 4},
    value=col(Notice.state),
    else_=9,
)

_ITEMS = (
    select(
        col(NoticeItem.notice_id).label("notice_id"),
        func.count().label("resources"),
        func.sum(case((col(NoticeItem.state).in_(ITEM_END), 0), else_=1)).label("open"),
        func.count(col(NoticeItem.confirmed)).label("answered"),
        func.sum(cast(col(NoticeItem.allocation)["vcpu"].as_string(), Float)).label("vcpu"),
        func.min(case((col(NoticeItem.state).in_(AWAITING_ANSWER), col(NoticeItem.due)))).label(
            "due"
        ),
    )
    .group_by(col(NoticeItem.notice_id))
    .subquery("items")
)

_PROPOSED = (
    select(col(Escalation.notice_id).label("notice_id"), func.count().label("proposed"))
    .where(col(Escalation.state) == "proposed")
    .group_by(col(Escalation.notice_id))
    .subquery("proposed")
)

_DUE = case((col(Notice.state) == "issued", _ITEMS.c.due))


def listing(
    desk: Desk, page: int, size: int, *, state: str = "", unit: str = "", text: str = "",
    sort: str = "due", descending: bool = False,
) -> NoticePage:  # fmt: skip
    """One page, overdue first. ``state``: one of FILTERS; ``unit`` a code; ``sort`` of SORTS."""
    total = counts(desk, unit=unit, text=text, states=(state,))[state]
    found = rows(
        desk, state=state, unit=unit, text=text, sort=sort, descending=descending, page=page,
        size=size,
    )  # fmt: skip
    return NoticePage(items=found, total=total, page=page, size=size)


def rows(
    desk: Desk, *, state: str = "", unit: str = "", text: str = "", sort: str = "due",
    descending: bool = False, page: int = 1, size: int | None = None,
) -> list[NoticeRow]:  # fmt: skip
    """Notices the reader may know of; ``size`` None is all of them."""
    statement = _filtered(desk, _lines(desk), unit, text).where(_is_in(desk, state))
    statement = statement.order_by(*_order(sort, descending=descending))
    if size is not None:
        statement = statement.limit(size).offset((page - 1) * size)
    return read(desk, statement)


def counts(
    desk: Desk, *, unit: str = "", text: str = "", states: Sequence[str] = FILTERS
) -> dict[str, int]:
    """Filter to how many notices the reader may know of are in it."""
    columns = [func.sum(case((_is_in(desk, each), 1), else_=0)) for each in states]
    statement = _filtered(desk, _lines(desk), unit, text).with_only_columns(*columns)
    found = desk.session.execute(statement).one()
    return {each: int(count or 0) for each, count in zip(states, found, strict=True)}


def row(desk: Desk, notice: Notice) -> NoticeRow:
    """One notice as a line of the board."""
    return read(desk, _lines(desk).where(col(Notice.id) == notice.id))[0]


def pressing(desk: Desk, page: int, size: int) -> tuple[list[FollowRow], int]:
    """催办清单: open notices that are overdue or whose escalation waits, and how many there are."""
    wanted = and_(_is_in(desk, "open"), or_(_is_in(desk, "overdue"), _is_in(desk, "proposed")))
    statement = _filtered(desk, _lines(desk), "", "").where(wanted)
    total = desk.session.scalar(
        statement.with_only_columns(func.count(), maintain_column_froms=True)
    )
    statement = statement.order_by(*_order("due", descending=False))
    found = read(desk, statement.limit(size).offset((page - 1) * size))
    ids = {
        code: number
        for number, code in desk.session.execute(
            select(col(Notice.id), col(Notice.code)).where(
                col(Notice.code).in_([each.code for each in found])
            )
        )
    }
    calls = _by_notice(desk, NoticeCall, ids.values())
    raised = _by_notice(desk, Escalation, ids.values())
    made = [
        FollowRow(
            notice=each,
            calls=[CallView.model_validate(c) for c in reversed(calls.get(ids[each.code], []))],
            escalations=[
                EscalationView.model_validate(e) for e in raised.get(ids[each.code], [])
                if e.state == "proposed"
            ],
        )
        for each in found
    ]  # fmt: skip
    return made, int(total or 0)


def _by_notice(desk: Desk, table: Any, numbers: Any) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for each in desk.session.scalars(
        select(table).where(table.notice_id.in_(list(numbers))).order_by(table.id)
    ):
        found.setdefault(each.notice_id, []).append(each)
    return found


def _lines(desk: Desk) -> Select[Any]:
    """Escalations are the office's own and no business of a unit's."""
    proposed: Any = func.coalesce(_PROPOSED.c.proposed, 0) if desk.scope.everything else literal(0)
    statement = (
        select(
            Notice, col(Unit.code), _ITEMS.c.resources, _ITEMS.c.open, _ITEMS.c.answered,
            _ITEMS.c.vcpu, _DUE, proposed,
        )
        .outerjoin(_ITEMS, _ITEMS.c.notice_id == col(Notice.id))
        .outerjoin(Unit, col(Unit.id) == col(Notice.unit_id))
    )  # fmt: skip
    if desk.scope.everything:
        statement = statement.outerjoin(_PROPOSED, _PROPOSED.c.notice_id == col(Notice.id))
    return statement


def _filtered(desk: Desk, statement: Select[Any], unit: str, text: str) -> Select[Any]:
    statement = desk.scope.limit(statement, col(Notice.unit_id))
    if not desk.scope.everything:
        statement = statement.where(col(Notice.issued).is_not(None))
    if unit:
        statement = statement.where(col(Unit.code) == unit)
    if text.strip():
        places = (Notice.code, Notice.number, Notice.addressee, Notice.title)
        statement = statement.where(
            or_(*(col(each).icontains(text.strip(), autoescape=True) for each in places))
        )
    return statement


def _is_in(desk: Desk, state: str) -> ColumnElement[bool]:
    if not state:
        return true()
    if state == "open":
        return col(Notice.state).not_in(LETTER_END)
    if state == "overdue":
        due = _DUE
        return and_(due.is_not(None), due < literal(desk.today))
    if state == "proposed":
        return _PROPOSED.c.proposed > 0 if desk.scope.everything else false()
    return col(Notice.state) == state


def _order(sort: str, *, descending: bool) -> list[Any]:
    """Without a value last, whichever the direction."""
    key: dict[str, Any] = {
        "due": _DUE, "code": col(Notice.code), "unit": col(Notice.addressee), "state": _RANK,
        "issued": col(Notice.issued), "items": _ITEMS.c.resources, "vcpu": _ITEMS.c.vcpu,
    }  # fmt: skip
    column = key[sort]
    first: list[Any] = [case((column.is_(None), 1), else_=0)]
    if sort == "due":
        first = [case((col(Notice.state).in_(LETTER_END), 1), else_=0), *first]
    return [*first, column.desc() if descending else column, col(Notice.code)]


def read(desk: Desk, statement: Select[Any]) -> list[NoticeRow]:
    made = []
    for notice, unit, items, still_open, answered, vcpu, due, proposed in desk.session.execute(
        statement
    ):
        made.append(
            NoticeRow(
                code=notice.code,
                kind=notice.kind,
                state=notice.state,
                unit_code=unit or "",
                unit_name=notice.addressee,
                title=notice.title,
                number=notice.number,
                drafted=notice.drafted,
                issued=notice.issued,
                read=notice.read,
                due=due,
                days_left=desk.shown_calendar.between(desk.today, due) if due else None,
                overdue=due is not None and due < desk.today,
                items=items or 0,
                open=int(still_open or 0),
                answered=answered or 0,
                vcpu=float(vcpu or 0),
                demo=notice.demo,
                proposed=proposed,
            )
        )
    return made
