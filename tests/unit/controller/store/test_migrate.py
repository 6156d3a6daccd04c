"""The migrated schema is the schema of the tables, and a newer one is left alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect, text

from controller.schema import metadata
from controller.store import migrate
from controller.store.relational import connect
from tests.real.postgres import Cluster


@pytest.fixture(params=["sqlite", "postgresql"])
def engines(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Engine, Engine]]:
    """Two empty databases of one kind."""
    if request.param == "sqlite":
        urls = [f"sqlite:///{tmp_path / name}" for name in ("fresh.db", "migrated.db")]
    else:
        cluster: Cluster = request.getfixturevalue("postgres")
        urls = [cluster.new_database(), cluster.new_database()]
    made = (connect(urls[0]), connect(urls[1]))
    yield made
    for engine in made:
        engine.dispose()


def _description(engine: Engine) -> dict[str, Any]:
    """Every table as the engine itself describes it, without alembic's own."""
    found = inspect(engine)
    described: dict[str, Any] = {}
    for name in sorted(found.get_table_names()):
        if name == "alembic_version":
            continue
        described[name] = {
            "columns": [
                (c["name"], str(c["type"]), c["nullable"], c["default"], c.get("autoincrement"))
                for c in found.get_columns(name)
            ],
            "key": found.get_pk_constraint(name)["constrained_columns"],
            "unique": sorted(str(u["column_names"]) for u in found.get_unique_constraints(name)),
            "indexes": sorted(
                (str(i["name"]), str(i["column_names"]), bool(i["unique"]))
                for i in found.get_indexes(name)
            ),
            "foreign": sorted(
                (str(f["constrained_columns"]), f["referred_table"], str(f["referred_columns"]))
                for f in found.get_foreign_keys(name)
            ),
            "checks": sorted(c["sqltext"] for c in found.get_check_constraints(name)),
        }
    return described


def test_a_migrated_database_is_identical_to_a_fresh_one(engines: tuple[Engine, Engine]) -> None:
    fresh, migrated = engines
    metadata().create_all(fresh)
    migrate.upgrade(migrated)
    assert _description(migrated) == _description(fresh)
    with migrated.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata()) == []


def test_migrating_again_changes_nothing(engines: tuple[Engine, Engine]) -> None:
    _, migrated = engines
    assert not migrate.is_current(migrated)
    migrate.upgrade(migrated)
    before = _description(migrated)
    migrate.upgrade(migrated)
    assert _description(migrated) == before
    assert migrate.is_current(migrated)


def test_a_database_of_a_newer_version_is_refused_and_not_touched(
    engines: tuple[Engine, Engine],
) -> None:
    _, migrated = engines
    migrate.upgrade(migrated)
    with migrated.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(migrate.NewerSchema, match="newer version of Yunxun"):
        migrate.upgrade(migrated)
    with migrated.connect() as connection:
        assert migrate.revision(connection) == "9999"


def test_a_migration_that_fails_leaves_nothing_behind(
    engines: tuple[Engine, Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, migrated = engines
    with migrated.begin() as connection:
        # In the way of the first revision's last tables.
        connection.execute(text("CREATE TABLE agent_epoch (x INTEGER)"))
    with pytest.raises(Exception, match="agent_epoch"):
        migrate.upgrade(migrated)
    assert inspect(migrated).get_table_names() == ["agent_epoch"]
