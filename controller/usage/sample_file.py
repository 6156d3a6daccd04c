"""A file of samples as a stream of Arrow tables with their row numbers: CSV, Parquet or XLSX.

CSV and XLSX come as text, Parquet in its own types; sample_rows makes numbers of both. Memory
stays at a few blocks however long the file is (a workbook is read whole, by inventory.sheet).
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from controller.inventory.sheet import UnreadableError, read_sheets
from controller.said import say

BLOCK_BYTES = 4 << 20
BATCH_ROWS = 65_536
_HEAD = 1 << 20


class Block(NamedTuple):
    """``numbers`` are the rows' places in the file, the header being row 1 (Parquet: none)."""

    table: pa.Table
    numbers: NDArray[np.int64]


@dataclass
class SampleFile:
    """One file, opened anew for each pass. Raises UnreadableError where it is no table."""

    path: Path
    name: str
    ragged: list[tuple[int, str]] = field(default_factory=list)
    """(row, what is wrong) of CSV lines that have more or fewer cells than the header."""

    def __post_init__(self) -> None:
        with self.path.open("rb") as file:
            head = file.read(_HEAD)
        if not head.strip():
            raise UnreadableError(say(f"{self.name} is empty", f"{self.name} 是空文件"))
        self._head = head
        if head.startswith(b"PAR1"):
            self.kind = "parquet"
        elif head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
            self.kind = "workbook"
        elif self.path.suffix.lower() == ".parquet" or self.name.lower().endswith(".parquet"):
            raise UnreadableError(
                say(
                    f"{self.name} is not a Parquet file: its beginning is not one's",
                    f"{self.name} 不是 Parquet 文件：开头不对，可能没有传完",
                )
            )
        elif _is_binary(head):
            raise UnreadableError(
                say(
                    f"{self.name} is neither CSV text nor a Parquet or XLSX file",
                    f"{self.name} 既不是 CSV 文本，也不是 Parquet 或 XLSX 文件",
                )
            )
        else:
            self.kind = "csv"
            self._encoding = _encoding(head)
            self._delimiter = _delimiter(head.decode(self._encoding, "replace"))

    def columns(self) -> list[str]:
        """The header, as written."""
        if self.kind == "parquet":
            return list(self._parquet().schema_arrow.names)
        if self.kind == "workbook":
            return self._workbook()[0]
        text = self._head.decode(self._encoding, "replace").removeprefix("\ufeff")
        try:
            rows = csv.reader(io.StringIO(text, newline=""), delimiter=self._delimiter)
            header = next(rows, [])
        except csv.Error as error:
            raise UnreadableError(
                say(
                    f"{self.name} is not a CSV file: {error}", f"{self.name} 不是 CSV 文件：{error}"
                )
            ) from None
        return [name.strip() for name in header]

    def total_rows(self) -> int | None:
        """Rows of the file where it says so itself."""
        return self._parquet().metadata.num_rows if self.kind == "parquet" else None

    def blocks(self) -> Iterator[Block]:
        """The data rows, a block after another."""
        self.ragged.clear()
        if self.kind == "parquet":
            yield from self._parquet_blocks()
        elif self.kind == "workbook":
            yield from self._workbook_blocks()
        else:
            yield from self._csv_blocks()

    def _parquet(self) -> Any:
        try:
            return pq.ParquetFile(self.path)
        except pa.ArrowException as error:
            raise UnreadableError(
                say(
                    f"{self.name} is not a Parquet file: {error}",
                    f"{self.name} 不是 Parquet 文件：{error}",
                )
            ) from None

    def _parquet_blocks(self) -> Iterator[Block]:
        number = 1
        batches = self._parquet().iter_batches(batch_size=BATCH_ROWS, use_threads=False)
        while True:
            try:
                batch = next(batches, None)
            except (pa.ArrowException, OSError) as error:
                raise UnreadableError(
                    say(
                        f"{self.name}, after row {number - 1}: {error}",
                        f"{self.name} 第 {number - 1} 行之后：{error}",
                    )
                ) from None
            if batch is None:
                return
            yield Block(
                pa.Table.from_batches([batch]),
                np.arange(number, number + batch.num_rows, dtype=np.int64),
            )
            number += batch.num_rows

    def _csv_blocks(self) -> Iterator[Block]:
        names = self.columns()
        skipped: list[int] = []

        def ragged(row: Any) -> str:
            skipped.append(row.number)
            if row.text.strip():
                self.ragged.append(
                    (
                        row.number,
                        say(
                            f"has {row.actual_columns} cells, the header {row.expected_columns}",
                            f"有 {row.actual_columns} 列，表头有 {row.expected_columns} 列",
                        ),
                    )
                )
            return "skip"

        try:
            reader = pa_csv.open_csv(
                self.path,
                read_options=pa_csv.ReadOptions(
                    use_threads=False,
                    block_size=BLOCK_BYTES,
                    column_names=names,
                    skip_rows=1,
                    encoding=self._encoding,
                ),
                parse_options=pa_csv.ParseOptions(
                    delimiter=self._delimiter, ignore_empty_lines=False, invalid_row_handler=ragged
                ),
                convert_options=pa_csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
                ),
            )
        except (pa.ArrowException, UnicodeDecodeError) as error:
            if "Empty CSV" in str(error):
                return
            raise UnreadableError(
                say(
                    f"{self.name} is not a CSV file: {error}", f"{self.name} 不是 CSV 文件：{error}"
                )
            ) from None
        last = 1
        while True:
            try:
                batch = reader.read_next_batch()
            except StopIteration:
                return
            except (pa.ArrowException, UnicodeDecodeError) as error:
                raise UnreadableError(
                    say(
                        f"{self.name}, after row {last}: {error}",
                        f"{self.name} 第 {last} 行之后：{error}",
                    )
                ) from None
            numbers = _numbers(last + 1, batch.num_rows, skipped)
            last = int(numbers[-1]) if len(numbers) else last
            yield _without_blank_lines(Block(pa.Table.from_batches([batch]), numbers))

    def _workbook(self) -> tuple[list[str], list[tuple[int, tuple[Any, ...]]]]:
        with self.path.open("rb") as file:
            sheets = [sheet for sheet in read_sheets(file, self.name) if sheet.rows]
        if not sheets:
            raise UnreadableError(say(f"{self.name} has no rows", f"{self.name} 没有数据行"))
        header, *rows = sheets[0].rows
        return [str(cell).strip() for cell in header.cells], [(r.number, r.cells) for r in rows]

    def _workbook_blocks(self) -> Iterator[Block]:
        names, rows = self._workbook()
        if not rows:
            return
        columns = {
            name: pa.array([_text(cells[i]) if i < len(cells) else "" for _, cells in rows])
            for i, name in enumerate(names)
        }
        yield Block(pa.table(columns), np.array([number for number, _ in rows], np.int64))


def _without_blank_lines(block: Block) -> Block:
    """Empty lines were read, so that the row numbers are right; now they go."""
    blank = np.ones(block.table.num_rows, bool)
    for column in block.table.columns:
        blank &= np.asarray(pc.equal(column, ""))
        if not blank.any():
            return block
    return Block(block.table.filter(pa.array(~blank)), block.numbers[~blank])


def _numbers(first: int, count: int, skipped: list[int]) -> NDArray[np.int64]:
    """``count`` row numbers from ``first`` on, leaving out the skipped ones."""
    gaps = np.array(sorted(number for number in skipped if number >= first), np.int64)
    numbers = np.arange(first, first + count + len(gaps), dtype=np.int64)
    return np.setdiff1d(numbers, gaps, assume_unique=True)[:count]


def _text(cell: Any) -> str:
    if isinstance(cell, datetime):
        return cell.isoformat()
    return repr(cell) if isinstance(cell, float) else str(cell)


def _is_binary(head: bytes) -> bool:
    """Text holds no zero bytes, unless it is UTF-16 and says so by its mark."""
    marked = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return not marked and b"\0" in head


def _encoding(head: bytes) -> str:
    """UTF-8, UTF-16 with a mark, or what Chinese spreadsheets write when they do neither."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    try:
        # The last character may be cut.
        head[: head.rfind(b"\n") + 1 or len(head)].decode("utf-8")
    except UnicodeDecodeError:
        return "gb18030"
    return "utf-8"


def _delimiter(text: str) -> str:
    line = text.split("\n", 1)[0]
    return max(",\t;", key=line.count)
