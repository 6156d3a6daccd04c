"""The statements behind the figures: signals from five-minute rows, then days, percentiles, …

Only names of the catalogue and numbers go into them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from collectors.catalog import HOST
from controller.analysis.figures import DAY_S, Needs, Pattern, Percentile, Share, TopMean
from controller.analysis.policy import Condition
from controller.analysis.signals import COMPARISONS
from controller.store import statistics as st
from controller.store.rollup_sql import LONGEST_COARSE_S, USED_MEMORY, coarse_buckets, window

_STEAL = "if(isNaN(cpu_steal_pct), 0, cpu_steal_pct)"
_CPU = f"greatest(0, cpu_used_pct - {_STEAL})"

SIGNAL_SQL: dict[str, tuple[str, tuple[str, ...]]] = {
    # What the host took away (steal) is not the guest's use.
    "cpu_used_pct": (
        f"if(isNaN(cpu_used_pct), nan, {_CPU})",
        ("cpu_used_pct", "cpu_steal_pct"),
    ),
    "cpu_peak_pct": (
        f"if(isNaN(cpu_max_pct), if(isNaN(cpu_used_pct), nan, {_CPU}), "
        f"greatest(0, cpu_max_pct - {_STEAL}))",
        ("cpu_used_pct", "cpu_max_pct", "cpu_steal_pct"),
    ),
    "cpu_used_cores": (
        f"if(isNaN(cpu_used_pct), nan, {_CPU} / 100 * size_vcpu)",
        ("cpu_used_pct", "cpu_steal_pct"),
    ),
    "mem_used_pct": (
        f"if(isNaN(size_mem), mem_used_pct, "
        f"100 * ({USED_MEMORY.format(size='size_mem')}) / size_mem)",
        ("mem_used_bytes", "mem_used_pct"),
    ),
    "net_rx_bytes_s": ("net_rx_bytes_s", ("net_rx_bytes_s",)),
    "net_tx_bytes_s": ("net_tx_bytes_s", ("net_tx_bytes_s",)),
    "net_bytes_s": ("net_rx_bytes_s + net_tx_bytes_s", ("net_rx_bytes_s", "net_tx_bytes_s")),
    "net_tx_line_pct": ("100 * net_tx_bytes_s / size_line", ("net_tx_bytes_s",)),
    "net_line_pct": (
        "100 * greatest(net_rx_bytes_s, net_tx_bytes_s) / size_line",
        ("net_rx_bytes_s", "net_tx_bytes_s"),
    ),
    "disk_bytes_s": (
        "disk_read_bytes_s + disk_write_bytes_s",
        ("disk_read_bytes_s", "disk_write_bytes_s"),
    ),
    "disk_iops": ("disk_read_iops + disk_write_iops", ("disk_read_iops", "disk_write_iops")),
    "disk_used_pct": ("disk_used_pct", ("disk_used_pct",)),
}
"""Signal of ``controller.analysis.signals``: how it comes from a row, and of which columns.

``size_vcpu``, ``size_mem`` and ``size_line`` stand beside the row. greatest() of a NaN is the
other value, so it is asked for first."""

SIZED = {"cpu_used_cores": "vcpu", "mem_used_pct": "mem", "net_tx_line_pct": "line"}
SIZED |= {"net_line_pct": "line"}


def columns_of(signals: Iterable[str]) -> tuple[str, ...]:
    """The catalogue columns that these signals are made of."""
    return tuple(sorted({column for signal in signals for column in SIGNAL_SQL[signal][1]}))


def fine(which: str, start: int, end: int, columns: Sequence[str]) -> str:
    """SELECT of the five-minute rows: resource, at (epoch seconds), seconds, the columns."""
    return (
        f"SELECT resource, toUInt32(time) AS at, seconds, {', '.join(columns)} "
        f"FROM {HOST.name}_5m FINAL "
        f"WHERE {which} AND instance = '' AND {window('time', start, end)}"
    )


def coarse(which: str, start: int, end: int, columns: Sequence[str]) -> str:
    """The same of coarser rows, spread over the buckets that have no fine row."""
    there = (
        f"SELECT resource, toDateTime(time, 'UTC') FROM {HOST.name}_5m FINAL "
        f"WHERE {which} AND instance = '' AND {window('time', start, end)}"
    )
    spread = coarse_buckets(f"{HOST.name}_coarse", which, (start, end), columns, there)
    return (
        f"SELECT resource, toUInt32(bucket) AS at, toFloat32({st.BUCKET_S}) AS seconds, "
        f"{', '.join(columns)} FROM ({spread})"
    )


def with_coarse(start: int, end: int) -> str:
    """(resource, longest) of everything that has coarse rows in [start, end)."""
    return (
        f"SELECT resource, max(interval_s) AS longest FROM {HOST.name}_coarse "
        f"WHERE {window('time', start - LONGEST_COARSE_S, end)} "
        f"AND toUnixTimestamp(time) + interval_s > {start} AND instance = '' GROUP BY resource"
    )


def last_rows(which: str, end: int) -> str:
    """(resource, at): start of the last row of any granularity before ``end``; a coarse row lasts
    as long as its interval."""
    before = f"{which} AND instance = '' AND time < {st.moment(end)}"
    return f"""
SELECT resource, max(at) AS at FROM (
  SELECT resource, toUInt32(max(time)) AS at FROM {HOST.name}_5m WHERE {before} GROUP BY resource
  UNION ALL
  SELECT resource, toUInt32(max(time)) AS at FROM {HOST.name}_1h WHERE {before} GROUP BY resource
  UNION ALL
  SELECT resource, toUInt32(least({end}, max(toUnixTimestamp(time) + interval_s))) AS at
  FROM {HOST.name}_coarse WHERE {before} GROUP BY resource
) GROUP BY resource"""


def signals_of_rows(rows: str, signals: Iterable[str], sizes: str) -> str:
    """SELECT of resource, at, seconds and each signal; ``sizes`` are columns size_… beside them,
    as ``expression AS size_mem, `` or "" where a join gave them."""
    made = ", ".join(f"{SIGNAL_SQL[name][0]} AS s_{name}" for name in sorted(signals))
    return f"SELECT resource, at, seconds, {sizes}{made} FROM ({rows})"


def day_of(end: int) -> str:
    """How many whole days before ``end`` a row lies."""
    return f"intDiv({end - 1} - at, {DAY_S})"


def daily(rows: str, end: int, needs: Needs, shares: Sequence[Share]) -> str:
    """(resource, day) with n_ of each signal (count), w_ and t_ (seconds, total) and x_ (highest,
    -inf of none) of those that need them, and h<i>, k<i> of each share (rows in which all
    conditions hold, in which all are known)."""
    parts = []
    for name in sorted(needs.daily):
        value = f"s_{name}"
        known = f"not isNaN({value})"
        parts.append(f"countIf({known}) AS n_{name}")
        if name in needs.totals:
            parts.append(f"sumIf(seconds, {known}) AS w_{name}")
            parts.append(f"sumIf(toFloat64({value}) * seconds, {known}) AS t_{name}")
        if name in needs.highest:
            # -inf of a day without any: less work than a Nullable maximum.
            parts.append(f"max(if({known}, {value}, -inf)) AS x_{name}")
    for index, share in enumerate(shares):
        # A comparison with NaN is false, so what holds is known.
        parts.append(f"countIf({' AND '.join(_holds(c) for c in share.conditions)}) AS h{index}")
        known = " AND ".join(f"not isNaN(s_{c.signal})" for c in share.conditions)
        parts.append(f"countIf({known}) AS k{index}")
    return (
        f"SELECT resource, {day_of(end)} AS day, {', '.join(parts)} FROM ({rows}) "
        "GROUP BY resource, day"
    )


def _holds(condition: Condition) -> str:
    sign = {"≤": "<=", "≥": ">="}.get(
        COMPARISONS[condition.compare].sign, COMPARISONS[condition.compare].sign
    )
    return f"s_{condition.signal} {sign} {condition.threshold!r}"


def ranks(rows: str, end: int, needs: Sequence[Percentile], tops: Sequence[TopMean]) -> str:
    """(resource, p0, p1, …, u0, …): percentiles of rows or of their bins' maxima, and means of the
    highest rows, in the order of ``needs`` and ``tops``. One look at the rows for all windows:
    the store reads a month of a resource at a time, however short the window."""
    inner: list[str] = []
    outer = ["resource"]
    windows: dict[tuple[str, int], list[float]] = {}
    for need in needs:
        levels = windows.setdefault((need.signal, need.days), [])
        if not need.bin_s and need.share not in levels:
            levels.append(need.share)
    names = {each: f"q{index}" for index, each in enumerate(sorted(windows))}
    for (signal, days), name in names.items():
        if levels := windows[signal, days]:
            keep = f"at >= {end - days * DAY_S}"
            inner.append(f"{st.percentiles(f's_{signal}', levels, keep)} AS {name}")
    for index, need in enumerate(needs):
        asked = (need.signal, need.days)
        if need.bin_s:
            inner.append(f"{_bins(need, end)} AS b{index}")
            outer.append(f"{st.percentile_of_array(f'b{index}', need.share)} AS p{index}")
        else:
            outer.append(f"{names[asked]}[{windows[asked].index(need.share) + 1}] AS p{index}")
    for index, top in enumerate(tops):
        value = f"s_{top.signal}"
        keep = f"not isNaN({value}) AND at >= {end - top.days * DAY_S}"
        inner.append(f"groupArrayIf({value}, {keep}) AS g{index}")
        outer.append(f"{_top_mean(f'g{index}', top.share)} AS u{index}")
    return (
        f"SELECT {', '.join(outer)} FROM ("
        f"SELECT resource, {', '.join(inner)} FROM ({rows}) GROUP BY resource)"
    )


def _bins(need: Percentile, end: int) -> str:
    """The maxima of the bins that have any row, as an array."""
    value, since = f"s_{need.signal}", end - need.days * DAY_S
    first = since // need.bin_s * need.bin_s
    last = -(-end // need.bin_s) * need.bin_s
    found = (
        f"maxOrNullResampleIf({first}, {last}, {need.bin_s})"
        f"({value}, at, not isNaN({value}) AND at >= {since})"
    )
    return f"arrayFilter(each -> isNotNull(each), {found})"


def _top_mean(values: str, share: float) -> str:
    """Mean of the highest ceil(share·n) of an array, NaN of none."""
    # A share of at most two decimals times n, without the float's dust above a whole.
    count = f"greatest(1, toUInt64(ceil({share!r} * length({values}) - 1e-9)))"
    return (
        f"if(length({values}) = 0, nan, "
        f"arrayAvg(arraySlice(arrayPartialReverseSort({count}, {values}), 1, {count})))"
    )


def patterns(rows: str, end: int, needs: Sequence[Pattern], zone: str) -> str:
    """(resource, hour of the week from Monday 0 h in ``zone``) with h<i>, k<i>: hours in which the
    condition holds of the hour's mean, hours known."""
    parts = []
    for index, need in enumerate(needs):
        since = f"at >= {end - need.days * DAY_S}"
        parts.append(f"countIf({_holds(need.condition)} AND {since}) AS h{index}")
        parts.append(f"countIf(not isNaN(s_{need.condition.signal}) AND {since}) AS k{index}")
    local = f"toDateTime(at, '{zone}')"
    return (
        f"SELECT resource, (toDayOfWeek({local}) - 1) * 24 + toHour({local}) AS slot, "
        f"{', '.join(parts)} FROM ({rows}) GROUP BY resource, slot"
    )


def hourly(which: str, start: int, end: int, columns: Sequence[str]) -> str:
    """The hourly rows, in the form of ``fine``."""
    return (
        f"SELECT resource, toUInt32(time) AS at, seconds, {', '.join(columns)} "
        f"FROM {HOST.name}_1h FINAL "
        f"WHERE {which} AND instance = '' AND {window('time', start, end)}"
    )
