"""Rows that a poller sends of devices at a real controller: whose they are, what is set aside."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collectors import catalog, records
from collectors.records import BatchId, Reading
from controller.ingest.tables import Agent
from controller.inventory.tables import Holding, Resource
from controller.network.tables import Device, DevicePoller
from tests.ingest_server import OPS_TOKEN, Identity, IngestServer, now_ms, running_server

OPS = f"Bearer {OPS_TOKEN}"
NAMES = tuple((metric.name, metric.type) for metric in catalog.PORT.metrics)
EVER = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[IngestServer, list[Identity]]]:
    """Agent 0 polled sw-1 until half an hour ago, agent 1 does since; agent 2 polls nothing."""
    with running_server(tmp_path_factory.mktemp("poller"), agents=3) as (started, agents):
        with started.database.write() as session:
            for number, code in ((501, "sw-1"), (502, "sw-2")):
                session.add(Resource(id=number, code=code, name=code, kind="device", created=EVER))
                session.flush()
                session.add(Holding(resource_id=number, since=EVER, unit_id=1))
                session.add(Device(id=number, address=f"10.0.0.{number - 500}"))
            session.flush()
            moved = datetime.now(UTC) - timedelta(minutes=30)
            session.add(DevicePoller(device_id=501, agent_id=agents[0].id, since=EVER, until=moved))
            session.add(DevicePoller(device_id=501, agent_id=agents[1].id, since=moved))
        time.sleep(6)  # the door reads the register every five seconds
        yield started, agents


def rows(code: str, at: int, *ports: str, value: float = 1.0) -> list[Reading]:
    values = {"port_in_bytes_s": value, "port_up_pct": 100.0}
    return [Reading("port", f"port:{port}", at, 60.0, values, code) for port in ports]


def send(server: IngestServer, agent: Identity, seq: int, readings: list[Reading]) -> Any:
    wire = records.encode_samples(BatchId(agent.id, "e1", seq), "port", NAMES, readings)
    return server.send(agent, wire)


def stored(server: IngestServer, where: str) -> list[tuple[int, str, str, float]]:
    found = server.samples.query(
        "SELECT resource, instance, source, port_in_bytes_s AS v FROM port FINAL "
        f"WHERE {where} ORDER BY resource, instance, time, source"
    )
    names = ("resource", "instance", "source", "v")
    return list(zip(*(list(found.get(n, [])) for n in names), strict=True))


def test_rows_become_the_devices_and_foreign_ones_are_set_aside_alone(
    server: tuple[IngestServer, list[Identity]],
) -> None:
    controller, (first, second, _) = server
    at = now_ms() - 120_000
    mixed = [*rows("sw-1", at, "GE1", "GE2"), *rows("sw-2", at, "GE1"), *rows("nobody", at, "x")]
    reply = send(controller, second, 1, mixed)
    assert (reply.status, reply.body["acked"]) == (200, 1)
    assert reply.body["set_aside"] == {"foreign_resource_rows": 2}
    kept = stored(controller, "resource IN (501, 502)")
    assert [(r, i) for r, i, _, _ in kept] == [(501, "port:GE1"), (501, "port:GE2")]
    assert {source for _, _, source, _ in kept} == {f"poller:{second.id[-8:]}"}
    # What the poller before it had spooled of its own time is taken, too, and overwrites nothing;
    # what it says of the time after it is not, however far back the rows are sent from.
    before = rows("sw-1", at - 3_600_000, "GE1", value=9.0)
    reply = send(controller, first, 1, [*before, *rows("sw-1", at, "GE1", value=9.0)])
    assert (reply.status, reply.body["set_aside"]) == (200, {"foreign_resource_rows": 1})
    assert [value for *_, value in stored(controller, "instance = 'port:GE1'")] == [9.0, 1.0]
    reply = send(controller, second, 2, rows("sw-1", at - 3_600_000, "GE1", value=7.0))
    assert reply.body["set_aside"] == {"foreign_resource_rows": 1}


def test_an_agent_that_polls_nothing_is_refused_another_resource(
    server: tuple[IngestServer, list[Identity]],
) -> None:
    controller, (_, _, third) = server
    reply = send(controller, third, 1, rows("sw-1", now_ms() - 60_000, "GE1"))
    assert (reply.status, reply.body["title"]) == (403, "another agent's resource")


def test_an_agent_that_is_no_poller_says_nothing_of_access_points(
    server: tuple[IngestServer, list[Identity]],
) -> None:
    controller, (_, _, third) = server
    reading = Reading("reach", "ap:1", now_ms() - 120_000, 60.0, {"reachable_pct": 100.0}, "")
    names = tuple((metric.name, metric.type) for metric in catalog.REACH.metrics)
    wire = records.encode_samples(BatchId(third.id, "e1", 9), "reach", names, [reading])
    reply = controller.send(third, wire)
    assert (reply.status, reply.body["title"]) == (422, "bad batch")
    assert "role poller" in reply.body["detail"]
    with controller.database.write() as session:
        session.get_one(Agent, third.id).roles = "poller"
    time.sleep(6)
    assert controller.send(third, wire).status == 200
