"""Tables of the ledger as files: CSV with a mark as office programs want it, or XLSX."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

import xlsxwriter
from fastapi import Response

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def attachment(
    kind: str, name: str, heads: Sequence[str], rows: Iterable[Sequence[object]]
) -> Response:
    """A file to save; ``kind`` csv or xlsx."""
    body, media = (
        (_xlsx(heads, rows), XLSX)
        if kind == "xlsx"
        else (_csv(heads, rows), "text/csv; charset=utf-8")
    )
    return Response(
        body,
        media_type=media,
        headers={"Content-Disposition": f'attachment; filename="{name}.{kind}"'},
    )


def _csv(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(heads)
    for row in rows:
        writer.writerow([_harmless(cell) for cell in row])
    return file.getvalue().encode("utf-8-sig")


def _harmless(cell: object) -> object:
    """A text that an office program would take for a formula, marked as text."""
    if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        return "'" + cell
    return cell


def _xlsx(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    file = io.BytesIO()
    book = xlsxwriter.Workbook(
        file, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    )
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, heads, book.add_format({"bold": True, "bg_color": "#EDF3FC"}))
    count = 0
    for count, row in enumerate(rows, 1):
        for column, cell in enumerate(row):
            if cell is not None:
                sheet.write(count, column, cell)
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, max(count, 1), len(heads) - 1)
    book.close()
    return file.getvalue()
