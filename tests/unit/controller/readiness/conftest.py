"""A database with two units, each with a system, and no server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlmodel import Session

from controller.access.scope import CITY
from controller.inventory.register_tables import SystemRecord
from controller.inventory.tables import BusinessSystem, Unit, UnitVersion
from controller.readiness import projects
from controller.readiness.projects import Wanted, WantedHost
from controller.readiness.tables import ReadinessHost, ReadinessProject
from controller.settings import ReadinessSettings, Settings
from controller.store.migrate import upgrade
from controller.store.relational import Database, connect

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


@dataclass
class Desk:
    """A database, settings, and a project of kind ipv6 with hosts a and b."""

    database: Database
    settings: Settings
    project_id: int

    def project(self, session: Session) -> ReadinessProject:
        return session.get_one(ReadinessProject, self.project_id)

    def host(self, session: Session, name: str) -> ReadinessHost:
        return projects.find_host(session, self.project_id, name)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    database = Database(connect(f"sqlite:///{tmp_path / 'x.db'}"))
    upgrade(database.engine)
    with database.write() as session:
        for number, code in ((1, "A"), (2, "B")):
            session.add(Unit(id=number, code=code, created=NOW.replace(year=2025)))
            session.flush()
            since = NOW.replace(year=2025)
            session.add(UnitVersion(unit_id=number, name=f"单位{code}", since=since))
            session.add(BusinessSystem(id=number, unit_id=number, name=f"系统{code}"))
            session.flush()
            session.add(
                SystemRecord(
                    system_id=number, on_cloud=code == "A", should_be_on_cloud=True, updated=NOW
                )
            )
        project = projects.create(
            session, CITY, Wanted(name="首批", kind="xinchuang", units=["A"]), "wang", NOW
        )
        wanted = [WantedHost(name="a", address="10.0.0.1", system="系统A"), WantedHost(name="b")]
        projects.set_hosts(session, CITY, project, wanted, NOW)
    yield Desk(
        database,
        Settings(data=tmp_path, readiness=ReadinessSettings(bundles_mb=16)),
        project.id or 0,
    )
    database.close()
