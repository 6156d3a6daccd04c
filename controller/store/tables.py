"""Bookkeeping of the sample store that must be durable before an insert: what to roll up again."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import BigInteger, Column, Date
from sqlmodel import Field, SQLModel

from controller.store.relational import UtcDateTime


class DirtyDay(SQLModel, table=True):
    """A (table, resource, UTC day) whose rollups must be computed again.

    ``generation`` grows with each mark; the worker clears a mark only if it has not grown since
    it was read, so rows that arrive during a recompute are not forgotten.
    """

    __tablename__ = "dirty_day"

    sample_table: str = Field(primary_key=True, max_length=32)
    resource_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    day: date = Field(sa_column=Column(Date, primary_key=True))
    generation: int = Field(default=1, sa_column=Column(BigInteger, nullable=False))
    marked: datetime = Field(sa_type=UtcDateTime)


class DirtyOwner(SQLModel, table=True):
    """A (unit, system, UTC day) whose sums by owner must be computed again: who holds what was
    put right, while every resource's own rows stay as they are. ``system_id`` 0 is none."""

    __tablename__ = "dirty_owner"

    unit_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    system_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    day: date = Field(sa_column=Column(Date, primary_key=True))
    generation: int = Field(default=1, sa_column=Column(BigInteger, nullable=False))
    marked: datetime = Field(sa_type=UtcDateTime)


class Watermark(SQLModel, table=True):
    """How far a periodic job has got, by its name (live rollup, retention, merge)."""

    name: str = Field(primary_key=True, max_length=64)
    at: datetime = Field(sa_type=UtcDateTime)


class LateRows(SQLModel, table=True):
    """Raw rows that came when their bucket could no longer be computed: what it was made of may
    have expired, so it stays as it is and the rows are counted here."""

    __tablename__ = "late_rows"

    sample_table: str = Field(primary_key=True, max_length=32)
    resource_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    day: date = Field(sa_column=Column(Date, primary_key=True))
    rows: int = Field(sa_column=Column(BigInteger, nullable=False))
    seen: datetime = Field(sa_type=UtcDateTime)


class WorkerLock(SQLModel, table=True):
    """Who does the scheduled work; it renews before ``expires``, else another takes over."""

    __tablename__ = "worker_lock"

    name: str = Field(primary_key=True, max_length=64)
    holder: str
    expires: datetime = Field(sa_type=UtcDateTime)


class JobRun(SQLModel, table=True):
    """How a periodic job of the worker is doing: read by ``yunxun doctor`` and the pages."""

    __tablename__ = "job_run"

    name: str = Field(primary_key=True, max_length=64)
    last_ok: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_failed: datetime | None = Field(default=None, sa_type=UtcDateTime)
    failures: int = 0
    """In a row; 0 after a success."""
    error: str = Field(default="", max_length=500)
    seconds: float = 0.0
    """How long the last run took."""
