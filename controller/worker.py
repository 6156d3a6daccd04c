"""The worker process: rollups, retention, merges, purges. One of many may run at a time.

``python -m controller.worker --config FILE``. Whoever holds the lock in the database works; the
others wait. A job that fails is logged, rests for a while, and never stops the others.
"""

from __future__ import annotations

import argparse
import logging
import resource
import signal
import sys
import threading
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from controller import jobs, logs
from controller.jobs import Job
from controller.prepare import close_runtime, open_runtime
from controller.runtime import Runtime
from controller.settings import load
from controller.store.holder import identity, is_gone
from controller.store.tables import JobRun, WorkerLock

LOCK = "worker"
LEASE = timedelta(seconds=30)
RENEW_SECONDS = 10.0
TICK_SECONDS = 1.0
WRITE_SECONDS = 15.0
"""Between two notes in the database of a job that goes well."""

log = logging.getLogger("yunxun.worker")


class Worker:
    """Runs the jobs while it holds the lock, each lane in a thread of its own."""

    def __init__(self, runtime: Runtime, every_job: Sequence[Job] = jobs.JOBS) -> None:
        self.runtime = runtime
        self.jobs = tuple(every_job)
        self.holder = identity()
        self._zone = ZoneInfo(runtime.settings.timezone)
        self.stop = threading.Event()
        self._leased_until = 0.0
        self._runs: dict[str, JobRun] = {}
        self._written: dict[str, float] = {}

    def run(self) -> None:
        """Until ``stop`` is set."""
        lanes = [
            threading.Thread(target=self._run_lane, args=(lane,), name=lane, daemon=True)
            for lane in dict.fromkeys(job.lane for job in self.jobs)
        ]
        for lane in lanes:
            lane.start()
        had = False
        while not self.stop.is_set():
            has = self._renew()
            if has != had:
                self._runs.clear()  # what another worker noted meanwhile counts
                log.info("works" if has else "waits", extra={"holder": self.holder})
                had = has
            self.stop.wait(RENEW_SECONDS if has else TICK_SECONDS)
        for lane in lanes:
            lane.join(3.0)
        # A lane still at work keeps the lease until it expires, so that nobody works beside it.
        if had and not any(lane.is_alive() for lane in lanes):
            self._release()

    @property
    def leading(self) -> bool:
        """Whether the lease surely lasts, by our own clock, for another moment."""
        return time.monotonic() < self._leased_until

    def _renew(self) -> bool:
        asked = time.monotonic()
        try:
            mine = take_lock(self.runtime, self.holder)
        except Exception as error:  # the database may be away for a while
            log.warning("lock not renewed", extra={"why": str(error).splitlines()[0]})
            return self.leading
        self._leased_until = asked + LEASE.total_seconds() - 5 if mine else 0.0
        return mine

    def _release(self) -> None:
        with self.runtime.database.write() as session:
            lock = session.get(WorkerLock, LOCK)
            if lock is not None and lock.holder == self.holder:
                session.delete(lock)

    def _run_lane(self, lane: str) -> None:
        mine = [job for job in self.jobs if job.lane == lane]
        while not self.stop.wait(TICK_SECONDS):
            for job in mine:
                if self.leading and not self.stop.is_set():
                    self._run_if_due(job)

    def _run_if_due(self, job: Job) -> None:
        try:
            last = self._last_run(job)
            if last is None and job.at is not None:
                # A new controller has nothing to tidy up yet: the first night counts from now.
                self._note(job, 0.0, "")
            elif jobs.due(job, last, self.runtime.now(), self._zone):
                self._run_job(job)
        except Exception as error:  # the bookkeeping itself failed: the next tick tries again
            log.error("job not noted", extra={"job": job.name}, exc_info=error)

    def _last_run(self, job: Job) -> JobRun | None:
        if job.name not in self._runs:
            with self.runtime.database.read() as session:
                found = session.get(JobRun, job.name)
            if found is not None:
                self._runs[job.name] = found
        return self._runs.get(job.name)

    def _run_job(self, job: Job) -> None:
        began = time.monotonic()
        try:
            job.run(self.runtime)
        except Exception as error:  # a job's failure must not stop the others
            seconds = time.monotonic() - began
            log.error("job failed", extra={"job": job.name}, exc_info=error)
            self._note(job, seconds, f"{type(error).__name__}: {error}")
        else:
            self._note(job, time.monotonic() - began, "")

    def _note(self, job: Job, seconds: float, error: str) -> None:
        """Remember how the run went; written at once if it is news, else now and then."""
        before = self._runs.get(job.name)
        now = self.runtime.now()
        run = JobRun(
            name=job.name,
            last_ok=now,
            last_failed=before.last_failed if before is not None else None,
            seconds=round(seconds, 3),
            error=error[:500],
        )
        if error:
            run.last_ok = before.last_ok if before is not None else None
            run.last_failed = now
            run.failures = (before.failures if before is not None else 0) + 1
        self._runs[job.name] = run
        news = before is None or run.failures != before.failures or job.at is not None
        if news or time.monotonic() - self._written.get(job.name, 0.0) > WRITE_SECONDS:
            self._written[job.name] = time.monotonic()
            with self.runtime.database.write() as session:
                session.merge(run)


def take_lock(runtime: Runtime, holder: str) -> bool:
    """Take or renew the lock; whether it is ``holder``'s until now + LEASE."""
    now = runtime.now()
    with runtime.database.write() as session:
        lock = session.get(WorkerLock, LOCK, with_for_update=True)
        if lock is None:
            session.add(WorkerLock(name=LOCK, holder=holder, expires=now + LEASE))
            return True
        if lock.holder == holder or lock.expires <= now or is_gone(lock.holder):
            lock.holder, lock.expires = holder, now + LEASE
            return True
        return False


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m controller.worker")
    parser.add_argument("--config", type=Path, required=True)
    options = parser.parse_args(arguments)
    logs.setup("worker")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    runtime = open_runtime(load(options.config, {}))
    worker = Worker(runtime)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stop.set())
    try:
        worker.run()
    finally:
        close_runtime(runtime)
    return 0


if __name__ == "__main__":
    sys.exit(main())
