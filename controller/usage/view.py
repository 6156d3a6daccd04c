"""What a question may look at: the one place where the tenant scope meets usage.

``look`` turns (scope, query) into the pieces of holdings that count, each for a row of the
answer, and into the members table that limits the group sums. Whoever reads samples for usage
takes both from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlmodel import col, select

from controller.access.scope import Scope
from controller.inventory.tables import BusinessSystem
from controller.problems import NotFound
from controller.runtime import Runtime
from controller.store import rollup
from controller.store import statistics as st
from controller.store.holdings import OPEN, Holdings, Ints, register_of
from controller.usage.model import UsageQuery
from controller.usage.tree import Member, Tree, read_tree

EVER = -OPEN


@dataclass(frozen=True)
class Pieces:
    """Parts of holdings that count for a row: parallel arrays, [since, until) in epoch seconds."""

    row: Ints
    """Key of the row: a unit, system, zone, site or resource id, by the query's ``by``."""
    since: Ints
    until: Ints
    holding: Holdings

    def pick(self, mask: NDArray[Any]) -> Pieces:
        return Pieces(self.row[mask], self.since[mask], self.until[mask], self.holding.pick(mask))


@dataclass(frozen=True)
class View:
    """The question resolved against the registers."""

    start: int
    end: int
    """[start, end) in epoch seconds."""
    rolled: int
    """End of what can have been rolled up by now; later buckets are not expected."""
    by: str
    tree: Tree
    root: int | None
    """The unit asked for."""
    systems: frozenset[int] | None
    """The systems asked for."""
    members: list[Member]
    """(row key or 0, unit) intervals that may be seen."""
    whole_city: bool
    """Nothing limits the view: rows of resources that nobody holds belong to it too."""
    pieces: Pieces
    holdings: Holdings

    @property
    def units(self) -> list[int]:
        """Every unit whose rows are looked at."""
        return sorted({member.unit for member in self.members})


def look(runtime: Runtime, scope: Scope, query: UsageQuery) -> View:
    """Resolves names and scope; raises NotFound for a unit or system that may not be seen."""
    start, end = _up(query.since.timestamp()), _up(query.until.timestamp())
    register = register_of(runtime.database)
    holdings = register.read()
    with runtime.database.read() as session:
        tree = read_tree(session)
        root = None if query.unit is None else tree.find(query.unit, end - 1, scope)
        systems = None
        if query.system is not None:
            found = session.exec(
                select(col(BusinessSystem.id), col(BusinessSystem.unit_id)).where(
                    col(BusinessSystem.name) == query.system
                )
            ).all()
            systems = frozenset(number for number, unit in found if number and scope.allows(unit))
            if not systems:
                raise NotFound("system", query.system)
    whole = scope.everything and root is None and systems is None
    members = _members(tree, scope, root, query.by, (start, max(end, start + 1)))
    pieces = _pieces(holdings, members, systems, query.by, (start, end))
    if query.by == "resource" and whole:
        pieces = _unheld_too(holdings, start, end)
    rolled = rollup.closed_until(runtime.now())
    return View(start, end, rolled, query.by, tree, root, systems, members, whole, pieces, holdings)


def _members(
    tree: Tree, scope: Scope, root: int | None, by: str, period: tuple[int, int]
) -> list[Member]:
    everyone = [m for m in tree.members(*period) if scope.allows(m.unit)]
    below = None if root is None else [m for m in everyone if m.ancestor == root]
    if by == "unit":
        heads = {m.unit for m in everyone} if below is None else {m.unit for m in below}
        return [m for m in everyone if m.ancestor in heads and scope.allows(m.ancestor)]
    if below is not None:
        return [m._replace(ancestor=0) for m in below]
    return [Member(0, unit, *period) for unit in tree.codes if scope.allows(unit)]


def _pieces(
    holdings: Holdings,
    members: list[Member],
    systems: frozenset[int] | None,
    by: str,
    period: tuple[int, int],
) -> Pieces:
    """Every holding cut to each member interval of its unit that it meets."""
    table = np.array(sorted(members, key=lambda m: m.unit), np.int64).reshape(-1, 4)
    first = np.searchsorted(table[:, 1], holdings.unit, "left")
    count = np.searchsorted(table[:, 1], holdings.unit, "right") - first
    if systems is not None:
        count = np.where(np.isin(holdings.system, sorted(systems)), count, 0)
    which = np.repeat(np.arange(len(holdings)), count)
    ranks = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
    member = table[np.repeat(first, count) + ranks]
    held = holdings.pick(which)
    # A piece may go beyond the period where its member interval does: only the cut counts.
    lower = np.where(member[:, 2] <= period[0], EVER, member[:, 2])
    upper = np.where(member[:, 3] >= period[1], OPEN, member[:, 3])
    since, until = np.maximum(held.since, lower), np.minimum(held.until, upper)
    pieces = Pieces(_row_keys(by, member[:, 0], held), since, until, held)
    start, end = period
    return pieces.pick((since < until) & (since < end) & (until > start))


def _row_keys(by: str, ancestor: Ints, held: Holdings) -> Ints:
    if by == "unit":
        return ancestor
    if by == "system":
        # What belongs to no system is a row of its own for each unit.
        return np.where(held.system > 0, held.system, -held.unit)
    column: Ints = getattr(held, by)
    return column


def _unheld_too(holdings: Holdings, start: int, end: int) -> Pieces:
    """Every resource for all time, cut where another holding begins."""
    order = np.lexsort((holdings.since, holdings.resource))
    held = holdings.pick(order)
    first = np.r_[True, held.resource[1:] != held.resource[:-1]] if len(held) else held.resource > 0
    since = np.where(first, EVER, held.since)
    until = np.r_[np.where(first[1:], OPEN, held.since[1:]), [OPEN]][: len(held)]
    pieces = Pieces(held.resource, since, until, held)
    return pieces.pick((since < until) & (since < end) & (until > start))


def expected_buckets(view: View, pieces: Pieces) -> Ints:
    """For each piece, the buckets that should have data: held, existing, and rolled by now."""
    held = pieces.holding
    since = np.maximum.reduce([held.since, held.created, pieces.since])
    since = np.maximum(since, view.start)
    until = np.minimum(np.minimum(held.until, pieces.until), min(view.end, view.rolled))
    buckets = -(-until // st.BUCKET_S) - -(-since // st.BUCKET_S)
    return np.where(held.measured & (until > since), buckets, 0)


def held_steps(view: View) -> dict[str, NDArray[Any]]:
    """What each row holds, as steps: from ``t`` on, ``n`` measured resources with their
    allocation. Sorted by (row, t); before its first step a row holds nothing."""
    pieces = view.pieces.pick(view.pieces.holding.measured)
    begin = np.maximum(pieces.since, view.start)
    amounts = np.stack(
        [
            np.ones(len(begin)),
            np.nan_to_num(pieces.holding.vcpu),
            np.nan_to_num(pieces.holding.mem_bytes),
            np.nan_to_num(pieces.holding.disk_bytes),
        ]
    )
    ends = pieces.until < view.end
    row = np.concatenate([pieces.row, pieces.row[ends]])
    at = np.concatenate([begin, pieces.until[ends]])
    change = np.concatenate([amounts, -amounts[:, ends]], axis=1)
    order = np.lexsort((at, row))
    row, at, change = row[order], at[order], change[:, order]
    if len(row) == 0:
        return {
            "row": row,
            "t": at,
            "n": at * 1.0,
            "vcpu": at * 1.0,
            "mem": at * 1.0,
            "disk": at * 1.0,
        }
    last = np.r_[(row[1:] != row[:-1]) | (at[1:] != at[:-1]), True]
    running = np.cumsum(change, axis=1)
    starts = np.flatnonzero(np.r_[True, row[1:] != row[:-1]])
    before = np.repeat(
        np.where(starts > 0, running[:, starts - 1], 0.0), np.diff(np.r_[starts, len(row)]), axis=1
    )
    held = (running - before)[:, last]
    names = ("n", "vcpu", "mem", "disk")
    return {"row": row[last], "t": at[last], **dict(zip(names, held, strict=True))}


def _up(seconds: float) -> int:
    """Whole seconds, rounded up: bucket starts are whole, so [start, end) keeps its meaning."""
    return int(-(-seconds // 1))
