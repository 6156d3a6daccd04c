"""Lines and access points, each with its dated terms."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString

from controller.store.relational import UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "access_point",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", AutoString(length=64), nullable=False),
        sa.Column("name", AutoString(length=200), nullable=False),
        sa.Column("level", AutoString(length=16), nullable=False),
        sa.Column("community", AutoString(length=200), nullable=False),
        sa.Column("state", AutoString(length=16), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=True),
        sa.Column("zone_id", sa.Integer(), nullable=True),
        sa.Column("device", AutoString(length=128), nullable=False),
        sa.Column("port", AutoString(length=128), nullable=False),
        sa.Column("address", AutoString(length=45), nullable=False),
        sa.Column("tcp_port", sa.Integer(), nullable=True),
        sa.Column("note", AutoString(length=1000), nullable=False),
        sa.Column("removed", UtcDateTime(), nullable=True),
        sa.Column("updated", UtcDateTime(), nullable=False),
        sa.Column("by", AutoString(), nullable=False),
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
    op.create_index("ix_access_point_address", "access_point", ["zone_id", "address"], unique=False)
    op.create_table(
        "network_line",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("operator", AutoString(length=100), nullable=False),
        sa.Column("number", AutoString(length=64), nullable=False),
        sa.Column("name", AutoString(length=200), nullable=False),
        sa.Column("kind", AutoString(length=16), nullable=False),
        sa.Column("level", AutoString(length=16), nullable=False),
        sa.Column("zone_id", sa.Integer(), nullable=True),
        sa.Column("a_site_id", sa.Integer(), nullable=True),
        sa.Column("a_device", AutoString(length=128), nullable=False),
        sa.Column("a_port", AutoString(length=128), nullable=False),
        sa.Column("a_text", AutoString(length=200), nullable=False),
        sa.Column("b_site_id", sa.Integer(), nullable=True),
        sa.Column("b_device", AutoString(length=128), nullable=False),
        sa.Column("b_port", AutoString(length=128), nullable=False),
        sa.Column("b_text", AutoString(length=200), nullable=False),
        sa.Column("contract_start", UtcDateTime(), nullable=True),
        sa.Column("contract_end", UtcDateTime(), nullable=True),
        sa.Column("note", AutoString(length=1000), nullable=False),
        sa.Column("removed", UtcDateTime(), nullable=True),
        sa.Column("updated", UtcDateTime(), nullable=False),
        sa.Column("by", AutoString(), nullable=False),
        sa.ForeignKeyConstraint(
            ["a_site_id"],
            ["site.id"],
        ),
        sa.ForeignKeyConstraint(
            ["b_site_id"],
            ["site.id"],
        ),
        sa.ForeignKeyConstraint(
            ["zone_id"],
            ["zone.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("operator", "number"),
    )
    op.create_table(
        "access_point_term",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("point_id", sa.Integer(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=True),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("line_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["line_id"],
            ["network_line.id"],
        ),
        sa.ForeignKeyConstraint(
            ["point_id"],
            ["access_point.id"],
        ),
        sa.ForeignKeyConstraint(
            ["unit_id"],
            ["unit.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("point_id", "since"),
    )
    op.create_index(
        op.f("ix_access_point_term_line_id"), "access_point_term", ["line_id"], unique=False
    )
    op.create_index(
        op.f("ix_access_point_term_point_id"), "access_point_term", ["point_id"], unique=False
    )
    op.create_index(
        op.f("ix_access_point_term_unit_id"), "access_point_term", ["unit_id"], unique=False
    )
    op.create_table(
        "network_line_term",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("line_id", sa.Integer(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=True),
        sa.Column("unit_id", sa.Integer(), nullable=True),
        sa.Column("bandwidth_bit_s", sa.Float(), nullable=True),
        sa.Column("yearly_cost", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(
            ["line_id"],
            ["network_line.id"],
        ),
        sa.ForeignKeyConstraint(
            ["unit_id"],
            ["unit.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("line_id", "since"),
    )
    op.create_index(
        op.f("ix_network_line_term_line_id"), "network_line_term", ["line_id"], unique=False
    )
    op.create_index(
        op.f("ix_network_line_term_unit_id"), "network_line_term", ["unit_id"], unique=False
    )
    # ### end Alembic commands ###
