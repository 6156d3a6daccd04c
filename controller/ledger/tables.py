"""The ledger's tables: sources of platform exports, their comparisons, and published months."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Index, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from controller.store.relational import UtcDateTime

STATES = ("compared", "confirmed", "undone", "discarded")
"""What became of an import; compared: it waits for a decision and changed nothing."""

CLASSES = ("bad", "duplicate", "unmatched", "renamed", "changed", "new", "vanished")
"""Classes of difference, those first that need a look."""

DECISIONS = ("open", "accepted", "rejected")

RESOLUTIONS = ("open", "back", "retired", "kept")
"""Of a resource that its platform names no more; back: a later export names it again."""


class PlatformSource(SQLModel, table=True):
    """A cloud provider's monthly export and how its columns and words are to be read."""

    __tablename__ = "platform_source"

    id: int | None = Field(default=None, primary_key=True)
    code: str = Field(unique=True, max_length=64)
    name: str = Field(max_length=200)
    mapping: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """See ledger.mapping.SourceMapping."""
    changed: datetime = Field(sa_type=UtcDateTime)
    changed_by: str = ""


class PlatformImport(SQLModel, table=True):
    """One export: what came, from whom, how it differs from the register, and what became of it."""

    __tablename__ = "platform_import"
    __table_args__ = (Index("ix_platform_import_source_state", "source_id", "state"),)

    id: int | None = Field(default=None, primary_key=True)
    source_id: int = Field(foreign_key="platform_source.id")
    file_name: str = Field(max_length=200)
    sheet: str = Field(default="", max_length=200)
    sha256: str = Field(max_length=64)
    state: str = Field(default="compared", max_length=16)
    since: datetime = Field(sa_type=UtcDateTime)
    """From when the changes hold."""
    uploaded: datetime = Field(sa_type=UtcDateTime)
    uploaded_by: str = ""
    confirmed: datetime | None = Field(default=None, sa_type=UtcDateTime)
    confirmed_by: str = ""
    undone: datetime | None = Field(default=None, sa_type=UtcDateTime)
    undone_by: str = ""
    counts: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """rows, unchanged, each class, and after confirmation what was written."""
    document: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """The rows as they were understood (ledger.packing)."""
    snapshot: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
    """The register's rows before and after confirmation, for the undoing."""


class ImportDifference(SQLModel, table=True):
    """One way in which an export differs from the register, and what was decided about it."""

    __tablename__ = "import_difference"
    __table_args__ = (Index("ix_import_difference_cls", "import_id", "cls", "decision"),)

    id: int | None = Field(default=None, primary_key=True)
    import_id: int = Field(foreign_key="platform_import.id")
    cls: str = Field(max_length=16)
    row: int = 0
    """Row of the spreadsheet; 0 for what is only in the register."""
    resource_id: int | None = None
    key: str = Field(default="", max_length=128)
    """The register's code, else the platform's code or UUID."""
    name: str = Field(default="", max_length=200)
    unit: str = Field(default="", max_length=200)
    """The owner as the export, else as the register names it."""
    unit_id: int | None = None
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """fields: {name: [before, after]}; reason, and what else speaks for the class."""
    decision: str = Field(default="open", max_length=16)


class PendingCheck(SQLModel, table=True):
    """待核实: a registered resource that a confirmed export of its platform names no more."""

    __tablename__ = "pending_check"

    id: int | None = Field(default=None, primary_key=True)
    resource_id: int = Field(foreign_key="resource.id", index=True)
    import_id: int = Field(foreign_key="platform_import.id", index=True)
    noticed: datetime = Field(sa_type=UtcDateTime)
    state: str = Field(default="open", max_length=16)
    decided: datetime | None = Field(default=None, sa_type=UtcDateTime)
    decided_by: str = ""
    decided_import_id: int | None = Field(default=None, foreign_key="platform_import.id")
    """The export that named it again."""
    note: str = Field(default="", max_length=500)


class MonthVersion(SQLModel, table=True):
    """A month as it was published: its figures and the register state that they rest on."""

    __tablename__ = "month_version"
    __table_args__ = (UniqueConstraint("month", "version"),)

    id: int | None = Field(default=None, primary_key=True)
    month: str = Field(max_length=7)
    version: int
    published: datetime = Field(sa_type=UtcDateTime)
    published_by: str = ""
    score: float | None = None
    coverage_pct: float | None = None
    forced: str = Field(default="", max_length=500)
    """Why it was published below the score."""
    note: str = Field(default="", max_length=500)
    digest: str = Field(max_length=64)
    """SHA-256 of ``document`` as stored."""
    figures_digest: str = Field(max_length=64)
    """SHA-256 of figures and register state alone: equal where nothing differs."""
    counts: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    document: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
