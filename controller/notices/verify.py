"""Whether what the provider reported is so: from the register and from the agent's silence.

Released: a platform export confirmed after the receipt names the resource no more (it waits
under 待核实), or the register holds it no more (retired, or nobody's). And if an agent measured it,
it has been silent since. Shrunk: the register says the smaller size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from controller.ingest.tables import Agent
from controller.inventory.tables import Holding, Resource
from controller.notices.tables import NoticeItem

SILENCE = timedelta(hours=24)
"""An agent that has not been heard for this long after the receipt is silent."""


@dataclass(frozen=True)
class Finding:
    """``ok`` with what it rests on, or why not yet."""

    ok: bool
    why: str


def released(
    resource: Resource, holding: Holding | None, agents: Sequence[Agent], done: datetime,
    now: datetime, *, absent: str = "",
) -> Finding:  # fmt: skip
    """``holding`` is the one in force now; ``absent`` the export that names it no more, "" for none
    since the receipt."""
    retired = resource.retired is not None and resource.retired <= now
    if not retired and holding is not None and not absent:
        return Finding(False, "台账中仍在用，待下一次平台导出")
    speaking = [
        agent for agent in agents
        if agent.state == "active" and agent.last_sample is not None and agent.last_sample > done
    ]  # fmt: skip
    if speaking:
        return Finding(False, f"采集端 {speaking[0].name} 在回执之后仍有数据")
    measured = [agent for agent in agents if agent.last_sample is not None]
    if measured and now - done < SILENCE:
        return Finding(False, "采集端静默不足24小时")
    gone = f"平台导出（{absent}）已无此资源" if absent else "台账已注销"
    return Finding(True, gone + ("，采集端已静默" if measured else ""))


def shrunk(item: NoticeItem, holding: Holding | None) -> Finding:
    """Against the allocation the letter was judged on."""
    if holding is None:
        return Finding(True, "台账已注销")
    before = item.allocation
    smaller = [
        name for name in ("vcpu", "mem_bytes", "disk_bytes")
        if before.get(name) is not None and getattr(holding, name) is not None
        and getattr(holding, name) < before[name]
    ]  # fmt: skip
    if not smaller:
        return Finding(False, "台账中配置未变，待下一次平台导出")
    return Finding(True, "台账中配置已缩减")


def gained(item: NoticeItem, holding: Holding | None) -> dict[str, float]:
    """What came back, {vcpu, mem_bytes, disk_bytes}: all of it, or the difference of a shrink."""
    back: dict[str, float] = {}
    for name in ("vcpu", "mem_bytes", "disk_bytes"):
        had = float(item.allocation.get(name) or 0.0)
        left = getattr(holding, name) if holding is not None else 0.0
        back[name] = max(0.0, had - float(had if left is None else left))
    return back
