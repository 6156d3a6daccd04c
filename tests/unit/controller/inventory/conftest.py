"""Databases of both engines, and a small register to ask."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from controller.schema import metadata
from controller.store.relational import Database, connect

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database with the whole schema; the test runs once with each engine."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'test.db'}"
    else:
        url = request.getfixturevalue("postgres").new_database()
    yield from _fresh(connect(url))


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    yield from _fresh(connect(f"sqlite:///{tmp_path / 'test.db'}"))


def _fresh(engine: Engine) -> Iterator[Database]:
    metadata().create_all(engine)
    database = Database(engine)
    yield database
    database.close()
