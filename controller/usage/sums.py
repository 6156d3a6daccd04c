"""Figures of units, systems, zones and sites, from the sums by owner (``group_5m``)."""

from __future__ import annotations

from typing import Any

import numpy as np

from controller.store import statistics as st
from controller.store.groups import GROUP_SUMS
from controller.store.rollup_sql import window
from controller.store.samples import Columns, Samples
from controller.usage.view import View, held_steps

External = dict[str, list[tuple[str, str, Any]]]

ROW_KEYS = {
    "unit": "toInt64(m.head)",
    "system": "if(x.system > 0, toInt64(x.system), -toInt64(x.unit))",
    "zone": "toInt64(x.zone)",
    "site": "toInt64(x.site)",
    "all": "toInt64(0)",
}


def tables(view: View) -> External:
    """The question's own tables: which units count for which row when, and what rows hold."""
    steps = held_steps(view)
    members = np.array(view.members, np.int64).reshape(-1, 4)
    return {
        "members": [
            ("head", "UInt32", members[:, 0]),
            ("unit", "UInt32", members[:, 1]),
            ("since", "Int64", members[:, 2]),
            ("until", "Int64", members[:, 3]),
        ],
        "steps": [
            ("row", "Int64", steps["row"]),
            ("t", "Int64", steps["t"]),
            *((f"held_{name}", "Float64", steps[name]) for name in ("n", "vcpu", "mem", "disk")),
        ],
    }


def buckets(view: View) -> str:
    """SELECT of (row, t, figures) a five-minute bucket each; NaN where the bucket is a gap.

    Percent are of the allocation of those with data; ``…_ok`` figures are the sums themselves.
    """
    sums = ", ".join(f"sum(x.{name}) AS {name}" for name in GROUP_SUMS)
    which = f"AND unit IN ({', '.join(map(str, view.units)) or '0'})" if not view.whole_city else ""
    if view.systems is not None:
        which += f" AND system IN ({', '.join(map(str, sorted(view.systems)))})"
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
FROM (
  SELECT {ROW_KEYS[view.by]} AS row, toInt64(toUnixTimestamp(x.time)) AS t, {sums}
  FROM (
    SELECT * FROM group_5m FINAL
    WHERE {window("time", view.start, view.end)} AND n > 0 {which}
  ) AS x
  INNER JOIN members AS m ON x.unit = m.unit
  WHERE t >= m.since AND t < m.until
  GROUP BY row, t
) AS g
ASOF LEFT JOIN steps AS s ON g.row = s.row AND g.t >= s.t"""


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
    sql = f"""
SELECT row, sum(n) AS filled, {shares}, {st.mean("disk")} AS disk_avg, {rates}
FROM ({buckets(view)})
GROUP BY row"""
    return samples.query(sql, external=tables(view))
