"""What was not taken as it came: counted in memory, written in groups, bounded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, func
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import Session, col

from controller.ingest.tables import SetAside

UNKNOWN_COLUMN = "unknown_column"
FUTURE = "future"
UNSET_CLOCK = "unset_clock"
LOSS = "loss"
COLLECTOR_FAILED = "collector_failed"
CLONE = "clone"
UNKNOWN_DOCUMENT = "unknown_document"
BAD_DOCUMENT = "bad_document"
FOREIGN = "foreign_resource"
KINDS = (
    UNKNOWN_COLUMN,
    FUTURE,
    UNSET_CLOCK,
    LOSS,
    COLLECTOR_FAILED,
    CLONE,
    UNKNOWN_DOCUMENT,
    BAD_DOCUMENT,
    FOREIGN,
)

MOST_SUBJECTS = 50
"""Different subjects of one kind and agent; what comes after is counted under OTHERS."""
OTHERS = "…"

Key = tuple[str, str, str]


@dataclass
class Count:
    """Occurrences since the last write, and the data's time range where it has one."""

    count: int
    from_time: datetime | None
    to_time: datetime | None
    at: datetime


def merge(
    counts: dict[Key, Count],
    kind: str,
    agent: str,
    subject: str,
    count: int,
    at: datetime,
    from_time: datetime | None = None,
    to_time: datetime | None = None,
) -> None:
    """Adds ``count`` occurrences to ``counts``."""
    subject = clean(subject)
    known = counts.get((kind, agent, subject))
    if known is None:
        counts[kind, agent, subject] = Count(count, from_time, to_time, at)
        return
    known.count += count
    known.at = max(known.at, at)
    known.from_time = min(filter(None, (known.from_time, from_time)), default=None)
    known.to_time = max(filter(None, (known.to_time, to_time)), default=None)


def clean(subject: str) -> str:
    """A subject as the register keeps it: no control characters, at most 200."""
    text = subject.encode("utf-8", "replace").decode()
    return "".join(c if c.isprintable() else "?" for c in text)[:200]


def write(session: Session, counts: dict[Key, Count], subjects: Subjects) -> None:
    """Adds the counts to the register inside the caller's transaction."""
    rows: dict[Key, dict[str, Any]] = {}
    for (kind, agent, subject), count in counts.items():
        key = (kind, agent, subjects.bound(kind, agent, subject))
        row = rows.get(key)
        if row is None:
            rows[key] = {
                "kind": kind,
                "agent_id": agent,
                "subject": key[2],
                "count": count.count,
                "from_time": count.from_time,
                "to_time": count.to_time,
                "first_seen": count.at,
                "last_seen": count.at,
            }
        else:
            row["count"] += count.count
    if not rows:
        return
    connection = session.connection()
    sqlite = connection.dialect.name == "sqlite"
    insert: Any = (sqlite_insert if sqlite else postgresql_insert)(SetAside)
    new = insert.excluded
    # SQLite's two-argument min and max are NULL if either is; PostgreSQL has least and greatest.
    least, greatest = (func.min, func.max) if sqlite else (func.least, func.greatest)
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=["kind", "agent_id", "subject"],
            set_={
                "count": col(SetAside.count) + new.count,
                "from_time": _either(least, col(SetAside.from_time), new.from_time),
                "to_time": _either(greatest, col(SetAside.to_time), new.to_time),
                "last_seen": greatest(col(SetAside.last_seen), new.last_seen),
            },
        ),
        list(rows.values()),
    )


def _either(pick: Any, stored: Any, new: Any) -> Any:
    return case((stored.is_(None), new), (new.is_(None), stored), else_=pick(stored, new))


class Subjects:
    """Bounds the different subjects of a (kind, agent): this process's memory of what it wrote."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], set[str]] = {}

    def bound(self, kind: str, agent: str, subject: str) -> str:
        """``subject``, or OTHERS once there are too many."""
        known = self._known.setdefault((kind, agent), set())
        if subject in known:
            return subject
        if len(known) >= MOST_SUBJECTS:
            return OTHERS
        known.add(subject)
        return subject

    def load(self, rows: list[tuple[str, str, str]]) -> None:
        """What the register holds already, at start."""
        for kind, agent, subject in rows:
            self._known.setdefault((kind, agent), set()).add(subject)
