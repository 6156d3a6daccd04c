"""The embedded engine and small worlds of the usage tests, for the tests of idle."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "usage"))
sys.path.insert(0, str(Path(__file__).parent))

from worlds import EPOCH, World, empty, world

from controller.store.samples import Samples


@pytest.fixture
def w(one_engine: Samples, tmp_path: Path) -> Iterator[World]:
    """An empty world, 60 days after EPOCH."""
    empty(one_engine)
    made = world(one_engine, tmp_path, EPOCH + timedelta(days=60))
    yield made
    made.runtime.database.close()
