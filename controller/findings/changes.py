"""What people do with findings: acknowledge, assign, note, resolve, hand over a shift's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from controller.access import audit
from controller.access.principal import Principal
from controller.access.scope import Scope
from controller.access.tables import User
from controller.findings.tables import Finding, FindingEvent, ShiftHandover
from controller.findings.views import require
from controller.problems import NotFound, Problem

MOST_AT_ONCE = 500


def acknowledge(
    session: Session, scope: Scope, finding_ids: Sequence[int], by: Principal, note: str = ""
) -> int:
    """Says that ``by`` knows of these and takes care; gives how many were still open.

    Raises NotFound if one of them is not there or not in scope: then none is changed.
    """
    rows = [require(session, scope, number, for_update=True) for number in _some(finding_ids)]
    changed = [row for row in rows if row.state == "open"]
    for row in changed:
        row.state, row.acknowledged, row.acknowledged_by = "acknowledged", by.at, by.name
        session.add(row)
        _happened(session, row, by, "acknowledged", note)
    audit.record(
        session,
        by,
        "finding.acknowledge",
        _names(rows),
        detail={"note": note, "changed": [row.id for row in changed]},
    )
    return len(changed)


def assign(
    session: Session,
    scope: Scope,
    finding_id: int,
    to: str,
    due: datetime | None,
    by: Principal,
    note: str = "",
) -> None:
    """Gives the finding to a user ("" to nobody) and, with ``due``, another time limit.

    Raises NotFound for the finding or the user, Problem 409 for a resolved finding.
    """
    row = require(session, scope, finding_id, for_update=True)
    if row.state == "resolved":
        raise Problem(409, "finding resolved", "it is resolved; there is nothing to assign")
    if to:
        _require_user(session, to)
    before = {"assignee": row.assignee, "due": row.due}
    row.assignee = to
    row.due = due or row.due
    session.add(row)
    detail: dict[str, Any] = {"from": before["assignee"], "to": to}
    if due is not None:
        detail["due"] = due.isoformat()
    _happened(session, row, by, "assigned", note, detail)
    audit.record(session, by, "finding.assign", _names([row]), detail={"before": before, **detail})


def add_note(session: Session, scope: Scope, finding_id: int, by: Principal, note: str) -> None:
    """Writes a word into the finding's life. Raises NotFound, Problem 422 for an empty one."""
    if not note.strip():
        raise Problem(422, "empty note", "write what was done or learnt")
    row = require(session, scope, finding_id, for_update=True)
    _happened(session, row, by, "note", note)
    audit.record(session, by, "finding.note", _names([row]), detail={"note": note})


def resolve(session: Session, scope: Scope, finding_id: int, by: Principal, note: str) -> None:
    """Closes the finding by hand; the next look that sees it opens it again.

    Raises NotFound, Problem 409 if it is resolved already, 422 without a word on what was done.
    """
    if not note.strip():
        raise Problem(422, "reason missing", "say what was done to resolve it")
    row = require(session, scope, finding_id, for_update=True)
    if row.state == "resolved":
        raise Problem(409, "finding resolved", "it is resolved already")
    row.state, row.resolved, row.resolved_by, row.hidden_by = "resolved", by.at, by.name, ""
    session.add(row)
    _happened(session, row, by, "resolved", note)
    audit.record(session, by, "finding.resolve", _names([row]), detail={"note": note})


def hand_over(
    session: Session, scope: Scope, from_user: str, to_user: str, by: Principal, note: str = ""
) -> ShiftHandover:
    """Gives every unresolved finding of one user's to another: the end of a shift (交接班).

    Raises NotFound for a user who is not there, Problem 422 where both are the same.
    """
    if from_user == to_user:
        raise Problem(422, "same person", "a shift is handed over to somebody else")
    _require_user(session, to_user)
    rows = session.scalars(
        scope.limit(
            select(Finding)
            .where(col(Finding.assignee) == from_user, col(Finding.state) != "resolved")
            .order_by(col(Finding.id))
            .with_for_update(),
            Finding.unit_id,
        )
    ).all()
    for row in rows:
        row.assignee = to_user
        session.add(row)
        _happened(session, row, by, "handed_over", note, {"from": from_user, "to": to_user})
    handed = ShiftHandover(
        at=by.at,
        by=by.name,
        from_user=from_user,
        to_user=to_user,
        note=note,
        findings=[row.id or 0 for row in rows],
    )
    session.add(handed)
    session.flush()
    audit.record(
        session,
        by,
        "finding.hand_over",
        f"{from_user} -> {to_user}",
        detail={"findings": handed.findings, "note": note},
    )
    return handed


def _some(finding_ids: Sequence[int]) -> list[int]:
    chosen = sorted(set(finding_ids))
    if not 0 < len(chosen) <= MOST_AT_ONCE:
        raise Problem(422, "findings missing", f"name 1 to {MOST_AT_ONCE} findings")
    return chosen


def _require_user(session: Session, username: str) -> None:
    user = session.scalar(select(User).where(col(User.username) == username))
    if user is None or user.disabled:
        raise NotFound("user", username)


def _names(rows: Sequence[Finding]) -> str:
    return ", ".join(f"{row.id} {row.code}" for row in rows[:20])


def _happened(
    session: Session,
    row: Finding,
    by: Principal,
    what: str,
    note: str,
    detail: dict[str, Any] | None = None,
) -> None:
    session.add(
        FindingEvent(
            finding_id=row.id or 0,
            at=by.at,
            by=by.name,
            what=what,
            note=note[:1000],
            detail=detail or {},
        )
    )
