"""A real controller for the ingest tests and the bench: samples process, api process, agents.

No supervisor: each process can be killed and started on its own.
"""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from collectors import catalog, records
from controller.access.secrets import hash_secret
from controller.access.tables import ApiToken
from controller.folder import write_settings
from controller.ingest.tables import Agent
from controller.inventory.tables import Holding, Resource, Unit, UnitVersion
from controller.schema import metadata
from controller.settings import IngestSettings, Settings
from controller.store import ddl, groups
from controller.store.relational import Database, connect
from controller.store.samples import Samples
from tests.samples_process import SamplesProcess

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 30.0
EVER = datetime(2000, 1, 1, tzinfo=UTC)
OPS_TOKEN = "yxt_" + "o" * 40
NAMES = tuple((metric.name, metric.type) for metric in catalog.HOST.metrics)


class Identity(NamedTuple):
    """An agent that may send, and the resource it measures."""

    id: str
    secret: str
    resource: int
    code: str

    @property
    def authorization(self) -> str:
        return f"Bearer {self.id}.{self.secret}"


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: Any


class IngestServer:
    """Folder, database, samples process and api process; started by ``running_server``."""

    def __init__(self, folder: Path, ingest: dict[str, Any] | None = None) -> None:
        options: dict[str, Any] = {"min_free_mb": 1, **(ingest or {})}
        self.settings = Settings(
            data=folder, ingest=IngestSettings(**options), public_url="http://127.0.0.1"
        )
        self.engine = SamplesProcess(folder)
        self.engine.settings = self.settings
        self.database = Database(connect(self.settings.relational_url))
        self.samples = Samples.from_settings(self.settings)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
        self.listener.set_inheritable(True)
        self.port: int = self.listener.getsockname()[1]
        self.api: subprocess.Popen[bytes] | None = None
        self._ready: dict[int, int] = {}

    def start(self) -> None:
        metadata().create_all(self.database.engine)
        (self.settings.data / "run").mkdir(exist_ok=True)
        self.config = write_settings(self.settings)
        self.engine.start()
        ddl.ensure(self.samples, self.settings, groups.create_statements(self.settings))
        self.start_api()

    def start_api(self) -> None:
        self.api = self.new_api()
        self.wait_api(self.api)

    def new_api(self) -> subprocess.Popen[bytes]:
        """One more api process. The listening socket stays open between them, as the supervisor
        keeps it."""
        # The api writes to it once it listens.
        read, write = os.pipe()
        api = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "controller.api_process",
                "--config",
                str(self.config),
                "--fd",
                str(self.listener.fileno()),
                "--ready",
                str(write),
            ],
            pass_fds=(self.listener.fileno(), write),
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        os.close(write)
        self._ready[api.pid] = read
        return api

    def wait_api(self, api: subprocess.Popen[bytes]) -> None:
        """Until this process takes requests."""
        descriptor = self._ready.pop(api.pid)
        try:
            ready, _, _ = select.select([descriptor], [], [], START_SECONDS)
            assert ready, "the api did not start"
            assert os.read(descriptor, 1), f"the api ended: {api.poll()}"
        finally:
            os.close(descriptor)

    def kill_api(self) -> None:
        assert self.api is not None
        self.api.kill()
        self.api.wait(10)

    def stop(self) -> None:
        if self.api is not None and self.api.poll() is None:
            self.api.terminate()
            self.api.wait(20)
        for descriptor in self._ready.values():
            os.close(descriptor)
        self.listener.close()
        self.samples.close()
        self.engine.stop()
        self.database.close()

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        authorization: str = "",
        content_type: str = "application/json",
        timeout: float = 60,
    ) -> Reply:
        """One request; an error status is a reply like any other."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", data=body, method=method
        )
        request.add_header("Content-Type", content_type)
        if authorization:
            request.add_header("Authorization", authorization)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                status, headers, text = answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            with error:
                status, headers, text = error.code, dict(error.headers), error.read()
        lowered = {name.lower(): value for name, value in headers.items()}
        try:
            return Reply(status, lowered, json.loads(text))
        except ValueError:
            return Reply(status, lowered, text)

    def send(self, agent: Identity, wire: bytes, **options: Any) -> Reply:
        """Posts one batch."""
        return self.request(
            "POST",
            "/api/v1/ingest/batches",
            wire,
            authorization=agent.authorization,
            content_type=records.CONTENT_TYPE,
            **options,
        )

    def rows(self, resource: int | None = None) -> dict[str, np.ndarray]:
        """What queries see of raw rows: time in ms, version, load1."""
        where = "" if resource is None else f"WHERE resource = {resource}"
        return self.samples.query(
            "SELECT resource, instance, source, toUnixTimestamp64Milli(time) AS ms, version, load1 "
            f"FROM host FINAL {where} ORDER BY resource, instance, source, time"
        )


def make_agents(
    database: Database, count: int, *, state: str = "active", first: int = 0
) -> list[Identity]:
    """Agents with a resource each, of one unit; far faster than by enrolment."""
    made: list[Identity] = []
    now = datetime.now(UTC)
    with database.write() as session:
        unit = session.get(Unit, 1)
        if unit is None:
            unit = Unit(id=1, code="330100", created=EVER)
            session.add(unit)
            session.add(UnitVersion(unit_id=1, name="测试市", since=EVER))
            session.add(
                ApiToken(
                    prefix="yxt_oooo",
                    token_hash=hash_secret(OPS_TOKEN),
                    name="test",
                    role="ops",
                    created=now,
                )
            )
            session.flush()
        for number in range(first, first + count):
            code = f"vm-{number:05d}"
            resource = Resource(id=number + 1, code=code, name=code, created=EVER)
            session.add(resource)
            identity = Identity(f"{number:032x}", f"secret-{number}", number + 1, code)
            made.append(identity)
        session.flush()
        for identity in made:
            session.add(Holding(resource_id=identity.resource, since=EVER, unit_id=1, vcpu=4))
            session.add(
                Agent(
                    id=identity.id,
                    name=identity.code,
                    secret_hash=hash_secret(identity.secret),
                    state=state,
                    unit_id=1,
                    resource_id=identity.resource,
                    enrolled=now,
                )
            )
    return made


def reading(time_ms: int, **values: float) -> records.Reading:
    return records.Reading("host", "", time_ms, 60.0, values or {"load1": 1.0})


def batch(agent: Identity, seq: int, readings: list[records.Reading], epoch: str = "e1") -> bytes:
    """A wire batch of host rows."""
    return records.encode_samples(records.BatchId(agent.id, epoch, seq), "host", NAMES, readings)


def now_ms() -> int:
    return int(time.time() * 1000)


@contextmanager
def running_server(
    folder: Path, agents: int = 3, ingest: dict[str, Any] | None = None
) -> Iterator[tuple[IngestServer, list[Identity]]]:
    """A started server and agents that may send."""
    server = IngestServer(folder, ingest)
    try:
        metadata().create_all(server.database.engine)
        identities = make_agents(server.database, agents)
        server.start()
        yield server, identities
    finally:
        server.stop()
