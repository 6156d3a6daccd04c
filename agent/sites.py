"""Scans the websites that the controller assigns, once in so many hours, and at once when asked.

Each reading goes home as a document of its own, so that what was measured is kept although a scan
breaks off. One scan at a time, in a thread that lasts while there is something assigned.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from agent.log import Log
from agent.site_scan import Scan, ScanError, sites_of
from agent.tasks import Task, TaskError
from collectors.records import Document

Item = dict[str, Any]
Post = Callable[[Document], None]

READING = "ipv6_reading"
LEAST_EVERY_S, MOST_EVERY_S = 600.0, 7 * 86_400.0
RETRY_S = 1_800.0
"""After a scan that could not be done."""


class SiteScans:
    """Takes assignments of kind ``ipv6_sites``: ``{"vantage", "sites": [{"code", "url"}], "dns",
    "allow", "every_s", "age_s"}``; ``age_s``: since the newest reading that the controller has."""

    def __init__(
        self,
        post: Post,
        log: Log,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._post, self._log = post, log
        self._monotonic, self._wall = monotonic, wall
        self._lock = threading.Lock()
        self._scanning = threading.Lock()
        self._changed = threading.Event()
        self._bodies: dict[str, Item] = {}
        self._due: dict[str, float] = {}
        self._thread: threading.Thread | None = None
        self._scan: Scan | None = None

    def take(self, bodies: list[Item]) -> None:
        """What is to be scanned from now on; nothing at all ends it. For the sending thread."""
        with self._lock:
            wanted = {str(body.get("vantage", "")): body for body in bodies if sites_of(body)}
            now = self._monotonic()
            for name, body in wanted.items():
                if name not in self._due:
                    self._due[name] = now + max(0.0, _every(body) - _number(body, "age_s", 1e9))
            self._due = {name: due for name, due in self._due.items() if name in wanted}
            self._bodies = wanted
            if wanted and self._thread is None:
                self._thread = threading.Thread(target=self._work, name="sites", daemon=True)
                self._thread.start()
        self._changed.set()

    def scan_now(self, task: Task) -> Item | None:
        """Task ``ipv6_scan``: its body is an assignment's. Raises TaskError."""
        total = len(sites_of(task.body))
        if not total:
            raise TaskError("no sites to scan")

        def tell(done: int) -> None:
            if done % 20 == 0:
                task.tell(done, total)

        try:
            return {"readings": self._run(task.body, tell)}
        except ScanError as error:
            raise TaskError(str(error)) from None

    def stop(self) -> None:
        """Ends a scan that is under way."""
        with self._lock:
            self._bodies, self._due = {}, {}
            scan = self._scan
        if scan is not None:
            scan.stop()
        self._changed.set()

    def _work(self) -> None:
        while True:
            self._changed.clear()
            with self._lock:
                if not self._bodies:
                    self._thread = None
                    return
                name, due = min(self._due.items(), key=lambda each: each[1])
                body = self._bodies[name]
            wait = due - self._monotonic()
            if wait > 0:
                self._changed.wait(min(wait, 3_600.0))
                continue
            after = _every(body)
            try:
                count = self._run(body, lambda _done: None)
                self._log.event("info", "sites_scanned", vantage=name, readings=count)
            except ScanError as error:
                after = min(after, RETRY_S)
                self._log.throttled("error", "sites_not_scanned", name, error=str(error))
            with self._lock:
                if name in self._due:
                    self._due[name] = self._monotonic() + after

    def _run(self, body: Item, tell: Callable[[int], None]) -> int:
        done = 0
        with self._scanning:
            scan = Scan(body)
            with self._lock:
                self._scan = scan
            try:
                for reading in scan:
                    done += 1
                    self._post(Document(READING, int(self._wall() * 1000), reading))
                    tell(done)
            finally:
                with self._lock:
                    self._scan = None
        return done


def _every(body: Item) -> float:
    return min(max(_number(body, "every_s", 86_400.0), LEAST_EVERY_S), MOST_EVERY_S)


def _number(body: Item, name: str, default: float) -> float:
    value = body.get(name, default)
    return (
        float(value) if isinstance(value, int | float) and not isinstance(value, bool) else default
    )
