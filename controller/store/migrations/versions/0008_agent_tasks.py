"""What agents are to fetch: roles, a version of their assignments, bounded tasks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString

from controller.store.relational import UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name, length in (("roles", 100), ("assigned", 32)):
        op.add_column(
            "agent",
            sa.Column(name, AutoString(length=length), server_default="", nullable=False),
        )
    op.create_table(
        "agent_task",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("agent_id", AutoString(length=32), nullable=False),
        sa.Column("kind", AutoString(length=40), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("created", UtcDateTime(), nullable=False),
        sa.Column("created_by", AutoString(length=100), nullable=False),
        sa.Column("expires", UtcDateTime(), nullable=False),
        sa.Column("state", AutoString(length=12), nullable=False),
        sa.Column("handed_over", sa.Integer(), nullable=False),
        sa.Column("changed", UtcDateTime(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("error", AutoString(length=500), nullable=False),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    for name in ("agent_id", "expires", "kind", "state"):
        op.create_index(op.f(f"ix_agent_task_{name}"), "agent_task", [name], unique=False)
