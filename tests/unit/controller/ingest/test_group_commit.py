"""Batches that come together go in together; each is answered for itself, after it is durable."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from collectors import catalog, records
from collectors.records import BatchId, Reading
from controller.ingest import group_commit
from controller.ingest.block import Part
from controller.ingest.decode import Opener
from controller.ingest.group_commit import GroupCommit
from controller.problems import Problem
from controller.schema import metadata
from controller.store.relational import Database, connect
from controller.store.samples import SamplesError, SamplesFull, SamplesUnavailable
from controller.store.tables import DirtyDay

NAMES = tuple((metric.name, metric.type) for metric in catalog.HOST.metrics)
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)


class Store:
    """An engine that keeps blocks in a list and fails when told to."""

    def __init__(self) -> None:
        self.blocks: list[tuple[str, dict[str, Any]]] = []
        self.failure: Callable[[dict[str, Any]], Exception | None] = lambda _: None
        self.gate: threading.Event | None = None
        self.before: Callable[[], None] = lambda: None

    def insert(self, table: str, columns: dict[str, Any]) -> None:
        if self.gate is not None:
            self.gate.wait(10)
        self.before()
        failure = self.failure(columns)
        if failure is not None:
            raise failure
        self.blocks.append((table, columns))


@pytest.fixture
def database(tmp_path: Path) -> Database:
    engine = connect(f"sqlite:///{tmp_path / 'test.db'}")
    metadata().create_all(engine)
    return Database(engine)


def part(resource: int, time_ms: int = NOW_MS - 60_000, **values: float) -> Part:
    rows = [Reading("host", "", time_ms, 60.0, values or {"load1": 1.0})]
    opened = Opener().open(records.encode_samples(BatchId("a", "e", 1), "host", NAMES, rows))
    return Part(opened.layout, 1, opened.payload, resource, "agent", 1)


def run(
    store: Store, database: Database, work: Callable[[GroupCommit], Coroutine[Any, Any, Any]]
) -> Any:
    async def whole() -> Any:
        commits = GroupCommit(store, database, lambda: NOW, wait_ms=50, future_minutes=10)
        try:
            return await work(commits)
        finally:
            await commits.close()
            database.close()

    return asyncio.run(whole())


async def put_all(commits: GroupCommit, parts: list[Part]) -> list[Any]:
    return await asyncio.gather(*(commits.put("host", p) for p in parts), return_exceptions=True)


def test_batches_that_come_together_are_one_block(database: Database) -> None:
    store = Store()
    answers = run(store, database, lambda c: put_all(c, [part(n) for n in range(1, 101)]))
    assert all(answer.newest_ms == NOW_MS for answer in answers)
    assert len(store.blocks) == 1
    assert sorted(store.blocks[0][1]["resource"].tolist()) == list(range(1, 101))


def test_a_batch_waits_no_longer_than_the_window(database: Database) -> None:
    async def work(commits: GroupCommit) -> float:
        began = time.monotonic()
        await commits.put("host", part(1))
        return time.monotonic() - began

    assert 0.04 < run(Store(), database, work) < 0.5


def test_nothing_is_answered_before_the_store_has_it(database: Database) -> None:
    store = Store()
    store.gate = threading.Event()

    async def work(commits: GroupCommit) -> tuple[bool, int]:
        task = asyncio.create_task(commits.put("host", part(1)))
        await asyncio.sleep(0.2)
        early = task.done()
        assert store.gate is not None
        store.gate.set()
        await task
        return early, len(store.blocks)

    assert run(store, database, work) == (False, 1)


@pytest.mark.parametrize(
    ("failure", "status"), [(SamplesUnavailable("gone"), 503), (SamplesFull("full"), 507)]
)
def test_a_store_that_fails_is_told_to_every_batch(
    database: Database, failure: Exception, status: int
) -> None:
    store = Store()
    store.failure = lambda _: failure
    answers = run(store, database, lambda c: put_all(c, [part(n) for n in (1, 2, 3)]))
    assert [answer.status for answer in answers] == [status] * 3
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers)


def test_a_batch_that_the_store_refuses_holds_up_no_other(database: Database) -> None:
    store = Store()
    store.failure = lambda columns: SamplesError("no") if 7 in columns["resource"] else None
    answers = run(store, database, lambda c: put_all(c, [part(n) for n in range(1, 20)]))
    failed = [n for n, answer in enumerate(answers, start=1) if isinstance(answer, Problem)]
    assert failed == [7]
    assert sum(len(columns["resource"]) for _, columns in store.blocks) == 18


def test_a_poisoned_batch_is_refused_and_its_neighbours_are_stored(database: Database) -> None:
    store = Store()
    parts = [part(1), part(2, load1=float("inf")), part(3)]
    answers = run(store, database, lambda c: put_all(c, parts))
    assert [getattr(answer, "status", 200) for answer in answers] == [200, 422, 200]


def test_late_days_are_marked_durably_before_the_rows_go_in(database: Database) -> None:
    store = Store()
    seen: list[int] = []

    def look() -> None:
        with database.read() as session:
            seen.append(len(session.exec(select(DirtyDay)).all()))

    store.before = look
    run(store, database, lambda c: put_all(c, [part(1), part(2, NOW_MS - 86_400_000)]))
    assert seen == [1]


def test_rows_that_are_live_mark_nothing(database: Database) -> None:
    store = Store()
    counted: list[int] = []

    async def work(commits: GroupCommit) -> None:
        await put_all(commits, [part(n) for n in range(1, 10)])
        with database.read() as session:
            counted.append(len(session.exec(select(DirtyDay)).all()))

    run(store, database, work)
    assert counted == [0]


def test_beyond_its_queue_it_says_come_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "MOST_BATCHES_QUEUED", 5)
    answers = run(Store(), database, lambda c: put_all(c, [part(n) for n in range(1, 9)]))
    assert [getattr(answer, "status", 200) for answer in answers] == [200] * 5 + [503] * 3


def test_a_relational_database_that_fails_keeps_the_batch_at_the_agent(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("locked")

    monkeypatch.setattr(group_commit, "mark_dirty", fail)
    store = Store()
    answers = run(store, database, lambda c: put_all(c, [part(1, NOW_MS - 86_400_000)]))
    assert [answer.status for answer in answers] == [503]
    assert store.blocks == []
