"""Which points a poller was last told to measure."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reach_poller",
        sa.Column("agent_id", AutoString(length=32), nullable=False),
        sa.Column("digest", AutoString(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["agent_id"],
            ["agent.id"],
        ),
        sa.PrimaryKeyConstraint("agent_id"),
    )
    # ### end Alembic commands ###
