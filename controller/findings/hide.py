"""Which findings say nothing of their own now: what they depend on is down, or a window hides them.

``hidden`` is the rule, pure; ``refresh`` applies it to the unresolved findings.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, select, update
from sqlmodel import Session, col

from controller.findings.model import Subject
from controller.findings.tables import Finding, SuppressionWindow
from controller.inventory import units


class Candidate(NamedTuple):
    """What the rule needs of an unresolved finding."""

    id: int
    code: str
    subject: Subject
    unit_id: int | None
    down: bool
    depends_on: tuple[Subject, ...]


class Window(NamedTuple):
    """A window that is active; "" and None mean any, ``units`` holds the unit's whole subtree."""

    id: int
    code: str
    subject_kind: str
    subject_key: str
    units: frozenset[int] | None

    def hides(self, finding: Candidate) -> bool:
        kind, key = finding.subject
        return (
            self.code in ("", finding.code)
            and self.subject_kind in ("", kind)
            and self.subject_key in ("", key)
            and (self.units is None or finding.unit_id in self.units)
        )


def hidden(findings: Iterable[Candidate], windows: Sequence[Window]) -> dict[int, str]:
    """By id of the findings that are hidden, what hides them.

    A window comes first: what it names is expected. A finding hidden by a window still hides what
    depends on its subject. Of findings that depend on each other in a circle, the one of the
    lowest id stays visible.
    """
    every = list(findings)
    downs: dict[Subject, int] = {}
    by_id = {finding.id: finding for finding in every}
    for finding in every:
        if finding.down:
            downs[finding.subject] = min(finding.id, downs.get(finding.subject, finding.id))
    found: dict[int, str] = {}
    for finding in every:
        window = next((window for window in windows if window.hides(finding)), None)
        if window is not None:
            found[finding.id] = f"window:{window.id}"
        elif finding.depends_on:
            cause = _cause(finding, downs, by_id)
            if cause is not None:
                found[finding.id] = f"finding:{cause}"
    return found


def _cause(
    finding: Candidate, downs: dict[Subject, int], by_id: dict[int, Candidate]
) -> int | None:
    """The finding at the root of what ``finding`` depends on, None if it stands by itself."""
    path = [finding.id]
    while True:
        above = [downs[s] for s in by_id[path[-1]].depends_on if s in downs]
        above = [each for each in above if each != path[-1]]
        if not above:
            return path[-1] if len(path) > 1 else None
        if above[0] in path:
            root = min(path[path.index(above[0]) :])
            return None if root == finding.id else root
        path.append(above[0])


def refresh(session: Session, now: datetime, ids: Iterable[int] | None = None) -> int:
    """Hides and shows the unresolved findings as things are at ``now``; gives how many changed.

    ``ids`` limits it to some: enough where no subject went down or came back.
    """
    statement = select(
        col(Finding.id),
        col(Finding.code),
        col(Finding.subject_kind),
        col(Finding.subject_key),
        col(Finding.unit_id),
        col(Finding.down),
        col(Finding.depends_on),
        col(Finding.hidden_by),
    ).where(col(Finding.state) != "resolved")
    if ids is not None:
        chosen = sorted(set(ids))
        if not chosen:
            return 0
        statement = statement.where(
            col(Finding.id).in_(chosen[:SOME]) | col(Finding.down).is_(True)
        )
        if len(chosen) > SOME:
            return refresh(session, now)
    rows = session.execute(statement).all()
    limited = None if ids is None else set(ids)
    candidates = [
        Candidate(
            row[0], row[1], (row[2], row[3]), row[4], row[5], tuple((k, n) for k, n in row[6])
        )
        for row in rows
    ]
    now_hidden = hidden(candidates, active_windows(session, now))
    changed = [
        {"row_id": row[0], "by_what": now_hidden.get(row[0], "")}
        for row in rows
        if (limited is None or row[0] in limited) and row[7] != now_hidden.get(row[0], "")
    ]
    if changed:
        session.connection().execute(
            update(Finding)
            .where(col(Finding.id) == bindparam("row_id"))
            .values(hidden_by=bindparam("by_what")),
            changed,
        )
    return len(changed)


SOME = 500
"""More findings than this at once, and all of them are looked at: one query is cheaper."""


def active_windows(session: Session, now: datetime) -> list[Window]:
    """The windows that hide at ``now``, oldest first."""
    rows = session.scalars(
        select(SuppressionWindow)
        .where(
            col(SuppressionWindow.since) <= now,
            col(SuppressionWindow.until) > now,
            col(SuppressionWindow.ended).is_(None),
        )
        .order_by(col(SuppressionWindow.id))
    )
    return [
        Window(
            row.id or 0,
            row.code,
            row.subject_kind,
            row.subject_key,
            None if row.unit_id is None else units.subtree(session, row.unit_id, now),
        )
        for row in rows
    ]
