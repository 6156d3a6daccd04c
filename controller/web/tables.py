"""Tables that the server sorts, filters and pages, and their export as CSV or XLSX."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import xlsxwriter
from fastapi.responses import Response

from controller.web.render import link

Row = TypeVar("Row")

PAGE_SIZE = 50


@dataclass(frozen=True)
class TableState:
    """How a table is shown now. ``query`` holds the other parameters of its address; a ``page``
    beyond the last is the last, as in ``cut``."""

    path: str
    query: Mapping[str, str]
    sort: str
    descending: bool
    page: int
    size: int
    total: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "page", min(self.page, self.pages))

    @property
    def pages(self) -> int:
        return last_page(self.total, self.size)

    def sort_link(self, key: str, numeric: bool = False) -> str:
        """Sorts by ``key``; once more turns it round. Figures start with the highest."""
        descending = (not self.descending) if key == self.sort else numeric
        return link(self.path, self.query, sort=f"-{key}" if descending else key)

    def page_link(self, page: int) -> str:
        return link(self.path, self.query, sort=self.sort_word, page=page)

    @property
    def sort_word(self) -> str:
        """The sort as the query says it: ``-`` before the word is descending."""
        return f"-{self.sort}" if self.descending else self.sort


@dataclass(frozen=True)
class ExportLink:
    """One line of the export menu."""

    format: str
    label: str
    href: str


def parse_sort(asked: str, allowed: Iterable[str], default: str) -> tuple[str, bool]:
    """(key, descending) of the query's ``sort``; what is not allowed falls back to ``default``."""
    word = asked if asked.removeprefix("-") in set(allowed) else default
    return word.removeprefix("-"), word.startswith("-")


def parse_page(asked: str) -> int:
    """The page of the query, at least 1."""
    return max(1, int(asked)) if asked.isdecimal() and len(asked) < 7 else 1


def ordered(rows: Iterable[Row], key: Callable[[Row], Any], *, descending: bool) -> list[Row]:
    """``rows`` by ``key``; those without a value last, whichever the direction."""
    known: list[Row] = []
    unknown: list[Row] = []
    for row in rows:
        (unknown if key(row) is None else known).append(row)
    return sorted(known, key=key, reverse=descending) + unknown


def last_page(total: int, size: int = PAGE_SIZE) -> int:
    """The number of the last page, from 1."""
    return max(1, -(-total // size))


def cut(rows: Sequence[Row], page: int, size: int = PAGE_SIZE) -> list[Row]:
    """The rows of one page; of the last where there is none of that number."""
    page = min(page, last_page(len(rows), size))
    return list(rows[(page - 1) * size : page * size])


def export(
    kind: str, name: str, heads: Sequence[str], rows: Iterable[Sequence[object]]
) -> Response:
    """A file to save. ``kind``: ``csv`` (UTF-8 with mark, as office programs want it) or xlsx."""
    if kind == "xlsx":
        body, media = _xlsx(heads, rows), XLSX
    else:
        body, media = _csv(heads, rows), "text/csv; charset=utf-8"
    return Response(
        body,
        media_type=media,
        headers={"Content-Disposition": f'attachment; filename="{name}.{kind}"'},
    )


XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


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


_AS_TEXT = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}


def _xlsx(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    file = io.BytesIO()
    book = xlsxwriter.Workbook(
        file, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    )
    sheet = book.add_worksheet()
    head = book.add_format({"bold": True, "bg_color": "#EDF3FC", "bottom": 1})
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
