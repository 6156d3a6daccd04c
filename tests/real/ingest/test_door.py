"""The agents' door as it is served: a real api process, a real samples process, real sockets."""

from __future__ import annotations

import base64
import concurrent.futures
import json
import random
import socket
import tempfile
import time
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from collectors import records
from collectors.records import BatchId, Document
from controller.ingest import set_aside
from controller.ingest.acknowledgements import Ledger
from controller.ingest.tables import Agent, AgentEpoch, SetAside
from controller.store.tables import DirtyDay
from tests.ingest_server import (
    OPS_TOKEN,
    Identity,
    IngestServer,
    Reply,
    batch,
    make_agents,
    now_ms,
    reading,
    running_server,
)

OPS = f"Bearer {OPS_TOKEN}"
DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[IngestServer, Iterator[Identity]]]:
    """One server for the module, and agents that no other test has used."""
    with (
        tempfile.TemporaryDirectory(prefix="yunxun-door-") as folder,
        running_server(Path(folder), 60, {"batches_per_minute": 300, "group_commit_ms": 20}) as (
            server,
            agents,
        ),
    ):
        yield server, iter(agents)


@pytest.fixture
def server(served: tuple[IngestServer, Iterator[Identity]]) -> IngestServer:
    return served[0]


@pytest.fixture
def agent(served: tuple[IngestServer, Iterator[Identity]]) -> Identity:
    return next(served[1])


@pytest.fixture
def other(served: tuple[IngestServer, Iterator[Identity]]) -> Identity:
    return next(served[1])


def good(agent: Identity, seq: int = 1, epoch: str = "e1") -> bytes:
    return batch(agent, seq, [reading(now_ms() - 60_000)], epoch)


def wait_for(condition: Any, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.1)


def problem(reply: Reply, status: int, title: str = "") -> str:
    """The detail of a problem document."""
    assert reply.status == status, reply
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.body["status"] == status
    assert not title or reply.body["title"] == title
    return str(reply.body.get("detail", ""))


def test_an_acknowledged_batch_can_be_read_and_a_replay_changes_nothing(
    server: IngestServer, agent: Identity
) -> None:
    wire = good(agent)
    for _ in range(3):
        reply = server.send(agent, wire)
        assert (reply.status, reply.body) == (200, {"acked": 1, "acked_through": 1})
    assert len(server.rows(agent.resource)["ms"]) == 1


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer x",
        "Bearer .",
        "Basic YTpi",
        "Bearer " + "f" * 32 + ".wrong",
        "Bearer é.x",
    ],
)
def test_who_is_not_known_is_401(server: IngestServer, agent: Identity, authorization: str) -> None:
    reply = server.request(
        "POST", "/api/v1/ingest/batches", good(agent), authorization=authorization,
        content_type=records.CONTENT_TYPE,
    )  # fmt: skip
    problem(reply, 401, "not authenticated")
    assert reply.headers["www-authenticate"] == "Bearer"


def test_a_wrong_secret_is_401(server: IngestServer, agent: Identity) -> None:
    problem(server.send(agent._replace(secret="wrong"), good(agent)), 401)


def test_a_revoked_agent_is_refused_and_an_approved_one_let_in_again_within_seconds(
    server: IngestServer, agent: Identity
) -> None:
    """Changed in the database, as another api process would."""

    def set_state(state: str) -> None:
        with server.database.write() as session:
            row = session.get(Agent, agent.id)
            assert row is not None
            row.state = state

    wire = good(agent)
    assert server.send(agent, wire).status == 200
    set_state("revoked")
    wait_for(lambda: server.send(agent, wire).status == 403)
    problem(server.send(agent, wire), 403, "agent revoked")
    set_state("pending")
    wait_for(lambda: server.send(agent, wire).body["title"] == "agent pending")
    told = server.request("GET", "/api/v1/ingest/self", authorization=agent.authorization).body
    assert (told["agent"], told["state"], told["assignments"]) == (agent.id, "pending", [])


def test_an_agent_made_elsewhere_is_known_at_once(server: IngestServer) -> None:
    (made,) = make_agents(server.database, 1, first=900)
    assert server.send(made, good(made)).status == 200


def test_nobody_sends_for_another_agent_or_another_resource(
    server: IngestServer, agent: Identity, other: Identity
) -> None:
    problem(server.send(agent, good(other)), 403, "another agent's batch")
    rows = [reading(now_ms() - 60_000)._replace(resource=other.code)]
    problem(server.send(agent, batch(agent, 1, rows)), 403, "another agent's resource")
    own = [reading(now_ms() - 60_000)._replace(resource=agent.code)]
    assert server.send(agent, batch(agent, 2, own)).status == 200
    assert len(server.rows(other.resource)["ms"]) == 0


POISON = {
    "no bytes": b"",
    "not deflated": b"hello",
    "cut short": zlib.compress(b"x" * 1000)[:-3],
    "no header": zlib.compress(b"x" * 1000),
    "not JSON": zlib.compress(b"{\n"),
    "an array": zlib.compress(b"[]\n"),
    "nested deep": zlib.compress(b"[" * 100_000 + b"\n"),
    "no columns": zlib.compress(b'{"v":1}\n'),
}


@pytest.mark.parametrize("name", sorted(POISON))
def test_poison_is_422_and_the_next_batch_passes(
    server: IngestServer, agent: Identity, name: str
) -> None:
    assert problem(server.send(agent, POISON[name]), 422, "bad batch")
    assert server.send(agent, good(agent)).status == 200


@pytest.mark.parametrize("value", [float("inf"), float("-inf")])
def test_an_infinite_value_is_422_and_nothing_of_the_batch_is_stored(
    server: IngestServer, agent: Identity, value: float
) -> None:
    rows = [reading(now_ms() - 60_000), reading(now_ms() - 120_000, load1=value)]
    assert "infinite" in problem(server.send(agent, batch(agent, 1, rows)), 422)
    assert len(server.rows(agent.resource)["ms"]) == 0
    assert server.send(agent, good(agent, 2)).status == 200


@pytest.mark.parametrize("interval", [0.0, -5.0, float("nan"), float("inf")])
def test_an_interval_that_cannot_be_is_422(
    server: IngestServer, agent: Identity, interval: float
) -> None:
    rows = [reading(now_ms() - 60_000)._replace(interval_s=interval)]
    assert "interval_s" in problem(server.send(agent, batch(agent, 1, rows)), 422)


def test_an_unknown_table_is_422(server: IngestServer, agent: Identity) -> None:
    wire = records.encode_samples(BatchId(agent.id, "e", 1), "nothing", (), [reading(now_ms())])
    assert "nothing" in problem(server.send(agent, wire), 422)


def test_a_bomb_is_413_and_costs_little_memory(server: IngestServer, agent: Identity) -> None:
    bomb = zlib.compress(b"\0" * (200 << 20), 9)
    assert len(bomb) < 250_000
    before = _rss_mb(server)
    with concurrent.futures.ThreadPoolExecutor(10) as threads:
        replies = list(threads.map(lambda _: server.send(agent, bomb), range(20)))
    for reply in replies:
        problem(reply, 413)
    assert _rss_mb(server) - before < 200
    assert server.send(agent, good(agent)).status == 200


def test_a_body_over_the_limit_is_413_announced_or_not(
    server: IngestServer, agent: Identity
) -> None:
    body = random.Random(1).randbytes(records.MAX_WIRE_BYTES + 1)
    problem(server.send(agent, body), 413, "batch too large")
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        head = (
            "POST /api/v1/ingest/batches HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
            f"Authorization: {agent.authorization}\r\nContent-Type: {records.CONTENT_TYPE}\r\n\r\n"
        )
        connection.sendall(head.encode())
        for start in range(0, len(body), 65_536):
            piece = body[start : start + 65_536]
            connection.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        connection.sendall(b"0\r\n\r\n")
        assert b" 413 " in connection.recv(4096).split(b"\r\n", 1)[0]
    assert server.send(agent, good(agent)).status == 200


def test_another_content_type_is_415_and_another_method_405(
    server: IngestServer, agent: Identity
) -> None:
    path, who = "/api/v1/ingest/batches", agent.authorization
    problem(server.request("POST", path, b"{}", authorization=who), 415)
    problem(server.request("GET", path, authorization=who), 405)


def test_too_many_batches_are_429_with_the_time_to_wait(
    server: IngestServer, agent: Identity, other: Identity
) -> None:
    wire = good(agent)
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        replies = list(threads.map(lambda _: server.send(agent, wire), range(340)))
    statuses = [reply.status for reply in replies]
    assert set(statuses) == {200, 429}
    refused = next(reply for reply in replies if reply.status == 429)
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert server.send(other, good(other)).status == 200


def test_a_row_of_the_future_and_an_unknown_column_are_set_aside_and_reported(
    server: IngestServer, agent: Identity
) -> None:
    names = (("load1", "f4"), ("newer_metric", "f4"))
    rows = [
        reading(now_ms() - 60_000, load1=1.0, newer_metric=5.0),
        reading(now_ms() + 11 * 60_000, load1=2.0),
        reading(10_000, load1=3.0),
    ]
    wire = records.encode_samples(BatchId(agent.id, "e1", 1), "host", names, rows)
    reply = server.send(agent, wire)
    assert reply.status == 200
    assert reply.body["set_aside"] == {
        "unknown_columns": ["newer_metric"], "future_rows": 1, "unset_clock_rows": 1,
    }  # fmt: skip
    assert server.rows(agent.resource)["load1"].tolist() == [1.0]

    def reported() -> list[tuple[str, str, int]]:
        path = f"/api/v1/set-aside?agent={agent.id}"
        items = server.request("GET", path, authorization=OPS).body["items"]
        return sorted((item["kind"], item["subject"], item["count"]) for item in items)

    wait_for(lambda: len(reported()) == 3)
    assert reported() == [
        ("future", "", 1), ("unknown_column", "newer_metric", 3), ("unset_clock", "", 1),
    ]  # fmt: skip
    with server.database.read() as session:
        column = session.exec(
            select(SetAside).where(
                SetAside.agent_id == agent.id, SetAside.kind == set_aside.UNKNOWN_COLUMN
            )
        ).one()
    times = [row.time_ms / 1000 for row in rows]
    assert column.from_time == datetime.fromtimestamp(min(times), UTC)
    assert column.to_time == datetime.fromtimestamp(max(times), UTC)


def test_a_late_row_marks_its_day_dirty_and_a_live_one_does_not(
    server: IngestServer, agent: Identity, other: Identity
) -> None:
    assert server.send(agent, batch(agent, 1, [reading(now_ms() - 3 * DAY_MS)])).status == 200
    assert server.send(other, batch(other, 1, [reading(now_ms() - 1_000)])).status == 200
    with server.database.read() as session:
        marked = session.exec(select(DirtyDay.resource_id)).all()
    assert agent.resource in marked
    assert other.resource not in marked


def test_documents_are_taken_in_exactly_once(server: IngestServer, agent: Identity) -> None:
    loss = {"reason": "spool cap", "from_ms": now_ms() - DAY_MS, "to_ms": now_ms(), "rows": 40}
    documents = [
        Document("facts", now_ms(), {"hostname": "h1", "version": "9.9"}),
        Document("loss", now_ms(), loss),
        Document("collector_failed", now_ms(), {"collector": "disk", "error": "EIO"}),
        Document("of-a-newer-agent", now_ms(), {"x": 1}),
    ]
    wire = records.encode_documents(BatchId(agent.id, "e1", 1), documents)
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        replies = list(threads.map(lambda _: server.send(agent, wire), range(8)))
    assert {reply.status for reply in replies} == {200}
    assert replies[0].body == {"acked": 1, "acked_through": 1}
    view = server.request("GET", f"/api/v1/agents/{agent.id}", authorization=OPS).body
    assert (view["losses"], view["version"]) == (40, "9.9")
    path = f"/api/v1/set-aside?agent={agent.id}"
    items = server.request("GET", path, authorization=OPS).body["items"]
    assert {(i["kind"], i["subject"], i["count"]) for i in items} == {
        ("loss", "spool cap", 40),
        ("collector_failed", "disk: EIO", 1),
        ("unknown_document", "of-a-newer-agent", 1),
    }


def test_a_document_that_no_store_can_hold_is_422(server: IngestServer, agent: Identity) -> None:
    for seq, body in enumerate(({"x": float("nan")}, {"x": "a\0b"}, {"x": "y" * 300_000}), 1):
        wire = records.encode_documents(
            BatchId(agent.id, "e1", seq), [Document("facts", now_ms(), body)]
        )
        problem(server.send(agent, wire), 422, "bad document")


def test_a_clone_is_noticed_refused_reported_and_its_rows_are_not_mixed_in(
    server: IngestServer, agent: Identity
) -> None:
    at = now_ms() - 60_000
    assert server.send(agent, batch(agent, 1, [reading(at, load1=1.0)])).status == 200
    copied = batch(agent, 1, [reading(at, load1=2.0)])
    assert "two machines" in problem(server.send(agent, copied), 403, "agent conflict")
    problem(server.send(agent, batch(agent, 2, [reading(at + 1)])), 403, "agent conflict")
    assert server.rows(agent.resource)["load1"].tolist() == [1.0]
    path = f"/api/v1/agents/{agent.id}"
    wait_for(lambda: server.request("GET", path, authorization=OPS).body["state"] == "conflict")
    events = server.request("GET", f"/api/v1/set-aside?agent={agent.id}", authorization=OPS)
    assert [item["kind"] for item in events.body["items"]] == ["clone"]
    assert server.request("POST", f"{path}/approve", authorization=OPS).body["state"] == "active"
    assert server.send(agent, batch(agent, 2, [reading(at + 1)])).status == 200


def test_what_is_seen_of_an_agent_reaches_the_register(
    server: IngestServer, agent: Identity
) -> None:
    assert server.send(agent, good(agent)).status == 200

    def stored() -> bool:
        with server.database.read() as session:
            return bool(
                session.exec(select(AgentEpoch).where(AgentEpoch.agent_id == agent.id)).all()
            )

    wait_for(stored)
    view = server.request("GET", f"/api/v1/agents/{agent.id}", authorization=OPS).body
    assert view["last_seen"]
    assert view["address"] == "127.0.0.1"
    assert -5 < view["lag_s"] < 60


def test_plain_rows_of_people_are_taken_by_resource_and_sent_twice_change_nothing(
    server: IngestServer, agent: Identity
) -> None:
    rows = {"rows": [{"resource": agent.code, "time": time.time() - 3600, "load1": 4.5}]}
    for _ in range(2):
        reply = server.request(
            "POST", "/api/v1/ingest/rows", json.dumps(rows).encode(), authorization=OPS
        )
        assert (reply.status, reply.body["stored"]) == (200, 1)
    found = server.rows(agent.resource)
    assert found["load1"].tolist() == [4.5]
    assert found["source"].tolist() == ["import:rows"]


def test_plain_rows_of_an_agent_go_through_its_own_door(
    server: IngestServer, agent: Identity, other: Identity
) -> None:
    def post(rows: dict[str, Any]) -> Reply:
        body = json.dumps(rows).encode()
        return server.request(
            "POST", "/api/v1/ingest/rows", body, authorization=agent.authorization
        )

    row = {"time": time.time() - 60, "load1": 4.5}
    problem(post({"rows": [row]}), 422, "bad rows")
    reply = post({"epoch": "e1", "seq": 1, "rows": [row]})
    assert (reply.status, reply.body["stored"], reply.body["acked"]) == (200, 1, 1)
    assert server.rows(agent.resource)["source"].tolist() == ["agent"]
    foreign = {"epoch": "e1", "seq": 2, "rows": [{**row, "resource": other.code}]}
    problem(post(foreign), 403, "another agent's resource")


@pytest.mark.parametrize(
    ("row", "where"),
    [
        ({"load1": 1}, "row 1, time"),
        ({"time": "yesterday", "load1": 1}, "row 1, time"),
        ({"time": 1e15, "load1": 1}, "row 1, time"),
        ({"time": 1.7e9, "load1": "much"}, "row 1, load1"),
        ({"time": 1.7e9, "load1": True}, "row 1, load1"),
        ({"time": 1.7e9, "nonsense": 1}, "no such metric: nonsense"),
        ({"time": 1.7e9, "instance": 5}, "row 1, instance"),
        ("row", "row 1: not an object"),
    ],
)
def test_a_bad_plain_row_is_named(server: IngestServer, row: Any, where: str) -> None:
    body = json.dumps({"rows": [row]}).encode()
    reply = server.request("POST", "/api/v1/ingest/rows", body, authorization=OPS)
    assert where in problem(reply, 422)


def test_a_resource_that_the_caller_may_not_write_is_403(server: IngestServer) -> None:
    body = json.dumps({"rows": [{"time": 1.7e9, "resource": "vm-nobody", "load1": 1}]}).encode()
    reply = server.request("POST", "/api/v1/ingest/rows", body, authorization=OPS)
    problem(reply, 403, "unknown resource")


def test_enrolment_over_http_gives_an_identity_that_works(server: IngestServer) -> None:
    made = server.request(
        "POST",
        "/api/v1/agent-tokens",
        b'{"unit": "330100", "auto_approve": true}',
        authorization=OPS,
    )
    assert made.status == 201
    encoded = made.body["token"].removeprefix("yx1.")
    told = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    wanted = {"token": told["t"], "name": "新主机", "machine_id": "m", "facts": {"a": 1}}
    body = json.dumps(wanted).encode()
    reply = server.request("POST", "/api/v1/ingest/enrol", body)
    assert (reply.status, reply.body["state"]) == (200, "active")
    identity = Identity(reply.body["agent"], reply.body["secret"], 0, "")
    assert server.send(identity, good(identity)).status == 200
    again = server.request("POST", "/api/v1/ingest/enrol", body.replace(b'"m"', b'"other"'))
    problem(again, 401, "token refused")
    items = server.request("GET", "/api/v1/agent-tokens", authorization=OPS).body["items"]
    assert told["t"] not in json.dumps(items)
    assert told["t"].startswith(items[0]["prefix"])


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"token": "", "name": "x"}', b'{"token": "t", "name": 5}', b"\xff"],
)
def test_a_bad_enrolment_is_422(server: IngestServer, body: bytes) -> None:
    problem(server.request("POST", "/api/v1/ingest/enrol", body), 422)


def test_random_bytes_and_broken_batches_are_never_500_and_never_stop_the_door(
    server: IngestServer, served: tuple[IngestServer, Iterator[Identity]]
) -> None:
    rng = random.Random(20261123)
    raw = zlib.decompress(good(next(served[1])))
    for _ in range(8):
        agent = next(served[1])
        for _ in range(30):
            changed = bytearray(raw)
            for _ in range(rng.randint(1, 6)):
                changed[rng.randrange(len(changed))] = rng.randrange(256)
            body = rng.choice(
                [
                    zlib.compress(bytes(changed)),
                    rng.randbytes(rng.randint(0, 200)),
                    zlib.compress(rng.randbytes(100) + b"\n"),
                ]
            )
            assert 400 <= server.send(agent, body).status < 500
        assert server.send(agent, good(agent)).status == 200


def test_a_slow_sender_is_cut_off_and_others_are_served(
    server: IngestServer, agent: Identity
) -> None:
    """Headers that never end; the timer of 10 s belongs to the api process."""
    connections = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(50)]
    try:
        for connection in connections:
            connection.sendall(b"POST /api/v1/ingest/batches HTTP/1.1\r\nHost: x\r\n")
        assert server.send(agent, good(agent)).status == 200
        deadline = time.monotonic() + 13
        for connection in connections:
            connection.settimeout(max(0.1, deadline - time.monotonic()))
            assert connection.recv(100) == b""
    finally:
        for connection in connections:
            connection.close()


@given(
    order=st.permutations(range(6)).flatmap(
        lambda first: st.lists(st.integers(0, 5), max_size=6).map(lambda more: [*first, *more])
    )
)
@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_order_of_any_replays_ends_in_the_same_rows(
    served: tuple[IngestServer, Iterator[Identity]], order: list[int]
) -> None:
    """Two spools of one machine, measuring some minutes twice with different results."""
    server, _ = served
    number = 2_000 + next(_numbers)
    (agent,) = make_agents(server.database, 1, first=number)
    start = (now_ms() // 60_000 - 600) * 60_000
    wires = []
    for epoch in ("old", "new"):
        for seq in (1, 2, 3):
            rows = [
                reading(start + minute * 60_000, load1=float(seq * 10 + (epoch == "new")))
                for minute in range(seq)
            ]
            wires.append(batch(agent, seq, rows, epoch))
    # The old spool first: an agent never goes back to it.
    for index in sorted(order, key=lambda i: i // 3):
        assert server.send(agent, wires[index]).status == 200
    found = server.rows(agent.resource)
    winner = max(
        ("old", "new"), key=lambda epoch: Ledger(agent.id, epoch, datetime.now(UTC)).version(3)
    )
    assert found["ms"].tolist() == [start + minute * 60_000 for minute in range(3)]
    assert found["load1"].tolist() == [30.0 + (winner == "new")] * 3


_numbers = iter(range(1_000))


def _rss_mb(server: IngestServer) -> float:
    assert server.api is not None
    for line in Path(f"/proc/{server.api.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmRSS")
