"""Tables of IPv6 readiness: sites and their readings, hosts and devices, days, official results."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Column, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from controller.store.relational import UtcDateTime


class Ipv6Site(SQLModel, table=True):
    """A website, or a system by address and port, of a unit."""

    __tablename__ = "ipv6_site"

    id: int | None = Field(default=None, primary_key=True)
    code: str = Field(unique=True, max_length=128)
    name: str = Field(max_length=200)
    url: str = Field(max_length=500)
    unit_id: int = Field(foreign_key="unit.id", index=True)
    retired: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Ipv6Reading(SQLModel, table=True):
    """What was measured of a site from one vantage point, and its score by one index."""

    __tablename__ = "ipv6_reading"
    __table_args__ = (Index("ix_ipv6_reading_site_at", "site_id", "vantage", "at"),)

    id: int | None = Field(default=None, primary_key=True)
    site_id: int = Field(foreign_key="ipv6_site.id")
    vantage: str = Field(max_length=40)
    at: datetime = Field(sa_type=UtcDateTime)
    by: str = ""
    score: float | None = None
    index_name: str = Field(max_length=80)
    reading: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))


class Ipv6Subject(SQLModel, table=True):
    """A host or device: the newest document about it, and what the index makes of it."""

    __tablename__ = "ipv6_subject"
    __table_args__ = (UniqueConstraint("kind", "ref"),)

    id: int | None = Field(default=None, primary_key=True)
    kind: str = Field(max_length=16)
    """host or device."""
    ref: int
    """The resource's or the device's id."""
    at: datetime = Field(sa_type=UtcDateTime)
    by: str = Field(default="", max_length=64)
    """The agent that read it."""
    document: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    traffic: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """``{"v4_bytes", "v6_bytes", "days"}`` of the last days; {} where nothing was counted."""
    index_name: str = Field(default="", max_length=80, index=True)
    """The index it was judged by; "" until it is."""
    score: float | None = None
    coverage: float = 0.0
    results: list[list[Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """[code, state, value, points, of, why] of each indicator."""


class Ipv6Day(SQLModel, table=True):
    """The score of a day: of the city, a unit or a system every day, of a host or device only when
    it changed."""

    __tablename__ = "ipv6_day"
    __table_args__ = (UniqueConstraint("level", "ref", "day"),)

    id: int | None = Field(default=None, primary_key=True)
    level: str = Field(max_length=16)
    """city, unit, system, host or device."""
    ref: int = 0
    """Id of what it is; 0 for the city."""
    day: date = Field(index=True)
    score: float | None = None
    coverage: float = 0.0
    subjects: int = 0
    passing: int = 0


class Ipv6Traffic(SQLModel, table=True):
    """Bytes of both IP versions, in and out, on one day, of the hosts or devices of one owner."""

    __tablename__ = "ipv6_traffic"
    __table_args__ = (UniqueConstraint("day", "kind", "unit_id", "system_id", "place_id"),)

    id: int | None = Field(default=None, primary_key=True)
    day: date
    kind: str = Field(max_length=16)
    unit_id: int
    system_id: int = 0
    """0 is none; so is ``place_id``, the site of the register."""
    place_id: int = 0
    v4_bytes: float
    v6_bytes: float
    subjects: int = 0


class Ipv6Official(SQLModel, table=True):
    """What an official monitor found of a site or a unit on a day."""

    __tablename__ = "ipv6_official"
    __table_args__ = (UniqueConstraint("source", "day", "subject_kind", "subject_key"),)

    id: int | None = Field(default=None, primary_key=True)
    source: str = Field(max_length=100)
    day: date
    subject_kind: str = Field(max_length=16)
    """site or unit."""
    subject_key: str = Field(max_length=128)
    """Its code."""
    unit_id: int = Field(foreign_key="unit.id", index=True)
    score: float | None = None
    items: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """Further columns of the file by their heads."""
    imported: datetime = Field(sa_type=UtcDateTime)
    by: str = Field(default="", max_length=64)


class Ipv6Plan(SQLModel, table=True):
    """Hosts that shall get IPv6 by playbooks/enable_ipv6.yml, and how they stood before."""

    __tablename__ = "ipv6_plan"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=200)
    created: datetime = Field(sa_type=UtcDateTime)
    by: str = Field(default="", max_length=64)
    hosts: list[dict[str, Any]] = Field(sa_column=Column(JSON, nullable=False))
    """``{"ref", "code", "name", "unit_id", "v4", "address", "interface", "gateway", "score",
    "lost"}``, score and lost as they were when the plan was made."""


class Ipv6Vantage(SQLModel, table=True):
    """Where sites are seen from (extranet, internet, …), and the poller that looks from there."""

    __tablename__ = "ipv6_vantage"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True, max_length=40)
    agent_id: str = Field(foreign_key="agent.id", max_length=32)
    every_h: float = 24.0
    dns: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """Name servers to ask, ADDRESS or ADDRESS#PORT; none: the host's own."""
    allow: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """Networks that are not global and may be visited all the same."""
    changed: datetime = Field(sa_type=UtcDateTime)
