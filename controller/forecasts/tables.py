"""The newest forecasts: one row a subject and figure, replaced as a whole every night."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from controller.store.relational import UtcDateTime

KINDS = ("pool", "link", "volume")
METRICS = (
    "alloc_vcpu",
    "alloc_mem",
    "alloc_disk",
    "use_cpu",
    "use_mem",
    "line_out",
    "line_in",
    "disk",
)
"""Given out of a pool; used of its machines; rates of a line; a file system."""


class ForecastRow(SQLModel, table=True):
    """When one thing reaches its limit; see ``analysis.outlook.Outlook`` for the figures."""

    __tablename__ = "forecast"
    __table_args__ = (UniqueConstraint("kind", "key", "metric"),)

    id: int | None = Field(default=None, primary_key=True)
    kind: str = Field(max_length=8, index=True)
    key: str = Field(max_length=300)
    """A pool's code, a resource's code, or ``resource:mount``."""
    metric: str = Field(max_length=16)
    name: str = Field(max_length=300)
    unit_id: int | None = Field(default=None, foreign_key="unit.id", index=True)
    """The owner; None: the city's."""
    resource_id: int | None = Field(default=None, foreign_key="resource.id", index=True)
    instance: str = Field(default="", max_length=200)
    """Of its samples."""
    at: datetime = Field(sa_type=UtcDateTime)
    state: str = Field(max_length=8, index=True)
    now: float | None = None
    limit: float | None = None
    days: float | None = Field(default=None, index=True)
    low: float | None = None
    high: float | None = None
    growth: float | None = None
    error_pct: float | None = None
    reason_zh: str = Field(default="", max_length=200)
    reason_en: str = Field(default="", max_length=200)


class ForecastRun(SQLModel, table=True):
    """What one computation looked at; the last few are kept."""

    __tablename__ = "forecast_run"

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime)
    by: str = Field(max_length=100)
    seconds: float
    counts: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """Kind to state to number; volumes and lines far from their limit have no row."""
