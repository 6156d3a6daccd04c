"""Spools and readings for tests: small, deterministic, told apart by their numbers."""

from __future__ import annotations

from pathlib import Path

from agent.service import NAMES
from agent.spool import Spool
from collectors.records import Document, Reading

T0 = 1_795_000_020_000
"""A whole minute."""


def make_spool(folder: Path, **settings: object) -> Spool:
    """A spool in ``folder``; settings as Spool's."""
    given = {"max_bytes": 10_000_000, "min_free_pct": 0.0, "machine": "m", "boot": "b", **settings}
    return Spool(str(folder), **given)  # type: ignore[arg-type]


def reading(number: int, instance: str = "") -> Reading:
    """The row of minute ``number``, whose load1 says which it is."""
    return Reading("host", instance, T0 + number * 60_000, 60.0, {"load1": float(number)})


def put(spool: Spool, *numbers: int, agent: str = "a1") -> list[int]:
    """One batch holding the rows of these minutes."""
    rows = [reading(number) for number in numbers]
    return spool.append(agent, [("host", NAMES["host"], rows)], [], rows[-1].time_ms)


def put_document(spool: Spool, text: str, agent: str = "a1") -> list[int]:
    """One batch holding a document."""
    return spool.append(agent, [], [Document("facts", T0, {"text": text})], T0)
