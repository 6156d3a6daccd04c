"""A database of each engine with the whole schema, and a clock that is set by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.runtime import Runtime
from controller.schema import metadata
from controller.settings import Settings
from controller.store.relational import Database, connect
from controller.store.samples import Samples


class Clock:
    """Time as a test wants it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **span: float) -> None:
        self.now += timedelta(**span)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.db'}"
    url: str = request.getfixturevalue("postgres").new_database()
    return url


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    yield from _fresh(url)


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    yield from _fresh(f"sqlite:///{tmp_path / 'test.db'}")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def runtime(sqlite: Database, clock: Clock, tmp_path: Path) -> Runtime:
    """Without a sample store: nothing here asks it."""
    settings = Settings(data=tmp_path)
    return Runtime(settings, sqlite, Samples.from_settings(settings), clock)


def _fresh(url: str) -> Iterator[Database]:
    database = Database(connect(url))
    metadata().create_all(database.engine)
    yield database
    database.close()
