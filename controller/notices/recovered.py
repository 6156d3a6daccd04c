"""回收成效台账: what came back, once verified."""

from __future__ import annotations

from collections.abc import Mapping

from controller.notices.desk import Desk, id_of
from controller.notices.tables import Notice, NoticeItem, Recovery
from controller.settings import NoticesSettings

GIB = float(1 << 30)


def enter(
    desk: Desk, notice: Notice, item: NoticeItem, back: Mapping[str, float], evidence: str
) -> Recovery:
    """One row; ``back`` is {vcpu, mem_bytes, disk_bytes}."""
    made = Recovery(
        item_id=id_of(item),
        unit_id=notice.unit_id,
        resource_id=item.resource_id,
        at=desk.now,
        how="shrunk" if item.answer == "shrink" else "released",
        vcpu=back["vcpu"],
        mem_bytes=back["mem_bytes"],
        disk_bytes=back["disk_bytes"],
        cost_month=cost(desk.settings.notices, back),
        evidence=evidence[:500],
    )
    desk.session.add(made)
    desk.session.flush()
    return made


def expected(item: NoticeItem) -> dict[str, float]:
    """What should have come back: everything, or what the recommendation of a shrink frees."""
    had = {n: float(item.allocation.get(n) or 0.0) for n in ("vcpu", "mem_bytes", "disk_bytes")}
    if item.answer != "shrink":
        return had
    advice = item.recommendation
    return {name: float(advice.get(f"{name}_freed") or 0.0) for name in ("vcpu", "mem_bytes")} | {
        "disk_bytes": float(advice.get("disk_bytes_freed") or 0.0)
    }


def cost(settings: NoticesSettings, back: Mapping[str, float]) -> float | None:
    """Yuan a month, None where no price is set."""
    prices = (
        settings.price_vcpu_month, settings.price_mem_gib_month, settings.price_disk_gib_month,
    )  # fmt: skip
    if not any(prices):
        return None
    amounts = (back["vcpu"], back["mem_bytes"] / GIB, back["disk_bytes"] / GIB)
    return round(sum(p * a for p, a in zip(prices, amounts, strict=True)), 2)
