"""Documents kept in the database: JSON, deflated. Anybody can read them with Python's library."""

from __future__ import annotations

import hashlib
import json
import zlib
from typing import Any

MOST_BYTES = 512 * 2**20
"""What a document may inflate to; ours have a hundredth of it."""


def pack(document: Any) -> bytes:
    """The document as bytes; equal documents give equal bytes."""
    return zlib.compress(canonical(document), 6)


def unpack(packed: bytes) -> Any:
    """The document. Raises ValueError for bytes that are none of ours."""
    inflate = zlib.decompressobj()
    try:
        raw = inflate.decompress(packed, MOST_BYTES)
    except zlib.error as error:
        raise ValueError(f"not a packed document: {error}") from None
    if not inflate.eof:
        raise ValueError("the document is cut off or larger than any of ours")
    return json.loads(raw)


def canonical(document: Any) -> bytes:
    """JSON with sorted keys and no spaces."""
    return json.dumps(
        document, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    ).encode()


def digest(data: bytes) -> str:
    """SHA-256, 64 hex digits."""
    return hashlib.sha256(data).hexdigest()
