"""What stands in a letter, whatever its form. The form follows GB/T 9704 as far as an OA leaves it
to us: title, number, addressee, body, note of the attachment, signature, date, attachment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controller.notices.model import CLASSES
from controller.notices.views import ItemView, NoticeDetail
from controller.notices.wording import amount, official_date

GIB = float(1 << 30)
UNNUMBERED = "（未编号）"
UNDATED = "　　　　年　　月　　日"

HEADS = ("序号", "资源", "业务系统", "配置", "研判结果与依据", "建议")

ADVICE = {
    "release": "释放",
    "stop": "关机",
    "shrink": "缩减配置",
    "schedule": "按需启停",
    "enlarge": "扩容",
}


@dataclass(frozen=True)
class Letter:
    """Text only, ready to set. ``rows`` belong under HEADS."""

    title: str
    number: str
    addressee: str
    paragraphs: tuple[str, ...]
    attachment: str
    signature: str
    dated: str
    rows: tuple[tuple[str, ...], ...]


def letter_of(notice: NoticeDetail) -> Letter:
    """The letter of a notice; a draft has no number and no date yet."""
    shown = [item for item in notice.resources if item.state != "dropped"]
    return Letter(
        title=notice.title,
        number=notice.number or UNNUMBERED,
        addressee=notice.addressee,
        paragraphs=tuple(notice.body.splitlines()),
        attachment="无主政务云资源清单" if notice.kind == "claim" else "闲置低效政务云资源清单",
        signature=notice.signature,
        dated=official_date(notice.dated) if notice.dated else UNDATED,
        rows=tuple(_row(number, item) for number, item in enumerate(shown, 1)),
    )


def _row(number: int, item: ItemView) -> tuple[str, ...]:
    finding = f"{CLASSES.get(item.cls, item.cls)}：{item.reason}"
    if item.coverage_pct is not None:
        finding += f"（数据完整率{item.coverage_pct:.1f}%）"
    return (
        str(number),
        f"{item.resource_name}\n{item.resource_code}",
        item.system or "–",
        size(item.vcpu, item.mem_bytes, item.disk_bytes),
        finding,
        advice(item.recommendation),
    )


def size(vcpu: float | None, mem_bytes: float | None, disk_bytes: float | None) -> str:
    """``8核 / 16GB / 200GB``; what is not known is a dash."""
    parts = (
        (vcpu, 1.0, "核"),
        (mem_bytes, GIB, "GB"),
        (disk_bytes, GIB, "GB"),
    )
    return " / ".join(
        "–" if value is None else f"{amount(value / scale)}{unit}" for value, scale, unit in parts
    )


def advice(recommendation: Mapping[str, Any]) -> str:
    """What is recommended, in a few words."""
    action = str(recommendation.get("action") or "")
    text = ADVICE.get(action, "核实")
    if action == "shrink":
        new = [
            f"{recommendation['new_vcpu']:g}核" if recommendation.get("new_vcpu") else "",
            f"{recommendation['new_mem_bytes'] / GIB:g}GB"
            if recommendation.get("new_mem_bytes")
            else "",
        ]
        text = "缩减至" + " / ".join(each for each in new if each) if any(new) else text
    return text
