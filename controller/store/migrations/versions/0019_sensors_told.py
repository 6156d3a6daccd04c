"""When a device last told of its sensors."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from controller.store.relational import UtcDateTime

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("device", sa.Column("sensors_at", UtcDateTime(), nullable=True))
