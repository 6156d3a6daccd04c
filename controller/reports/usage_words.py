"""The words and tables of a usage report. In Chinese: it is an office document.

A figure is said whole (已分配 512 核，平均使用 63 核，平均使用率 12.4 %); what is not known is said
to be missing, never zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from controller.reports.usage_data import ENDS, MOST_PRINTED, UsageData
from controller.usage.columns import BYTES_S_PER_MBIT_S
from controller.usage.model import UsageRow

GAP = "—"
SCARCE_PCT = 90.0
"""Below this share of expected data the figures are said to be for reference only."""

CLASSES = {
    "idle": "闲置",
    "unused": "未使用",
    "oversized": "低效（配置偏高）",
    "night_off": "夜间、周末可关",
    "stopped": "已停机",
    "overloaded": "负载过高",
    "in_use": "在用",
    "exempt": "豁免",
    "undetermined": "无法判定",
}

NOTES = (
    "使用率按 5 分钟均值计算；单位、业务系统的 CPU 使用率以各资源使用核数之和除以有数据资源的"
    "分配核数之和，内存、存储按字节同法计算。",
    "P95 为统计期内 5 分钟均值由小到大排列后位于 95 % 处的数值；"
    "资源的 CPU 峰值为 5 秒均值的最大值。",
    "数据缺失不按零计；某时段上报资源不足分配量的 80 % 时，该时段按缺失处理。",
    "分配量、资源数为统计期末的数值；归属变更的资源，其用量按当时的归属单位计算。",
)


@dataclass(frozen=True)
class Sheet:
    """A table of the report: what stands above it, and which columns hold figures."""

    title: str
    heads: tuple[str, ...]
    rows: list[tuple[str, ...]]
    figures_from: int
    """The first column that is right-aligned."""
    note: str = ""


@dataclass(frozen=True)
class Section:
    title: str
    paragraphs: tuple[str, ...] = ()
    sheets: tuple[Sheet, ...] = ()
    charts: bool = False


@dataclass(frozen=True)
class Report:
    """The document, ready to be set in any form."""

    title: str
    facts: str
    boxes: tuple[tuple[str, str, str], ...]
    """(name, figure, remark): at most four."""
    sections: tuple[Section, ...]
    notes: tuple[str, ...]
    closing: str


def write(data: UsageData) -> Report:
    """The report's text."""
    sections = [
        Section("总体情况", _overall(data)),
        Section("使用趋势", charts=True),
        Section("各单位使用情况" if data.by_unit else "业务系统使用情况", (), (_lines(data),)),
    ]
    if data.measured:
        sections.append(Section("资源使用情况", (), _ends(data)))
    sections.append(Section("研判与建议", _judgement(data)))
    if data.resources is not None and data.resources.rows:
        sections.append(Section("附：资源清单", (), (_annex(data),)))
    return Report(
        title=f"{data.subject}政务云资源使用情况报告",
        facts=_facts(data),
        boxes=_boxes(data),
        sections=tuple(sections),
        notes=NOTES,
        closing=f"生成时间：{_moment(data.generated, data)}",
    )


def period_words(data: UsageData) -> str:
    """``2026年10月``, or the first and the last day."""
    if data.month is not None:
        return data.month
    first = data.since.astimezone(data.zone)
    last = data.until.astimezone(data.zone) - timedelta(microseconds=1)
    return f"{_day(first)}至{_day(last)}"


def _facts(data: UsageData) -> str:
    parts = [f"统计期：{period_words(data)}", f"数据完整率 {percent(data.total.coverage_pct)}"]
    if data.version is not None:
        at = f"（{_moment(data.published, data)} 发布）" if data.published else ""
        parts.append(f"已发布数据第 {data.version} 版{at}")
    elif data.until > data.generated:
        parts.append("统计期尚未结束")
    return " · ".join(parts)


def _boxes(data: UsageData) -> tuple[tuple[str, str, str], ...]:
    row = data.total
    return (
        ("vCPU", _cores(row.vcpu_allocated), f"平均使用率 {percent(row.cpu_avg_pct)}"),
        ("内存", size(row.mem_allocated_bytes), f"平均使用率 {percent(row.mem_avg_pct)}"),
        ("存储", size(row.disk_allocated_bytes), f"使用率 {percent(row.disk_used_pct)}"),
        ("资源", f"{row.resources:,} 项", f"数据完整率 {percent(row.coverage_pct)}"),
    )


def _overall(data: UsageData) -> tuple[str, ...]:
    row = data.total
    if not row.resources and row.cpu_avg_pct is None:
        return (f"统计期内{data.subject}没有政务云资源。",)
    first = (
        f"统计期末，{data.subject}共有政务云资源 {row.resources:,} 项，已分配 vCPU "
        f"{_cores(row.vcpu_allocated)}、内存 {size(row.mem_allocated_bytes)}、存储 "
        f"{size(row.disk_allocated_bytes)}。"
    )
    second = (
        _use(
            "CPU", row.cpu_avg_pct, _used_cores(row), row.cpu_p95_pct, _change(data, "cpu_avg_pct")
        )
        + _use(
            "内存", row.mem_avg_pct, _used_size(row), row.mem_p95_pct, _change(data, "mem_avg_pct")
        )
        + _use("存储", row.disk_used_pct, "", None, _change(data, "disk_used_pct"))
    )
    found = [first, second]
    if row.net_tx_p95_bytes_s is not None:
        found.append(
            f"网络：入网平均 {_rate(row.net_rx_avg_bytes_s)}、P95 {_rate(row.net_rx_p95_bytes_s)}；"
            f"出网平均 {_rate(row.net_tx_avg_bytes_s)}、P95 {_rate(row.net_tx_p95_bytes_s)}。"
        )
    place = data.place
    if place is not None and place.median_cpu_pct is not None:
        found.append(
            f"CPU 平均使用率在同类单位中列第 {place.rank} 位（共 {place.of} 个，由高到低），"
            f"同类单位中位数 {percent(place.median_cpu_pct)}。"
        )
    if row.coverage_pct is not None and row.coverage_pct < SCARCE_PCT:
        found.append(
            f"统计期数据完整率为 {percent(row.coverage_pct)}，低于 {SCARCE_PCT:g} %，"
            "以上数值仅供参考，请先核实采集端与平台数据。"
        )
    return tuple(found)


def _use(name: str, share: float | None, used: str, p95: float | None, change: str) -> str:
    if share is None:
        return f"{name}使用率数据缺失。"
    text = f"{name}{'平均' if used else ''}使用率 {percent(share)}"
    if used:
        text += f"（平均使用 {used}）"
    if p95 is not None:
        text += f"，P95 {percent(p95)}"
    return text + change + "。"


def _change(data: UsageData, field: str) -> str:
    now, then = getattr(data.total, field), getattr(data.before, field, None)
    if now is None or then is None:
        return ""
    by = round(now, 1) - round(then, 1)
    if abs(by) < 0.05:
        return "，与上期持平"
    return f"，较上期{'上升' if by > 0 else '下降'} {abs(by):.1f} 个百分点"


def _lines(data: UsageData) -> Sheet:
    rows = list(data.lines.rows)
    if not data.by_unit:
        rows.sort(key=lambda row: -(row.vcpu_allocated or 0.0))
    name = "单位" if data.by_unit else "业务系统"
    return Sheet(
        title="",
        heads=(
            name, "资源", "vCPU", "CPU 平均 %", "CPU P95 %", "内存", "内存平均 %", "内存 P95 %",
            "存储", "存储使用 %", "完整率 %",
        ),
        rows=[
            (
                _line_name(row, data.by_unit),
                f"{row.resources:,}",
                _number(row.vcpu_allocated, 0),
                _number(row.cpu_avg_pct),
                _number(row.cpu_p95_pct),
                size(row.mem_allocated_bytes),
                _number(row.mem_avg_pct),
                _number(row.mem_p95_pct),
                size(row.disk_allocated_bytes),
                _number(row.disk_used_pct),
                _number(row.coverage_pct),
            )
            for row in rows
        ],
        figures_from=1,
        note="" if rows else "没有业务系统。",
    )  # fmt: skip


def _line_name(row: UsageRow, by_unit: bool) -> str:
    if by_unit:
        return "　" * row.depth + (row.unit_name or "")
    return row.system or "未归系统"


def _ends(data: UsageData) -> tuple[Sheet, ...]:
    known = data.measured
    if len(known) <= 2 * ENDS:
        return (_resources("按 CPU 平均使用率由高到低", known),)
    return (
        _resources(f"CPU 平均使用率最高的 {ENDS} 项", known[:ENDS]),
        _resources(f"CPU 平均使用率最低的 {ENDS} 项", known[: -ENDS - 1 : -1]),
    )


def _resources(title: str, rows: Sequence[UsageRow], note: str = "") -> Sheet:
    return Sheet(
        title=title,
        heads=(
            "资源", "业务系统", "vCPU", "CPU 平均 %", "CPU P95 %", "CPU 峰值 %", "内存",
            "内存平均 %", "存储使用 %", "完整率 %",
        ),
        rows=[
            (
                row.resource_name or row.resource or "",
                row.system or GAP,
                _number(row.vcpu_allocated, 0),
                _number(row.cpu_avg_pct),
                _number(row.cpu_p95_pct),
                _number(row.cpu_max_pct),
                size(row.mem_allocated_bytes),
                _number(row.mem_avg_pct),
                _number(row.disk_used_pct),
                _number(row.coverage_pct),
            )
            for row in rows
        ],
        figures_from=2,
        note=note,
    )  # fmt: skip


def _annex(data: UsageData) -> Sheet:
    rows = [] if data.resources is None else list(data.resources.rows)
    rows.sort(key=lambda row: (row.system or "\uffff", row.resource or ""))
    note = ""
    if len(rows) > MOST_PRINTED:
        note = f"共 {len(rows):,} 项，此处列出 {MOST_PRINTED} 项；全部见电子表格。"
    return _resources("", rows[:MOST_PRINTED], note)


def _judgement(data: UsageData) -> tuple[str, ...]:
    judged = data.judged
    if judged is None:
        return ("尚未按本市规则进行闲置研判。",)
    if not judged.classes:
        return (f"{_moment(judged.as_of, data)} 的研判（{judged.policy}）不涉及现有资源。",)
    counts = "、".join(
        f"{CLASSES.get(cls, cls)} {judged.classes[cls]:,} 项"
        for cls in sorted(judged.classes, key=list(CLASSES).index)
    )
    found = [f"按“{judged.policy}”（{_moment(judged.as_of, data)}）研判：{counts}。"]
    if judged.vcpu_freed or judged.mem_bytes_freed or judged.disk_bytes_freed:
        found.append(
            f"如按建议处置，可腾退 vCPU {_cores(judged.vcpu_freed)}、内存 "
            f"{size(judged.mem_bytes_freed)}、存储 {size(judged.disk_bytes_freed)}。"
            "研判结果须经使用单位确认，依据见系统“闲置判定”。"
        )
    else:
        found.append("没有可腾退的资源。")
    return tuple(found)


def percent(value: float | None) -> str:
    return GAP if value is None else f"{value:.1f}\N{NO-BREAK SPACE}%"


def size(value: float | None) -> str:
    """Bytes in GB or TB as cloud platforms count them (1,024)."""
    if value is None:
        return GAP
    gib = value / (1 << 30)
    return f"{gib / 1024:,.1f} TB" if gib >= 10_000 else f"{gib:,.0f} GB"


def _cores(value: float | None) -> str:
    return GAP if value is None else f"{value:,.0f} 核"


def _used_cores(row: UsageRow) -> str:
    if row.vcpu_allocated is None or row.cpu_avg_pct is None:
        return ""
    return f"{row.vcpu_allocated * row.cpu_avg_pct / 100:,.1f} 核"


def _used_size(row: UsageRow) -> str:
    if row.mem_allocated_bytes is None or row.mem_avg_pct is None:
        return ""
    return size(row.mem_allocated_bytes * row.mem_avg_pct / 100)


def _rate(value: float | None) -> str:
    return GAP if value is None else f"{value / BYTES_S_PER_MBIT_S:,.1f} Mbps"


def _number(value: float | None, digits: int = 1) -> str:
    return GAP if value is None else f"{value:,.{digits}f}"


def _day(at: datetime) -> str:
    return f"{at.year}年{at.month}月{at.day}日"


def _moment(at: datetime | None, data: UsageData) -> str:
    return GAP if at is None else f"{at.astimezone(data.zone):%Y-%m-%d %H:%M}"
