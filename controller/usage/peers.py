"""A unit among its peers: its place, and the middle of them. Pure; rows come as an argument.

Who may see only its own subtree is told the rank and the median, never the others' names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from controller.inventory.model import UnitView
from controller.usage.model import UsageRow

LEAST = 3
"""Fewer siblings than this say nothing: then units of the same kind are the peers."""


@dataclass(frozen=True)
class Standing:
    """Place 1 has the highest average CPU use, public support left out. ``rank`` is None without
    data of the unit."""

    rank: int | None
    of: int
    """Peers with data, the unit included."""
    median_cpu_pct: float | None
    median_mem_pct: float | None


def peers_of(unit: str, units: Iterable[UnitView]) -> frozenset[str]:
    """Codes of the units beside ``unit`` in the tree, itself included; see LEAST."""
    # What nobody has claimed is no unit's use: it stands in no ranking.
    known = {each.code: each for each in units if each.kind != "unclaimed"}
    own = known.get(unit)
    if own is None:
        return frozenset({unit})
    siblings = {code for code, each in known.items() if each.parent_code == own.parent_code}
    if len(siblings) < LEAST:
        siblings = {code for code, each in known.items() if each.kind == own.kind}
    return frozenset(siblings)


def standing(unit: str, rows: Sequence[UsageRow]) -> Standing:
    """Where ``unit`` stands among ``rows``, which are its peers' and its own."""
    known = {row.unit: row.cpu_for_ranking for row in rows if row.cpu_for_ranking is not None}
    own = known.get(unit)
    rank = None if own is None else 1 + sum(value > own for value in known.values())
    return Standing(rank, len(known), _median(known), _median(_memory(rows)))


def _memory(rows: Sequence[UsageRow]) -> dict[str | None, float]:
    return {row.unit: row.mem_for_ranking for row in rows if row.mem_for_ranking is not None}


def _median(known: Mapping[str | None, float]) -> float | None:
    return float(median(known.values())) if known else None
