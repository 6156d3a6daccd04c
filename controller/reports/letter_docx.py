"""A letter as DOCX, to be taken into the OA: the same form with the office's own fonts."""

from __future__ import annotations

import io
from typing import Any

from docx import Document
from docx.enum.table import WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_BREAK, WD_LINE_SPACING
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt

from controller.reports.letter_page import DATE_EMS
from controller.reports.letters import HEADS, Letter

BODY, BOLD, HEAD = "仿宋", "方正小标宋简体", "黑体"
SIZE, LINE = Pt(16), Pt(28.9)
WIDTHS = (9, 36, 26, 23, 44, 18)
"""Of the table's columns in mm; together 156, what the margins leave."""


def as_docx(letter: Letter) -> bytes:
    """Word and WPS replace a font that is not there by one of the same kind."""
    document: Any = Document()
    document.settings.odd_and_even_pages_header_footer = True
    speak_chinese(document)
    _page(document.sections[0])
    _normal(document.styles["Normal"])
    _line(document, letter.title, BOLD, Pt(22), "center", indent=0, line=Pt(33))
    _line(document, letter.number, BODY, SIZE, "center", indent=0)
    _line(document, "", BODY, SIZE, "left")
    _line(document, f"{letter.addressee}：", BODY, SIZE, "left", indent=0)
    body = [_line(document, each, BODY, SIZE, "justify") for each in letter.paragraphs]
    between = [
        _line(document, text, BODY, SIZE, "left")
        for text in ("", f"附件：{letter.attachment}", "", "")
    ]
    # The signature never stands on a page without any of the text.
    for each in (*body[-1:], *between):
        each.paragraph_format.keep_with_next = True
    by = _line(document, letter.signature, BODY, SIZE, "right", indent=0)
    # Centred over the date, whose right edge stands four characters in.
    ems = max(2.0, DATE_EMS - len(letter.signature) / 2)
    by.paragraph_format.right_indent = Pt(16 * ems)
    date = _line(document, letter.dated, BODY, SIZE, "right", indent=0)
    date.paragraph_format.right_indent = Pt(64)
    by.paragraph_format.keep_with_next = True
    date.add_run().add_break(WD_BREAK.PAGE)
    _line(document, "附件", HEAD, SIZE, "left", indent=0)
    _line(document, letter.attachment, BOLD, Pt(22), "center", indent=0, line=Pt(33))
    _table(document, letter)
    document.core_properties.title = letter.title
    document.core_properties.author = letter.signature
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def speak_chinese(document: Any) -> None:
    """Where a font is not there, another of simplified Chinese takes its place, with its commas."""
    for language in document.styles.element.iter(qn("w:lang")):
        language.set(qn("w:eastAsia"), "zh-CN")


def _page(section: Any) -> None:
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.top_margin, section.bottom_margin = Mm(37), Mm(35)
    section.left_margin, section.right_margin = Mm(28), Mm(26)
    section.footer_distance = Mm(28)
    # On the outer side: right of odd pages, left of even ones, one character in.
    for footer, side in (
        (section.footer, WD_ALIGN_PARAGRAPH.RIGHT),
        (section.even_page_footer, WD_ALIGN_PARAGRAPH.LEFT),
    ):
        paragraph = footer.paragraphs[0]
        paragraph.alignment = side
        paragraph.paragraph_format.left_indent = Pt(14)
        paragraph.paragraph_format.right_indent = Pt(14)
        _number(paragraph)


def _number(paragraph: Any) -> None:
    for part in ("— ", "PAGE", " —"):
        run = paragraph.add_run("" if part == "PAGE" else part)
        put_font(run, "宋体", Pt(14))
        if part == "PAGE":
            for kind, text in (("begin", ""), ("", " PAGE "), ("end", "")):
                run._r.append(_field(kind, text))


def _field(kind: str, text: str) -> Any:
    if kind:
        mark = OxmlElement("w:fldChar")
        mark.set(qn("w:fldCharType"), kind)
        return mark
    instruction = OxmlElement("w:instrText")
    instruction.set(qn("xml:space"), "preserve")
    instruction.text = text
    return instruction


def _normal(style: Any) -> None:
    style.font.size = SIZE
    style.font.name = BODY
    style.element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), BODY)


def _line(
    document: Any, text: str, font: str, size: Any, align: str, *, indent: int = 2, line: Any = LINE
) -> Any:
    paragraph = document.add_paragraph()
    form = paragraph.paragraph_format
    form.space_before = form.space_after = Pt(0)
    form.line_spacing_rule, form.line_spacing = WD_LINE_SPACING.EXACTLY, line
    form.first_line_indent = Pt(16 * indent)
    paragraph.alignment = getattr(WD_ALIGN_PARAGRAPH, align.upper())
    put_font(paragraph.add_run(text), font, size)
    return paragraph


def put_font(run: Any, font: str, size: Any) -> None:
    """``font`` for Latin and Chinese characters alike."""
    run.font.name, run.font.size = font, size
    run._r.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), font)


def _table(document: Any, letter: Letter) -> None:
    table = document.add_table(rows=1, cols=len(HEADS), style="Table Grid")
    table.alignment, table.autofit = WD_TABLE_ALIGNMENT.CENTER, False
    for cell, head in zip(table.rows[0].cells, HEADS, strict=True):
        _cell(cell, head, HEAD, "center")
    repeat_heads(table)
    for row in letter.rows:
        cells = table.add_row().cells
        for place, (cell, text) in enumerate(zip(cells, row, strict=True)):
            _cell(cell, text, BODY, "center" if place in (0, 5) else "left")
    # Word goes by the cells, WPS and LibreOffice by the columns.
    for column, width in zip(table.columns, WIDTHS, strict=True):
        column.width = Mm(width)
    for row in table.rows:
        for cell, width in zip(row.cells, WIDTHS, strict=True):
            cell.width = Mm(width)
        # A resource's line is not torn over two pages.
        row._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit"))


def repeat_heads(table: Any) -> None:
    """The first row again on every page."""
    repeat = OxmlElement("w:tblHeader")
    repeat.set(qn("w:val"), "true")
    table.rows[0]._tr.get_or_add_trPr().append(repeat)


def _cell(cell: Any, text: str, font: str, align: str) -> None:
    paragraph = cell.paragraphs[0]
    paragraph.alignment = getattr(WD_ALIGN_PARAGRAPH, align.upper())
    paragraph.paragraph_format.space_after = Pt(0)
    put_font(paragraph.add_run(text), font, Pt(10.5))
