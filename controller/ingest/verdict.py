"""What the door decides from what it knows: whom it lets in, what a layout means."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from collectors import catalog
from controller.ingest.acknowledgements import Ledger
from controller.ingest.block import Aside
from controller.ingest.bookkeeping import moment
from controller.ingest.decode import Layout, Opened
from controller.ingest.directory import Known
from controller.problems import Problem

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


def acknowledged(known: Known, seq: int, ledger: Ledger) -> dict[str, Any]:
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
    return int(opened.layout.read([opened.payload], opened.rows)[opened.layout.place["time"]].max())


def refuse_state(known: Known) -> None:
    """Raises Problem 403 unless the agent may send."""
    refusal = REFUSED_STATES.get(known.state)
    if refusal is not None:
        raise Problem(403, *refusal)


def unauthorized(detail: str) -> Problem:
    return Problem(401, "not authenticated", detail, headers={"WWW-Authenticate": "Bearer"})


def skew(clock: bytes, now: datetime) -> float | None:
    """Seconds the agent's clock is ahead, by the epoch ms it sent; None if unreadable."""
    try:
        skew = int(clock) / 1000 - now.timestamp()
    except ValueError:
        return None
    return round(skew, 1) if abs(skew) < 1e10 else None


def span_of(aside: Aside) -> tuple[datetime | None, datetime | None]:
    return _moment(aside.first_ms), _moment(aside.last_ms)


def _moment(ms: int) -> datetime | None:
    return moment(ms) if 0 <= ms < 4_102_444_800_000 else None
