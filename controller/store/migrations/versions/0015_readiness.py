"""Readiness: projects, hosts, credentials, bundles, runs, judgements, waivers, products."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString

from controller.store.relational import UtcDateTime

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "assessed_product",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", AutoString(length=16), nullable=False),
        sa.Column("vendor", AutoString(length=200), nullable=False),
        sa.Column("product", AutoString(length=200), nullable=False),
        sa.Column("version", AutoString(length=100), nullable=False),
        sa.Column("level", AutoString(length=16), nullable=False),
        sa.Column("notice", AutoString(length=100), nullable=False),
        sa.Column("published", UtcDateTime(), nullable=True),
        sa.Column("expires", UtcDateTime(), nullable=True),
        sa.Column("source", AutoString(length=200), nullable=False),
        sa.Column("imported", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("kind", "vendor", "product", "version", "notice"),
    )
    op.create_index(op.f("ix_assessed_product_kind"), "assessed_product", ["kind"], unique=False)
    op.create_table(
        "readiness_project",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", AutoString(length=120), nullable=False),
        sa.Column("kind", AutoString(length=16), nullable=False),
        sa.Column("profiles", sa.JSON(), nullable=False),
        sa.Column("note", AutoString(length=2000), nullable=False),
        sa.Column("window_from", UtcDateTime(), nullable=True),
        sa.Column("window_until", UtcDateTime(), nullable=True),
        sa.Column("connection", sa.JSON(), nullable=False),
        sa.Column("context", sa.JSON(), nullable=False),
        sa.Column("known_hosts", AutoString(), nullable=False),
        sa.Column("closed", UtcDateTime(), nullable=True),
        sa.Column("created", UtcDateTime(), nullable=False),
        sa.Column("by", AutoString(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "readiness_approval",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("decision", AutoString(length=16), nullable=False),
        sa.Column("by", AutoString(length=64), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("note", AutoString(length=1000), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["readiness_project.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        op.f("ix_readiness_approval_project_id"), "readiness_approval", ["project_id"], unique=False
    )
    op.create_table(
        "readiness_bundle",
        sa.Column("sha256", AutoString(length=64), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("asset", AutoString(length=64), nullable=False),
        sa.Column("source", AutoString(length=16), nullable=False),
        sa.Column("by", AutoString(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("taken", UtcDateTime(), nullable=False),
        sa.Column("received", UtcDateTime(), nullable=False),
        sa.Column("privilege", AutoString(length=16), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["readiness_project.id"],
        ),
        sa.PrimaryKeyConstraint("sha256"),
    )
    op.create_index(
        op.f("ix_readiness_bundle_project_id"), "readiness_bundle", ["project_id"], unique=False
    )
    op.create_index(
        op.f("ix_readiness_bundle_received"), "readiness_bundle", ["received"], unique=False
    )
    op.create_table(
        "readiness_credential",
        sa.Column("project_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", AutoString(length=16), nullable=False),
        sa.Column("secret", AutoString(), nullable=False),
        sa.Column("become", AutoString(), nullable=False),
        sa.Column("mark", AutoString(length=100), nullable=False),
        sa.Column("updated", UtcDateTime(), nullable=False),
        sa.Column("by", AutoString(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["readiness_project.id"],
        ),
        sa.PrimaryKeyConstraint("project_id"),
    )
    op.create_table(
        "readiness_project_unit",
        sa.Column("project_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("unit_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["readiness_project.id"],
        ),
        sa.ForeignKeyConstraint(
            ["unit_id"],
            ["unit.id"],
        ),
        sa.PrimaryKeyConstraint("project_id", "unit_id"),
    )
    op.create_index(
        op.f("ix_readiness_project_unit_unit_id"),
        "readiness_project_unit",
        ["unit_id"],
        unique=False,
    )
    op.create_table(
        "readiness_run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("kind", AutoString(length=32), nullable=False),
        sa.Column("state", AutoString(length=16), nullable=False),
        sa.Column("areas", sa.JSON(), nullable=False),
        sa.Column("profiles", sa.JSON(), nullable=False),
        sa.Column("variables", sa.JSON(), nullable=False),
        sa.Column("by", AutoString(length=64), nullable=False),
        sa.Column("queued", UtcDateTime(), nullable=False),
        sa.Column("started", UtcDateTime(), nullable=True),
        sa.Column("finished", UtcDateTime(), nullable=True),
        sa.Column("holder", AutoString(length=200), nullable=False),
        sa.Column("beat", UtcDateTime(), nullable=True),
        sa.Column("folder", AutoString(length=255), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("stage", sa.Integer(), nullable=False),
        sa.Column("stages", sa.JSON(), nullable=False),
        sa.Column("cancel_by", AutoString(length=64), nullable=False),
        sa.Column("cancel_at", UtcDateTime(), nullable=True),
        sa.Column("error", AutoString(length=1000), nullable=False),
        sa.Column("verdict", AutoString(length=16), nullable=False),
        sa.Column("totals", sa.JSON(), nullable=False),
        sa.Column("inspects", sa.Integer(), nullable=True),
        sa.Column("inspected", AutoString(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["inspects"],
            ["readiness_run.id"],
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["readiness_project.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_readiness_run_inspects"), "readiness_run", ["inspects"], unique=False)
    op.create_index(
        "ix_readiness_run_project_queued", "readiness_run", ["project_id", "queued"], unique=False
    )
    op.create_index(op.f("ix_readiness_run_state"), "readiness_run", ["state"], unique=False)
    op.create_table(
        "readiness_waiver",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("rule", AutoString(length=16), nullable=False),
        sa.Column("fingerprint", AutoString(length=64), nullable=False),
        sa.Column("hosts", sa.JSON(), nullable=False),
        sa.Column("reason", AutoString(length=1000), nullable=False),
        sa.Column("owner", AutoString(length=64), nullable=False),
        sa.Column("approved_by", AutoString(length=64), nullable=False),
        sa.Column("by", AutoString(length=64), nullable=False),
        sa.Column("created", UtcDateTime(), nullable=False),
        sa.Column("expires", UtcDateTime(), nullable=False),
        sa.Column("ended", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["readiness_project.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        op.f("ix_readiness_waiver_project_id"), "readiness_waiver", ["project_id"], unique=False
    )
    op.create_table(
        "readiness_host",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("name", AutoString(length=64), nullable=False),
        sa.Column("address", AutoString(length=255), nullable=False),
        sa.Column("port", sa.Integer(), nullable=True),
        sa.Column("unit_id", sa.Integer(), nullable=True),
        sa.Column("system_id", sa.Integer(), nullable=True),
        sa.Column("variables", sa.JSON(), nullable=False),
        sa.Column("bundle", AutoString(length=64), nullable=False),
        sa.Column("taken", UtcDateTime(), nullable=True),
        sa.Column("identity", sa.JSON(), nullable=False),
        sa.Column("retired", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["readiness_project.id"],
        ),
        sa.ForeignKeyConstraint(
            ["system_id"],
            ["business_system.id"],
        ),
        sa.ForeignKeyConstraint(
            ["unit_id"],
            ["unit.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("project_id", "name"),
    )
    op.create_index(
        op.f("ix_readiness_host_project_id"), "readiness_host", ["project_id"], unique=False
    )
    op.create_index(
        op.f("ix_readiness_host_system_id"), "readiness_host", ["system_id"], unique=False
    )
    op.create_index(op.f("ix_readiness_host_unit_id"), "readiness_host", ["unit_id"], unique=False)
    op.create_table(
        "readiness_judgement",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("host_id", sa.Integer(), nullable=False),
        sa.Column("profile", AutoString(length=64), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("bundle", AutoString(length=64), nullable=False),
        sa.Column("verdict", AutoString(length=16), nullable=False),
        sa.Column("coverage", sa.Float(), nullable=True),
        sa.Column("stars", sa.Integer(), nullable=False),
        sa.Column("blockers", sa.Integer(), nullable=False),
        sa.Column("majors", sa.Integer(), nullable=False),
        sa.Column("reason", AutoString(length=1000), nullable=False),
        sa.Column("latest", sa.Boolean(), nullable=False),
        sa.Column("grid", sa.JSON(), nullable=False),
        sa.Column("results", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["host_id"],
            ["readiness_host.id"],
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["readiness_project.id"],
        ),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["readiness_run.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("run_id", "host_id", "profile"),
    )
    op.create_index(
        op.f("ix_readiness_judgement_host_id"), "readiness_judgement", ["host_id"], unique=False
    )
    op.create_index(
        "ix_readiness_judgement_latest",
        "readiness_judgement",
        ["project_id", "latest"],
        unique=False,
    )
    op.create_table(
        "readiness_run_host",
        sa.Column("run_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("host_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", AutoString(length=16), nullable=False),
        sa.Column("stage", sa.Integer(), nullable=False),
        sa.Column("message", AutoString(length=1000), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("bundle", AutoString(length=64), nullable=False),
        sa.Column("markers", sa.JSON(), nullable=False),
        sa.Column("found", AutoString(length=32), nullable=False),
        sa.Column("began", UtcDateTime(), nullable=True),
        sa.Column("ended", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["host_id"],
            ["readiness_host.id"],
        ),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["readiness_run.id"],
        ),
        sa.PrimaryKeyConstraint("run_id", "host_id"),
    )
    op.create_index(
        op.f("ix_readiness_run_host_host_id"), "readiness_run_host", ["host_id"], unique=False
    )
