"""What a letter is drafted from, and the words for states, answers and reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class DraftItem:
    """One resource with everything it was judged on; kept with the notice unchanged.

    ``cls`` is the verdict's class, ``reason`` its one line in Chinese, ``evidence`` figure by
    name, ``coverage_pct`` 0-100, ``recommendation`` as the verdict gives it ({action, …}).
    """

    resource_id: int
    cls: str
    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    policy: str = ""
    policy_version: int = 0
    policy_clause: str = ""
    scan_id: int | None = None
    samples: int | None = None
    coverage_pct: float | None = None
    window_days: int = 30
    recommendation: Mapping[str, Any] = field(default_factory=dict)
    as_of: datetime | None = None
    """The end of the window it was judged on; None: the moment of drafting."""


KEEP_REASONS: dict[str, str] = {
    "coming_load": "近期有业务上线或流量增长",
    "standby": "容灾、备份或热备用途",
    "seasonal": "季节性、周期性业务（汛期、考试、决算等）",
    "key_period": "重要时期保障",
    "test_pending": "正在测试验证，暂不宜调整",
    "fleet": "与同组主机保持规格一致",
    "compliance": "法规、审计或数据保存要求",
    "other": "其他（须说明）",
}
"""Reason codes of a keep request (申请保留); every one expires."""

ANSWERS: dict[str, str] = {
    "release": "同意释放",
    "shrink": "同意缩减配置",
    "keep": "申请保留",
    "dispute": "对研判结果有异议",
}

CLASSES: dict[str, str] = {
    "idle": "闲置",
    "oversized": "低效（配置偏高）",
    "stopped": "已关机",
    "unused": "未使用",
    "night_off": "夜间及周末闲置",
    "unclaimed": "无人认领",
}
"""Classes of verdict that a notice can be about."""

LEVELS: dict[str, str] = {"talk": "约谈", "circular": "通报"}
"""Escalation, proposed by the system, approved by hand."""
