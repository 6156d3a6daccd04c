"""Claims of units on what is unclaimed (待认领), and the decision on them.

An approved claim corrects the dated holding; nothing else does.
"""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict
from sqlalchemy import select
from sqlmodel import Session, col

from controller.access.scope import CITY, Scope
from controller.inventory.corrections import correct_many
from controller.inventory.dated import in_force
from controller.inventory.lock import lock_registers
from controller.inventory.register_tables import Claim
from controller.inventory.resources import unit_names
from controller.inventory.tables import Holding, Resource, Unit
from controller.inventory.unclaimed import unclaimed_id
from controller.problems import NotFound, Problem
from controller.said import say


class ClaimView(BaseModel):
    """A unit's claim on a resource."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"id": 3, "resource": "vm-0099", "resource_name": "jtj-test-03",
                 "unit_code": "330100-JTJ", "unit_name": "市交通运输局", "system": "智慧交通",
                 "since": "2026-09-01T00:00:00+08:00", "reason": "测试环境", "by": "jtj",
                 "at": "2026-11-20T09:00:00+08:00", "state": "open", "decided": None,
                 "decided_by": "", "note": ""}
            ]
        }
    )  # fmt: skip

    id: int
    resource: str
    resource_name: str
    unit_code: str
    unit_name: str
    system: str
    since: datetime
    reason: str
    by: str
    at: datetime
    state: str
    decided: datetime | None
    decided_by: str
    note: str


def make_claim(
    session: Session,
    scope: Scope,
    code: str,
    unit_id: int,
    *,
    since: datetime | None,
    system: str,
    reason: str,
    by: str,
    now: datetime,
) -> Claim:
    """Claims an unclaimed resource for a unit of the scope, from ``since`` (default: since nobody
    is known to hold it). Raises NotFound, Problem 409 where the unit has claimed it already."""
    lock_registers(session)
    holder = unclaimed_id(session)
    row = session.execute(
        select(Resource, Holding)
        .join(Holding, col(Holding.resource_id) == col(Resource.id))
        .where(
            col(Resource.code) == code.strip(),
            col(Holding.unit_id) == holder,
            in_force(Holding, now),
        )
    ).first()
    if row is None or not scope.allows(unit_id):
        raise NotFound("unclaimed resource", code)
    resource, holding = row
    standing = session.execute(
        select(Claim).where(
            col(Claim.resource_id) == resource.id,
            col(Claim.unit_id) == unit_id,
            col(Claim.state) == "open",
        )
    ).first()
    if standing is not None:
        raise Problem(
            409,
            "claimed already",
            say(
                f"{code} is claimed by this unit and not decided yet",
                f"该单位已提交对 {code} 的认领，尚未审批",
            ),
        )
    claim = Claim(
        resource_id=resource.id,
        unit_id=unit_id,
        system=system[:200],
        since=max(since or holding.since, resource.created),
        reason=reason[:500],
        by=by,
        at=now,
    )
    session.add(claim)
    session.flush()
    return claim


def decide(
    session: Session, claim_id: int, *, approve: bool, note: str, by: str, now: datetime
) -> tuple[Claim, int]:
    """Approves or refuses an open claim; gives it and the resource-days that say something else.

    An approved one makes the unit the holder of all that was unclaimed from its date on; other
    open claims on the resource are refused with it. Raises NotFound, Problem 409.
    """
    lock_registers(session)
    claim = session.get(Claim, claim_id)
    if claim is None:
        raise NotFound("claim", str(claim_id))
    if claim.state != "open":
        raise _decided(claim)
    marked = 0
    _close(session, claim, "approved" if approve else "refused", note, by, now)
    if approve:
        resource = session.get(Resource, claim.resource_id)
        changes: dict[str, object] = {"unit_id": claim.unit_id}
        if claim.system:
            changes["system"] = claim.system
        done = correct_many(
            session, [resource.code if resource else ""], of_unit=unclaimed_id(session),
            since=claim.since, until=None, changes=changes, scope=CITY, now=now,
        )  # fmt: skip
        if not done.resources:
            raise Problem(
                409,
                "no longer unclaimed",
                say("the resource has been given to a unit since", "该资源此后已归属其他单位"),
            )
        marked = done.days_marked
        others = session.execute(
            select(Claim).where(
                col(Claim.resource_id) == claim.resource_id, col(Claim.state) == "open"
            )
        ).scalars()
        for other in others:
            _close(session, other, "refused", "已由其他单位认领", by, now)
    return claim, marked


def withdraw(session: Session, scope: Scope, claim_id: int, by: str, now: datetime) -> Claim:
    """Takes an open claim of the scope back. Raises NotFound, Problem 409."""
    claim = session.get(Claim, claim_id)
    if claim is None or not scope.allows(claim.unit_id):
        raise NotFound("claim", str(claim_id))
    if claim.state != "open":
        raise _decided(claim)
    _close(session, claim, "withdrawn", "", by, now)
    return claim


def _decided(claim: Claim) -> Problem:
    words = {"approved": "批准", "refused": "驳回", "withdrawn": "撤回"}
    return Problem(
        409,
        "decided already",
        say(
            f"claim {claim.id} is {claim.state}",
            f"这项认领已{words.get(claim.state, claim.state)}",
        ),
    )


def _close(session: Session, claim: Claim, state: str, note: str, by: str, now: datetime) -> None:
    claim.state, claim.note = state, note[:500]
    claim.decided, claim.decided_by = now, by
    session.add(claim)
    session.flush()


def list_claims(
    session: Session, scope: Scope, now: datetime, *, state: str = ""
) -> list[ClaimView]:
    """Claims of the scope: open ones first, then the newest."""
    statement = scope.limit(
        select(Claim, Resource, Unit)
        .join(Resource, col(Resource.id) == col(Claim.resource_id))
        .join(Unit, col(Unit.id) == col(Claim.unit_id))
        .order_by(col(Claim.at).desc(), col(Claim.id).desc()),
        Claim.unit_id,
    )
    if state:
        statement = statement.where(col(Claim.state) == state)
    rows = session.execute(statement).all()
    names = unit_names(session, {row[0].unit_id for row in rows}, now)
    views = [
        ClaimView(
            id=claim.id, resource=resource.code, resource_name=resource.name, unit_code=unit.code,
            unit_name=names.get(claim.unit_id, unit.code), system=claim.system, since=claim.since,
            reason=claim.reason, by=claim.by, at=claim.at, state=claim.state,
            decided=claim.decided, note=claim.note,
            decided_by=claim.decided_by if scope.everything else "",
        )
        for claim, resource, unit in rows
    ]  # fmt: skip
    return sorted(views, key=lambda view: view.state != "open")
