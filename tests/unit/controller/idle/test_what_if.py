"""What recommendations would free, over a city that is not small."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from controller.access.scope import CITY, Scope
from controller.idle.tables import IdleScan, IdleVerdict
from controller.idle.what_if import what_if
from controller.inventory.pools import list_pools
from controller.inventory.register_tables import Pool
from controller.inventory.tables import Holding, Resource, Site, Unit
from controller.schema import metadata
from controller.store.relational import Database, connect

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
SINCE = NOW - timedelta(days=300)
MANY = 10_000


def test_ten_thousand_resources_are_added_up_within_a_second(tmp_path: Path) -> None:
    database = Database(connect(f"sqlite:///{tmp_path / 'city.db'}"))
    metadata().create_all(database.engine)
    _fill(database)
    with database.read() as session:
        began = time.process_time()
        found = what_if(session, CITY, "city", NOW)
        assert time.process_time() - began < 1.0
        # Every second one is idle; a third of those has another owner now, and some free nothing.
        idle = [n for n in range(1, MANY + 1) if n % 2 == 0 and n % 3 and n % 16]
        assert found.total.resources == len(idle)
        assert found.total.vcpu_freed == sum(n % 16 for n in idle)
        assert found.total.vcpu_held == 8 * MANY
        assert [(pool.key, pool.vcpu_freed) for pool in found.pools] == [
            ("pool-1", found.total.vcpu_freed)
        ]
        assert [site.name for site in found.sites] == ["主中心"]
        (pool,) = list_pools(session, CITY, NOW)
        assert (pool.resources, pool.allocated.vcpu) == (MANY, 8 * MANY)
        own = what_if(session, Scope(frozenset({2})), "city", NOW)
        assert own.total.vcpu_held == pytest.approx(8 * MANY / 2)
        assert own.pools == []
    database.close()


def _fill(database: Database) -> None:
    numbers = range(1, MANY + 1)
    with database.write() as session:
        for unit in (1, 2, 3):
            session.add(Unit(id=unit, code=f"u{unit}", created=SINCE))
        session.add(Site(id=1, code="main", name="主中心"))
        session.flush()
        session.add(Pool(id=1, code="pool-1", name="一号池", site_id=1, arch="x86_64"))
        session.execute(
            insert(Resource),
            [
                {"id": n, "code": f"vm-{n}", "name": f"主机{n}", "created": SINCE, "tags": []}
                for n in numbers
            ],
        )
        session.execute(
            insert(Holding),
            [
                {"resource_id": n, "since": SINCE, "unit_id": 1 + n % 2, "vcpu": 8, "site_id": 1}
                for n in numbers
            ],
        )
        session.add(
            IdleScan(
                id=1, policy="city", policy_version=1, as_of=NOW, since=SINCE, at=NOW, by="ops",
                window_days=30, outcome={},
            )
        )  # fmt: skip
        session.flush()
        session.execute(
            insert(IdleVerdict),
            [
                {
                    "scan_id": 1, "resource_id": n, "unit_id": 1 + n % 2 if n % 3 else 3,
                    "cls": "idle" if n % 2 == 0 else "in_use", "reason_zh": "", "reason_en": "",
                    "evidence": {}, "window_days": 30,
                    "recommendation":
                        {"action": "release", "vcpu_freed": n % 16} if n % 2 == 0 else {},
                }
                for n in numbers
            ],
        )  # fmt: skip
