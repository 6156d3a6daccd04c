"""Policies, scans and their verdicts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString

from controller.store.relational import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "idle_document",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", AutoString(length=16), nullable=False),
        sa.Column("name", AutoString(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("by", AutoString(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("note", AutoString(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("kind", "name", "version"),
    )
    op.create_table(
        "idle_scan",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("policy", AutoString(length=64), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("as_of", UtcDateTime(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("by", AutoString(), nullable=False),
        sa.Column("window_days", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_idle_scan_policy_at", "idle_scan", ["policy", "at"], unique=False)
    op.create_table(
        "idle_verdict",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("scan_id", sa.Integer(), nullable=False),
        sa.Column("resource_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=True),
        sa.Column("cls", AutoString(length=16), nullable=False),
        sa.Column("reason_zh", AutoString(), nullable=False),
        sa.Column("reason_en", AutoString(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("samples", sa.BigInteger(), nullable=True),
        sa.Column("samples_expected", sa.BigInteger(), nullable=True),
        sa.Column("coverage_pct", sa.Float(), nullable=True),
        sa.Column("window_days", sa.Integer(), nullable=False),
        sa.Column("recommendation", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["resource_id"], ["resource.id"]),
        sa.ForeignKeyConstraint(["scan_id"], ["idle_scan.id"]),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("scan_id", "resource_id"),
    )
    op.create_index("ix_idle_verdict_scan_cls", "idle_verdict", ["scan_id", "cls"], unique=False)
    op.create_index(
        op.f("ix_idle_verdict_resource_id"), "idle_verdict", ["resource_id"], unique=False
    )
    op.create_index(op.f("ix_idle_verdict_unit_id"), "idle_verdict", ["unit_id"], unique=False)
