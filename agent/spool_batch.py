"""A batch as it waits in the spool: its checksum, a new id for it, its halves."""

from __future__ import annotations

import json
import os
import zlib
from typing import Any, NamedTuple

from collectors.records import COLUMN_TYPES, DOCUMENTS, BatchId, Reading, deflate, open_envelope


class Entry(NamedTuple):
    """A batch as it waits: its place ``n`` in the file, its id, what it spans, and its bytes."""

    n: int
    id: BatchId
    kind: str
    """Sample table, "documents", or "loss" (documents that report losses)."""
    rows: int
    from_ms: int
    to_ms: int
    body: bytes


def sound_entry(row: tuple[Any, ...]) -> Entry | None:
    """A row of ``batch`` as an entry, or None if its checksum or types are wrong."""
    n, agent, epoch, seq, kind, rows, from_ms, to_ms, crc, body = row
    texts = isinstance(agent, str) and isinstance(epoch, str) and isinstance(kind, str)
    numbers = all(isinstance(v, int) for v in (n, seq, rows, from_ms, to_ms))
    if not (texts and numbers and isinstance(body, bytes)):
        return None
    batch_id = BatchId(agent, epoch, seq)
    if checksum(batch_id, body) != crc:
        return None
    return Entry(n, batch_id, kind, rows, from_ms, to_ms, body)


def relabel(body: bytes, batch_id: BatchId) -> bytes:
    """The same batch under another id. Raises WireError."""
    header, payload = open_envelope(body)
    return seal(header, payload, batch_id)


def halve(body: bytes) -> list[tuple[dict[str, Any], bytes]]:
    """Header and columns of the two halves; nothing if it is one row or one document.

    Raises WireError.
    """
    header, payload = open_envelope(body)
    if header["table"] == DOCUMENTS:
        documents = header["documents"]
        middle = len(documents) // 2
        parts = (documents[:middle], documents[middle:])
        return [({**header, "documents": part}, b"") for part in parts] if middle else []
    middle = header["rows"] // 2
    if not middle:
        return []
    halves = []
    for first, last in ((0, middle), (middle, header["rows"])):
        columns, offset = [], 0
        for _, kind in header["columns"]:
            width = _WIDTHS[COLUMN_TYPES[kind]]
            columns.append(payload[offset + first * width : offset + last * width])
            offset += header["rows"] * width
        halves.append(({**header, "rows": last - first}, b"".join(columns)))
    return halves


_WIDTHS = {"q": 8, "f": 4, "d": 8, "H": 2}


def seal(header: dict[str, Any], payload: bytes, batch_id: BatchId) -> bytes:
    header = {**header, "agent": batch_id.agent, "epoch": batch_id.epoch, "seq": batch_id.seq}
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":"))
    return deflate(text.encode() + b"\n" + payload)


def checksum(batch_id: BatchId, body: bytes) -> int:
    return zlib.crc32(
        body, zlib.crc32(f"{batch_id.agent}/{batch_id.epoch}/{batch_id.seq}".encode())
    )


def span_of(readings: list[Reading]) -> tuple[int, int]:
    first = min(r.time_ms for r in readings)
    return first, max(r.time_ms + round(r.interval_s * 1000) for r in readings)


def new_epoch() -> str:
    return os.urandom(8).hex()
