"""Files made to exhaust the machine are refused, within limits, and the reason is said."""

from __future__ import annotations

import io
import resource
import time
import zipfile
from collections.abc import Callable

import pytest
from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from controller.inventory.sheet import UnreadableError, read_sheets

GIB = 2**30

CONTENT_TYPES = """<?xml version="1.0" encoding="UTF-8"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Default Extension="xml" ContentType="application/xml"/>
<Override PartName="/xl/workbook.xml" ContentType=\
"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>"""
RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def package(sheet: Callable[[], object], strings: Callable[[], object] | None = None) -> io.BytesIO:
    """A workbook made by hand; the parts give their text in pieces."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("[Content_Types].xml", CONTENT_TYPES)
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{PACKAGE}"><Relationship Id="r1" '
            f'Type="{RELATION}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{MAIN}" xmlns:r="{RELATION}"><sheets>'
            '<sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>',
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{PACKAGE}"><Relationship Id="r1" Type="{RELATION}/worksheet" '
            f'Target="worksheets/sheet1.xml"/><Relationship Id="r2" '
            f'Type="{RELATION}/sharedStrings" Target="sharedStrings.xml"/></Relationships>',
        )
        for name, part in (("worksheets/sheet1.xml", sheet), ("sharedStrings.xml", strings)):
            if part is not None:
                with archive.open(f"xl/{name}", "w", force_zip64=True) as out:
                    for piece in part():  # type: ignore[attr-defined]
                        out.write(piece.encode())
    file.seek(0)
    return file


def a_cell_in_the_last_corner() -> io.BytesIO:
    book = Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    sheet["A1"], sheet["B1"], sheet["XFD1048576"] = "code", "name", 1
    file = io.BytesIO()
    book.save(file)
    return file


def spaces_without_end() -> io.BytesIO:
    def sheet() -> object:
        yield f'<worksheet xmlns="{MAIN}"><sheetData>'
        for _ in range(900):
            yield " " * 2**20
        yield "</sheetData></worksheet>"

    return package(sheet)


def one_long_text_in_every_cell() -> io.BytesIO:
    def sheet() -> object:
        yield f'<worksheet xmlns="{MAIN}"><sheetData>'
        for row in range(1, 20_001):
            cells = "".join(f'<c r="{letter}{row}" t="s"><v>0</v></c>' for letter in "ABCDEFGHIJ")
            yield f'<row r="{row}">{cells}</row>'
        yield "</sheetData></worksheet>"

    def strings() -> object:
        yield f'<sst xmlns="{MAIN}" count="1" uniqueCount="1"><si><t>{"x" * 32_000}</t></si></sst>'

    return package(sheet, strings)


def a_long_text_in_many_cells() -> io.BytesIO:
    """Small enough to be read, too much to be handed on."""

    def sheet() -> object:
        yield f'<worksheet xmlns="{MAIN}"><sheetData>'
        for row in range(1, 9_001):
            yield f'<row r="{row}"><c r="A{row}" t="s"><v>0</v></c></row>'
        yield "</sheetData></worksheet>"

    def strings() -> object:
        yield f'<sst xmlns="{MAIN}" count="1" uniqueCount="1"><si><t>{"x" * 32_000}</t></si></sst>'

    return package(sheet, strings)


def rows_without_end() -> io.BytesIO:
    def sheet() -> object:
        yield f'<worksheet xmlns="{MAIN}"><sheetData>'
        for row in range(1, 200_100):
            yield f'<row r="{row}"><c r="A{row}"><v>1</v></c></row>'
        yield "</sheetData></worksheet>"

    return package(sheet)


def entities_without_end() -> io.BytesIO:
    def sheet() -> object:
        yield '<!DOCTYPE w [<!ENTITY a "aaaaaaaaaa">'
        for name, before in zip("bcdefghi", "abcdefgh", strict=True):
            yield f'<!ENTITY {name} "{f"&{before};" * 10}">'
        yield f']><worksheet xmlns="{MAIN}"><sheetData><row r="1"><c r="A1" t="inlineStr">'
        yield "<is><t>&i;</t></is></c></row></sheetData></worksheet>"

    return package(sheet)


@pytest.mark.parametrize(
    "make",
    [
        a_cell_in_the_last_corner,
        spaces_without_end,
        one_long_text_in_every_cell,
        a_long_text_in_many_cells,
        rows_without_end,
    ],
)
def test_a_file_that_asks_for_too_much_is_refused(make: Callable[[], io.BytesIO]) -> None:
    file = make()
    assert file.getbuffer().nbytes < 8 * 2**20
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.monotonic()
    with pytest.raises(
        UnreadableError, match=r"^x\.xlsx (could not be read|would inflate|has more|holds far)"
    ):
        read_sheets(file, "x.xlsx")
    assert time.monotonic() - started < 60
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < 0.3 * GIB


def test_entities_are_not_multiplied() -> None:
    try:
        sheets = read_sheets(entities_without_end(), "x.xlsx")
    except UnreadableError:
        return
    cells = [cell for sheet in sheets for row in sheet.rows for cell in row.cells]
    assert all(len(str(cell)) < 1000 for cell in cells)


def test_a_csv_of_too_many_rows_or_too_long_cells_is_refused() -> None:
    with pytest.raises(UnreadableError, match="more than 200000 rows"):
        read_sheets(io.BytesIO(b"code\n" * 200_002), "x.csv")
    with pytest.raises(UnreadableError, match="is not CSV: field larger"):
        read_sheets(io.BytesIO(b'code\n"' + b"x" * 200_000), "x.csv")
    with pytest.raises(UnreadableError, match="over the limit of 50 MB"):
        read_sheets(io.BytesIO(b"x" * (50 * 2**20 + 1)), "x.csv")
