"""Notices, their letters, transitions and deliveries; the duty of a unit's users."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString

from controller.store.relational import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "letter_template",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", AutoString(length=16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("title", AutoString(length=200), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("by", AutoString(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("kind", "version"),
    )
    op.create_table(
        "notice",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", AutoString(length=40), nullable=False),
        sa.Column("kind", AutoString(length=16), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=True),
        sa.Column("state", AutoString(length=16), nullable=False),
        sa.Column("title", AutoString(length=200), nullable=False),
        sa.Column("addressee", AutoString(length=200), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("signature", AutoString(length=200), nullable=False),
        sa.Column("number", AutoString(length=80), nullable=False),
        sa.Column("dated", sa.Date(), nullable=True),
        sa.Column("drafted", UtcDateTime(timezone=True), nullable=False),
        sa.Column("drafted_by", AutoString(), nullable=False),
        sa.Column("reviewed_by", AutoString(), nullable=False),
        sa.Column("signed_by", AutoString(), nullable=False),
        sa.Column("issued", UtcDateTime(timezone=True), nullable=True),
        sa.Column("due", sa.Date(), nullable=True),
        sa.Column("read", UtcDateTime(timezone=True), nullable=True),
        sa.Column("read_by", AutoString(), nullable=False),
        sa.Column("closed", UtcDateTime(timezone=True), nullable=True),
        sa.Column("demo", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["unit_id"],
            ["unit.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code"),
    )
    op.create_index(op.f("ix_notice_state"), "notice", ["state"], unique=False)
    op.create_index(op.f("ix_notice_unit_id"), "notice", ["unit_id"], unique=False)
    op.create_table(
        "delivery",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", AutoString(length=200), nullable=False),
        sa.Column("message_id", AutoString(length=120), nullable=False),
        sa.Column("notice_id", sa.Integer(), nullable=True),
        sa.Column("unit_id", sa.Integer(), nullable=True),
        sa.Column("channel", AutoString(length=60), nullable=False),
        sa.Column("recipient", AutoString(length=320), nullable=False),
        sa.Column("subject", AutoString(length=300), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("state", AutoString(length=12), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due", UtcDateTime(timezone=True), nullable=False),
        sa.Column("claimed_until", UtcDateTime(timezone=True), nullable=True),
        sa.Column("created", UtcDateTime(timezone=True), nullable=False),
        sa.Column("sent", UtcDateTime(timezone=True), nullable=True),
        sa.Column("read", UtcDateTime(timezone=True), nullable=True),
        sa.Column("error", AutoString(length=500), nullable=False),
        sa.ForeignKeyConstraint(
            ["notice_id"],
            ["notice.id"],
        ),
        sa.ForeignKeyConstraint(
            ["unit_id"],
            ["unit.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    op.create_index(op.f("ix_delivery_due"), "delivery", ["due"], unique=False)
    op.create_index(op.f("ix_delivery_notice_id"), "delivery", ["notice_id"], unique=False)
    op.create_index(op.f("ix_delivery_state"), "delivery", ["state"], unique=False)
    op.create_index(op.f("ix_delivery_unit_id"), "delivery", ["unit_id"], unique=False)
    op.create_table(
        "escalation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("notice_id", sa.Integer(), nullable=False),
        sa.Column("level", AutoString(length=16), nullable=False),
        sa.Column("reason", AutoString(length=500), nullable=False),
        sa.Column("state", AutoString(length=16), nullable=False),
        sa.Column("proposed", UtcDateTime(timezone=True), nullable=False),
        sa.Column("decided", UtcDateTime(timezone=True), nullable=True),
        sa.Column("approver", AutoString(length=100), nullable=False),
        sa.Column("note", AutoString(length=2000), nullable=False),
        sa.ForeignKeyConstraint(
            ["notice_id"],
            ["notice.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("notice_id", "level"),
    )
    op.create_index(op.f("ix_escalation_notice_id"), "escalation", ["notice_id"], unique=False)
    op.create_table(
        "notice_call",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("notice_id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("by", AutoString(), nullable=False),
        sa.Column("person", AutoString(length=100), nullable=False),
        sa.Column("phone", AutoString(length=60), nullable=False),
        sa.Column("reply", AutoString(length=2000), nullable=False),
        sa.ForeignKeyConstraint(
            ["notice_id"],
            ["notice.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_notice_call_notice_id"), "notice_call", ["notice_id"], unique=False)
    op.create_table(
        "notice_file",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("notice_id", sa.Integer(), nullable=False),
        sa.Column("kind", AutoString(length=16), nullable=False),
        sa.Column("name", AutoString(length=200), nullable=False),
        sa.Column("media_type", AutoString(length=100), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", AutoString(length=64), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("by", AutoString(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["notice_id"],
            ["notice.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_notice_file_notice_id"), "notice_file", ["notice_id"], unique=False)
    op.create_table(
        "notice_item",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("notice_id", sa.Integer(), nullable=False),
        sa.Column("resource_id", sa.Integer(), nullable=False),
        sa.Column("state", AutoString(length=24), nullable=False),
        sa.Column("cls", AutoString(length=24), nullable=False),
        sa.Column("reason", AutoString(length=500), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("policy", AutoString(length=100), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("policy_clause", AutoString(length=500), nullable=False),
        sa.Column("scan_id", sa.Integer(), nullable=True),
        sa.Column("samples", sa.Integer(), nullable=True),
        sa.Column("coverage_pct", sa.Float(), nullable=True),
        sa.Column("window_days", sa.Integer(), nullable=False),
        sa.Column("as_of", UtcDateTime(timezone=True), nullable=False),
        sa.Column("recommendation", sa.JSON(), nullable=False),
        sa.Column("allocation", sa.JSON(), nullable=False),
        sa.Column("due", sa.Date(), nullable=True),
        sa.Column("answer", AutoString(length=16), nullable=False),
        sa.Column("answer_note", AutoString(length=2000), nullable=False),
        sa.Column("keep_reason", AutoString(length=24), nullable=False),
        sa.Column("keep_until", sa.Date(), nullable=True),
        sa.Column("keep_approver", AutoString(length=100), nullable=False),
        sa.Column("answered_by", AutoString(), nullable=False),
        sa.Column("answered", UtcDateTime(timezone=True), nullable=True),
        sa.Column("confirmed_by", AutoString(), nullable=False),
        sa.Column("confirmed", UtcDateTime(timezone=True), nullable=True),
        sa.Column("observe_until", sa.Date(), nullable=True),
        sa.Column("done", UtcDateTime(timezone=True), nullable=True),
        sa.Column("closed", UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["notice_id"],
            ["notice.id"],
        ),
        sa.ForeignKeyConstraint(
            ["resource_id"],
            ["resource.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("notice_id", "resource_id"),
    )
    op.create_index(op.f("ix_notice_item_notice_id"), "notice_item", ["notice_id"], unique=False)
    op.create_index(
        op.f("ix_notice_item_resource_id"), "notice_item", ["resource_id"], unique=False
    )
    op.create_index(op.f("ix_notice_item_state"), "notice_item", ["state"], unique=False)
    op.create_table(
        "notice_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("notice_id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=True),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("by", AutoString(), nullable=False),
        sa.Column("act", AutoString(length=24), nullable=False),
        sa.Column("before", AutoString(length=24), nullable=False),
        sa.Column("after", AutoString(length=24), nullable=False),
        sa.Column("note", AutoString(length=2000), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["item_id"],
            ["notice_item.id"],
        ),
        sa.ForeignKeyConstraint(
            ["notice_id"],
            ["notice.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_notice_event_notice_id"), "notice_event", ["notice_id"], unique=False)
    op.create_table(
        "notice_order",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("kind", AutoString(length=16), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("ordered", UtcDateTime(timezone=True), nullable=False),
        sa.Column("ordered_by", AutoString(), nullable=False),
        sa.Column("done", UtcDateTime(timezone=True), nullable=True),
        sa.Column("done_by", AutoString(), nullable=False),
        sa.Column("snapshot", AutoString(length=200), nullable=False),
        sa.Column("note", AutoString(length=2000), nullable=False),
        sa.ForeignKeyConstraint(
            ["item_id"],
            ["notice_item.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_notice_order_item_id"), "notice_order", ["item_id"], unique=False)
    op.create_table(
        "recovery",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=True),
        sa.Column("resource_id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("how", AutoString(length=16), nullable=False),
        sa.Column("vcpu", sa.Float(), nullable=False),
        sa.Column("mem_bytes", sa.Float(), nullable=False),
        sa.Column("disk_bytes", sa.Float(), nullable=False),
        sa.Column("cost_month", sa.Float(), nullable=True),
        sa.Column("evidence", AutoString(length=500), nullable=False),
        sa.ForeignKeyConstraint(
            ["item_id"],
            ["notice_item.id"],
        ),
        sa.ForeignKeyConstraint(
            ["resource_id"],
            ["resource.id"],
        ),
        sa.ForeignKeyConstraint(
            ["unit_id"],
            ["unit.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("item_id"),
    )
    op.create_index(op.f("ix_recovery_at"), "recovery", ["at"], unique=False)
    op.create_index(op.f("ix_recovery_unit_id"), "recovery", ["unit_id"], unique=False)
    op.add_column(
        "app_user", sa.Column("duty", AutoString(length=16), server_default="", nullable=False)
    )
