"""A usage report as DOCX, to be edited in an office: text and tables, without the curves."""

from __future__ import annotations

import io
from typing import Any

from docx import Document
from docx.enum.section import WD_ORIENT
from docx.shared import Mm, Pt

from controller.reports.letter_docx import put_font, repeat_heads, speak_chinese
from controller.reports.usage_data import UsageData
from controller.reports.usage_words import Section, Sheet, write

BODY, HEAD = "宋体", "黑体"
CHARTS = "（曲线见 PDF 或网页版报告）"
NUMBERS = "一二三四五六七八九"


def as_docx(data: UsageData) -> bytes:
    """Word and WPS replace a font that is not there by one of the same kind."""
    report = write(data)
    document: Any = Document()
    speak_chinese(document)
    _landscape(document.sections[0])
    _line(document, report.title, HEAD, 18, "center")
    _line(document, report.facts, BODY, 10.5, "center")
    for place, section in enumerate(report.sections):
        _section(document, section, place)
    _line(document, "说明", HEAD, 14)
    for number, note in enumerate(report.notes, 1):
        _line(document, f"{number}. {note}", BODY, 10.5)
    _line(document, report.closing, BODY, 10.5)
    document.core_properties.title = report.title
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def _landscape(section: Any) -> None:
    section.orientation = WD_ORIENT.LANDSCAPE
    section.page_width, section.page_height = Mm(297), Mm(210)
    section.left_margin = section.right_margin = Mm(18)
    section.top_margin = section.bottom_margin = Mm(18)


def _section(document: Any, section: Section, place: int) -> None:
    title = section.title
    if not title.startswith("附"):
        title = f"{NUMBERS[place]}、{title}"
    _line(document, title, HEAD, 14).paragraph_format.keep_with_next = True
    for paragraph in section.paragraphs:
        _line(document, paragraph, BODY, 12)
    if section.charts:
        _line(document, CHARTS, BODY, 10.5)
    for sheet in section.sheets:
        if sheet.title:
            _line(document, sheet.title, HEAD, 12).paragraph_format.keep_with_next = True
        if sheet.rows:
            _table(document, sheet)
        if sheet.note:
            _line(document, sheet.note, BODY, 10.5)


def _table(document: Any, sheet: Sheet) -> None:
    table = document.add_table(rows=1 + len(sheet.rows), cols=len(sheet.heads), style="Table Grid")
    repeat_heads(table)
    # Cells by their rows: python-docx finds a table's cell by number in quadratic time.
    for row, texts in zip(table.rows, [sheet.heads, *sheet.rows], strict=True):
        font = HEAD if texts is sheet.heads else BODY
        for place, (cell, text) in enumerate(zip(row.cells, texts, strict=True)):
            paragraph = cell.paragraphs[0]
            paragraph.paragraph_format.space_after = Pt(0)
            paragraph.alignment = 2 if place >= sheet.figures_from else 0
            put_font(paragraph.add_run(text), font, Pt(9))


def _line(document: Any, text: str, font: str, points: float, align: str = "left") -> Any:
    paragraph = document.add_paragraph()
    paragraph.alignment = 1 if align == "center" else 0
    paragraph.paragraph_format.space_after = Pt(4)
    put_font(paragraph.add_run(text), font, Pt(points))
    return paragraph
