"""A run's progress as server-sent events: what changed since the caller last looked.

Events are read from the database, so any API process can tell of a run that any worker carries out.
Each event's id is the run's sequence number: a browser that was cut off goes on where it was.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.concurrency import run_in_threadpool

from controller.problems import Problem
from controller.readiness import views
from controller.readiness.model import RunDetail
from controller.readiness.runs import UNDER_WAY
from controller.readiness.tables import ReadinessRun
from controller.runtime import Runtime

LOOK_SECONDS = 0.7
STILL_SECONDS = 10.0
"""A comment after this long without news, so that proxies do not hang up; and as often it is asked
whether the caller may still watch."""
LONGEST_SECONDS = 15 * 60.0
"""Then the browser connects anew: a stream must not hold a connection for ever."""
MOST_STREAMS = 60
"""At one time in one process."""


class Streams:
    """How many streams this process serves now."""

    def __init__(self) -> None:
        self.open = 0


async def stream(
    runtime: Runtime,
    run_id: int,
    after: int,
    streams: Streams,
    gone: Callable[[], Awaitable[bool]],
    admitted: Callable[[], bool],
) -> AsyncIterator[str]:
    """Text of the events, until the run is over or the caller is not ``admitted`` (asked in a
    thread, every STILL_SECONDS) any more."""
    streams.open += 1
    try:
        began = said = asked = time.monotonic()
        yield "retry: 2000\n\n"
        while time.monotonic() - began < LONGEST_SECONDS and not await gone():
            if time.monotonic() - asked > STILL_SECONDS:
                asked = time.monotonic()
                if not await run_in_threadpool(admitted):
                    return
            detail = await run_in_threadpool(look, runtime, run_id, after)
            if detail is not None:
                after, said = detail.run.seq, time.monotonic()
                over = detail.run.state not in UNDER_WAY
                yield _event("end" if over else "progress", after, detail)
                if over:
                    return
            elif time.monotonic() - said > STILL_SECONDS:
                said = time.monotonic()
                yield ": still here\n\n"
            await asyncio.sleep(LOOK_SECONDS)
    finally:
        streams.open -= 1


def check_room(streams: Streams) -> None:
    """Raises Problem 503."""
    if streams.open >= MOST_STREAMS:
        raise Problem(
            503, "too many watch", f"{streams.open} streams are open: reload the page instead",
            headers={"Retry-After": "30"},
        )  # fmt: skip


def look(runtime: Runtime, run_id: int, after: int) -> RunDetail | None:
    """The run and the hosts that changed after ``after``; None where nothing did."""
    with runtime.database.read() as session:
        run = session.get_one(ReadinessRun, run_id)
        if run.seq <= after and run.state in UNDER_WAY:
            return None
        return RunDetail(
            run=views.run_view(session, run, runtime.now()),
            hosts=views.run_hosts(session, run_id, after),
        )


def _event(name: str, number: int, detail: RunDetail) -> str:
    body = json.dumps(detail.model_dump(mode="json"), ensure_ascii=False)
    return f"event: {name}\nid: {number}\ndata: {body}\n\n"
