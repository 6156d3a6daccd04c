"""Figures of the papers that contradict each other, or what is held."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from pydantic import BaseModel, ConfigDict
from sqlalchemy import select
from sqlmodel import Session, col

from controller.access.scope import Scope
from controller.inventory.allocations import (
    SIZES,
    AllocationView,
    Quantities,
    days_between,
    list_allocations,
)
from controller.inventory.dated import in_force
from controller.inventory.register_tables import AllocationResource
from controller.inventory.tables import BusinessSystem, Holding, Resource, Unit

GIB = 2.0**30
SIZE_ZH = {"vcpu": "vCPU（核）", "mem_bytes": "内存（GB）", "disk_bytes": "存储（GB）",
           "accelerators": "加速卡（张）"}  # fmt: skip
SIZE_EN = {"vcpu": "vCPU", "mem_bytes": "memory GiB", "disk_bytes": "disk GiB",
           "accelerators": "cards"}  # fmt: skip

KIND_ZH = {
    "approved_over_applied": "批复大于申请",
    "delivered_over_approved": "开通大于批复",
    "delivered_without_approval": "未批复即开通",
    "used_over_delivered": "占用大于开通",
    "expired_in_use": "到期仍在用",
    "dates_out_of_order": "日期先后颠倒",
}


class Contradiction(BaseModel):
    """One thing that cannot all be true, in words and figures."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"kind": "delivered_over_approved", "kind_zh": "开通大于批复",
                 "allocation_id": 12, "number": "ZY-2026-0147", "line": 1,
                 "unit_code": "330100-JTJ", "unit_name": "市交通运输局", "system": "智慧交通",
                 "size": "vcpu", "stated": 16.0, "found": 32.0,
                 "text_zh": "开通 vCPU（核）32，批复 16",
                 "text_en": "delivered vCPU 32, approved 16"}
            ]
        }
    )  # fmt: skip

    kind: str
    kind_zh: str
    allocation_id: int
    number: str
    line: int
    unit_code: str
    unit_name: str
    system: str
    size: str = ""
    stated: float | None = None
    """What the paper allows, in cores, bytes or cards."""
    found: float | None = None
    text_zh: str
    text_en: str


def contradictions(
    session: Session, scope: Scope, now: datetime, *, unit_ids: frozenset[int] | None = None
) -> list[Contradiction]:
    """By application. What is held is what the register says now."""
    lines = list_allocations(session, scope, now, unit_ids=unit_ids)
    held, in_use = _held_for(session, now)
    by_owner = _held_by_owner(session, now)
    linked_owners = {(line.unit_code, line.system) for line in lines if line.resources}
    found: list[Contradiction] = []
    for line in lines:
        found += check_papers(line)
        if line.resources:
            found += _check_use(line, held.get(line.id, Quantities()))
            if line.state == "expired" and in_use.get(line.id):
                codes = in_use[line.id]
                some = ", ".join(codes[:5])
                found.append(
                    _found(line, "expired_in_use", f"已到期，仍有 {len(codes)} 项资源在用：{some}",
                           f"expired, {len(codes)} resources still held: {some}",
                           found=float(len(codes)))
                )  # fmt: skip
    found += _check_unlinked(lines, linked_owners, by_owner)
    return found


def check_papers(line: AllocationView) -> list[Contradiction]:
    """What the papers of one line say against each other."""
    found = []
    for size in SIZES:
        applied, approved, delivered = (
            getattr(step, size) for step in (line.applied, line.approved, line.delivered)
        )
        if applied is not None and approved is not None and approved > applied:
            found.append(_over(line, "approved_over_applied", size, applied, approved))
        if approved is not None and delivered is not None and delivered > approved:
            found.append(_over(line, "delivered_over_approved", size, approved, delivered))
    delivered_something = any(value for value in line.delivered.model_dump().values())
    approved_something = any(value is not None for value in line.approved.model_dump().values())
    if (line.delivered_at or delivered_something) and not (line.approved_at or approved_something):
        found.append(
            _found(line, "delivered_without_approval", "已开通，但没有批复",
                   "delivered, and nobody approved it")
        )  # fmt: skip
    for first, second, zh in (
        ("applied_at", "approved_at", "批复早于申请"),
        ("approved_at", "delivered_at", "开通早于批复"),
    ):
        days = days_between(getattr(line, first), getattr(line, second))
        if days is not None and days < 0:
            found.append(
                _found(line, "dates_out_of_order", f"{zh} {-days} 天",
                       f"{second[:-3]} lies {-days} days before {first[:-3]}")
            )  # fmt: skip
    return found


def _check_use(line: AllocationView, held: Quantities) -> list[Contradiction]:
    found = []
    for size in SIZES:
        delivered, used = getattr(line.delivered, size), getattr(held, size)
        if delivered is not None and used is not None and used > delivered:
            found.append(_over(line, "used_over_delivered", size, delivered, used))
    return found


def _check_unlinked(
    lines: Iterable[AllocationView],
    linked: set[tuple[str, str]],
    by_owner: Mapping[tuple[str, str], Quantities],
) -> list[Contradiction]:
    """Where no line of a system names its resources, all it was given against all it holds."""
    groups: dict[tuple[str, str], list[AllocationView]] = {}
    for line in lines:
        key = (line.unit_code, line.system)
        if line.system and key not in linked and line.state == "delivered":
            groups.setdefault(key, []).append(line)
    found = []
    for key, group in groups.items():
        for size in SIZES:
            given = [getattr(line.delivered, size) for line in group]
            used = getattr(by_owner.get(key, Quantities()), size)
            if used is None or any(value is None for value in given):
                continue
            if used > sum(given):
                found.append(_over(group[0], "used_over_delivered", size, sum(given), used))
    return found


def _over(line: AllocationView, kind: str, size: str, stated: float, value: float) -> Contradiction:
    unit = GIB if size.endswith("_bytes") else 1.0
    was, now = f"{stated / unit:,.10g}", f"{value / unit:,.10g}"
    zh_found, zh_stated = {
        "approved_over_applied": ("批复", "申请"),
        "delivered_over_approved": ("开通", "批复"),
        "used_over_delivered": ("占用", "开通"),
    }[kind]
    en_found, _, en_stated = kind.partition("_over_")
    return _found(
        line, kind, f"{zh_found} {SIZE_ZH[size]}{now}，{zh_stated} {was}",
        f"{en_found} {SIZE_EN[size]} {now}, {en_stated} {was}", size, stated, value,
    )  # fmt: skip


def _found(
    line: AllocationView,
    kind: str,
    zh: str,
    en: str,
    size: str = "",
    stated: float | None = None,
    found: float | None = None,
) -> Contradiction:
    return Contradiction(
        kind=kind, kind_zh=KIND_ZH[kind], allocation_id=line.id, number=line.number,
        line=line.line, unit_code=line.unit_code, unit_name=line.unit_name, system=line.system,
        size=size, stated=stated, found=found, text_zh=zh, text_en=en,
    )  # fmt: skip


def _held_for(
    session: Session, now: datetime
) -> tuple[dict[int, Quantities], dict[int, list[str]]]:
    """Of each allocation: what its resources hold now, and the codes of those still held."""
    rows = session.execute(
        select(AllocationResource, Holding, Resource)
        .join(Resource, col(Resource.id) == col(AllocationResource.resource_id))
        .join(Holding, col(Holding.resource_id) == col(Resource.id))
        .where(in_force(Holding, now))
        .order_by(col(Resource.code))
    ).all()
    sums: dict[int, Quantities] = {}
    codes: dict[int, list[str]] = {}
    for link, holding, resource in rows:
        _add(sums.setdefault(link.allocation_id, Quantities()), holding, resource)
        codes.setdefault(link.allocation_id, []).append(resource.code)
    return sums, codes


def _held_by_owner(session: Session, now: datetime) -> dict[tuple[str, str], Quantities]:
    """(unit code, system name) -> what they hold now."""
    rows = session.execute(
        select(col(Unit.code), col(BusinessSystem.name), Holding, Resource)
        .join(Unit, col(Unit.id) == col(Holding.unit_id))
        .join(BusinessSystem, col(BusinessSystem.id) == col(Holding.system_id))
        .join(Resource, col(Resource.id) == col(Holding.resource_id))
        .where(in_force(Holding, now))
    ).all()
    sums: dict[tuple[str, str], Quantities] = {}
    for code, system, holding, resource in rows:
        _add(sums.setdefault((code, system), Quantities()), holding, resource)
    return sums


def _add(total: Quantities, holding: Holding, resource: Resource) -> None:
    for size in ("vcpu", "mem_bytes", "disk_bytes"):
        value = getattr(holding, size)
        if value is not None:
            setattr(total, size, (getattr(total, size) or 0.0) + value)
    if resource.accelerators is not None:
        total.accelerators = (total.accelerators or 0.0) + resource.accelerators
