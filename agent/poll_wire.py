"""What passes between the agent and its poller process: commands down, frames up.

Down, on the poller's standard input: a line of JSON each, ``{"devices": [bodies]}`` or
``{"scan": {"task": number, …}}``. Up, on its standard output: one byte that says what it is, four
bytes of length, and that many bytes. Secrets go down only.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

HEAD = struct.Struct(">cI")
MOST_FRAME = 8 << 20

SAMPLES, DOCUMENT, RESULT, STATE = b"S", b"D", b"R", b"M"
"""A batch in wire form; one document; the body of a task_result; what the poller says of itself."""

Item = dict[str, Any]


def frame(kind: bytes, payload: bytes) -> bytes:
    """One frame."""
    return HEAD.pack(kind, len(payload)) + payload


def pack_batch(table: str, rows: int, from_ms: int, to_ms: int, body: bytes) -> bytes:
    """The payload of SAMPLES: a line about the batch, then the batch."""
    return json.dumps([table, rows, from_ms, to_ms]).encode() + b"\n" + body


def unpack_batch(payload: bytes) -> tuple[str, int, int, int, bytes]:
    """(table, rows, from, to in ms, batch). Raises ValueError."""
    line, _, body = payload.partition(b"\n")
    table, rows, from_ms, to_ms = json.loads(line)
    return str(table), int(rows), int(from_ms), int(to_ms), body


def read_frame(read: Callable[[int], bytes]) -> tuple[bytes, bytes] | None:
    """The next frame, None at the end. Raises ValueError for what is no frame."""
    head = _exactly(read, HEAD.size)
    if head is None:
        return None
    kind, length = HEAD.unpack(head)
    if kind not in (SAMPLES, DOCUMENT, RESULT, STATE) or length > MOST_FRAME:
        raise ValueError("not a frame")
    payload = _exactly(read, length)
    return None if payload is None else (kind, payload)


def _exactly(read: Callable[[int], bytes], size: int) -> bytes | None:
    found = b""
    while len(found) < size:
        more = read(size - len(found))
        if not more:
            return None
        found += more
    return found
