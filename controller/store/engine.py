"""The engine's own process talks to chDB through here: limits, lanes and errors of a statement.

Every statement runs on a connection of its own (opening one takes 0.5 ms, and a shared one
serialises: a 4 s report made inserts wait as long), with settings that are set before and cannot
be changed by the statement. Inserts have lanes that no read can take.

``controller.store.embedded`` alone imports this module's engine, and so chDB.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from controller.store.native import empty_block

_NAME = re.compile(r"[A-Za-z_]\w*")
_CODE = re.compile(r"Code: (\d+)\. DB::Exception")

BUSY = 202
"""ClickHouse's TOO_MANY_SIMULTANEOUS_QUERIES."""
READONLY = 164
WRITE = {
    # Wide rows: the default of a million rows a block takes half a gigabyte of an INSERT … SELECT.
    "min_insert_block_size_rows": "131072",
    "min_insert_block_size_bytes": "67108864",
    "max_insert_threads": "1",
}
UNKNOWN = 1002
NO_LIMIT = 7 * 86_400
"""Seconds: no statement of ours takes a week."""


class EngineError(Exception):
    """A statement failed; ``code`` is ClickHouse's, as in X-ClickHouse-Exception-Code."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code

    @classmethod
    def of(cls, error: Exception) -> EngineError:
        text = str(error)
        # The outermost layer repeats the innermost; the first code is the one that names it.
        match = _CODE.search(text)
        return cls(int(match[1]) if match else UNKNOWN, text.strip())


class Connection(Protocol):
    """What we use of chdb's connection."""

    def query(self, query: str, format: str = ..., params: Any = ...) -> Any: ...  # noqa: A002
    def close(self) -> None: ...


@dataclass(frozen=True)
class Limits:
    """What one statement may use at most, and how many run at once."""

    memory_bytes: int
    """Of all statements together; a read gets 60 % of it at most, so that inserts find room."""
    seconds: int
    threads: int
    readers: int = 4
    quick_readers: int = 2
    quick_seconds: int = 5
    """A read that asks for no more time than this does not queue behind reports."""
    inserters: int = 2
    writers: int = 2
    wait_seconds: float = 20.0
    """How long a statement waits for a lane before it is refused with BUSY."""

    @property
    def read_bytes(self) -> int:
        return self.memory_bytes * 6 // 10


class Engine:
    """Runs statements on chDB; thread-safe."""

    def __init__(self, connect: Callable[[], Connection], limits: Limits, database: str) -> None:
        self._connect = connect
        self.limits = limits
        self.database = database
        # The engine shuts down with its last connection, so one stays open.
        self._anchor = connect()
        self._anchor.query(f"CREATE DATABASE IF NOT EXISTS {_identifier(database)}", "TSV")
        self._read_lanes = threading.BoundedSemaphore(limits.readers)
        self._quick_lanes = threading.BoundedSemaphore(limits.quick_readers)
        self._insert_lanes = threading.BoundedSemaphore(limits.inserters)
        self._write_lanes = threading.BoundedSemaphore(limits.writers)
        self._merge_lanes = threading.BoundedSemaphore(1)

    def read(
        self,
        sql: str,
        output: str,
        *,
        settings: Mapping[str, str],
        parameters: Mapping[str, str],
        database: str = "",
        external: Mapping[str, tuple[str, str, bytes]] | None = None,
        readonly: str = "1",
    ) -> bytes:
        """Answer of a query in format ``output``; readonly, within the limits.

        ``external`` are temporary tables of this query: name to (structure, format, data).
        """
        capped = self._capped(settings)
        quick = int(capped["max_execution_time"]) <= self.limits.quick_seconds
        lanes = self._quick_lanes if quick else self._read_lanes
        with self._lane(lanes), self._session(database, parameters) as connection:
            for name, (structure, kind, data) in (external or {}).items():
                table = _identifier(name)
                connection.query(f"CREATE TEMPORARY TABLE {table} ({structure})", "TSV")
                _feed(connection, f"INSERT INTO {table}", kind, data)
            _set(connection, {**capped, "readonly": readonly})
            answer = _bytes(connection.query(sql, output))
            if not answer and output == "Native":
                return _header(connection, sql)
            return answer

    def insert(
        self,
        target: str,
        kind: str,
        data: bytes,
        *,
        settings: Mapping[str, str],
        database: str = "",
    ) -> int:
        """Feeds ``data`` (format ``kind``) to ``target``; rows written, once durable."""
        with self._lane(self._insert_lanes), self._session(database) as connection:
            _set(connection, {**settings, "async_insert": "0", "max_insert_threads": "1"})
            return _feed(connection, target, kind, data)

    def write(
        self,
        sql: str,
        *,
        settings: Mapping[str, str],
        parameters: Mapping[str, str],
        database: str = "",
        merge: bool = False,
    ) -> bytes:
        """DDL and INSERT … SELECT, as long as is asked for, else without a limit: that of queries
        would leave a long night's merge undone every night. A ``merge`` (OPTIMIZE) may take hours
        and has a lane of its own."""
        lanes = self._merge_lanes if merge else self._write_lanes
        with self._lane(lanes), self._session(database, parameters) as connection:
            capped = {**WRITE, **self._capped(settings)}
            capped["max_execution_time"] = _least(settings.get("max_execution_time"), NO_LIMIT)
            _set(connection, capped)
            return _bytes(connection.query(sql, "TabSeparated"))

    def ping(self) -> None:
        """A statement through the engine without waiting for a lane; raises EngineError."""
        with self._session("") as connection:
            connection.query("SELECT 1", "TSV")

    def close(self) -> None:
        self._anchor.close()

    def _capped(self, settings: Mapping[str, str]) -> dict[str, str]:
        limits = self.limits
        return {
            **settings,
            "max_execution_time": _least(settings.get("max_execution_time"), limits.seconds),
            "max_memory_usage": _least(settings.get("max_memory_usage"), limits.read_bytes),
            "max_threads": _least(settings.get("max_threads"), limits.threads),
            # A query spills before it is refused.
            "max_bytes_before_external_group_by": str(limits.read_bytes // 2),
            "max_bytes_before_external_sort": str(limits.read_bytes // 2),
            "max_result_bytes": str(limits.read_bytes),
        }

    @contextmanager
    def _lane(self, lanes: threading.BoundedSemaphore) -> Iterator[None]:
        if not lanes.acquire(timeout=self.limits.wait_seconds):
            raise EngineError(BUSY, "Code: 202. DB::Exception: all lanes are taken; ask again")
        try:
            yield
        finally:
            lanes.release()

    @contextmanager
    def _session(
        self, database: str, parameters: Mapping[str, str] | None = None
    ) -> Iterator[Connection]:
        try:
            connection = self._connect()
            try:
                connection.query(f"USE {_identifier(database or self.database)}", "TSV")
                _set(connection, {f"param_{key}": text for key, text in (parameters or {}).items()})
                yield connection
            finally:
                connection.close()
        except EngineError:
            raise
        except Exception as error:  # chDB raises RuntimeError and its own ChdbError alike
            raise EngineError.of(error) from None


def _feed(connection: Connection, target: str, kind: str, data: bytes) -> int:
    """Inserts ``data``; the rows in it.

    Through an anonymous file in memory: chDB 4.4's streaming insert reports success when the
    table refuses the rows (disk full, too many partitions), and its statement text cannot hold
    binary data.
    """
    if not _NAME.fullmatch(kind):
        raise EngineError(UNKNOWN, f"not a format: {kind!r}")
    handle = os.memfd_create("insert", os.MFD_CLOEXEC)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(handle, view) :]
        source = f"/proc/{os.getpid()}/fd/{handle}"
        result = connection.query(
            f"{target} FROM INFILE '{source}' COMPRESSION 'none' FORMAT {kind}", "TSV"
        )
        return int(result.rows_read())
    finally:
        os.close(handle)


def _header(connection: Connection, sql: str) -> bytes:
    """The names and types of an answer without rows, as a server sends them; chDB sends nothing."""
    described = _bytes(connection.query(f"DESCRIBE ({sql})", "TSVRaw")).decode()
    columns = [line.split("\t")[:2] for line in described.splitlines()]
    return empty_block([(name, kind) for name, kind in columns])


def _bytes(result: Any) -> bytes:
    raw: bytes = result.bytes()
    return raw


def _set(connection: Connection, settings: Mapping[str, str]) -> None:
    if settings:
        pairs = ", ".join(
            f"{_identifier(name)} = {_quote(text)}" for name, text in settings.items()
        )
        connection.query(f"SET {pairs}", "TSV")


def _least(asked: str | None, cap: int) -> str:
    try:
        value = int(float(asked)) if asked else 0
    except ValueError:
        value = 0
    return str(min(value, cap) if value > 0 else cap)


def _identifier(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise EngineError(UNKNOWN, f"not a name: {name!r}")
    return name


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
