"""Many agents' batches of one table become one block of columns. Pure: no store, no clock.

Values are judged batch by batch (a refused batch takes none of the others with it) and times row
by row (what lies ahead of the clock, or before any, is set aside).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np

from collectors.catalog import Table
from controller.ingest.decode import Array, Layout
from controller.ingest.measured import Measured
from controller.store.samples import Dictionary

UNSET_CLOCK_MS = 946_684_800_000
"""2000-01-01: a row before it was measured with a clock that was never set."""
LONGEST_INTERVAL_S = 32 * 86_400.0
FINE_INTERVAL_S = 300.0
"""Rows coarser than this stay in their own granularity, in the table's ``_coarse``."""
BUCKET_MS = 300_000
LIVE_MS = 60_000
"""A bucket that ended less than this ago is rolled up later than any insert that starts now."""
DAY_MS = 86_400_000

KEY_COLUMNS = ("time", "interval_s", "instance", "resource")
_NUMPY: dict[str, np.dtype[Any]] = {"f4": np.dtype("<f4"), "f8": np.dtype("<f8")}


class Part(NamedTuple):
    """One batch on its way into a block."""

    layout: Layout
    rows: int
    payload: bytes
    resource: int
    source: str
    version: int
    words: tuple[Measured, ...] | None = None
    """Of a poller's batch: what each word of its dictionary ``resource`` names, and for what
    times its sender may write it; resource 0 is none."""


@dataclass
class Aside:
    """Rows of one batch that were not taken, by the time range of what they claimed."""

    rows: int
    first_ms: int
    last_ms: int


@dataclass
class Block:
    """What became of the parts, by their index, and the columns to insert."""

    columns: dict[str, Any] = field(default_factory=dict)
    rows: int = 0
    refused: dict[int, str] = field(default_factory=dict)
    """Why a whole batch was not taken."""
    future: dict[int, Aside] = field(default_factory=dict)
    unset: dict[int, Aside] = field(default_factory=dict)
    foreign: dict[int, Aside] = field(default_factory=dict)
    """Rows of resources that the sender may not write, or not at their time."""
    newest_ms: dict[int, int] = field(default_factory=dict)
    """End of the newest row that was taken."""


def build(table: Table, parts: list[Part], now_ms: int, future_ms: int) -> Block:
    """The block of ``parts``; rows later than ``now_ms + future_ms`` are set aside."""
    block = Block()
    groups: dict[tuple[int, int], list[int]] = {}
    for index, part in enumerate(parts):
        if part.rows:
            groups.setdefault((id(part.layout), part.rows), []).append(index)
    pieces: list[dict[str, Any]] = []
    for indices in groups.values():
        piece = _read(table, parts, indices, block, now_ms + future_ms)
        if piece is not None:
            pieces.append(piece)
    if pieces:
        block.columns = _join(table, pieces)
        block.rows = len(block.columns["time"])
    return block


def _read(
    table: Table,
    parts: list[Part],
    indices: list[int],
    block: Block,
    latest_ms: int,
) -> dict[str, Any] | None:
    """The columns of batches alike in layout and rows; None if nothing of them is taken."""
    layout, rows = parts[indices[0]].layout, parts[indices[0]].rows
    read = layout.read([parts[i].payload for i in indices], rows)
    columns, wrong = _judge(table, layout, read)
    if wrong:
        for at, reason in wrong.items():
            block.refused[indices[at]] = reason
        keep = np.array([i for i in range(len(indices)) if i not in wrong], dtype=np.intp)
        if not len(keep):
            return None
        indices = [indices[i] for i in keep]
        columns = {name: values[keep] for name, values in columns.items()}
    time = columns["time"]
    taken = (time >= UNSET_CLOCK_MS) & (time <= latest_ms)
    chosen = [parts[i] for i in indices]
    resource = _resources(chosen, columns.get("resource"), time)
    taken &= resource > 0
    everything = bool(taken.all())
    if not everything:
        _set_aside(block.foreign, indices, time, resource == 0)
        _set_aside(block.future, indices, time, time > latest_ms)
        _set_aside(block.unset, indices, time, time < UNSET_CLOCK_MS)
    ends = np.where(taken, time + (columns["interval_s"] * 1000).astype("<i8"), 0).max(axis=1)
    block.newest_ms.update(zip(indices, ends.tolist(), strict=True))

    piece: dict[str, Any] = {
        "resource": resource.reshape(-1),
        "version": np.repeat(np.array([p.version for p in chosen], dtype="<u8"), rows),
        "source": _dictionary([p.source for p in chosen], rows),
        "instance": _instances(layout, columns, len(chosen) * rows),
    }
    for name, values in columns.items():
        if name not in ("instance", "resource"):
            piece[name] = values.reshape(-1)
    if not everything:
        mask = taken.reshape(-1)
        if not mask.any():
            return None
        piece = {name: take(values, mask) for name, values in piece.items()}
    return piece


def _resources(chosen: list[Part], codes: Array | None, time: Array) -> Array:
    """The resource of each row, shape (batches, rows); 0 where the sender may not write it, or
    not at the row's time."""
    found = np.empty(time.shape, dtype="<u4")
    for at, part in enumerate(chosen):
        if part.words is None or codes is None:
            found[at] = part.resource
            continue
        words = np.array([word.resource for word in part.words] or [0], dtype="<u4")
        found[at] = words[codes[at]]
        most = max((len(word.spans) for word in part.words), default=0)
        inside = np.zeros(time.shape[1], dtype=bool)
        for number in range(most):  # seldom more than one: a device that came back
            spans = [word.spans[number : number + 1] or ((1, 0),) for word in part.words]
            bounds = np.array([span[0] for span in spans], dtype="<i8")[codes[at]]
            inside |= (time[at] >= bounds[:, 0]) & (time[at] < bounds[:, 1])
        found[at][~inside] = 0
    return found


def _judge(table: Table, layout: Layout, read: Array) -> tuple[dict[str, Array], dict[int, str]]:
    """The known columns with shape (batches, rows), and what is wrong with which batch."""
    columns: dict[str, Array] = {}
    wrong: dict[int, str] = {}

    def refuse(bad: Array, reason: str) -> None:
        if bad.any():
            for at in np.flatnonzero(bad.any(axis=1)).tolist():
                wrong.setdefault(at, reason)

    known = {metric.name: _NUMPY[metric.type] for metric in table.metrics}
    for name, kind in layout.columns.items():
        values = read[layout.place[name]]
        if kind == "u2":
            words = layout.dictionaries[name]
            refuse(values >= len(words), f"column {name}: index outside its dictionary")
        elif name in known:
            with np.errstate(over="ignore"):
                values = values.astype(known[name], copy=False)
            refuse(np.isinf(values), f"column {name}: a value is infinite or too large")
        if name in KEY_COLUMNS or name in known:
            columns[name] = values
    interval = columns["interval_s"]
    with np.errstate(invalid="ignore"):
        refuse(
            ~((interval > 0) & (interval <= LONGEST_INTERVAL_S)),
            f"column interval_s: not between 0 and {LONGEST_INTERVAL_S:.0f} s",
        )
    return columns, wrong


def _set_aside(aside: dict[int, Aside], indices: list[int], time: Array, which: Array) -> None:
    for at in np.flatnonzero(which.any(axis=1)).tolist():
        times = time[at][which[at]]
        aside[indices[at]] = Aside(len(times), int(times.min()), int(times.max()))


def _instances(layout: Layout, columns: dict[str, Array], rows: int) -> Dictionary:
    codes = columns.get("instance")
    if codes is None:
        return Dictionary([""], np.zeros(rows, dtype="<u2"))
    return Dictionary(layout.dictionaries["instance"].tolist(), codes.reshape(-1))


def _dictionary(words: list[str], repeats: int) -> Dictionary:
    index: dict[str, int] = {}
    codes = [index.setdefault(word, len(index)) for word in words]
    return Dictionary(list(index), np.repeat(np.array(codes, dtype="<u4"), repeats))


def _join(table: Table, pieces: list[dict[str, Any]]) -> dict[str, Any]:
    """One set of columns; a metric that only some pieces have is NaN in the others."""
    if len(pieces) == 1:
        return pieces[0]
    joined: dict[str, Any] = {
        "instance": _join_words([piece["instance"] for piece in pieces]),
        "source": _join_words([piece["source"] for piece in pieces]),
    }
    lengths = [len(piece["time"]) for piece in pieces]
    for name in ("resource", "version", "time", "interval_s"):
        joined[name] = np.concatenate([piece[name] for piece in pieces])
    for metric in table.metrics:
        if any(metric.name in piece for piece in pieces):
            nothing = np.array(np.nan, dtype=_NUMPY[metric.type])
            joined[metric.name] = np.concatenate(
                [
                    piece[metric.name]
                    if metric.name in piece
                    else np.broadcast_to(nothing, (length,))
                    for piece, length in zip(pieces, lengths, strict=True)
                ]
            )
    return joined


def _join_words(dictionaries: list[Dictionary]) -> Dictionary:
    index: dict[str, int] = {}
    codes = []
    for each in dictionaries:
        place = [index.setdefault(word, len(index)) for word in each.values]
        codes.append(np.array(place or [0], dtype="<u4")[each.codes])
    return Dictionary(list(index), np.concatenate(codes))


def take(values: Any, mask: Array) -> Any:
    """The chosen rows of a column."""
    if isinstance(values, Dictionary):
        return Dictionary(values.values, values.codes[mask])
    return values[mask]


def split_coarse(columns: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(fine, coarse) rows by their interval; either may be {}."""
    coarse = columns["interval_s"] > FINE_INTERVAL_S
    if not coarse.any():
        return columns, {}
    if coarse.all():
        return {}, columns
    return (
        {name: take(values, ~coarse) for name, values in columns.items()},
        {name: take(values, coarse) for name, values in columns.items()},
    )


def late_days(columns: dict[str, Any], now_ms: int) -> set[tuple[int, date]]:
    """(resource, UTC day) of the rows whose 5-minute bucket may be rolled up before they are in.

    A row belongs to the buckets from its start to its end; where it reaches into further days,
    those are late with it.
    """
    time = columns["time"]
    late = time // BUCKET_MS * BUCKET_MS + BUCKET_MS + LIVE_MS <= now_ms
    if not late.any():
        return set()
    time = time[late]
    resource = columns["resource"][late].astype("<i8")
    ends = time + (columns["interval_s"][late] * 1000).astype("<i8") - 1
    first, last = time // DAY_MS, np.maximum(ends, time) // DAY_MS
    keys = [resource << 32 | first]
    for ahead in range(1, int((last - first).max()) + 1):
        reach = last - first >= ahead
        keys.append(resource[reach] << 32 | first[reach] + ahead)
    pairs = np.unique(np.concatenate(keys))
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return {(int(p) >> 32, (epoch + timedelta(days=int(p) & 0xFFFFFFFF)).date()) for p in pairs}
