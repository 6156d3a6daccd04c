"""Which batches of an agent's spool are stored, and whether one spool is sending as two.

A batch id is (agent, epoch, seq); an epoch is one spool's life, and seq starts at 1. What is
kept here is bookkeeping: whether rows are stored is the sample store's truth, and a replay is
inserted again (it changes nothing there). So a ledger may forget, and must never claim too much.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from datetime import datetime
from typing import Any, NamedTuple

MOST_RANGES = 64
"""Ranges kept above ``acked_through``; a live and a backlog lane make two or three."""
RECENT_MARKS = 8
MOST_MARKS = 24
"""Of older batches every other one is forgotten, so marks reach back over the spool's life."""

VERSION_SEQ_LIMIT = 1 << 40
LATE_MS = 120_000
"""Longest that a request of a spool may be under way when the next spool's first one comes."""
FRESH_MS = 600_000
"""A row this young was measured now, whatever its number says."""
REUSE_MS = 1_800_000
"""How far a row may be younger than the arrival of a later-numbered batch."""


class Mark(NamedTuple):
    """What a batch number stood for: its content, and when it first came (ms since 1970)."""

    digest: str
    arrived_ms: int


class Conflict(Exception):
    """Two machines send as one agent; the text says by what it was noticed."""


class Ledger:
    """One (agent, epoch). For one thread; the door's event loop."""

    __slots__ = (
        "acked_through",
        "agent",
        "beyond",
        "changed",
        "epoch",
        "first_seen",
        "marks",
        "salt",
    )

    def __init__(self, agent: str, epoch: str, first_seen: datetime) -> None:
        self.agent = agent
        self.epoch = epoch
        self.acked_through = 0
        self.beyond: list[list[int]] = []
        """Closed ranges [first, last] above ``acked_through``, ascending, apart from each other."""
        self.marks: dict[int, Mark] = {}
        self.first_seen = first_seen
        self.changed = False
        digest = hashlib.sha256(f"{agent}/{epoch}".encode()).digest()
        self.salt = int.from_bytes(digest[:3], "big")

    def version(self, seq: int) -> int:
        """Version of the batch's rows: by number, and where two spools tie, by spool; never by
        arrival, so that any order of any replays ends in the same rows."""
        return seq << 24 | self.salt

    def remembers(self, seq: int, digest: str) -> bool:
        """Whether the number came before, with this content; Conflict if with another."""
        mark = self.marks.get(seq)
        if mark is not None and mark.digest != digest:
            raise Conflict(f"batch {seq} came twice with different content")
        return mark is not None

    @property
    def highest(self) -> int:
        """The highest number that came; 0 before the first."""
        return max(self.marks, default=0)

    def note(self, seq: int, digest: str, arrived_ms: int) -> None:
        """Remembers what the number stands for."""
        self.marks[seq] = Mark(digest, arrived_ms)
        self.changed = True
        self._thin()

    def _thin(self) -> None:
        if len(self.marks) > MOST_MARKS:
            kept = sorted(self.marks)
            old, recent = kept[:-RECENT_MARKS], kept[-RECENT_MARKS:]
            self.marks = {s: self.marks[s] for s in old[::2] + recent}

    def check_turn(self, seq: int, newest_ms: int, now_ms: int, after: Ledger) -> None:
        """Raises Conflict if this spool counts on although ``after`` came later: an agent never
        goes back to an old epoch, so two epochs by turns are two machines. A request that was
        under way while the machine rebooted is not mistaken for one: its rows are older."""
        since_ms = int(after.first_seen.timestamp() * 1000)
        if seq > self.highest and (newest_ms > since_ms or now_ms > since_ms + LATE_MS):
            raise Conflict("two spools send by turns")

    def check_age(self, seq: int, newest_ms: int, now_ms: int) -> None:
        """Raises Conflict if rows of now come under a number long passed: a restored or cloned
        spool counts on from where its snapshot was taken. By the server's clock, so that an
        agent's clock that stepped is not mistaken for a clone."""
        if not now_ms - FRESH_MS <= newest_ms <= now_ms + FRESH_MS:
            # Old rows are a backlog; rows of the future tell of a clock, not of a second machine.
            return
        later = [mark.arrived_ms for s, mark in self.marks.items() if s > seq]
        if later and newest_ms > min(later) + REUSE_MS:
            raise Conflict(f"batch {seq} holds rows of now, and later numbers came long before")

    def store(self, seq: int) -> int:
        """Notes that the batch is durable; returns every-seq-up-to-here-is."""
        if seq == self.acked_through + 1:
            self.acked_through = seq
            while self.beyond and self.beyond[0][0] <= self.acked_through + 1:
                self.acked_through = max(self.acked_through, self.beyond.pop(0)[1])
        elif seq > self.acked_through:
            add(self.beyond, seq, seq)
            del self.beyond[:-MOST_RANGES]
        self.changed = True
        return self.acked_through

    def holds(self, seq: int) -> bool:
        """Whether the batch is known to be stored."""
        if 0 < seq <= self.acked_through:
            return True
        at = bisect_left(self.beyond, [seq + 1]) - 1
        return at >= 0 and self.beyond[at][1] >= seq

    def merge(self, acked_through: int, beyond: list[Any], marks: dict[str, Any]) -> None:
        """Takes in what another process wrote; raises Conflict if it saw other content."""
        self.acked_through = max(self.acked_through, acked_through)
        for first, last in beyond:
            add(self.beyond, int(first), int(last))
        while self.beyond and self.beyond[0][0] <= self.acked_through + 1:
            self.acked_through = max(self.acked_through, self.beyond.pop(0)[1])
        for text, (digest, arrived_ms) in marks.items():
            mark = self.marks.get(int(text))
            if mark is None:
                self.marks[int(text)] = Mark(str(digest), int(arrived_ms))
            elif mark.digest != digest:
                raise Conflict(f"batch {text} came twice with different content")
        self._thin()

    def row(self) -> dict[str, Any]:
        """Its columns in AgentEpoch."""
        return {
            "agent_id": self.agent,
            "epoch": self.epoch,
            "acked_through": self.acked_through,
            "beyond": [list(each) for each in self.beyond],
            "marks": {str(seq): list(mark) for seq, mark in self.marks.items()},
            "first_seen": self.first_seen,
        }


def add(ranges: list[list[int]], first: int, last: int) -> None:
    """Puts [first, last] into ascending disjoint ranges, joining those that touch."""
    at = bisect_left(ranges, [first])
    if at and ranges[at - 1][1] >= first - 1:
        at -= 1
        first = ranges[at][0]
        last = max(last, ranges[at][1])
    end = at
    while end < len(ranges) and ranges[end][0] <= last + 1:
        last = max(last, ranges[end][1])
        end += 1
    ranges[at:end] = [[first, last]]
