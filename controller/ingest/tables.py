"""Enrolment tokens, agents, their epochs, their tasks, and what was set aside at the door."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from controller.store.relational import UtcDateTime

AGENT_STATES = ("pending", "active", "revoked", "conflict")
"""pending: waits for approval; conflict: two machines send as this agent (a clone)."""

AGENT_ROLES = ("poller",)
"""What an agent may be trusted with besides measuring its own host. poller: it asks network gear
of its site, so it is given the gear's credentials."""

TASK_STATES = ("waiting", "running", "done", "failed", "refused", "expired", "cancelled")
"""waiting: not yet fetched, or fetched and nothing heard; the last five are final."""


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
    roles: str = Field(default="", max_length=100, sa_column_kwargs={"server_default": ""})
    """Of AGENT_ROLES, apart by spaces; given by a person."""
    assigned: str = Field(default="", max_length=32, sa_column_kwargs={"server_default": ""})
    """Version of what it is to fetch; "" while there never was anything."""

    def holds(self, role: str) -> bool:
        """Whether it may be trusted so: it is active, and somebody gave it the role."""
        return self.state == "active" and role in self.roles.split()


class AgentTask(SQLModel, table=True):
    """Something an agent is to do once: a scan, a poll now. Bounded in time, size and tries."""

    __tablename__ = "agent_task"

    id: int | None = Field(default=None, primary_key=True)
    agent_id: str = Field(foreign_key="agent.id", index=True, max_length=32)
    kind: str = Field(index=True, max_length=40)
    body: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """Without secrets: those are filled in when it is handed over."""
    created: datetime = Field(sa_type=UtcDateTime)
    created_by: str = Field(default="", max_length=100)
    expires: datetime = Field(sa_type=UtcDateTime, index=True)
    state: str = Field(default="waiting", index=True, max_length=12)
    handed_over: int = 0
    """How often it was handed to an agent that did not have it."""
    changed: datetime = Field(sa_type=UtcDateTime)
    done: int = 0
    total: int = 0
    """Progress while it runs; 0 of 0 where it is not known."""
    error: str = Field(default="", max_length=500)
    result: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON, nullable=True))


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
