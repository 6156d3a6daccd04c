"""Traps as they came, and who sent how many."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString

from controller.store.relational import UtcDateTime

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "trap_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("agent_id", AutoString(length=32), nullable=False),
        sa.Column("source", AutoString(length=64), nullable=False),
        sa.Column("device_id", sa.Integer(), nullable=True),
        sa.Column("version", AutoString(length=4), nullable=False),
        sa.Column("oid", AutoString(length=200), nullable=False),
        sa.Column("kind", AutoString(length=32), nullable=False),
        sa.Column("about", AutoString(length=200), nullable=False),
        sa.Column("variables", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_id"],
            ["device.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_trap_event_at", "trap_event", ["at"], unique=False)
    op.create_index(op.f("ix_trap_event_device_id"), "trap_event", ["device_id"], unique=False)
    op.create_table(
        "trap_source",
        sa.Column("agent_id", AutoString(length=32), nullable=False),
        sa.Column("address", AutoString(length=64), nullable=False),
        sa.Column("device_id", sa.Integer(), nullable=True),
        sa.Column("received", sa.Integer(), nullable=False),
        sa.Column("dropped", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("first_seen", UtcDateTime(), nullable=False),
        sa.Column("last_seen", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agent_id"],
            ["agent.id"],
        ),
        sa.ForeignKeyConstraint(
            ["device_id"],
            ["device.id"],
        ),
        sa.PrimaryKeyConstraint("agent_id", "address"),
    )
    op.create_index(op.f("ix_trap_source_device_id"), "trap_source", ["device_id"], unique=False)
    # ### end Alembic commands ###
