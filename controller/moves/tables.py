"""Tables of 迁网: departments' own networks, projects with steps and history, plans, edges."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Index, LargeBinary
from sqlmodel import Field, SQLModel

from controller.store.relational import UtcDateTime

NETWORK_KINDS = ("business", "office", "video", "iot", "other")
"""业务专网, 办公网, 视频网, 物联网, 其他."""

DISPOSITIONS = ("migrate", "keep", "merge")
"""迁移, 保留, 撤并; "" is not decided yet."""

STEPS = ("addresses", "parallel", "cutover", "sign_off", "line_retired")
"""地址申请, 并行运行, 割接, 单位确认, 专线退租."""

STEP_STATES = ("waiting", "doing", "done", "skipped")

PROJECT_STATES = ("open", "done", "cancelled")

PLAN_STATES = ("draft", "submitted", "approved", "refused", "withdrawn")


class MoveNetwork(SQLModel, table=True):
    """A network of its own (专网) that a unit runs. Classified ones (涉密) are never stored."""

    __tablename__ = "move_network"

    id: int | None = Field(default=None, primary_key=True)
    code: str = Field(unique=True, max_length=64)
    name: str = Field(max_length=200)
    unit_id: int = Field(foreign_key="unit.id", index=True)
    kind: str = Field(default="business", max_length=16)
    disposition: str = Field(default="", max_length=16)
    hosts: int | None = None
    """As the unit reports; None is not known."""
    cost_year: float | None = None
    """Yuan a year for its lines."""
    prefixes: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """Its address ranges, canonical."""
    vpn: str = Field(default="", max_length=100)
    """The VPN (VRF) its addresses lie in; "" is the network's own space."""
    lines: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """Numbers of its lines (专线编号)."""
    contact: str = Field(default="", max_length=200)
    note: str = Field(default="", max_length=1000)
    updated: datetime = Field(sa_type=UtcDateTime)
    by: str = ""
    retired: datetime | None = Field(default=None, sa_type=UtcDateTime)


class MoveProject(SQLModel, table=True):
    """The move of one network into the extranet."""

    __tablename__ = "move_project"

    id: int | None = Field(default=None, primary_key=True)
    code: str = Field(unique=True, max_length=64)
    name: str = Field(max_length=200)
    network_id: int = Field(foreign_key="move_network.id", index=True)
    unit_id: int = Field(foreign_key="unit.id", index=True)
    target: str = Field(default="", max_length=100)
    """Where it goes: 公用网络区, 专用网络区 …"""
    lead: str = Field(default="", max_length=100)
    """Who answers for it."""
    planned_end: datetime | None = Field(default=None, sa_type=UtcDateTime)
    state: str = Field(default="open", max_length=16, index=True)
    note: str = Field(default="", max_length=1000)
    created: datetime = Field(sa_type=UtcDateTime)
    by: str = ""


class MoveStep(SQLModel, table=True):
    """One step of a project: how far, who, when, and what people say blocks it."""

    __tablename__ = "move_step"

    project_id: int = Field(
        primary_key=True,
        foreign_key="move_project.id",
        sa_column_kwargs={"autoincrement": False},
    )
    step: str = Field(primary_key=True, max_length=16)
    state: str = Field(default="waiting", max_length=16)
    who: str = Field(default="", max_length=100)
    planned: datetime | None = Field(default=None, sa_type=UtcDateTime)
    started: datetime | None = Field(default=None, sa_type=UtcDateTime)
    finished: datetime | None = Field(default=None, sa_type=UtcDateTime)
    blocked_by: str = Field(default="", max_length=500)
    reference: str = Field(default="", max_length=200)
    """The paper or ticket that proves it."""
    hosts_done: int | None = None
    """Of the cut-over: hosts that are over."""


class MoveEvent(SQLModel, table=True):
    """One change of a project, never removed."""

    __tablename__ = "move_event"
    __table_args__ = (Index("ix_move_event_project_at", "project_id", "at"),)

    id: int | None = Field(default=None, primary_key=True)
    project_id: int = Field(foreign_key="move_project.id")
    at: datetime = Field(sa_type=UtcDateTime)
    by: str = ""
    step: str = Field(default="", max_length=16)
    what: str = Field(max_length=16)
    """created, step, signed, refused, plan, cancelled, reopened."""
    text: str = Field(default="", max_length=500)
    changes: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """Field -> [before, after]."""


class MovePlan(SQLModel, table=True):
    """A cut-over plan as generated from an address plan; what was approved is never changed."""

    __tablename__ = "move_plan"

    id: int | None = Field(default=None, primary_key=True)
    project_id: int = Field(foreign_key="move_project.id", index=True)
    unit_id: int = Field(foreign_key="unit.id", index=True)
    file_name: str = Field(max_length=200)
    sha256: str = Field(max_length=64)
    digest: str = Field(max_length=64)
    """SHA-256 of the hosts' plans: what is approved is this and nothing else."""
    state: str = Field(default="draft", max_length=16, index=True)
    at: datetime = Field(sa_type=UtcDateTime)
    by: str = ""
    edge_days: int = 30
    """Days of edges that went in."""
    hosts: list[dict[str, Any]] = Field(sa_column=Column(JSON, nullable=False))
    faults: list[dict[str, Any]] = Field(sa_column=Column(JSON, nullable=False))
    acl: list[dict[str, Any]] = Field(sa_column=Column(JSON, nullable=False))
    waves: list[dict[str, Any]] = Field(sa_column=Column(JSON, nullable=False))
    summary: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """Counts, and what the edges cover."""
    window_from: datetime | None = Field(default=None, sa_type=UtcDateTime)
    window_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    submitted: datetime | None = Field(default=None, sa_type=UtcDateTime)
    submitted_by: str = ""
    decided: datetime | None = Field(default=None, sa_type=UtcDateTime)
    decided_by: str = ""
    note: str = Field(default="", max_length=500)


class MoveEdges(SQLModel, table=True):
    """Who a resource talks to, packed (edge_set)."""

    __tablename__ = "move_edges"

    resource_id: int = Field(
        primary_key=True, foreign_key="resource.id", sa_column_kwargs={"autoincrement": False}
    )
    since: datetime = Field(sa_type=UtcDateTime)
    """First document."""
    last: datetime = Field(sa_type=UtcDateTime, index=True)
    edges: int = 0
    left_out: int = 0
    """Edges an agent had to leave out of its latest too long document."""
    left_out_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    packed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
