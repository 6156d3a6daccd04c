"""The session's engine for the tests of usage and rollups; each starts with empty tables."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from worlds import EPOCH, World, empty, world

from controller.store.samples import Samples


@pytest.fixture(scope="session")
def engine(one_engine: Samples) -> Samples:
    return one_engine


@pytest.fixture
def new_world(
    engine: Samples, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], World]]:
    """Makes an empty world at EPOCH + 10 days; an earlier one of the same test is gone then."""
    made: list[World] = []

    def make(now: datetime = EPOCH + timedelta(days=10)) -> World:
        while made:
            made.pop().runtime.database.close()
        empty(engine)
        made.append(world(engine, tmp_path_factory.mktemp("world"), now))
        return made[0]

    yield make
    for each in made:
        each.runtime.database.close()


@pytest.fixture
def w(new_world: Callable[[], World]) -> World:
    return new_world()
