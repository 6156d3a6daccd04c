"""Reading one notice, orders, deliveries and the ledger. Always within a scope."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Select, and_, case, func, select
from sqlmodel import col

from controller.inventory.resources import unit_names
from controller.inventory.tables import Resource
from controller.notices import board
from controller.notices.desk import Desk
from controller.notices.lifecycle import AWAITING_ANSWER
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
    OrderPage,
    OrderView,
    RecoveryView,
)
from controller.problems import NotFound

OFFICE_ACTS = frozenset(
    {"draft", "edit", "review", "return", "sign", "drop", "call", "propose", "send_again"}
)
"""Acts of the history that are the office's own and no business of the unit's."""


WAITING = and_(col(NoticeOrder.done).is_(None), col(NoticeOrder.withdrawn).is_(None))
"""Orders whose receipt is waited for."""


def detail(desk: Desk, code: str) -> NoticeDetail:
    """One notice with everything that belongs to it. Raises NotFound."""
    notice = desk.find(code)
    office = desk.scope.everything
    items = desk.items(notice)
    resources = _resources(desk, {item.resource_id for item in items})
    row = board.row(desk, notice)
    names = {item.id: resources[item.resource_id].code for item in items}
    first = notice.issued or notice.drafted
    last = notice.due or desk.shown_calendar.after(desk.today, desk.settings.notices.answer_days)
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
        unknown_years=desk.shown_calendar.unknown_years(desk.local_day(first), last),
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
        orders=[
            _order(each, notice, resources[item.resource_id])
            for each, item in desk.session.execute(
                select(NoticeOrder, NoticeItem)
                .join(NoticeItem, col(NoticeItem.id) == col(NoticeOrder.item_id))
                .where(col(NoticeItem.notice_id) == notice.id)
                .order_by(col(NoticeOrder.id))
            )
        ],
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
        desk.session.scalars(select(table).where(table.notice_id == notice.id).order_by(table.id))
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
    """Orders to the provider, those without a receipt first, of both the newest."""
    statement = _visible_orders(desk)
    if waiting:
        statement = statement.where(WAITING)
    total = desk.session.scalar(
        statement.with_only_columns(func.count(), maintain_column_froms=True)
    )
    pending = case((WAITING, 0), else_=1)
    statement = statement.order_by(pending, col(NoticeOrder.id).desc())
    found = desk.session.execute(statement.limit(size).offset((page - 1) * size)).all()
    return OrderPage(
        items=[_order(*each) for each in found], total=int(total or 0), page=page, size=size
    )


def order(desk: Desk, order_id: int) -> OrderView:
    """Raises NotFound."""
    found = desk.session.execute(
        _visible_orders(desk).where(col(NoticeOrder.id) == order_id)
    ).first()
    if found is None:
        raise NotFound("order", str(order_id))
    return _order(*found)


def _visible_orders(desk: Desk) -> Select[Any]:
    statement: Any = (
        select(NoticeOrder, Notice, Resource)
        .join(NoticeItem, col(NoticeItem.id) == col(NoticeOrder.item_id))
        .join(Notice, col(Notice.id) == col(NoticeItem.notice_id))
        .join(Resource, col(Resource.id) == col(NoticeItem.resource_id))
    )
    if not desk.scope.everything:
        statement = statement.where(col(Notice.issued).is_not(None))
    limited: Select[Any] = desk.scope.limit(statement, col(Notice.unit_id))
    return limited


def _order(order: NoticeOrder, notice: Notice, resource: Resource) -> OrderView:
    return OrderView(
        **order.model_dump(exclude={"item_id"}),
        notice_code=notice.code,
        unit_name=notice.addressee,
        resource_code=resource.code,
        resource_name=resource.name,
    )


def deliveries(
    desk: Desk, page: int, size: int, *, state: str = "", channel: str = ""
) -> DeliveryPage:
    """The outbox, newest first; ``state`` waiting, sent, dead or "" for all."""
    statement = desk.scope.limit(select(Delivery), col(Delivery.unit_id))
    if state:
        statement = statement.where(col(Delivery.state) == state)
    if channel:
        statement = statement.where(col(Delivery.channel) == channel)
    total = desk.session.scalar(statement.with_only_columns(func.count(col(Delivery.id))))
    chosen = desk.session.scalars(
        statement.order_by(col(Delivery.id).desc()).limit(size).offset((page - 1) * size)
    ).all()
    return DeliveryPage(
        items=delivery_views(desk, chosen), total=int(total or 0), page=page, size=size
    )


def delivery_views(desk: Desk, found: Sequence[Delivery]) -> list[DeliveryView]:
    """Rows of the outbox as they are shown."""
    codes: dict[int, str] = {}
    for chunk in _chunks({each.notice_id or 0 for each in found}):
        codes |= {
            number or 0: code
            for number, code in desk.session.execute(
                select(col(Notice.id), col(Notice.code)).where(col(Notice.id).in_(chunk))
            )
        }
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
    statement = desk.scope.limit(
        select(Recovery, Resource, col(Notice.code))
        .join(Resource, col(Resource.id) == col(Recovery.resource_id))
        .join(NoticeItem, col(NoticeItem.id) == col(Recovery.item_id))
        .join(Notice, col(Notice.id) == col(NoticeItem.notice_id)),
        col(Recovery.unit_id),
    )
    chosen = desk.session.execute(
        statement.order_by(col(Recovery.id).desc()).limit(size).offset((page - 1) * size)
    ).all()
    total, vcpu, mem, disk, cost = desk.session.execute(
        desk.scope.limit(
            select(
                func.count(), func.sum(Recovery.vcpu), func.sum(Recovery.mem_bytes),
                func.sum(Recovery.disk_bytes), func.sum(Recovery.cost_month),
            ),
            col(Recovery.unit_id),
        )
    ).one()  # fmt: skip
    names = unit_names(
        desk.session, {each.unit_id for each, *_ in chosen if each.unit_id}, desk.now
    )
    return Ledger(
        items=[
            RecoveryView(
                **each.model_dump(exclude={"id", "item_id", "unit_id", "resource_id"}),
                notice_code=code,
                unit_name=names.get(each.unit_id or 0, ""),
                resource_code=resource.code,
                resource_name=resource.name,
            )
            for each, resource, code in chosen
        ],
        total=total,
        page=page,
        size=size,
        vcpu=vcpu or 0.0,
        mem_bytes=mem or 0.0,
        disk_bytes=disk or 0.0,
        cost_month=None if cost is None else round(cost, 2),
    )


def waiting_for(desk: Desk, role: str) -> int:
    """What waits for this person: the badge in the side bar. Counted, not listed."""
    session = desk.session
    if role == "provider":
        open_orders = select(func.count()).select_from(NoticeOrder)
        return int(session.execute(open_orders.where(WAITING)).scalar_one())
    asked = (
        select(func.count(func.distinct(Notice.id)))
        .join(NoticeItem, col(NoticeItem.notice_id) == col(Notice.id))
        .where(col(Notice.state) == "issued", col(NoticeItem.state).in_(AWAITING_ANSWER))
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
        for resource in desk.session.scalars(select(Resource).where(col(Resource.id).in_(chunk))):
            found[resource.id or 0] = resource
    return found


def _chunks(numbers: Iterable[int], size: int = 500) -> Iterable[list[int]]:
    every = sorted(numbers)
    return (every[start : start + size] for start in range(0, len(every), size))
