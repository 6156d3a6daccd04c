"""A usage report as a workbook: figures, a chart, and a sheet that says how they were computed."""

from __future__ import annotations

import io
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import xlsxwriter

from controller.usage.columns import FIGURES, NAMES, PUBLIC, Column, shown
from controller.usage.model import UsageReport, UsageRow

CHART_ROWS = 20
"""More bars than that nobody reads."""

_FORMATS = {"count": "#,##0.##", "pct": "0.0", "bytes": "#,##0.0", "rate": "#,##0.00"}
_TITLES = {
    "unit": "各单位资源使用情况",
    "system": "各业务系统资源使用情况",
    "resource": "各资源使用情况",
    "zone": "各网络区资源使用情况",
    "site": "各中心资源使用情况",
}

METHOD = (
    "统计粒度为 5 分钟;某单位(业务系统、网络区、中心)的 CPU 使用率 = 有数据资源的用量之和 ÷ "
    "其分配量之和,逐时段计算(按 vCPU 加权),再对时间取平均和 P95;内存、存储按字节同样计算。",
    "单个资源的 P95 为其 5 分钟均值按最近秩法(第 ⌈0.95·n⌉ 小)取得的第 95 百分位。",
    "CPU 峰值:单个资源为 5 秒峰值,单位等为最高的 5 分钟时段。",
    "某时段有数据的分配量不足 80% 时,该时段记为数据缺失,不参与统计,也不按 0 计。",
    "资源数与分配量为统计期末的数值;使用量按各时段当时的归属与分配计算;单位含其下级。",
    "公共支撑资源计入持有单位的各项用量,不参与排名;排名用平均值按分配量扣除公共支撑后得出。",
    "数据完整率 = 实有时段数 ÷ 资源存续期间应有时段数;空白单元格表示没有可用数据。",
)


def to_xlsx(report: UsageReport, zone: ZoneInfo) -> bytes:
    """The workbook's bytes."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False}) as book:
        _figures(book, report, zone)
        _notes(book, report, zone)
    return out.getvalue()


def _figures(book: Any, report: UsageReport, zone: ZoneInfo) -> None:
    sheet = book.add_worksheet("使用情况")
    columns = NAMES[report.by] + FIGURES
    if any(row.public_support for row in report.rows):
        columns += PUBLIC.get(report.by, ())
    title = book.add_format({"bold": True, "font_size": 14})
    grey = book.add_format({"font_color": "#666666"})
    head = book.add_format(
        {"bold": True, "bg_color": "#1F4E79", "font_color": "white", "border": 1,
         "text_wrap": True, "align": "center", "valign": "vcenter"}
    )  # fmt: skip
    formats = {
        kind: book.add_format({"num_format": form, "border": 1}) for kind, form in _FORMATS.items()
    }
    formats["text"] = book.add_format({"border": 1})
    sheet.write(0, 0, _TITLES[report.by], title)
    whole = "—" if report.coverage_pct is None else f"{report.coverage_pct:.1f}%"
    sheet.write(
        1,
        0,
        f"统计期:{_moment(report.since, zone)} 至 {_moment(report.until, zone)}(不含);"
        f"数据完整率:{whole};生成时间:{_moment(report.generated, zone)}",
        grey,
    )
    first = 3
    for place, column in enumerate(columns):
        sheet.write(first, place, column.zh, head)
        sheet.set_column(place, place, 26 if column.kind == "text" else 13)
    for line, row in enumerate(report.rows, first + 1):
        for place, column in enumerate(columns):
            _cell(sheet, (line, place), row, column, formats)
    last = first + len(report.rows)
    sheet.set_row(first, 34)
    sheet.freeze_panes(first + 1, len(NAMES[report.by]))
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(first)
    sheet.set_paper(9)
    if report.rows:
        sheet.autofilter(first, 0, last, len(columns) - 1)
        for field in ("cpu_avg_pct", "mem_avg_pct", "disk_used_pct"):
            place = [column.field for column in columns].index(field)
            sheet.conditional_format(
                first + 1, place, last, place,
                {"type": "data_bar", "bar_color": "#9DC3E6", "bar_solid": True,
                 "min_type": "num", "min_value": 0, "max_type": "num", "max_value": 100},
            )  # fmt: skip
        _chart(book, report, [column.field for column in columns], first)


def _cell(
    sheet: Any, at: tuple[int, int], row: UsageRow, column: Column, formats: dict[str, Any]
) -> None:
    value = getattr(row, column.field)
    style = formats[column.kind]
    if column.kind == "text":
        indent = "　" * row.depth if column.field == "unit_name" else ""
        sheet.write_string(*at, indent + (value or ""), style)
        return
    figure = shown(value, column.kind)
    if figure is None:
        sheet.write_blank(*at, None, style)
    else:
        sheet.write_number(*at, figure, style)


def _chart(book: Any, report: UsageReport, fields: list[str], first: int) -> None:
    """CPU and memory of the first rows, on a sheet of its own."""
    sheet = book.add_worksheet("图表")
    chart = book.add_chart({"type": "bar"})
    last = first + min(CHART_ROWS, len(report.rows))
    label = max(0, len(NAMES[report.by]) - 1) if report.by in ("system", "resource") else 0
    for field, name, colour in (
        ("cpu_avg_pct", "CPU 平均(%)", "#2E75B6"),
        ("cpu_p95_pct", "CPU P95(%)", "#9DC3E6"),
        ("mem_avg_pct", "内存平均(%)", "#70AD47"),
    ):
        place = fields.index(field)
        chart.add_series(
            {
                "name": name,
                "categories": ["使用情况", first + 1, label, last, label],
                "values": ["使用情况", first + 1, place, last, place],
                "fill": {"color": colour},
            }
        )
    chart.set_title({"name": _TITLES[report.by]})
    chart.set_x_axis({"name": "使用率(%)", "min": 0})
    chart.set_y_axis({"reverse": True})
    chart.set_legend({"position": "bottom"})
    chart.set_size({"width": 960, "height": 140 + 42 * (last - first)})
    sheet.insert_chart("A1", chart)


def _notes(book: Any, report: UsageReport, zone: ZoneInfo) -> None:
    sheet = book.add_worksheet("统计说明")
    wrap = book.add_format({"text_wrap": True, "valign": "top"})
    sheet.set_column(0, 0, 100)
    scope = "" if report.unit_name is None else f"范围:{report.unit_name}(含下级)。"
    whole = "没有可用数据" if report.coverage_pct is None else f"{report.coverage_pct:.1f}%"
    lines = (
        *METHOD,
        f"{scope}统计期:{_moment(report.since, zone)} 至 {_moment(report.until, zone)}(不含),"
        f"时区 {zone.key};总体数据完整率:{whole}。",
    )
    for line, text in enumerate(lines):
        sheet.write_string(line, 0, f"{line + 1}. {text}", wrap)


def _moment(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M")
