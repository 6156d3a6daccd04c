"""Holders of allocations beside each other: use against allocation, place among peers, growth.

Pure. One row a holder and figure (cores or memory); what is not known is None and takes no place.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

LEAST_BEFORE = 0.05
"""Of the allocation: from less use than this no growth in per cent is told, it would be thousands
of per cent of nothing."""


@dataclass(frozen=True)
class Holder:
    """``allocated`` in cores or bytes, use as shares of it; ``before`` is the period before."""

    key: str
    group: str
    allocated: float | None
    average_pct: float | None
    p95_pct: float | None
    before_allocated: float | None = None
    before_average_pct: float | None = None
    ranked_pct: float | None = None
    """What a ranking compares, where that is not the average; see ``in_ranking``."""
    in_ranking: bool = True


@dataclass(frozen=True)
class Standing:
    """Place 1 uses most of what it holds. Amounts are in the allocation's unit."""

    key: str
    rank: int | None
    of: int
    """Peers with a figure, itself included."""
    median_pct: float | None
    used: float | None
    peak: float | None
    """P95 of the use."""
    spare: float | None
    """What is left above the P95: held and hardly ever needed."""
    allocated_growth: float | None
    used_growth: float | None
    used_growth_pct: float | None


def compare(holders: Sequence[Holder]) -> dict[str, Standing]:
    """Every holder's standing, by key."""
    figures: dict[str, list[float]] = defaultdict(list)
    for each in holders:
        value = _ranked(each)
        if value is not None:
            figures[each.group].append(value)
    return {each.key: _standing(each, figures[each.group]) for each in holders}


def _standing(holder: Holder, peers: Sequence[float]) -> Standing:
    own = _ranked(holder)
    used = _part(holder.allocated, holder.average_pct)
    peak = _part(holder.allocated, holder.p95_pct)
    before = _part(holder.before_allocated, holder.before_average_pct)
    growth = None if used is None or before is None else used - before
    share = None
    if growth is not None and before and before >= LEAST_BEFORE * (holder.before_allocated or 0.0):
        share = 100 * growth / before
    grown = None
    if holder.allocated is not None and holder.before_allocated is not None:
        grown = holder.allocated - holder.before_allocated
    return Standing(
        key=holder.key,
        rank=None if own is None else 1 + sum(value > own for value in peers),
        of=len(peers),
        median_pct=median(peers) if peers else None,
        used=used,
        peak=peak,
        spare=None if holder.allocated is None or peak is None else holder.allocated - peak,
        allocated_growth=grown,
        used_growth=growth,
        used_growth_pct=share,
    )


def _ranked(holder: Holder) -> float | None:
    if not holder.in_ranking:
        return holder.ranked_pct
    return holder.average_pct


def _part(whole: float | None, share_pct: float | None) -> float | None:
    return None if whole is None or share_pct is None else whole * share_pct / 100
