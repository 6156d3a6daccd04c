"""Sites and readings of IPv6 readiness."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString

from controller.store.relational import UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ipv6_site",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", AutoString(length=128), nullable=False),
        sa.Column("name", AutoString(length=200), nullable=False),
        sa.Column("url", AutoString(length=500), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("retired", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code"),
    )
    op.create_index(op.f("ix_ipv6_site_unit_id"), "ipv6_site", ["unit_id"], unique=False)
    op.create_table(
        "ipv6_reading",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("vantage", AutoString(length=40), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("by", AutoString(), nullable=False),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("index_name", AutoString(length=80), nullable=False),
        sa.Column("reading", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["ipv6_site.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_ipv6_reading_site_at", "ipv6_reading", ["site_id", "vantage", "at"], unique=False
    )
