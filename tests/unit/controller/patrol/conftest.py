"""One embedded engine for all tests of patrol; each test has registers and a clock of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.store.samples import Samples
from tests.unit.controller.patrol.city import NOW, City, city, emptied


@pytest.fixture(scope="session")
def engine(one_engine: Samples) -> Samples:
    return one_engine


@pytest.fixture
def c(engine: Samples, tmp_path: Path) -> Iterator[City]:
    """Two units, A with A1 below it, B; no resource yet; it is NOW."""
    emptied(engine)
    made = city(engine, tmp_path, NOW)
    yield made
    made.runtime.database.close()
