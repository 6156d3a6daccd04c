"""What one patrol run looks at: its moment, its scope, and the registers as they are then.

``read`` takes the snapshot; each check is a function of (Look, Check) that gives a ``Found``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlmodel import Session, col

from controller.access.scope import Scope
from controller.findings.model import Observation, Subject
from controller.ingest import set_aside
from controller.ingest.tables import Agent, SetAside
from controller.inventory.tables import Holding, Resource
from controller.patrol.plans import Check, Severity
from controller.runtime import Runtime
from controller.store.holdings import MEASURED_KINDS


@dataclass(frozen=True)
class Thing:
    """A resource that is in service at the moment of the run."""

    id: int
    code: str
    name: str
    unit_id: int | None
    created: datetime
    measured: bool
    """Whether it is of a kind that reports figures."""
    vcpu: float | None


@dataclass(frozen=True)
class Heard:
    """An agent as the patrol sees it."""

    id: str
    name: str
    state: str
    unit_id: int
    resource_id: int | None
    resource: Thing | None
    """None also where the resource is retired or beyond the scope."""
    enrolled: datetime
    last_seen: datetime | None
    last_sample: datetime | None
    clock_skew_s: float | None


@dataclass(frozen=True)
class Aside:
    """What the door set aside of one agent: how often, and when last."""

    count: int
    last_seen: datetime


@dataclass(frozen=True)
class Look:
    """A moment, a scope, and what stands in the registers within it."""

    runtime: Runtime
    now: datetime
    scope: Scope
    things: Mapping[int, Thing]
    agents: tuple[Heard, ...]
    losses: Mapping[str, Aside]
    clones: Mapping[str, Aside]

    @property
    def whole(self) -> bool:
        """Whether the whole city is looked at, the controller itself included."""
        return self.scope.everything

    def minutes_since(self, moment: datetime) -> float:
        return max(0.0, (self.now - moment).total_seconds() / 60)


@dataclass
class Found:
    """What a check gave. ``judged``: subjects looked at, the denominator of its share in the
    score; ``unjudged``: codes of resources that it could not judge; ``note`` says what was left
    out and why, Chinese and English."""

    judged: int = 0
    seen: list[Observation] = field(default_factory=list)
    unjudged: set[str] = field(default_factory=set)
    note: tuple[str, str] = ("", "")
    applies: bool = True
    """False where there is nothing for it to look at: it then counts for nothing."""
    covered: bool = True
    """False where nothing could be judged at all: its findings stay as they are."""


def observe(
    check: Check,
    severity: Severity,
    subject: Subject,
    evidence: Mapping[str, Any],
    *,
    unit_id: int | None = None,
    name: str = "",
    depends_on: Iterable[Subject] = (),
    down: bool = False,
    words: Mapping[str, Any] | None = None,
) -> Observation:
    """The observation in the check's own words; ``words`` are for the texts alone, a pair holds
    the Chinese and the English one."""
    known = {**evidence, **(words or {})}
    chinese, english = (
        {name: word[side] if isinstance(word, tuple) else word for name, word in known.items()}
        for side in (0, 1)
    )
    return Observation(
        code=check.id,
        subject_kind=subject[0],
        subject_key=subject[1][:200],
        severity=severity,
        title_zh=check.finding_zh.format(**chinese),
        title_en=check.finding_en.format(**english),
        unit_id=unit_id,
        subject_name=name,
        detail=dict(evidence),
        depends_on=tuple(depends_on),
        down=down,
    )


def read(runtime: Runtime, scope: Scope, now: datetime) -> Look:
    """The registers within ``scope`` at ``now``."""
    with runtime.database.read() as session:
        things = _things(session, scope, now)
        by_id = {thing.id: thing for thing in things}
        agents = [
            Heard(
                id=row.id,
                name=row.name,
                state=row.state,
                unit_id=row.unit_id,
                resource_id=row.resource_id,
                resource=by_id.get(row.resource_id or 0),
                enrolled=row.enrolled,
                last_seen=row.last_seen,
                last_sample=row.last_sample,
                clock_skew_s=row.clock_skew_s,
            )
            for row in session.execute(
                scope.limit(
                    select(
                        col(Agent.id),
                        col(Agent.name),
                        col(Agent.state),
                        col(Agent.unit_id),
                        col(Agent.resource_id),
                        col(Agent.enrolled),
                        col(Agent.last_seen),
                        col(Agent.last_sample),
                        col(Agent.clock_skew_s),
                    ).where(col(Agent.state) != "revoked"),
                    Agent.unit_id,
                )
            )
        ]
        return Look(
            runtime=runtime,
            now=now,
            scope=scope,
            things=by_id,
            agents=tuple(agents),
            losses=_aside(session, set_aside.LOSS),
            clones=_aside(session, set_aside.CLONE),
        )


def _things(session: Session, scope: Scope, now: datetime) -> list[Thing]:
    rows = session.execute(
        scope.limit(
            select(
                col(Resource.id),
                col(Resource.code),
                col(Resource.name),
                col(Holding.unit_id),
                col(Resource.created),
                col(Resource.kind),
                col(Holding.vcpu),
            )
            .join(
                Holding,
                (col(Holding.resource_id) == col(Resource.id))
                & (col(Holding.since) <= now)
                & or_(col(Holding.until).is_(None), col(Holding.until) > now),
                isouter=True,
            )
            .where(
                col(Resource.created) <= now,
                or_(col(Resource.retired).is_(None), col(Resource.retired) > now),
            ),
            Holding.unit_id,
        )
    )
    return [
        Thing(row[0], row[1], row[2], row[3], row[4], row[5] in MEASURED_KINDS, row[6])
        for row in rows
    ]


def _aside(session: Session, kind: str) -> dict[str, Aside]:
    rows = session.execute(
        select(
            col(SetAside.agent_id),
            func.sum(col(SetAside.count)),
            # As the column's own type, so that SQLite's answer is a moment, too.
            func.max(col(SetAside.last_seen), type_=SetAside.__table__.c.last_seen.type),  # type: ignore[attr-defined]
        )
        .where(col(SetAside.kind) == kind)
        .group_by(col(SetAside.agent_id))
    )
    return {row[0]: Aside(int(row[1]), row[2]) for row in rows}
