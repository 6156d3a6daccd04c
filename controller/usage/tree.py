"""The units as a dated tree: who stands below whom, and from when to when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from sqlmodel import Session, col, select

from controller.access.scope import Scope
from controller.inventory.tables import Unit, UnitVersion
from controller.problems import NotFound
from controller.store.holdings import OPEN

_EVER = -OPEN


class Version(NamedTuple):
    """A unit's name and parent (0: none) during [since, until), epoch seconds."""

    unit: int
    since: int
    until: int
    parent: int
    name: str


class Member(NamedTuple):
    """``unit`` stands in ``ancestor``'s subtree (or is it) during [since, until)."""

    ancestor: int
    unit: int
    since: int
    until: int


@dataclass(frozen=True)
class Tree:
    """All units with all their versions. A unit's first version also speaks for the time before
    it and its last for the time after: registers are written down later than things begin."""

    codes: dict[int, str]
    versions: dict[int, list[Version]]

    def name(self, unit: int, at: int) -> str:
        return self._version(unit, at).name

    def parent(self, unit: int, at: int) -> int:
        return self._version(unit, at).parent

    def find(self, code_or_name: str, at: int, scope: Scope) -> int:
        """Id of the unit of this code, or else of this name at ``at``; raises NotFound."""
        visible = [unit for unit in self.codes if scope.allows(unit)]
        for unit in visible:
            if self.codes[unit] == code_or_name:
                return unit
        named = [unit for unit in visible if self.name(unit, at) == code_or_name]
        if len(named) != 1:
            raise NotFound("unit", code_or_name)
        return named[0]

    def members(self, since: int, until: int) -> list[Member]:
        """Every (ancestor, unit) of [since, until), each unit being its own ancestor too."""
        turns = {since, until}
        for versions in self.versions.values():
            turns.update(v.since for v in versions if since < v.since < until)
        ordered = sorted(turns)
        found: dict[tuple[int, int], list[list[int]]] = {}
        for start, end in pairwise(ordered):
            for unit in self.codes:
                for ancestor in self.ancestors(unit, start):
                    spans = found.setdefault((ancestor, unit), [])
                    if spans and spans[-1][1] == start:
                        spans[-1][1] = end
                    else:
                        spans.append([start, end])
        return [
            Member(ancestor, unit, start, end)
            for (ancestor, unit), spans in found.items()
            for start, end in spans
        ]

    def ancestors(self, unit: int, at: int) -> list[int]:
        """The unit, its parent, … up to the root; a circle is cut where it closes."""
        line: list[int] = []
        while unit and unit not in line and unit in self.codes:
            line.append(unit)
            unit = self.parent(unit, at)
        return line

    def order(self, units: Iterable[int], at: int) -> list[tuple[int, int]]:
        """(unit, depth) of these units, children after their parent, by code; the depth counts
        from the topmost one among them."""
        wanted = set(units)
        lines = {unit: [u for u in self.ancestors(unit, at) if u in wanted] for unit in wanted}
        path = {unit: tuple(self.codes[u] for u in reversed(line)) for unit, line in lines.items()}
        return [(unit, len(lines[unit]) - 1) for unit in sorted(wanted, key=lambda u: path[u])]

    def _version(self, unit: int, at: int) -> Version:
        versions = self.versions.get(unit)
        if not versions:
            return Version(unit, _EVER, OPEN, 0, self.codes.get(unit, ""))
        chosen = versions[0]
        for version in versions:
            if version.since > at:
                break
            chosen = version
        return chosen


def read_tree(session: Session) -> Tree:
    """Reads all units and versions."""
    units = session.exec(select(col(Unit.id), col(Unit.code)))
    codes = {unit: code for unit, code in units if unit is not None}
    versions: dict[int, list[Version]] = {}
    rows = session.exec(
        select(UnitVersion).order_by(col(UnitVersion.unit_id), col(UnitVersion.since))
    )
    for row in rows:
        versions.setdefault(row.unit_id, []).append(
            Version(
                row.unit_id,
                _seconds(row.since),
                OPEN if row.until is None else _seconds(row.until),
                row.parent_id or 0,
                row.name,
            )
        )
    return Tree(codes, versions)


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
