"""One worker at a time; a job that fails is noted and stops nobody."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller import worker
from controller.jobs import Job
from controller.runtime import Runtime
from controller.schema import metadata
from controller.settings import Settings
from controller.store.relational import Database, connect
from controller.store.samples import Samples
from controller.store.tables import JobRun, WorkerLock
from controller.worker import LEASE, Worker, identity, is_gone, take_lock
from tests.serving import wait_until


class Clock:
    now = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(params=["sqlite", "postgresql"])
def runtime(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Runtime]:
    url = ""
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres").new_database()
    settings = Settings(data=tmp_path, database_url=url)
    database = Database(connect(settings.relational_url))
    metadata().create_all(database.engine)
    yield Runtime(settings, database, Samples.from_settings(settings), Clock())
    database.close()


def test_the_lock_is_one_workers_until_it_expires(runtime: Runtime) -> None:
    clock = runtime.now
    assert isinstance(clock, Clock)
    assert take_lock(runtime, "elsewhere/1")
    assert not take_lock(runtime, "elsewhere/2")
    clock.now += LEASE - timedelta(seconds=1)
    assert take_lock(runtime, "elsewhere/1")  # renewed
    clock.now += LEASE - timedelta(seconds=1)
    assert not take_lock(runtime, "elsewhere/2")
    clock.now += timedelta(seconds=2)
    assert take_lock(runtime, "elsewhere/2")
    assert not take_lock(runtime, "elsewhere/1")


def test_of_many_that_ask_at_once_one_gets_the_lock(runtime: Runtime) -> None:
    take_lock(runtime, "elsewhere/0")
    clock = runtime.now
    assert isinstance(clock, Clock)
    clock.now += LEASE * 2
    got: list[str] = []

    def ask(holder: str) -> None:
        if take_lock(runtime, holder):
            got.append(holder)

    threads = [threading.Thread(target=ask, args=(f"elsewhere/{n}",)) for n in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1


def test_a_killed_worker_of_this_machine_is_replaced_at_once(runtime: Runtime) -> None:
    held = subprocess.run(
        [sys.executable, "-c", "from controller.worker import identity; print(identity())"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert is_gone(held)
    assert not is_gone(identity())
    assert not is_gone(held.replace(held.split("/")[0], "another-host"))
    # The same pid again is another process.
    assert is_gone(identity().rpartition("/")[0] + "/12345")
    assert take_lock(runtime, held)
    assert take_lock(runtime, identity())


def test_a_failing_job_is_noted_and_the_others_run(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(worker, "TICK_SECONDS", 0.02)
    ran: list[str] = []

    def fails(_: Runtime) -> None:
        ran.append("bad")
        raise RuntimeError("no such table: x")

    jobs = (
        Job("bad", "one", fails),
        Job("good", "one", lambda _: ran.append("good")),
        Job("other", "two", lambda _: ran.append("other")),
    )
    working = Worker(runtime, jobs)
    thread = threading.Thread(target=working.run)
    thread.start()
    try:
        wait_until(lambda: ran.count("good") > 3 and ran.count("other") > 3, 10, "jobs run")
    finally:
        working.stop.set()
        thread.join(10)
    # The clock stands still: the failed one rests.
    assert ran.count("bad") == 1
    with runtime.database.read() as session:
        bad, good = session.get(JobRun, "bad"), session.get(JobRun, "good")
        assert bad is not None
        assert good is not None
        assert (bad.failures, bad.error) == (1, "RuntimeError: no such table: x")
        assert (good.failures, good.error) == (0, "")
        # An orderly stop leaves the lock to the next.
        assert session.get(WorkerLock, "worker") is None
    assert "job failed" in caplog.text


def test_without_the_lock_nothing_runs(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "TICK_SECONDS", 0.02)
    take_lock(runtime, f"elsewhere/{os.getpid()}")
    ran: list[str] = []
    working = Worker(runtime, (Job("job", "lane", lambda _: ran.append("ran")),))
    thread = threading.Thread(target=working.run)
    thread.start()
    working.stop.wait(0.3)
    working.stop.set()
    thread.join(10)
    assert ran == []
