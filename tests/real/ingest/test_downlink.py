"""The downlink at a real controller: what an agent is given, and what comes back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, col, select

from agent.downlink import Downlink as AgentSide
from agent.http1 import Client
from agent.tasks import Tasks
from collectors import records
from collectors.records import BatchId, Document
from controller.access.scope import CITY, Scope
from controller.ingest import documents, downlink, set_aside, tasks
from controller.ingest.documents import Delivery, DocumentKind, kinds_of
from controller.ingest.downlink import AssignmentKind, Downlink
from controller.ingest.tables import Agent, AgentTask, SetAside
from controller.ingest.tasks import TaskKind, result_kind
from controller.problems import Problem
from controller.runtime import Runtime, utc_now
from controller.schema import metadata
from controller.settings import Settings
from controller.store.relational import Database, connect
from controller.store.samples import Samples
from tests.ingest_server import (
    OPS_TOKEN,
    Identity,
    IngestServer,
    batch,
    make_agents,
    now_ms,
    reading,
    running_server,
)

OPS = f"Bearer {OPS_TOKEN}"
CANARY = "canary-4f1c"


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    settings = Settings(data=tmp_path)
    database = Database(connect(settings.relational_url))
    metadata().create_all(database.engine)
    samples = Samples.from_settings(Settings(data=tmp_path, samples={"url": "http://127.0.0.1:1"}))
    yield Runtime(settings, database, samples)
    database.close()


def gear(runtime: Runtime, session: Session, agent: Agent, now: Any) -> list[dict[str, Any]]:
    return [{"address": "10.1.0.1", "community": CANARY}]


def fill(
    runtime: Runtime, session: Session, agent: Agent, body: dict[str, Any], now: Any
) -> dict[str, Any]:
    return {**body, "community": CANARY}


SCAN = TaskKind("scan", role="poller", fill=fill)
DOWN = Downlink((AssignmentKind("snmp", gear, role="poller"),), (SCAN,))


def change(runtime: Runtime, agent: str, **values: Any) -> None:
    with runtime.database.write() as session:
        row = session.get(Agent, agent)
        assert row is not None
        for name, value in values.items():
            setattr(row, name, value)
        session.add(row)


@pytest.mark.parametrize("state", ["pending", "revoked", "conflict"])
def test_an_agent_that_is_not_approved_is_given_nothing(runtime: Runtime, state: str) -> None:
    (agent,) = make_agents(runtime.database, 1)
    change(runtime, agent.id, roles="poller", state=state)
    orders = downlink.orders_of(runtime, DOWN, agent.id, frozenset(), utc_now())
    assert (orders.assignments, orders.tasks) == ([], [])


def test_only_a_poller_is_given_what_needs_one(runtime: Runtime) -> None:
    (agent,) = make_agents(runtime.database, 1)
    assert downlink.orders_of(runtime, DOWN, agent.id, frozenset(), utc_now()).assignments == []
    change(runtime, agent.id, roles="poller")
    (given,) = downlink.orders_of(runtime, DOWN, agent.id, frozenset(), utc_now()).assignments
    assert given == {"kind": "snmp", "body": {"address": "10.1.0.1", "community": CANARY}}


def test_a_secret_of_a_task_is_filled_in_when_it_is_handed_over_and_not_stored(
    runtime: Runtime,
) -> None:
    (agent,) = make_agents(runtime.database, 1)
    change(runtime, agent.id, roles="poller")
    with runtime.database.write() as session:
        row = session.get(Agent, agent.id)
        assert row is not None
        tasks.create_task(session, row, SCAN, {"range": "10.1.0.0/30"}, "ops", utc_now())
    (given,) = downlink.orders_of(runtime, DOWN, agent.id, frozenset(), utc_now()).tasks
    assert given["body"] == {"range": "10.1.0.0/30", "community": CANARY}
    with runtime.database.read() as session:
        (task,) = tasks.list_tasks(session, CITY)
    assert (CANARY in task.model_dump_json(), task.state) == (False, "waiting")
    assert CANARY.encode() not in Path(runtime.settings.data / "yunxun.db").read_bytes()


def test_a_task_is_handed_over_three_times_and_then_given_up(runtime: Runtime) -> None:
    (agent,) = make_agents(runtime.database, 1)
    change(runtime, agent.id, roles="poller")
    with runtime.database.write() as session:
        row = session.get(Agent, agent.id)
        assert row is not None
        number = tasks.create_task(session, row, SCAN, {}, "ops", utc_now()).id or 0
    held = downlink.orders_of(runtime, DOWN, agent.id, frozenset({number}), utc_now())
    assert held.tasks == []
    given = [
        len(downlink.orders_of(runtime, DOWN, agent.id, frozenset(), utc_now()).tasks)
        for _ in range(4)
    ]
    assert given == [1, 1, 1, 0]
    with runtime.database.read() as session:
        assert tasks.get_task(session, CITY, number).state == "failed"


def test_tasks_that_are_late_expire_and_old_ones_are_forgotten(runtime: Runtime) -> None:
    (agent,) = make_agents(runtime.database, 1)
    change(runtime, agent.id, roles="poller")
    now = utc_now()
    with runtime.database.write() as session:
        row = session.get(Agent, agent.id)
        assert row is not None
        tasks.create_task(session, row, SCAN, {}, "ops", now, hours=1)
    with runtime.database.write() as session:
        assert tasks.expire(session, now + timedelta(hours=2)) == 1
    assert downlink.orders_of(runtime, DOWN, agent.id, frozenset(), now).tasks == []
    with runtime.database.write() as session:
        tasks.expire(session, now + timedelta(days=200))
        assert session.exec(select(AgentTask)).all() == []


def test_an_agent_with_too_much_to_do_is_given_no_more(runtime: Runtime) -> None:
    (agent,) = make_agents(runtime.database, 1)
    change(runtime, agent.id, roles="poller")
    with runtime.database.write() as session:
        row = session.get(Agent, agent.id)
        assert row is not None
        for _ in range(tasks.MOST_OPEN):
            tasks.create_task(session, row, SCAN, {}, "ops", utc_now())
        with pytest.raises(Problem, match="has 100 tasks"):
            tasks.create_task(session, row, SCAN, {}, "ops", utc_now())


# ---- documents of other capabilities


def deliver(database: Database, agent: Identity, kinds: Any, *given: Document) -> None:
    with database.write() as session:
        delivery = Delivery(BatchId(agent.id, "e1", 1), "d", list(given), utc_now())
        documents.deliver(session, [delivery], set_aside.Subjects(), utc_now(), kinds)


def test_a_handler_that_fails_loses_only_its_own_document(runtime: Runtime) -> None:
    (agent,) = make_agents(runtime.database, 1)
    taken: list[Any] = []

    def take(session: Session, row: Agent, document: Document, now: Any) -> None:
        row.version = f"half done {document.body['n']}"
        session.add(row)
        session.flush()
        if document.body["n"] == 2:
            raise ValueError("edge without an end")
        if document.body["n"] == 3:
            raise RuntimeError("a bug")
        taken.append(document.body["n"])

    kinds = kinds_of((DocumentKind("edges", take),))
    given = [Document("edges", now_ms(), {"n": n}) for n in (1, 2, 3, 4)]
    deliver(runtime.database, agent, kinds, *given, Document("other", now_ms(), {}))
    assert taken == [1, 4]
    with runtime.database.read() as session:
        aside = session.exec(select(SetAside.kind, SetAside.subject)).all()
        version = session.exec(select(Agent.version)).one()
    assert version == "half done 4"
    assert set(aside) == {
        ("bad_document", "edges: edge without an end"),
        ("bad_document", "edges: RuntimeError"),
        ("unknown_document", "other"),
    }


def test_a_kind_may_be_larger_than_others_within_its_own_bound() -> None:
    kinds = kinds_of((DocumentKind("bundle", lambda *_: None, 1 << 20),))
    large = Document("bundle", 0, {"x": "y" * 500_000})
    documents.check_documents([large], kinds)
    with pytest.raises(Problem, match="over"):
        documents.check_documents([large])
    with pytest.raises(Problem, match="over 1048576"):
        documents.check_documents([Document("bundle", 0, {"x": "y" * (1 << 20)})], kinds)


def test_a_kind_cannot_take_the_name_of_another() -> None:
    kind = DocumentKind("bundle", lambda *_: None)
    for wrong in ((kind, kind), (DocumentKind("facts", lambda *_: None),)):
        with pytest.raises(ValueError, match="one name"):
            kinds_of(wrong)


def test_a_result_is_booked_for_the_agents_own_task_only(runtime: Runtime) -> None:
    one, two = make_agents(runtime.database, 2)
    ended: list[str] = []
    kind = TaskKind("scan", finished=lambda session, task, now: ended.append(task.state))
    kinds = kinds_of((result_kind((kind,)),))
    with runtime.database.write() as session:
        row = session.get(Agent, one.id)
        assert row is not None
        number = tasks.create_task(session, row, kind, {}, "ops", utc_now()).id
    good = {"task": number, "state": "done", "result": {"found": 3}}
    deliver(runtime.database, two, kinds, Document("task_result", now_ms(), good))
    with runtime.database.read() as session:
        (task,) = tasks.list_tasks(session, CITY)
        assert (task.state, ended) == ("waiting", [])
    running = {"task": number, "state": "running", "done": 1, "total": 4}
    deliver(runtime.database, one, kinds, Document("task_result", now_ms(), running),
            Document("task_result", now_ms(), good))  # fmt: skip
    with runtime.database.read() as session:
        (task,) = tasks.list_tasks(session, CITY)
    assert (task.state, task.result, ended) == ("done", {"found": 3}, ["done"])


# ---- over HTTP, with the agent's own code


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[IngestServer, Identity]]:
    with running_server(tmp_path_factory.mktemp("downlink"), agents=1) as (started, agents):
        yield started, agents[0]


def test_a_task_reaches_the_agent_with_its_next_batch_and_comes_back_done(
    server: tuple[IngestServer, Identity],
) -> None:
    controller, agent = server
    first = controller.send(agent, batch(agent, 1, [reading(now_ms() - 60_000)]))
    assert "assigned" not in first.body
    path = f"/api/v1/agents/{agent.id}/tasks"
    made = controller.request("POST", path, b'{"kind": "facts"}', authorization=OPS)
    assert made.status == 201
    number = made.body["id"]
    came: list[dict[str, Any]] = []
    held = Tasks({"facts": lambda _: {"facts": "sent"}}, came.append)
    side = AgentSide(lambda _, given: held.take(given), held.held)
    for seq in range(2, 30):
        answer = controller.send(agent, batch(agent, seq, [reading(now_ms() + seq)]))
        side.told(answer.body.get("assigned"))
        if side.wait_s(0) == 0:
            break
        time.sleep(0.5)
    client = Client(f"http://127.0.0.1:{controller.port}", None)
    assert side.ask(client.request, f"{agent.id}.{agent.secret}", 0) == ""
    while not came:
        pass
    wire = records.encode_documents(
        BatchId(agent.id, "e1", 40), [Document("task_result", now_ms(), came[0])]
    )
    assert controller.send(agent, wire).status == 200
    task = controller.request("GET", f"/api/v1/agent-tasks/{number}", authorization=OPS).body
    assert (task["state"], task["result"]) == ("done", {"facts": "sent"})
    asked = client.request(
        "GET", "/api/v1/ingest/self",
        {"Authorization": agent.authorization, "If-None-Match": f'"{side._version}"'},
    )  # fmt: skip
    client.close()
    assert asked.status == 304


def test_an_unknown_kind_of_task_is_not_made(server: tuple[IngestServer, Identity]) -> None:
    controller, agent = server
    path = f"/api/v1/agents/{agent.id}/tasks"
    reply = controller.request("POST", path, b'{"kind": "shell"}', authorization=OPS)
    assert (reply.status, reply.body["title"]) == (422, "bad task")
    with controller.database.read() as session:
        kinds = session.exec(select(col(AgentTask.kind))).all()
    assert "shell" not in kinds


def test_a_units_reader_sees_that_a_task_is_and_not_what_it_is_about(runtime: Runtime) -> None:
    (agent,) = make_agents(runtime.database, 1)
    change(runtime, agent.id, roles="poller")
    with runtime.database.write() as session:
        row = session.get(Agent, agent.id)
        assert row is not None
        task = tasks.create_task(session, row, SCAN, {"site": "another's"}, "ops", utc_now())
        task.result = {"site": "another's"}
        session.add(task)
    with runtime.database.read() as session:
        (own,) = tasks.list_tasks(session, Scope(frozenset({1})))
        (whole,) = tasks.list_tasks(session, CITY)
    assert (own.kind, own.state, own.body, own.result) == ("scan", "waiting", {}, None)
    assert whole.body == {"site": "another's"}
