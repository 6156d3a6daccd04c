"""What a door does beside answering: it learns the register, writes its books, watches the disk.

All on the event loop of its process; what waits for the database runs in two threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from controller.ingest import bookkeeping
from controller.ingest.acknowledgements import Ledger
from controller.ingest.bookkeeping import Pending, Written
from controller.ingest.books import Books
from controller.ingest.directory import RELOAD_SECONDS, Directory, Row, read_rows
from controller.ingest.measured import Measured
from controller.ingest.tables import AgentEpoch, SetAside
from controller.runtime import Runtime

log = logging.getLogger("yunxun.ingest")

FLUSH_SECONDS = 5.0
DISK_SECONDS = 1.0

MeasuredBy = Callable[[Session, datetime], dict[str, dict[str, Measured]]]
"""(session, now) to agent to code of the resources besides its own host whose rows it sends."""


def nothing_measured(session: Session, now: datetime) -> dict[str, dict[str, Measured]]:
    """Every agent measures its own host only."""
    del session, now
    return {}


class Upkeep:
    """``start`` before the first batch; ``stop``, then ``close`` after the last one is stored."""

    def __init__(self, runtime: Runtime, measured: MeasuredBy = nothing_measured) -> None:
        """``measured``: whose rows besides their own agents send."""
        self._runtime, self._measured = runtime, measured
        self.directory = Directory()
        self.books = Books(self.directory)
        self.disk_full = ""
        """Why no batch is taken; "" while there is room."""
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="door")
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = asyncio.Event()
        self._starting: asyncio.Future[None] | None = None

    async def start(self) -> None:
        """Reads the register and starts the periodic work; once."""
        if self._starting is None:
            self._starting = asyncio.ensure_future(self._start())
        try:
            await asyncio.shield(self._starting)
        except Exception:
            self._starting = None  # the database may be there the next time
            raise

    async def _start(self) -> None:
        rows, ledgers, subjects = await self.in_thread(self._read_all)
        self.directory.refresh(rows)
        self.directory.learn_measured(await self.in_thread(self._read_measured))
        for ledger in ledgers:
            known = self.directory.get(ledger.agent)
            if known is not None:
                known.add(ledger)
        self.books.subjects.load(subjects)
        self._measure_disk()
        self._tasks = [
            asyncio.create_task(self._every(seconds, work), name=f"ingest {name}")
            for name, seconds, work in (
                ("reload", RELOAD_SECONDS, self.reload),
                ("flush", FLUSH_SECONDS, self.flush),
                ("disk", DISK_SECONDS, self._look_at_disk),
            )
        ]

    @property
    def started(self) -> bool:
        """Whether the register was read."""
        return self._starting is not None and self._starting.done()

    async def stop(self) -> None:
        """Ends the periodic work."""
        # Not cancelled: a write that is under way must not be taken for one that failed.
        self._closing.set()
        await asyncio.gather(*self._tasks)

    async def close(self) -> None:
        """Writes what is left."""
        if self._starting is not None:
            await self.flush()
        self._threads.shutdown(wait=True)

    async def _every(self, seconds: float, work: Callable[[], Any]) -> None:
        while not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), seconds)
            try:
                await work()
            except Exception:
                # The database may be locked or gone for a while; the next round does the work.
                log.exception("%s failed; trying again in %s s", work.__name__, seconds)

    async def in_thread(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """``work`` in one of the two threads."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    def _read_all(self) -> tuple[list[Row], list[Ledger], list[tuple[str, str, str]]]:
        with self._runtime.database.read() as session:
            ledgers = [bookkeeping.ledger_of(row) for row in session.exec(select(AgentEpoch))]
            subjects = session.exec(
                select(col(SetAside.kind), col(SetAside.agent_id), col(SetAside.subject))
            ).all()
            return read_rows(session), ledgers, list(subjects)

    def _read_agents(self, agent: str | None = None) -> list[Row]:
        with self._runtime.database.read() as session:
            return read_rows(session, agent)

    def _read_measured(self) -> dict[str, dict[str, Measured]]:
        with self._runtime.database.read() as session:
            return self._measured(session, self._runtime.now())

    async def reload(self) -> None:
        """Takes in what the register says now: approvals, revocations, new agents."""
        self.directory.refresh(await self.in_thread(self._read_agents))
        self.directory.learn_measured(await self.in_thread(self._read_measured))

    async def reload_agent(self, agent: str) -> None:
        """Takes in one agent at once, where this process itself changed it."""
        for row in await self.in_thread(self._read_agents, agent):
            self.directory.put(row)

    async def flush(self) -> None:
        """Writes what changed, and learns what other processes wrote of the same agents."""
        page = self.books.take()
        if not page.pending:
            return
        try:
            written = await self.in_thread(self._write, page.pending)
        except Exception:
            self.books.put_back(page)
            raise
        self.books.learn(written)

    def _write(self, pending: Pending) -> Written:
        with self._runtime.database.write() as session:
            return bookkeeping.write(session, pending, self.books.subjects, self._runtime.now())

    async def _look_at_disk(self) -> None:
        self._measure_disk()

    def _measure_disk(self) -> None:
        data, ingest = self._runtime.settings.data, self._runtime.settings.ingest
        usage = shutil.disk_usage(data if data.exists() else ".")
        floor = min(ingest.min_free_mb << 20, usage.total * ingest.min_free_percent / 100)
        full = usage.free < floor
        if full and not self.disk_full:
            log.error("%s: %d MB free, batches are refused", data, usage.free >> 20)
        self.disk_full = (
            f"{usage.free >> 20} MB are free on the controller's disk, {int(floor) >> 20} MB are "
            "kept free; free some, nothing is lost meanwhile"
            if full
            else ""
        )
