"""When an order to the provider was called back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from controller.store.relational import UtcDateTime

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("notice_order", sa.Column("withdrawn", UtcDateTime(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("notice_order") as table:
        table.drop_column("withdrawn")
