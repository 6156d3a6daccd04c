"""Getting batches home: which goes next, what an answer means, when to try again.

Two lanes: live batches newest first, so that what happens now is seen at once after a long cut;
the backlog oldest first, at a bounded rate, with a share of its own. A batch leaves the spool only
on a 2xx that names its seq. Everything else is decided by the table in ``judge``.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, Protocol

from agent.downlink import MOST_ORDERS, Downlink
from agent.http1 import MOST_BODY, Answer, NoAnswerError, parse_date
from agent.spool import Spool
from agent.spool_batch import Entry
from collectors.records import CONTENT_TYPE, MAX_WIRE_BYTES, WireError

PATH = "/api/v1/ingest/batches"

FIRST_WAIT_S = 1.0
"""After the first failure; doubles with each further one, with full jitter."""
MOST_WAIT_S = 300.0
DENIED_WAIT_S = 900.0
"""401 and 403: a wrong clock, a revoked agent, a clone. Kept, and asked again slowly."""
PENDING_WAIT_S = 60.0
"""Waiting for approval in the queue."""
MOST_RETRY_AFTER_S = 3_600.0
STRANGE_WAIT_S = 300.0
"""An answer no controller of ours gives (404, a proxy's page): something else is listening."""

BACKLOG_EVERY = 4
"""Of so many batches one is from the backlog even while live ones wait."""
LIVE_PLACES = 8
"""Only the latest few are live; what is older has become backlog."""
SKEW_S = 60.0
"""A clock further from the controller's than this is told to people."""


class Verdict(NamedTuple):
    """What to do with the batch, and how long to leave the controller alone."""

    action: str
    """stored, quarantine, split, denied, conflict, pending, wait, rewound."""
    wait_s: float
    text: str


class Requests(Protocol):
    """What sends a request: http1.Client, or a test's."""

    def request(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes = b"",
        most: int = MOST_BODY,
    ) -> Answer: ...

    def close(self) -> None: ...


class Events(Protocol):
    """What takes events: log.Log."""

    def event(self, level: str, event: str, /, **fields: object) -> None: ...

    def throttled(self, level: str, event: str, about: str, /, **fields: object) -> None: ...

    def forget(self, event: str) -> None: ...


def judge(answer: Answer, seq: int, issued: int) -> Verdict:  # noqa: PLR0911 - a table
    """What ``answer`` to batch ``seq`` means, when ``issued`` is the highest seq given out.

    A wait of 0 says: by the backoff. A page of a proxy in between is never taken for the
    controller's word: an acknowledgement names the seq, a refusal is a problem document.
    """
    status, body = answer.status, _object(answer.body)
    if 200 <= status < 300:
        if body.get("acked") != seq:
            return Verdict("wait", STRANGE_WAIT_S, "2xx without our acknowledgement: a proxy?")
        through = body.get("acked_through")
        if isinstance(through, int) and through > issued:
            return Verdict("rewound", 0, f"{through} was acknowledged, only {issued} were issued")
        return Verdict("stored", 0, "")
    text = _problem_text(status, body)
    if status in (429, 503, 507):
        return Verdict("wait", _retry_after(answer), text)
    if status in (401, 403):
        title = str(body.get("title", "")).lower()
        if status == 403 and "conflict" in title:
            return Verdict("conflict", DENIED_WAIT_S, text)
        if status == 403 and "pending" in title:
            return Verdict("pending", PENDING_WAIT_S, text)
        return Verdict("denied", DENIED_WAIT_S, text)
    if status == 413:
        return Verdict("split", 0, text)
    if status in (400, 422) and ("title" in body or "detail" in body):
        return Verdict("quarantine", 0, text)
    if 400 <= status < 500 and status != 408:
        return Verdict("wait", STRANGE_WAIT_S, f"{text}: is this a Yunxun controller?")
    return Verdict("wait", 0, text)


def _object(body: bytes) -> dict[str, object]:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _problem_text(status: int, body: dict[str, object]) -> str:
    words = [str(body[key])[:300] for key in ("title", "detail") if body.get(key)]
    return f"{status} {': '.join(words)}".strip()


def _retry_after(answer: Answer) -> float:
    text = answer.headers.get("retry-after", "")
    return min(float(text), MOST_RETRY_AFTER_S) if text.isascii() and text.isdigit() else 0.0


def chance() -> float:
    """Uniform in [0, 1); the random module would cost a megabyte."""
    return int.from_bytes(os.urandom(4), "little") / 4_294_967_296


class Shipper:
    """Sends what waits in ``spool``, one batch at a time; ``step`` once, or ``run`` in a thread."""

    def __init__(
        self,
        spool: Spool,
        log: Events,
        *,
        backlog_per_s: float,
        downlink: Downlink | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        chance: Callable[[], float] = chance,
    ) -> None:
        self._spool, self._log = spool, log
        self._downlink = downlink
        self._backlog_s = 1 / backlog_per_s
        self._monotonic, self._wall, self._chance = monotonic, wall, chance
        self._requests: Requests | None = None
        self._agent = self._secret = ""
        self._live: deque[int] = deque(maxlen=LIVE_PLACES)
        self._wake = threading.Event()
        self._stopped = False
        self._not_before = self._backlog_at = 0.0
        self._failures = self._refusals = self._turn = 0
        self.state = "starting"
        """connected, waiting, unreachable, pending, denied, conflict, unenrolled."""
        self.error = ""
        self.last_stored: float | None = None
        """Wall time of the last acknowledgement."""
        self.stored = 0
        self.skew_s: float | None = None

    def work_for(self, agent: str, secret: str, requests: Requests | None) -> None:
        """Sends as ``agent`` from here on; None for requests: only collect (not enrolled)."""
        if self._requests is not None and self._requests is not requests:
            self._requests.close()
        if self._downlink is not None and self._agent and self._agent != agent:
            self._downlink.forget()
        self._agent, self._secret, self._requests = agent, secret, requests
        self._not_before, self._failures, self.error = 0.0, 0, ""
        self.state = "starting" if requests else "unenrolled"
        self._wake.set()

    def block(self, state: str, text: str) -> None:
        """Stops sending until ``work_for`` is called again."""
        self._requests = None
        self.state, self.error = state, text

    def notify(self, places: list[int]) -> None:
        """New batches wait at ``places`` of the spool."""
        self._live.extend(places)
        self._wake.set()

    def stop(self) -> None:
        """Ends ``run`` after the request under way."""
        self._stopped = True
        self._wake.set()

    def close(self) -> None:
        """Drops the connection; only when ``run`` is over."""
        if self._requests is not None:
            self._requests.close()

    def run(self) -> None:
        """Until ``stop``; an unforeseen failure is logged and counts as no answer."""
        while not self._stopped:
            self._wake.clear()
            try:
                wait = self.step()
            except Exception as error:  # the thread must outlive any one batch
                self._log.throttled("error", "ship_failed", type(error).__name__, error=repr(error))
                wait = self._back_off(0)
            if wait > 0:
                self._wake.wait(min(wait, 3_600.0))

    def step(self) -> float:  # noqa: PLR0911 - one a reason to wait
        """Sends at most one batch; seconds until there is anything to do again."""
        now = self._monotonic()
        if self._requests is None:
            return 3_600.0
        if now < self._not_before:
            return self._not_before - now
        asks_in = self._ask(now)
        entry = self._next(now)
        if entry is None:
            if self._spool.batches:
                return min(asks_in, max(0.01, self._backlog_at - now))
            self._spool.tidy()
            return asks_in
        try:
            entry = self._spool.claim(entry, self._agent)
        except WireError as error:
            self._spool.quarantine(entry, f"not a batch: {error}", self._wall_ms())
            return 0.0
        except sqlite3.Error as error:
            # The disk may be full: the batch keeps its old id and is claimed again later.
            self._log.throttled("warning", "spool_not_written", "claim", error=str(error))
            return self._back_off(0)
        return self._send(entry)

    def _ask(self, now: float) -> float:
        """Fetches what this agent is to do, if that is due; seconds until it is again."""
        if self._downlink is None or self._requests is None:
            return 3_600.0
        if self._downlink.wait_s(now) <= 0:
            requests = self._requests
            error = self._downlink.ask(
                lambda method, path, headers: requests.request(
                    method, path, headers, most=MOST_ORDERS
                ),
                f"{self._agent}.{self._secret}",
                now,
            )
            if error:
                self._log.throttled("warning", "downlink_failed", error[:80], error=error)
            else:
                self._log.forget("downlink_failed")
        return min(3_600.0, self._downlink.wait_s(now))

    def _next(self, now: float) -> Entry | None:
        if not self._spool.batches:
            return None  # without asking the file for eight places in turn
        backlog_due = now >= self._backlog_at
        self._turn += 1
        if not (backlog_due and self._turn % BACKLOG_EVERY == 0):
            entry = self._spool.newest(list(self._live))
            if entry is not None:
                return entry
        if not backlog_due:
            return None
        self._backlog_at = now + self._backlog_s
        return self._spool.oldest()

    def _send(self, entry: Entry) -> float:
        requests = self._requests
        if requests is None:
            return 3_600.0
        if len(entry.body) > MAX_WIRE_BYTES:
            return self._act(entry, Verdict("split", 0, "over the wire limit"))
        headers = {
            "Authorization": f"Bearer {self._agent}.{self._secret}",
            "Content-Type": CONTENT_TYPE,
            # Not Date: proxies rewrite that. The controller tells the clock's skew by it.
            "Yunxun-Sent": str(self._wall_ms()),
        }
        try:
            answer = requests.request("POST", PATH, headers, entry.body)
        except NoAnswerError as error:
            self.state, self.error = "unreachable", str(error)
            self._log.throttled("warning", "unreachable", error.kind, error=str(error))
            return self._back_off(0)
        self._note_skew(answer)
        if self._downlink is not None and b'"assigned"' in answer.body:
            self._downlink.told(_object(answer.body).get("assigned"))
        issued = self._spool.issued
        return self._act(entry, judge(answer, entry.id.seq, issued))

    def _act(self, entry: Entry, verdict: Verdict) -> float:
        action, text = verdict.action, verdict.text
        if action == "stored":
            self._stored(entry)
            return 0.0
        self.error = text
        if action == "quarantine":
            self._log.event("error", "batch_refused", seq=entry.id.seq, kind=entry.kind, error=text)
            self._spool.quarantine(entry, text, self._wall_ms())
            # One poisonous batch costs nothing; a controller that refuses all is not raced.
            self._refusals += 1
            return self._back_off(0, self._refusals - 1) if self._refusals > 1 else 0.0
        if action == "split":
            if not self._spool.split(entry, self._agent):
                self._spool.quarantine(entry, f"one row is too large: {text}", self._wall_ms())
            return 0.0
        if action == "rewound":
            self._log.event("warning", "spool_rewound", error=text, epoch=self._spool.epoch)
            self._spool.renew_epoch()
            return 0.0
        self.state = {"denied": "denied", "pending": "pending", "conflict": "conflict"}.get(
            action, "waiting"
        )
        if action == "conflict":
            self._spool.set_conflict()
            text += "; this agent's identity is used by another machine: enrol this one anew"
            self.error = text
        level = "error" if action in ("denied", "conflict") else "warning"
        self._log.throttled(level, f"ship_{self.state}", text[:80], error=text)
        return self._back_off(verdict.wait_s)

    def _stored(self, entry: Entry) -> None:
        self._spool.ack(entry)
        if self.state != "connected":
            self._log.event("info", "connected", waiting=self._spool.batches)
            for event in ("unreachable", "ship_waiting", "ship_denied", "ship_pending"):
                self._log.forget(event)
        self.state, self.error = "connected", ""
        self.last_stored = self._wall()
        self.stored += 1
        self._failures = self._refusals = 0

    def _back_off(self, told_s: float, failures: int | None = None) -> float:
        """Waits ``told_s`` and a tenth to a third more, or doubling from FIRST_WAIT_S, jittered."""
        if told_s:
            wait = told_s * (1.1 + 0.2 * self._chance())
        else:
            count = self._failures if failures is None else failures
            self._failures += 1
            most = min(MOST_WAIT_S, FIRST_WAIT_S * 2 ** min(count, 20))
            wait = most * (0.1 + 0.9 * self._chance())
        self._not_before = self._monotonic() + wait
        return wait

    def _note_skew(self, answer: Answer) -> None:
        told = parse_date(answer.headers.get("date", ""))
        if told is None:
            return
        self.skew_s = round(self._wall() - told - 0.5, 1)
        if abs(self.skew_s) > SKEW_S:
            self._log.throttled("warning", "clock_skew", "", seconds=self.skew_s)

    def _wall_ms(self) -> int:
        return int(self._wall() * 1000)
