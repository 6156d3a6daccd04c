"""Policies as they were edited, and what was judged by them: scans and their verdicts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from controller.store.relational import UtcDateTime

CLASSES = (
    "exempt",  # 豁免: a tag or the calendar says that it must stand by
    "stopped",  # 已停机
    "undetermined",  # 无法判定: not enough data, or too coarse
    "unused",  # 未使用: a volume or an address that nothing is attached to
    "idle",  # 闲置
    "overloaded",  # 负载过高
    "oversized",  # 配置偏高
    "night_off",  # 夜间或周末可关
    "in_use",  # 在用
)
"""What a resource can be, in the order of precedence: each is in exactly one class."""

KINDS = ("policy", "flavours", "calendar")
"""What is kept as an editable document."""


class PolicyDocument(SQLModel, table=True):
    """One version of an edited policy, flavour list or calendar; TOML as its author wrote it.

    What the package ships is version 0 and not here; the highest version is in force.
    """

    __tablename__ = "idle_document"
    __table_args__ = (UniqueConstraint("kind", "name", "version"),)

    id: int | None = Field(default=None, primary_key=True)
    kind: str = Field(max_length=16)
    name: str = Field(max_length=64)
    version: int
    body: str = Field(sa_column=Column(Text, nullable=False))
    by: str
    at: datetime = Field(sa_type=UtcDateTime)
    note: str = ""


class IdleScan(SQLModel, table=True):
    """One judgement of every resource by one policy, on the data of [since, as_of)."""

    __tablename__ = "idle_scan"
    __table_args__ = (Index("ix_idle_scan_policy_at", "policy", "at"),)

    id: int | None = Field(default=None, primary_key=True)
    policy: str = Field(max_length=64)
    policy_version: int
    as_of: datetime = Field(sa_type=UtcDateTime)
    since: datetime = Field(sa_type=UtcDateTime)
    at: datetime = Field(sa_type=UtcDateTime)
    by: str
    window_days: int
    outcome: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """``classes``: class to number of resources; ``title_zh``, ``title_en``, ``clause`` of the
    policy as it was; ``seconds`` it took; ``unit`` where it was limited to one."""


class IdleVerdict(SQLModel, table=True):
    """What one scan says of one resource, with the evidence it was judged on."""

    __tablename__ = "idle_verdict"
    __table_args__ = (
        UniqueConstraint("scan_id", "resource_id"),
        Index("ix_idle_verdict_scan_cls", "scan_id", "cls"),
    )

    id: int | None = Field(default=None, primary_key=True)
    scan_id: int = Field(foreign_key="idle_scan.id")
    resource_id: int = Field(foreign_key="resource.id", index=True)
    unit_id: int | None = Field(default=None, foreign_key="unit.id", index=True)
    """The owner at ``as_of``."""
    cls: str = Field(max_length=16)
    """One of CLASSES."""
    reason_zh: str
    reason_en: str
    evidence: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """Name of a figure to its value."""
    samples: int | None = Field(default=None, sa_type=BigInteger)
    samples_expected: int | None = Field(default=None, sa_type=BigInteger)
    coverage_pct: float | None = None
    window_days: int
    recommendation: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSON, nullable=False)
    )
    """``action`` (release, shrink, stop, schedule, enlarge), and where they apply ``vcpu_freed``,
    ``mem_bytes_freed``, ``disk_bytes_freed``, ``new_vcpu``, ``new_mem_bytes``, ``wait_until``."""
