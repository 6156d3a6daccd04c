"""What a policy can speak of: signals, and the comparisons it makes with them."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NamedTuple


class Signal(NamedTuple):
    """A figure of each five-minute row. ``size`` names the allocation it scales with."""

    name: str
    unit: str
    zh: str
    en: str
    size: str = ""
    """"vcpu" or "mem": on another size the share changes in proportion."""
    needs: str = ""
    """What the register must know for it: "vcpu" or "line"; "" for nothing."""


SIGNALS: dict[str, Signal] = {
    signal.name: signal
    for signal in (
        Signal("cpu_used_pct", "%", "CPU 使用率", "CPU", size="vcpu"),
        Signal("cpu_peak_pct", "%", "CPU 峰值", "CPU peak", size="vcpu"),
        Signal("cpu_used_cores", "核", "CPU 用量", "CPU cores used", needs="vcpu"),
        Signal("mem_used_pct", "%", "内存使用率", "memory", size="mem"),
        Signal("net_rx_bytes_s", "B/s", "入网速率", "network in"),
        Signal("net_tx_bytes_s", "B/s", "出网速率", "network out"),
        Signal("net_bytes_s", "B/s", "出入网速率", "network in and out"),
        Signal("net_tx_line_pct", "%", "出网占带宽", "network out of line", needs="line"),
        Signal("net_line_pct", "%", "网络占带宽", "network of line", needs="line"),
        Signal("disk_bytes_s", "B/s", "磁盘读写速率", "disk traffic"),
        Signal("disk_iops", "1/s", "磁盘读写次数", "disk operations"),
        Signal("disk_used_pct", "%", "存储使用率", "storage", size=""),
    )
}
"""``cpu_used_pct`` is without the CPU time that the host took away (steal); ``cpu_peak_pct`` is the
highest 5 s of a row where the row has it, else its mean."""


class Comparison(NamedTuple):
    key: str
    sign: str
    opposite: str
    holds: Callable[[Any, Any], Any]
    low: bool
    """Whether small values hold."""


COMPARISONS: dict[str, Comparison] = {
    each.key: each
    for each in (
        Comparison("less_than", "<", "≥", operator.lt, True),
        Comparison("at_most", "≤", ">", operator.le, True),
        Comparison("more_than", ">", "≤", operator.gt, False),
        Comparison("at_least", "≥", "<", operator.ge, False),
    )
}

DAILY = ("mean", "max", "total")
"""Statistics of one day; "total" is a rate's sum over the day's measured seconds."""

PERCENTILES = {
    "p50": 0.5,
    "p90": 0.9,
    "p95": 0.95,
    "p97": 0.97,
    "p99": 0.99,
    "p99_5": 0.995,
}
"""Nearest rank: the ceil(share·n)-th smallest."""
