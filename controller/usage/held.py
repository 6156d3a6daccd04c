"""What the rows of a report hold at the end of its period, and how much data they should have."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.usage.view import Pieces, View, expected_buckets


class Held:
    """Maps from row key. A row of which no allocation is known is in none of the sums."""

    def __init__(self, view: View) -> None:
        pieces = view.pieces
        self.keys: set[int] = set(pieces.row.tolist())
        at_end = pieces.pick((pieces.since < view.end) & (pieces.until >= view.end))
        if view.by == "resource":
            # One that changed hands keeps what it had in the part that counts here.
            at_end = pieces.pick(_last_of_each(pieces))
        owned = at_end.pick(at_end.holding.unit > 0)
        self.resources = _sum(owned.row, np.ones(len(owned.row)))
        self.vcpu = _sum(owned.row, owned.holding.vcpu)
        self.mem = _sum(owned.row, owned.holding.mem_bytes)
        self.disk = _sum(owned.row, owned.holding.disk_bytes)
        expected = expected_buckets(view, pieces).astype(np.float64)
        self.expected = _sum(pieces.row, expected)
        """Buckets with data that would be complete."""
        last = pieces.pick(_last_of_each(pieces))
        rows = last.row.tolist()
        self.unit: dict[int, int] = dict(zip(rows, last.holding.unit.tolist(), strict=True))
        """The last unit of the row within the period; of a system's row, its unit."""
        self.system: dict[int, int] = dict(zip(rows, last.holding.system.tolist(), strict=True))


def _last_of_each(pieces: Pieces) -> NDArray[np.bool_]:
    order = np.lexsort((pieces.since, pieces.row))
    row = pieces.row[order]
    last = np.zeros(len(row), bool)
    last[order] = np.r_[row[1:] != row[:-1], True][: len(row)]
    return last


def _sum(keys: NDArray[Any], values: NDArray[np.float64]) -> dict[int, float]:
    known = ~np.isnan(values)
    distinct, place = np.unique(keys[known], return_inverse=True)
    totals = np.bincount(place, values[known], len(distinct))
    return dict(zip(distinct.tolist(), totals.tolist(), strict=True))
