"""How much one source may send: a bucket of tokens each, looked at before anything is decoded."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

PER_S = 10.0
BURST = 100.0
ALL_PER_S = 300.0
"""Of all sources together: what one process decodes with CPU to spare."""
MOST_SOURCES = 10_000


class Bucket(NamedTuple):
    """Tokens at a moment."""

    tokens: float
    at: float


class Floodgate:
    """``admits`` says whether one more datagram of a source is looked at; ``take_dropped`` counts
    the rest. Times are arguments; it grows no further than MOST_SOURCES."""

    def __init__(
        self, per_s: float = PER_S, burst: float = BURST, all_per_s: float = ALL_PER_S
    ) -> None:
        self._per_s, self._burst, self._all_per_s = per_s, burst, all_per_s
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()
        self._all = Bucket(all_per_s, 0.0)
        self._dropped: dict[str, int] = {}

    def admits(self, source: str, now: float) -> bool:
        """Takes a token of the source and one of all; without either the datagram is dropped."""
        own = _filled(self._buckets.get(source, Bucket(self._burst, now)), self._per_s,
                      self._burst, now)  # fmt: skip
        whole = _filled(self._all, self._all_per_s, self._all_per_s, now)
        good = own.tokens >= 1 and whole.tokens >= 1
        self._buckets[source] = Bucket(own.tokens - good, now)
        self._buckets.move_to_end(source)
        self._all = Bucket(whole.tokens - good, now)
        if len(self._buckets) > MOST_SOURCES:
            self._buckets.popitem(last=False)
        if not good:
            key = source if source in self._dropped or len(self._dropped) < MOST_SOURCES else ""
            self._dropped[key] = self._dropped.get(key, 0) + 1
        return good

    def take_dropped(self) -> dict[str, int]:
        """Dropped datagrams by source since the last call ("": of sources beyond counting)."""
        taken, self._dropped = self._dropped, {}
        return taken


def _filled(bucket: Bucket, per_s: float, most: float, now: float) -> Bucket:
    return Bucket(min(most, bucket.tokens + max(0.0, now - bucket.at) * per_s), now)
