"""Findings as people ask for them: filtered, sorted and paged at the database, within a scope."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select
from sqlalchemy.orm import Mapped
from sqlmodel import Session, col

from controller.access.scope import Scope
from controller.findings.model import EventView, FindingLife, FindingView, Summary
from controller.findings.tables import SEVERITIES, Finding, FindingEvent
from controller.inventory.units import list_units
from controller.problems import NotFound

_RANK = case(
    {severity: rank for rank, severity in enumerate(SEVERITIES)},
    value=col(Finding.severity),
    else_=len(SEVERITIES),
)

SORTS: dict[str, ColumnElement[Any] | Mapped[Any]] = {
    "severity": _RANK,
    "opened": col(Finding.opened),
    "seen": col(Finding.last_seen),
    "due": col(Finding.due),
    "subject": col(Finding.subject_key),
    "code": col(Finding.code),
    "state": col(Finding.state),
    "assignee": col(Finding.assignee),
    "times": col(Finding.times_seen),
}
"""What a list may be sorted by; severity puts the gravest first."""


@dataclass(frozen=True)
class Filter:
    """Each field narrows; "" and None do not. ``state``: open, acknowledged, resolved, or
    ``unresolved`` for the first two. ``hidden`` None shows both kinds."""

    state: str = ""
    severity: str = ""
    source: str = ""
    code: str = ""
    unit_ids: frozenset[int] | None = None
    subject_kind: str = ""
    subject_key: str = ""
    assignee: str = ""
    text: str = ""
    hidden: bool | None = None
    overdue: bool = False
    ids: frozenset[int] | None = None

    def limit(self, statement: Select[Any], now: datetime) -> Select[Any]:
        for column, value in (
            (Finding.severity, self.severity),
            (Finding.source, self.source),
            (Finding.code, self.code),
            (Finding.subject_kind, self.subject_kind),
            (Finding.subject_key, self.subject_key),
            (Finding.assignee, self.assignee),
        ):
            if value:
                statement = statement.where(col(column) == value)
        if self.state == "unresolved":
            statement = statement.where(col(Finding.state) != "resolved")
        elif self.state:
            statement = statement.where(col(Finding.state) == self.state)
        if self.unit_ids is not None:
            statement = statement.where(col(Finding.unit_id).in_(sorted(self.unit_ids)))
        if self.ids is not None:
            statement = statement.where(col(Finding.id).in_(sorted(self.ids)))
        if self.hidden is not None:
            shown = col(Finding.hidden_by) == ""
            statement = statement.where(~shown if self.hidden else shown)
        if self.overdue:
            statement = statement.where(_overdue(now))
        if self.text:
            statement = statement.where(
                or_(
                    *(
                        col(column).icontains(self.text, autoescape=True)
                        for column in (
                            Finding.subject_key,
                            Finding.subject_name,
                            Finding.title_zh,
                            Finding.title_en,
                        )
                    )
                )
            )
        return statement


def _overdue(now: datetime) -> ColumnElement[bool]:
    return and_(col(Finding.state) != "resolved", col(Finding.due) < now)


def list_findings(
    session: Session,
    scope: Scope,
    now: datetime,
    wanted: Filter | None = None,
    *,
    sort: str = "severity",
    descending: bool = False,
    page: int = 1,
    size: int = 100,
) -> tuple[list[FindingView], int]:
    """One page of the findings in scope and how many there are. Without a value last; of equals
    the newest first. Raises KeyError for a ``sort`` that SORTS does not have."""
    chosen = wanted or Filter()
    total = session.scalar(
        scope.limit(chosen.limit(select(func.count(col(Finding.id))), now), Finding.unit_id)
    )
    key = SORTS[sort]
    rows = session.scalars(
        scope.limit(chosen.limit(select(Finding), now), Finding.unit_id)
        .order_by(
            case((key.is_(None), 1), else_=0),
            key.desc() if descending else key,
            col(Finding.opened).desc(),
            col(Finding.id).desc(),
        )
        .limit(size)
        .offset((page - 1) * size)
    ).all()
    return _views(session, scope, rows, now), total or 0


def get_finding(session: Session, scope: Scope, finding_id: int, now: datetime) -> FindingLife:
    """A finding and its life. Raises NotFound, also for another unit's."""
    finding = require(session, scope, finding_id)
    events = session.scalars(
        select(FindingEvent)
        .where(col(FindingEvent.finding_id) == finding_id)
        .order_by(col(FindingEvent.at), col(FindingEvent.id))
    )
    return FindingLife(
        finding=_views(session, scope, [finding], now)[0],
        events=[
            EventView(at=row.at, by=row.by, what=row.what, note=row.note, detail=row.detail)
            for row in events
        ],
    )


def require(
    session: Session, scope: Scope, finding_id: int, *, for_update: bool = False
) -> Finding:
    """The row itself. Raises NotFound."""
    finding = session.get(Finding, finding_id, with_for_update=for_update or None)
    if finding is None or not scope.allows(finding.unit_id):
        raise NotFound("finding", str(finding_id))
    return finding


def summary(session: Session, scope: Scope, now: datetime) -> Summary:
    """What waits in scope."""
    shown = col(Finding.hidden_by) == ""
    rows = session.execute(
        scope.limit(
            select(
                col(Finding.severity),
                func.sum(case((shown, 1), else_=0)),
                func.sum(case((and_(shown, col(Finding.state) == "open"), 1), else_=0)),
                func.sum(case((and_(shown, _overdue(now)), 1), else_=0)),
                func.sum(case((shown, 0), else_=1)),
            )
            .where(col(Finding.state) != "resolved")
            .group_by(col(Finding.severity)),
            Finding.unit_id,
        )
    ).all()
    counts = {str(row[0]): int(row[1]) for row in rows}
    return Summary(
        **{severity: counts.get(severity, 0) for severity in SEVERITIES},
        unacknowledged=sum(int(row[2]) for row in rows),
        overdue=sum(int(row[3]) for row in rows),
        hidden=sum(int(row[4]) for row in rows),
    )


def waiting(session: Session, scope: Scope) -> int:
    """Findings graver than minor that nobody has acknowledged; for a badge."""
    statement = select(func.count(col(Finding.id))).where(
        col(Finding.state) == "open",
        col(Finding.severity).in_(("critical", "major")),
        col(Finding.hidden_by) == "",
    )
    return session.scalar(scope.limit(statement, Finding.unit_id)) or 0


def by_code(session: Session, scope: Scope, state: str = "unresolved") -> list[tuple[str, int]]:
    """(code, findings not hidden) in scope, most first."""
    statement = select(col(Finding.code), func.count()).where(col(Finding.hidden_by) == "")
    if state == "unresolved":
        statement = statement.where(col(Finding.state) != "resolved")
    rows = session.execute(
        scope.limit(statement.group_by(col(Finding.code)), Finding.unit_id)
    ).all()
    return sorted(((str(code), int(count)) for code, count in rows), key=lambda row: -row[1])


def _views(
    session: Session, scope: Scope, rows: Iterable[Finding], now: datetime
) -> list[FindingView]:
    found = list(rows)
    if not found:
        return []
    units = {unit.id: unit for unit in list_units(session, scope, now)}
    views = []
    for row in found:
        unit = units.get(row.unit_id or 0)
        views.append(
            FindingView(
                id=row.id or 0,
                source=row.source,
                code=row.code,
                subject_kind=row.subject_kind,
                subject_key=row.subject_key,
                subject_name=row.subject_name,
                unit_code=unit.code if unit else "",
                unit_name=unit.name if unit else "",
                severity=row.severity,
                state=row.state,
                title_zh=row.title_zh,
                title_en=row.title_en,
                detail=row.detail,
                hidden_by=row.hidden_by,
                opened=row.opened,
                last_seen=row.last_seen,
                times_seen=row.times_seen,
                resolved=row.resolved,
                resolved_by=row.resolved_by,
                acknowledged=row.acknowledged,
                acknowledged_by=row.acknowledged_by,
                assignee=row.assignee,
                due=row.due,
                overdue=row.state != "resolved" and row.due is not None and row.due < now,
            )
        )
    return views
