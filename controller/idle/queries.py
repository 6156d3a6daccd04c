"""What was judged: scans, and their verdicts filtered, sorted and paged, within a tenant scope."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Float, Select, cast, func, nulls_last, or_, select
from sqlmodel import Session, col

from controller.access.scope import Scope
from controller.idle.model import ScanView, VerdictView
from controller.idle.tables import IdleScan, IdleVerdict
from controller.inventory.model import Page
from controller.inventory.resources import unit_names
from controller.inventory.tables import Resource, Unit
from controller.inventory.units import find_unit, subtree
from controller.problems import NotFound, Problem

MAX_PAGE_SIZE = 1000

_VCPU = cast(col(IdleVerdict.recommendation)["vcpu_freed"].as_string(), Float)
_MEM = cast(col(IdleVerdict.recommendation)["mem_bytes_freed"].as_string(), Float)

SORTS: dict[str, Any] = {
    "resource": col(Resource.code),
    "name": col(Resource.name),
    "unit": col(Unit.code),
    "class": col(IdleVerdict.cls),
    "coverage": col(IdleVerdict.coverage_pct),
    "vcpu": _VCPU,
    "mem": _MEM,
}
"""What verdicts may be sorted by; ``-`` before the word turns it round."""


def list_scans(
    session: Session, scope: Scope, *, policy: str | None = None, page: int = 1, size: int = 50
) -> Page[ScanView]:
    """Newest first. Somebody bound to a unit sees those that say something of it."""
    statement = select(IdleScan)
    if policy is not None:
        statement = statement.where(col(IdleScan.policy) == policy)
    if not scope.everything:
        mine = scope.limit(select(col(IdleVerdict.scan_id)), col(IdleVerdict.unit_id))
        statement = statement.where(col(IdleScan.id).in_(mine))
    size, page = max(1, min(size, MAX_PAGE_SIZE)), max(1, page)
    total = session.execute(select(func.count()).select_from(statement.subquery())).scalar_one()
    rows = session.execute(
        statement.order_by(col(IdleScan.at).desc(), col(IdleScan.id).desc())
        .offset((page - 1) * size)
        .limit(size)
    ).scalars()
    items = [_scan_view(row, _counts(session, scope, row)) for row in rows]
    return Page[ScanView](items=items, total=total, page=page, size=size)


def latest_scan(session: Session, scope: Scope, policy: str) -> ScanView | None:
    """The newest scan of the whole city by this policy; None before the first."""
    rows = session.execute(
        select(IdleScan)
        .where(col(IdleScan.policy) == policy)
        .order_by(col(IdleScan.at).desc(), col(IdleScan.id).desc())
    ).scalars()
    for row in rows:
        if row.outcome.get("unit") is None:
            return _scan_view(row, _counts(session, scope, row))
    return None


def find_scan(session: Session, scope: Scope, scan_id: int) -> ScanView:
    """Raises NotFound, also for one that says nothing the reader may see."""
    row = session.get(IdleScan, scan_id)
    if row is None:
        raise NotFound("scan", str(scan_id))
    counts = _counts(session, scope, row)
    if not scope.everything and not counts:
        raise NotFound("scan", str(scan_id))
    return _scan_view(row, counts)


def list_verdicts(
    session: Session,
    scope: Scope,
    scan_id: int,
    at: datetime,
    *,
    classes: Sequence[str] = (),
    unit: str | None = None,
    text: str = "",
    sort: str = "resource",
    page: int = 1,
    size: int = 50,
) -> Page[VerdictView]:
    """One scan's verdicts. ``unit`` (code or name) includes its subtree, raises NotFound; ``text``
    is looked for in code and name. Raises Problem 422 for an unknown sort."""
    statement = _filtered(session, scope, scan_id, at, unit, text)
    if classes:
        statement = statement.where(col(IdleVerdict.cls).in_(list(classes)))
    size, page = max(1, min(size, MAX_PAGE_SIZE)), max(1, page)
    total = session.execute(
        select(func.count()).select_from(statement.order_by(None).subquery())
    ).scalar_one()
    rows = session.execute(_sorted(statement, sort).offset((page - 1) * size).limit(size)).all()
    return Page[VerdictView](items=_views(session, rows, at), total=total, page=page, size=size)


def all_verdicts(
    session: Session, scope: Scope, scan_id: int, at: datetime, *, unit: str | None = None
) -> list[VerdictView]:
    """Every verdict of a scan that the reader may see, by resource."""
    statement = _sorted(_filtered(session, scope, scan_id, at, unit, ""), "resource")
    return _views(session, session.execute(statement).all(), at)


def class_counts(
    session: Session, scope: Scope, scan_id: int, at: datetime, *, unit: str | None, text: str
) -> dict[str, int]:
    """Class to number of verdicts, filtered as a list would be."""
    statement = _filtered(session, scope, scan_id, at, unit, text)
    rows = session.execute(
        statement.with_only_columns(col(IdleVerdict.cls), func.count()).group_by(
            col(IdleVerdict.cls)
        )
    ).all()
    return {str(cls): int(count) for cls, count in rows}


def verdicts_of(
    session: Session, scope: Scope, resource_id: int, at: datetime, *, limit: int = 20
) -> list[tuple[ScanView, VerdictView]]:
    """What was said of one resource, newest first."""
    rows = session.execute(
        scope.limit(_select(), IdleVerdict.unit_id)
        .add_columns(IdleScan)
        .join(IdleScan, col(IdleScan.id) == col(IdleVerdict.scan_id))
        .where(col(IdleVerdict.resource_id) == resource_id)
        .order_by(col(IdleScan.at).desc())
        .limit(limit)
    ).all()
    views = _views(session, rows, at)
    return [(_scan_view(row.IdleScan, {}), view) for row, view in zip(rows, views, strict=True)]


def _counts(session: Session, scope: Scope, scan: IdleScan) -> dict[str, int]:
    if scope.everything:
        return dict(scan.outcome.get("classes", {}))
    rows = session.execute(
        scope.limit(
            select(col(IdleVerdict.cls), func.count())
            .where(col(IdleVerdict.scan_id) == scan.id)
            .group_by(col(IdleVerdict.cls)),
            col(IdleVerdict.unit_id),
        )
    ).all()
    return {str(cls): int(count) for cls, count in rows}


def _select() -> Select[*tuple[Any, ...]]:
    return (
        select(IdleVerdict, Resource, Unit)
        .join(Resource, col(Resource.id) == col(IdleVerdict.resource_id))
        .outerjoin(Unit, col(Unit.id) == col(IdleVerdict.unit_id))
    )


def _filtered(
    session: Session, scope: Scope, scan_id: int, at: datetime, unit: str | None, text: str
) -> Select[*tuple[Any, ...]]:
    statement = scope.limit(_select(), IdleVerdict.unit_id).where(
        col(IdleVerdict.scan_id) == scan_id
    )
    if unit:
        below = subtree(session, find_unit(session, scope, unit, at).id, at)
        statement = statement.where(col(IdleVerdict.unit_id).in_(sorted(below)))
    if text.strip():
        statement = statement.where(
            or_(
                col(Resource.code).icontains(text.strip(), autoescape=True),
                col(Resource.name).icontains(text.strip(), autoescape=True),
            )
        )
    return statement


def _sorted(statement: Select[*tuple[Any, ...]], sort: str) -> Select[*tuple[Any, ...]]:
    column = SORTS.get(sort.removeprefix("-"))
    if column is None:
        raise Problem(
            422, "unknown sort", f"cannot sort by {sort!r}: use one of {', '.join(SORTS)}"
        )
    order = column.desc() if sort.startswith("-") else column.asc()
    return statement.order_by(nulls_last(order), col(Resource.code))


def _views(session: Session, rows: Sequence[Any], at: datetime) -> list[VerdictView]:
    names = unit_names(session, {row.Unit.id for row in rows if row.Unit is not None}, at)
    return [_view(row, names) for row in rows]


def _view(row: Any, names: Mapping[int, str]) -> VerdictView:
    verdict, resource, unit = row.IdleVerdict, row.Resource, row.Unit
    return VerdictView(
        id=verdict.id,
        resource_id=resource.id,
        resource=resource.code,
        resource_name=resource.name,
        kind=resource.kind,
        unit=unit.code if unit else None,
        unit_name=names.get(unit.id, unit.code) if unit else None,
        cls=verdict.cls,
        reason_zh=verdict.reason_zh,
        reason_en=verdict.reason_en,
        evidence=verdict.evidence,
        samples=verdict.samples,
        samples_expected=verdict.samples_expected,
        coverage_pct=verdict.coverage_pct,
        window_days=verdict.window_days,
        recommendation=verdict.recommendation,
    )


def _scan_view(row: IdleScan, counts: dict[str, int]) -> ScanView:
    return ScanView(
        id=row.id or 0,
        policy=row.policy,
        policy_version=row.policy_version,
        title_zh=row.outcome.get("title_zh", ""),
        title_en=row.outcome.get("title_en", ""),
        clause=row.outcome.get("clause", ""),
        as_of=row.as_of,
        since=row.since,
        at=row.at,
        by=row.by,
        window_days=row.window_days,
        unit=row.outcome.get("unit"),
        classes=counts,
    )
