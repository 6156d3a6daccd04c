"""The ledger: platform exports, reconciliation, frozen months."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString

from controller.store.relational import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "month_version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("month", AutoString(length=7), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("published", UtcDateTime(), nullable=False),
        sa.Column("published_by", AutoString(), nullable=False),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("coverage_pct", sa.Float(), nullable=True),
        sa.Column("forced", AutoString(length=500), nullable=False),
        sa.Column("note", AutoString(length=500), nullable=False),
        sa.Column("digest", AutoString(length=64), nullable=False),
        sa.Column("figures_digest", AutoString(length=64), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("month", "version"),
    )
    op.create_table(
        "platform_source",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", AutoString(length=64), nullable=False),
        sa.Column("name", AutoString(length=200), nullable=False),
        sa.Column("mapping", sa.JSON(), nullable=False),
        sa.Column("changed", UtcDateTime(), nullable=False),
        sa.Column("changed_by", AutoString(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code"),
    )
    op.create_table(
        "platform_import",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("file_name", AutoString(length=200), nullable=False),
        sa.Column("sheet", AutoString(length=200), nullable=False),
        sa.Column("sha256", AutoString(length=64), nullable=False),
        sa.Column("state", AutoString(length=16), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("uploaded", UtcDateTime(), nullable=False),
        sa.Column("uploaded_by", AutoString(), nullable=False),
        sa.Column("confirmed", UtcDateTime(), nullable=True),
        sa.Column("confirmed_by", AutoString(), nullable=False),
        sa.Column("undone", UtcDateTime(), nullable=True),
        sa.Column("undone_by", AutoString(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("snapshot", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["source_id"], ["platform_source.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_platform_import_source_state", "platform_import", ["source_id", "state"])
    op.create_table(
        "import_difference",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("cls", AutoString(length=16), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("resource_id", sa.Integer(), nullable=True),
        sa.Column("key", AutoString(length=128), nullable=False),
        sa.Column("name", AutoString(length=200), nullable=False),
        sa.Column("unit", AutoString(length=200), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("decision", AutoString(length=16), nullable=False),
        sa.ForeignKeyConstraint(["import_id"], ["platform_import.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_import_difference_cls", "import_difference", ["import_id", "cls", "decision"]
    )
    op.create_table(
        "pending_check",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("resource_id", sa.Integer(), nullable=False),
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("noticed", UtcDateTime(), nullable=False),
        sa.Column("state", AutoString(length=16), nullable=False),
        sa.Column("decided", UtcDateTime(), nullable=True),
        sa.Column("decided_by", AutoString(), nullable=False),
        sa.Column("decided_import_id", sa.Integer(), nullable=True),
        sa.Column("note", AutoString(length=500), nullable=False),
        sa.ForeignKeyConstraint(["decided_import_id"], ["platform_import.id"]),
        sa.ForeignKeyConstraint(["import_id"], ["platform_import.id"]),
        sa.ForeignKeyConstraint(["resource_id"], ["resource.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_pending_check_import_id"), "pending_check", ["import_id"])
    op.create_index(op.f("ix_pending_check_resource_id"), "pending_check", ["resource_id"])
