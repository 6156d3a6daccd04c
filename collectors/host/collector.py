"""Collecting this host: every collector timed, classified and reported, none able to stop another.

For the agent::

    host = HostCollector()                       # or HostCollector(proc=…, sys=…, root=…)
    host.collect(now_wall_ms, now_monotonic)     # the first call takes the baseline: no readings
    host.subsample(now_monotonic)                # every 5 s in between: CPU peak, memory mean
    got = host.collect(now_wall_ms, now_monotonic)   # every 60 s: got.readings, got.failures
    host.close()                                 # at the end
    facts = host.facts()                         # slow (milliseconds): at start, then hourly

Pass the *nominal* wall time of the tick (12:01:00.000, not 12:01:00.013) and rows start on whole
minutes; the rates are taken over the monotonic time that really passed.
"""

from __future__ import annotations

import os
import time
from typing import Any, NamedTuple

from collectors.host.contract import (
    Closed,
    Collector,
    InParts,
    NothingToCollect,
    Subsampled,
    Values,
)
from collectors.records import Document, Reading

TABLE = "host"

PARTS_MS = 300_000
"""Instance rows come on every whole five minutes; they are many and change slowly."""

EARLY_MS = 2_000
"""A tick this little before the whole five minutes counts as on it."""

CLOCK_STEP_MS = 1_000
"""Wall and monotonic time may differ by this much over an interval before it is a clock step."""

REPEAT_S = 3_600.0
"""A failure that stays the same is reported again after an hour, not every minute."""

OK, NOTHING, FAILED = "ok", "nothing", "failed"


class Collected(NamedTuple):
    """What one collection gave."""

    readings: list[Reading]
    """The host row (instance "") and, when due, the instance rows. ``time_ms`` is the start."""
    failures: list[Document]
    """Failures to report: new, changed, or repeated after an hour. Kind "collector_failed"."""
    durations: dict[str, float]
    """Collector to its wall seconds."""
    outcomes: dict[str, str]
    """Collector to "ok", "nothing" (this host has none) or "failed"."""


class _Mark(NamedTuple):
    """Where an interval began: the instant, and every collector's snapshot of it."""

    wall_ms: int
    monotonic: float
    snapshots: dict[str, Any]


class HostCollector:
    """The collectors of this host and the intervals they measure over. Not thread-safe.

    ``root`` is where /etc, /run and /var are looked for. ``portable`` True measures with psutil
    alone; None chooses that where there is no /proc/stat.
    """

    def __init__(
        self,
        proc: str = "/proc",
        sys: str = "/sys",
        root: str = "/",
        portable: bool | None = None,
        collectors: tuple[Collector, ...] | None = None,
    ) -> None:
        self._proc, self._sys, self._root = proc, sys, root
        if portable is None:
            portable = not os.path.exists(f"{proc}/stat")
        self.portable = portable
        self.collectors = collectors or built_in(proc, sys, portable)
        # Asked once: isinstance of a protocol costs as much as reading /proc/stat.
        self._subsampled = [c for c in self.collectors if isinstance(c, Subsampled)]
        self._mark: _Mark | None = None
        self._parts_mark: _Mark | None = None
        self._reported: dict[str, tuple[str, float]] = {}

    def subsample(self, now_monotonic: float) -> None:
        """A cheap look between collections; what fails here is told when collect fails too."""
        for collector in self._subsampled:
            try:
                collector.subsample(now_monotonic)
            except (OSError, ValueError, LookupError, NothingToCollect):
                continue

    def collect(self, now_wall_ms: int, now_monotonic: float) -> Collected:
        """Measures the interval since the last call; see the top of this file."""
        got = Collected([], [], {}, {})
        now = _Mark(now_wall_ms, now_monotonic, {})
        for collector in self.collectors:
            self._read(collector, now, got)
        host = self._row(self._mark, now, got)
        if host is not None:
            got.readings.append(host)
        if self._parts_mark is None:
            self._parts_mark = now
        elif parts_due(self._parts_mark.wall_ms, now_wall_ms):
            got.readings.extend(self._part_rows(self._parts_mark, now, got))
            self._parts_mark = now
        self._mark = now
        for name, outcome in got.outcomes.items():
            if outcome == OK:
                self._reported.pop(name, None)
        return got

    def close(self) -> None:
        """Closes what the collectors hold open."""
        for collector in self.collectors:
            if isinstance(collector, Closed):
                collector.close()

    def facts(self) -> dict[str, Any]:
        """Who this host is; see collectors.host.identity. Never raises."""
        from collectors.host.identity import read_facts  # noqa: PLC0415 - psutil only when needed

        return read_facts(self._proc, self._sys, self._root)

    def _read(self, collector: Collector, now: _Mark, got: Collected) -> None:
        started = time.perf_counter()
        try:
            now.snapshots[collector.name] = collector.read(now.monotonic)
            got.outcomes[collector.name] = OK
        except NothingToCollect:
            got.outcomes[collector.name] = NOTHING
        except Exception as error:  # one collector must not stop the others
            self._failed(collector.name, error, now, got)
        got.durations[collector.name] = time.perf_counter() - started

    def _row(self, before: _Mark | None, now: _Mark, got: Collected) -> Reading | None:
        if before is None or now.monotonic <= before.monotonic:
            return None
        seconds = now.monotonic - before.monotonic
        restarted = went_back(before.snapshots.get("uptime"), now.snapshots.get("uptime"))
        values: Values = {}
        for collector in self.collectors:
            if collector.name in now.snapshots:
                earlier = None if restarted else before.snapshots.get(collector.name)
                try:
                    values.update(collector.values(earlier, now.snapshots[collector.name], seconds))
                except Exception as error:  # as in _read
                    self._failed(collector.name, error, now, got)
        start = interval_start(before.wall_ms, now.wall_ms, seconds)
        return Reading(TABLE, "", start, seconds, values) if values else None

    def _part_rows(self, before: _Mark, now: _Mark, got: Collected) -> list[Reading]:
        seconds = now.monotonic - before.monotonic
        if seconds <= 0:
            return []
        start = interval_start(before.wall_ms, now.wall_ms, seconds)
        restarted = went_back(before.snapshots.get("uptime"), now.snapshots.get("uptime"))
        rows: list[Reading] = []
        for collector in self.collectors:
            if collector.name in now.snapshots and isinstance(collector, InParts):
                earlier = None if restarted else before.snapshots.get(collector.name)
                try:
                    parts = collector.parts(earlier, now.snapshots[collector.name], seconds)
                except Exception as error:  # as in _read
                    self._failed(collector.name, error, now, got)
                    continue
                rows.extend(
                    Reading(TABLE, instance, start, seconds, values)
                    for instance, values in parts.items()
                    if values
                )
        return rows

    def _failed(self, name: str, error: Exception, now: _Mark, got: Collected) -> None:
        got.outcomes[name] = FAILED
        text = f"{type(error).__name__}: {error}"
        told, when = self._reported.get(name, ("", 0.0))
        if told != text or now.monotonic - when >= REPEAT_S:
            self._reported[name] = (text, now.monotonic)
            body = {"collector": name, "error": text}
            got.failures.append(Document("collector_failed", now.wall_ms, body))


def built_in(proc: str, sys: str, portable: bool) -> tuple[Collector, ...]:
    """The built-in collectors, made for these roots."""
    if portable:
        from collectors.host.portable import PORTABLE  # noqa: PLC0415 - imports psutil

        return tuple(make() for make in PORTABLE)
    from collectors.host.linux import LINUX  # noqa: PLC0415 - useless without /proc

    return tuple(make(proc, sys) for make in LINUX)


def interval_start(before_ms: int, now_ms: int, seconds: float) -> int:
    """When the interval of ``seconds`` that ends now began, in wall milliseconds.

    The end of the one before, so that rows join without overlap; where the wall clock was set in
    between, the end less the monotonic time that passed.
    """
    elapsed_ms = round(seconds * 1000)
    if abs((now_ms - before_ms) - elapsed_ms) <= CLOCK_STEP_MS:
        return before_ms
    return now_ms - elapsed_ms


def parts_due(last_ms: int, now_ms: int) -> bool:
    """Whether a whole five minutes was reached since the last instance rows."""
    return (now_ms + EARLY_MS) // PARTS_MS > (last_ms + EARLY_MS) // PARTS_MS or now_ms < last_ms


def went_back(before: float | None, after: float | None) -> bool:
    """Whether the host was started again between two uptimes: no counter survived that."""
    return before is not None and after is not None and after < before
