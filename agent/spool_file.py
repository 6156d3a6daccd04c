"""The spool's SQLite file: its form, how it is opened and checked, and which errors are damage."""

from __future__ import annotations

import json
import os
import sqlite3
import time
import zlib
from typing import Any

VERSION = 1

CHECK_S = 0.5
"""Longest check of the file at start; what it does not reach is found by checksums later."""

SCHEMA = """
CREATE TABLE batch (
    n INTEGER PRIMARY KEY, agent TEXT, epoch TEXT, seq INTEGER, kind TEXT,
    rows INTEGER, from_ms INTEGER, to_ms INTEGER, crc INTEGER, body BLOB
);
CREATE TABLE quarantine (
    n INTEGER PRIMARY KEY, agent TEXT, epoch TEXT, seq INTEGER, kind TEXT,
    rows INTEGER, from_ms INTEGER, to_ms INTEGER, at_ms INTEGER, reason TEXT, body BLOB
);
CREATE TABLE meta (one INTEGER PRIMARY KEY, text TEXT, crc INTEGER);
"""

COLUMNS = "n, agent, epoch, seq, kind, rows, from_ms, to_ms, crc, body"


class SpoolBusyError(Exception):
    """Another process holds the file."""


class DamagedError(Exception):
    """The file cannot be relied upon."""


def connect(path: str) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        for pragma in (
            "locking_mode = EXCLUSIVE",
            "auto_vacuum = INCREMENTAL",
            "journal_mode = PERSIST",
            "journal_size_limit = 1048576",
            "synchronous = FULL",
            "cache_size = -256",
            "temp_store = MEMORY",
            "trusted_schema = OFF",
            "cell_size_check = ON",
        ):
            db.execute(f"PRAGMA {pragma}").fetchall()
    except sqlite3.Error:
        db.close()
        raise
    return db


def check(db: sqlite3.Connection) -> None:
    """SQLite's own check of the file, for at most CHECK_S."""
    until = time.monotonic() + CHECK_S
    db.set_progress_handler(lambda: time.monotonic() > until, 10_000)
    try:
        verdict = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        verdict = "ok"
    finally:
        db.set_progress_handler(None, 0)
    if verdict != "ok":
        raise DamagedError(verdict.splitlines()[-1])


def read_meta(db: sqlite3.Connection) -> dict[str, Any]:
    row = db.execute("SELECT text, crc FROM meta WHERE one = 1").fetchone()
    if not row or not isinstance(row[0], str) or zlib.crc32(row[0].encode()) != row[1]:
        raise DamagedError("its counters are damaged")
    meta: dict[str, Any] = json.loads(row[0])
    if meta["version"] != VERSION:
        raise DamagedError(f"format {meta['version']} is not {VERSION}")
    return meta


def write_meta(db: sqlite3.Connection, meta: dict[str, Any]) -> None:
    text = json.dumps(meta, separators=(",", ":"))
    db.execute("UPDATE meta SET text = ?, crc = ? WHERE one = 1", (text, zlib.crc32(text.encode())))


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file is at fault, not the disk's space, its rights or another holder."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    return code in (
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_FORMAT,
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_MISMATCH,
        sqlite3.SQLITE_CONSTRAINT,
    )


def classified(error: sqlite3.Error) -> Exception:
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return SpoolBusyError(str(error))
    return DamagedError(str(error)) if is_damage(error) else error


def remove(path: str) -> None:
    try:
        if os.path.isdir(path) and not os.path.islink(path):
            os.rename(path, f"{path}.{os.urandom(4).hex()}")
        else:
            os.remove(path)
    except OSError:
        pass
