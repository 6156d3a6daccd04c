"""Pools over time: what was given out of each day by day, and what its machines use by the hour."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import or_, select
from sqlmodel import Session, col

from collectors.catalog import HOST
from controller.forecasts.subjects import HISTORY_DAYS
from controller.inventory.pools import PoolState, pool_for
from controller.inventory.register_tables import Pool, PoolCapacity
from controller.inventory.tables import Holding, Resource
from controller.store import statistics as st
from controller.store.rollup_sql import window
from controller.store.samples import Samples

Floats = NDArray[np.float64]

SIZES = {"alloc_vcpu": "vcpu", "alloc_mem": "mem_bytes", "alloc_disk": "disk_bytes"}
LOAD_SHARE = 0.8
"""A pool is loaded at this share of its threads or memory."""
PRESENT = 0.8
"""An hour with data of less of what was given out is a gap."""


@dataclass(frozen=True)
class PoolSeries:
    """Daily sums given out (by figure), the limit of each day, and which resources are in it."""

    given: dict[str, Floats]
    limit: dict[str, Floats]
    resources: dict[int, float]
    """Resource to its cores, as it is now."""


def pool_series(
    session: Session, pools: Sequence[PoolState], now: datetime
) -> dict[int, PoolSeries]:
    """Pool's id to its last ``HISTORY_DAYS`` days; a day's figure is that of its end."""
    rows = list(session.execute(select(Pool).order_by(col(Pool.code))).scalars())
    ends = [now - timedelta(days=back) for back in range(HISTORY_DAYS - 1, -1, -1)]
    made = {
        pool.id: PoolSeries(
            {figure: np.zeros(HISTORY_DAYS) for figure in SIZES},
            {figure: np.full(HISTORY_DAYS, np.nan) for figure in SIZES},
            {},
        )
        for pool in pools
    }
    held = session.execute(
        select(Holding, Resource)
        .join(Resource, col(Resource.id) == col(Holding.resource_id))
        .where(or_(col(Holding.until).is_(None), col(Holding.until) > ends[0]))
    ).all()
    for holding, resource in held:
        pool = pool_for(
            rows, holding.site_id, holding.zone_id, resource.arch or "", resource.accelerator or ""
        )
        if isinstance(pool, str) or pool.id not in made:
            continue
        series = made[pool.id]
        first = bisect_left(ends, holding.since)
        last = HISTORY_DAYS if holding.until is None else bisect_left(ends, holding.until)
        for figure, size in SIZES.items():
            series.given[figure][first:last] += getattr(holding, size) or 0.0
        if last == HISTORY_DAYS and first < HISTORY_DAYS and holding.vcpu:
            series.resources[resource.id] = holding.vcpu
    _limits(session, pools, ends, made)
    return made


def _limits(
    session: Session,
    pools: Sequence[PoolState],
    ends: Sequence[datetime],
    made: dict[int, PoolSeries],
) -> None:
    capacities: dict[int, list[PoolCapacity]] = defaultdict(list)
    for row in session.execute(select(PoolCapacity).order_by(col(PoolCapacity.since))).scalars():
        capacities[row.pool_id].append(row)
    for pool in pools:
        for index, end in enumerate(ends):
            known = [each for each in capacities[pool.id] if each.since <= end]
            if not known:
                continue
            capacity = known[-1]
            share = 1 - capacity.reserve_pct / 100
            factors = {
                "alloc_vcpu": capacity.cpu_overcommit,
                "alloc_mem": capacity.mem_overcommit,
                "alloc_disk": 1.0,
            }
            for figure, size in SIZES.items():
                total = getattr(capacity, size)
                if total is not None:
                    made[pool.id].limit[figure][index] = total * factors[figure] * share


def pool_use(
    samples: Samples, series: dict[int, PoolSeries], end: int
) -> dict[int, tuple[Floats, Floats]]:
    """Pool's id to the hourly cores and bytes that its present machines use; NaN is a gap.

    What has no data in an hour is taken to use as the others do, down to ``PRESENT`` of the cores.
    """
    placed = [
        (resource, pool, cores)
        for pool, each in series.items()
        for resource, cores in each.resources.items()
    ]
    if not placed:
        return {}
    hours = HISTORY_DAYS * 24
    start = (end // st.HOUR_S - hours) * st.HOUR_S
    resource, pool, cores = (np.array(column) for column in zip(*placed, strict=True))
    answer = samples.query(
        "SELECT p.pool AS pool, toUInt32(h.time) AS at, "
        "sumIf(h.cpu_used_pct / 100 * p.cores, not isNaN(h.cpu_used_pct)) AS cpu, "
        "sumIf(h.mem_used_bytes, not isNaN(h.mem_used_bytes)) AS mem, "
        "sumIf(p.cores, not isNaN(h.cpu_used_pct)) AS present "
        f"FROM (SELECT resource, time, cpu_used_pct, mem_used_bytes FROM {HOST.name}_1h FINAL "
        f"WHERE {window('time', start, end)} AND instance = '') AS h "
        "INNER JOIN placed AS p ON h.resource = p.resource GROUP BY pool, at",
        seconds=300,
        external={
            "placed": [
                ("resource", "UInt32", resource.astype(np.uint32)),
                ("pool", "UInt32", pool.astype(np.uint32)),
                ("cores", "Float64", cores.astype(np.float64)),
            ]
        },
    )
    found: dict[int, tuple[Floats, Floats]] = {}
    keys = np.asarray(answer.get("pool", []), np.int64)
    for key in series:
        mine = keys == key
        if not mine.any():
            continue
        hour = (np.asarray(answer["at"], np.int64)[mine] - start) // st.HOUR_S
        present = np.asarray(answer["present"], np.float64)[mine]
        # Machines came in one after the other: each hour against the most there ever was so far.
        order = np.argsort(hour)
        most = np.maximum.accumulate(present[order])
        enough = present[order] >= PRESENT * most
        grown = np.where(enough, most / np.maximum(present[order], 1e-9), np.nan)
        first = int(hour.min())
        cpu, mem = np.full(hours, np.nan), np.full(hours, np.nan)
        cpu[hour[order]] = np.asarray(answer["cpu"], np.float64)[mine][order] * grown
        mem[hour[order]] = np.asarray(answer["mem"], np.float64)[mine][order] * grown
        found[key] = (cpu[first:], mem[first:])
    return found
