"""Measures the points that the controller assigns, once an interval, in a thread of its own.

The thread starts with the first target and ends with the last, so an agent without assignments
pays nothing for it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from agent.log import Log
from collectors.records import Reading

Item = dict[str, Any]
Store = Callable[[list[Reading]], None]
"""Spools rows of the table ``reach``."""

SPREAD = 0.75
"""Share of an interval over which its probes are spread; the rest is for late answers."""
LEAST_INTERVAL_S, MOST_INTERVAL_S = 10.0, 3_600.0
MOST_PROBES = 20


class ReachService:
    """Takes assignments of kind ``reach``: ``{"interval_s", "probes", "timeout_ms", "targets":
    [[key, address, tcp port]]}``."""

    def __init__(self, store: Store, log: Log, wall: Callable[[], float] = time.time) -> None:
        self._store, self._log, self._wall = store, log, wall
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._targets: list[Any] = []
        self._interval_s, self._probes, self._timeout_s = 60.0, 3, 1.0
        self._thread: threading.Thread | None = None
        self._last_ms = 0

    def take(self, bodies: list[Item]) -> None:
        """What is to be measured from now on; nothing at all ends it. For the sending thread."""
        if not bodies and self._thread is None:
            return
        from collectors.reach.probe import parse_targets  # noqa: PLC0415 - only pollers need it

        targets = [each for body in bodies for each in parse_targets(body.get("targets"))]
        first = bodies[0] if bodies else {}
        with self._lock:
            self._targets = targets
            self._interval_s = _number(first, "interval_s", 60, LEAST_INTERVAL_S, MOST_INTERVAL_S)
            self._probes = int(_number(first, "probes", 3, 1, MOST_PROBES))
            self._timeout_s = _number(first, "timeout_ms", 1_000, 50, 10_000) / 1_000
            if targets and self._thread is None:
                self._thread = threading.Thread(target=self._work, name="reach", daemon=True)
                self._thread.start()
        self._changed.set()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._targets:
                    self._thread = None
                    return
                interval = self._interval_s
            wait = interval - self._wall() % interval
            if self._changed.wait(wait):
                self._changed.clear()  # other targets: from the next boundary on
                continue
            try:
                self._measure()
            except Exception as error:  # one bad round is a gap, not the end
                self._log.throttled(
                    "error", "reach_failed", type(error).__name__, error=repr(error)
                )

    def _measure(self) -> None:
        from collectors.reach.probe import Round, readings  # noqa: PLC0415 - only pollers need it

        with self._lock:
            targets, interval, probes = list(self._targets), self._interval_s, self._probes
            timeout = self._timeout_s
        grid = round(interval * 1000)
        # A wait that ended a little early belongs to the interval that is about to begin.
        start_ms = (round(self._wall() * 1000) + grid // 20) // grid * grid
        if start_ms <= self._last_ms:
            return  # the clock stepped back: no time is used twice
        results = Round(
            targets,
            probes=probes,
            spread_s=max(0.0, interval * SPREAD - timeout),
            timeout_s=timeout,
        ).run()
        self._last_ms = start_ms
        self._store(readings(results, start_ms, interval))


def _number(body: Item, key: str, default: float, least: float, most: float) -> float:
    given = body.get(key, default)
    if isinstance(given, bool) or not isinstance(given, int | float):
        return default
    return min(max(float(given), least), most)
