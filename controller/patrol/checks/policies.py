"""What the newest scan of unused and overloaded resources says, as findings."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

from sqlalchemy import func, select
from sqlmodel import col

from controller.idle.tables import IdleScan, IdleVerdict
from controller.patrol.look import Found, Look, observe
from controller.patrol.plans import Check, Severity

WORDS = {
    "idle": "闲置",
    "unused": "未使用",
    "oversized": "配置偏高",
    "overloaded": "负载过高",
    "stopped": "已停机",
    "night_off": "夜间或周末可关",
    "undetermined": "无法判定",
    "exempt": "豁免",
    "in_use": "在用",
}


def classes(look: Look, check: Check) -> Found:
    """A finding for each resource that the newest scan of the whole city puts in one of
    ``classes`` (class to severity). An old scan says nothing of today: nothing is resolved."""
    wanted: dict[str, Any] = dict(check.parameters["classes"])
    with look.runtime.database.read() as session:
        scan = session.scalars(
            select(IdleScan).order_by(col(IdleScan.at).desc(), col(IdleScan.id).desc()).limit(1)
        ).first()
        if scan is None:
            return Found(applies=False, covered=False, note=("尚无研判结果", "no scan yet"))
        if look.now - scan.at > timedelta(days=check.number("fresh_days")):
            return Found(
                applies=False,
                covered=False,
                note=(
                    f"最近一次研判在 {scan.at:%Y-%m-%d}，已过期",
                    f"the last scan is of {scan.at:%Y-%m-%d}",
                ),
            )
        judged = session.scalar(
            look.scope.limit(
                select(func.count(col(IdleVerdict.id))).where(
                    col(IdleVerdict.scan_id) == scan.id, col(IdleVerdict.cls) != "undetermined"
                ),
                IdleVerdict.unit_id,
            )
        )
        verdicts = session.scalars(
            look.scope.limit(
                select(IdleVerdict).where(
                    col(IdleVerdict.scan_id) == scan.id, col(IdleVerdict.cls).in_(sorted(wanted))
                ),
                IdleVerdict.unit_id,
            )
        ).all()
        found = Found(judged=judged or 0)
        for verdict in verdicts:
            thing = look.things.get(verdict.resource_id)
            if thing is None:
                continue
            found.seen.append(
                observe(
                    check,
                    cast(Severity, wanted[verdict.cls]),
                    ("resource", thing.code),
                    {
                        "cls": verdict.cls,
                        "coverage_pct": verdict.coverage_pct,
                        "window_days": verdict.window_days,
                        "policy": f"{scan.policy} v{scan.policy_version}",
                        **{f"policy.{name}": value for name, value in verdict.evidence.items()},
                    },
                    unit_id=thing.unit_id,
                    name=thing.name,
                    words={
                        "class_zh": WORDS.get(verdict.cls, verdict.cls),
                        "reason_zh": verdict.reason_zh,
                        "reason_en": verdict.reason_en,
                    },
                )
            )
    return found
