"""Reading notices: lists, one notice, orders, deliveries, the ledger. Always within a scope."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any

from sqlmodel import col, func, select

from controller.inventory.resources import unit_names
from controller.inventory.tables import Resource, Unit
from controller.notices.desk import Desk, visible
from controller.notices.lifecycle import AWAITING_ANSWER, ITEM_END, LETTER_END
from controller.notices.tables import (
    Delivery,
    Escalation,
    Notice,
    NoticeCall,
    NoticeEvent,
    NoticeFile,
    NoticeItem,
    NoticeOrder,
    Recovery,
)
from controller.notices.views import (
    CallView,
    DeliveryPage,
    DeliveryView,
    EscalationView,
    EventView,
    FileView,
    ItemView,
    Ledger,
    NoticeDetail,
    NoticePage,
    NoticeRow,
    OrderPage,
    OrderView,
    RecoveryView,
)
from controller.problems import NotFound

OFFICE_ACTS = frozenset(
    {"draft", "edit", "review", "return", "sign", "drop", "call", "propose", "send_again"}
)
"""Acts of the history that are the office's own and no business of the unit's."""

ORDER_OF_STATES = {"issued": 0, "signed": 1, "reviewed": 2, "draft": 3, "closed": 4}

SORTS: dict[str, Callable[[NoticeRow], Any]] = {
    # Overdue first, then by the day that comes next; what is over stands last.
    "due": lambda row: (row.state in LETTER_END, row.due or date.max, row.code),
    "code": lambda row: row.code,
    "unit": lambda row: row.unit_name,
    "state": lambda row: (ORDER_OF_STATES.get(row.state, 9), row.code),
    "issued": lambda row: row.issued.timestamp() if row.issued else None,
    "items": lambda row: row.items,
    "vcpu": lambda row: row.vcpu,
}


def rows(desk: Desk, *, state: str = "", unit: str = "", text: str = "") -> list[NoticeRow]:
    """Notices the reader may know of, overdue first. ``state``: a state, ``open`` (not at its
    end), ``overdue``, ``proposed`` (an escalation waits), or "" for all; ``unit`` is a code."""
    statement = desk.scope.limit(select(Notice), Notice.unit_id).order_by(col(Notice.id).desc())
    if not desk.scope.everything:
        statement = statement.where(col(Notice.issued).is_not(None))
    found = list(desk.session.exec(statement))  # type: ignore[call-overload]
    made = _rows(desk, found)
    wanted = text.strip().casefold()
    kept = [
        row for row in made
        if is_in(row, state)
        and unit in ("", row.unit_code)
        and wanted in f"{row.code} {row.number} {row.unit_name} {row.title}".casefold()
    ]  # fmt: skip
    return sorted(kept, key=SORTS["due"])


def listing(
    desk: Desk, page: int, size: int, *, state: str = "", unit: str = "", text: str = ""
) -> NoticePage:
    """One page of ``rows``."""
    found = rows(desk, state=state, unit=unit, text=text)
    chosen = found[(page - 1) * size : page * size]
    return NoticePage(items=chosen, total=len(found), page=page, size=size)


def is_in(row: NoticeRow, state: str) -> bool:
    """Whether the row belongs to a state or to open, overdue, proposed; "" is all."""
    if state == "open":
        return row.state not in LETTER_END
    if state == "overdue":
        return row.overdue
    if state == "proposed":
        return row.proposed > 0
    return state in ("", row.state)


def _rows(desk: Desk, notices: Sequence[Notice]) -> list[NoticeRow]:
    items: dict[int, list[NoticeItem]] = {notice.id or 0: [] for notice in notices}
    for chunk in _chunks(items):
        for item in desk.session.exec(
            select(NoticeItem).where(col(NoticeItem.notice_id).in_(chunk))
        ):
            items[item.notice_id].append(item)
    proposed: dict[int, int] = {}
    if desk.scope.everything:
        for number in desk.session.exec(
            select(Escalation.notice_id).where(Escalation.state == "proposed")
        ):
            proposed[number] = proposed.get(number, 0) + 1
    codes = _unit_codes(desk, {notice.unit_id for notice in notices})
    return [
        _row(desk, notice, items[notice.id or 0], codes, proposed.get(notice.id or 0, 0))
        for notice in notices
    ]


def _row(
    desk: Desk, notice: Notice, items: Sequence[NoticeItem], codes: dict[int, str], proposed: int
) -> NoticeRow:
    dues = [item.due for item in items if item.due and item.state in AWAITING_ANSWER]
    due = min(dues) if dues and notice.state == "issued" else None
    return NoticeRow(
        code=notice.code,
        kind=notice.kind,
        state=notice.state,
        unit_code=codes.get(notice.unit_id or 0, ""),
        unit_name=notice.addressee,
        title=notice.title,
        number=notice.number,
        drafted=notice.drafted,
        issued=notice.issued,
        read=notice.read,
        due=due,
        days_left=desk.calendar.between(desk.today, due) if due else None,
        items=len(items),
        open=sum(item.state not in ITEM_END for item in items),
        answered=sum(item.confirmed is not None for item in items),
        vcpu=sum(float(item.allocation.get("vcpu") or 0) for item in items),
        demo=notice.demo,
        proposed=proposed,
    )


def detail(desk: Desk, code: str) -> NoticeDetail:
    """One notice with everything that belongs to it. Raises NotFound."""
    notice = desk.find(code)
    office = desk.scope.everything
    items = desk.items(notice)
    resources = _resources(desk, {item.resource_id for item in items})
    row = _rows(desk, [notice])[0]
    names = {item.id: resources[item.resource_id].code for item in items}
    first = notice.issued or notice.drafted
    last = notice.due or desk.calendar.after(desk.today, desk.settings.notices.answer_days)
    return NoticeDetail(
        **dict(row),
        addressee=notice.addressee,
        body=notice.body,
        signature=notice.signature,
        dated=notice.dated,
        drafted_by=notice.drafted_by if office else "",
        reviewed_by=notice.reviewed_by if office else "",
        signed_by=notice.signed_by if office else "",
        read_by=notice.read_by,
        closed=notice.closed,
        first_due=notice.due,
        unknown_years=desk.calendar.unknown_years(desk.local_day(first), last),
        resources=[_item(item, resources[item.resource_id]) for item in items],
        events=[
            EventView(**event.model_dump(), resource_code=names.get(event.item_id, ""))
            for event in _of(desk, NoticeEvent, notice)
            if office or not (event.act in OFFICE_ACTS or event.act.startswith("escalation_"))
        ],
        files=[
            FileView.model_validate(each)
            for each in _of(desk, NoticeFile, notice)
        ],
        orders=_orders(desk, {item.id or 0: (item, notice) for item in items}, resources),
        calls=[CallView.model_validate(each) for each in _of(desk, NoticeCall, notice) if office],
        escalations=[
            EscalationView.model_validate(each)
            for each in _of(desk, Escalation, notice)
            if office
        ],
        deliveries=delivery_views(desk, _of(desk, Delivery, notice)) if office else [],
    )  # fmt: skip


def _of(desk: Desk, table: Any, notice: Notice) -> list[Any]:
    return list(
        desk.session.exec(select(table).where(table.notice_id == notice.id).order_by(table.id))
    )


def _item(item: NoticeItem, resource: Resource) -> ItemView:
    held = item.allocation
    return ItemView(
        **item.model_dump(exclude={"allocation", "notice_id", "scan_id", "closed"}),
        resource_code=resource.code,
        resource_name=resource.name,
        system=held.get("system") or "",
        vcpu=held.get("vcpu"),
        mem_bytes=held.get("mem_bytes"),
        disk_bytes=held.get("disk_bytes"),
    )


def file(desk: Desk, code: str, file_id: int) -> NoticeFile:
    """A scan or receipt with its content. Raises NotFound."""
    notice = desk.find(code)
    found = desk.session.get(NoticeFile, file_id)
    if found is None or found.notice_id != notice.id:
        raise NotFound("file", str(file_id))
    return found


def orders(desk: Desk, page: int, size: int, *, waiting: bool = False) -> OrderPage:
    """Orders to the provider, those without a receipt first."""
    pairs = desk.session.exec(
        desk.scope.limit(
            select(NoticeItem, Notice).join(Notice, col(Notice.id) == col(NoticeItem.notice_id)),
            Notice.unit_id,
        )  # type: ignore[call-overload]
    ).all()
    items = {item.id: (item, notice) for item, notice in pairs if visible(desk.scope, notice)}
    resources = _resources(desk, {item.resource_id for item, _ in items.values()})
    found = _orders(desk, items, resources)
    if waiting:
        found = [each for each in found if each.done is None]
    found.sort(key=lambda each: (each.done is not None, -each.id))
    chosen = found[(page - 1) * size : page * size]
    return OrderPage(items=chosen, total=len(found), page=page, size=size)


def _orders(
    desk: Desk, items: dict[int, tuple[NoticeItem, Notice]], resources: dict[int, Resource]
) -> list[OrderView]:
    made: list[OrderView] = []
    for chunk in _chunks(items):
        for order in desk.session.exec(
            select(NoticeOrder)
            .where(col(NoticeOrder.item_id).in_(chunk))
            .order_by(col(NoticeOrder.id))
        ):
            item, notice = items[order.item_id]
            resource = resources[item.resource_id]
            made.append(
                OrderView(
                    **order.model_dump(exclude={"item_id"}),
                    notice_code=notice.code,
                    unit_name=notice.addressee,
                    resource_code=resource.code,
                    resource_name=resource.name,
                )
            )
    return made


def deliveries(
    desk: Desk, page: int, size: int, *, state: str = "", channel: str = ""
) -> DeliveryPage:
    """The outbox, newest first; ``state`` waiting, sent, dead or "" for all."""
    statement = desk.scope.limit(select(Delivery), Delivery.unit_id)
    if state:
        statement = statement.where(col(Delivery.state) == state)
    if channel:
        statement = statement.where(col(Delivery.channel) == channel)
    everything = list(desk.session.exec(statement.order_by(col(Delivery.id).desc())))  # type: ignore[call-overload]
    chosen = everything[(page - 1) * size : page * size]
    return DeliveryPage(
        items=delivery_views(desk, chosen), total=len(everything), page=page, size=size
    )


def delivery_views(desk: Desk, found: Sequence[Delivery]) -> list[DeliveryView]:
    """Rows of the outbox as they are shown."""
    codes: dict[int, str] = {}
    for chunk in _chunks({each.notice_id or 0 for each in found}):
        codes |= dict(
            desk.session.exec(select(Notice.id, Notice.code).where(col(Notice.id).in_(chunk))).all()  # type: ignore[arg-type]
        )
    names = unit_names(desk.session, {each.unit_id for each in found if each.unit_id}, desk.now)
    return [
        DeliveryView(
            **each.model_dump(exclude={"body", "key", "message_id", "claimed_until"}),
            notice_code=codes.get(each.notice_id or 0, ""),
            unit_name=names.get(each.unit_id or 0, ""),
        )
        for each in found
    ]


def ledger(desk: Desk, page: int, size: int) -> Ledger:
    """回收成效台账, newest first, with the sums of everything the reader may see."""
    statement = desk.scope.limit(select(Recovery), Recovery.unit_id)
    found = list(desk.session.exec(statement.order_by(col(Recovery.id).desc())))  # type: ignore[call-overload]
    chosen: list[Recovery] = found[(page - 1) * size : page * size]
    resources = _resources(desk, {each.resource_id for each in chosen})
    names = unit_names(desk.session, {each.unit_id for each in chosen if each.unit_id}, desk.now)
    items = {
        item: (code)
        for chunk in _chunks({each.item_id for each in chosen})
        for item, code in desk.session.exec(
            select(NoticeItem.id, Notice.code)
            .join(Notice, col(Notice.id) == col(NoticeItem.notice_id))
            .where(col(NoticeItem.id).in_(chunk))
        )
    }
    costs = [each.cost_month for each in found if each.cost_month is not None]
    return Ledger(
        items=[
            RecoveryView(
                **each.model_dump(exclude={"id", "item_id", "unit_id", "resource_id"}),
                notice_code=items.get(each.item_id, ""),
                unit_name=names.get(each.unit_id or 0, ""),
                resource_code=resources[each.resource_id].code,
                resource_name=resources[each.resource_id].name,
            )
            for each in chosen
        ],
        total=len(found),
        page=page,
        size=size,
        vcpu=sum(each.vcpu for each in found),
        mem_bytes=sum(each.mem_bytes for each in found),
        disk_bytes=sum(each.disk_bytes for each in found),
        cost_month=round(sum(costs), 2) if costs else None,
    )


def waiting_for(desk: Desk, role: str) -> int:
    """What waits for this person: the badge in the side bar. Counted, not listed."""
    session = desk.session
    if role == "provider":
        open_orders = select(func.count()).select_from(NoticeOrder)
        return session.exec(open_orders.where(col(NoticeOrder.done).is_(None))).one()
    asked = (
        select(func.count(func.distinct(Notice.id)))
        .join(NoticeItem, col(NoticeItem.notice_id) == col(Notice.id))
        .where(Notice.state == "issued", col(NoticeItem.state).in_(AWAITING_ANSWER))
    )
    if role == "unit":
        limited: Any = desk.scope.limit(asked, Notice.unit_id)
        return int(session.execute(limited).scalar_one())
    if role != "ops":
        return 0
    drafts = select(func.count()).where(col(Notice.state).in_(("draft", "reviewed", "signed")))
    proposed = select(func.count()).where(col(Escalation.state) == "proposed")
    late = asked.where(col(NoticeItem.due) < desk.today)
    return sum(int(session.execute(each).scalar_one()) for each in (drafts, proposed, late))


def _resources(desk: Desk, numbers: Iterable[int]) -> dict[int, Resource]:
    found: dict[int, Resource] = {}
    for chunk in _chunks(numbers):
        for resource in desk.session.exec(select(Resource).where(col(Resource.id).in_(chunk))):
            found[resource.id or 0] = resource
    return found


def _unit_codes(desk: Desk, numbers: Iterable[int | None]) -> dict[int, str]:
    found: dict[int, str] = {}
    for chunk in _chunks(number for number in numbers if number is not None):
        for number, code in desk.session.exec(
            select(Unit.id, Unit.code).where(col(Unit.id).in_(chunk))
        ):
            found[number or 0] = code
    return found


def _chunks(numbers: Iterable[int], size: int = 500) -> Iterable[list[int]]:
    every = sorted(numbers)
    return (every[start : start + size] for start in range(0, len(every), size))
