"""What would have to be recovered first: open recommendations of a pool against what is short."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from controller.access.scope import Scope
from controller.idle import library
from controller.idle.model import Candidate, Recovery
from controller.idle.queries import latest_scan
from controller.idle.tables import IdleVerdict
from controller.inventory.dated import in_force
from controller.inventory.pools import (
    Answer,
    PoolState,
    Request,
    answer_of,
    can_approve,
    list_pools,
    placements,
    pools_serving,
    show,
)
from controller.inventory.resources import unit_names
from controller.inventory.tables import Holding, Resource, Unit

SIZES = ("vcpu", "mem_bytes", "disk_bytes")
ORDER = ("unused", "stopped", "idle", "oversized")
"""Whose loss hurts least first."""
MOST = 200
WORDS_ZH = {"vcpu": "vCPU", "mem_bytes": "内存", "disk_bytes": "存储"}
WORDS_EN = {"vcpu": "vCPU", "mem_bytes": "memory", "disk_bytes": "disk"}


def recover_first(
    session: Session, scope: Scope, request: Request, now: datetime
) -> tuple[Answer, Recovery | None]:
    """The answer to an application, and for a refusal the pool that could take it after the least
    was recovered; None where it can be approved, nothing serves it or cards are short.

    Raises what ``pools.can_approve`` raises.
    """
    answer = can_approve(session, scope, request, now)
    if answer.ok or not answer.pool:
        return answer, None
    pools = pools_serving(list_pools(session, scope, now), request)
    offers = _offers(session, scope, now)
    plans = [plan_for(pool, request, offers.get(pool.code, [])) for pool in pools]
    known = [plan for plan in plans if plan is not None]
    if not known:
        return answer, None
    return answer, min(known, key=_reach)


def _reach(plan: Recovery) -> tuple[float, int, str]:
    """The less is left short, then the fewer have to go, the better."""
    short = sum(left / plan.missing[size] for size, left in plan.still_missing.items())
    return short, len(plan.steps), plan.pool


def plan_for(pool: PoolState, request: Request, offers: Iterable[Candidate]) -> Recovery | None:
    """The fewest recoveries, the harmless first, that make room in ``pool``. Pure. None where
    recovering cannot help: a capacity is not known, or cards are short."""
    missing: dict[str, float] = {}
    for check in answer_of(pool, request).checks:
        if check.ok:
            continue
        if check.left is None or check.size not in SIZES:
            return None
        missing[check.size] = check.asked - check.left
    short = dict(missing)
    steps: list[Candidate] = []
    for cls in ORDER:
        waiting = [each for each in offers if each.cls == cls]
        while short and waiting and len(steps) < MOST:
            best = max(waiting, key=lambda each: _covers(each, short))
            if _covers(best, short) <= 0:
                break
            waiting.remove(best)
            steps.append(best)
            short = {
                size: left
                for size, amount in short.items()
                if (left := amount - getattr(best, size)) > 1e-6
            }
    return Recovery(
        pool=pool.code,
        pool_name=pool.name,
        missing=missing,
        still_missing=short,
        steps=steps,
        enough=not short,
        reason_zh=_words_zh(pool, missing, short, steps),
        reason_en=_words_en(pool, missing, short, steps),
    )


def _covers(candidate: Candidate, short: dict[str, float]) -> float:
    """How much of what is short it gives: the sum of the shares, each at most whole."""
    return sum(min(1.0, float(getattr(candidate, size)) / amount) for size, amount in short.items())


def _words_zh(
    pool: PoolState, missing: dict[str, float], short: dict[str, float], steps: Sequence[Any]
) -> str:
    lacks = "、".join(f"{WORDS_ZH[size]} {show(size, value)}" for size, value in missing.items())
    if not steps:
        return f"{pool.name}缺 {lacks}，现有判定结果中没有可腾退的资源"
    if not short:
        return f"{pool.name}缺 {lacks}，先腾退下列 {len(steps)} 项资源即可批复"
    still = "、".join(f"{WORDS_ZH[size]} {show(size, value)}" for size, value in short.items())
    return f"{pool.name}缺 {lacks}，全部腾退下列 {len(steps)} 项后仍缺 {still}"


def _words_en(
    pool: PoolState, missing: dict[str, float], short: dict[str, float], steps: Sequence[Any]
) -> str:
    lacks = ", ".join(f"{WORDS_EN[size]} {show(size, value)}" for size, value in missing.items())
    if not steps:
        return f"{pool.code} is short of {lacks}; no judged resource would give any back"
    if not short:
        return f"{pool.code} is short of {lacks}: recover these {len(steps)} resources first"
    still = ", ".join(f"{WORDS_EN[size]} {show(size, value)}" for size, value in short.items())
    return f"{pool.code} is short of {lacks}; after all these {len(steps)} still of {still}"


def _offers(session: Session, scope: Scope, now: datetime) -> dict[str, list[Candidate]]:
    """Pool's code to what the newest scan of the city recommends there and still holds."""
    scan = latest_scan(session, scope, library.DEFAULT)
    if scan is None:
        return {}
    placed = placements(session, now)
    rows = session.execute(
        scope.limit(
            select(IdleVerdict, Resource, col(Unit.code))
            .join(Resource, col(Resource.id) == col(IdleVerdict.resource_id))
            .join(Holding, col(Holding.resource_id) == col(IdleVerdict.resource_id))
            .outerjoin(Unit, col(Unit.id) == col(IdleVerdict.unit_id))
            .where(
                col(IdleVerdict.scan_id) == scan.id,
                col(IdleVerdict.cls).in_(ORDER),
                in_force(Holding, now),
                # Under another owner since, it was not judged as it is now.
                col(Holding.unit_id) == col(IdleVerdict.unit_id),
            )
            .order_by(col(Resource.code)),
            col(IdleVerdict.unit_id),
        )
    )
    found: dict[str, list[Candidate]] = {}
    listed = rows.all()
    owners = {verdict.unit_id for verdict, _resource, _unit in listed if verdict.unit_id}
    names = unit_names(session, owners, now)
    for verdict, resource, unit in listed:
        said = verdict.recommendation
        pool = placed.get(resource.id)
        if pool is None or _waits(said, now):
            continue
        candidate = Candidate(
            resource=resource.code,
            name=resource.name,
            unit=unit,
            unit_name=names.get(verdict.unit_id or 0, ""),
            cls=verdict.cls,
            action=said.get("action", ""),
            vcpu=float(said.get("vcpu_freed") or 0.0),
            mem_bytes=float(said.get("mem_bytes_freed") or 0.0),
            disk_bytes=float(said.get("disk_bytes_freed") or 0.0),
        )
        if any(getattr(candidate, size) for size in SIZES):
            found.setdefault(pool, []).append(candidate)
    return found


def _waits(recommendation: dict[str, Any], now: datetime) -> bool:
    """Whether the recommended release must not be carried out yet."""
    until = recommendation.get("wait_until")
    return bool(until) and date.fromisoformat(str(until)[:10]) > now.date()
