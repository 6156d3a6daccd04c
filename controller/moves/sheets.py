"""Tables as workbooks to save: heads, rows, nothing that an office program takes for a formula."""

from __future__ import annotations

import io
from collections.abc import Sequence
from urllib.parse import quote

import xlsxwriter
from fastapi import Response

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def to_xlsx(title: str, heads: Sequence[str], rows: Sequence[Sequence[object]]) -> bytes:
    """A workbook of one sheet."""
    return book([(title, heads, rows)])


def book(sheets: Sequence[tuple[str, Sequence[str], Sequence[Sequence[object]]]]) -> bytes:
    """A workbook of sheets (title, heads, rows)."""
    body = io.BytesIO()
    made = xlsxwriter.Workbook(
        body, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    )
    bold = made.add_format({"bold": True, "bg_color": "#e8eef7", "bottom": 1, "text_wrap": True})
    for title, heads, rows in sheets:
        sheet = made.add_worksheet(title)
        sheet.write_row(0, 0, heads, bold)
        for number, row in enumerate(rows, 1):
            for place, value in enumerate(row):
                if value is not None:
                    sheet.write(number, place, value)
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, max(len(rows), 1), max(len(heads) - 1, 0))
        for place, head in enumerate(heads):
            widest = max([len(str(row[place] or "")) for row in rows[:200]] + [len(head)])
            sheet.set_column(place, place, min(max(widest * 1.6, 8), 48))
    made.close()
    return body.getvalue()


def attachment(body: bytes, name: str, media: str = XLSX) -> Response:
    """A file to save under ``name``."""
    head = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
    return Response(body, media_type=media, headers=head)
