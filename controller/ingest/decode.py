"""The controller's decoder of the wire: headers checked once, columns read by numpy.

A fleet sends the same column list over and over, so what follows ``"columns":`` in the header is
parsed and checked once and kept as a ``Layout``. Batches with one layout and one row count lie
in memory as equal records: their bytes are joined and read as one array, without a loop over
rows or batches. ``collectors.records.decode`` reads the same bytes with the standard library
only; tests hold the two equal.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from collectors import records
from collectors.records import Batch, BatchId, Document, WireError

Array = npt.NDArray[Any]

_NUMPY_TYPES = {"i8": "<i8", "f4": "<f4", "f8": "<f8", "u2": "<u2"}
_CUT = b',"columns":'
_HEAD_KEYS = {"v", "agent", "epoch", "seq", "table", "rows"}
_TAIL_KEYS = {"columns", "dictionaries"}

LONGEST_KEPT_TAIL = 16_384
"""Bytes; a longer column list is parsed each time, so that kept layouts stay under 8 MB."""


class Layout:
    """The columns of a batch, checked: names, types and the dictionaries of strings."""

    def __init__(self, columns: list[list[str]], dictionaries: dict[str, list[str]]) -> None:
        self.columns = {name: kind for name, kind in columns}  # noqa: C416 - mypy: lists are no pairs
        self.place = {name: f"c{i}" for i, name in enumerate(self.columns)}
        """Column name to field name of ``read``."""
        self.dictionaries = {
            name: np.array(dictionaries[name], dtype=object)
            for name, kind in self.columns.items()
            if kind == "u2"
        }
        self.width = sum(np.dtype(_NUMPY_TYPES[kind]).itemsize for kind in self.columns.values())
        self.verdicts: dict[str, Any] = {}
        """What the door concluded from this layout, by table name; see ``door.judge``."""
        self._dtypes: dict[int, np.dtype[Any]] = {}

    def dtype(self, rows: int) -> np.dtype[Any]:
        """One batch of ``rows`` as a record: each column a field of ``rows`` elements."""
        dtype = self._dtypes.get(rows)
        if dtype is None:
            if len(self._dtypes) >= 256:
                self._dtypes.clear()
            fields = [
                (self.place[name], _NUMPY_TYPES[kind], (rows,))
                for name, kind in self.columns.items()
            ]
            dtype = self._dtypes[rows] = np.dtype(fields)
        return dtype

    def read(self, payloads: list[bytes], rows: int) -> Array:
        """Batches of ``rows`` each, joined: field ``place[name]`` has shape (batches, rows)."""
        return np.frombuffer(b"".join(payloads), dtype=self.dtype(rows))


class Opened(NamedTuple):
    """A batch whose envelope is checked and whose columns are not yet read."""

    id: BatchId
    table: str
    rows: int
    layout: Layout
    payload: bytes
    documents: list[Document]
    digest: str
    """16 hex digits of header and columns: a batch id stands for one content."""


class Opener:
    """Opens envelopes and keeps the layouts it has checked, the least recently used leave first.

    For one thread.
    """

    def __init__(self, most: int = 512) -> None:
        self._most = most
        self._kept: OrderedDict[bytes, Layout] = OrderedDict()

    def open(self, wire: bytes) -> Opened:
        """Raises WireError exactly where ``records.open_envelope`` does."""
        return self.parse(*records.inflate(wire), wire[-4:])

    def parse(self, line: bytes, payload: bytes, check: bytes) -> Opened:
        """The second half of ``open``, for a caller that inflated elsewhere; raises WireError.

        ``check`` is the zlib stream's last four bytes.
        """
        head, found, tail = line.partition(_CUT)
        header = _read_head(head) if found else None
        layout = self._kept.get(tail) if header is not None else None
        if header is None or layout is None:
            header = _read_in_full(line, len(payload))
            layout = self._keep(head, tail) or Layout(
                header["columns"], header.get("dictionaries", {})
            )
        else:
            self._kept.move_to_end(tail)
            records.check_identity(header)
            if layout.width * header["rows"] != len(payload):
                raise WireError(
                    f"{header['rows']} rows of {layout.width} bytes were announced, "
                    f"{len(payload)} bytes came"
                )
        # The stream's own checksum, which inflating verified, stands for the columns: reading
        # them again for a digest would cost half as much as inflating them.
        digest = hashlib.blake2b(line + check, digest_size=8)
        return Opened(
            BatchId(header["agent"], header["epoch"], header["seq"]),
            header["table"],
            header["rows"],
            layout,
            payload,
            [Document(d["kind"], d["time"], d["body"]) for d in header.get("documents", ())],
            digest.hexdigest(),
        )

    def _keep(self, head: bytes, tail: bytes) -> Layout | None:
        """Keeps the layout of a batch that was read in full, if it may be read in two parts."""
        if not tail or len(tail) > LONGEST_KEPT_TAIL or _read_head(head) is None:
            return None
        columns = json.loads(b"{" + _CUT[1:] + tail)
        if not columns["columns"] or not columns.keys() <= _TAIL_KEYS:
            return None
        layout = Layout(columns["columns"], columns.get("dictionaries", {}))
        self._kept[tail] = layout
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return layout


def _read_head(head: bytes) -> dict[str, Any] | None:
    """The header's members before "columns", if the cut was made between members; else None.

    That ``head + "}"`` is JSON shows it: a cut inside a string or a nested value leaves one open.
    ASCII, so that the whole line is UTF-8 to ``json`` as its parts are.
    """
    if not head.isascii() or b"\0" in head:
        return None
    try:
        header = json.loads(head + b"}")
    except (ValueError, RecursionError):
        return None
    return header if isinstance(header, dict) and header.keys() <= _HEAD_KEYS else None


def _read_in_full(line: bytes, payload_bytes: int) -> dict[str, Any]:
    try:
        header = json.loads(line)
    except (ValueError, RecursionError):
        raise WireError("header is not JSON") from None
    records.check_header(header, payload_bytes)
    checked: dict[str, Any] = header
    return checked


def decode(wire: bytes) -> Batch:
    """Unpacks one batch as ``records.decode`` does; raises WireError. For tests and tools."""
    opened = Opener().open(wire)
    layout = opened.layout
    read = layout.read([opened.payload], opened.rows) if opened.rows else None
    columns: dict[str, list[Any]] = {}
    for name in layout.columns:
        values = read[layout.place[name]][0] if read is not None else np.empty(0)
        words = layout.dictionaries.get(name)
        if words is not None and read is not None:
            if values.size and int(values.max()) >= len(words):
                raise WireError(f"column {name}: index outside its dictionary")
            values = words[values]
        columns[name] = values.tolist()
    return Batch(opened.id, opened.table, columns, opened.documents)
