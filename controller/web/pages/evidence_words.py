"""The figures that a verdict rests on, as an official reads them: label and figure with its unit.

Names are those of ``controller.analysis.verdicts``: ``cpu_used_pct_p99_5``, ``…_on_new_size``,
``…_14d``, ``days_cpu_used_pct_mean`` with ``…_worst``, ``share_of_time_pct_2``, ``detached_days``.
"""

from __future__ import annotations

import re

from controller.analysis.signals import PERCENTILES
from controller.web import figures
from controller.web.language import Text

ON_NEW_SIZE, WORST, DAYS = "_on_new_size", "_worst", "days_"
_WINDOW = re.compile(r"_(\d+)d$")
_PLACE = re.compile(r"_(\d+)$")


def evidence(name: str, value: object, _: Text) -> tuple[str, str]:
    """(label, figure) of one piece of evidence; a name nobody translated stays as it is."""
    known = _others(_)
    plain = _PLACE.sub("", name)
    for each in (name, plain):
        if each in known:
            return known[each], _figure(each, "", value)
    label, signal, statistic = _label(name, _)
    if name.startswith(DAYS) and signal and not name.endswith(WORST):
        return label, f"{value:.0f}" if isinstance(value, (int, float)) else str(value)[:80]
    return label, _figure(signal or name, statistic, value)


def _label(name: str, _: Text) -> tuple[str, str, str]:
    """(label, signal, statistic); without a known signal (name, "", "")."""
    signals = _signals(_)
    rest = name.removesuffix(ON_NEW_SIZE).removesuffix(WORST).removeprefix(DAYS)
    window = _WINDOW.search(rest)
    rest = _WINDOW.sub("", rest)
    found = [each for each in signals if rest == each or rest.startswith(f"{each}_")]
    signal = max(found, key=len, default="")
    statistic = rest[len(signal) :].strip("_")
    statistics = _statistics(_)
    if not signal or (statistic and statistic not in statistics):
        return name, "", ""
    label = f"{signals[signal]} {statistics.get(statistic, '')}".strip()
    if name.startswith(DAYS):
        daily = _daily(_).get(statistic, label)
        label = f"{signals[signal]} {daily}"
        label = (
            _("{figure}最接近阈值的一天", figure=label)
            if name.endswith(WORST) else _("{figure}符合条件的天数", figure=label)
        )  # fmt: skip
    if window:
        label = _("{figure}（近 {n} 天）", figure=label, n=int(window[1]))
    if name.endswith(ON_NEW_SIZE):
        label = _("{figure}（换为建议规格后）", figure=label)
    return label, signal, statistic


def _figure(signal: str, statistic: str, value: object) -> str:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return str(value)[:80]
    if signal.endswith("_pct"):
        return figures.percent(value)
    if signal.endswith("_bytes_s"):
        return figures.size(value) if statistic == "total" else figures.rate(value)
    return f"{value:,.4g}"


def _signals(_: Text) -> dict[str, str]:
    return {
        "cpu_used_pct": _("CPU 使用率"), "cpu_peak_pct": _("CPU 峰值"),
        "cpu_used_cores": _("CPU 用量（核）"), "mem_used_pct": _("内存使用率"),
        "net_bytes_s": _("网络流量"), "net_rx_bytes_s": _("入网流量"),
        "net_tx_bytes_s": _("出网流量"), "net_tx_line_pct": _("出网占带宽"),
        "net_line_pct": _("网络占带宽"), "disk_bytes_s": _("磁盘读写速率"),
        "disk_iops": _("磁盘每秒读写次数"), "disk_used_pct": _("存储使用率"),
    }  # fmt: skip


def _statistics(_: Text) -> dict[str, str]:
    return {
        "mean": _("平均"), "max": _("最高"), "total": _("日总量"),
        "mean_of_daily_max": _("日最高的平均"), "top20_mean": _("最高两成的平均"),
        **{each: each.upper().replace("_", ".") for each in PERCENTILES},
    }  # fmt: skip


def _daily(_: Text) -> dict[str, str]:
    return {"mean": _("日均值"), "max": _("日最高"), "total": _("日总量")}


def _others(_: Text) -> dict[str, str]:
    """Names that hold no statistic of a signal, and those beside every verdict."""
    return {
        "cpu_avg_pct": _("CPU 平均使用率"), "cpu_max_pct": _("CPU 最高使用率"),
        "mem_avg_pct": _("内存平均使用率"), "mem_max_pct": _("内存峰值"),
        "net_avg_bytes_s": _("平均网络流量"), "share_of_time_pct": _("符合条件的时间占比"),
        "detached_days": _("未挂载天数"), "days_hit": _("符合条件的天数"),
        "quiet_hours_a_week": _("每周空闲小时数"),
    }  # fmt: skip
