"""A small register on both engines: three units, systems and machines in two zones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import Session

from controller.inventory.tables import (
    BusinessSystem,
    Holding,
    Resource,
    Unit,
    UnitVersion,
    Zone,
)
from controller.schema import metadata
from controller.store.relational import Database, connect
from tests.real.postgres import Cluster, private_cluster

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
MACHINES = (
    # code, unit, system, zone, address
    ("web", 1, 1, 1, "10.1.0.1"),
    ("db", 1, 2, 1, "10.1.0.2"),
    ("shared", 2, 3, 1, "10.2.0.1"),
    ("twin", 3, 4, 2, "10.1.0.2"),
)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    with private_cluster() as cluster:
        yield cluster


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """The register; the test runs once with each engine."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'test.db'}"
    else:
        url = request.getfixturevalue("postgres").new_database()
    made = Database(connect(url))
    metadata().create_all(made.engine)
    with made.write() as session:
        furnish(session)
    yield made
    made.close()


def furnish(session: Session) -> None:
    session.add_all([Zone(id=1, code="Z1", name="政务外网区"), Zone(id=2, code="Z2", name="专网")])
    for number, (code, name, kind, parent) in enumerate(
        (
            ("jtj", "市交通局", "department", None),
            ("dsj", "市大数据中心", "department", None),
            ("ljq", "临江区", "county", None),
            ("ljq-jt", "临江区交通局", "county_department", 3),
        ),
        1,
    ):
        session.add(Unit(id=number, code=code, created=SINCE))
        session.flush()
        session.add(
            UnitVersion(unit_id=number, name=name, kind=kind, parent_id=parent, since=SINCE)
        )
        session.add(BusinessSystem(id=number, unit_id=number, name=f"系统{number}"))
    session.flush()
    for number, (code, unit, system, zone, address) in enumerate(MACHINES, 1):
        session.add(Resource(id=number, code=code, name=code, ip=address, created=SINCE))
        session.flush()
        session.add(
            Holding(resource_id=number, since=SINCE, unit_id=unit, system_id=system, zone_id=zone)
        )
    session.flush()
    if session.get_bind().dialect.name == "postgresql":
        # Ids that were given by hand leave the sequence where it was.
        session.execute(text("SELECT setval(pg_get_serial_sequence('unit', 'id'), 100)"))
