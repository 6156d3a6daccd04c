"""待核实: resources that their platform names no more. They stay in the register until somebody
has looked: retired with a date, or kept with a reason, or back in a later export by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlmodel import Session, col

from controller.access.scope import Scope
from controller.inventory.dated import in_force
from controller.inventory.lock import lock_registers
from controller.inventory.resource_import import plan_resources
from controller.inventory.resources import unit_names
from controller.inventory.table import Record, Table
from controller.inventory.tables import Holding, Resource, Unit
from controller.ledger.tables import PendingCheck, PlatformImport, PlatformSource
from controller.problems import NotFound, Problem
from controller.said import say


@dataclass(frozen=True)
class Pending:
    """A resource to be checked, with its owner and the export that missed it."""

    check: PendingCheck
    resource: Resource
    unit_code: str
    unit_name: str
    source: str
    file_name: str


def notice(
    session: Session,
    run: PlatformImport,
    vanished: Sequence[int],
    named: Sequence[int],
    *,
    by: str,
    now: datetime,
) -> dict[str, list[int]]:
    """Opens checks for ``vanished`` resources and closes those of resources ``named`` again,
    by whatever row: an open check says that no export has named its resource since.

    Returns {"opened": ids, "closed": ids} for ``undo``.
    """
    waiting = {
        check.resource_id: check
        for check in session.execute(
            select(PendingCheck).where(col(PendingCheck.state) == "open")
        ).scalars()
    }
    opened = [
        PendingCheck(resource_id=key, import_id=run.id or 0, noticed=now)
        for key in vanished
        if key not in waiting
    ]
    session.add_all(opened)
    closed = [waiting[key] for key in named if key in waiting]
    for check in closed:
        check.state, check.decided, check.decided_by = "back", now, by
        check.decided_import_id = run.id
    session.flush()
    return {
        "opened": [check.id or 0 for check in opened],
        "closed": [check.id or 0 for check in closed],
    }


def undo(session: Session, noticed: dict[str, list[int]]) -> None:
    """Takes back what ``notice`` did. Raises Problem 409 where a check was decided since."""
    for check in _by_id(session, noticed["opened"]):
        if check.state != "open":
            raise Problem(
                409,
                "later changes rest on it",
                say(
                    f"a resource that this import put up for checking was {check.state} since",
                    "这份清单列入待核实的资源此后已有人处理，不能整体撤销",
                ),
            )
    for start in range(0, len(noticed["opened"]), 500):
        ids = noticed["opened"][start : start + 500]
        session.execute(delete(PendingCheck).where(col(PendingCheck.id).in_(ids)))
    for start in range(0, len(noticed["closed"]), 500):
        ids = noticed["closed"][start : start + 500]
        session.execute(
            update(PendingCheck)
            .where(col(PendingCheck.id).in_(ids))
            .values(state="open", decided=None, decided_by="", decided_import_id=None)
        )


def _by_id(session: Session, ids: Sequence[int]) -> list[PendingCheck]:
    found: list[PendingCheck] = []
    for start in range(0, len(ids), 500):
        found += session.execute(
            select(PendingCheck).where(col(PendingCheck.id).in_(ids[start : start + 500]))
        ).scalars()
    return found


def list_pending(
    session: Session, scope: Scope, now: datetime, *, state: str = "open", page: int, size: int
) -> tuple[list[Pending], int]:
    """(oldest first, how many there are) of the resources that the scope holds now."""
    statement = scope.limit(
        select(PendingCheck, Resource, Unit, PlatformSource, PlatformImport.file_name)  # type: ignore[call-overload]
        .join(Resource, col(Resource.id) == col(PendingCheck.resource_id))
        .join(PlatformImport, col(PlatformImport.id) == col(PendingCheck.import_id))
        .join(PlatformSource, col(PlatformSource.id) == col(PlatformImport.source_id))
        .outerjoin(Holding, (col(Holding.resource_id) == col(Resource.id)) & in_force(Holding, now))
        .outerjoin(Unit, col(Unit.id) == col(Holding.unit_id)),
        Holding.unit_id,
    )
    if state:
        statement = statement.where(col(PendingCheck.state) == state)
    total = session.execute(
        select(func.count()).select_from(
            statement.with_only_columns(col(PendingCheck.id)).subquery()
        )
    ).scalar_one()
    rows = session.execute(
        statement.order_by(col(PendingCheck.id)).offset((page - 1) * size).limit(size)
    ).all()
    names = unit_names(session, {unit.id for _, _, unit, _, _ in rows if unit}, now)
    return [
        Pending(
            check,
            resource,
            unit.code if unit else "",
            names.get(unit.id, unit.code) if unit else "",
            source.name,
            file_name,
        )
        for check, resource, unit, source, file_name in rows
    ], total


def resolve(
    session: Session,
    check_id: int,
    *,
    state: str,
    at: datetime | None,
    note: str,
    by: str,
    now: datetime,
) -> str:
    """Retires the resource at ``at``, or keeps it with a note; returns its code.

    Raises NotFound; Problem 409 where it was decided, 422 where date or note is missing.
    """
    lock_registers(session)
    check = session.get(PendingCheck, check_id)
    if check is None:
        raise NotFound("check", str(check_id))
    if check.state != "open":
        raise Problem(
            409,
            "already decided",
            say(
                f"it was {check.state} by {check.decided_by}", f"{check.decided_by} 已处理过这一项"
            ),
        )
    resource = session.get(Resource, check.resource_id)
    if resource is None:  # pragma: no cover - a foreign key holds it
        raise NotFound("check", str(check_id))
    if state == "retired":
        if at is None:
            raise Problem(422, "no date", say("say when it was retired", "请填写注销日期"))
        table = Table(records=[Record(0, {"code": resource.code, "retired": at})])
        plan = plan_resources(session, table, now, None)
        if table.errors:
            raise Problem(422, "cannot be retired", table.errors[0].message)
        plan.apply(session, now)
    elif not note.strip():
        raise Problem(
            422,
            "no reason",
            say(
                "say why it is kept although its platform names it no more",
                "请说明平台已没有它而仍要保留的原因",
            ),
        )
    check.state, check.decided, check.decided_by, check.note = state, now, by, note.strip()[:500]
    session.flush()
    return resource.code
