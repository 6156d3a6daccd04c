"""Documents of agents (facts, losses, failures …): each taken in exactly once, then answered.

Their effect is the register, so their acknowledgement is written in the same transaction. Three
kinds are ingest's own; the others belong to capabilities above it, whose handlers the application
hands in. A handler works in a savepoint: one that fails takes nothing else of the batch with it,
and its document is set aside with the reason.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import update
from sqlalchemy.exc import DBAPIError, OperationalError
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
MOST_KIND_BYTES = 4 << 20
"""No kind may hold more; a batch inflates to twice that at most."""
MOST_QUEUED = 5_000

Take = Callable[[Session, Agent, Document, datetime], None]
"""Takes one document of an agent in. Raises Problem or ValueError for one it cannot use."""


class DocumentKind(NamedTuple):
    """A kind of document that a capability takes in."""

    name: str
    take: Take
    most_bytes: int = MOST_FACTS_BYTES
    """Of its body as JSON."""


Kinds = Mapping[str, DocumentKind]
"""By name."""

OWN_KINDS = frozenset({"facts", "loss", "collector_failed"})


def kinds_of(kinds: tuple[DocumentKind, ...]) -> Kinds:
    """The kinds by name. Raises ValueError for a name that comes twice, or is ingest's own."""
    by_name = {kind.name: kind for kind in kinds}
    if len(by_name) != len(kinds) or by_name.keys() & OWN_KINDS:
        raise ValueError("two kinds of documents have one name")
    if any(kind.most_bytes > MOST_KIND_BYTES for kind in kinds):
        raise ValueError(f"no kind of document may be over {MOST_KIND_BYTES} bytes")
    return by_name


NO_KINDS: Kinds = {}


class Delivery(NamedTuple):
    """One batch of documents."""

    id: BatchId
    digest: str
    documents: list[Document]
    arrived: datetime


def check_documents(documents: list[Document], kinds: Kinds = NO_KINDS) -> None:
    """Raises Problem 422 for a document that cannot be kept."""
    for document in documents:
        kind = kinds.get(document.kind)
        most = kind.most_bytes if kind else MOST_FACTS_BYTES
        try:
            text = json.dumps(document.body, allow_nan=False, ensure_ascii=False)
            size = len(text.encode())
        except UnicodeEncodeError:
            raise Problem(422, "bad document", f"{document.kind}: not text") from None
        except (ValueError, RecursionError):
            raise Problem(422, "bad document", f"{document.kind}: NaN, or nested deep") from None
        if "\\u0000" in text:
            raise Problem(422, "bad document", f"{document.kind}: not text")
        if size > most:
            raise Problem(422, "bad document", f"{document.kind}: over {most} bytes of JSON")


def deliver(
    session: Session,
    deliveries: list[Delivery],
    subjects: set_aside.Subjects,
    now: datetime,
    kinds: Kinds = NO_KINDS,
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
            _take_in(session, each.id.agent, document, counts, now, kinds)
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
    kinds: Kinds,
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
        case name if name in kinds:
            reason = _hand_over(session, agent, document, kinds[name], now)
            if reason:
                at = _moment(document.time_ms)
                subject = f"{name}: {reason}"
                set_aside.merge(counts, set_aside.BAD_DOCUMENT, agent, subject, 1, now, at, at)
        case _:
            set_aside.merge(counts, set_aside.UNKNOWN_DOCUMENT, agent, document.kind, 1, now)


def _hand_over(
    session: Session, agent: str, document: Document, kind: DocumentKind, now: datetime
) -> str:
    """Why the document was not taken; "" if it was. Raises what the next try may not meet."""
    row = session.get(Agent, agent)
    if row is None:
        return "its agent is gone"
    try:
        with session.begin_nested():
            kind.take(session, row, document, now)
            session.flush()
    except OperationalError:
        raise  # locked or gone: the agent sends the batch again
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        log.exception("a document of kind %s of agent %s was not taken", kind.name, agent)
        return "the database refused it"
    except Problem as problem:
        return str(problem)
    except ValueError as error:
        return str(error) or "unusable"
    except Exception as error:
        log.exception("a document of kind %s of agent %s was not taken", kind.name, agent)
        return type(error).__name__
    return ""


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
