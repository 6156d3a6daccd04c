"""Bring the relational schema to the newest revision (alembic), from any older one or from none.

A revision is a file in ``migrations/versions``; tests hold the migrated schema and the tables in
``controller.schema`` identical on both engines. There is no way back down: restore a backup.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 0x7975_6E6D  # "yunm": PostgreSQL's advisory lock of whoever migrates


class NewerSchema(Exception):
    """The database was written by a newer version of Yunxun."""


def upgrade(engine: Engine) -> None:
    """Migrate to the newest revision, in one transaction. Raises NewerSchema."""
    config = configuration()
    with engine.execution_options(sqlite_immediate=True).begin() as connection:
        # Several controllers may start at once on one PostgreSQL.
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        scripts = ScriptDirectory.from_config(config)
        current = revision(connection)
        if current == scripts.get_current_head():
            return
        known = {script.revision for script in scripts.walk_revisions()}
        if current is not None and current not in known:
            raise NewerSchema(
                f"written by a newer version of Yunxun (schema {current}); "
                "install that version, or restore a backup of this one"
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def revision(connection: Connection) -> str | None:
    """The revision of the database, None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def configuration() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    return config


def is_current(engine: Engine) -> bool:
    """Whether there is nothing to migrate."""
    with engine.connect() as connection:
        scripts = ScriptDirectory.from_config(configuration())
        return revision(connection) == scripts.get_current_head()
