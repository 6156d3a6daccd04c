"""Suppression windows: made, ended early, listed. Each names a reason and an end."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from controller.access import audit
from controller.access.principal import Principal
from controller.access.scope import Scope
from controller.findings import hide
from controller.findings.model import WindowView
from controller.findings.tables import SuppressionWindow
from controller.inventory.units import find_unit, list_units
from controller.problems import NotFound, Problem

LONGEST_DAYS = 366


def create_window(
    session: Session,
    scope: Scope,
    by: Principal,
    *,
    since: datetime,
    until: datetime,
    reason: str,
    code: str = "",
    subject_kind: str = "",
    subject_key: str = "",
    unit: str = "",
) -> WindowView:
    """Hides what it names during [since, until). Raises NotFound for the unit; Problem 422 for a
    window without a reason, that names nothing, or of a wrong length; 403 for one that reaches
    beyond the caller's own units."""
    if not reason.strip():
        raise Problem(422, "reason missing", "say why these findings are expected")
    if not (code or subject_key or unit):
        raise Problem(422, "window too wide", "name a code, a subject or a unit")
    if subject_key and not subject_kind:
        raise Problem(422, "subject kind missing", "a subject is a kind and a key")
    if not since < until or until <= by.at or (until - since).days > LONGEST_DAYS:
        raise Problem(
            422, "wrong period", f"a window ends in the future, within {LONGEST_DAYS} days"
        )
    if not scope.everything and not unit:
        raise Problem(403, "not allowed", "name one of your own units")
    unit_id = find_unit(session, scope, unit, by.at).id if unit else None
    row = SuppressionWindow(
        code=code,
        subject_kind=subject_kind if subject_key else "",
        subject_key=subject_key,
        unit_id=unit_id,
        since=since,
        until=until,
        reason=reason,
        by=by.name,
        created=by.at,
    )
    session.add(row)
    session.flush()
    hide.refresh(session, by.at)
    audit.record(
        session,
        by,
        "finding.suppress",
        f"{row.id}",
        detail={
            "code": code,
            "subject": f"{subject_kind} {subject_key}".strip(),
            "unit": unit,
            "until": until,
            "reason": reason,
        },
    )
    return _view(session, scope, row, by.at)


def end_window(session: Session, scope: Scope, window_id: int, by: Principal) -> None:
    """Ends a window now. Raises NotFound, Problem 409 for one that is over."""
    row = session.get(SuppressionWindow, window_id, with_for_update=True)
    if row is None or not scope.allows(row.unit_id):
        raise NotFound("window", str(window_id))
    if row.ended is not None or row.until <= by.at:
        raise Problem(409, "window over", "it has ended already")
    row.ended, row.ended_by = by.at, by.name
    session.add(row)
    session.flush()
    hide.refresh(session, by.at)
    audit.record(session, by, "finding.unsuppress", f"{row.id}")


def list_windows(session: Session, scope: Scope, now: datetime) -> list[WindowView]:
    """The windows in scope: those that hide or will, then those that are over, newest first."""
    rows = session.scalars(
        scope.limit(
            select(SuppressionWindow).order_by(col(SuppressionWindow.until).desc()).limit(500),
            SuppressionWindow.unit_id,
        )
    ).all()
    views = [_view(session, scope, row, now) for row in rows]
    return sorted(views, key=lambda view: view.ended is not None or view.until <= now)


def _view(session: Session, scope: Scope, row: SuppressionWindow, now: datetime) -> WindowView:
    unit = None
    if row.unit_id is not None:
        unit = next((u for u in list_units(session, scope, now) if u.id == row.unit_id), None)
    return WindowView(
        id=row.id or 0,
        code=row.code,
        subject_kind=row.subject_kind,
        subject_key=row.subject_key,
        unit_code=unit.code if unit else "",
        unit_name=unit.name if unit else "",
        since=row.since,
        until=row.until,
        reason=row.reason,
        by=row.by,
        created=row.created,
        ended=row.ended,
        ended_by=row.ended_by,
        active=row.ended is None and row.since <= now < row.until,
    )
