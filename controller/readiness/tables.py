"""Projects (migration waves) with hosts and credentials, runs, bundles, judgements."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from controller.store.relational import UtcDateTime

PROJECT_KINDS = ("migration", "network", "xinchuang", "ipv6")
"""上云迁移, 迁网, 信创适配, IPv6: which rules a check of the project asks by default."""

RUN_STATES = ("queued", "running", "done", "failed", "canceled", "unknown")
"""failed: it ended and is not usable, see ``error``; unknown: nobody saw its end, the state of the
hosts has to be looked at (``inspected`` says what an inspection found)."""

HOST_STATES = ("waiting", "running", "ok", "failed", "unreachable", "unknown")


class ReadinessProject(SQLModel, table=True):
    """A wave: hosts that move together, the machines they move to, when, and who agreed."""

    __tablename__ = "readiness_project"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=120)
    kind: str = Field(max_length=16)
    profiles: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """Ids of target profiles; none: judged without a target."""
    note: str = Field(default="", max_length=2000)
    window_from: datetime | None = Field(default=None, sa_type=UtcDateTime)
    window_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    connection: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """user, port, become, jump_host, jump_user, jump_port; never a secret."""
    context: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """What a bundle cannot hold (plan, edges, acl, …), as the judge reads it."""
    known_hosts: str = ""
    """Keys of hosts as seen first; a host with another key is refused."""
    closed: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created: datetime = Field(sa_type=UtcDateTime)
    by: str = Field(max_length=64)


class ReadinessProjectUnit(SQLModel, table=True):
    """A unit whose systems the project moves. A project of none is the city's own."""

    __tablename__ = "readiness_project_unit"

    project_id: int = Field(
        primary_key=True, foreign_key="readiness_project.id",
        sa_column_kwargs={"autoincrement": False},
    )  # fmt: skip
    unit_id: int = Field(
        primary_key=True, foreign_key="unit.id", index=True,
        sa_column_kwargs={"autoincrement": False},
    )  # fmt: skip


class ReadinessApproval(SQLModel, table=True):
    """A word of somebody who may say it: this wave may, or may not, be carried out."""

    __tablename__ = "readiness_approval"

    id: int | None = Field(default=None, primary_key=True)
    project_id: int = Field(foreign_key="readiness_project.id", index=True)
    decision: str = Field(max_length=16)
    """approved, refused."""
    by: str = Field(max_length=64)
    at: datetime = Field(sa_type=UtcDateTime)
    note: str = Field(default="", max_length=1000)


class ReadinessCredential(SQLModel, table=True):
    """How to log in to a project's hosts; both secrets sealed, neither ever shown again."""

    __tablename__ = "readiness_credential"

    project_id: int = Field(
        primary_key=True, foreign_key="readiness_project.id",
        sa_column_kwargs={"autoincrement": False},
    )  # fmt: skip
    kind: str = Field(max_length=16)
    """key, password."""
    secret: str
    become: str = ""
    """Password of sudo; "" for none."""
    mark: str = Field(default="", max_length=100)
    """Fingerprint of the public key, to tell one key from another."""
    updated: datetime = Field(sa_type=UtcDateTime)
    by: str = Field(max_length=64)


class ReadinessHost(SQLModel, table=True):
    """A host of a project. ``name`` is its name in the inventory and the asset in its bundles."""

    __tablename__ = "readiness_host"
    __table_args__ = (UniqueConstraint("project_id", "name"),)

    id: int | None = Field(default=None, primary_key=True)
    project_id: int = Field(foreign_key="readiness_project.id", index=True)
    name: str = Field(max_length=64)
    address: str = Field(default="", max_length=255)
    """"": nobody may log in; its bundles come by hand or from the agent."""
    port: int | None = None
    unit_id: int | None = Field(default=None, foreign_key="unit.id", index=True)
    system_id: int | None = Field(default=None, foreign_key="business_system.id", index=True)
    variables: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """For playbooks that change something, e.g. enable_ipv6_address."""
    bundle: str = Field(default="", max_length=64)
    """SHA-256 of the newest bundle."""
    taken: datetime | None = Field(default=None, sa_type=UtcDateTime)
    identity: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """CPU and system of the newest bundle, as identify names them."""
    retired: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ReadinessBundle(SQLModel, table=True):
    """A bundle in the bundle folder, by the SHA-256 of its text."""

    __tablename__ = "readiness_bundle"

    sha256: str = Field(primary_key=True, max_length=64)
    project_id: int = Field(foreign_key="readiness_project.id", index=True)
    asset: str = Field(max_length=64)
    source: str = Field(max_length=16)
    """run, upload, agent."""
    by: str = Field(default="", max_length=64)
    size: int = Field(sa_column=Column(BigInteger, nullable=False))
    """Bytes of the file as it lies there, deflated."""
    taken: datetime = Field(sa_type=UtcDateTime)
    received: datetime = Field(sa_type=UtcDateTime, index=True)
    privilege: str = Field(default="", max_length=16)


class ReadinessRun(SQLModel, table=True):
    """One run of a playbook over a project's hosts, or of the judge over bundles that are here."""

    __tablename__ = "readiness_run"
    __table_args__ = (Index("ix_readiness_run_project_queued", "project_id", "queued"),)

    id: int | None = Field(default=None, primary_key=True)
    project_id: int = Field(foreign_key="readiness_project.id")
    kind: str = Field(max_length=32)
    """One of kinds.RUN_KINDS."""
    state: str = Field(default="queued", max_length=16, index=True)
    areas: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    profiles: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    variables: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """Extra variables of the playbook; never a secret."""
    by: str = Field(max_length=64)
    queued: datetime = Field(sa_type=UtcDateTime)
    started: datetime | None = Field(default=None, sa_type=UtcDateTime)
    finished: datetime | None = Field(default=None, sa_type=UtcDateTime)
    holder: str = Field(default="", max_length=200)
    """The process at work, to tell a run that died."""
    beat: datetime | None = Field(default=None, sa_type=UtcDateTime)
    folder: str = Field(default="", max_length=255)
    """Its private folder, to be taken away should the process die."""
    seq: int = 0
    """Counts changes: who watches asks for what is newer."""
    stage: int = 0
    stages: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    cancel_by: str = Field(default="", max_length=64)
    cancel_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    error: str = Field(default="", max_length=1000)
    verdict: str = Field(default="", max_length=16)
    totals: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """Counts of verdicts, statuses, blockers; coverage 0-1."""
    inspects: int | None = Field(default=None, foreign_key="readiness_run.id", index=True)
    """The run whose end this one looks at."""
    inspected: str = Field(default="", max_length=32)
    """What an inspection found of this run: kinds.FOUND."""


class ReadinessRunHost(SQLModel, table=True):
    """Where one host stands in a run."""

    __tablename__ = "readiness_run_host"

    run_id: int = Field(
        primary_key=True, foreign_key="readiness_run.id",
        sa_column_kwargs={"autoincrement": False},
    )  # fmt: skip
    host_id: int = Field(
        primary_key=True, foreign_key="readiness_host.id", index=True,
        sa_column_kwargs={"autoincrement": False},
    )  # fmt: skip
    state: str = Field(default="waiting", max_length=16)
    stage: int = 0
    message: str = Field(default="", max_length=1000)
    seq: int = 0
    bundle: str = Field(default="", max_length=64)
    markers: list[dict[str, Any]] = Field(
        default_factory=list, sa_column=Column(JSON, nullable=False)
    )
    """What the playbook said it did or found there, in order (at most runs.MOST_MARKERS)."""
    found: str = Field(default="", max_length=32)
    """Of an inspection: the state the host is in."""
    began: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ReadinessJudgement(SQLModel, table=True):
    """All results of one host against one profile in one run."""

    __tablename__ = "readiness_judgement"
    __table_args__ = (
        UniqueConstraint("run_id", "host_id", "profile"),
        Index("ix_readiness_judgement_latest", "project_id", "latest"),
    )

    id: int | None = Field(default=None, primary_key=True)
    run_id: int = Field(foreign_key="readiness_run.id")
    project_id: int = Field(foreign_key="readiness_project.id")
    host_id: int = Field(foreign_key="readiness_host.id", index=True)
    profile: str = Field(default="", max_length=64)
    at: datetime = Field(sa_type=UtcDateTime)
    bundle: str = Field(default="", max_length=64)
    verdict: str = Field(max_length=16)
    coverage: float | None = None
    stars: int = 0
    blockers: int = 0
    majors: int = 0
    """Open ones: failed and accepted by nobody."""
    reason: str = Field(default="", max_length=1000)
    """Why there is no result at all."""
    latest: bool = True
    """The newest of this host and profile; kept by whoever writes a newer one."""
    grid: dict[str, str] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """Rule to the worst of its results, a letter of packing.LETTERS."""
    results: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """Results and notes, deflated JSON; see packing."""


class ReadinessWaiver(SQLModel, table=True):
    """A finding that somebody answers for until a day."""

    __tablename__ = "readiness_waiver"

    id: int | None = Field(default=None, primary_key=True)
    project_id: int = Field(foreign_key="readiness_project.id", index=True)
    rule: str = Field(default="", max_length=16)
    fingerprint: str = Field(default="", max_length=64)
    hosts: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """Names; none: every host of the project."""
    reason: str = Field(max_length=1000)
    owner: str = Field(max_length=64)
    approved_by: str = Field(max_length=64)
    by: str = Field(max_length=64)
    created: datetime = Field(sa_type=UtcDateTime)
    expires: datetime = Field(sa_type=UtcDateTime)
    ended: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Taken back before its time."""


class AssessedProduct(SQLModel, table=True):
    """A row of a published 安全可靠测评 result."""

    __tablename__ = "assessed_product"
    __table_args__ = (UniqueConstraint("kind", "vendor", "product", "version", "notice"),)

    id: int | None = Field(default=None, primary_key=True)
    kind: str = Field(max_length=16, index=True)
    """One of products.KINDS."""
    vendor: str = Field(default="", max_length=200)
    product: str = Field(max_length=200)
    version: str = Field(default="", max_length=100)
    level: str = Field(default="", max_length=16)
    notice: str = Field(default="", max_length=100)
    """Number of the notice that published it."""
    published: datetime | None = Field(default=None, sa_type=UtcDateTime)
    expires: datetime | None = Field(default=None, sa_type=UtcDateTime)
    source: str = Field(default="", max_length=200)
    """The file it was imported from."""
    imported: datetime = Field(sa_type=UtcDateTime)
