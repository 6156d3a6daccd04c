"""Rows of an insert: how many there are, and the blocks that the engine takes them in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from controller.store.native import Array, Dictionary

MONTHS_PER_BLOCK = 60
"""The engine refuses a block over 100 partitions."""


def rows_of(columns: Any) -> int:
    """Rows of a block: the length of the first column that is not one value for all."""
    for values in columns:
        if isinstance(values, Dictionary):
            return len(values.codes)
        if isinstance(values, np.ndarray) and values.ndim == 0:
            continue
        if isinstance(values, np.ndarray | list | tuple):
            return len(values)
    return 0


def taken(values: Any, chosen: Array) -> Any:
    """The chosen rows of a column."""
    if isinstance(values, Dictionary):
        return Dictionary(values.values, np.asarray(values.codes)[chosen])
    if isinstance(values, np.ndarray) and values.ndim:
        return values[chosen]
    if isinstance(values, list | tuple):
        return [values[index] for index in chosen.tolist()]
    return values


def blocks(times: Any) -> Iterator[Array | None]:
    """Row indices of each block, None for "all rows"; a block spans MONTHS_PER_BLOCK at most."""
    if times is None or np.ndim(times) == 0 or len(times) == 0:
        yield None
        return
    moments = np.asarray(times)
    if moments.dtype.kind in "iu":
        moments = moments.astype("<i8").view("<M8[ms]")
    months = moments.astype("datetime64[M]").astype("<i8")
    first, last = int(months.min()), int(months.max())
    if last - first < MONTHS_PER_BLOCK:
        yield None
        return
    group = np.unique(months, return_inverse=True)[1] // MONTHS_PER_BLOCK
    for number in range(int(group.max()) + 1):
        yield np.flatnonzero(group == number)
