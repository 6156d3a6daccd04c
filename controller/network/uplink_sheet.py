"""County uplinks as a workbook: by county, and by line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from controller.inventory.dated import SHANGHAI
from controller.network.line_sheets import workbook
from controller.network.uplinks import CountyUse, LineUse, Use

STATES = {
    "full": ("接近用满", "Nearly full"),
    "tight": ("偏紧", "Tight"),
    "fine": ("充裕", "Fine"),
    "unknown": ("未测量", "Not measured"),
}


def uplinks_xlsx(
    found: Sequence[CountyUse], since: datetime, until: datetime, language: str
) -> bytes:
    """Two sheets; figures in Mbit/s, the period in every row so that rows can be put together."""
    english = language == "en"
    first, last = (each.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M") for each in (since, until))
    used = (
        ("In avg", "In P95", "Out avg", "Out P95", "Highest 5 min", "P95 of contracted %",
         "Data present %")
        if english else
        ("入均值", "入 P95", "出均值", "出 P95", "最高 5 分钟", "P95 占签约 %", "数据完整率 %")
    )  # fmt: skip
    heads = (
        ("From", "To", "County", "Code", "Lines", "Lines measured", "Contracted Mbit/s",
         "Target Mbit/s", *used, "Judged")
        if english else
        ("起", "止", "县区", "编码", "线路数", "已测量线路", "签约带宽 Mbps", "目标 Mbps", *used,
         "研判")
    )  # fmt: skip
    rows = [
        (first, last, each.name, each.code, len(each.lines),
         sum(line.measured for line in each.lines), each.contracted / 1e6, _mbit(each.target),
         *_use(each.use, each.used_pct), STATES[each.state][english])
        for each in found
    ]  # fmt: skip
    line_heads = (
        ("From", "To", "County", "Operator", "Circuit", "Unit", "Contracted Mbit/s", *used)
        if english
        else ("起", "止", "县区", "运营商", "电路编号", "单位", "签约带宽 Mbps", *used)
    )
    lines = [(first, last, each.name, *_line(line)) for each in found for line in each.lines]
    names = ("Counties", "Lines") if english else ("县区", "线路")
    return workbook([(names[0], heads, rows), (names[1], line_heads, lines)])


def _line(each: LineUse) -> tuple[object, ...]:
    line = each.line
    return (
        line.operator, line.number, line.unit_name, _mbit(line.bandwidth_bit_s),
        *_use(each.use, each.used_pct),
    )  # fmt: skip


def _use(use: Use, used_pct: float | None) -> tuple[object, ...]:
    return (
        _mbit(use.in_avg), _mbit(use.in_p95), _mbit(use.out_avg), _mbit(use.out_p95),
        _mbit(use.highest), None if used_pct is None else round(used_pct, 1),
        round(use.coverage_pct, 1),
    )  # fmt: skip


def _mbit(value: float | None) -> float | None:
    return None if value is None else round(value / 1e6, 3)
