"""Points to pollers: by zone, evenly, and moved when one falls silent; rows read back as reach."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import col, select

from controller.ingest.tables import Agent
from controller.inventory.tables import Holding, Resource, Zone
from controller.network import reach_assign
from controller.network.line_tables import AccessPoint
from controller.network.reach_assign import Point, Poller, spread
from controller.runtime import Runtime
from controller.settings import Settings
from controller.store.relational import Database
from controller.store.samples import Samples

from .conftest import NOW

PUBLIC, INTERNET = 1, 2


def test_points_are_spread_evenly_and_only_a_dead_pollers_points_move() -> None:
    points = [Point(n, PUBLIC, f"10.0.{n // 250}.{n % 250}", 0) for n in range(1, 1_001)]
    pollers = [Poller(name, PUBLIC) for name in ("a", "b", "c", "d")]
    before = spread(points, pollers)
    assert all(200 < len(mine) < 300 for mine in before.values())
    after = spread(points, pollers[:3])
    for name in ("a", "b", "c"):
        assert set(before[name]) <= set(after[name])
    assert sum(map(len, after.values())) == 1_000


def test_an_address_of_two_zones_is_measured_in_each_by_its_own_poller_only() -> None:
    here, there = Point(1, PUBLIC, "10.2.1.1", 0), Point(2, INTERNET, "10.2.1.1", 443)
    alone = Point(3, INTERNET, "10.9.9.9", 0)
    nowhere = Point(4, None, "10.8.8.8", 0)
    found = spread([here, there, alone, nowhere], [Poller("p", PUBLIC), Poller("any", None)])
    assert here in found["p"]
    assert there not in found["p"] + found["any"]  # the answer could be the other's
    assert alone in found["any"]
    assert nowhere in found["p"] + found["any"]
    assert spread([here], []) == {}


@pytest.fixture
def runtime(town: Database, tmp_path: Path) -> Runtime:
    settings = Settings(data=tmp_path)
    samples = Samples.from_settings(Settings(data=tmp_path, samples={"url": "http://127.0.0.1:1"}))
    return Runtime(settings, town, samples, now=lambda: NOW)


def add_poller(database: Database, name: str, zone: str, *, seen_s: float = 10) -> None:
    with database.write() as session:
        zone_id = session.execute(select(Zone).where(col(Zone.name) == zone)).scalar_one().id
        resource = Resource(code=f"host-{name}", name=name, created=NOW)
        session.add(resource)
        session.flush()
        session.add(Holding(resource_id=resource.id, since=NOW, unit_id=1, zone_id=zone_id))
        session.add(
            Agent(
                id=name, name=name, secret_hash=name.encode().hex().ljust(64, "0"), state="active",
                unit_id=1, resource_id=resource.id, enrolled=NOW, roles="poller",
                last_seen=NOW - timedelta(seconds=seen_s),
            )
        )  # fmt: skip


def test_a_poller_is_given_connected_points_of_its_zone_and_told_when_they_change(
    runtime: Runtime,
) -> None:
    database = runtime.database
    add_poller(database, "p1", "公用网络区")
    assert reach_assign.renew(runtime) == 1
    assert reach_assign.renew(runtime) == 0  # nothing new: nobody is told
    with database.read() as session:
        agent = session.get_one(Agent, "p1")
        version = agent.assigned
        (body,) = reach_assign.give(runtime, session, agent, NOW)
        ids = {p.code: f"ap:{p.id}" for p in session.execute(select(AccessPoint)).scalars()}
    assert sorted(body["targets"]) == sorted(
        [
            [ids["ap-czj"], "10.1.1.1", 0],
            [ids["ap-ljq"], "10.2.1.1", 0],
            [ids["ap-lz"], "fd00::1", 0],
        ]
    )
    add_poller(database, "p2", "公用网络区", seen_s=3_600)  # silent: given nothing
    assert reach_assign.renew(runtime) == 0
    with database.write() as session:
        session.get_one(Agent, "p2").last_seen = NOW
        session.get_one(Agent, "p1").last_seen = NOW - timedelta(seconds=121)
    assert reach_assign.renew(runtime) == 1
    with database.read() as session:
        moved = session.get_one(Agent, "p2")
        assert moved.assigned
        assert session.get_one(Agent, "p1").assigned != version  # told to give up what it had
        assert len(reach_assign.give(runtime, session, moved, NOW)[0]["targets"]) == 3
