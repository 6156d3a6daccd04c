"""The registers of the network: lines (线路) and access points (接入点), and who holds them when.

An address is never a key by itself: private ranges of different zones or VPNs overlap, so a point
is found by (zone, address). What can change hands or size is an interval [since, until).
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from controller.store.relational import UtcDateTime

LEVELS = ("city", "county", "township", "village")
"""市, 县(区), 乡镇(街道), 村(社区)."""

LINE_KINDS = (
    "dark_fibre", "otn", "sdh", "mstp", "ethernet", "mpls", "pon", "sdwan", "internet", "mobile",
    "other",
)  # fmt: skip

POINT_STATES = ("connected", "planned", "exempt")
"""已接入, 应接未接, 无需接入."""


class Line(SQLModel, table=True):
    """A line: what an operator sells under a circuit number, and where its two ends are."""

    __tablename__ = "network_line"
    __table_args__ = (UniqueConstraint("operator", "number"),)

    id: int | None = Field(default=None, primary_key=True)
    operator: str = Field(default="", max_length=100)
    number: str = Field(max_length=64)
    """Circuit number (电路编号), unique with its operator."""
    name: str = Field(default="", max_length=200)
    kind: str = Field(default="other", max_length=16)
    level: str = Field(default="county", max_length=16)
    zone_id: int | None = Field(default=None, foreign_key="zone.id")
    a_site_id: int | None = Field(default=None, foreign_key="site.id")
    a_device: str = Field(default="", max_length=128)
    """Code of the device that the end stands on."""
    a_port: str = Field(default="", max_length=128)
    a_text: str = Field(default="", max_length=200)
    """Where the end is, where there is no device of ours."""
    b_site_id: int | None = Field(default=None, foreign_key="site.id")
    b_device: str = Field(default="", max_length=128)
    b_port: str = Field(default="", max_length=128)
    b_text: str = Field(default="", max_length=200)
    contract_start: datetime | None = Field(default=None, sa_type=UtcDateTime)
    contract_end: datetime | None = Field(default=None, sa_type=UtcDateTime)
    note: str = Field(default="", max_length=1000)
    removed: datetime | None = Field(default=None, sa_type=UtcDateTime)
    updated: datetime = Field(sa_type=UtcDateTime)
    by: str = ""


class LineTerm(SQLModel, table=True):
    """Whose a line is, how wide and how dear, during [since, until). No unit: shared (共用)."""

    __tablename__ = "network_line_term"
    __table_args__ = (UniqueConstraint("line_id", "since"),)

    id: int | None = Field(default=None, primary_key=True)
    line_id: int = Field(foreign_key="network_line.id", index=True)
    since: datetime = Field(sa_type=UtcDateTime)
    until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    unit_id: int | None = Field(default=None, foreign_key="unit.id", index=True)
    bandwidth_bit_s: float | None = None
    """Contracted, each way."""
    yearly_cost: float | None = None
    """Yuan a year."""


class AccessPoint(SQLModel, table=True):
    """Where a unit or community is connected to the network, or should be."""

    __tablename__ = "access_point"
    __table_args__ = (Index("ix_access_point_address", "zone_id", "address"),)

    id: int | None = Field(default=None, primary_key=True)
    code: str = Field(unique=True, max_length=64)
    name: str = Field(default="", max_length=200)
    level: str = Field(max_length=16)
    community: str = Field(default="", max_length=200)
    """The village or community that it serves, where that is no unit of its own."""
    state: str = Field(default="connected", max_length=16)
    site_id: int | None = Field(default=None, foreign_key="site.id")
    zone_id: int | None = Field(default=None, foreign_key="zone.id")
    """Network zone or VPN: what its address is unique in."""
    device: str = Field(default="", max_length=128)
    port: str = Field(default="", max_length=128)
    address: str = Field(default="", max_length=45)
    tcp_port: int | None = None
    """Port to connect to where the point answers no echo request."""
    note: str = Field(default="", max_length=1000)
    removed: datetime | None = Field(default=None, sa_type=UtcDateTime)
    updated: datetime = Field(sa_type=UtcDateTime)
    by: str = ""


class PointTerm(SQLModel, table=True):
    """Whose a point is and by which line it is connected during [since, until)."""

    __tablename__ = "access_point_term"
    __table_args__ = (UniqueConstraint("point_id", "since"),)

    id: int | None = Field(default=None, primary_key=True)
    point_id: int = Field(foreign_key="access_point.id", index=True)
    since: datetime = Field(sa_type=UtcDateTime)
    until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    unit_id: int = Field(foreign_key="unit.id", index=True)
    line_id: int | None = Field(default=None, foreign_key="network_line.id", index=True)


class ReachPoller(SQLModel, table=True):
    """What a poller was last told to measure, as a digest: it is told again when that changes."""

    __tablename__ = "reach_poller"

    agent_id: str = Field(primary_key=True, foreign_key="agent.id", max_length=32)
    digest: str = Field(max_length=64)
