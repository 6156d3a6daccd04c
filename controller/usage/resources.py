"""Figures of single resources, from their five-minute rows.

A resource with one holding over the whole period needs no join: percentiles of its bytes divided
by its allocation are the percentiles of the shares. One with coarse or hourly rows counts each row
as often as it has buckets (``spans``). The others (changed hands or size in between, allocation
unknown, coarser rows that overlap) go the long way, row by row against their pieces.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from collectors.catalog import HOST
from controller.settings import Settings
from controller.store import statistics as st
from controller.store.holdings import Ints
from controller.store.rollup_sql import (
    USED_DISK,
    USED_MEMORY,
    coarse_buckets,
    hour_buckets,
    window,
)
from controller.store.samples import Columns, Samples
from controller.usage import spans
from controller.usage.view import Pieces, View

SLICE = 500
"""Resources of one statement. A percentile keeps every value: a month of the report's four are
86 MB, where a larger slice would spill to disk."""
LANES = 2
"""Statements at once, each on one thread: grouping by resource gains little from more threads."""

ONE_THREAD = {"max_threads": 1}

Figures = dict[str, NDArray[np.float64]]

NAMES = (
    "filled",
    "cpu_avg", "cpu_p95", "cpu_max",
    "mem_avg", "mem_p95", "mem_max",
    "disk_avg",
    "rx_avg", "rx_p95", "tx_avg", "tx_p95",
)  # fmt: skip
"""``filled`` is the number of buckets with data."""

_COLUMNS = (
    "cpu_used_pct",
    "cpu_max_pct",
    "mem_used_bytes",
    "mem_used_pct",
    "mem_total_bytes",
    "disk_used_bytes",
    "disk_used_pct",
    "disk_total_bytes",
    "net_rx_bytes_s",
    "net_tx_bytes_s",
)


def figures(
    samples: Samples, settings: Settings, view: View, now_s: int, names: Sequence[str] = NAMES
) -> tuple[Ints, Figures]:
    """Resource ids and, parallel to them, each of ``names`` (some of NAMES); resources without
    data are left out."""
    pieces = view.pieces
    if not names or not len(pieces.row):
        return np.array([], np.int64), {name: np.array([]) for name in names}
    ids, count = np.unique(pieces.row, return_counts=True)
    single = count[np.searchsorted(ids, pieces.row)] == 1
    hourly = view.start < now_s - settings.retention.five_minute_days * st.DAY_S
    coarse, meeting = spans.coarser(samples, view, hourly)
    coarse = np.setdiff1d(coarse, spans.covered(samples, view, pieces.pick(single), coarse))
    coarser = np.isin(pieces.row, coarse)
    weighed = coarser & single & ~np.isin(pieces.row, meeting)
    held = pieces.holding
    whole = (pieces.since <= view.start) & (pieces.until >= view.end)
    known = ~(np.isnan(held.mem_bytes) | np.isnan(held.disk_bytes))
    plain = whole & known & single & ~coarser
    with ThreadPoolExecutor(LANES) as pool:
        parts = _slices(pieces.pick(plain), SLICE)
        short = list(pool.map(lambda part: _short(samples, view, part, names), parts))
        parts = _slices(pieces.pick(weighed), SLICE)
        some = list(pool.map(lambda part: _weighed(samples, view, part, names, hourly), parts))
        # Where a platform gives shares only, the bytes need each row's size.
        again = np.concatenate([*(keys[bare] for keys, _, bare in short), np.array([], np.int64)])
        rest = ~(plain | weighed) | np.isin(pieces.row, again)
        parts = _slices(pieces.pick(rest), SLICE)
        spread = bool(np.isin(pieces.row[rest], coarse).any())
        long = list(pool.map(lambda part: _long(samples, view, part, names, spread, hourly), parts))
    found = [(keys[~bare], {n: v[~bare] for n, v in got.items()}) for keys, got, bare in short]
    found += some + long
    keys = np.concatenate([*(keys for keys, _ in found), np.array([], np.int64)])
    return keys, {
        name: np.concatenate([*(values[name] for _, values in found), np.array([])])
        for name in names
    }


def _slices(pieces: Pieces, size: int) -> Iterator[Pieces]:
    ids = np.unique(pieces.row)
    size = max(1, min(size, -(-len(ids) // LANES)))
    for first in range(0, len(ids), size):
        chunk = ids[first : first + size]
        yield pieces.pick((pieces.row >= chunk[0]) & (pieces.row <= chunk[-1]))


def _statistics(names: Sequence[str], mem: str, disk: str, weight: str = "") -> str:
    """The SELECT list of ``names``; ``weight`` is the column that says how often a row counts."""

    def percentile(value: str) -> str:
        if weight:
            return st.weighted_percentile(value, 0.95, weight)
        return st.percentile(value, 0.95)

    expressions = {
        "filled": f"sum({weight})" if weight else "count()",
        "cpu_avg": st.weighted_mean("cpu_used_pct", "seconds"),
        "cpu_p95": percentile("cpu_used_pct"),
        "cpu_max": st.highest(_PEAK),
        "mem_avg": st.weighted_mean(mem, "seconds"),
        "mem_p95": percentile(mem),
        "mem_max": st.highest(mem),
        "disk_avg": st.weighted_mean(disk, "seconds"),
        "rx_avg": st.weighted_mean("net_rx_bytes_s", "seconds"),
        "rx_p95": percentile("net_rx_bytes_s"),
        "tx_avg": st.weighted_mean("net_tx_bytes_s", "seconds"),
        "tx_p95": percentile("net_tx_bytes_s"),
    }
    return ", ".join(f"{expressions[name]} AS {name}" for name in names)


_PEAK = "if(isNaN(cpu_max_pct), cpu_used_pct, cpu_max_pct)"


def _short(
    samples: Samples, view: View, pieces: Pieces, names: Sequence[str]
) -> tuple[Ints, Figures, NDArray[np.bool_]]:
    """Without a join; the last answer marks resources that gave shares instead of bytes."""
    ids = pieces.row
    which = f"resource >= {ids.min()} AND resource <= {ids.max()}"
    if len(ids) <= ids.max() - ids.min():
        which += f" AND resource IN ({', '.join(map(str, ids.tolist()))})"
    which += f" AND instance = '' AND {window('time', view.start, view.end)}"
    answer = samples.query(
        f"SELECT resource, {_statistics(names, 'mem_used_bytes', 'disk_used_bytes')} "
        f"FROM {HOST.name}_5m FINAL WHERE {which} GROUP BY resource",
        settings=ONE_THREAD,
    )
    keys, values = _answered(answer, names)
    order = np.argsort(ids)
    place = order[np.searchsorted(ids[order], keys)]
    bare = np.zeros(len(keys), bool)
    for name in names:
        if name.startswith(("mem", "disk")):
            size = pieces.holding.mem_bytes if name.startswith("mem") else pieces.holding.disk_bytes
            values[name] = _share(values[name], size[place])
            bare |= np.isnan(values[name])
    if bare.any():
        shares = samples.query(
            f"SELECT DISTINCT resource FROM {HOST.name}_5m WHERE {which} AND ("
            "(isNaN(mem_used_bytes) AND not isNaN(mem_used_pct)) OR "
            "(isNaN(disk_used_bytes) AND not isNaN(disk_used_pct)))"
        )
        bare &= np.isin(keys, np.asarray(shares.get("resource", []), np.int64))
    return keys, values, bare


def _answered(answer: Columns, names: Sequence[str]) -> tuple[Ints, Figures]:
    keys = np.asarray(answer.get("resource", []), np.int64)
    return keys, {name: np.asarray(answer.get(name, []), np.float64) for name in names}


def _share(used: NDArray[np.float64], size: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):
        share: NDArray[np.float64] = np.where(size > 0, 100 * used / size, np.nan)
    return share


def _weighed(
    samples: Samples, view: View, pieces: Pieces, names: Sequence[str], hourly: bool
) -> tuple[Ints, Figures]:
    """Coarser rows counted by their buckets; each resource has one piece."""
    answer = samples.query(
        f"SELECT resource, {_statistics(names, 'mem', 'disk', 'weight')} "
        f"FROM ({spans.source(view, pieces, hourly, _COLUMNS)}) GROUP BY resource",
        external=spans.external(view, pieces),
        settings=ONE_THREAD,
    )
    return _answered(answer, names)


def _long(
    samples: Samples,
    view: View,
    pieces: Pieces,
    names: Sequence[str],
    coarser: bool,
    hourly: bool,
) -> tuple[Ints, Figures]:
    """Each row against the piece that holds at its time; coarser rows where nothing finer is."""
    ids = np.unique(pieces.row).tolist()
    answer = samples.query(
        f"""
SELECT resource, {_statistics(names, "mem", "disk")}
FROM (
  SELECT resource, seconds, cpu_used_pct, cpu_max_pct, net_rx_bytes_s, net_tx_bytes_s,
    if(isNaN(p.mem_bytes), mem_total_bytes, p.mem_bytes) AS size_mem,
    if(isNaN(p.disk_bytes), disk_total_bytes, p.disk_bytes) AS size_disk,
    if(size_mem > 0, 100 * ({USED_MEMORY.format(size="size_mem")}) / size_mem,
       if(isNaN(size_mem), mem_used_pct, nan)) AS mem,
    if(size_disk > 0, 100 * ({USED_DISK.format(size="size_disk")}) / size_disk,
       if(isNaN(size_disk), disk_used_pct, nan)) AS disk
  FROM ({rows(view, ids, coarser, hourly=hourly)}) AS r
  INNER JOIN pieces AS p ON r.resource = p.resource
  WHERE toInt64(toUnixTimestamp(bucket)) >= p.since AND toInt64(toUnixTimestamp(bucket)) < p.until
)
GROUP BY resource""",
        external={
            "pieces": [
                ("resource", "UInt32", pieces.row),
                ("since", "Int64", pieces.since),
                ("until", "Int64", pieces.until),
                ("mem_bytes", "Float64", pieces.holding.mem_bytes),
                ("disk_bytes", "Float64", pieces.holding.disk_bytes),
            ]
        },
        settings=ONE_THREAD,
    )
    return _answered(answer, names)


def rows(
    view: View,
    ids: list[int],
    coarser: bool,
    columns: tuple[str, ...] = _COLUMNS,
    hourly: bool = True,
) -> str:
    """SELECT of (resource, bucket, seconds, columns): five-minute rows and, where there are none
    and ``coarser`` rows may be, hourly (if wanted) and then coarse ones spread over their
    buckets."""
    which = f"resource IN ({', '.join(map(str, ids)) or '0'})"
    names = ", ".join(columns)
    period = window("time", view.start, view.end)
    fine = (
        f"SELECT resource, toDateTime(time, 'UTC') AS bucket, seconds, {names} "
        f"FROM {HOST.name}_5m FINAL WHERE {which} AND instance = '' AND {period}"
    )
    if not coarser:
        return fine
    there = (
        f"SELECT resource, toDateTime(time, 'UTC') FROM {HOST.name}_5m FINAL "
        f"WHERE {which} AND instance = '' AND {period}"
    )
    span = (view.start, view.end)
    full = f"toFloat32({st.BUCKET_S}) AS seconds"
    found = fine
    if hourly:
        hours = hour_buckets(f"{HOST.name}_1h", which, span, columns, there)
        there = f"{there} UNION ALL SELECT resource, bucket FROM ({hours})"
        found += f" UNION ALL SELECT resource, bucket, {full}, {names} FROM ({hours})"
    coarse = coarse_buckets(f"{HOST.name}_coarse", which, span, columns, there)
    return f"{found} UNION ALL SELECT resource, bucket, {full}, {names} FROM ({coarse})"
