"""Group commit: batches wait for others for at most a second, go in as one durable block, and
only then are answered.

The event loop queues; a thread builds the block, marks late days dirty (durably, before the
rows), inserts, and hands the outcomes back. The queue is bounded: beyond it a batch is told to
come again, which costs nothing, because the agent still has it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

import numpy as np

from collectors import catalog
from controller.ingest.block import Aside, Block, Part, build, late_days, split_coarse
from controller.problems import Problem
from controller.store.dirty import mark_dirty
from controller.store.relational import Database
from controller.store.samples import SamplesError, SamplesFull, SamplesUnavailable

log = logging.getLogger("yunxun.ingest")

EAGER_ROWS = 60_000
"""Rows after which a block goes without waiting for its time, if it may go at all."""
MOST_ROWS = 250_000
"""Rows of one block. While blocks are on their way the next one grows: the engine merges small
parts again and again, so larger blocks cost it less per row (half, at four times the rows)."""
MOST_BATCHES_QUEUED = 20_000
MOST_BYTES_QUEUED = 128 << 20
AT_ONCE = 2
"""Blocks on their way at one time: one is decoded while the other waits for the disk."""
INSERT_SECONDS = 30.0

RETRY_AFTER = {503: 5, 507: 60}


class Inserts(Protocol):
    """What is needed of ``controller.store.samples.Samples``."""

    def insert(self, table: str, columns: dict[str, Any]) -> Any:
        """Durable on return."""


class Outcome(NamedTuple):
    """What became of one batch that was taken."""

    newest_ms: int
    future: Aside | None
    unset: Aside | None
    foreign: Aside | None = None


@dataclass(slots=True)
class _Waiting:
    part: Part
    answer: asyncio.Future[Outcome]


@dataclass(slots=True)
class _Queue:
    waiting: list[_Waiting] = field(default_factory=list)
    rows: int = 0
    timer: asyncio.TimerHandle | None = None
    due: bool = False
    """Whether the oldest batch has waited its time."""


class GroupCommit:
    """Queues of all sample tables. Everything but the thread's work is on one event loop."""

    def __init__(
        self,
        samples: Inserts,
        database: Database,
        now: Callable[[], datetime],
        *,
        wait_ms: int,
        future_minutes: int,
    ) -> None:
        self._samples = samples
        self._database = database
        self._now = now
        self._wait = min(wait_ms, 1_000) / 1_000
        self._future_ms = future_minutes * 60_000
        self._queues: dict[str, _Queue] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="ingest")
        self.queued = 0
        self.queued_bytes = 0
        self.blocks = 0
        self.rows = 0
        self.samples = 0

    async def put(self, table: str, part: Part) -> Outcome:
        """Returns once the batch is durable. Raises Problem (422, 503, 507) if it is not."""
        if self.queued >= MOST_BATCHES_QUEUED or self.queued_bytes >= MOST_BYTES_QUEUED:
            raise try_later(503, "busy", "more batches wait than this controller holds at once")
        queue = self._queues.setdefault(table, _Queue())
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Outcome] = loop.create_future()
        queue.waiting.append(_Waiting(part, answer))
        queue.rows += part.rows
        self.queued += 1
        self.queued_bytes += len(part.payload)
        if queue.timer is None:
            queue.timer = loop.call_later(self._wait, self._time_is_up, queue)
        if queue.rows >= EAGER_ROWS:
            self._send_what_may()
        try:
            return await answer
        finally:
            self.queued -= 1
            self.queued_bytes -= len(part.payload)

    def _time_is_up(self, queue: _Queue) -> None:
        queue.due = True
        self._send_what_may()

    def _send_what_may(self) -> None:
        for table, queue in self._queues.items():
            while len(self._running) < AT_ONCE and (queue.due or queue.rows >= EAGER_ROWS):
                waiting = self._take(queue)
                task = asyncio.get_running_loop().create_task(self._run(table, waiting))
                self._running.add(task)
                task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._send_what_may()

    def _take(self, queue: _Queue) -> list[_Waiting]:
        """The next block's batches, oldest first; what is left keeps its turn."""
        rows, count = 0, 0
        for each in queue.waiting:
            if count and rows + each.part.rows > MOST_ROWS:
                break
            rows += each.part.rows
            count += 1
        taken, queue.waiting = queue.waiting[:count], queue.waiting[count:]
        queue.rows -= rows
        if not queue.waiting:
            queue.due = False
            if queue.timer is not None:
                queue.timer.cancel()
                queue.timer = None
        return taken

    async def _run(self, table: str, waiting: list[_Waiting]) -> None:
        loop = asyncio.get_running_loop()
        parts = [each.part for each in waiting]
        answers: list[Outcome | Problem]
        try:
            answers = await loop.run_in_executor(self._threads, self._commit, table, parts)
        except Exception:
            log.exception("a block of %d batches was not committed", len(parts))
            answers = [try_later(503, "not stored", "an unexpected error; see the log")] * len(
                parts
            )
        for each, answer in zip(waiting, answers, strict=True):
            if each.answer.done():  # the connection went away meanwhile
                continue
            if isinstance(answer, Problem):
                each.answer.set_exception(answer)
            else:
                each.answer.set_result(answer)

    def _commit(self, table: str, parts: list[Part]) -> list[Outcome | Problem]:
        """In a thread: builds and stores the block; what became of each part."""
        now = self._now()
        now_ms = int(now.timestamp() * 1000)
        block = build(catalog.table(table), parts, now_ms, self._future_ms)
        failure: Problem | None = None
        try:
            self._store(table, block, now)
        except SamplesFull as error:
            # The engine's own words name our insides; agents are told what it means for them.
            log.error("a block was not stored: %s", error)
            failure = try_later(507, "store full", "the controller's disk is full; keep the batch")
        except SamplesUnavailable as error:
            log.warning("a block was not stored: %s", error)
            failure = try_later(
                503, "store unavailable", "the sample store does not answer; keep the batch"
            )
        except SamplesError as error:
            # Not the weather: this block is refused as it is. One batch must not hold up others.
            if len(parts) > 1:
                half = len(parts) // 2
                log.warning("a block was refused and is tried in halves: %s", error)
                return self._commit(table, parts[:half]) + self._commit(table, parts[half:])
            log.error("a batch was refused by the store: %s", error)
            failure = try_later(503, "not stored", f"the store refused the rows: {error}")
        answers: list[Outcome | Problem] = []
        for index in range(len(parts)):
            reason = block.refused.get(index)
            if reason is not None:
                answers.append(Problem(422, "bad batch", reason))
            elif failure is not None:
                answers.append(failure)
            else:
                answers.append(
                    Outcome(
                        block.newest_ms.get(index, 0),
                        block.future.get(index),
                        block.unset.get(index),
                        block.foreign.get(index),
                    )
                )
        return answers

    def _store(self, table: str, block: Block, now: datetime) -> None:
        if not block.rows:
            return
        late = late_days(block.columns, int(now.timestamp() * 1000))
        if late:
            with self._database.write() as session:
                mark_dirty(session, table, late, now)
        arrived = np.datetime64(now.astimezone(UTC).replace(tzinfo=None), "s")
        for name, columns in zip(
            (table, f"{table}_coarse"), split_coarse(block.columns), strict=True
        ):
            if columns:
                self._samples.insert(name, {**columns, "arrived": arrived})
        self.blocks += 1
        self.rows += block.rows
        self.samples += block.rows * (len(block.columns) - 6)

    async def close(self) -> None:
        """Stores what waits; call it when no more batches come."""
        for queue in self._queues.values():
            queue.due = bool(queue.waiting)
        self._send_what_may()
        while self._running:
            await asyncio.wait(self._running)
            await asyncio.sleep(0)  # for the callbacks that send what still waits
        self._threads.shutdown(wait=True)


def try_later(status: int, title: str, detail: str, seconds: float | None = None) -> Problem:
    """A refusal that passes: the agent keeps the batch and comes again."""
    wait = RETRY_AFTER.get(status, 5) if seconds is None else max(1, round(seconds + 0.5))
    return Problem(status, title, detail, headers={"Retry-After": str(wait)})
