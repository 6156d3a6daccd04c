"""Findings, patrol plans and runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString

from controller.store.relational import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "patrol_plan",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", AutoString(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.Column("author", AutoString(length=64), nullable=False),
        sa.Column("note", AutoString(length=500), nullable=False),
        sa.Column("created", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name", "version"),
    )
    op.create_table(
        "shift_handover",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("by", AutoString(length=64), nullable=False),
        sa.Column("from_user", AutoString(length=64), nullable=False),
        sa.Column("to_user", AutoString(length=64), nullable=False),
        sa.Column("note", AutoString(length=1000), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "finding",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("fingerprint", AutoString(length=64), nullable=False),
        sa.Column("source", AutoString(length=32), nullable=False),
        sa.Column("code", AutoString(length=64), nullable=False),
        sa.Column("subject_kind", AutoString(length=32), nullable=False),
        sa.Column("subject_key", AutoString(length=200), nullable=False),
        sa.Column("subject_name", AutoString(length=200), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=True),
        sa.Column("severity", AutoString(length=16), nullable=False),
        sa.Column("state", AutoString(length=16), nullable=False),
        sa.Column("title_zh", AutoString(length=300), nullable=False),
        sa.Column("title_en", AutoString(length=300), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("depends_on", sa.JSON(), nullable=False),
        sa.Column("down", sa.Boolean(), nullable=False),
        sa.Column("hidden_by", AutoString(length=40), nullable=False),
        sa.Column("opened", UtcDateTime(), nullable=False),
        sa.Column("last_seen", UtcDateTime(), nullable=False),
        sa.Column("times_seen", sa.Integer(), nullable=False),
        sa.Column("resolved", UtcDateTime(), nullable=True),
        sa.Column("resolved_by", AutoString(length=64), nullable=False),
        sa.Column("acknowledged", UtcDateTime(), nullable=True),
        sa.Column("acknowledged_by", AutoString(length=64), nullable=False),
        sa.Column("assignee", AutoString(length=64), nullable=False),
        sa.Column("due", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["unit_id"],
            ["unit.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("fingerprint"),
    )
    op.create_index("ix_finding_source_code", "finding", ["source", "code", "state"], unique=False)
    op.create_index("ix_finding_state_severity", "finding", ["state", "severity"], unique=False)
    op.create_index("ix_finding_subject", "finding", ["subject_kind", "subject_key"], unique=False)
    op.create_index(op.f("ix_finding_unit_id"), "finding", ["unit_id"], unique=False)
    op.create_table(
        "patrol_run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("plan", AutoString(length=64), nullable=False),
        sa.Column("plan_version", sa.Integer(), nullable=False),
        sa.Column("kind", AutoString(length=16), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=True),
        sa.Column("by", AutoString(length=64), nullable=False),
        sa.Column("started", UtcDateTime(), nullable=False),
        sa.Column("finished", UtcDateTime(), nullable=True),
        sa.Column("state", AutoString(length=16), nullable=False),
        sa.Column("holder", AutoString(length=200), nullable=False),
        sa.Column("beat", UtcDateTime(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("error", AutoString(length=500), nullable=False),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("formula", sa.JSON(), nullable=False),
        sa.Column("checks", sa.JSON(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("previous_id", sa.Integer(), nullable=True),
        sa.Column("signed_by", AutoString(length=64), nullable=False),
        sa.Column("signed", UtcDateTime(), nullable=True),
        sa.Column("remark", AutoString(length=2000), nullable=False),
        sa.ForeignKeyConstraint(
            ["unit_id"],
            ["unit.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_patrol_run_plan_started", "patrol_run", ["plan", "started"], unique=False)
    op.create_index(op.f("ix_patrol_run_started"), "patrol_run", ["started"], unique=False)
    op.create_table(
        "suppression_window",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", AutoString(length=64), nullable=False),
        sa.Column("subject_kind", AutoString(length=32), nullable=False),
        sa.Column("subject_key", AutoString(length=200), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=True),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=False),
        sa.Column("reason", AutoString(length=500), nullable=False),
        sa.Column("by", AutoString(length=64), nullable=False),
        sa.Column("created", UtcDateTime(), nullable=False),
        sa.Column("ended", UtcDateTime(), nullable=True),
        sa.Column("ended_by", AutoString(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["unit_id"],
            ["unit.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        op.f("ix_suppression_window_unit_id"), "suppression_window", ["unit_id"], unique=False
    )
    op.create_table(
        "finding_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("finding_id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("by", AutoString(length=64), nullable=False),
        sa.Column("what", AutoString(length=32), nullable=False),
        sa.Column("note", AutoString(length=1000), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["finding_id"],
            ["finding.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        op.f("ix_finding_event_finding_id"), "finding_event", ["finding_id"], unique=False
    )
    op.create_table(
        "patrol_run_finding",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("finding_id", sa.Integer(), nullable=False),
        sa.Column("change", AutoString(length=16), nullable=False),
        sa.Column("severity", AutoString(length=16), nullable=False),
        sa.Column("hidden", sa.Boolean(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["finding_id"],
            ["finding.id"],
        ),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["patrol_run.id"],
        ),
        sa.PrimaryKeyConstraint("run_id", "finding_id"),
    )
    op.create_index(
        op.f("ix_patrol_run_finding_finding_id"), "patrol_run_finding", ["finding_id"], unique=False
    )
