"""Resources that serve several units: apportioned by stated shares, or kept as public support.

Who holds a resource does not change by it: the sums of units stay sums of holdings, and a share is
applied where a figure is asked for (controller.usage.apportion).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlmodel import Session, col

from controller.access.scope import Scope
from controller.inventory.dated import in_force
from controller.inventory.lock import lock_registers
from controller.inventory.register_tables import SharedResource, SharePart
from controller.inventory.tables import Holding, Resource
from controller.inventory.timeline import Span, joined
from controller.problems import NotFound, Problem
from controller.said import say

MODES = ("apportioned", "public")
EXACT = 0.005
"""Shares may be off 100 % by so much: three thirds are 33.33, 33.33 and 33.34."""


@dataclass(frozen=True)
class Shared:
    """How a resource is shared: unit id -> percent; ``public`` has no parts."""

    mode: str
    parts: tuple[tuple[int, float], ...] = ()
    note: str = ""


Line = tuple[Span[Shared], ...]


def read_shares(session: Session, resource_ids: list[int] | None = None) -> dict[int, Line]:
    """How each resource is and was shared, oldest first; None: every shared one."""
    statement = select(SharedResource).order_by(
        col(SharedResource.resource_id), col(SharedResource.since)
    )
    if resource_ids is not None:
        statement = statement.where(col(SharedResource.resource_id).in_(resource_ids))
    rows = list(session.execute(statement).scalars())
    parts: dict[int, list[tuple[int, float]]] = {}
    for part in session.execute(select(SharePart).order_by(col(SharePart.unit_id))).scalars():
        parts.setdefault(part.shared_id, []).append((part.unit_id, part.share_pct))
    found: dict[int, list[Span[Shared]]] = {}
    for row in rows:
        shared = Shared(row.mode, tuple(parts.get(row.id or 0, ())), row.note)
        found.setdefault(row.resource_id, []).append(Span(row.since, row.until, shared))
    return {key: tuple(spans) for key, spans in found.items()}


def set_share(
    session: Session,
    code: str,
    *,
    since: datetime,
    until: datetime | None,
    mode: str,
    parts: Mapping[int, float],
    note: str = "",
) -> None:
    """How a resource is shared during [since, until), whatever was said of that time before.

    ``mode``: one of MODES, or "" for not at all. Raises NotFound; Problem 422 where the shares do
    not add up to 100 %.
    """
    lock_registers(session)
    resource = session.execute(
        select(Resource).where(col(Resource.code) == code.strip())
    ).scalar_one_or_none()
    if resource is None or resource.id is None:
        raise NotFound("resource", code)
    if mode and mode not in MODES:
        raise Problem(422, "unknown mode", f"use one of {', '.join(MODES)}, or nothing")
    if until is not None and since >= until:
        raise Problem(
            422,
            "empty interval",
            say("since must be before until", "起始日期须早于截止日期"),
        )
    if mode == "apportioned":
        total = sum(parts.values())
        if not parts or any(share <= 0 for share in parts.values()) or abs(total - 100) > EXACT:
            raise Problem(
                422,
                "shares do not add up",
                say(
                    f"the shares add up to {total:g} %, not to 100 %",
                    f"分摊比例合计 {total:g} %，须为 100 %，每项大于 0",
                ),
            )
    elif parts:
        raise Problem(
            422,
            "no parts",
            say("public support has no shares", "公共支撑不填分摊比例"),
        )
    line = read_shares(session, [resource.id]).get(resource.id, ())
    kept: list[Span[Shared]] = []
    for span in line:
        if span.since < since:
            end = since if span.until is None or span.until > since else span.until
            kept.append(Span(span.since, end, span.value))
        if until is not None and (span.until is None or span.until > until):
            kept.append(Span(max(span.since, until), span.until, span.value))
    if mode:
        kept.append(Span(since, until, Shared(mode, tuple(sorted(parts.items())), note[:500])))
    _write(session, resource.id, joined(sorted(kept, key=lambda span: span.since)))


def _write(session: Session, resource_id: int, line: Line) -> None:
    old = select(col(SharedResource.id)).where(col(SharedResource.resource_id) == resource_id)
    session.execute(delete(SharePart).where(col(SharePart.shared_id).in_(old)))
    session.execute(delete(SharedResource).where(col(SharedResource.resource_id) == resource_id))
    for span in line:
        row = SharedResource(
            resource_id=resource_id, since=span.since, until=span.until, mode=span.value.mode,
            note=span.value.note,
        )  # fmt: skip
        session.add(row)
        session.flush()
        for unit_id, share in span.value.parts:
            session.add(SharePart(shared_id=row.id or 0, unit_id=unit_id, share_pct=share))
    session.flush()


@dataclass(frozen=True)
class SharedNow:
    """A shared resource with its holder at a moment."""

    resource_id: int
    code: str
    name: str
    holder_id: int
    vcpu: float | None
    shared: Shared
    since: datetime
    until: datetime | None


def list_shared(session: Session, scope: Scope, at: datetime) -> list[SharedNow]:
    """Resources shared at ``at``, by code: those that the scope holds or bears a part of; of the
    parts only the scope's own."""
    lines = read_shares(session)
    rows = session.execute(
        select(Resource, Holding)
        .join(Holding, col(Holding.resource_id) == col(Resource.id))
        .where(in_force(Holding, at), col(Resource.id).in_(sorted(lines)))
        .order_by(col(Resource.code))
    ).all()
    found = []
    for resource, holding in rows:
        span = next((each for each in lines[resource.id] if each.holds(at)), None)
        if span is None:
            continue
        own = tuple(part for part in span.value.parts if scope.allows(part[0]))
        if not own and not scope.allows(holding.unit_id):
            continue
        shared = Shared(span.value.mode, own, span.value.note)
        found.append(
            SharedNow(
                resource.id,
                resource.code,
                resource.name,
                holding.unit_id,
                holding.vcpu,
                shared,
                span.since,
                span.until,
            )
        )
    return found
