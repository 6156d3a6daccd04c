"""Registers: what units, systems, allocations, pools and shares know beyond their names."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString

from controller.store.relational import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "dirty_owner",
        sa.Column("unit_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("system_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("marked", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("unit_id", "system_id", "day"),
    )
    op.create_table(
        "unit_change",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", AutoString(length=16), nullable=False),
        sa.Column("effective", UtcDateTime(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("by", AutoString(), nullable=False),
        sa.Column("document", AutoString(length=200), nullable=False),
        sa.Column("note", AutoString(length=500), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("undone", UtcDateTime(), nullable=True),
        sa.Column("undone_by", AutoString(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "claim",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("resource_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("system", AutoString(length=200), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("reason", AutoString(length=500), nullable=False),
        sa.Column("by", AutoString(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("state", AutoString(length=16), nullable=False),
        sa.Column("decided", UtcDateTime(), nullable=True),
        sa.Column("decided_by", AutoString(), nullable=False),
        sa.Column("note", AutoString(length=500), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_id"],
            ["resource.id"],
        ),
        sa.ForeignKeyConstraint(
            ["unit_id"],
            ["unit.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("claim", schema=None) as batch_op:
        batch_op.create_index(op.f("ix_claim_resource_id"), ["resource_id"], unique=False)
        batch_op.create_index("ix_claim_state", ["state"], unique=False)
        batch_op.create_index(op.f("ix_claim_unit_id"), ["unit_id"], unique=False)

    op.create_table(
        "pool",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", AutoString(length=64), nullable=False),
        sa.Column("name", AutoString(length=200), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("zone_id", sa.Integer(), nullable=True),
        sa.Column("arch", AutoString(length=16), nullable=False),
        sa.Column("accelerator", AutoString(length=100), nullable=False),
        sa.ForeignKeyConstraint(
            ["site_id"],
            ["site.id"],
        ),
        sa.ForeignKeyConstraint(
            ["zone_id"],
            ["zone.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code"),
    )
    with op.batch_alter_table("pool", schema=None) as batch_op:
        batch_op.create_index(op.f("ix_pool_site_id"), ["site_id"], unique=False)

    op.create_table(
        "shared_resource",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("resource_id", sa.Integer(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=True),
        sa.Column("mode", AutoString(length=16), nullable=False),
        sa.Column("note", AutoString(length=500), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_id"],
            ["resource.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("resource_id", "since"),
    )
    with op.batch_alter_table("shared_resource", schema=None) as batch_op:
        batch_op.create_index(op.f("ix_shared_resource_resource_id"), ["resource_id"], unique=False)

    op.create_table(
        "unit_alias",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("name", AutoString(length=200), nullable=False),
        sa.Column("folded", AutoString(length=200), nullable=False),
        sa.Column("source", AutoString(length=100), nullable=False),
        sa.ForeignKeyConstraint(
            ["unit_id"],
            ["unit.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("unit_id", "folded"),
    )
    with op.batch_alter_table("unit_alias", schema=None) as batch_op:
        batch_op.create_index(op.f("ix_unit_alias_folded"), ["folded"], unique=False)
        batch_op.create_index(op.f("ix_unit_alias_unit_id"), ["unit_id"], unique=False)

    op.create_table(
        "unit_contact",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("role", AutoString(length=16), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", AutoString(length=100), nullable=False),
        sa.Column("phone", AutoString(length=60), nullable=False),
        sa.Column("email", AutoString(length=254), nullable=False),
        sa.ForeignKeyConstraint(
            ["unit_id"],
            ["unit.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("unit_contact", schema=None) as batch_op:
        batch_op.create_index(op.f("ix_unit_contact_unit_id"), ["unit_id"], unique=False)

    op.create_table(
        "allocation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", AutoString(length=64), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("system_id", sa.Integer(), nullable=True),
        sa.Column("site_id", sa.Integer(), nullable=True),
        sa.Column("zone_id", sa.Integer(), nullable=True),
        sa.Column("arch", AutoString(length=16), nullable=False),
        sa.Column("purpose", AutoString(length=16), nullable=False),
        sa.Column("applied_vcpu", sa.Float(), nullable=True),
        sa.Column("applied_mem_bytes", sa.Float(), nullable=True),
        sa.Column("applied_disk_bytes", sa.Float(), nullable=True),
        sa.Column("applied_accelerators", sa.Float(), nullable=True),
        sa.Column("approved_vcpu", sa.Float(), nullable=True),
        sa.Column("approved_mem_bytes", sa.Float(), nullable=True),
        sa.Column("approved_disk_bytes", sa.Float(), nullable=True),
        sa.Column("approved_accelerators", sa.Float(), nullable=True),
        sa.Column("delivered_vcpu", sa.Float(), nullable=True),
        sa.Column("delivered_mem_bytes", sa.Float(), nullable=True),
        sa.Column("delivered_disk_bytes", sa.Float(), nullable=True),
        sa.Column("delivered_accelerators", sa.Float(), nullable=True),
        sa.Column("applied", UtcDateTime(), nullable=True),
        sa.Column("approved", UtcDateTime(), nullable=True),
        sa.Column("delivered", UtcDateTime(), nullable=True),
        sa.Column("expires", UtcDateTime(), nullable=True),
        sa.Column("note", AutoString(length=1000), nullable=False),
        sa.Column("updated", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["site_id"],
            ["site.id"],
        ),
        sa.ForeignKeyConstraint(
            ["system_id"],
            ["business_system.id"],
        ),
        sa.ForeignKeyConstraint(
            ["unit_id"],
            ["unit.id"],
        ),
        sa.ForeignKeyConstraint(
            ["zone_id"],
            ["zone.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("number", "line"),
    )
    with op.batch_alter_table("allocation", schema=None) as batch_op:
        batch_op.create_index(op.f("ix_allocation_number"), ["number"], unique=False)
        batch_op.create_index(op.f("ix_allocation_system_id"), ["system_id"], unique=False)
        batch_op.create_index(op.f("ix_allocation_unit_id"), ["unit_id"], unique=False)

    op.create_table(
        "pool_capacity",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("pool_id", sa.Integer(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("vcpu", sa.Float(), nullable=True),
        sa.Column("mem_bytes", sa.Float(), nullable=True),
        sa.Column("disk_bytes", sa.Float(), nullable=True),
        sa.Column("accelerators", sa.Float(), nullable=True),
        sa.Column("cpu_overcommit", sa.Float(), nullable=False),
        sa.Column("mem_overcommit", sa.Float(), nullable=False),
        sa.Column("reserve_pct", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["pool_id"],
            ["pool.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("pool_id", "since"),
    )
    with op.batch_alter_table("pool_capacity", schema=None) as batch_op:
        batch_op.create_index(op.f("ix_pool_capacity_pool_id"), ["pool_id"], unique=False)

    op.create_table(
        "share_part",
        sa.Column("shared_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("unit_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("share_pct", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["shared_id"],
            ["shared_resource.id"],
        ),
        sa.ForeignKeyConstraint(
            ["unit_id"],
            ["unit.id"],
        ),
        sa.PrimaryKeyConstraint("shared_id", "unit_id"),
    )
    with op.batch_alter_table("share_part", schema=None) as batch_op:
        batch_op.create_index(op.f("ix_share_part_unit_id"), ["unit_id"], unique=False)

    op.create_table(
        "system_record",
        sa.Column("system_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("level", sa.Integer(), nullable=True),
        sa.Column("record_number", AutoString(length=100), nullable=False),
        sa.Column("assessed", UtcDateTime(), nullable=True),
        sa.Column("crypto_assessed", UtcDateTime(), nullable=True),
        sa.Column("on_cloud", sa.Boolean(), nullable=True),
        sa.Column("should_be_on_cloud", sa.Boolean(), nullable=True),
        sa.Column("xinchuang", sa.JSON(), nullable=False),
        sa.Column("public_addresses", sa.JSON(), nullable=False),
        sa.Column("last_backup", UtcDateTime(), nullable=True),
        sa.Column("offsite_copy", UtcDateTime(), nullable=True),
        sa.Column("last_drill", UtcDateTime(), nullable=True),
        sa.Column("operator", AutoString(length=200), nullable=False),
        sa.Column("operator_contact", AutoString(length=200), nullable=False),
        sa.Column("contract_end", UtcDateTime(), nullable=True),
        sa.Column("note", AutoString(length=1000), nullable=False),
        sa.Column("updated", UtcDateTime(), nullable=False),
        sa.Column("by", AutoString(), nullable=False),
        sa.ForeignKeyConstraint(
            ["system_id"],
            ["business_system.id"],
        ),
        sa.PrimaryKeyConstraint("system_id"),
    )
    op.create_table(
        "allocation_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("allocation_id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("by", AutoString(), nullable=False),
        sa.Column("what", AutoString(length=16), nullable=False),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["allocation_id"],
            ["allocation.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("allocation_event", schema=None) as batch_op:
        batch_op.create_index(
            op.f("ix_allocation_event_allocation_id"), ["allocation_id"], unique=False
        )

    op.create_table(
        "allocation_resource",
        sa.Column("allocation_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("resource_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["allocation_id"],
            ["allocation.id"],
        ),
        sa.ForeignKeyConstraint(
            ["resource_id"],
            ["resource.id"],
        ),
        sa.PrimaryKeyConstraint("allocation_id", "resource_id"),
    )
    with op.batch_alter_table("allocation_resource", schema=None) as batch_op:
        batch_op.create_index(
            op.f("ix_allocation_resource_resource_id"), ["resource_id"], unique=False
        )

    with op.batch_alter_table("resource", schema=None) as batch_op:
        batch_op.add_column(sa.Column("arch", AutoString(length=16), nullable=True))
        batch_op.add_column(sa.Column("accelerator", AutoString(length=100), nullable=True))
        batch_op.add_column(sa.Column("accelerators", sa.Float(), nullable=True))
