"""The whole way: the controller assigns, a poller measures and receives, the registers know."""

from __future__ import annotations

import io
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlmodel import Session, col, select

from agent.assigned import REACH_NAMES
from agent.downlink import Downlink
from agent.http1 import Client
from agent.log import Log
from agent.traps import TrapService
from collectors import records
from collectors.reach.probe import Round, parse_targets, readings
from collectors.records import BatchId, Document
from controller.access.scope import CITY
from controller.findings.tables import Finding
from controller.ingest.tables import Agent
from controller.inventory.imports import import_register
from controller.inventory.tables import Holding, Resource
from controller.network import credentials, reach_assign
from controller.network.point_import import POINTS
from controller.network.points import list_points
from controller.network.reach_queries import reach_now
from controller.network.tables import Device
from controller.network.traps import list_sources
from controller.runtime import Runtime, utc_now
from tests.ingest_server import Identity, IngestServer, now_ms, running_server

POINTS_FILE = """编码,层级,单位,网络区,地址,TCP端口
there4,市级,330100,公用网络区,127.77.0.1,
there6,市级,330100,公用网络区,::1,
tcp,市级,330100,公用网络区,127.77.0.2,{port}
nowhere,市级,330100,公用网络区,fe80::1,
twice-a,市级,330100,公用网络区,127.77.0.9,
twice-b,市级,330100,某专网,127.77.0.9,
"""
COMMUNITY = "canary-7d02-community"


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[IngestServer, Identity, Runtime]]:
    with running_server(tmp_path_factory.mktemp("poller"), agents=1) as (started, (agent,)):
        with started.database.write() as session:
            row = session.get_one(Agent, agent.id)
            row.roles, row.last_seen = "poller", utc_now()
            session.add(row)
        time.sleep(6)  # the door reads the register every five seconds
        yield started, agent, Runtime(started.settings, started.database, started.samples)


def orders(server: IngestServer, agent: Identity) -> list[dict[str, Any]]:
    """What the agent is to do, fetched as it does."""
    came: list[dict[str, Any]] = []
    side = Downlink(lambda given, _: came.extend(given), lambda: [], eager=True)
    client = Client(f"http://127.0.0.1:{server.port}", None)
    try:
        assert side.ask(client.request, f"{agent.id}.{agent.secret}", 0) == ""
    finally:
        client.close()
    return came


def test_points_are_assigned_measured_and_judged(
    server: tuple[IngestServer, Identity, Runtime],
) -> None:
    started, agent, runtime = server
    with socket.create_server(("127.77.0.2", 0)) as listener:
        text = POINTS_FILE.format(port=listener.getsockname()[1])
        outcome = import_register(
            POINTS, runtime.database, io.BytesIO(text.encode()), "p.csv", dry_run=False,
            skip_bad=False, by="test", now=utc_now(),
        )  # fmt: skip
        assert outcome.errors == []
        assert reach_assign.renew(runtime) == 1
        (body,) = [each["body"] for each in orders(started, agent) if each["kind"] == "reach"]
        targets = parse_targets(body["targets"])
        assert len(targets) == 4  # an address of two zones is asked by neither's stranger
        results = Round(targets, probes=2, spread_s=0.3, timeout_s=0.5).run()
    start = now_ms() // 60_000 * 60_000 - 60_000
    wire = records.encode_samples(
        BatchId(agent.id, "e1", 1), "reach", REACH_NAMES, readings(results, start, 60.0)
    )
    assert started.send(agent, wire).status == 200
    reach = reach_now(runtime, utc_now())
    with runtime.database.read() as session:
        seen = {each.code: each for each in list_points(session, CITY, utc_now(), reach)}
    assert {code: each.reachable for code, each in seen.items()} == {
        "there4": True, "there6": True, "tcp": True, "nowhere": False, "twice-a": None,
        "twice-b": None,
    }  # fmt: skip
    assert seen["tcp"].rtt_ms is not None
    assert (seen["nowhere"].availability_pct, seen["there4"].availability_pct) == (0.0, 100.0)


def add_device(session: Session) -> None:
    session.add(Resource(id=50, code="sw-50", name="交换机", kind="device", created=utc_now()))
    session.flush()
    session.add(Holding(resource_id=50, since=utc_now(), unit_id=1))
    session.add(Device(id=50, address="127.0.0.1"))


def test_a_trap_of_a_registered_device_is_a_finding(
    server: tuple[IngestServer, Identity, Runtime],
) -> None:
    started, agent, runtime = server
    with runtime.database.write() as session:
        add_device(session)
        told = credentials.NewCredential(name="net", kind="v2c", community=SecretStr(COMMUNITY))
        sealer = credentials.sealer_of(runtime.settings)
        credentials.keep(session, sealer, told, "ops", utc_now(), replace=False)
    assert reach_assign.renew(runtime) == 1  # a credential is news for who receives traps
    bodies = [each["body"] for each in orders(started, agent) if each["kind"] == "traps"]
    assert bodies == [{"communities": [COMMUNITY], "users": []}]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    came: list[Document] = []
    service = TrapService(f"127.0.0.1:{port}", came.append, Log("error"))
    service.take(bodies)
    try:
        deadline = time.monotonic() + 30
        while not any(document.body["traps"] for document in came):
            assert time.monotonic() < deadline, "no trap came"
            subprocess.run(
                ["snmptrap", "-v2c", "-c", COMMUNITY, f"127.0.0.1:{port}", "",
                 "1.3.6.1.6.3.1.1.5.3", "1.3.6.1.2.1.2.2.1.1.7", "i", "7"],
                check=True, capture_output=True, timeout=20,
            )  # fmt: skip
            time.sleep(0.5)
    finally:
        service.stop()
    assert COMMUNITY not in repr(came)
    wire = records.encode_documents(BatchId(agent.id, "e1", 2), came)
    assert started.send(agent, wire).status == 200
    with runtime.database.read() as session:
        finding = session.execute(select(Finding)).scalar_one()
        assert (finding.code, finding.subject_key) == ("port.down", "sw-50 ifIndex 7")
        sources = list_sources(session, CITY, utc_now())
        assert [(each.address, each.device) for each in sources] == [("127.0.0.1", "sw-50")]
        assert session.execute(select(col(Finding.unit_id))).scalar_one() == 1


def test_no_secret_lies_open_in_the_folder(
    server: tuple[IngestServer, Identity, Runtime],
) -> None:
    started, _, _ = server
    for path in Path(started.settings.data).rglob("*"):
        if path.is_file():
            assert COMMUNITY.encode() not in path.read_bytes(), path
