"""Units found by what a file calls them: code, name, alias, former name; then who followed them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from controller.inventory.dated import in_force
from controller.inventory.naming import fold, narrow
from controller.inventory.tables import Unit, UnitAlias, UnitChange, UnitVersion
from controller.said import Said, say

UNCLAIMED = fold("待认领")
NOBODY = -1
"""Stands for the unit of what is unclaimed until it is made: when a register is written."""


class UnknownUnitError(ValueError):
    """No unit, or more than one, is called so; the text says what to do in both languages."""


class UnitNames:
    """Looks units up by code, else by name at ``now``, else by alias, else by former name.

    A unit that was merged into another by the moment asked about gives way to that other one.
    """

    def __init__(self, session: Session, now: datetime) -> None:
        self._now = now
        self._codes: dict[str, int] = {}
        self._code_of: dict[int, str] = {}
        for unit_id, code in session.execute(select(col(Unit.id), col(Unit.code))):
            self._codes[code] = unit_id
            self._code_of[unit_id] = code
        self._steps = (
            _names(session, now),
            _aliases(session),
            _names(session, None),
        )
        self._merged, self._split = _successions(session, self._codes)
        self._found: dict[str, int] = {}

    def find(self, wanted: str, at: datetime | None = None) -> int:
        """The unit's id at ``at`` (default: now). Raises UnknownUnitError."""
        if wanted not in self._found:
            self._found[wanted] = self._look_up(wanted)
        return self._successor(self._found[wanted], at or self._now)

    def code(self, unit_id: int) -> str:
        return self._code_of[unit_id]

    def like(self, text: str) -> list[int]:
        """Units whose name or alias occurs in ``text`` or the other way round, longest first."""
        key = fold(text)
        if len(key) < 2:
            return []
        hits: dict[int, int] = {}
        for names in self._steps:
            for name, ids in names.items():
                if len(name) >= 2 and (name in key or key in name):
                    for unit_id in ids:
                        hits[unit_id] = max(hits.get(unit_id, 0), len(name))
        return sorted(hits, key=lambda unit_id: (-hits[unit_id], unit_id))

    def _look_up(self, wanted: str) -> int:
        if narrow(wanted) in self._codes:
            return self._codes[narrow(wanted)]
        key = fold(wanted)
        found = next((names[key] for names in self._steps if key in names), set())
        if not found and key == UNCLAIMED:
            return NOBODY
        if not found:
            raise UnknownUnitError(
                say(
                    f"no unit {wanted!r} in the register: correct it, import the unit first, or "
                    "give the unit this alias",
                    f"台账中没有单位“{wanted}”：请更正，或先导入该单位，或为其登记别名",
                )
            )
        if len(found) > 1:
            raise UnknownUnitError(self._ambiguous(wanted, found))
        return next(iter(found))

    def _ambiguous(self, wanted: str, found: Iterable[int]) -> Said:
        codes = sorted(self._code_of[unit_id] for unit_id in found)
        return say(
            f"{len(codes)} units are called {wanted!r}: give the code, one of "
            + ", ".join(codes[:10]),
            f"有 {len(codes)} 个单位叫“{wanted}”：请填写编码，如 " + "、".join(codes[:10]),
        )

    def _successor(self, unit_id: int, at: datetime) -> int:
        seen = {unit_id}
        while True:
            step = self._merged.get(unit_id)
            if step is None or step[0] > at or step[1] in seen:
                break
            unit_id = step[1]
            seen.add(unit_id)
        split = self._split.get(unit_id)
        if split is not None and split[0] <= at:
            codes = ", ".join(split[1])
            raise UnknownUnitError(
                say(
                    f"unit {self._code_of[unit_id]!r} was split into {codes} on "
                    f"{split[0]:%Y-%m-%d}: name one of them",
                    f"单位“{self._code_of[unit_id]}”已拆分为 {codes}：请填写其中之一",
                )
            )
        return unit_id


def _names(session: Session, at: datetime | None) -> dict[str, set[int]]:
    statement = select(col(UnitVersion.unit_id), col(UnitVersion.name))
    if at is not None:
        statement = statement.where(in_force(UnitVersion, at))
    names: dict[str, set[int]] = {}
    for unit_id, name in session.execute(statement):
        names.setdefault(fold(name), set()).add(unit_id)
    return names


def _aliases(session: Session) -> dict[str, set[int]]:
    names: dict[str, set[int]] = {}
    rows = session.execute(select(col(UnitAlias.folded), col(UnitAlias.unit_id)))
    for folded, unit_id in rows:
        names.setdefault(folded, set()).add(unit_id)
    return names


def _successions(
    session: Session, codes: dict[str, int]
) -> tuple[dict[int, tuple[datetime, int]], dict[int, tuple[datetime, list[str]]]]:
    """Who was merged into whom since when; who was split up and is no more."""
    merged: dict[int, tuple[datetime, int]] = {}
    split: dict[int, tuple[datetime, list[str]]] = {}
    rows = session.execute(
        select(UnitChange)
        .where(col(UnitChange.undone).is_(None), col(UnitChange.kind).in_(("merge", "split")))
        .order_by(col(UnitChange.effective), col(UnitChange.id))
    ).scalars()
    for row in rows:
        ended = [codes[code] for code in row.detail.get("ended", []) if code in codes]
        into = [code for code in row.detail.get("into", []) if code in codes]
        for unit_id in ended:
            if len(into) == 1:
                merged[unit_id] = (row.effective, codes[into[0]])
            elif into:
                split[unit_id] = (row.effective, into)
    return merged, split
