"""Network gear: devices, ports, neighbours, credentials, scan ranges, proposals."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString

from controller.store.relational import UtcDateTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "scan_range",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("network", AutoString(length=64), nullable=False),
        sa.Column("cidr", AutoString(length=64), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=False),
        sa.Column("rate_per_s", sa.Float(), nullable=False),
        sa.Column("note", AutoString(length=300), nullable=False),
        sa.Column("created", UtcDateTime(), nullable=False),
        sa.Column("by", AutoString(length=100), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("network", "cidr"),
    )
    op.create_table(
        "snmp_credential",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", AutoString(length=64), nullable=False),
        sa.Column("kind", AutoString(length=4), nullable=False),
        sa.Column("user", AutoString(length=64), nullable=False),
        sa.Column("auth", AutoString(length=10), nullable=False),
        sa.Column("priv", AutoString(length=10), nullable=False),
        sa.Column("expansion", AutoString(length=12), nullable=False),
        sa.Column("community", AutoString(length=1000), nullable=False),
        sa.Column("auth_password", AutoString(length=1000), nullable=False),
        sa.Column("priv_password", AutoString(length=1000), nullable=False),
        sa.Column("created", UtcDateTime(), nullable=False),
        sa.Column("changed", UtcDateTime(), nullable=False),
        sa.Column("by", AutoString(length=100), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "device",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("network", AutoString(length=64), nullable=False),
        sa.Column("address", AutoString(length=64), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("role", AutoString(length=16), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("credential_id", sa.Integer(), nullable=True),
        sa.Column("interval_s", sa.Integer(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("pinned", AutoString(length=32), nullable=True),
        sa.Column("poller_id", AutoString(length=32), nullable=True),
        sa.Column("poller_since", UtcDateTime(), nullable=True),
        sa.Column("state", AutoString(length=8), nullable=False),
        sa.Column("state_since", UtcDateTime(), nullable=True),
        sa.Column("last_answer", UtcDateTime(), nullable=True),
        sa.Column("error", AutoString(length=300), nullable=False),
        sa.Column("facts_at", UtcDateTime(), nullable=True),
        sa.Column("vendor", AutoString(length=64), nullable=False),
        sa.Column("profile", AutoString(length=40), nullable=False),
        sa.Column("model", AutoString(length=100), nullable=False),
        sa.Column("serial", AutoString(length=100), nullable=False),
        sa.Column("software", AutoString(length=200), nullable=False),
        sa.Column("sys_object_id", AutoString(length=128), nullable=False),
        sa.Column("sys_name", AutoString(length=200), nullable=False),
        sa.Column("sys_descr", AutoString(length=500), nullable=False),
        sa.Column("location", AutoString(length=200), nullable=False),
        sa.Column("booted", UtcDateTime(), nullable=True),
        sa.Column("ipv6_forwarding", sa.Boolean(), nullable=True),
        sa.Column("routes", sa.Integer(), nullable=True),
        sa.Column("partial", sa.JSON(), nullable=False),
        sa.Column("sensors", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["credential_id"],
            ["snmp_credential.id"],
        ),
        sa.ForeignKeyConstraint(
            ["id"],
            ["resource.id"],
        ),
        sa.ForeignKeyConstraint(
            ["pinned"],
            ["agent.id"],
        ),
        sa.ForeignKeyConstraint(
            ["poller_id"],
            ["agent.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("network", "address", "port"),
    )
    op.create_index(op.f("ix_device_credential_id"), "device", ["credential_id"], unique=False)
    op.create_index(op.f("ix_device_poller_id"), "device", ["poller_id"], unique=False)
    op.create_index(op.f("ix_device_state"), "device", ["state"], unique=False)
    op.create_table(
        "device_address",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("device_id", sa.Integer(), nullable=False),
        sa.Column("if_index", sa.Integer(), nullable=False),
        sa.Column("instance", AutoString(length=200), nullable=False),
        sa.Column("address", AutoString(length=64), nullable=False),
        sa.Column("prefix_length", sa.Integer(), nullable=False),
        sa.Column("seen", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_id"],
            ["device.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("device_id", "if_index", "address"),
    )
    op.create_index(op.f("ix_device_address_address"), "device_address", ["address"], unique=False)
    op.create_index(
        op.f("ix_device_address_device_id"), "device_address", ["device_id"], unique=False
    )
    op.create_table(
        "device_neighbour",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("device_id", sa.Integer(), nullable=False),
        sa.Column("local_port", AutoString(length=200), nullable=False),
        sa.Column("instance", AutoString(length=200), nullable=False),
        sa.Column("remote_chassis", AutoString(length=100), nullable=False),
        sa.Column("remote_port", AutoString(length=200), nullable=False),
        sa.Column("remote_port_descr", AutoString(length=200), nullable=False),
        sa.Column("remote_name", AutoString(length=200), nullable=False),
        sa.Column("remote_descr", AutoString(length=500), nullable=False),
        sa.Column("remote_addresses", sa.JSON(), nullable=False),
        sa.Column("remote_device_id", sa.Integer(), nullable=True),
        sa.Column("first_seen", UtcDateTime(), nullable=False),
        sa.Column("last_seen", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_id"],
            ["device.id"],
        ),
        sa.ForeignKeyConstraint(
            ["remote_device_id"],
            ["device.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("device_id", "local_port", "remote_chassis", "remote_port"),
    )
    op.create_index(
        op.f("ix_device_neighbour_device_id"), "device_neighbour", ["device_id"], unique=False
    )
    op.create_index(
        op.f("ix_device_neighbour_remote_device_id"),
        "device_neighbour",
        ["remote_device_id"],
        unique=False,
    )
    op.create_table(
        "device_part",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("device_id", sa.Integer(), nullable=False),
        sa.Column("part_index", sa.Integer(), nullable=False),
        sa.Column("kind", AutoString(length=40), nullable=False),
        sa.Column("name", AutoString(length=200), nullable=False),
        sa.Column("descr", AutoString(length=300), nullable=False),
        sa.Column("model", AutoString(length=100), nullable=False),
        sa.Column("serial", AutoString(length=100), nullable=False),
        sa.Column("hardware", AutoString(length=100), nullable=False),
        sa.Column("firmware", AutoString(length=100), nullable=False),
        sa.Column("software", AutoString(length=200), nullable=False),
        sa.Column("contained_in", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["device_id"],
            ["device.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("device_id", "part_index"),
    )
    op.create_index(op.f("ix_device_part_device_id"), "device_part", ["device_id"], unique=False)
    op.create_index(op.f("ix_device_part_serial"), "device_part", ["serial"], unique=False)
    op.create_table(
        "device_peer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("device_id", sa.Integer(), nullable=False),
        sa.Column("protocol", AutoString(length=8), nullable=False),
        sa.Column("address", AutoString(length=64), nullable=False),
        sa.Column("state", AutoString(length=20), nullable=False),
        sa.Column("state_since", UtcDateTime(), nullable=False),
        sa.Column("remote_as", sa.Integer(), nullable=True),
        sa.Column("router_id", AutoString(length=64), nullable=False),
        sa.Column("seen", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_id"],
            ["device.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("device_id", "protocol", "address"),
    )
    op.create_index(op.f("ix_device_peer_device_id"), "device_peer", ["device_id"], unique=False)
    op.create_table(
        "device_poller",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("device_id", sa.Integer(), nullable=False),
        sa.Column("agent_id", AutoString(length=32), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["agent_id"],
            ["agent.id"],
        ),
        sa.ForeignKeyConstraint(
            ["device_id"],
            ["device.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_device_poller_agent", "device_poller", ["agent_id"], unique=False)
    op.create_index(
        op.f("ix_device_poller_device_id"), "device_poller", ["device_id"], unique=False
    )
    op.create_table(
        "device_port",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("device_id", sa.Integer(), nullable=False),
        sa.Column("instance", AutoString(length=200), nullable=False),
        sa.Column("if_index", sa.Integer(), nullable=False),
        sa.Column("name", AutoString(length=200), nullable=False),
        sa.Column("descr", AutoString(length=200), nullable=False),
        sa.Column("alias", AutoString(length=300), nullable=False),
        sa.Column("kind", AutoString(length=40), nullable=False),
        sa.Column("speed_bit_s", sa.Float(), nullable=True),
        sa.Column("mtu", sa.Integer(), nullable=True),
        sa.Column("phys_address", AutoString(length=40), nullable=False),
        sa.Column("admin", AutoString(length=16), nullable=False),
        sa.Column("oper", AutoString(length=16), nullable=False),
        sa.Column("oper_since", UtcDateTime(), nullable=True),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.Column("seen", UtcDateTime(), nullable=False),
        sa.Column("gone", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["device_id"],
            ["device.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("device_id", "instance"),
    )
    op.create_index(op.f("ix_device_port_device_id"), "device_port", ["device_id"], unique=False)
    op.create_table(
        "device_proposal",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("network", AutoString(length=64), nullable=False),
        sa.Column("address", AutoString(length=64), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("credential_id", sa.Integer(), nullable=True),
        sa.Column("agent_id", AutoString(length=32), nullable=True),
        sa.Column("sys_object_id", AutoString(length=128), nullable=False),
        sa.Column("sys_name", AutoString(length=200), nullable=False),
        sa.Column("sys_descr", AutoString(length=500), nullable=False),
        sa.Column("vendor", AutoString(length=64), nullable=False),
        sa.Column("profile", AutoString(length=40), nullable=False),
        sa.Column("found", UtcDateTime(), nullable=False),
        sa.Column("state", AutoString(length=10), nullable=False),
        sa.Column("decided", UtcDateTime(), nullable=True),
        sa.Column("decided_by", AutoString(length=100), nullable=False),
        sa.Column("device_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["agent_id"],
            ["agent.id"],
        ),
        sa.ForeignKeyConstraint(
            ["credential_id"],
            ["snmp_credential.id"],
        ),
        sa.ForeignKeyConstraint(
            ["device_id"],
            ["device.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("network", "address", "port"),
    )
    op.create_index(op.f("ix_device_proposal_state"), "device_proposal", ["state"], unique=False)
