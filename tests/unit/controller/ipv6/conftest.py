"""The embedded engine and small worlds of the usage tests, for the tests of IPv6 readiness."""

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
def ipv6_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Samples]:
    with endpoint(tmp_path_factory.mktemp("ipv6-engine")) as samples:
        yield samples


@pytest.fixture
def w(ipv6_engine: Samples, tmp_path: Path) -> Iterator[World]:
    """An empty world, 10 days and half a day after EPOCH."""
    empty(ipv6_engine)
    made = world(ipv6_engine, tmp_path, EPOCH + timedelta(days=10, hours=12))
    yield made
    made.runtime.database.close()
