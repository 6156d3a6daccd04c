"""The agents' door: POST /api/v1/ingest/batches, as thin as an answer after fsync can be.

Plain ASGI, in front of the application: thousands of agents send a row a minute each, so what a
batch costs in Python decides how many hosts one controller serves. Who is calling is looked up
in memory, the header's columns are checked once for the whole fleet, and rows are never looped
over. Everything here runs on the event loop; blocks and documents are stored by threads.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from starlette.types import ASGIApp, Receive, Scope, Send

from collectors import catalog, records
from collectors.records import WireError
from controller.ingest import documents, set_aside
from controller.ingest.acknowledgements import VERSION_SEQ_LIMIT, Conflict, Ledger
from controller.ingest.block import Aside, Part
from controller.ingest.bookkeeping import moment
from controller.ingest.decode import Layout, Opened, Opener
from controller.ingest.directory import Known
from controller.ingest.documents import Delivery, DocumentCommit, DocumentKind, kinds_of
from controller.ingest.group_commit import GroupCommit, Outcome, try_later
from controller.ingest.measured import EVER, NOBODYS, Measured
from controller.ingest.request import Answer, Body, agreed, refusal
from controller.ingest.upkeep import MeasuredBy, Upkeep, nothing_measured
from controller.problems import Problem
from controller.runtime import Runtime

log = logging.getLogger("yunxun.ingest")

PATH = "/api/v1/ingest/batches"
INFLATE_ASIDE_BYTES = 64 << 10
"""Larger bodies are inflated by a thread, so that none holds up the others for long."""
POLLED = frozenset({catalog.REACH.name})
"""Tables whose rows name by their instance what is measured, whoever sends them: from pollers only,
or any host's agent could say that another unit's line is up."""
REFUSED_STATES = {
    "pending": ("agent pending", "the agent waits for approval; it will be let in then"),
    "revoked": ("agent revoked", "the agent was revoked; enrol it again with a new token"),
    "conflict": (
        "agent conflict",
        "two machines send as this agent; enrol the copy again with a token of its own, "
        "then approve this one",
    ),
}


class Verdict(NamedTuple):
    """What a layout means for a table, found out once."""

    problem: str
    unknown: tuple[str, ...]


class Door:
    """One process's door. ``start`` before the first batch, ``close`` after the last."""

    def __init__(
        self,
        runtime: Runtime,
        kinds: tuple[DocumentKind, ...] = (),
        measured: MeasuredBy = nothing_measured,
    ) -> None:
        """``kinds``: the documents that capabilities above ingest take in; ``measured``: whose
        rows besides their own agents send."""
        ingest = runtime.settings.ingest
        self._kinds = kinds_of(kinds)
        self._runtime = runtime
        self._settings = ingest
        self.upkeep = Upkeep(runtime, measured)
        self.directory, self.books = self.upkeep.directory, self.upkeep.books
        self.commits = GroupCommit(
            runtime.samples,
            runtime.database,
            runtime.now,
            wait_ms=ingest.group_commit_ms,
            future_minutes=ingest.future_minutes,
        )
        self._opener = Opener()
        self._documents = DocumentCommit(
            lambda each: self.upkeep.in_thread(self._write_documents, each)
        )
        self.answers: dict[int, int] = {}
        """Answers by status, for /metrics."""

    async def start(self) -> None:
        """Reads the register and starts the periodic work; once."""
        await self.upkeep.start()

    async def close(self) -> None:
        """Stores and writes what is still under way."""
        await self.upkeep.stop()
        await self.commits.close()
        await self._documents.close()
        await self.upkeep.close()

    @property
    def disk_full(self) -> str:
        """Why no batch is taken; "" while there is room."""
        return self.upkeep.disk_full

    # ---- one request

    async def answer(self, scope: Scope, receive: Receive) -> Answer:
        """The whole of a request to PATH."""
        body = Body(receive)
        try:
            answer = agreed(await self._take(scope, body))
        except Problem as problem:
            answer = await refusal(problem, scope, body)
        except Exception:
            log.exception("unexpected error at the door")
            answer = await refusal(
                try_later(503, "not stored", "an unexpected error; see the log"), scope, body
            )
        self.answers[answer.status] = self.answers.get(answer.status, 0) + 1
        return answer

    async def _take(self, scope: Scope, body: Body) -> dict[str, Any]:
        if scope["method"] != "POST":
            raise Problem(405, "method not allowed", "POST a batch", headers={"Allow": "POST"})
        headers = dict(scope["headers"])
        if not self.upkeep.started:
            await self.start()
        known = await self.authenticate(headers.get(b"authorization", b""))
        refuse_state(known)
        self.limit(known)
        self.check_disk()
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if kind != _CONTENT_TYPE:
            raise Problem(415, "unknown content type", f"send {records.CONTENT_TYPE}")
        wire = await body.read(headers.get(b"content-length"), records.MAX_WIRE_BYTES)
        client = scope.get("client")
        return await self.take_wire(
            known, wire, address=client[0] if client else "", clock=headers.get(b"yunxun-sent")
        )

    def limit(self, known: Known) -> None:
        """Counts one batch. Raises Problem 429."""
        most = self._settings.batches_per_minute
        wait = known.take(time.monotonic(), most)
        if wait:
            raise try_later(429, "too many batches", f"at most {most} a minute", wait)

    def check_disk(self) -> None:
        """Raises Problem 507 before the disk is full."""
        if self.disk_full:
            raise try_later(507, "disk full", self.disk_full)

    async def take_parts(
        self, table: str, wires: list[tuple[int, bytes]], source: str, version: int
    ) -> int:
        """Takes in wires of (resource id, batch) under one version, not as an agent; gives the
        number of rows set aside. Raises Problem."""
        puts = []
        for resource, wire in wires:
            opened = self._opener.open(wire)
            part = Part(opened.layout, opened.rows, opened.payload, resource, source, version)
            puts.append(self.commits.put(table, part))
        outcomes = await asyncio.gather(*puts)
        asides = [aside for each in outcomes for aside in (each.future, each.unset) if aside]
        return sum(aside.rows for aside in asides)

    async def take_wire(
        self, known: Known, wire: bytes, *, address: str = "", clock: bytes | None = None
    ) -> dict[str, Any]:
        """Takes in one batch of an agent that may send. Raises Problem, Conflict is one."""
        now = self._runtime.now()
        known.last_seen, known.seen, known.address = now, True, address or known.address
        if clock is not None:
            known.clock_skew_s = _skew(clock, now)
        try:
            if len(wire) > INFLATE_ASIDE_BYTES:
                inflated = await asyncio.to_thread(records.inflate, wire)
                opened = self._opener.parse(*inflated, wire[-4:])
            else:
                opened = self._opener.open(wire)
        except WireError as error:
            raise Problem(
                413 if "inflates to over" in str(error) else 422, "bad batch", str(error)
            ) from None
        batch = opened.id
        if batch.agent != known.id:
            raise Problem(403, "another agent's batch", f"{known.id} sent as {batch.agent!r}")
        if batch.seq >= VERSION_SEQ_LIMIT:
            raise Problem(422, "bad batch", f"seq is not below {VERSION_SEQ_LIMIT}")
        if opened.table == records.DOCUMENTS:
            documents.check_documents(opened.documents, self._kinds)
            ledger = self._admit(known, opened, now)
            await self._documents.put(Delivery(batch, opened.digest, opened.documents, now))
            return _acknowledged(known, batch.seq, ledger)
        unknown, words = self._judge(known, opened)
        ledger = self._admit(known, opened, now)
        part = Part(
            opened.layout,
            opened.rows,
            opened.payload,
            known.resource_id or 0,
            "agent" if words is None else f"poller:{known.id[-8:]}",
            ledger.version(batch.seq),
            words,
        )
        outcome = await self.commits.put(opened.table, part) if opened.rows else _NOTHING
        known.last_sample_ms = max(known.last_sample_ms, outcome.newest_ms)
        known.seen = True
        done = _acknowledged(known, batch.seq, ledger)
        if unknown or outcome.future or outcome.unset or outcome.foreign:
            done["set_aside"] = self._set_aside(known, unknown, opened, outcome, now)
        return done

    async def authenticate(self, authorization: bytes) -> Known:
        """The agent whose secret this is. Raises Problem 401."""
        scheme, _, credential = authorization.partition(b" ")
        name, _, secret = credential.strip().partition(b".")
        if scheme.lower() != b"bearer" or not secret or len(name) > 64 or not name.isalnum():
            raise unauthorized("send 'Authorization: Bearer <agent>.<secret>'")
        agent = name.decode("ascii", "replace")
        known = self.directory.get(agent)
        if known is None and self.directory.may_look_up(agent, time.monotonic()):
            await self.upkeep.reload_agent(agent)
            known = self.directory.get(agent)
        if known is None or not known.accepts(secret):
            raise unauthorized("the agent is unknown or its secret is wrong; enrol it again")
        return known

    def _judge(
        self, known: Known, opened: Opened
    ) -> tuple[tuple[str, ...], tuple[Measured, ...] | None]:
        """The columns to set aside; of a poller's batch, what each word names and when it was the
        sender's. Raises Problem for a batch that cannot be taken."""
        verdict: Verdict | None = opened.layout.verdicts.get(opened.table)
        if verdict is None:
            verdict = opened.layout.verdicts[opened.table] = judge(opened.table, opened.layout)
        if verdict.problem:
            raise Problem(422, "bad batch", verdict.problem)
        if known.resource_id is None:
            raise Problem(403, "agent pending", "the agent is not bound to a resource yet")
        if opened.table in POLLED and "poller" not in known.roles:
            raise Problem(
                422, "bad batch", f"rows of {opened.table} come from agents with role poller only"
            )
        words = opened.layout.dictionaries.get("resource")
        if words is not None and (known.measures or "poller" in known.roles):
            # Not refused as a whole: a device that has just moved must not stop the others.
            host = Measured(known.resource_id, EVER)
            own = {"": host, known.resource_code: host}
            return verdict.unknown, tuple(
                own.get(word) or known.measures.get(word, NOBODYS) for word in words
            )
        if words is not None:
            for word in words:
                if word not in ("", known.resource_code):
                    raise Problem(
                        403,
                        "another agent's resource",
                        f"agent {known.id} measures {known.resource_code!r}, not {word!r}",
                    )
        return verdict.unknown, None

    def _admit(self, known: Known, opened: Opened, now: datetime) -> Ledger:
        try:
            return known.admit(opened.id, opened.digest, lambda: newest_start(opened), now)
        except Conflict as conflict:
            log.error("agent %s: %s", known.id, conflict)
            known.state = "conflict"
            self.directory.conflicts[known.id] = str(conflict)
            title, detail = REFUSED_STATES["conflict"]
            raise Problem(403, title, f"{detail} ({conflict})") from None

    def _set_aside(
        self,
        known: Known,
        unknown: tuple[str, ...],
        opened: Opened,
        outcome: Outcome,
        now: datetime,
    ) -> dict[str, Any]:
        report: dict[str, Any] = {}
        if unknown and opened.rows:
            times = _times(opened)
            first, last = _moment(int(times.min())), _moment(int(times.max()))
            for name in unknown:
                kind = set_aside.UNKNOWN_COLUMN
                counts = self.books.counts
                set_aside.merge(counts, kind, known.id, name, opened.rows, now, first, last)
        if unknown:
            report["unknown_columns"] = list(unknown)
        for kind, aside in (
            (set_aside.FUTURE, outcome.future),
            (set_aside.UNSET_CLOCK, outcome.unset),
            (set_aside.FOREIGN, outcome.foreign),
        ):
            if aside is not None:
                first, last = _span(aside)
                set_aside.merge(self.books.counts, kind, known.id, "", aside.rows, now, first, last)
                report[f"{kind}_rows"] = aside.rows
        return report

    def _write_documents(self, deliveries: list[Delivery]) -> None:
        with self._runtime.database.write() as session:
            now = self._runtime.now()
            documents.deliver(session, deliveries, self.books.subjects, now, self._kinds)


class DoorMiddleware:
    """Answers PATH before the application sees it; everything else passes through."""

    def __init__(self, app: ASGIApp, door: Callable[[], Door]) -> None:
        self.app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH:
            await self.app(scope, receive, send)
            return
        answer = await self._door().answer(scope, receive)
        await send(
            {"type": "http.response.start", "status": answer.status, "headers": answer.headers}
        )
        await send({"type": "http.response.body", "body": answer.body})


def _acknowledged(known: Known, seq: int, ledger: Ledger) -> dict[str, Any]:
    """The answer to a batch that is stored; with the version of what the agent is to fetch."""
    done: dict[str, Any] = {"acked": seq, "acked_through": ledger.store(seq)}
    if known.assigned:
        done["assigned"] = known.assigned
    return done


def judge(table: str, layout: Layout) -> Verdict:
    """Whether a table takes batches of this layout, and which columns it does not know."""
    try:
        known = set(catalog.table(table).names)
    except KeyError:
        return Verdict(f"there is no sample table {table[:64]!r}", ())
    unknown = []
    for name, kind in layout.columns.items():
        if name in ("instance", "resource"):
            if kind != "u2":
                return Verdict(f"column {name}: its type must be u2", ())
        elif name in known:
            if kind == "u2":
                return Verdict(f"column {name}: a metric is a number, not a string", ())
        elif name not in ("time", "interval_s"):
            unknown.append(name)
    return Verdict("", tuple(unknown))


def newest_start(opened: Opened) -> int:
    """Milliseconds since 1970 of the newest row or document; 0 where there is none."""
    if opened.documents:
        return max(document.time_ms for document in opened.documents)
    if not opened.rows:
        return 0
    return int(_times(opened).max())


def _times(opened: Opened) -> Any:
    """Milliseconds since 1970 of the rows' starts."""
    return opened.layout.read([opened.payload], opened.rows)[opened.layout.place["time"]]


def refuse_state(known: Known) -> None:
    """Raises Problem 403 unless the agent may send."""
    refusal = REFUSED_STATES.get(known.state)
    if refusal is not None:
        raise Problem(403, *refusal)


def unauthorized(detail: str) -> Problem:
    return Problem(401, "not authenticated", detail, headers={"WWW-Authenticate": "Bearer"})


def _skew(clock: bytes, now: datetime) -> float | None:
    """Seconds the agent's clock is ahead, by the epoch ms it sent; None if unreadable."""
    try:
        skew = int(clock) / 1000 - now.timestamp()
    except ValueError:
        return None
    return round(skew, 1) if abs(skew) < 1e10 else None


def _span(aside: Aside) -> tuple[datetime | None, datetime | None]:
    return _moment(aside.first_ms), _moment(aside.last_ms)


def _moment(ms: int) -> datetime | None:
    return moment(ms) if 0 <= ms < 4_102_444_800_000 else None


_CONTENT_TYPE = records.CONTENT_TYPE.encode()
_NOTHING = Outcome(0, None, None)
