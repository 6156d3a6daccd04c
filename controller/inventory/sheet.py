"""Spreadsheets and CSV files as rows of cells, with the row and column each came from."""

from __future__ import annotations

import codecs
import csv
import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePath
from typing import Any, BinaryIO

from controller.said import Said, chinese, say

Cell = str | float | bool | datetime
"""As the file has it; an empty cell is ""."""

MAX_BYTES = 50 * 2**20
MAX_ROWS = 200_000
_CHUNK = 2**20


class UnreadableError(Exception):
    """The file cannot be read as a table; the text says why and what to do in both languages."""


@dataclass(frozen=True)
class Row:
    """``number`` is the line or spreadsheet row, from 1; ``cells`` begin in column A."""

    number: int
    cells: tuple[Cell, ...]


@dataclass
class Sheet:
    """One sheet. ``merged`` are (first row, column, last row) of cells merged downwards, from 0."""

    name: str
    rows: list[Row] = field(default_factory=list)
    merged: list[tuple[int, int, int]] = field(default_factory=list)


def read_sheets(file: BinaryIO, name: str) -> list[Sheet]:
    """The visible sheets of an XLSX or XLS file, or the one of a CSV file, without empty rows.

    What the file is, is seen from its content: offices rename. ``file`` must be seekable. Raises
    UnreadableError; its text begins with ``name``.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    head = file.read(512)
    try:
        if size > MAX_BYTES:
            raise UnreadableError(
                say(
                    f"has {size // 2**20} MB, over the limit of {MAX_BYTES // 2**20} MB",
                    f"有 {size // 2**20} MB，超过 {MAX_BYTES // 2**20} MB 的上限：请拆分",
                )
            )
        if not head.strip(b"\0 \r\n\t"):
            raise UnreadableError(say("is empty", "是空文件"))
        if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
            return _read_workbook(file)
        return [_read_csv(file, head, PurePath(name).stem)]
    except UnreadableError as error:
        raise UnreadableError(about_file(name, error)) from None


def about_file(name: str, error: UnreadableError) -> Said:
    """What is wrong with the file called ``name``; as it is where it begins with that already."""
    text = str(error)
    if text.startswith(f"{name} "):
        return say(text, chinese(text))
    return say(f"{name} {text}", f"{name} {chinese(text)}")


def column_letter(index: int) -> str:
    """0 is A, 26 is AA."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _read_workbook(file: BinaryIO) -> list[Sheet]:
    with tempfile.TemporaryFile() as copy:
        file.seek(0)
        while chunk := file.read(_CHUNK):
            copy.write(chunk)
        copy.seek(0)
        with subprocess.Popen(
            [sys.executable, "-m", "controller.inventory.sheet_process", str(MAX_ROWS)],
            stdin=copy,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                sheets = _parse_lines(process.stdout or io.BytesIO())
            except BaseException:
                process.kill()
                raise
    if process.returncode:
        raise UnreadableError(
            say(
                "could not be read within the limits of memory and time: copy the table's cells "
                "into a new workbook (far-off cells count too) and save it as .xlsx",
                "超出读取所限的内存或时间：请只把表格部分复制到新文件（远处的单元格也算）"
                "再另存为 .xlsx",
            )
        )
    return sheets


def _parse_lines(lines: Any) -> list[Sheet]:
    sheets: list[Sheet] = []
    for line in lines:
        try:
            document = json.loads(line)
        except ValueError:
            break  # The process died in the middle of a line; its exit status tells.
        if isinstance(document, list):
            number, first_column, *cells = document
            padding = ("",) * first_column
            sheets[-1].rows.append(Row(number, padding + tuple(map(_cell, cells))))
        elif "error" in document:
            raise UnreadableError(say(document["error"], document["error_zh"]))
        else:
            # A range merged over several columns has its value in the first.
            merged = [
                (top, column, bottom)
                for (top, column), (bottom, _) in document["merged"]
                if bottom > top
            ]
            sheets.append(Sheet(document["sheet"], merged=merged))
    for sheet in sheets:
        _fill_merged(sheet)
    return sheets


def _cell(value: Any) -> Cell:
    if isinstance(value, dict):
        return datetime.fromisoformat(value["d"])
    return value if isinstance(value, str | bool) else float(value)


def _fill_merged(sheet: Sheet) -> None:
    """Writes the value of cells merged downwards into each row they cover."""
    places = {row.number: place for place, row in enumerate(sheet.rows)}
    for top, column, bottom in sheet.merged:
        first = places.get(top + 1)
        if first is None or len(sheet.rows[first].cells) <= column:
            continue
        value = sheet.rows[first].cells[column]
        for place in range(first + 1, len(sheet.rows)):
            row = sheet.rows[place]
            if row.number > bottom + 1:
                break
            cells = [*row.cells, *[""] * (column + 1 - len(row.cells))]
            cells[column] = value
            sheet.rows[place] = Row(row.number, tuple(cells))


def _read_csv(file: BinaryIO, head: bytes, name: str) -> Sheet:
    if (
        head.lstrip(b"\xef\xbb\xbf \r\n\t")
        .lower()
        .startswith((b"<!doctype", b"<html", b"<table", b"<?xml"))
    ):
        raise UnreadableError(
            say(
                "is a web page under another name: open it and save it as .xlsx",
                "实际是网页：请打开后另存为 .xlsx",
            )
        )
    encoding = _encoding(file, head)
    file.seek(0)
    text = io.TextIOWrapper(_Unclosed(file), encoding=encoding, newline="")
    try:
        first = text.read(65536)
        if "\0" in first:
            raise UnreadableError(
                say(
                    "is neither a spreadsheet nor CSV text: save it as .xlsx or CSV",
                    "既不是表格文件也不是 CSV 文本：请另存为 .xlsx 或 CSV",
                )
            )
        text.seek(0)
        return Sheet(name, list(_csv_rows(text, _delimiter(first))))
    except csv.Error as error:
        raise UnreadableError(
            say(
                f"is not CSV: {error}; save it again as CSV",
                f"不是 CSV（{error}）：请重新另存为 CSV",
            )
        ) from None
    finally:
        text.detach()


class _Unclosed(io.BufferedReader):
    """Lends a file to a text reader, which would close it."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(_Raw(file))


class _Raw(io.RawIOBase):
    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


def _encoding(file: BinaryIO, head: bytes) -> str:
    """UTF-8 with or without mark, UTF-16 with mark (Excel's "Unicode text"), else GB18030."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        candidates = ["utf-16"]
    else:
        candidates = ["utf-8-sig", "gb18030"]
    for candidate in candidates:
        decoder = codecs.getincrementaldecoder(candidate)()
        file.seek(0)
        try:
            while chunk := file.read(_CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            continue
        return candidate
    raise UnreadableError(
        say(
            "is neither UTF-8 nor GBK text: save it as .xlsx or as CSV UTF-8",
            "既不是 UTF-8 也不是 GBK 文本：请另存为 .xlsx 或 UTF-8 编码的 CSV",
        )
    )


def _delimiter(text: str) -> str:
    """The separator that occurs most in the first lines."""
    start = "\n".join(text.splitlines()[:10])
    return max(",\t;", key=start.count)


def _csv_rows(text: io.TextIOWrapper, delimiter: str) -> Iterator[Row]:
    reader = csv.reader(text, delimiter=delimiter)
    number = 1
    found = 0
    for cells in reader:
        # A quoted cell may hold line breaks: a record is named by its first line.
        if any(cell.strip() for cell in cells):
            found += 1
            if found > MAX_ROWS:
                raise UnreadableError(
                    say(
                        f"has more than {MAX_ROWS} rows: split the file",
                        f"超过 {MAX_ROWS} 行：请拆分后再导入",
                    )
                )
            yield Row(number, tuple(cells))
        number = reader.line_num + 1
