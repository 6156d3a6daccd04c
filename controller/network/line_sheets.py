"""Coverage and county uplinks as XLSX workbooks."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence

import xlsxwriter

from controller.network.coverage import Coverage, CoverageRow
from controller.network.line_words import CITY, LEVELS, said
from controller.network.targets import Target

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

Sheet = tuple[str, Sequence[str], Iterable[Sequence[object]]]
"""(name, heads, rows)"""


def workbook(sheets: Sequence[Sheet]) -> bytes:
    """A workbook; a cell that is None stays empty, a text is never taken for a formula."""
    file = io.BytesIO()
    book = xlsxwriter.Workbook(
        file, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    )
    head = book.add_format({"bold": True, "bg_color": "#EDF3FC", "bottom": 1})
    for name, heads, rows in sheets:
        sheet = book.add_worksheet(name)
        sheet.write_row(0, 0, heads, head)
        count = 0
        for count, row in enumerate(rows, 1):
            for column, cell in enumerate(row):
                if cell is not None:
                    sheet.write(count, column, cell)
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, max(count, 1), len(heads) - 1)
        sheet.autofit()
    book.close()
    return file.getvalue()


def coverage_xlsx(found: Coverage, targets: Mapping[str, Target], language: str) -> bytes:
    """By county and level, the whole by level, and every place without a point."""
    english = language == "en"
    heads = (
        ("County", "Level", "Should be connected", "Connected", "Coverage %", "Measured",
         "Reachable", "Reachable %", "Lines", "Contracted Mbit/s", "Target Mbit/s a place",
         "Places with target", "Places that meet it", "Target")
        if english else
        ("县区", "层级", "应接入", "已接入", "接入率 %", "已探测", "可达", "可达率 %", "线路数",
         "签约带宽 Mbps", "单点目标 Mbps", "有目标的对象", "达标对象", "目标")
    )  # fmt: skip

    def row(each: CoverageRow, county: str) -> tuple[object, ...]:
        target = targets.get(each.level)
        title = "" if target is None else target.title_en if english else target.title_zh
        return (
            county, said(LEVELS[each.level], language), each.should, each.connected,
            _round(each.connected_pct), each.measured, each.reachable, _round(each.reachable_pct),
            each.lines, each.bit_s / 1e6,
            None if each.target_bit_s is None else each.target_bit_s / 1e6,
            each.aimed, each.met, title,
        )  # fmt: skip

    total = "All" if english else "合计"
    rows = [row(each, each.county_name or said(CITY, language)) for each in found.rows]
    rows += [row(each, total) for each in found.levels]
    lacking_heads = (
        ("County", "Level", "Unit", "Unit code", "Community", "Planned point")
        if english
        else ("县区", "层级", "单位", "单位编码", "村(社区)", "规划接入点")
    )
    lacking = (
        (each.county_name or said(CITY, language), said(LEVELS[each.level], language),
         each.unit_name, each.unit_code, each.community, each.planned)
        for each in found.without
    )  # fmt: skip
    names = ("Coverage", "Not connected") if english else ("接入率", "未接入")
    return workbook([(names[0], heads, rows), (names[1], lacking_heads, lacking)])


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
