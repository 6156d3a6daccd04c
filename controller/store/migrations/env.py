"""Run by alembic: migrates on the connection that ``controller.store.migrate`` hands over."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes.get("metadata"),
    # SQLite cannot alter a column in place; alembic rebuilds the table instead.
    render_as_batch=True,
)
context.run_migrations()
