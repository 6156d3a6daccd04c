"""A register's table: header found, columns understood, cells read, errors named."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from controller.inventory.cells import BadCellError, is_blank, is_nothing, shown
from controller.inventory.columns import IGNORED, Column, header_key, known_headers
from controller.inventory.naming import fold, tidy
from controller.inventory.sheet import Cell, Row, Sheet, UnreadableError, column_letter
from controller.said import Said, say

HEADER_WITHIN = 30
"""Rows from the top in which the header is looked for."""

_TOTALS = re.compile(r"(合计|总计|小计|共计|总数|(grand)?(sub)?total)s?[:：]?.*")
_FOOTER = re.compile(
    r"(填表人|填报人|填表单位|填报单位|填表日期|填报日期|填表时间|填报时间|制表|审核人|负责人签|备注:|注:|说明:).*"
)


@dataclass(frozen=True)
class CellError:
    """What is wrong in a row (0: in the file), in which column as the file calls it."""

    row: int
    column: str
    message: str


@dataclass
class Record:
    """A row as values by field. A cell that says nothing is left out; one that says none is there
    with the column's empty value."""

    row: int
    values: dict[str, Any]
    failed: set[str] = field(default_factory=set)
    """Fields with errors; "" for the row as a whole."""

    @property
    def bad(self) -> bool:
        return bool(self.failed)


@dataclass
class Table:
    """``columns``: header as the file has it -> field, "" where ignored. ``unusable`` says that
    the errors lie in the header, so that no row can be trusted."""

    sheet: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    """Field -> header, to name in errors."""
    records: list[Record] = field(default_factory=list)
    errors: list[CellError] = field(default_factory=list)
    warnings: list[CellError] = field(default_factory=list)
    """What is imported all the same, and better looked at."""
    unusable: bool = False

    def header(self, name: str) -> str:
        return self.headers.get(name, name)

    def refuse(self, record: Record, name: str, message: str) -> None:
        """Notes an error in a record, which is then bad."""
        record.failed.add(name)
        self.errors.append(CellError(record.row, self.header(name), message))

    def warn(self, record: Record, name: str, message: str) -> None:
        """Notes what looks wrong in a record, which is imported all the same."""
        note = CellError(record.row, self.header(name), message)
        if note not in self.warnings:
            self.warnings.append(note)


def read_table(
    sheets: Sequence[Sheet],
    columns: tuple[Column, ...],
    keys: tuple[str, ...],
    *,
    mapping: Mapping[str, str] | None = None,
    sheet: str = "",
) -> Table:
    """The table in the sheet called ``sheet``, or in the only one that has a header with one of
    the fields ``keys``. ``mapping``: header -> field, or "" to ignore the column.

    Raises UnreadableError where no table is found or two are.
    """
    known = known_headers(columns)
    own = {header_key(header): name for header, name in (mapping or {}).items()}
    _check_mapping(own, columns)
    candidates = [item for item in sheets if not sheet or item.name == sheet]
    found = [
        (item, place)
        for item in candidates
        if (place := _find_header(item.rows, known, own, keys)) is not None
    ]
    if not found:
        raise UnreadableError(_no_header(sheets, columns, keys, sheet))
    if len(found) > 1:
        names = ", ".join(repr(item.name) for item, _ in found)
        raise UnreadableError(
            say(
                f"holds a table in each of the sheets {names}: name one of them",
                f"的工作表 {names} 里各有一张表：请指定其中一张（--sheet）",
            )
        )
    chosen, place = found[0]
    return _read(_one_header(chosen, place, known, own), place, known, own)


def _check_mapping(own: Mapping[str, str], columns: tuple[Column, ...]) -> None:
    fields = [column.field for column in columns]
    for header, name in own.items():
        if name and name not in fields:
            raise UnreadableError(
                say(
                    f"cannot be mapped: {header!r} to {name!r}, which is none of "
                    + ", ".join(fields),
                    f"的“{header}”不能对应到“{name}”：可用 {'、'.join(fields)}",
                )
            )


def _find_header(
    rows: Sequence[Row], known: Mapping[str, Column], own: Mapping[str, str], keys: Sequence[str]
) -> int | None:
    """Place of the first row that names a key and one column more, or a key and nothing else."""
    for place, row in enumerate(rows[:HEADER_WITHIN]):
        names = [header_key(cell) for cell in row.cells if isinstance(cell, str) and tidy(cell)]
        fields = {_field(name, known, own) for name in names} - {None, ""}
        if fields & set(keys) and (len(fields) > 1 or len(names) == 1):
            return place
    return None


def _one_header(
    sheet: Sheet, place: int, known: Mapping[str, Column], own: Mapping[str, str]
) -> Sheet:
    """The sheet with a header of two rows (规格 over CPU核数, 内存GB …) made one; as it is where
    the row below the header is none of names."""
    if place + 1 >= len(sheet.rows):
        return sheet
    upper, lower = sheet.rows[place], sheet.rows[place + 1]
    width = max(len(upper.cells), len(lower.cells))
    joined: list[Cell] = []
    below = 0
    for first, second in zip_longest(upper.cells, lower.cells, fillvalue=""):
        one, two = tidy(str(first)), tidy(str(second))
        if not two or header_key(one) == header_key(two):
            joined.append(first)
        elif _field(header_key(two), known, own) is not None:
            joined.append(second)
            below += not one or _field(header_key(one), known, own) is None
        elif _field(header_key(one + two), known, own) is not None:
            joined.append(one + two)
            below += 1
        else:
            return sheet
    if not below or len(joined) != width:
        return sheet
    rows = [*sheet.rows]
    rows[place] = Row(lower.number, tuple(joined))
    del rows[place + 1]
    return Sheet(sheet.name, rows, sheet.merged)


def _field(key: str, known: Mapping[str, Column], own: Mapping[str, str]) -> str | None:
    if key in own:
        return own[key]
    if key in {header_key(name) for name in IGNORED}:
        return ""
    return known[key].field if key in known else None


def _no_header(
    sheets: Sequence[Sheet], columns: tuple[Column, ...], keys: Sequence[str], sheet: str
) -> Said:
    if sheet and sheet not in {item.name for item in sheets}:
        listed = ", ".join(item.name for item in sheets)
        return say(
            f"has no visible sheet {sheet!r}, only {listed}",
            f"没有名为“{sheet}”的可见工作表，只有 {listed}",
        )
    first = next((item.rows[0] for item in sheets if item.rows), None)
    if first is None:
        return say("holds no rows", "没有内容")
    named = {column.field: column.names.split()[0] for column in columns}
    wanted = " or ".join(f"{key} ({named[key]})" for key in keys)
    seen = ", ".join(shown(cell) for cell in first.cells if cell != "")
    return say(
        f"has no header row with a column {wanted} in its first {HEADER_WITHIN} rows; "
        f"row {first.number} reads: {seen[:200]}. The columns are {', '.join(named)}",
        f"前 {HEADER_WITHIN} 行中没有表头列出 {' 或 '.join(named[key] for key in keys)}；"
        f"第 {first.number} 行为：{seen[:200]}。可用的列：{'、'.join(named.values())}",
    )


def _read(sheet: Sheet, place: int, known: Mapping[str, Column], own: Mapping[str, str]) -> Table:
    table = Table(sheet.name)
    header = sheet.rows[place]
    fields = _read_header(table, header, sheet.rows[place + 1 :], known, own)
    if table.unusable:
        return table
    readers = {index: _CellReader(_by_field(known, name)) for index, name in fields.items()}
    titles = [fold(str(cell)) for cell in header.cells]
    for row in sheet.rows[place + 1 :]:
        if _is_no_record(row, fields, titles):
            continue
        record = Record(row.number, {})
        for index, name in fields.items():
            cell = row.cells[index] if index < len(row.cells) else ""
            try:
                value = readers[index].read(cell)
            except BadCellError as error:
                table.refuse(record, name, str(error))
                continue
            if value is not SILENT:
                record.values[name] = value
        _check_surplus(table, record, row, len(header.cells))
        table.records.append(record)
    return table


SILENT = object()
"""What a cell that says nothing reads as."""

SPREADSHEET_ERRORS = frozenset({"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!"})

_REMEMBERED = 5_000
"""Cells of one column whose meaning is kept: units, systems and dates repeat all the time."""


class _CellReader:
    """Reads the cells of one column."""

    def __init__(self, column: Column) -> None:
        self._column = column
        self._meanings: dict[tuple[type, Cell], Any] = {}

    def read(self, cell: Cell) -> Any:
        """The value, SILENT, or the column's value for none. Raises BadCellError."""
        key = (type(cell), cell)  # True and 1.0 are equal
        if key in self._meanings:
            return self._meanings[key]
        if is_blank(cell):
            value = SILENT
        elif is_nothing(cell):
            value = self._column.empty
        elif isinstance(cell, str) and cell.strip() in SPREADSHEET_ERRORS:
            raise BadCellError(
                say(
                    f"{cell.strip()} is an error of the spreadsheet: put the value in its place",
                    f"{cell.strip()} 是表格的计算错误：请改为实际的值",
                )
            )
        else:
            value = self._column.parse(cell)
        if len(self._meanings) < _REMEMBERED:
            self._meanings[key] = value
        return value


def _by_field(known: Mapping[str, Column], name: str) -> Column:
    return next(column for column in known.values() if column.field == name)


def _read_header(
    table: Table,
    header: Row,
    rows: Sequence[Row],
    known: Mapping[str, Column],
    own: Mapping[str, str],
) -> dict[int, str]:
    """Place -> field; errors for columns not known, named twice, or without a name."""
    fields: dict[int, str] = {}
    first_of: dict[str, int] = {}

    def refuse(index: int, message: str) -> None:
        title = shown(header.cells[index]) or column_letter(index)
        table.errors.append(CellError(header.number, title, message))
        table.unusable = True

    for index, cell in enumerate(header.cells):
        title = tidy(str(cell))
        if not title:
            if any(index < len(row.cells) and not is_blank(row.cells[index]) for row in rows):
                refuse(
                    index,
                    say(
                        f"column {column_letter(index)} has values but no header: name it",
                        f"{column_letter(index)} 列有内容但没有列名：请填写列名",
                    ),
                )
            continue
        name = _field(header_key(title), known, own)
        if name is None:
            listed = ", ".join(dict.fromkeys(column.field for column in known.values()))
            refuse(
                index,
                say(
                    f"unknown column {column_letter(index)} {title!r}: rename it to one of "
                    f"{listed}, or map it: '{title}=field', or '{title}=' to leave it out",
                    f"不认识 {column_letter(index)} 列“{title}”：请改用已知的列名，"
                    f"或用 --map '{title}=字段' 指定，--map '{title}=' 则忽略",
                ),
            )
        elif name and name in first_of:
            other = column_letter(first_of[name])
            refuse(
                index,
                say(
                    f"columns {other} and {column_letter(index)} are both {name}: "
                    f"rename one, or leave it out by mapping it: '{title}='",
                    f"{other} 列和 {column_letter(index)} 列都是 {name}：请改其中一个列名，"
                    f"或用 --map '{title}=' 忽略",
                ),
            )
        else:
            table.columns[title] = name
            if name:
                fields[index] = name
                first_of[name] = index
                table.headers[name] = title
    return fields


def _is_no_record(row: Row, fields: Mapping[int, str], titles: Sequence[str]) -> bool:
    """Whether a row is a total, a signature line, a repeated header, or empty where we look."""
    start = next((index for index, cell in enumerate(row.cells) if not is_blank(cell)), None)
    if start is None or all(
        is_blank(row.cells[index]) for index in fields if index < len(row.cells)
    ):
        return True
    first = fold(str(row.cells[start]))
    again = start < len(titles) and first == titles[start]
    if again and [fold(str(cell)) for cell in row.cells] == list(titles[: len(row.cells)]):
        return True
    key = next((index for index, name in fields.items() if name in ("code", "instance_uuid")), None)
    code = row.cells[key] if key is not None and key < len(row.cells) else ""
    # A unit may be called 合计…; what has a code of its own is a record.
    without_code = is_blank(code) or is_nothing(code) or fold(str(code)) == first
    return without_code and bool(_TOTALS.fullmatch(first) or _FOOTER.fullmatch(first))


def _check_surplus(table: Table, record: Record, row: Row, width: int) -> None:
    """A CSV row longer than the header is a comma in a cell without quotes: nothing fits then."""
    if any(not is_blank(cell) for cell in row.cells[width:]):
        record.failed.add("")
        table.errors.append(
            CellError(
                record.row,
                column_letter(width),
                say(
                    f"the row has more cells than the header's {width}: "
                    "put cells that hold a separator in quotes",
                    f"这一行的单元格多于表头的 {width} 个：含分隔符的内容请加引号",
                ),
            )
        )
