"""What was lost, counted until it is told: reason to [rows, batches, first ms, last ms].

``meta["losses"]`` is what the controller was not told yet, ``meta["lost"]`` the rows of all time.
"""

from __future__ import annotations

from typing import Any

from collectors.records import Document, WireError, open_envelope

Losses = dict[str, list[int]]


def add_loss(losses: Losses, reason: str, rows: int, batches: int, first: int, last: int) -> None:
    """Adds to one reason; a ``last`` of 0 says that the time is not known."""
    had = losses.get(reason)
    if had is None:
        losses[reason] = [rows, batches, first, last]
    elif not last:
        had[0], had[1] = had[0] + rows, had[1] + batches
    else:
        low = min(had[2], first) if had[3] else first
        losses[reason] = [had[0] + rows, had[1] + batches, low, max(had[3], last)]


def note_loss(
    meta: dict[str, Any], reason: str, rows: int, batches: int, first: int, last: int
) -> None:
    """Counts a loss in the spool's own counters."""
    add_loss(meta["losses"], reason, rows, batches, first, last)
    meta["lost"][reason] = meta["lost"].get(reason, 0) + rows


def loss_documents(meta: dict[str, Any], now_ms: int) -> list[Document]:
    """The losses so far as documents; the counters start again. ``id`` tells repeats."""
    documents = []
    for reason, (rows, batches, first, last) in meta["losses"].items():
        meta["reports"] += 1
        body = {
            "reason": reason,
            "rows": rows,
            "batches": batches,
            "from_ms": first or now_ms,
            "to_ms": last or now_ms,
            "id": f"{meta['epoch']}-{meta['reports']}",
        }
        documents.append(Document("loss", now_ms, body))
    meta["losses"] = {}
    return documents


def take_back(meta: dict[str, Any], body: bytes) -> None:
    """A report of losses that has to go itself: its numbers return to the counters."""
    try:
        documents = open_envelope(body)[0]["documents"]
    except WireError:
        return
    for document in documents:
        told = document["body"]
        span = (told["from_ms"], told["to_ms"])
        add_loss(meta["losses"], told["reason"], told["rows"], told["batches"], *span)
