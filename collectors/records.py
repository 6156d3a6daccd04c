"""The records that travel, and the wire format they travel in.

A batch on the wire is one zlib stream of: a JSON header in UTF-8, one ``\\n``, then the columns
in header order, each a packed little-endian array of ``rows`` elements::

    {"v": 1, "agent": "0f…", "epoch": "9c…", "seq": 42, "table": "host", "rows": 2,
     "columns": [["time", "i8"], ["interval_s", "f4"], ["instance", "u2"], ["load1", "f4"]],
     "dictionaries": {"instance": ["", "fs:/"]}}

``time`` is the interval's start in milliseconds since 1970 UTC. A missing number is NaN. A ``u2``
column holds indices into its dictionary. A batch of documents has table "documents", rows 0,
no columns, and ``"documents": [{"kind": …, "time": ms, "body": {…}}]``.

Only the standard library is used, so the agent runs where few wheels exist. The controller
decodes the same bytes column-wise with numpy (controller.ingest.decode); the golden files in
tests/contract hold both to one another.
"""

from __future__ import annotations

import json
import struct
import sys
import zlib
from array import array
from itertools import chain
from typing import Any, NamedTuple

VERSION = 1
CONTENT_TYPE = "application/vnd.yunxun.batch"
DOCUMENTS = "documents"

MAX_WIRE_BYTES = 4 << 20
"""Most compressed bytes of one batch; above it the controller answers 413."""
MAX_DECODED_BYTES = 8 << 20
"""Most inflated bytes of one batch; a bomb is stopped here, not after it."""
MAX_ROWS = 65_536
MAX_DICTIONARY = 65_535
MAX_STRING = 1_024

COLUMN_TYPES = {"i8": "q", "f4": "f", "f8": "d", "u2": "H"}
"""Wire type to ``array`` type code; the sizes are 8, 4, 8 and 2 bytes."""

NAN = float("nan")


class WireError(ValueError):
    """The bytes are not a batch; the text says what is wrong and where."""


class Reading(NamedTuple):
    """One measurement of one instance over one interval.

    ``values`` maps catalogue names to numbers; what could not be measured is left out.
    """

    table: str
    instance: str
    time_ms: int
    interval_s: float
    values: dict[str, float]
    resource: str = ""
    """Code of the resource, only where one sender measures several; "" is the sender itself."""


class Document(NamedTuple):
    """Something that is not a sample: facts, losses, a collector's failure."""

    kind: str
    time_ms: int
    body: dict[str, Any]


class BatchId(NamedTuple):
    """Who sent it, from which spool (a new or restored spool has a new epoch), and its number."""

    agent: str
    epoch: str
    seq: int


class Batch(NamedTuple):
    """A decoded batch: samples of one table, or documents."""

    id: BatchId
    table: str
    columns: dict[str, list[Any]]
    """Column name to ``rows`` values; strings are resolved from their dictionary."""
    documents: list[Document]

    @property
    def rows(self) -> int:
        return len(next(iter(self.columns.values()), ()))


def encode_samples(
    batch_id: BatchId, table: str, names: tuple[tuple[str, str], ...], readings: list[Reading]
) -> bytes:
    """Packs ``readings`` of one table; ``names`` are its (metric, wire type) pairs.

    A metric that no reading holds is left out of the header, so a batch stays short.
    """
    held = set().union(*(r.values for r in readings))
    present = [pair for pair in names if pair[0] in held]
    columns: list[list[str]] = [["time", "i8"], ["interval_s", "f4"], ["instance", "u2"]]
    instances, instance_index = _dictionary([r.instance for r in readings])
    data: list[list[Any]] = [
        [r.time_ms for r in readings],
        [r.interval_s for r in readings],
        instance_index,
    ]
    dictionaries = {"instance": instances}
    if any(r.resource for r in readings):
        resources, resource_index = _dictionary([r.resource for r in readings])
        columns.append(["resource", "u2"])
        data.append(resource_index)
        dictionaries["resource"] = resources
    for name, kind in present:
        columns.append([name, kind])
        data.append([r.values.get(name, NAN) for r in readings])
    # One call packs all columns: for the one row of an agent, an array a column costs five times.
    layout = "<" + "".join(f"{len(readings)}{COLUMN_TYPES[kind]}" for _, kind in columns)
    payload = struct.pack(layout, *chain.from_iterable(data))
    header = _header(batch_id, table, len(readings))
    header["columns"] = columns
    header["dictionaries"] = dictionaries
    return deflate(_dump(header) + b"\n" + payload)


def encode_documents(batch_id: BatchId, documents: list[Document]) -> bytes:
    """Packs documents; their bodies must be JSON."""
    header = _header(batch_id, DOCUMENTS, 0)
    header["columns"] = []
    header["documents"] = [{"kind": d.kind, "time": d.time_ms, "body": d.body} for d in documents]
    return deflate(_dump(header) + b"\n")


def deflate(raw: bytes) -> bytes:
    """One zlib stream. A short batch gets a small window: zlib's usual 256 KB of tables, fresh
    from the kernel each time, cost an agent more than the compressing."""
    if len(raw) > 4_096:
        return zlib.compress(raw, 6)
    deflater = zlib.compressobj(6, zlib.DEFLATED, 12, 5)
    return deflater.compress(raw) + deflater.flush()


def decode(wire: bytes) -> Batch:
    """Unpacks one batch without numpy; raises WireError. For tests, tools and small senders."""
    header, payload = open_envelope(wire)
    batch_id = BatchId(header["agent"], header["epoch"], header["seq"])
    columns: dict[str, list[Any]] = {}
    offset = 0
    for name, kind in header["columns"]:
        values = array(COLUMN_TYPES[kind])
        end = offset + values.itemsize * header["rows"]
        values.frombytes(payload[offset:end])
        if sys.byteorder == "big":
            values.byteswap()
        offset = end
        if kind == "u2":
            words = header["dictionaries"][name]
            try:
                columns[name] = [words[i] for i in values]
            except IndexError:
                raise WireError(f"column {name}: index outside its dictionary") from None
        else:
            columns[name] = values.tolist()
    documents = [Document(d["kind"], d["time"], d["body"]) for d in header.get("documents", [])]
    return Batch(batch_id, header["table"], columns, documents)


def open_envelope(wire: bytes) -> tuple[dict[str, Any], bytes]:
    """Inflates and checks one batch: its header, and the packed columns of exactly that length.

    Raises WireError. Everything a sender could get wrong short of the values themselves is
    refused here, so both decoders may index without looking.
    """
    line, payload = inflate(wire)
    try:
        header = json.loads(line)
    except (ValueError, RecursionError):
        raise WireError("header is not JSON") from None
    check_header(header, len(payload))
    return header, payload


def inflate(wire: bytes) -> tuple[bytes, bytes]:
    """The header line and the packed columns, neither looked into; raises WireError."""
    if len(wire) > MAX_WIRE_BYTES:
        raise WireError(f"batch of {len(wire)} bytes is over {MAX_WIRE_BYTES}")
    try:
        inflater = zlib.decompressobj()
        raw = inflater.decompress(wire, MAX_DECODED_BYTES + 1)
    except zlib.error as error:
        raise WireError(f"not a deflated batch: {error}") from None
    if len(raw) > MAX_DECODED_BYTES:
        raise WireError(f"batch inflates to over {MAX_DECODED_BYTES} bytes")
    if not inflater.eof or inflater.unused_data:
        raise WireError("deflated data is cut short or followed by other bytes")
    end = raw.find(b"\n")
    if end < 0:
        raise WireError("no header line")
    return raw[:end], raw[end + 1 :]


def check_header(header: Any, payload_bytes: int) -> None:
    """Refuses a header that does not describe ``payload_bytes`` of columns; raises WireError."""
    check_identity(header)
    _check_columns(header, payload_bytes)
    _check_documents(header)


def check_identity(header: Any) -> None:
    """Refuses a header without version, sender, number, table and row count; raises WireError."""
    if not isinstance(header, dict):
        raise WireError("header is not an object")
    if header.get("v") != VERSION:
        raise WireError(f"wire version {header.get('v')!r} is not {VERSION}")
    for name in ("agent", "epoch", "table"):
        value = header.get(name)
        if not isinstance(value, str) or not 0 < len(value) <= 64 or not is_text(value):
            raise WireError(f"{name} is not a string of 1 to 64 characters")
    if not _is_count(header.get("seq"), 1 << 62):
        raise WireError("seq is not a non-negative integer")
    if not _is_count(header.get("rows"), MAX_ROWS):
        raise WireError(f"rows is not an integer of 0 to {MAX_ROWS}")


def _check_columns(header: dict[str, Any], payload_bytes: int) -> None:
    columns, dictionaries = header.get("columns"), header.get("dictionaries", {})
    if not isinstance(columns, list) or not isinstance(dictionaries, dict):
        raise WireError("columns is not a list or dictionaries not an object")
    width, seen = 0, set()
    for column in columns:
        if not (isinstance(column, list) and len(column) == 2):
            raise WireError("a column is not a [name, type] pair")
        name, kind = column
        if (
            not isinstance(name, str)
            or not 0 < len(name) <= 64
            or name in seen
            or not is_text(name)
        ):
            raise WireError("a column's name is not a string of 1 to 64 characters, or comes twice")
        if not isinstance(kind, str) or kind not in COLUMN_TYPES:
            raise WireError(f"column {name}: type is not one of {', '.join(COLUMN_TYPES)}")
        if kind == "u2":
            _check_dictionary(name, dictionaries.get(name))
        seen.add(name)
        width += array(COLUMN_TYPES[kind]).itemsize
    if width * header["rows"] != payload_bytes:
        raise WireError(
            f"{header['rows']} rows of {width} bytes were announced, {payload_bytes} bytes came"
        )
    if columns and (["time", "i8"] not in columns or ["interval_s", "f4"] not in columns):
        raise WireError("columns time (i8) and interval_s (f4) are required")
    if not columns and header["rows"]:
        raise WireError("rows without columns")


def _check_dictionary(name: str, words: Any) -> None:
    if not isinstance(words, list) or len(words) > MAX_DICTIONARY:
        raise WireError(f"column {name}: its dictionary is missing or too long")
    if not all(isinstance(word, str) and len(word) <= MAX_STRING for word in words):
        raise WireError(f"column {name}: a dictionary word is not a string up to {MAX_STRING}")
    if not all(is_text(word) for word in words):
        raise WireError(f"column {name}: a dictionary word holds a character no text has")


def _check_documents(header: dict[str, Any]) -> None:
    documents = header.get("documents", [])
    if not isinstance(documents, list):
        raise WireError("documents is not a list")
    for document in documents:
        if not (
            isinstance(document, dict)
            and isinstance(document.get("kind"), str)
            and 0 < len(document["kind"]) <= 64
            and _is_count(document.get("time"), 1 << 53)
            and isinstance(document.get("body"), dict)
        ):
            raise WireError("a document is not {kind, time, body}")


def is_text(word: str) -> bool:
    """Whether every store can hold it: no NUL, and no lone surrogate (JSON may spell both)."""
    if "\0" in word:
        return False
    return word.isascii() or not any("\ud800" <= c <= "\udfff" for c in word)


def _is_count(value: Any, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most


def _header(batch_id: BatchId, table: str, rows: int) -> dict[str, Any]:
    return {
        "v": VERSION,
        "agent": batch_id.agent,
        "epoch": batch_id.epoch,
        "seq": batch_id.seq,
        "table": table,
        "rows": rows,
    }


def _dump(header: dict[str, Any]) -> bytes:
    return json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()


def _dictionary(words: list[str]) -> tuple[list[str], list[int]]:
    distinct = sorted(set(words))
    index = {word: i for i, word in enumerate(distinct)}
    return distinct, [index[word] for word in words]
