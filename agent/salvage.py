"""Copies over what can still be read of a damaged spool file, a slice at a time.

The damaged file is read by SQLite itself, read-only, seeking by place: where a page is broken the
seek fails and is repeated further on, in steps that double; then the rows just before the next
good one are read backwards. Every step moves on, so it always ends. Every batch proves itself by
its checksum.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator

from agent.spool import Spool
from agent.spool_batch import Entry, sound_entry
from agent.spool_file import COLUMNS, DamagedError, read_meta

SLICE = 50
"""Batches taken over in one transaction."""

_LAST = 1 << 62


def salvage(spool: Spool, path: str, budget_s: float) -> Iterator[int]:
    """Moves sound batches of ``path`` into ``spool``; yields how many so far every slice.

    A slice takes at most ``budget_s`` or SLICE batches. What the file says it held beyond them is
    counted as lost at the end. Nothing is raised.
    """
    count = rows = 0
    chunk: list[Entry] = []
    until = time.monotonic() + budget_s
    for entry in read_sound(path):
        chunk.append(entry)
        rows += entry.rows
        if len(chunk) >= SLICE or time.monotonic() > until:
            count += spool.restore(chunk)
            chunk = []
            yield count
            until = time.monotonic() + budget_s
    if chunk:
        count += spool.restore(chunk)
    spool.finish_salvage(read_row_count(path), rows)
    yield count


def read_row_count(path: str) -> int:
    """How many sample rows the file's own counters say it holds; 0 where they are gone."""
    try:
        db = sqlite3.connect(f"file:{_escaped(path)}?mode=ro&immutable=1", uri=True)
    except sqlite3.Error:
        return 0
    try:
        return int(read_meta(db)["rows"])
    except (sqlite3.Error, DamagedError, KeyError, TypeError, ValueError):
        return 0
    finally:
        db.close()


def read_sound(path: str) -> Iterator[Entry]:
    """Every batch of the file whose checksum holds, mostly in order."""
    try:
        db = sqlite3.connect(f"file:{_escaped(path)}?mode=ro&immutable=1", uri=True)
    except sqlite3.Error:
        return
    try:
        db.execute("PRAGMA cache_size = -256")
        yield from _walk(db)
    except sqlite3.Error:
        return
    finally:
        db.close()


def _escaped(path: str) -> str:
    """For a file: URI; urllib is not imported for three characters."""
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _walk(db: sqlite3.Connection) -> Iterator[Entry]:
    at, step, broken_from = -1, 1, -1
    while at < _LAST:
        try:
            row = db.execute(
                f"SELECT {COLUMNS} FROM batch WHERE n > ? ORDER BY n LIMIT 1", (at,)
            ).fetchone()
        except sqlite3.Error:
            if broken_from < 0:
                broken_from = at
            at, step = at + step, step * 2
            continue
        if broken_from >= 0:
            yield from _backwards(db, broken_from, _LAST if row is None else row[0])
            step, broken_from = 1, -1
        if row is None or not isinstance(row[0], int) or row[0] <= at:
            return
        at = row[0]
        entry = sound_entry(row)
        if entry is not None:
            yield entry
    if broken_from >= 0:
        yield from _backwards(db, broken_from, _LAST)


def _backwards(db: sqlite3.Connection, after: int, before: int) -> Iterator[Entry]:
    """The rows between, from the end, until the broken page is met."""
    while True:
        try:
            row = db.execute(
                f"SELECT {COLUMNS} FROM batch WHERE n > ? AND n < ? ORDER BY n DESC LIMIT 1",
                (after, before),
            ).fetchone()
        except sqlite3.Error:
            return
        if row is None or not isinstance(row[0], int) or row[0] >= before:
            return
        before = row[0]
        entry = sound_entry(row)
        if entry is not None:
            yield entry
