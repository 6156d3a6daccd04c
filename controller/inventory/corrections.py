"""Many resources put right at once: named ones, or all that a unit was said to hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from controller.access.scope import Scope
from controller.inventory.holdings import (
    Held,
    Holdings,
    check_changes,
    read_holdings,
    write_holdings,
)
from controller.inventory.lock import lock_registers
from controller.inventory.tables import Holding, Resource
from controller.inventory.timeline import change
from controller.problems import NotFound, Problem
from controller.said import say

_CHUNK = 500


@dataclass(frozen=True)
class Done:
    """``resources`` say something else now, on ``days_marked`` of their days."""

    resources: int
    unchanged: int
    days_marked: int


def correct_many(
    session: Session,
    codes: Sequence[str],
    *,
    of_unit: int | None,
    since: datetime | None,
    until: datetime | None,
    changes: Mapping[str, Any],
    scope: Scope,
    now: datetime,
) -> Done:
    """Applies ``changes`` (fields of Held) to the resources ``codes`` during [since, until).

    ``of_unit``: only to the parts that this unit was said to hold; without ``codes``, to every
    resource of which there is such a part. A part of the interval in which a resource did not
    exist is left out. All or nothing: raises NotFound for a code that is not there, Problem 422.
    """
    lock_registers(session)
    check_changes(session, since, until, changes)
    if not codes and of_unit is None:
        raise Problem(
            422,
            "nothing to correct",
            say("name resources, or the unit that held them", "请指定资源，或原持有单位"),
        )
    ids = _ids_of(session, codes) if codes else _held_by(session, of_unit or 0)
    before = read_holdings(session, sorted(ids))
    after: dict[int, Holdings] = {}
    for resource_id, code in ids.items():
        spans = before.get(resource_id, ())
        if not spans or not scope.allows(spans[-1].value.unit_id):
            raise NotFound("resource", code)

        def alter(held: Held) -> Held:
            return held if of_unit not in (None, held.unit_id) else replace(held, **changes)

        changed = change(spans, since or spans[0].since, until, alter)
        if changed != spans:
            after[resource_id] = changed
    marked = write_holdings(session, {key: before[key] for key in after}, after, now)
    return Done(len(after), len(ids) - len(after), marked)


def _ids_of(session: Session, codes: Sequence[str]) -> dict[int, str]:
    wanted = list(dict.fromkeys(code.strip() for code in codes))
    found: dict[str, int] = {}
    for start in range(0, len(wanted), _CHUNK):
        rows = session.execute(
            select(col(Resource.code), col(Resource.id)).where(
                col(Resource.code).in_(wanted[start : start + _CHUNK])
            )
        )
        found.update((code, resource_id) for code, resource_id in rows)
    for code in wanted:
        if code not in found:
            raise NotFound("resource", code)
    return {found[code]: code for code in wanted}


def _held_by(session: Session, unit_id: int) -> dict[int, str]:
    rows = session.execute(
        select(col(Resource.id), col(Resource.code))
        .join(Holding, col(Holding.resource_id) == col(Resource.id))
        .where(col(Holding.unit_id) == unit_id)
        .distinct()
    )
    return {row[0]: row[1] for row in rows}
