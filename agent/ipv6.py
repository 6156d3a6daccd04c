"""When the host's readiness for IPv6 is read, and when it is worth sending."""

from __future__ import annotations

from typing import Any, Protocol

from collectors.records import Document

KIND = "ipv6_host"
CHECK_S = 3_600.0
"""It is read again this often, and sent when it changed (or the time between reports passed)."""


class Source(Protocol):
    """Where it is read: facts.ChildFacts, or a test's own."""

    def begin(self) -> None: ...

    def ready(self) -> dict[str, Any] | None: ...

    def close(self) -> None: ...


class Ipv6Reports:
    """Reads in the background; ``due`` gives a document when there is one to send."""

    def __init__(self, source: Source, every_s: float, monotonic: float) -> None:
        """``every_s``: longest between two reports, 0: never any."""
        self._source, self._every_s = source, every_s
        self._asked = False
        self._next_check = monotonic
        self._sent: float | None = None
        self._digest = ""

    def renew(self) -> None:
        """The next one read is sent, changed or not: somebody new is listening."""
        self._sent, self._next_check = None, 0.0

    def begin(self, monotonic: float) -> None:
        """Starts reading, so that the first tick may have it already."""
        if self._every_s > 0 and not self._asked:
            self._next_check = monotonic + min(CHECK_S, self._every_s)
            self._source.begin()
            self._asked = True

    def due(self, monotonic: float, now_ms: int) -> Document | None:
        """A document read now, if it is to be sent; never blocks."""
        if self._every_s <= 0:
            return None
        if not self._asked:
            if monotonic < self._next_check:
                return None
            self.begin(monotonic)
        found = self._source.ready()
        if found is None:
            return None
        self._asked = False
        document, digest = found.get("document"), str(found.get("digest", ""))
        if not isinstance(document, dict):
            return None
        old = self._sent is None or monotonic - self._sent >= self._every_s
        if digest == self._digest and not old:
            return None
        self._sent, self._digest = monotonic, digest
        return Document(KIND, now_ms, document)

    def close(self) -> None:
        """Ends what is being read."""
        self._source.close()
