"""The embedded engine and small worlds of the usage tests, for the tests of forecasts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "usage"))
sys.path.insert(0, str(Path(__file__).parent))

from worlds import EPOCH, World, empty, endpoint, world

from controller.store.samples import Samples


@pytest.fixture(scope="session")
def forecast_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Samples]:
    with endpoint(tmp_path_factory.mktemp("forecast-engine")) as samples:
        yield samples


@pytest.fixture
def w(forecast_engine: Samples, tmp_path: Path) -> Iterator[World]:
    """An empty world, 60 days after EPOCH."""
    empty(forecast_engine)
    made = world(forecast_engine, tmp_path, EPOCH + timedelta(days=60))
    yield made
    made.runtime.database.close()
