"""Documents of agents (facts, losses, failures): each taken in exactly once, then answered.

Their effect is the register, so their acknowledgement is written in the same transaction.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import update
from sqlmodel import Session, col, select

from collectors.records import BatchId, Document
from controller.ingest import set_aside
from controller.ingest.acknowledgements import Ledger
from controller.ingest.bookkeeping import moment, read_ledgers, upsert
from controller.ingest.group_commit import try_later
from controller.ingest.tables import Agent
from controller.problems import Problem

log = logging.getLogger("yunxun.ingest")

MOST_FACTS_BYTES = 256 << 10
MOST_QUEUED = 5_000


class Delivery(NamedTuple):
    """One batch of documents."""

    id: BatchId
    digest: str
    documents: list[Document]
    arrived: datetime


def check_documents(documents: list[Document]) -> None:
    """Raises Problem 422 for a document that cannot be kept."""
    for document in documents:
        try:
            text = json.dumps(document.body, allow_nan=False, ensure_ascii=False)
            size = len(text.encode())
        except UnicodeEncodeError:
            raise Problem(422, "bad document", f"{document.kind}: not text") from None
        except (ValueError, RecursionError):
            raise Problem(422, "bad document", f"{document.kind}: NaN, or nested deep") from None
        if "\\u0000" in text:
            raise Problem(422, "bad document", f"{document.kind}: not text")
        if size > MOST_FACTS_BYTES:
            raise Problem(
                422, "bad document", f"{document.kind}: over {MOST_FACTS_BYTES} bytes of JSON"
            )


def deliver(
    session: Session, deliveries: list[Delivery], subjects: set_aside.Subjects, now: datetime
) -> None:
    """Takes documents in, each exactly once, inside the caller's transaction."""
    ledgers = {
        (ledger.agent, ledger.epoch): ledger
        for ledger in read_ledgers(session, {each.id.agent for each in deliveries})
    }
    counts: dict[set_aside.Key, set_aside.Count] = {}
    touched: dict[tuple[str, str], Ledger] = {}
    for each in deliveries:
        key = (each.id.agent, each.id.epoch)
        ledger = ledgers.setdefault(key, Ledger(*key, each.arrived))
        if ledger.holds(each.id.seq):
            continue
        for document in each.documents:
            _take_in(session, each.id.agent, document, counts, now)
        ledger.note(each.id.seq, each.digest, int(each.arrived.timestamp() * 1000))
        ledger.store(each.id.seq)
        touched[key] = ledger
    if touched:
        upsert(session, [ledger.row() for ledger in touched.values()])
    set_aside.write(session, counts, subjects)


def _take_in(
    session: Session,
    agent: str,
    document: Document,
    counts: dict[set_aside.Key, set_aside.Count],
    now: datetime,
) -> None:
    body = document.body
    match document.kind:
        case "facts":
            version = body.get("version") or body.get("agent_version")
            values: dict[str, Any] = {"facts": _with_uuid(session, agent, body)}
            if isinstance(version, str):
                values["version"] = set_aside.clean(version)[:40]
            session.execute(update(Agent).where(col(Agent.id) == agent).values(values))
        case "loss":
            set_aside.merge(
                counts,
                set_aside.LOSS,
                agent,
                str(body.get("reason", "")),
                _count(body.get("rows")),
                now,
                _moment(body.get("from_ms")),
                _moment(body.get("to_ms")),
            )
        case "collector_failed":
            subject = f"{body.get('collector', '')}: {body.get('error', '')}"
            at = _moment(document.time_ms)
            set_aside.merge(counts, set_aside.COLLECTOR_FAILED, agent, subject, 1, now, at, at)
        case _:
            set_aside.merge(counts, set_aside.UNKNOWN_DOCUMENT, agent, document.kind, 1, now)


def _with_uuid(session: Session, agent: str, facts: dict[str, Any]) -> dict[str, Any]:
    """The facts with the UUID that is known already, where they have none: root may read it from
    the firmware when it enrols, the service's own user may not."""
    if facts.get("instance_uuid"):
        return facts
    known = session.exec(select(col(Agent.facts)).where(col(Agent.id) == agent)).first()
    uuid = (known or {}).get("instance_uuid")
    return {**facts, "instance_uuid": uuid} if uuid else facts


def _count(value: Any) -> int:
    return min(max(int(value), 0), 1 << 40) if isinstance(value, int) else 0


def _moment(value: Any) -> datetime | None:
    """Milliseconds since 1970 as a moment; None for what is none."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 4_102_444_800_000:
        return None
    return moment(value)


class DocumentCommit:
    """Batches of documents that come together are one transaction. On the event loop."""

    def __init__(self, write: Callable[[list[Delivery]], Awaitable[None]]) -> None:
        """``write`` returns once they are durable."""
        self._write = write
        self._waiting: list[tuple[Delivery, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def put(self, delivery: Delivery) -> None:
        """Returns once the documents are durable. Raises Problem 503."""
        if len(self._waiting) >= MOST_QUEUED:
            raise try_later(503, "busy", "more documents wait than this controller holds at once")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((delivery, done))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all())
        await done

    async def _write_all(self) -> None:
        while self._waiting:
            taken, self._waiting = self._waiting, []
            error: Problem | None = None
            try:
                await self._write([each for each, _ in taken])
            except Exception:
                log.exception("documents were not written")
                error = try_later(503, "not stored", "the relational database did not take them")
            for _, done in taken:
                if done.done():  # the connection went away meanwhile
                    continue
                if error is None:
                    done.set_result(None)
                else:
                    done.set_exception(error)

    async def close(self) -> None:
        """Writes what waits; call it when no more come."""
        if self._writing is not None:
            await self._writing
