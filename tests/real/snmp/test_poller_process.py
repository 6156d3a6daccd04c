"""The poller process of an agent with a real snmpd: rows, facts, scans; no secret comes out."""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.log import Log
from agent.poll_link import PollLink
from agent.tasks import Task
from collectors.records import Document, decode
from tests.real.snmp.daemon import Snmpd, free_port, snmpd

COMMUNITY = "canary-91c3"


class Came:
    """What the process sent up."""

    def __init__(self) -> None:
        self.batches: list[dict[str, Any]] = []
        self.documents: list[Document] = []
        self.results: list[dict[str, Any]] = []
        self.log = io.StringIO()
        self.link = PollLink(self._store, self.documents.append, self.results.append,
                             Log("debug", self.log))  # fmt: skip

    def _store(self, table: str, rows: int, from_ms: int, to_ms: int, body: bytes) -> None:
        batch = decode(body)
        assert (batch.table, len(batch.columns["time"])) == (table, rows)
        assert from_ms < to_ms
        self.batches.append({"table": table, **batch.columns})

    def column(self, table: str, name: str) -> list[float]:
        return [v for b in self.batches if b["table"] == table and name in b for v in b[name]]


def until(true: Callable[[], object], seconds: float = 40) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snmpd]:
    with snmpd(tmp_path_factory.mktemp("snmpd"), f"rocommunity {COMMUNITY}") as started:
        yield started


@pytest.fixture
def came() -> Iterator[Came]:
    made = Came()
    yield made
    made.link.stop()


def assigned(port: int, code: str = "sw-1") -> dict[str, Any]:
    return {
        "credentials": {"1": {"version": "v2c", "community": COMMUNITY}},
        "devices": [{"code": code, "address": "127.0.0.1", "port": port,
                     "interval_s": 5, "credential": "1"}],
    }  # fmt: skip


def test_a_device_is_polled_and_its_rows_and_facts_come_up(daemon: Snmpd, came: Came) -> None:
    came.link.take([assigned(daemon.port4)])
    until(lambda: came.column("port", "port_in_bytes_s"))
    facts = next(d for d in came.documents if d.kind == "device_facts")
    poll = facts.body["poll"]
    assert facts.body["device"] == "sw-1"
    assert poll["system"]["sys_object_id"].startswith("1.3.6.1.4.1.8072.3.2.10")
    keys = {port["instance"] for port in poll["ports"]}
    assert "port:lo" in keys
    port = next(b for b in came.batches if b["table"] == "port")
    assert set(port["resource"]) == {"sw-1"}
    assert set(port["instance"]) <= keys
    assert came.column("device", "device_up_pct")[0] == 100.0
    assert 4 < came.column("device", "interval_s")[0] < 8
    until(lambda: came.link.state.get("polls", 0) >= 2)
    assert came.link.state["devices"] == 1


def test_a_device_that_falls_silent_is_told_of_once_and_its_rows_say_so(came: Came) -> None:
    came.link.take([assigned(free_port(socket.AF_INET, "127.0.0.1"), "gone")])
    until(lambda: came.column("device", "device_up_pct"), 60)
    assert set(came.column("device", "device_up_pct")) == {0.0}
    states = [d for d in came.documents if d.kind == "device_state"]
    assert [(s.body["up"], s.body["device"]) for s in states] == [(False, "gone")]
    assert states[0].body["error"]


def test_nothing_assigned_ends_the_process_and_a_killed_one_is_started_again(
    daemon: Snmpd, came: Came
) -> None:
    came.link.take([assigned(daemon.port4)])
    until(lambda: came.documents)
    first = came.link._process
    assert first is not None
    first.kill()
    until(lambda: came.link._process not in (None, first))
    count = len(came.documents)
    until(lambda: len(came.documents) > count)
    came.link.take([])
    until(lambda: came.link._process is None)
    until(lambda: all(thread.name != "poller" for thread in threading.enumerate()))


def test_a_scan_finds_what_answers_and_tells_how_far_it_is(daemon: Snmpd, came: Came) -> None:
    body = {
        "range": "127.0.0.1/32", "network": "", "rate_per_s": 50,
        "until_ms": int(time.time() * 1000) + 60_000, "port": daemon.port4,
        "credentials": {"wrong": {"version": "v2c", "community": "no-such-community"},
                        "right": {"version": "v2c", "community": COMMUNITY}},
    }  # fmt: skip
    came.link.scan(Task(5, "snmp_scan", body, came.results.append))
    until(lambda: any(r["state"] == "done" for r in came.results))
    (found,) = next(r for r in came.results if r["state"] == "done")["result"]["found"]
    assert (found["address"], found["credential"]) == ("127.0.0.1", "right")
    assert found["sys_name"] == "yunxun-test"
    assert COMMUNITY not in str(came.results)


def test_no_secret_is_in_the_log_the_arguments_or_what_is_spooled(
    daemon: Snmpd, came: Came
) -> None:
    came.link.take([assigned(daemon.port4)])
    until(lambda: came.column("device", "device_up_pct"))
    process = came.link._process
    assert process is not None
    shown = Path(f"/proc/{process.pid}/cmdline").read_bytes()
    shown += Path(f"/proc/{process.pid}/environ").read_bytes()
    assert COMMUNITY.encode() not in shown
    told = came.log.getvalue() + str(came.documents) + str(came.batches) + str(came.link.state)
    assert COMMUNITY not in told
