"""Public support (公共支撑) kept outside rankings: a unit is not compared by what serves everybody.

A unit's row keeps all figures of what it holds; beside them stand the averages without public
support. They are taken out as averages weighted by allocation, which is exact while allocations
hold still and data are complete. A percentile cannot be taken apart like this and is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from controller.access.scope import CITY
from controller.inventory.shares import list_shared
from controller.runtime import Runtime
from controller.usage.model import UsageRow


def public_support(runtime: Runtime, until: datetime) -> frozenset[str]:
    """Codes of the resources that are public support at the end of a period."""
    with runtime.database.read() as session:
        shared = list_shared(session, CITY, until - timedelta(seconds=1))
    return frozenset(each.code for each in shared if each.shared.mode == "public")


def left_out(rows: Sequence[UsageRow], uses: Iterable[UsageRow]) -> list[UsageRow]:
    """Rows of units, in tree order with their depth, without ``uses``: the rows of resources that
    are public support, each with its holder as ``unit``."""
    above = _above(rows)
    held: dict[str, list[UsageRow]] = {}
    for use in uses:
        for unit in above.get(use.unit or "", ()):
            held.setdefault(unit, []).append(use)
    return [
        replace(
            row,
            public_support=len(mine),
            ranked_cpu_pct=_rest(row, mine, "vcpu_allocated", "cpu_avg_pct"),
            ranked_mem_pct=_rest(row, mine, "mem_allocated_bytes", "mem_avg_pct"),
        )
        if (mine := held.get(row.unit or ""))
        else row
        for row in rows
    ]


def _above(rows: Sequence[UsageRow]) -> dict[str, tuple[str, ...]]:
    """Each unit's code to itself and those above it in the report."""
    found: dict[str, tuple[str, ...]] = {}
    path: list[str] = []
    for row in rows:
        del path[row.depth :]
        path.append(row.unit or "")
        found[row.unit or ""] = tuple(path)
    return found


def _rest(row: UsageRow, mine: Iterable[UsageRow], size: str, share: str) -> float | None:
    whole, average = getattr(row, size), getattr(row, share)
    if whole is None or average is None:
        return None
    left, used = whole, whole * average / 100
    for each in mine:
        own, pct = getattr(each, size) or 0.0, getattr(each, share)
        if pct is not None:
            left -= own
            used -= own * pct / 100
    # Rounding of the averages must not make a share of almost nothing.
    return round(max(0.0, 100 * used / left), 4) if left > whole * 1e-6 else None
