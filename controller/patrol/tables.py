"""Patrol plans that people edited, and patrol runs: what was looked at, found, and signed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from controller.store.relational import UtcDateTime

RUN_STATES = ("running", "done", "failed", "died")
"""failed: an error ended it, see ``error``; died: its process was gone before it was done."""


class PatrolPlan(SQLModel, table=True):
    """One version of a plan; the highest is in force. A shipped plan has no row until edited."""

    __tablename__ = "patrol_plan"
    __table_args__ = (UniqueConstraint("name", "version"),)

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=64)
    version: int
    definition: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    """The plan as plans.Plan reads it."""
    author: str = Field(max_length=64)
    note: str = Field(default="", max_length=500)
    created: datetime = Field(sa_type=UtcDateTime)


class PatrolRun(SQLModel, table=True):
    """One run of a plan. ``definition`` is the plan as it was run: a later edit changes nothing."""

    __tablename__ = "patrol_run"
    __table_args__ = (Index("ix_patrol_run_plan_started", "plan", "started"),)

    id: int | None = Field(default=None, primary_key=True)
    plan: str = Field(max_length=64)
    plan_version: int
    kind: str = Field(max_length=16)
    """daily, weekly, key_period, drill."""
    definition: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    unit_id: int | None = Field(default=None, foreign_key="unit.id")
    """The unit whose subtree it looked at; None is the whole city."""
    by: str = Field(max_length=64)
    """Who started it; "" is the schedule."""
    started: datetime = Field(sa_type=UtcDateTime, index=True)
    finished: datetime | None = Field(default=None, sa_type=UtcDateTime)
    state: str = Field(default="running", max_length=16)
    holder: str = Field(default="", max_length=200)
    """The process at work, to tell a run that died."""
    beat: datetime = Field(sa_type=UtcDateTime)
    """When the process last said that it is at work."""
    done: int = 0
    """Checks done, of ``total``."""
    total: int = 0
    error: str = Field(default="", max_length=500)
    score: float | None = None
    formula: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """How the score came about, part by part."""
    checks: list[dict[str, Any]] = Field(
        default_factory=list, sa_column=Column(JSON, nullable=False)
    )
    """What became of each check: looked at, found, not judged, seconds, error."""
    counts: dict[str, int] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """opened, reopened, still, resolved, hidden, and by severity."""
    previous_id: int | None = None
    """The run before it of the same plan and scope."""
    signed_by: str = Field(default="", max_length=64)
    signed: datetime | None = Field(default=None, sa_type=UtcDateTime)
    remark: str = Field(default="", max_length=2000)


class PatrolRunFinding(SQLModel, table=True):
    """A finding as one run saw it: stays as it was when the finding goes on living."""

    __tablename__ = "patrol_run_finding"

    run_id: int = Field(foreign_key="patrol_run.id", primary_key=True)
    finding_id: int = Field(foreign_key="finding.id", primary_key=True, index=True)
    change: str = Field(max_length=16)
    """opened, reopened, still, resolved."""
    severity: str = Field(max_length=16)
    hidden: bool = False
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """The evidence then."""
