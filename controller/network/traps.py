"""Traps as people look at them, what is thrown away, and what a poller is told to listen for."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict
from sqlalchemy import delete, func, select
from sqlmodel import Session, col

from controller.access.scope import Scope
from controller.findings.model import Coverage
from controller.findings.record import observe
from controller.findings.tables import Finding
from controller.ingest.tables import Agent
from controller.inventory.dated import in_force
from controller.inventory.tables import Holding, Resource
from controller.network import gear_subjects as gear
from controller.network.trap_tables import TrapEvent, TrapSource

KEPT = timedelta(days=30)
MOST_EVENTS = 100_000
FORGOTTEN = timedelta(days=90)
"""A source that was not heard of for so long is not counted any more."""
PASSES = timedelta(days=1)
"""What has no opposite is resolved after so long without another."""


class TrapView(BaseModel):
    """One trap; ``device`` "" is no device of the register."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [
                {"at": "2026-11-23T08:00:00+00:00", "source": "10.1.0.1", "device": "ljq-sw-1",
                 "device_name": "临江区汇聚", "version": "3", "oid": "1.3.6.1.6.3.1.1.5.3",
                 "kind": "link_down", "about": "GE0/0/7", "poller": "poller-1",
                 "variables": [["1.3.6.1.2.1.2.2.1.1.7", "7"]]}
            ]
        },
    )  # fmt: skip

    at: datetime
    source: str
    device: str
    device_name: str
    version: str
    oid: str
    kind: str
    about: str
    poller: str
    variables: list[list[str]]


class TrapSourceView(BaseModel):
    """What came from an address; ``address`` "" stands for those beyond counting."""

    model_config = ConfigDict(frozen=True)

    address: str
    device: str
    device_name: str
    poller: str
    received: int
    dropped: int
    refused: int
    first_seen: datetime
    last_seen: datetime


def list_traps(
    session: Session,
    scope: Scope,
    at: datetime,
    *,
    kind: str = "",
    text: str = "",
    most: int = 1_000,
) -> list[TrapView]:
    """The newest first. Of devices that the scope holds; the whole city also sees the others."""
    statement = (
        select(TrapEvent, col(Resource.code), col(Resource.name), col(Agent.name))
        .outerjoin(Resource, col(Resource.id) == col(TrapEvent.device_id))
        .outerjoin(Agent, col(Agent.id) == col(TrapEvent.agent_id))
        .order_by(col(TrapEvent.at).desc(), col(TrapEvent.id).desc())
        .limit(most)
    )
    if not scope.everything:
        held = scope.limit(
            select(col(Holding.resource_id)).where(in_force(Holding, at)), Holding.unit_id
        )
        statement = statement.where(col(TrapEvent.device_id).in_(held))
    if kind:
        statement = statement.where(col(TrapEvent.kind) == kind)
    if text:
        sought = (TrapEvent.source, TrapEvent.oid, TrapEvent.about, Resource.code, Resource.name)
        matches = [col(each).icontains(text, autoescape=True) for each in sought]
        statement = statement.where(matches[0] | matches[1] | matches[2] | matches[3] | matches[4])
    return [
        TrapView(
            at=row.at, source=row.source, device=code or "", device_name=name or "",
            version=row.version, oid=row.oid, kind=row.kind, about=row.about,
            poller=poller or "", variables=row.variables,
        )
        for row, code, name, poller in session.execute(statement)
    ]  # fmt: skip


def list_sources(session: Session, scope: Scope, at: datetime) -> list[TrapSourceView]:
    """Who sends: unknown ones first, then by count. Of devices in scope only."""
    statement = (
        select(TrapSource, col(Resource.code), col(Resource.name), col(Agent.name))
        .outerjoin(Resource, col(Resource.id) == col(TrapSource.device_id))
        .outerjoin(Agent, col(Agent.id) == col(TrapSource.agent_id))
        .order_by(col(TrapSource.device_id).is_not(None), col(TrapSource.received).desc())
    )
    if not scope.everything:
        held = scope.limit(
            select(col(Holding.resource_id)).where(in_force(Holding, at)), Holding.unit_id
        )
        statement = statement.where(col(TrapSource.device_id).in_(held))
    return [
        TrapSourceView(
            address=row.address, device=code or "", device_name=name or "", poller=poller or "",
            received=row.received, dropped=row.dropped, refused=row.refused,
            first_seen=row.first_seen, last_seen=row.last_seen,
        )
        for row, code, name, poller in session.execute(statement)
    ]  # fmt: skip


def tidy(session: Session, now: datetime) -> int:
    """Throws away what is old, and resolves events that have no opposite; events thrown away."""
    gone = session.execute(delete(TrapEvent).where(col(TrapEvent.at) < now - KEPT)).rowcount  # type: ignore[attr-defined]
    count = session.execute(select(func.count()).select_from(TrapEvent)).scalar_one()
    if count > MOST_EVENTS:
        last = session.execute(
            select(col(TrapEvent.id))
            .order_by(col(TrapEvent.id).desc())
            .offset(MOST_EVENTS - 1)
            .limit(1)
        ).scalar_one()
        gone += session.execute(delete(TrapEvent).where(col(TrapEvent.id) < last)).rowcount  # type: ignore[attr-defined]
    session.execute(delete(TrapSource).where(col(TrapSource.last_seen) < now - FORGOTTEN))
    over = session.execute(
        select(col(Finding.subject_kind), col(Finding.subject_key)).where(
            col(Finding.source) == gear.TRAPS,
            col(Finding.code).in_(gear.PASSING),
            col(Finding.state) != "resolved",
            col(Finding.last_seen) < now - PASSES,
        )
    ).all()
    if over:
        subjects = {(kind, key) for kind, key in over}
        fresh = session.execute(
            select(col(Finding.subject_kind), col(Finding.subject_key)).where(
                col(Finding.source) == gear.TRAPS,
                col(Finding.code).in_(gear.PASSING),
                col(Finding.state) != "resolved",
                col(Finding.last_seen) >= now - PASSES,
            )
        ).all()
        # One that was seen anew stays, and with it what else stands on its device until then.
        subjects -= {(kind, key) for kind, key in fresh}
        observe(session, now, gear.TRAPS, (), Coverage.of(gear.PASSING, subjects))
    return int(gone)
