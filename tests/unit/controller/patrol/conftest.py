"""One embedded engine for all tests of patrol; each test has registers and a clock of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.store.samples import Samples
from tests.unit.controller.patrol.city import NOW, City, city, emptied
from tests.unit.controller.usage.worlds import endpoint


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Samples]:
    with endpoint(tmp_path_factory.mktemp("engine")) as samples:
        yield samples


@pytest.fixture
def c(engine: Samples, tmp_path: Path) -> Iterator[City]:
    """Two units, A with A1 below it, B; no resource yet; it is NOW."""
    emptied(engine)
    made = city(engine, tmp_path, NOW)
    yield made
    made.runtime.database.close()
