"""The registers: units as a dated tree, sites, zones, business systems, resources and holdings.

What can change over time is an interval ``[since, until)``; an open end is ``None``. A sample
row carries no owner: it is joined to the holding at its own time, so a correction backwards
changes figures and no stored row.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from controller.store.relational import UtcDateTime

UNIT_KINDS = (
    "city",  # 市级: the root of a tree that has one
    "department",  # 市直部门
    "subordinate",  # 二级单位
    "county",  # 县(市、区)
    "county_department",  # 县直
    "township",  # 乡镇
    "village",  # 村(社区)
    "vertical",  # 驻市垂管
    "park",  # 园区
    "enterprise",  # 国企
    "unclaimed",  # 待认领: what holds a resource nobody has claimed; never a tenant
)

ARCHITECTURES = (
    "x86",
    "kunpeng",
    "phytium",
    "hygon",
    "loongson",
    "sunway",
    "zhaoxin",
    "other",
)
"""Processor families of pools and resources; all but x86 and other are Xinchuang (信创)."""

RESOURCE_KINDS = ("vm", "volume", "address", "database", "physical", "device", "other")


class Unit(SQLModel, table=True):
    """A tenant (单位). What is dated (name, parent, kind) stands in UnitVersion."""

    id: int | None = Field(default=None, primary_key=True)
    code: str = Field(unique=True, max_length=64)
    contact: str = ""
    email: str = ""
    phone: str = ""
    created: datetime = Field(sa_type=UtcDateTime)


class UnitVersion(SQLModel, table=True):
    """A unit's name and place in the tree during [since, until)."""

    __tablename__ = "unit_version"
    __table_args__ = (
        UniqueConstraint("unit_id", "since"),
        Index("ix_unit_version_parent", "parent_id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    unit_id: int = Field(foreign_key="unit.id", index=True)
    name: str = Field(max_length=200)
    parent_id: int | None = Field(default=None, foreign_key="unit.id")
    kind: str = "department"
    since: datetime = Field(sa_type=UtcDateTime)
    until: datetime | None = Field(default=None, sa_type=UtcDateTime)


class UnitAlias(SQLModel, table=True):
    """A name by which exports call a unit (市卫健委 for 市卫生健康委员会)."""

    __tablename__ = "unit_alias"
    __table_args__ = (UniqueConstraint("unit_id", "folded"),)

    id: int | None = Field(default=None, primary_key=True)
    unit_id: int = Field(foreign_key="unit.id", index=True)
    name: str = Field(max_length=200)
    folded: str = Field(max_length=200, index=True)
    """As names are compared (naming.fold)."""
    source: str = Field(default="", max_length=100)
    """Whose exports say so; "" for anybody's."""


CONTACT_ROLES = ("handler", "charge", "leader")
"""经办人, 负责人, 分管领导."""


class UnitContact(SQLModel, table=True):
    """A person to turn to beside the first handler, who stands in Unit itself."""

    __tablename__ = "unit_contact"

    id: int | None = Field(default=None, primary_key=True)
    unit_id: int = Field(foreign_key="unit.id", index=True)
    role: str = Field(max_length=16)
    position: int = 0
    """Order within the role."""
    name: str = Field(max_length=100)
    phone: str = Field(default="", max_length=60)
    email: str = Field(default="", max_length=254)


class UnitChange(SQLModel, table=True):
    """A merge, split, rename or move of units from a date on, with what is needed to undo it."""

    __tablename__ = "unit_change"

    id: int | None = Field(default=None, primary_key=True)
    kind: str = Field(max_length=16)
    """merge, split, rename, move."""
    effective: datetime = Field(sa_type=UtcDateTime)
    at: datetime = Field(sa_type=UtcDateTime)
    by: str = ""
    document: str = Field(default="", max_length=200)
    """The paper that orders it (文号)."""
    note: str = Field(default="", max_length=500)
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    undone: datetime | None = Field(default=None, sa_type=UtcDateTime)
    undone_by: str = ""


class Site(SQLModel, table=True):
    """A centre or sub-centre (中心/分中心)."""

    id: int | None = Field(default=None, primary_key=True)
    code: str = Field(unique=True, max_length=64)
    name: str = Field(max_length=200)


class Zone(SQLModel, table=True):
    """A network zone (政务外网区, 互联网区, …)."""

    id: int | None = Field(default=None, primary_key=True)
    code: str = Field(unique=True, max_length=64)
    name: str = Field(max_length=200)


class BusinessSystem(SQLModel, table=True):
    """A business system (业务系统) of a unit. Named alike in two units, it is two systems."""

    __tablename__ = "business_system"
    __table_args__ = (UniqueConstraint("unit_id", "name"),)

    id: int | None = Field(default=None, primary_key=True)
    unit_id: int = Field(foreign_key="unit.id", index=True)
    name: str = Field(max_length=200)


class Resource(SQLModel, table=True):
    """A thing that is allocated and used (VM, volume, …). ``id`` is the key of its samples."""

    id: int | None = Field(default=None, primary_key=True)
    code: str = Field(unique=True, max_length=128)
    name: str = Field(max_length=200)
    kind: str = "vm"
    instance_uuid: str | None = Field(default=None, unique=True, max_length=64)
    """The cloud platform's UUID of the VM, lower case, where there is one."""
    ip: str = Field(default="", max_length=400)
    """Addresses, comma-separated, in the order given."""
    os: str = ""
    created: datetime = Field(sa_type=UtcDateTime)
    retired: datetime | None = Field(default=None, sa_type=UtcDateTime)
    tags: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    demo: bool = False
    arch: str | None = Field(default=None, max_length=16)
    """The processor it runs on, one of ARCHITECTURES; None is not known."""
    accelerator: str | None = Field(default=None, max_length=100)
    """Model of its GPU or NPU cards."""
    accelerators: float | None = None
    """How many of them."""


class Holding(SQLModel, table=True):
    """Who holds a resource, for what, where and how large, during [since, until).

    A resource's holdings do not overlap. ``None`` in an allocation means not known.
    """

    __table_args__ = (UniqueConstraint("resource_id", "since"),)

    id: int | None = Field(default=None, primary_key=True)
    resource_id: int = Field(foreign_key="resource.id", index=True)
    since: datetime = Field(sa_type=UtcDateTime)
    until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    unit_id: int = Field(foreign_key="unit.id", index=True)
    system_id: int | None = Field(default=None, foreign_key="business_system.id", index=True)
    site_id: int | None = Field(default=None, foreign_key="site.id")
    zone_id: int | None = Field(default=None, foreign_key="zone.id")
    vcpu: float | None = None
    mem_bytes: float | None = None
    disk_bytes: float | None = None
    bandwidth_bit_s: float | None = None


class ImportRun(SQLModel, table=True):
    """One import of a register or of samples: what came, from whom, with what outcome."""

    __tablename__ = "import_run"

    id: int | None = Field(default=None, primary_key=True)
    kind: str
    file_name: str
    sha256: str = Field(max_length=64)
    at: datetime = Field(sa_type=UtcDateTime)
    by: str = ""
    outcome: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
