"""Traps as they came: the newest ones, and who sent how many that were taken or not."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, Column, Index
from sqlmodel import Field, SQLModel

from controller.store.relational import UtcDateTime


class TrapEvent(SQLModel, table=True):
    """One trap or inform. ``device_id`` None: of a source that is no device of ours."""

    __tablename__ = "trap_event"
    __table_args__ = (Index("ix_trap_event_at", "at"),)

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime)
    agent_id: str = Field(max_length=32)
    source: str = Field(max_length=64)
    device_id: int | None = Field(default=None, foreign_key="device.id", index=True)
    version: str = Field(max_length=4)
    oid: str = Field(max_length=200)
    kind: str = Field(max_length=32)
    about: str = Field(default="", max_length=200)
    """Name of the port, address of the neighbour; "" the device itself."""
    variables: list[list[str]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """OID and value each."""


class TrapSource(SQLModel, table=True):
    """What came from one address to one poller, ever."""

    __tablename__ = "trap_source"

    agent_id: str = Field(primary_key=True, foreign_key="agent.id", max_length=32)
    address: str = Field(primary_key=True, max_length=64)
    """Empty for all sources beyond those that are counted one by one."""
    device_id: int | None = Field(default=None, foreign_key="device.id", index=True)
    received: int = 0
    dropped: int = 0
    """By the flood limit, before they were read."""
    refused: int = 0
    """Of no known community or user."""
    first_seen: datetime = Field(sa_type=UtcDateTime)
    last_seen: datetime = Field(sa_type=UtcDateTime)
