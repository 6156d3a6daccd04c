"""IPv6 readiness of hosts and devices, its days, traffic by version, official results, plans."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString

from controller.store.relational import UtcDateTime

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ipv6_subject",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", AutoString(length=16), nullable=False),
        sa.Column("ref", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("by", AutoString(length=64), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("traffic", sa.JSON(), nullable=False),
        sa.Column("index_name", AutoString(length=80), nullable=False),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("coverage", sa.Float(), nullable=False),
        sa.Column("results", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("kind", "ref"),
    )
    op.create_index(
        op.f("ix_ipv6_subject_index_name"), "ipv6_subject", ["index_name"], unique=False
    )
    op.create_table(
        "ipv6_day",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("level", AutoString(length=16), nullable=False),
        sa.Column("ref", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("coverage", sa.Float(), nullable=False),
        sa.Column("subjects", sa.Integer(), nullable=False),
        sa.Column("passing", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("level", "ref", "day"),
    )
    op.create_index(op.f("ix_ipv6_day_day"), "ipv6_day", ["day"], unique=False)
    op.create_table(
        "ipv6_traffic",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("kind", AutoString(length=16), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("system_id", sa.Integer(), nullable=False),
        sa.Column("place_id", sa.Integer(), nullable=False),
        sa.Column("v4_bytes", sa.Float(), nullable=False),
        sa.Column("v6_bytes", sa.Float(), nullable=False),
        sa.Column("subjects", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("day", "kind", "unit_id", "system_id", "place_id"),
    )
    op.create_table(
        "ipv6_official",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source", AutoString(length=100), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("subject_kind", AutoString(length=16), nullable=False),
        sa.Column("subject_key", AutoString(length=128), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("items", sa.JSON(), nullable=False),
        sa.Column("imported", UtcDateTime(), nullable=False),
        sa.Column("by", AutoString(length=64), nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("source", "day", "subject_kind", "subject_key"),
    )
    op.create_index(op.f("ix_ipv6_official_unit_id"), "ipv6_official", ["unit_id"], unique=False)
    op.create_table(
        "ipv6_plan",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", AutoString(length=200), nullable=False),
        sa.Column("created", UtcDateTime(), nullable=False),
        sa.Column("by", AutoString(length=64), nullable=False),
        sa.Column("hosts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
