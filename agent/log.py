"""One structured line an event, on standard error; journald or the supervisor keeps it.

The logging module is not used: it costs 1.5 MB of resident memory and adds nothing here.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import TextIO

LEVELS = ("debug", "info", "warning", "error")

REPEAT_S = 600.0
"""The same event about the same thing is written once in this time, with a count."""


class Log:
    """Writes events; never raises, so that a closed pipe does not stop the measuring."""

    def __init__(
        self,
        level: str = "info",
        stream: TextIO | None = None,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._least = LEVELS.index(level)
        self._stream = sys.stderr if stream is None else stream
        self._wall = wall
        self._monotonic = monotonic
        self._last: dict[tuple[str, str], tuple[float, int]] = {}

    def event(self, level: str, event: str, /, **fields: object) -> None:
        """Writes one line: time, level, event, then ``fields``."""
        if LEVELS.index(level) < self._least:
            return
        line = {"time": utc_text(self._wall()), "level": level, "event": event, **fields}
        try:
            self._stream.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            return

    def throttled(self, level: str, event: str, about: str, /, **fields: object) -> None:
        """Like ``event``, but at most once in REPEAT_S for each (event, about)."""
        now = self._monotonic()
        last, suppressed = self._last.get((event, about), (-REPEAT_S, 0))
        if now - last < REPEAT_S:
            self._last[event, about] = (last, suppressed + 1)
            return
        if len(self._last) > 200:
            self._last.clear()
        self._last[event, about] = (now, 0)
        if suppressed:
            fields["repeated"] = suppressed
        self.event(level, event, **fields)

    def forget(self, event: str) -> None:
        """The trouble is over: the next time it is news again."""
        for key in [key for key in self._last if key[0] == event]:
            del self._last[key]


def utc_text(epoch_s: float) -> str:
    """RFC 3339 in UTC with milliseconds; any clock, 1970 included."""
    whole = int(epoch_s)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
    return f"{text}.{int((epoch_s - whole) * 1000):03d}Z"
