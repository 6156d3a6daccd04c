"""A database of each engine with two units, one below the other, and a third beside them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.inventory.tables import Unit, UnitVersion
from controller.schema import metadata
from controller.store.relational import Database, connect

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
SINCE = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """The whole schema; the test runs once with each engine."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'test.db'}"
    else:
        url = request.getfixturevalue("postgres").new_database()
    made = Database(connect(url))
    metadata().create_all(made.engine)
    with made.write() as session:
        for number, code, parent in ((1, "A", None), (2, "A1", 1), (3, "B", None)):
            session.add(Unit(id=number, code=code, created=SINCE))
            session.flush()
            session.add(
                UnitVersion(unit_id=number, name=f"单位{code}", parent_id=parent, since=SINCE)
            )
    yield made
    made.close()
