"""Tables of IPv6 readiness: sites, and the readings of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Index
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
