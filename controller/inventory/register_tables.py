"""The papers behind the registers: what is known of systems, allocations, pools, shares, claims.

What is *held* and counted stands in tables.Holding; nothing here changes a figure of usage.
Quantities are cores and bytes; None is not known. Dates of papers are moments at which that day
began in Shanghai.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from controller.store.relational import UtcDateTime

XINCHUANG_LAYERS = ("cpu", "os", "database", "middleware", "application")
XINCHUANG_STATES = ("done", "adapting", "planned", "none", "not_needed")
"""已完成, 适配中, 已计划, 未开展, 不涉及; None is not known."""


class SystemRecord(SQLModel, table=True):
    """What the register knows of a business system beyond its name and unit."""

    __tablename__ = "system_record"

    system_id: int = Field(
        primary_key=True,
        foreign_key="business_system.id",
        sa_column_kwargs={"autoincrement": False},
    )
    level: int | None = None
    """等保 level, 1 to 5."""
    record_number: str = Field(default="", max_length=100)
    """等保备案号."""
    assessed: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Last 等保测评."""
    crypto_assessed: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Last 密评."""
    on_cloud: bool | None = None
    should_be_on_cloud: bool | None = None
    xinchuang: dict[str, str] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """Layer -> state; a layer that is left out is not known."""
    public_addresses: list[str] = Field(
        default_factory=list, sa_column=Column(JSON, nullable=False)
    )
    """Addresses and names by which the public reaches it."""
    last_backup: datetime | None = Field(default=None, sa_type=UtcDateTime)
    offsite_copy: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Last copy at the other site."""
    last_drill: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Last restore drill."""
    operator: str = Field(default="", max_length=200)
    """运维单位."""
    operator_contact: str = Field(default="", max_length=200)
    contract_end: datetime | None = Field(default=None, sa_type=UtcDateTime)
    note: str = Field(default="", max_length=1000)
    updated: datetime = Field(sa_type=UtcDateTime)
    by: str = ""


PURPOSES = ("production", "test", "emergency")
"""生产, 测试, 应急."""


class Allocation(SQLModel, table=True):
    """A line of an application (资源申请): what was applied for, approved and delivered, when."""

    __table_args__ = (UniqueConstraint("number", "line"),)

    id: int | None = Field(default=None, primary_key=True)
    number: str = Field(max_length=64, index=True)
    """The application's number (申请单号)."""
    line: int = 1
    unit_id: int = Field(foreign_key="unit.id", index=True)
    system_id: int | None = Field(default=None, foreign_key="business_system.id", index=True)
    site_id: int | None = Field(default=None, foreign_key="site.id")
    zone_id: int | None = Field(default=None, foreign_key="zone.id")
    arch: str = Field(default="", max_length=16)
    purpose: str = Field(default="production", max_length=16)
    applied_vcpu: float | None = None
    applied_mem_bytes: float | None = None
    applied_disk_bytes: float | None = None
    applied_accelerators: float | None = None
    approved_vcpu: float | None = None
    approved_mem_bytes: float | None = None
    approved_disk_bytes: float | None = None
    approved_accelerators: float | None = None
    delivered_vcpu: float | None = None
    delivered_mem_bytes: float | None = None
    delivered_disk_bytes: float | None = None
    delivered_accelerators: float | None = None
    applied: datetime | None = Field(default=None, sa_type=UtcDateTime)
    approved: datetime | None = Field(default=None, sa_type=UtcDateTime)
    delivered: datetime | None = Field(default=None, sa_type=UtcDateTime)
    expires: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """From when the allocation no longer stands; None: no end."""
    note: str = Field(default="", max_length=1000)
    updated: datetime = Field(sa_type=UtcDateTime)


class AllocationResource(SQLModel, table=True):
    """A resource that was delivered for an allocation."""

    __tablename__ = "allocation_resource"

    allocation_id: int = Field(
        primary_key=True, foreign_key="allocation.id", sa_column_kwargs={"autoincrement": False}
    )
    resource_id: int = Field(
        primary_key=True,
        foreign_key="resource.id",
        index=True,
        sa_column_kwargs={"autoincrement": False},
    )


class AllocationEvent(SQLModel, table=True):
    """One change of an allocation, never removed: fields with what they said and say."""

    __tablename__ = "allocation_event"

    id: int | None = Field(default=None, primary_key=True)
    allocation_id: int = Field(foreign_key="allocation.id", index=True)
    at: datetime = Field(sa_type=UtcDateTime)
    by: str = ""
    what: str = Field(max_length=16)
    """created, changed."""
    changes: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """Field -> [before, after]."""


class Pool(SQLModel, table=True):
    """A resource pool (资源池): the hosts of one site, zone and processor family.

    ``zone_id`` None serves every zone of the site; ``accelerator`` is the model of its cards.
    """

    id: int | None = Field(default=None, primary_key=True)
    code: str = Field(unique=True, max_length=64)
    name: str = Field(max_length=200)
    site_id: int = Field(foreign_key="site.id", index=True)
    zone_id: int | None = Field(default=None, foreign_key="zone.id")
    arch: str = Field(max_length=16)
    accelerator: str = Field(default="", max_length=100)


class PoolCapacity(SQLModel, table=True):
    """How large a pool is from ``since`` until its next row: physical cores, bytes, cards."""

    __tablename__ = "pool_capacity"
    __table_args__ = (UniqueConstraint("pool_id", "since"),)

    id: int | None = Field(default=None, primary_key=True)
    pool_id: int = Field(foreign_key="pool.id", index=True)
    since: datetime = Field(sa_type=UtcDateTime)
    vcpu: float | None = None
    """Threads that can be given out without over-commitment."""
    mem_bytes: float | None = None
    disk_bytes: float | None = None
    accelerators: float | None = None
    cpu_overcommit: float = 1.0
    """vCPU that may be given out for each thread."""
    mem_overcommit: float = 1.0
    reserve_pct: float = 0.0
    """Share of each capacity that is kept free (for failures and emergencies)."""


class SharedResource(SQLModel, table=True):
    """A resource that serves several units during [since, until).

    ``mode`` apportioned: its parts add up to 100 %; public: 公共支撑, outside ranking.
    """

    __tablename__ = "shared_resource"
    __table_args__ = (UniqueConstraint("resource_id", "since"),)

    id: int | None = Field(default=None, primary_key=True)
    resource_id: int = Field(foreign_key="resource.id", index=True)
    since: datetime = Field(sa_type=UtcDateTime)
    until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    mode: str = Field(max_length=16)
    note: str = Field(default="", max_length=500)


class SharePart(SQLModel, table=True):
    """What share of a shared resource a unit bears, percent."""

    __tablename__ = "share_part"

    shared_id: int = Field(
        primary_key=True,
        foreign_key="shared_resource.id",
        sa_column_kwargs={"autoincrement": False},
    )
    unit_id: int = Field(
        primary_key=True,
        foreign_key="unit.id",
        index=True,
        sa_column_kwargs={"autoincrement": False},
    )
    share_pct: float


CLAIM_STATES = ("open", "approved", "refused", "withdrawn")


class Claim(SQLModel, table=True):
    """A unit says that an unclaimed resource (待认领) is its own; ops decides."""

    __table_args__ = (Index("ix_claim_state", "state"),)

    id: int | None = Field(default=None, primary_key=True)
    resource_id: int = Field(foreign_key="resource.id", index=True)
    unit_id: int = Field(foreign_key="unit.id", index=True)
    system: str = Field(default="", max_length=200)
    since: datetime = Field(sa_type=UtcDateTime)
    """From when the unit says it has held it."""
    reason: str = Field(default="", max_length=500)
    by: str = ""
    at: datetime = Field(sa_type=UtcDateTime)
    state: str = Field(default="open", max_length=16)
    decided: datetime | None = Field(default=None, sa_type=UtcDateTime)
    decided_by: str = ""
    note: str = Field(default="", max_length=500)
