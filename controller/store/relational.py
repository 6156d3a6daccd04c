"""The relational engine: SQLite by default, PostgreSQL by URL. Registers, users and bookkeeping.

Nothing is created at import; an engine is made by ``connect`` and handed to whoever needs it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Engine, create_engine, event
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator
from sqlmodel import Session

SQLITE_BUSY_MS = 30_000
"""How long a writer waits for another before "database is locked"."""


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: timezone-aware in Python, UTC in both engines. Refuses naive datetimes.

    SQLite keeps no zone, so it is put back on the way out.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a moment without a time zone: {value!r}")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(
        self,
        value: Any,
        dialect: Dialect,  # noqa: ARG002 -- SQLAlchemy's signature
    ) -> datetime | None:
        if value is None:
            return None
        stored: datetime = value
        return stored.replace(tzinfo=UTC) if stored.tzinfo is None else stored.astimezone(UTC)


def connect(url: str) -> Engine:
    """An engine for ``url`` (``sqlite:////path/file.db`` or ``postgresql+psycopg://…``)."""
    if url.startswith("sqlite"):
        engine = create_engine(url, connect_args={"timeout": SQLITE_BUSY_MS / 1000})
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_immediate)
        return engine
    return create_engine(url, pool_pre_ping=True)


def _configure_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # The driver's own BEGIN is deferred: two writers that read first would deadlock. We send it.
    connection.isolation_level = None
    cursor = connection.cursor()
    # Several processes share the file. WAL with more than one connection is corrupted by
    # SQLite before 3.51.3 (WAL-reset bug); the rollback journal is not.
    cursor.execute("PRAGMA journal_mode=DELETE")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_immediate(connection: Any) -> None:
    immediate = connection.get_execution_options().get("sqlite_immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


class Database:
    """The relational database as the rest of the controller sees it: reads and writes apart.

    A write takes SQLite's write lock at its start (BEGIN IMMEDIATE), because a transaction that
    reads first and is then refused the lock cannot be retried by waiting.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._writer = engine.execution_options(sqlite_immediate=True)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for queries; nothing is committed."""
        with Session(self.engine) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that commits at the end of the block and rolls back on any exception."""
        with Session(self._writer, expire_on_commit=False) as session, session.begin():
            yield session

    def close(self) -> None:
        self.engine.dispose()
