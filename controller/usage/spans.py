"""Figures of resources that have rows coarser than five minutes, without spreading those rows.

An hourly or imported row speaks for a span of buckets. Figures only need to know of how many
buckets it speaks: those of its span that belong to the resource's piece, less those that have a
row of their own. Each row then counts as often, in the means as in the percentiles. That is what
``resources.rows`` does bucket by bucket, at a few hundred times the rows: a month of daily rows of
10,000 resources is 86 million buckets.

It holds where a resource has one piece in the period and no two of its spans meet; where they do
(an export of days and one of months over the same time), the long way sorts it out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from collectors.catalog import HOST
from controller.store import statistics as st
from controller.store.holdings import Ints
from controller.store.rollup_sql import LONGEST_COARSE_S, USED_DISK, USED_MEMORY, window
from controller.store.samples import Samples
from controller.usage.view import Pieces, View

_UP = st.BUCKET_S - 1
"""A bucket belongs to the row that covers its start."""
FEW = 2_000
"""Resources that a statement lists; of more, reading all is as fast."""


def coarser(samples: Samples, view: View, hourly: bool) -> tuple[Ints, Ints]:
    """(resources with any coarser row in the period, those of them whose spans meet each other).

    ``hourly``: five-minute rows of the period may be gone and hourly ones stand for them.
    """
    ids = np.unique(view.pieces.row)
    which = f"resource IN ({_listed(ids)})" if len(ids) <= FEW else "1"
    imported = (
        f"SELECT DISTINCT resource FROM {HOST.name}_coarse WHERE {which} AND instance = '' "
        f"AND {window('time', view.start - LONGEST_COARSE_S, view.end)} "
        f"AND toUnixTimestamp(time) + interval_s > {view.start}"
    )
    # Hours do not meet each other: only among rows with imported ones need it be looked for.
    answer = samples.query(
        f"""
SELECT resource, max(first < before) AS meet FROM (
  SELECT resource, first, lagInFrame(last, 1, 0) OVER
    (PARTITION BY resource ORDER BY first ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS before
  FROM ({_spans(view, f"resource IN ({imported})", (), hourly)})
)
GROUP BY resource"""
    )
    ids = np.asarray(answer.get("resource", []), np.int64)
    meeting = ids[np.asarray(answer.get("meet", []), np.int64) > 0]
    if hourly:
        hours = samples.query(
            f"SELECT DISTINCT resource FROM {HOST.name}_1h WHERE {which} AND instance = '' "
            f"AND {window('time', view.start - st.HOUR_S, view.end)}"
        )
        ids = np.union1d(ids, np.asarray(hours.get("resource", []), np.int64))
    return ids, meeting


def covered(samples: Samples, view: View, pieces: Pieces, ids: Ints) -> Ints:
    """Those of ``ids`` that have a five-minute row in every bucket of the period that they were
    held for, so that nothing coarser speaks."""
    if not len(ids):
        return ids
    answer = samples.query(
        f"SELECT resource, count() AS n FROM {HOST.name}_5m FINAL "
        f"WHERE instance = '' AND {window('time', view.start, view.end)} GROUP BY resource"
    )
    found = np.asarray(answer.get("resource", []), np.int64)
    first, last = _cut(view, pieces)
    whole = -(-view.end // st.BUCKET_S) - -(-view.start // st.BUCKET_S)
    # Only of those held all the time is it known that each row counted here is theirs.
    held = pieces.row[last - first == whole]
    full = found[np.asarray(answer.get("n", []), np.int64) >= whole]
    return ids[np.isin(ids, full) & np.isin(ids, held)]


def source(view: View, pieces: Pieces, hourly: bool, columns: Sequence[str]) -> str:
    """SELECT of (resource, seconds, weight, columns, mem, disk): every row with the buckets it
    speaks for. Wants the external table of ``external``; each resource has one piece."""
    which = f"resource IN ({_listed(np.unique(pieces.row))})"
    names = ", ".join(columns)
    fine = f"{HOST.name}_5m FINAL WHERE {which} AND instance = ''"
    fine += f" AND {window('time', view.start, view.end)}"
    bucket = f"toInt64(intDiv(toUnixTimestamp(time), {st.BUCKET_S}))"
    spans = _spans(view, which, columns, hourly)
    return f"""
SELECT resource, seconds, weight, {names},
  if(isNaN(mem_bytes), mem_total_bytes, mem_bytes) AS size_mem,
  if(isNaN(disk_bytes), disk_total_bytes, disk_bytes) AS size_disk,
  if(size_mem > 0, 100 * ({USED_MEMORY.format(size="size_mem")}) / size_mem,
     if(isNaN(size_mem), mem_used_pct, nan)) AS mem,
  if(size_disk > 0, 100 * ({USED_DISK.format(size="size_disk")}) / size_disk,
     if(isNaN(size_disk), disk_used_pct, nan)) AS disk
FROM (
  SELECT r.resource AS resource, toFloat64(r.seconds) AS seconds, toInt64(1) AS weight,
    {", ".join(f"r.{name} AS {name}" for name in columns)},
    p.mem_bytes AS mem_bytes, p.disk_bytes AS disk_bytes
  FROM (SELECT resource, {bucket} AS bucket, seconds, {names} FROM {fine}) AS r
  INNER JOIN pieces AS p ON r.resource = p.resource
  WHERE r.bucket >= p.first AND r.bucket < p.last
  UNION ALL
  SELECT c.resource AS resource, toFloat64({st.BUCKET_S} * weight) AS seconds,
    least(c.last, p.last) - greatest(c.first, p.first) - toInt64(own.n) AS weight,
    {", ".join(f"c.{name} AS {name}" for name in columns)},
    p.mem_bytes AS mem_bytes, p.disk_bytes AS disk_bytes
  FROM ({spans}) AS c
  INNER JOIN pieces AS p ON c.resource = p.resource
  LEFT JOIN (
    SELECT f.resource AS resource, s.first AS first, count() AS n
    FROM (
      SELECT resource, bucket FROM (SELECT resource, {bucket} AS bucket FROM {fine}) AS all
      INNER JOIN pieces AS p ON all.resource = p.resource
      WHERE bucket >= p.first AND bucket < p.last
    ) AS f
    ASOF INNER JOIN (SELECT resource, first, last FROM ({_spans(view, which, (), hourly)})) AS s
      ON f.resource = s.resource AND f.bucket >= s.first
    WHERE f.bucket < s.last
    GROUP BY resource, first
  ) AS own ON c.resource = own.resource AND c.first = own.first
  WHERE least(c.last, p.last) > greatest(c.first, p.first) AND weight > 0
)"""


def external(view: View, pieces: Pieces) -> dict[str, list[tuple[str, str, NDArray[np.generic]]]]:
    """The table of the pieces, with the buckets [first, last) of each."""
    first, last = _cut(view, pieces)
    return {
        "pieces": [
            ("resource", "UInt32", pieces.row),
            ("first", "Int64", first),
            ("last", "Int64", last),
            ("mem_bytes", "Float64", pieces.holding.mem_bytes),
            ("disk_bytes", "Float64", pieces.holding.disk_bytes),
        ]
    }


def _listed(ids: Ints) -> str:
    return ", ".join(map(str, ids.tolist())) or "0"


def _cut(view: View, pieces: Pieces) -> tuple[Ints, Ints]:
    """The buckets [first, last) of each piece within the period."""
    since = np.maximum(pieces.since, view.start)
    until = np.minimum(pieces.until, view.end)
    return -(-since // st.BUCKET_S), -(-until // st.BUCKET_S)


def _spans(view: View, which: str, columns: Sequence[str], hourly: bool) -> str:
    """SELECT of (resource, first, last, columns): coarser rows that reach into the period, as the
    buckets [first, last). Of several rows with the same span the best source speaks, then the
    latest."""
    names = "".join(f", {name}" for name in columns)
    begins = f"toInt64(intDiv(toUnixTimestamp(time) + {_UP}, {st.BUCKET_S}))"
    ends = f"toInt64(intDiv(toUnixTimestamp(time) + toUInt32(interval_s) + {_UP}, {st.BUCKET_S}))"
    coarse = f"""
SELECT resource, first, last{names} FROM (
  SELECT resource, {begins} AS first, {ends} AS last{names}, source, version
  FROM {HOST.name}_coarse FINAL
  WHERE {which} AND instance = '' AND {window("time", view.start - LONGEST_COARSE_S, view.end)}
    AND toUnixTimestamp(time) + interval_s > {view.start}
  ORDER BY resource, first, last, {st.priority("source")}, version DESC, source
  LIMIT 1 BY resource, first, last
)"""
    if not hourly:
        return coarse
    start = f"toInt64(intDiv(toUnixTimestamp(time), {st.BUCKET_S}))"
    return f"""{coarse}
UNION ALL
SELECT resource, {start} AS first, first + toInt64(ceil(seconds / {st.BUCKET_S})) AS last{names}
FROM {HOST.name}_1h FINAL
WHERE {which} AND instance = '' AND {window("time", view.start - st.HOUR_S, view.end)}"""
