"""One life for every finding (问题), whoever found it, and windows that hide some for a while."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Index
from sqlmodel import Field, SQLModel

from controller.store.relational import UtcDateTime

SEVERITIES = ("critical", "major", "minor", "info")
"""From the gravest: 紧急, 重要, 一般, 提示."""

STATES = ("open", "acknowledged", "resolved")


class Finding(SQLModel, table=True):
    """Something found about a subject. The same thing found again is the same row.

    ``fingerprint`` is made of source, code and subject (model.fingerprint), never of wording.
    ``opened`` is the start of the present life: a finding that comes back is opened again.
    """

    __table_args__ = (
        Index("ix_finding_state_severity", "state", "severity"),
        Index("ix_finding_source_code", "source", "code", "state"),
        Index("ix_finding_subject", "subject_kind", "subject_key"),
    )

    id: int | None = Field(default=None, primary_key=True)
    fingerprint: str = Field(unique=True, max_length=64)
    source: str = Field(max_length=32)
    """Who found it: patrol, snmp, ipv6, ledger, …"""
    code: str = Field(max_length=64)
    """What is wrong, e.g. ``agent.silent``; stable, texts may change."""
    subject_kind: str = Field(max_length=32)
    """resource, agent, device, port, line, unit, controller, …"""
    subject_key: str = Field(max_length=200)
    """The subject's own key in its register: a resource's code, an agent's id."""
    subject_name: str = Field(default="", max_length=200)
    unit_id: int | None = Field(default=None, foreign_key="unit.id", index=True)
    """Whose it is; without one, only who sees the whole city sees it."""
    severity: str = Field(max_length=16)
    state: str = Field(default="open", max_length=16)
    title_zh: str = Field(max_length=300)
    title_en: str = Field(default="", max_length=300)
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """The evidence of the latest look: name to value."""
    depends_on: list[list[str]] = Field(
        default_factory=list, sa_column=Column(JSON, nullable=False)
    )
    """[kind, key] of subjects; while one of them is down this finding says nothing of its own."""
    down: bool = False
    """Whether it says that its subject is down, so what depends on it is hidden."""
    hidden_by: str = Field(default="", max_length=40)
    """"" or ``finding:ID`` (the subject it depends on is down) or ``window:ID``."""
    opened: datetime = Field(sa_type=UtcDateTime)
    last_seen: datetime = Field(sa_type=UtcDateTime)
    times_seen: int = 1
    resolved: datetime | None = Field(default=None, sa_type=UtcDateTime)
    resolved_by: str = Field(default="", max_length=64)
    """A user's name; "" if it went away by itself."""
    acknowledged: datetime | None = Field(default=None, sa_type=UtcDateTime)
    acknowledged_by: str = Field(default="", max_length=64)
    assignee: str = Field(default="", max_length=64)
    due: datetime | None = Field(default=None, sa_type=UtcDateTime)


class FindingEvent(SQLModel, table=True):
    """One thing that happened to a finding. Being seen again unchanged is counted, not written."""

    __tablename__ = "finding_event"

    id: int | None = Field(default=None, primary_key=True)
    finding_id: int = Field(foreign_key="finding.id", index=True)
    at: datetime = Field(sa_type=UtcDateTime)
    by: str = Field(default="", max_length=64)
    """A user's name; "" is the system."""
    what: str = Field(max_length=32)
    """opened, reopened, severity, acknowledged, assigned, handed_over, note, resolved."""
    note: str = Field(default="", max_length=1000)
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class SuppressionWindow(SQLModel, table=True):
    """What it names is hidden during [since, until): planned work, a known fault, a drill.

    "" and None mean any; at least one of code, subject and unit is given.
    """

    __tablename__ = "suppression_window"

    id: int | None = Field(default=None, primary_key=True)
    code: str = Field(default="", max_length=64)
    subject_kind: str = Field(default="", max_length=32)
    subject_key: str = Field(default="", max_length=200)
    unit_id: int | None = Field(default=None, foreign_key="unit.id", index=True)
    """The unit; those below it are included."""
    since: datetime = Field(sa_type=UtcDateTime)
    until: datetime = Field(sa_type=UtcDateTime)
    reason: str = Field(max_length=500)
    by: str = Field(max_length=64)
    created: datetime = Field(sa_type=UtcDateTime)
    ended: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_by: str = Field(default="", max_length=64)


class ShiftHandover(SQLModel, table=True):
    """One shift's hand-over to the next (交接班): whose findings went to whom, with what words."""

    __tablename__ = "shift_handover"

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime)
    by: str = Field(max_length=64)
    from_user: str = Field(max_length=64)
    to_user: str = Field(max_length=64)
    note: str = Field(default="", max_length=1000)
    findings: list[int] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
