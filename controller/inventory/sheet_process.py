"""Reads a spreadsheet in a process of its own: ``python -m controller.inventory.sheet_process``.

A spreadsheet of a few kilobytes can ask for hundreds of gigabytes (deflated zeros, one cell in the
last column of the last row). So the reading is done where memory and time are limited and a crash
takes nothing along. The file is standard input; standard output is one JSON document a line: for
each visible sheet ``{"sheet", "merged"}``, then ``[row number, first column, cells…]`` for each
row that is not empty. A date is ``{"d": ISO 8601}``; a file that cannot be read gives
``{"error": reason, "error_zh": the same in Chinese}``.
"""

from __future__ import annotations

import json
import re
import resource
import sys
import zipfile
from datetime import date, datetime
from typing import Any, BinaryIO, TextIO

from python_calamine import (
    CalamineError,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

MEMORY_BYTES = 1_536 * 2**20
"""Address space; a register of 200,000 rows needs about a third of it."""
CPU_SECONDS = 60
INFLATED_BYTES = 800 * 2**20
"""What an XLSX may declare to inflate to. One that lies meets the limit of memory."""


TEXT_CHARACTERS = 200 * 2**20
"""What all cells together may write; 200,000 rows of a register write a quarter of it."""


class UnreadableError(Exception):
    """The text says what to do about it, in both languages."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.zh = zh


def write_rows(file: BinaryIO, out: TextIO, max_rows: int) -> None:
    """Writes the document of each row of each visible sheet. Raises UnreadableError."""
    _check_container(file)
    file.seek(0)
    writer = _Writer(out)
    try:
        book = CalamineWorkbook.from_filelike(file)
        for metadata in book.sheets_metadata:
            if (
                metadata.visible is SheetVisibleEnum.Visible
                and metadata.typ is SheetTypeEnum.WorkSheet
            ):
                _write_sheet(book, metadata.name, writer, max_rows)
    except PasswordError:
        raise UnreadableError(
            "is protected by a password: save it without one", "设有密码：请另存为不设密码的文件"
        ) from None
    except CalamineError as error:
        raise UnreadableError(
            f"is not a whole spreadsheet ({error}): save it again as .xlsx",
            f"不是完整的表格文件（{error}）：请重新另存为 .xlsx",
        ) from None


def _check_container(file: BinaryIO) -> None:
    file.seek(0)
    if file.read(4) != b"PK\x03\x04":
        return
    try:
        with zipfile.ZipFile(file) as archive:
            names = set(archive.namelist())
            inflated = sum(entry.file_size for entry in archive.infolist())
            empty = None if inflated > INFLATED_BYTES else _cell_without_value(archive)
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError):
        raise UnreadableError(
            "is cut off or damaged: save it again as .xlsx", "不完整或已损坏：请重新另存为 .xlsx"
        ) from None
    if empty:
        what, cell = empty
        raise UnreadableError(
            f"has {what} in cell {cell}: open it in a spreadsheet program, put the value in its "
            "place, and save it again",
            f"单元格 {cell} {_EMPTY_ZH[what]}：请在表格软件中打开，改为实际的值后再保存",
        )
    if "xl/workbook.xml" not in names and not any(
        name.startswith("xl/worksheets/") for name in names
    ):
        raise UnreadableError(
            "is an archive but no .xlsx workbook: save it as .xlsx or CSV",
            "是压缩文件，不是 .xlsx 表格：请另存为 .xlsx 或 CSV",
        )
    if inflated > INFLATED_BYTES:
        raise UnreadableError(
            f"would inflate to {inflated // 2**20} MB: that is no register, split the file",
            f"解压后有 {inflated // 2**20} MB：不像台账，请拆分后再导入",
        )


_FORMULA = re.compile(
    rb'<c [^>]*?\br="([A-Z]+[0-9]+)"[^>]*>\s*<f(?:\s[^>]*)?(?:/>|>[^<]*</f>)\s*'
    rb"(?:<v\s*/>|<v></v>)?\s*</c>"
)
_ERROR = re.compile(rb'<c (?=[^>]*\bt="e")[^>]*?\br="([A-Z]+[0-9]+)"')
_PIECE = 1 << 20


_EMPTY_ZH = {
    "an error of the spreadsheet": "是计算错误",
    "a formula without a result": "的公式没有计算结果",
}


def _cell_without_value(archive: zipfile.ZipFile) -> tuple[str, str] | None:
    """(what, cell): the first with a formula that nobody computed, or with an error (#REF!): both
    would read as empty."""
    for name in archive.namelist():
        if not name.startswith("xl/worksheets/sheet"):
            continue
        with archive.open(name) as sheet:
            kept = b""
            while piece := sheet.read(_PIECE):
                text = kept + piece
                if b'"e"' in text and (found := _ERROR.search(text)):
                    return "an error of the spreadsheet", found[1].decode()
                if b"<f" in text and (found := _FORMULA.search(text)):
                    return "a formula without a result", found[1].decode()
                kept = text[-4096:]
    return None


class _Writer:
    """Writes documents until there are too many characters."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._left = TEXT_CHARACTERS

    def write(self, document: Any) -> None:
        """Raises UnreadableError."""
        line = json.dumps(document)
        self._left -= len(line)
        if self._left < 0:
            raise UnreadableError(
                "holds far more text than a register: copy the table alone",
                "文字远多于一份台账：请只复制其中的表格",
            )
        self._out.write(line + "\n")


def _write_sheet(book: CalamineWorkbook, name: str, out: _Writer, max_rows: int) -> None:
    sheet = book.get_sheet_by_name(name)
    out.write({"sheet": name, "merged": sheet.merged_cell_ranges or []})
    first_column = sheet.start[1] if sheet.start else 0
    written = 0
    for number, cells in enumerate(sheet.iter_rows(), start=1):
        if not any(cell != "" for cell in cells):
            continue
        written += 1
        if written > max_rows:
            raise UnreadableError(
                f"has more than {max_rows} rows in sheet {name!r}: split the file",
                f"工作表“{name}”超过 {max_rows} 行：请拆分后再导入",
            )
        out.write([number, first_column, *map(_plain, cells)])


def _plain(cell: Any) -> Any:
    if isinstance(cell, date | datetime):
        return {"d": cell.isoformat()}
    return cell if isinstance(cell, str | bool | int | float) else str(cell)


def main(max_rows: int) -> int:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        write_rows(sys.stdin.buffer, sys.stdout, max_rows)
    except UnreadableError as error:
        sys.stdout.write(json.dumps({"error": str(error), "error_zh": error.zh}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
