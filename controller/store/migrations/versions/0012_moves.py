"""Departments' own networks, projects that move them, plans, and who talks to whom."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString

from controller.store.relational import UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "move_edges",
        sa.Column("resource_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("last", UtcDateTime(), nullable=False),
        sa.Column("edges", sa.Integer(), nullable=False),
        sa.Column("left_out", sa.Integer(), nullable=False),
        sa.Column("left_out_at", UtcDateTime(), nullable=True),
        sa.Column("packed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_id"],
            ["resource.id"],
        ),
        sa.PrimaryKeyConstraint("resource_id"),
    )
    op.create_index(op.f("ix_move_edges_last"), "move_edges", ["last"], unique=False)
    op.create_table(
        "move_network",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", AutoString(length=64), nullable=False),
        sa.Column("name", AutoString(length=200), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("kind", AutoString(length=16), nullable=False),
        sa.Column("disposition", AutoString(length=16), nullable=False),
        sa.Column("hosts", sa.Integer(), nullable=True),
        sa.Column("cost_year", sa.Float(), nullable=True),
        sa.Column("prefixes", sa.JSON(), nullable=False),
        sa.Column("vpn", AutoString(length=100), nullable=False),
        sa.Column("lines", sa.JSON(), nullable=False),
        sa.Column("contact", AutoString(length=200), nullable=False),
        sa.Column("note", AutoString(length=1000), nullable=False),
        sa.Column("updated", UtcDateTime(), nullable=False),
        sa.Column("by", AutoString(), nullable=False),
        sa.Column("retired", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["unit_id"],
            ["unit.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code"),
    )
    op.create_index(op.f("ix_move_network_unit_id"), "move_network", ["unit_id"], unique=False)
    op.create_table(
        "move_project",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", AutoString(length=64), nullable=False),
        sa.Column("name", AutoString(length=200), nullable=False),
        sa.Column("network_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("target", AutoString(length=100), nullable=False),
        sa.Column("lead", AutoString(length=100), nullable=False),
        sa.Column("planned_end", UtcDateTime(), nullable=True),
        sa.Column("state", AutoString(length=16), nullable=False),
        sa.Column("note", AutoString(length=1000), nullable=False),
        sa.Column("created", UtcDateTime(), nullable=False),
        sa.Column("by", AutoString(), nullable=False),
        sa.ForeignKeyConstraint(
            ["network_id"],
            ["move_network.id"],
        ),
        sa.ForeignKeyConstraint(
            ["unit_id"],
            ["unit.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code"),
    )
    op.create_index(
        op.f("ix_move_project_network_id"), "move_project", ["network_id"], unique=False
    )
    op.create_index(op.f("ix_move_project_state"), "move_project", ["state"], unique=False)
    op.create_index(op.f("ix_move_project_unit_id"), "move_project", ["unit_id"], unique=False)
    op.create_table(
        "move_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("by", AutoString(), nullable=False),
        sa.Column("step", AutoString(length=16), nullable=False),
        sa.Column("what", AutoString(length=16), nullable=False),
        sa.Column("text", AutoString(length=500), nullable=False),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["move_project.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_move_event_project_at", "move_event", ["project_id", "at"], unique=False)
    op.create_table(
        "move_plan",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("file_name", AutoString(length=200), nullable=False),
        sa.Column("sha256", AutoString(length=64), nullable=False),
        sa.Column("digest", AutoString(length=64), nullable=False),
        sa.Column("state", AutoString(length=16), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("by", AutoString(), nullable=False),
        sa.Column("edge_days", sa.Integer(), nullable=False),
        sa.Column("hosts", sa.JSON(), nullable=False),
        sa.Column("faults", sa.JSON(), nullable=False),
        sa.Column("acl", sa.JSON(), nullable=False),
        sa.Column("waves", sa.JSON(), nullable=False),
        sa.Column("summary", sa.JSON(), nullable=False),
        sa.Column("window_from", UtcDateTime(), nullable=True),
        sa.Column("window_until", UtcDateTime(), nullable=True),
        sa.Column("submitted", UtcDateTime(), nullable=True),
        sa.Column("submitted_by", AutoString(), nullable=False),
        sa.Column("decided", UtcDateTime(), nullable=True),
        sa.Column("decided_by", AutoString(), nullable=False),
        sa.Column("note", AutoString(length=500), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["move_project.id"],
        ),
        sa.ForeignKeyConstraint(
            ["unit_id"],
            ["unit.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_move_plan_project_id"), "move_plan", ["project_id"], unique=False)
    op.create_index(op.f("ix_move_plan_state"), "move_plan", ["state"], unique=False)
    op.create_index(op.f("ix_move_plan_unit_id"), "move_plan", ["unit_id"], unique=False)
    op.create_table(
        "move_step",
        sa.Column("project_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("step", AutoString(length=16), nullable=False),
        sa.Column("state", AutoString(length=16), nullable=False),
        sa.Column("who", AutoString(length=100), nullable=False),
        sa.Column("planned", UtcDateTime(), nullable=True),
        sa.Column("started", UtcDateTime(), nullable=True),
        sa.Column("finished", UtcDateTime(), nullable=True),
        sa.Column("blocked_by", AutoString(length=500), nullable=False),
        sa.Column("reference", AutoString(length=200), nullable=False),
        sa.Column("hosts_done", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["move_project.id"],
        ),
        sa.PrimaryKeyConstraint("project_id", "step"),
    )
