"""Orders to the cloud provider and their receipts: stop and observe, snapshot and recover, shrink.

Deletion is ordered only after the observation is over, and its receipt names the snapshot.
"""

from __future__ import annotations

from typing import Any

from sqlmodel import col, select

from controller.notices import messages
from controller.notices.desk import Desk, id_of
from controller.notices.lifecycle import OFFICE, PROVIDER
from controller.notices.tables import Notice, NoticeItem, NoticeOrder
from controller.problems import NotFound, Problem

GIB = float(1 << 30)
RECEIPT_ACT = {"stop": "stopped", "recover": "recovered", "shrink": "shrunk"}
START = "start"
"""To start again what was stopped; its receipt moves nothing."""


def order(desk: Desk, code: str, item_id: int, kind: str) -> NoticeOrder:
    """Raises Problem 404, 409 (deletion before the observation is over), 422."""
    if kind not in RECEIPT_ACT:
        raise Problem(422, "unknown order", f"{kind!r}: one of {', '.join(RECEIPT_ACT)}")
    notice = desk.find(code)
    item = desk.item(notice, item_id)
    watched = item.observe_until is not None and desk.today <= item.observe_until
    if kind == "recover" and item.state == "observing" and watched:
        raise Problem(
            409, "still observed", f"it is observed until {item.observe_until}: wait for that day"
        )
    desk.move_item(notice, item, f"order_{kind}", OFFICE)
    made = NoticeOrder(
        item_id=id_of(item), kind=kind, detail=_detail(item, kind), ordered=desk.now,
        ordered_by=desk.principal.name,
    )  # fmt: skip
    desk.session.add(made)
    desk.session.flush()
    messages.ordered(desk, notice, item, made)
    desk.audit("order", notice, item=item_id, order=kind)
    return made


def call_back(desk: Desk, notice: Notice, item: NoticeItem, note: str) -> None:
    """The resource is to be used again: its open orders are withdrawn, and the provider is told to
    start it, for nobody knows whether a stop without a receipt was carried out. Before the step
    that needs it; the ``note`` is checked there."""
    if item.state not in ("stop_ordered", "observing"):
        return
    for each in orders_of(desk, [item]):
        if each.done is None and each.withdrawn is None:
            each.withdrawn = desk.now
            desk.session.add(each)
    made = NoticeOrder(
        item_id=id_of(item), kind=START, detail={"原因": note.strip()[:200]}, ordered=desk.now,
        ordered_by=desk.principal.name,
    )  # fmt: skip
    desk.session.add(made)
    desk.session.flush()
    messages.ordered(desk, notice, item, made)


def receipt(desk: Desk, order_id: int, note: str = "", snapshot: str = "") -> NoticeOrder:
    """By the provider: it was carried out. Raises Problem 404, 409, 422."""
    found = desk.session.get(NoticeOrder, order_id)
    if found is None:
        raise NotFound("order", str(order_id))
    item = desk.session.get_one(NoticeItem, found.item_id)
    notice = desk.session.get_one(Notice, item.notice_id)
    if found.done is not None:
        raise Problem(409, "not possible now", f"the receipt was given at {found.done}")
    if found.withdrawn is not None:
        raise Problem(409, "order withdrawn", f"it was withdrawn at {found.withdrawn}")
    snapshot = snapshot.strip()[:200]
    if found.kind == START:
        desk.write_down(notice, item, "started", item.state, item.state, note)
    else:
        desk.move_item(
            notice, item, RECEIPT_ACT[found.kind], PROVIDER, ["snapshot"] if snapshot else [],
            note, snapshot=snapshot,
        )  # fmt: skip
    found.done, found.done_by = desk.now, desk.principal.name
    found.note, found.snapshot = note[:2000], snapshot
    if found.kind == "stop":
        days = desk.settings.notices.observe_days
        item.observe_until = desk.calendar.after(desk.today, days)
    elif found.kind != START:
        item.done = desk.now
    desk.session.add_all([found, item])
    desk.audit("receipt", notice, order=order_id, kind=found.kind, snapshot=snapshot)
    return found


def orders_of(desk: Desk, items: list[NoticeItem]) -> list[NoticeOrder]:
    """Oldest first."""
    return list(
        desk.session.exec(
            select(NoticeOrder)
            .where(col(NoticeOrder.item_id).in_([item.id for item in items]))
            .order_by(col(NoticeOrder.id))
        )
    )


def _detail(item: NoticeItem, kind: str) -> dict[str, Any]:
    """What the order says besides its kind, in the words of the letter."""
    if kind != "shrink":
        return {"要求": "删除前保留快照"} if kind == "recover" else {}
    advice, detail = item.recommendation, {}
    if advice.get("new_vcpu"):
        detail["CPU核数"] = f"{advice['new_vcpu']:g}"
    if advice.get("new_mem_bytes"):
        detail["内存GB"] = f"{advice['new_mem_bytes'] / GIB:g}"
    return detail
