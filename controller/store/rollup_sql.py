"""The statements that compute rollups. Every one recomputes from de-duplicated rows (FINAL) and
writes whole buckets with a higher version; nothing is ever added to what is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from collectors.catalog import Metric, Table
from controller.store import statistics as st
from controller.store.groups import GROUP_KEY, GROUP_SUMS

LONGEST_COARSE_S = 31 * st.DAY_S
"""The coarsest import: a month."""

_COARSE_METRICS = (
    "cpu_used_pct",
    "cpu_count",
    "mem_used_bytes",
    "mem_used_pct",
    "mem_total_bytes",
    "disk_used_bytes",
    "disk_used_pct",
    "disk_total_bytes",
    "net_rx_bytes_s",
    "net_tx_bytes_s",
)
"""What the group sums are made of."""
_MEASURED_SIZES = ("cpu_count", "mem_total_bytes", "disk_total_bytes")
"""Of those, what stands for an allocation that no register has."""


class Piece(NamedTuple):
    """What one statement computes: buckets starting in [start, end), epoch seconds."""

    start: int
    end: int
    version: int
    """Of the rows it writes; the highest one counts."""
    resources: Sequence[int] | None = None
    """``None``: all."""
    raw_cutoff: int = 0
    """Rollup rows made of raw rows that arrived by then are left alone; 0: there can be none."""
    rolled_cutoff: int = 0
    """The same for what is made of five-minute rows."""

    @property
    def which(self) -> str:
        """Condition on the resource."""
        if self.resources is None:
            return "1"
        return f"resource IN ({', '.join(str(int(each)) for each in self.resources)})"


def window(column: str, start: int, end: int) -> str:
    """``column`` in [start, end), epoch seconds, in a form the index is used for."""
    return f"{column} >= {st.moment(start)} AND {column} < {st.moment(end)}"


def guarded(table: str, which: str, start: int, end: int, cutoff: int) -> str:
    """(resource, instance, time) of rollup rows in the window that must not be computed again:
    rows they were made of arrived by ``cutoff`` and may be gone since."""
    return (
        f"SELECT resource, instance, time FROM {table} FINAL "
        f"WHERE {which} AND {window('time', start, end)} AND arrived <= toDateTime({cutoff}, 'UTC')"
    )


def shape(table: Table, piece: Piece) -> str:
    """One row on the raw rows of the window: ``n``, the buckets they fall in as ``buckets``, and
    each metric's name with whether it has any value."""
    metrics = ", ".join(f"max(not isNaN({name})) AS {name}" for name in table.names)
    return (
        f"SELECT count() AS n, uniqExact(resource, instance, {st.bucket('time')}) AS buckets, "
        f"{metrics} FROM (SELECT resource, instance, time, {', '.join(table.names)} "
        f"FROM {table.name} FINAL WHERE {piece.which} AND {window('time', *piece[:2])})"
    )


def five_minutes(
    table: Table, piece: Piece, metrics: Sequence[Metric] | None = None, *, single: bool = False
) -> str:
    """INSERT of ``T_5m``. One source speaks for a bucket: the best by ``statistics.priority``,
    among imports the latest one.

    ``metrics``: those that have values, None for all. ``single``: no bucket has two rows, so each
    row is its bucket's figure already.
    """
    chosen = table.metrics if metrics is None else metrics
    which, (start, end, version) = piece.which, piece[:3]
    keep = ""
    if piece.raw_cutoff:
        keep = (
            "\n  WHERE (resource, instance, bucket) NOT IN "
            f"({guarded(f'{table.name}_5m', which, start, end, piece.raw_cutoff)})"
        )
    head = "".join(f"{metric.name}, " for metric in chosen)
    rows = f"FROM {table.name} FINAL\n  WHERE {which} AND {window('time', start, end)}"
    insert = (
        f"\nINSERT INTO {table.name}_5m (resource, instance, time, seconds, {head}version, arrived)"
    )
    if single:
        return f"""{insert}
SELECT resource, instance, bucket, least(interval_s, {st.BUCKET_S}), {head}{version}, arrived
FROM (
  SELECT resource, instance, {st.bucket("time")} AS bucket, interval_s, {head}arrived
  {rows}
){keep}"""
    rolled = "".join(
        f"{st.rolled(m.name, m.rollup, 'interval_s', 'time')} AS {m.name}_,\n    " for m in chosen
    )
    outer = "".join(f"{metric.name}_, " for metric in chosen)
    return f"""{insert}
SELECT resource, instance, bucket, least(seconds, {st.BUCKET_S}), {outer}{version}, first_arrived
FROM (
  SELECT resource, instance, {st.bucket("time")} AS bucket, source,
    sum(interval_s) AS seconds,
    {rolled}min(arrived) AS first_arrived, max(version) AS batch
  {rows}
  GROUP BY resource, instance, source, bucket
){keep}
ORDER BY resource, instance, bucket, {st.priority("source")}, batch DESC, source
LIMIT 1 BY resource, instance, bucket"""


def late_rows(table: Table, piece: Piece) -> str:
    """(resource, late) raw rows that came after their bucket was computed for the last time."""
    which, (start, end) = piece.which, piece[:2]
    return f"""
SELECT resource, count() AS late FROM (
  SELECT resource, instance, {st.bucket("time")} AS bucket, arrived
  FROM {table.name} FINAL WHERE {which} AND {window("time", start, end)}
) AS raw INNER JOIN (
  SELECT resource, instance, toDateTime(time, 'UTC') AS bucket, version
  FROM {table.name}_5m FINAL WHERE {which} AND {window("time", start, end)}
    AND arrived <= toDateTime({piece.raw_cutoff}, 'UTC')
) AS done USING (resource, instance, bucket)
WHERE toUnixTimestamp(arrived) > intDiv(version, 1000000)
GROUP BY resource ORDER BY resource"""


def hours(table: Table, piece: Piece, metrics: Sequence[Metric] | None = None) -> str:
    """INSERT of ``T_1h`` from ``T_5m``; the piece starts on an hour."""
    chosen = table.metrics if metrics is None else metrics
    which, (start, end, version) = piece.which, piece[:3]
    rolled = "".join(
        f"{st.rolled(f's.{m.name}', m.rollup, 's.seconds', 's.time')},\n  " for m in chosen
    )
    keep = ""
    if piece.rolled_cutoff:
        keep = (
            "\nHAVING (resource, instance, hour) NOT IN "
            f"({guarded(f'{table.name}_1h', which, start, end, piece.rolled_cutoff)})"
        )
    head = "".join(f"{metric.name}, " for metric in chosen)
    return f"""
INSERT INTO {table.name}_1h (resource, instance, time, seconds, {head}version, arrived)
SELECT resource, instance, {st.bucket("s.time", st.HOUR_S)} AS hour,
  least(sum(s.seconds), {st.HOUR_S}),
  {rolled}{version}, min(s.arrived)
FROM {table.name}_5m AS s FINAL
WHERE {which} AND {window("s.time", start, end)}
GROUP BY resource, instance, hour{keep}"""


def coarse_buckets(
    table: str, which: str, span: tuple[int, int], metrics: Sequence[str], finer: str
) -> str:
    """Rows of a coarse table spread over the five-minute buckets they cover, each bucket with the
    whole row's values, where ``finer`` (a query of resource, time) has nothing.

    Of several rows over one bucket the finest speaks, then the best source, then the latest.
    """
    names = ", ".join(metrics)
    start, end = span
    up = st.BUCKET_S - 1  # a bucket belongs to the row that covers its start
    begins = f"intDiv(toUnixTimestamp(time) + {up}, {st.BUCKET_S})"
    ends = f"intDiv(toUnixTimestamp(time) + toUInt32(interval_s) + {up}, {st.BUCKET_S})"
    first = f"toUInt32(greatest({begins}, {(start + up) // st.BUCKET_S}))"
    last = f"toUInt32(least({ends}, {(end + up) // st.BUCKET_S}))"
    return f"""
SELECT * FROM (
  SELECT resource, toDateTime(number * {st.BUCKET_S}, 'UTC') AS bucket, {names}, arrived
  FROM (
    SELECT resource, source, interval_s, version, arrived, {names},
      arrayJoin(range({first}, greatest({first}, {last}))) AS number
    FROM {table} FINAL
    WHERE {which} AND instance = ''
      AND {window("time", start - LONGEST_COARSE_S, end)}
      AND toUnixTimestamp(time) + interval_s > {start}
  )
  ORDER BY resource, number, interval_s, {st.priority("source")}, version DESC, source
  LIMIT 1 BY resource, number
) WHERE (resource, bucket) NOT IN ({finer})"""


def hour_buckets(
    table: str, which: str, span: tuple[int, int], metrics: Sequence[str], finer: str
) -> str:
    """Hourly rows as five-minute buckets, as many as were measured, where ``finer`` has nothing."""
    names = ", ".join(metrics)
    start, end = span
    first = f"toUInt32(intDiv(toUnixTimestamp(time), {st.BUCKET_S}))"
    return f"""
SELECT * FROM (
  SELECT resource, toDateTime(number * {st.BUCKET_S}, 'UTC') AS bucket, {names}, arrived
  FROM (
    SELECT resource, arrived, {names},
      arrayJoin(range({first}, {first} + toUInt32(ceil(seconds / {st.BUCKET_S})))) AS number
    FROM {table} FINAL
    WHERE {which} AND instance = '' AND {window("time", start - st.HOUR_S, end)}
  )
  WHERE number >= {-(-start // st.BUCKET_S)} AND number < {-(-end // st.BUCKET_S)}
) WHERE (resource, bucket) NOT IN ({finer})"""


def has_coarse(table: Table, start: int, end: int) -> str:
    """Whether any coarse row covers a part of the window: one row, ``n``."""
    return (
        f"SELECT count() AS n FROM {table.name}_coarse "
        f"WHERE {window('time', start - LONGEST_COARSE_S, end)} "
        f"AND toUnixTimestamp(time) + interval_s > {start}"
    )


USED_MEMORY = "if(isNaN(mem_used_bytes), mem_used_pct / 100 * {size}, mem_used_bytes)"
USED_DISK = "if(isNaN(disk_used_bytes), disk_used_pct / 100 * {size}, disk_used_bytes)"
"""A platform may give only the share; it is of the size."""


Owners = Sequence[tuple[int, int]]
"""(unit, system) whose sums a statement computes; system 0 is none."""


def groups(
    table: Table,
    piece: Piece,
    *,
    snapshot: int,
    coarse: bool,
    owners: Owners | None = None,
    sized: bool = False,
) -> str:
    """INSERT of ``group_5m``: sums by the owner of the register's ``snapshot`` at the row's time.

    ``coarse``: coarse rows may cover a part of the window. ``owners``: only these groups, whose
    resources at any time of the window must be among the piece's; None is all groups. ``sized``:
    every holding concerned has its allocation, so measured sizes are not read.
    """
    start, end, version = piece[:3]
    metrics = [name for name in _COARSE_METRICS if not (sized and name in _MEASURED_SIZES)]
    names = ", ".join(metrics)
    rows = (
        f"SELECT resource, toDateTime(time, 'UTC') AS bucket, {names}, arrived "
        f"FROM {table.name}_5m FINAL "
        f"WHERE {piece.which} AND instance = '' AND {window('time', start, end)}"
    )
    if coarse:
        finer = (
            f"SELECT resource, toDateTime(time, 'UTC') FROM {table.name}_5m FINAL "
            f"WHERE {piece.which} AND instance = '' AND {window('time', start, end)}"
        )
        spread = coarse_buckets(f"{table.name}_coarse", piece.which, (start, end), metrics, finer)
        rows = f"{rows} UNION ALL {spread}"
    sums = {
        "n": "count()",
        "vcpu_present": "sumIf(size_cpu, cpu_ok)",
        "vcpu_known": "sumIf(vcpu, cpu_ok AND not isNaN(vcpu))",
        "cpu_used_cores": "sumIf(cpu_used_pct / 100 * size_cpu, cpu_ok)",
        "mem_present": "sumIf(size_mem, mem_ok)",
        "mem_known": "sumIf(mem_bytes, mem_ok AND not isNaN(mem_bytes))",
        "mem_used_bytes": "sumIf(used_mem, mem_ok)",
        "disk_present": "sumIf(size_disk, disk_ok)",
        "disk_known": "sumIf(disk_bytes, disk_ok AND not isNaN(disk_bytes))",
        "disk_used_bytes": "sumIf(used_disk, disk_ok)",
        "net_rx_n": "countIf(not isNaN(net_rx_bytes_s))",
        "net_rx_bytes_s": st.total("net_rx_bytes_s"),
        "net_tx_n": "countIf(not isNaN(net_tx_bytes_s))",
        "net_tx_bytes_s": st.total("net_tx_bytes_s"),
    }
    sizes = {
        "cpu": "if(isNaN(vcpu), cpu_count, vcpu)",
        "mem": "if(isNaN(mem_bytes), mem_total_bytes, mem_bytes)",
        "disk": "if(isNaN(disk_bytes), disk_total_bytes, disk_bytes)",
    }
    if sized:
        sizes = {"cpu": "vcpu", "mem": "mem_bytes", "disk": "disk_bytes"}
        sums |= {f"{name}_known": f"s_{name}_present" for name in ("vcpu", "mem", "disk")}
    keys = ", ".join(GROUP_KEY)
    keep = ""
    if piece.rolled_cutoff:
        keep = f" AND bucket NOT IN ({_guarded_groups(piece)})"
    held = f"FROM holding FINAL WHERE snapshot = {int(snapshot)}{_of_owners(owners)}"
    # One small number for the four of a key: less to hash for every row.
    number = f"toUInt32(dense_rank() OVER (ORDER BY {keys})) AS owner"
    return f"""
INSERT INTO group_5m ({keys}, time, {", ".join(GROUP_SUMS)}, version, arrived)
SELECT {keys}, bucket, {", ".join(f"s_{name}" for name in GROUP_SUMS)}, {version}, first
FROM (
  SELECT owner, bucket, {", ".join(f"{sums[name]} AS s_{name}" for name in GROUP_SUMS)},
    min(arrived) AS first
  FROM (
    SELECT *, {", ".join(f"{size} AS size_{name}" for name, size in sizes.items())},
      {USED_MEMORY.format(size="size_mem")} AS used_mem,
      {USED_DISK.format(size="size_disk")} AS used_disk,
      not isNaN(cpu_used_pct) AND not isNaN(size_cpu) AS cpu_ok,
      not isNaN(used_mem) AND not isNaN(size_mem) AS mem_ok,
      not isNaN(used_disk) AND not isNaN(size_disk) AS disk_ok
    FROM ({rows}) AS r
    INNER JOIN (
      SELECT resource, {_second("since")} AS since, {_second("until")} AS until, {number},
        vcpu, mem_bytes, disk_bytes
      {held}
    ) AS h ON r.resource = h.resource
    WHERE toUnixTimestamp(bucket) >= h.since AND toUnixTimestamp(bucket) < h.until{keep}
  )
  GROUP BY owner, bucket
) AS s INNER JOIN (SELECT DISTINCT {keys}, {number} {held}) AS k USING (owner)"""


def _second(column: str) -> str:
    """Epoch seconds in 32 bits, as a bucket's are: compared without a conversion of every row."""
    return f"toUInt32(greatest(0, least(4294967295, {column})))"


def vanished_groups(piece: Piece, owners: Owners | None = None) -> str:
    """INSERT of zeros over group rows that the computation of ``version`` no longer has."""
    keys = ", ".join(GROUP_KEY)
    start, end, version = piece[:3]
    keep = f" AND time NOT IN ({_guarded_groups(piece)})" if piece.rolled_cutoff else ""
    zeros = ", ".join("0" for _ in GROUP_SUMS)
    return f"""
INSERT INTO group_5m ({keys}, time, {", ".join(GROUP_SUMS)}, version, arrived)
SELECT {keys}, time, {zeros}, {version}, arrived
FROM group_5m FINAL
WHERE {window("time", start, end)} AND n > 0 AND version < {version}{_of_owners(owners)}{keep}"""


def units(piece: Piece, owners: Owners | None = None) -> str:
    """INSERT of ``unit_5m`` from ``group_5m``; a unit that vanished gets its zeros with it."""
    among = "" if owners is None else f" AND {_among_units('g.unit', owners)}"
    sums = ", ".join(f"sum(g.{name})" for name in GROUP_SUMS)
    return f"""
INSERT INTO unit_5m (unit, time, {", ".join(GROUP_SUMS)}, version, arrived)
SELECT g.unit, g.time, {sums}, {piece.version}, min(g.arrived)
FROM group_5m AS g FINAL
WHERE {window("g.time", piece.start, piece.end)}{among}
GROUP BY g.unit, g.time"""


def _guarded_groups(piece: Piece) -> str:
    return (
        f"SELECT time FROM group_5m FINAL WHERE {window('time', piece.start, piece.end)} "
        f"AND arrived <= toDateTime({piece.rolled_cutoff}, 'UTC')"
    )


def _of_owners(owners: Owners | None) -> str:
    if owners is None:
        return ""
    pairs = ", ".join(f"({int(unit)}, {int(system)})" for unit, system in owners)
    return f" AND {_among_units('unit', owners)} AND (unit, system) IN ({pairs})"


def _among_units(column: str, owners: Owners) -> str:
    return f"{column} IN ({', '.join(str(unit) for unit in sorted({unit for unit, _ in owners}))})"


def newest_version(table: str, start: int, end: int, owners: Owners | None = None) -> str:
    """Highest version among rollup rows of the window: one row, ``v``."""
    among = "" if owners is None else f" AND {_among_units('unit', owners)}"
    return f"SELECT max(version) AS v FROM {table} WHERE {window('time', start, end)}{among}"
