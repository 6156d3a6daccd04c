"""Figures of units, systems, zones and sites, from the sums by owner (unit_5m and group_5m)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.store import statistics as st
from controller.store.groups import GROUP_SUMS
from controller.store.rollup_sql import window
from controller.store.samples import Columns, Samples
from controller.usage.tree import Member
from controller.usage.view import View, held_steps

Table = list[tuple[str, str, NDArray[Any]]]

INLINE_ROWS = 200
"""A question's own table this small is written into the statement: as a temporary table it would
cost some 5 ms."""

ROW_KEYS = {
    "unit": "toInt64(m.head)",
    "system": "if(x.system > 0, toInt64(x.system), -toInt64(x.unit))",
    "zone": "toInt64(x.zone)",
    "site": "toInt64(x.site)",
    "all": "toInt64(0)",
}


class Buckets:
    """``sql`` is a SELECT of (row, t, n, figures), a five-minute bucket each; NaN is a gap.

    cpu, mem and disk are percent of the allocation of those with data; cores, mem_used, disk_used,
    rx and tx the sums themselves. ``external`` are the tables it needs.
    """

    def __init__(self, view: View) -> None:
        self.external: dict[str, Table] = {}
        sources = []
        whole, members = _split(view)
        if whole:
            sources.append(_alone(view, whole))
        if members or not whole:
            sources.append(self._together(view, members))
        self.sql = self._shares(view, " UNION ALL ".join(sources))

    def _together(self, view: View, members: list[Member]) -> str:
        """Rows that several units, or parts of one, make up."""
        table = np.array(members, np.int64).reshape(-1, 4)
        joined = self._table(
            "members",
            [
                ("head", "UInt32", table[:, 0]),
                ("unit", "UInt32", table[:, 1]),
                ("since", "Int64", table[:, 2]),
                ("until", "Int64", table[:, 3]),
            ],
        )
        source = "unit_5m" if view.by in ("unit", "all") and view.systems is None else "group_5m"
        units = sorted({member.unit for member in members})
        which = "" if view.whole_city else _among("unit", units)
        if view.systems is not None:
            which += _among("system", sorted(view.systems))
        sums = ", ".join(f"sum(x.{name}) AS {name}" for name in GROUP_SUMS)
        return f"""
  SELECT {ROW_KEYS[view.by]} AS row, toInt64(toUnixTimestamp(x.time)) AS t, {sums}
  FROM (
    SELECT * FROM {source} FINAL WHERE {window("time", view.start, view.end)} AND n > 0{which}
  ) AS x
  INNER JOIN {joined} AS m ON x.unit = m.unit
  WHERE t >= m.since AND t < m.until
  GROUP BY row, t"""

    def _shares(self, view: View, source: str) -> str:
        """What is held joined to the sums, and shares made of both."""
        steps = held_steps(view)
        table = self._table(
            "steps",
            [
                ("row", "Int64", steps["row"]),
                ("t", "Int64", steps["t"]),
                *((f"held_{k}", "Float64", steps[k]) for k in ("n", "vcpu", "mem", "disk")),
            ],
        )
        # Where nothing changed hands in the period, there is no time to look up.
        constant = len(np.unique(steps["row"])) == len(steps["row"]) and bool(
            (steps["t"] <= view.start).all()
        )
        join = "LEFT ANY JOIN" if constant else "ASOF LEFT JOIN"
        on = "g.row = s.row" if constant else "g.row = s.row AND g.t >= s.t"
        cpu = st.enough("vcpu_known", "held_vcpu", "n", "held_n")
        mem = st.enough("mem_known", "held_mem", "n", "held_n")
        disk = st.enough("disk_known", "held_disk", "n", "held_n")
        received = st.enough("net_rx_n", "held_n", "n", "held_n")
        sent = st.enough("net_tx_n", "held_n", "n", "held_n")
        return f"""
SELECT row, t, n,
  {st.share_pct("cpu_used_cores", "vcpu_present", cpu)} AS cpu,
  {st.share_pct("mem_used_bytes", "mem_present", mem)} AS mem,
  {st.share_pct("disk_used_bytes", "disk_present", disk)} AS disk,
  if(({cpu}) AND vcpu_present > 0, cpu_used_cores, nan) AS cores,
  if(({mem}) AND mem_present > 0, mem_used_bytes, nan) AS mem_used,
  if(({disk}) AND disk_present > 0, disk_used_bytes, nan) AS disk_used,
  if(net_rx_n > 0 AND ({received}), net_rx_bytes_s, nan) AS rx,
  if(net_tx_n > 0 AND ({sent}), net_tx_bytes_s, nan) AS tx
FROM ({source}) AS g
{join} {table} AS s ON {on}"""

    def _table(self, name: str, columns: Table) -> str:
        """How the statement names a table of the question's own."""
        if not 0 < len(columns[0][2]) <= INLINE_ROWS:
            self.external[name] = columns
            return name
        structure = ", ".join(f"{column} {kind}" for column, kind, _ in columns)
        lines = zip(*(values.tolist() for _, _, values in columns), strict=True)
        rows = ", ".join(f"({', '.join(map(repr, line))})" for line in lines)
        return f"(SELECT * FROM values('{structure}', {rows}))"


def figures(samples: Samples, view: View) -> Columns:
    """One line a row: key, sum of ``n`` over its buckets, and the report's figures."""
    shares = ", ".join(
        f"{st.mean(name)} AS {name}_avg, {st.percentile(name, 0.95)} AS {name}_p95, "
        f"{st.highest(name)} AS {name}_max"
        for name in ("cpu", "mem")
    )
    rates = ", ".join(
        f"{st.mean(name)} AS {name}_avg, {st.percentile(name, 0.95)} AS {name}_p95"
        for name in ("rx", "tx")
    )
    buckets = Buckets(view)
    return samples.query(
        f"SELECT row, sum(n) AS filled, {shares}, {st.mean('disk')} AS disk_avg, {rates} "
        f"FROM ({buckets.sql}) GROUP BY row",
        external=buckets.external,
    )


def _split(view: View) -> tuple[list[int], list[Member]]:
    """(units whose row is theirs alone all the time, the members of the other rows)."""
    if view.by not in ("unit", "all") or view.systems is not None:
        return [], view.members
    count: dict[int, int] = {}
    for member in view.members:
        count[member.ancestor] = count.get(member.ancestor, 0) + 1
    alone = {
        member
        for member in view.members
        if count[member.ancestor] == 1
        and member.ancestor in (0, member.unit)
        and member.since <= view.start
        and member.until >= view.end
    }
    rest = [member for member in view.members if member not in alone]
    return sorted(member.unit for member in alone), rest


def _alone(view: View, units: list[int]) -> str:
    row = "toInt64(unit)" if view.by == "unit" else "toInt64(0)"
    return (
        f"SELECT {row} AS row, toInt64(toUnixTimestamp(time)) AS t, {', '.join(GROUP_SUMS)} "
        f"FROM unit_5m FINAL WHERE {window('time', view.start, view.end)} AND n > 0"
        f"{_among('unit', units)}"
    )


def _among(column: str, keys: list[int]) -> str:
    return f" AND {column} IN ({', '.join(map(str, keys)) or '0'})"
