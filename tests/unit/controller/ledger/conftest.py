"""Databases of both engines, one sample engine, and a small register to compare with."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "usage"))

from worlds import World, empty, world

from controller.schema import metadata
from controller.store.relational import Database, connect
from controller.store.samples import Samples


@pytest.fixture
def samples(one_engine: Samples) -> Samples:
    """The session's engine, without a row."""
    empty(one_engine)
    return one_engine


@pytest.fixture
def w(samples: Samples, tmp_path: Path) -> Iterator[World]:
    """An empty world shortly after the end of March 2026."""
    made = world(samples, tmp_path, datetime(2026, 4, 2, 4, tzinfo=UTC))
    yield made
    made.runtime.database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database with the whole schema; the test runs once with each engine."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'test.db'}"
    else:
        url = request.getfixturevalue("postgres").new_database()
    yield from _fresh(url)


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    yield from _fresh(f"sqlite:///{tmp_path / 'test.db'}")


def _fresh(url: str) -> Iterator[Database]:
    engine = connect(url)
    metadata().create_all(engine)
    database = Database(engine)
    yield database
    database.close()
