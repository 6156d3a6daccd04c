"""What starts slowly is started once a session: a PostgreSQL cluster and an embedded engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from controller.store.samples import Samples
from tests.real.postgres import Cluster, private_cluster
from tests.unit.controller.usage.worlds import endpoint


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A cluster; ``new_database`` gives each test an empty database of its own."""
    with private_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def one_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Samples]:
    """An embedded engine with the schema. Whoever uses it empties its tables first (``empty`` of
    usage's worlds): other tests have left rows there."""
    with endpoint(tmp_path_factory.mktemp("one-engine")) as samples:
        yield samples
