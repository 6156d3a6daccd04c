"""Enrolment tokens, agents, their epochs, and what was set aside at the door."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from controller.store.relational import UtcDateTime

AGENT_STATES = ("pending", "active", "revoked", "conflict")
"""pending: waits for approval; conflict: two machines send as this agent (a clone)."""


class EnrolmentToken(SQLModel, table=True):
    """One-time or limited permission to enrol, bound to a unit."""

    __tablename__ = "enrolment_token"

    id: int | None = Field(default=None, primary_key=True)
    prefix: str = Field(max_length=16)
    token_hash: str = Field(unique=True, max_length=64)
    unit_id: int = Field(foreign_key="unit.id", index=True)
    uses_left: int = 1
    auto_approve: bool = False
    expires: datetime = Field(sa_type=UtcDateTime)
    created: datetime = Field(sa_type=UtcDateTime)
    created_by: str = ""
    revoked: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Agent(SQLModel, table=True):
    """An enrolled agent. Its samples go to ``resource_id``; a payload cannot claim another."""

    id: str = Field(primary_key=True, max_length=32)
    name: str = Field(max_length=200)
    secret_hash: str = Field(max_length=64)
    state: str = "pending"
    unit_id: int = Field(foreign_key="unit.id", index=True)
    resource_id: int | None = Field(default=None, foreign_key="resource.id", index=True)
    version: str = ""
    machine_id: str = ""
    facts: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    enrolled: datetime = Field(sa_type=UtcDateTime)
    approved_by: str = ""
    last_seen: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_sample: datetime | None = Field(default=None, sa_type=UtcDateTime)
    clock_skew_s: float | None = None
    token_id: int | None = Field(default=None, foreign_key="enrolment_token.id", index=True)
    """The token it enrolled with."""
    address: str = ""
    demo: bool = False


class AgentEpoch(SQLModel, table=True):
    """One spool's life: every seq up to ``acked_through`` is stored, and ``beyond`` above it.

    seq starts at 1.
    """

    __tablename__ = "agent_epoch"

    agent_id: str = Field(primary_key=True, foreign_key="agent.id", max_length=32)
    epoch: str = Field(primary_key=True, max_length=64)
    acked_through: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    beyond: list[list[int]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """Closed ranges [first, last], ascending."""
    marks: dict[str, list[Any]] = Field(
        default_factory=dict, sa_column=Column(JSON, nullable=False)
    )
    """Some numbers with [digest of the content, arrival in ms since 1970]; to notice clones."""
    first_seen: datetime = Field(sa_type=UtcDateTime)


class SetAside(SQLModel, table=True):
    """Data or an event that was not taken as it came: unknown column, far future, loss, clone.

    Counted by (kind, agent, detail key) so that it cannot grow without a bound.
    """

    __tablename__ = "set_aside"
    __table_args__ = (UniqueConstraint("kind", "agent_id", "subject"),)

    id: int | None = Field(default=None, primary_key=True)
    kind: str = Field(index=True)
    agent_id: str = Field(default="", index=True, max_length=32)
    subject: str = Field(default="", max_length=200)
    count: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    from_time: datetime | None = Field(default=None, sa_type=UtcDateTime)
    to_time: datetime | None = Field(default=None, sa_type=UtcDateTime)
    first_seen: datetime = Field(sa_type=UtcDateTime)
    last_seen: datetime = Field(sa_type=UtcDateTime)
