"""How large each resource was when, for shares of what was allocated at a row's own time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.store.holdings import OPEN, Holdings

EVER = -OPEN


@dataclass(frozen=True)
class Spans:
    """Every holding's size during [since, until); a resource's spans cover all time."""

    resource: NDArray[np.int64]
    since: NDArray[np.int64]
    until: NDArray[np.int64]
    vcpu: NDArray[np.float64]
    mem: NDArray[np.float64]
    changed: NDArray[np.int64]
    """Resources whose size differs between spans that meet the period."""
    line: dict[int, float] = field(default_factory=dict)
    """Bytes a second of each resource's line, as registered now."""

    def sizes(self, name: str, ids: NDArray[np.int64]) -> NDArray[np.float64]:
        """The one size of each of ``ids`` (sorted) that never changed; NaN where not known."""
        if name == "line":
            return np.array([self.line.get(key, np.nan) for key in ids.tolist()], np.float64)
        last = np.searchsorted(self.resource, ids, "right") - 1
        there = (last >= 0) & (self.resource[np.maximum(last, 0)] == ids)
        values: NDArray[np.float64] = getattr(self, name)[np.maximum(last, 0)]
        return np.where(there, values, np.nan)

    def pieces(self, ids: NDArray[np.int64]) -> list[tuple[str, str, Any]]:
        """The spans of ``ids`` as a table to join."""
        mine = np.isin(self.resource, ids)
        line = np.array([self.line.get(k, np.nan) for k in self.resource[mine].tolist()])
        return [
            ("resource", "UInt32", self.resource[mine]),
            ("since", "Int64", self.since[mine]),
            ("until", "Int64", self.until[mine]),
            ("size_vcpu", "Float64", self.vcpu[mine]),
            ("size_mem", "Float64", self.mem[mine]),
            ("size_line", "Float64", line),
        ]


def spans_of(holdings: Holdings, start: int, end: int, line: dict[int, float]) -> Spans:
    """The register's spans with gaps closed: until the next holding begins, the last one's size
    holds, and before the first the first one's."""
    order = np.lexsort((holdings.since, holdings.resource))
    held = holdings.pick(order)
    count = len(held)
    first = np.r_[True, held.resource[1:] != held.resource[:-1]] if count else held.resource > 0
    since = np.where(first, EVER, held.since)
    until = np.r_[np.where(first[1:], OPEN, held.since[1:]), [OPEN]][:count] if count else since
    meets = (since < end) & (until > start)
    changed: list[int] = []
    resource = held.resource[meets]
    if len(resource):
        same = resource[1:] == resource[:-1]
        vcpu, mem = held.vcpu[meets], held.mem_bytes[meets]
        other = ~_equal(vcpu[1:], vcpu[:-1]) | ~_equal(mem[1:], mem[:-1])
        changed = np.unique(resource[1:][same & other]).tolist()
    return Spans(
        held.resource[meets],
        since[meets],
        until[meets],
        held.vcpu[meets],
        held.mem_bytes[meets],
        np.array(changed, np.int64),
        line,
    )


def _equal(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.bool_]:
    equal: NDArray[np.bool_] = (a == b) | (np.isnan(a) & np.isnan(b))
    return equal
