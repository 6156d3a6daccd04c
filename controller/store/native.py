"""ClickHouse's Native format, column by column with numpy: no loop over rows.

A block is ``columns`` and ``rows`` as varints, then per column its name, its type and its data.
Both directions hold only the types our tables and statistics use; another one is a TypeError
that names it. clickhouse-connect decodes through Python objects, which is some 20 times slower
on the shapes the pages ask for.

Format: https://clickhouse.com/docs/interfaces/formats/Native
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Columns = dict[str, Array]
"""Column name to values; numbers and times as typed arrays, strings and lists as objects."""


class Dictionary(NamedTuple):
    """A string column as indices into its distinct values; encoding it touches no row."""

    values: Sequence[str]
    codes: Array


class NativeError(ValueError):
    """The bytes or the columns are not what the format needs; the text says which."""


_FIXED: dict[str, str] = {
    "Int8": "<i1",
    "Int16": "<i2",
    "Int32": "<i4",
    "Int64": "<i8",
    "UInt8": "<u1",
    "UInt16": "<u2",
    "UInt32": "<u4",
    "UInt64": "<u8",
    "Float32": "<f4",
    "Float64": "<f8",
    "Bool": "|b1",
}
_LOW_CARDINALITY_VERSION = 1
_ADDITIONAL_KEYS = 1 << 9
_INDEX_TYPES = ("<u1", "<u2", "<u4", "<u8")
_MAX_DICTIONARY = 1 << 32


def encode(columns: Sequence[tuple[str, str, Any]], rows: int) -> bytes:
    """One block of ``(name, ClickHouse type, values)`` columns with ``rows`` values each.

    Values are an array, a list, a Dictionary (string types) or one scalar for all rows.
    Raises NativeError naming the column.
    """
    parts: list[bytes] = [_varint(len(columns)), _varint(rows)]
    for name, kind, values in columns:
        parts += (_text(name), _text(kind))
        try:
            parts += _encode_column(kind, values, rows)
        except (TypeError, ValueError, OverflowError) as error:
            raise NativeError(f"column {name} ({kind}): {error}") from None
    return b"".join(parts)


def empty_block(columns: Sequence[tuple[str, str]]) -> bytes:
    """A block of no rows that tells ``(name, type)`` of each column."""
    parts = [_varint(len(columns)), _varint(0)]
    for name, kind in columns:
        parts += (_text(name), _text(kind))
    return b"".join(parts)


def _encode_column(kind: str, values: Any, rows: int) -> list[bytes]:
    if kind.startswith("LowCardinality("):
        if kind != "LowCardinality(String)":
            raise TypeError("only strings are written as LowCardinality")
        return _encode_low_cardinality(values, rows)
    if kind == "String":
        return [_text(text) for text in _strings(values, rows)]
    dtype, unit = _numpy_type(kind)
    if unit and not _is_number(values):
        moments = np.asarray(values, dtype=f"datetime64[{unit}]")
        if np.isnat(moments).any():
            raise ValueError("a time is missing")
        values = moments.astype("<i8")
    array = np.asarray(values)
    if array.ndim == 0:
        array = np.full(rows, array)
    if array.shape != (rows,):
        raise ValueError(f"{len(array)} values where the block has {rows} rows")
    if array.dtype != dtype:
        with np.errstate(over="ignore"):
            array = _checked(array, np.dtype(dtype))
    return [np.ascontiguousarray(array).data.cast("B") if rows else b""]  # type: ignore[list-item]


def _checked(array: Array, dtype: np.dtype[Any]) -> Array:
    """``array`` as ``dtype``; an integer that does not fit is an error, not another number."""
    if dtype.kind in "iu" and len(array):
        if array.dtype.kind not in "iub":
            raise TypeError(f"{array.dtype} values for an integer column")
        limits = np.iinfo(dtype)
        if int(array.min()) < limits.min or int(array.max()) > limits.max:
            raise OverflowError(f"a value outside {limits.min}..{limits.max}")
    return array.astype(dtype)


def _is_number(values: Any) -> bool:
    return np.asarray(values).dtype.kind in "iu"


def _strings(values: Any, rows: int) -> Sequence[str]:
    if isinstance(values, str):
        return [values] * rows
    if isinstance(values, Dictionary):
        distinct = list(values.values)
        return [distinct[code] for code in np.asarray(values.codes).tolist()]
    if len(values) != rows:
        raise ValueError(f"{len(values)} values where the block has {rows} rows")
    return values  # type: ignore[no-any-return]


def _encode_low_cardinality(values: Any, rows: int) -> list[bytes]:
    if rows == 0:
        return []
    if isinstance(values, str):
        distinct: Sequence[str] = [values]
        codes: Array = np.zeros(rows, dtype="<u1")
    elif isinstance(values, Dictionary):
        distinct, codes = values.values, np.asarray(values.codes)
        if len(codes) and int(codes.max()) >= len(distinct):
            raise ValueError("an index beyond the dictionary")
    else:
        index: dict[str, int] = {}
        codes = np.fromiter(
            (index.setdefault(text, len(index)) for text in values), dtype="<u4", count=len(values)
        )
        distinct = list(index)
    if len(codes) != rows:
        raise ValueError(f"{len(codes)} values where the block has {rows} rows")
    # The engine wants the default value at index 0 of every dictionary.
    distinct = ["", *distinct]
    width = 0 if len(distinct) <= 1 << 8 else 1 if len(distinct) <= 1 << 16 else 2
    codes = codes.astype(_INDEX_TYPES[width if width else 0]) if width else codes.astype("<u2")
    shifted = (codes + 1).astype(_INDEX_TYPES[width])
    header = np.array(
        [_LOW_CARDINALITY_VERSION, width | _ADDITIONAL_KEYS, len(distinct)], dtype="<u8"
    )
    return [
        header.tobytes(),
        *[_text(text) for text in distinct],
        np.array([rows], dtype="<u8").tobytes(),
        shifted.tobytes(),
    ]


def decode(data: bytes | memoryview) -> Columns:
    """The columns of all blocks in ``data``, joined; {} when there is not even a header."""
    reader = _Reader(memoryview(data))
    names: list[str] = []
    parts: dict[str, list[Array]] = {}
    while reader.more():
        width, rows = reader.varint(), reader.varint()
        for _ in range(width):
            name, kind = reader.text(), reader.text()
            if name not in parts:
                names.append(name)
                parts[name] = []
            column = reader.column(kind, rows)
            if rows or not parts[name]:
                parts[name].append(column)
    result: Columns = {}
    for name in names:
        blocks = [block for block in parts[name] if len(block)] or parts[name][:1]
        result[name] = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
    return result


class _Reader:
    """A cursor over Native bytes."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._at = 0

    def more(self) -> bool:
        return self._at < len(self._data)

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._data[self._at]
            self._at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def take(self, size: int) -> memoryview:
        if self._at + size > len(self._data):
            raise NativeError("the answer ends in the middle of a block")
        view = self._data[self._at : self._at + size]
        self._at += size
        return view

    def text(self) -> str:
        return str(self.take(self.varint()), "utf-8", "replace")

    def fixed(self, dtype: str, rows: int) -> Array:
        return np.frombuffer(self.take(rows * np.dtype(dtype).itemsize), dtype=dtype)

    def _strings(self, _inner: str, rows: int) -> Array:
        values = np.empty(rows, dtype=object)
        data, at = self._data, self._at
        for row in range(rows):
            size = data[at]
            at += 1
            if size >= 0x80:
                size &= 0x7F
                shift = 7
                while True:
                    byte = data[at]
                    at += 1
                    size |= (byte & 0x7F) << shift
                    if byte < 0x80:
                        break
                    shift += 7
            values[row] = str(data[at : at + size], "utf-8", "replace")
            at += size
        self._at = at
        return values

    def column(self, kind: str, rows: int) -> Array:
        if rows == 0:
            return _empty(kind)
        name, inner = _split(kind)
        special = {
            "String": self._strings,
            "LowCardinality": self._low_cardinality,
            "Nullable": self._nullable,
            "Array": self._lists,
            "Nothing": self._nothing,
        }
        if name in special:
            return special[name](inner, rows)
        if name == "SimpleAggregateFunction":
            return self.column(inner.split(",", 1)[1].strip(), rows)
        dtype, unit = _numpy_type(kind)
        values = self.fixed(dtype, rows)
        if unit:
            return values.astype("<i8").view(f"<M8[{unit}]")
        return values

    def _nothing(self, _inner: str, rows: int) -> Array:
        self.take(rows)
        return np.full(rows, None, dtype=object)

    def _low_cardinality(self, inner: str, rows: int) -> Array:
        version, flags = self.fixed("<u8", 2)
        if int(version) != _LOW_CARDINALITY_VERSION:
            raise NativeError(f"LowCardinality version {int(version)} is not known")
        keys = int(self.fixed("<u8", 1)[0])
        nullable = inner.startswith("Nullable(")
        values = self.column(_split(inner)[1] if nullable else inner, keys)
        if nullable:
            values = values.astype(object)
            values[:1] = None
        count = int(self.fixed("<u8", 1)[0])
        codes = self.fixed(_INDEX_TYPES[int(flags) & 0xFF], count)
        if count != rows:
            raise NativeError(f"LowCardinality with {count} indices for {rows} rows")
        picked: Array = values[codes]
        return picked

    def _nullable(self, inner: str, rows: int) -> Array:
        missing = self.fixed("<u1", rows).astype(bool)
        values = self.column(inner, rows)
        if not missing.any():
            return values
        if values.dtype.kind == "f":
            values = values.copy()
            values[missing] = np.nan
        elif values.dtype.kind == "M":
            values = values.copy()
            values[missing] = np.datetime64("NaT")
        else:
            values = values.astype(object)
            values[missing] = None
        return values

    def _lists(self, inner: str, rows: int) -> Array:
        ends = self.fixed("<u8", rows).astype("<i8")
        flat = self.column(inner, int(ends[-1]))
        values = np.empty(rows, dtype=object)
        start = 0
        for row, end in enumerate(ends.tolist()):
            values[row] = flat[start:end]
            start = end
        return values


def _empty(kind: str) -> Array:
    name, inner = _split(kind)
    if name in ("LowCardinality", "Nullable"):
        return _empty(inner)
    if name in ("String", "Array", "Nothing"):
        return np.empty(0, dtype=object)
    if name == "SimpleAggregateFunction":
        return _empty(inner.split(",", 1)[1].strip())
    dtype, unit = _numpy_type(kind)
    return np.empty(0, dtype=f"<M8[{unit}]" if unit else dtype)


def _numpy_type(kind: str) -> tuple[str, str]:
    """(numpy type of the stored values, datetime unit or "")."""
    if kind in _FIXED:
        return _FIXED[kind], ""
    name, inner = _split(kind)
    if name == "DateTime":
        return "<u4", "s"
    if name == "DateTime64":
        scale = inner.split(",")[0].strip()
        units = {"0": "s", "3": "ms", "6": "us", "9": "ns"}
        if scale in units:
            return "<i8", units[scale]
    if name == "Date":
        return "<u2", "D"
    if name == "Date32":
        return "<i4", "D"
    if name == "Enum8":
        return "<i1", ""
    raise TypeError(f"type {kind} is not handled; cast it in the query")


def _split(kind: str) -> tuple[str, str]:
    """("DateTime64", "3, 'UTC'") from "DateTime64(3, 'UTC')"."""
    if not kind.endswith(")"):
        return kind, ""
    name, _, rest = kind.partition("(")
    return name, rest[:-1]


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _text(text: str) -> bytes:
    raw = text.encode()
    return _varint(len(raw)) + raw
