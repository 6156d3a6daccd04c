"""The readiness report as a workbook: summary, units, sites with every indicator."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import xlsxwriter

from controller.analysis.ipv6 import Index
from controller.ipv6.model import Overview
from controller.ipv6.views import Judged, title
from controller.usage.export import plain_text

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

WORDS = {
    "zh": {
        "summary": "概况", "units": "单位", "sites": "网站与系统", "unit": "单位", "score": "得分",
        "measured": "已测", "reachable": "IPv6 可达", "passing": "达标", "count": "数量",
        "action": "最能提分的措施", "gain": "可提升（分）", "site": "名称", "url": "地址",
        "at": "测量时间", "vantage": "测量位置", "index": "指标", "remedy": "措施",
        "method": "得分为各指标得分之和占适用权重的百分比；未测到的不计入，覆盖不足 60 % 不给分。",
    },
    "en": {
        "summary": "Summary", "units": "Units", "sites": "Sites", "unit": "Unit", "score": "Score",
        "measured": "Measured", "reachable": "Reachable over IPv6", "passing": "Passing",
        "count": "Count", "action": "What raises the score most", "gain": "Points", "site": "Name",
        "url": "Address", "at": "Measured at", "vantage": "Seen from", "index": "Index",
        "remedy": "Remedy",
        "method": "Points of the indicators as a share of the weights that apply; what was not "
        "measured is left out, below 60 % known there is no score.",
    },
}  # fmt: skip


def to_xlsx(
    told: Overview, judged: Sequence[Judged], index: Index, language: str, now: datetime
) -> bytes:
    """The workbook's bytes; cells that begin like a formula are text."""
    words, body = WORDS[language], io.BytesIO()
    book = xlsxwriter.Workbook(body, {"in_memory": True, "strings_to_formulas": False})
    head = book.add_format({"bold": True, "bg_color": "#e8eef7", "bottom": 1, "text_wrap": True})
    _summary(book.add_worksheet(words["summary"]), told, words, head)
    _table(
        book.add_worksheet(words["units"]), head,
        [words[k] for k in ("unit", "count", "measured", "reachable", "passing", "score")],
        [[u.unit_name, u.sites, u.measured, u.reachable, u.passing, u.score] for u in told.units],
    )  # fmt: skip
    zone = ZoneInfo("Asia/Shanghai")
    lines: list[list[Any]] = []
    for site, evaluation in judged:
        points = {each.code: each for each in evaluation.results} if evaluation else {}
        lines.append(
            [site.name, site.unit_name, site.url, site.vantage or "",
             f"{site.at.astimezone(zone):%Y-%m-%d %H:%M}" if site.at else "", site.score]
            + [_points(points.get(each.code)) for each in index.indicators]
        )  # fmt: skip
    heads = [words[k] for k in ("site", "unit", "url", "vantage", "at", "score")]
    heads += [f"{title(each, language)} /{each.weight:g}" for each in index.indicators]
    _table(book.add_worksheet(words["sites"]), head, heads, lines)
    book.set_properties({"created": now.replace(tzinfo=None)})
    book.close()
    return body.getvalue()


def _points(result: Any) -> Any:
    if result is None or result.state in ("unknown", "not_applicable"):
        return None
    return result.points


def _summary(sheet: Any, told: Overview, words: dict[str, str], head: Any) -> None:
    lines = [
        (words["score"], told.score), (words["count"], told.sites),
        (words["measured"], told.measured), (words["reachable"], told.reachable),
        (words["passing"], told.passing), (words["index"], f"{told.index_title} {told.index}"),
    ]  # fmt: skip
    for row, (label, value) in enumerate(lines):
        sheet.write(row, 0, label, head)
        sheet.write(row, 1, value)
    row = len(lines) + 1
    for place, label in enumerate((words["action"], words["gain"], words["remedy"])):
        sheet.write(row, place, label, head)
    for each in told.actions:
        row += 1
        sheet.write_row(row, 0, [each.title, each.gain, each.remedy])
    sheet.write(row + 2, 0, words["method"])
    sheet.set_column(0, 0, 34)
    sheet.set_column(1, 1, 16)
    sheet.set_column(2, 2, 70)


def _table(sheet: Any, head: Any, heads: Sequence[str], lines: Sequence[Sequence[Any]]) -> None:
    sheet.write_row(0, 0, heads, head)
    for row, line in enumerate(lines, 1):
        for place, value in enumerate(line):
            sheet.write(row, place, plain_text(value) if isinstance(value, str) else value)
    sheet.freeze_panes(1, 1)
    sheet.autofilter(0, 0, max(len(lines), 1), len(heads) - 1)
    sheet.set_column(0, 2, 26)
    sheet.set_column(3, len(heads) - 1, 14)
