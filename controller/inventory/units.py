"""Units: the tree at a moment, a unit's subtree, and finding one by code or name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import literal, select
from sqlmodel import Session, col

from controller.access.scope import Scope
from controller.inventory.dated import in_force
from controller.inventory.model import UnitView
from controller.inventory.naming import fold
from controller.inventory.tables import Unit, UnitAlias, UnitVersion
from controller.problems import NotFound, Problem
from controller.said import say


def subtree(session: Session, unit_id: int, at: datetime) -> frozenset[int]:
    """Ids of the unit and of everything below it at ``at``; the unit itself always."""
    tree = select(literal(unit_id).label("id")).cte("tree", recursive=True)
    # UNION, not UNION ALL: it ends even if a loop ever got into the table.
    below = tree.union(
        select(col(UnitVersion.unit_id)).where(
            col(UnitVersion.parent_id) == tree.c.id, in_force(UnitVersion, at)
        )
    )
    return frozenset(session.execute(select(below.c.id)).scalars())


def list_units(session: Session, scope: Scope, at: datetime) -> list[UnitView]:
    """Units in force at ``at`` in tree order: a parent before its children, siblings by code."""
    rows = session.execute(
        scope.limit(
            select(Unit, UnitVersion)
            .join(UnitVersion, col(UnitVersion.unit_id) == col(Unit.id))
            .where(in_force(UnitVersion, at)),
            Unit.id,
        )
    ).all()
    return in_tree_order([(unit, version) for unit, version in rows])


def in_tree_order(rows: Sequence[tuple[Unit, UnitVersion]]) -> list[UnitView]:
    """Views of ``rows``, depth first; a unit whose parent is not among them stands at the top."""
    present = {version.unit_id for _, version in rows}
    children: dict[int | None, list[tuple[Unit, UnitVersion]]] = defaultdict(list)
    for unit, version in sorted(rows, key=lambda row: row[0].code):
        parent = version.parent_id if version.parent_id in present else None
        children[parent].append((unit, version))
    ordered: list[UnitView] = []
    waiting = [(unit, version, None, 0) for unit, version in reversed(children[None])]
    stack: list[tuple[Unit, UnitVersion, str | None, int]] = list(waiting)
    while stack:
        unit, version, parent_code, depth = stack.pop()
        ordered.append(_view(unit, version, parent_code, depth))
        stack.extend(
            (child, dated, unit.code, depth + 1)
            for child, dated in reversed(children[version.unit_id])
        )
    return ordered


def find_unit(session: Session, scope: Scope, code_or_name: str, at: datetime) -> UnitView:
    """The unit of this code, else the only one of this name (spaces and width do not matter).

    A name in force at ``at`` goes before an alias, and that before a former name. Raises NotFound,
    and Problem 422 where several units bear the name.
    """
    wanted = code_or_name.strip()
    units = list_units(session, scope, at)
    for unit in units:
        if unit.code == wanted:
            return unit
    named = [unit for unit in units if fold(unit.name) == fold(wanted)]
    if not named:
        named = _by_alias(session, wanted, units)
    if not named:
        named = _outside_their_time(session, scope, wanted, units, at)
    if not named:
        raise NotFound("unit", code_or_name)
    if len(named) > 1:
        raise Problem(
            422,
            "ambiguous unit",
            say(
                f"{len(named)} units are called {wanted!r}: give the code, one of "
                + ", ".join(unit.code for unit in named[:10]),
                f"有 {len(named)} 个单位叫“{wanted}”：请填写编码，如 "
                + "、".join(unit.code for unit in named[:10]),
            ),
        )
    return named[0]


def _by_alias(session: Session, wanted: str, present: Iterable[UnitView]) -> list[UnitView]:
    ids = set(
        session.execute(
            select(col(UnitAlias.unit_id)).where(col(UnitAlias.folded) == fold(wanted))
        ).scalars()
    )
    return [unit for unit in present if unit.id in ids]


def _outside_their_time(
    session: Session, scope: Scope, wanted: str, present: Iterable[UnitView], at: datetime
) -> list[UnitView]:
    """Units found by a former or later name, or by a code that is not in force at ``at``."""
    views = {unit.id: unit for unit in present}
    rows = session.execute(
        scope.limit(
            select(Unit, UnitVersion)
            .join(UnitVersion, col(UnitVersion.unit_id) == col(Unit.id))
            .order_by(col(UnitVersion.since)),
            Unit.id,
        )
    ).all()
    by_code: dict[int, UnitView] = {}
    by_name: dict[int, UnitView] = {}
    for unit, version in rows:
        # Later versions overwrite earlier ones as long as they began before ``at``.
        view = views.get(version.unit_id) or _view(unit, version, None, 0)
        if unit.code == wanted and (version.since <= at or version.unit_id not in by_code):
            by_code[version.unit_id] = view
        if fold(version.name) == fold(wanted):
            by_name[version.unit_id] = view
    return list((by_code or by_name).values())


def _view(unit: Unit, version: UnitVersion, parent_code: str | None, depth: int) -> UnitView:
    return UnitView(
        id=version.unit_id,
        code=unit.code,
        name=version.name,
        kind=version.kind,
        parent_code=parent_code,
        depth=depth,
        contact=unit.contact,
        email=unit.email,
        phone=unit.phone,
    )
