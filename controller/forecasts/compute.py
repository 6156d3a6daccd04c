"""All forecasts at once, every night: computed from the stores, kept in place of the last ones."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from typing import Any

import numpy as np
from sqlalchemy import delete, insert, select
from sqlmodel import Session, col

from controller.access import audit
from controller.access.principal import local_principal
from controller.access.scope import CITY
from controller.analysis.outlook import WORST_STEPS, Outlook, far_from, piling_up, seasonal
from controller.forecasts import pools as pooled
from controller.forecasts import subjects
from controller.forecasts.tables import ForecastRow, ForecastRun
from controller.inventory.dated import in_force
from controller.inventory.pools import PoolState, list_pools
from controller.inventory.tables import Holding, Resource
from controller.runtime import Runtime
from controller.store import statistics as st

KEPT_RUNS = 60
MOST_LINES = 200
"""Lines forecast in one night, those nearest to their limit first; others wait for the next."""
ROWS = 1_000
BY = "worker"


class Table:
    """Rows as they are found, and the count of what was looked at."""

    def __init__(self, at: datetime) -> None:
        self.at = at
        self.rows: list[dict[str, Any]] = []
        self.counts: dict[str, Counter[str]] = {"pool": Counter(), "link": Counter(),
                                                "volume": Counter()}  # fmt: skip

    def add(
        self,
        kind: str,
        key: str,
        metric: str,
        name: str,
        outlook: Outlook,
        *,
        keep: bool = True,
        unit: int | None = None,
        resource: int | None = None,
        instance: str = "",
    ) -> None:
        """``keep`` False: only counted."""
        self.counts[kind][outlook.state] += 1
        if not keep:
            return
        numbers = {
            field: _number(getattr(outlook, field))
            for field in ("now", "limit", "days", "low", "high", "growth", "error_pct")
        }
        self.rows.append(
            {
                "kind": kind, "key": key[:300], "metric": metric, "name": name[:300],
                "unit_id": unit, "resource_id": resource, "instance": instance[:200],
                "at": self.at, "state": outlook.state, "reason_zh": outlook.reason_zh[:200],
                "reason_en": outlook.reason_en[:200], **numbers,
            }
        )  # fmt: skip


def compute(runtime: Runtime, by: str = BY) -> int:
    """Makes all forecasts anew; gives the number of rows. Raises what ``Samples.query`` raises."""
    began, now = time.monotonic(), runtime.now()
    end = int(now.timestamp()) // st.HOUR_S * st.HOUR_S
    table = Table(now)
    _pools(runtime, table, now, end)
    _hosts(runtime, table, now, end)
    with runtime.database.write() as session:
        session.execute(delete(ForecastRow))
        for at in range(0, len(table.rows), ROWS):
            session.execute(insert(ForecastRow), table.rows[at : at + ROWS])
        counts = {kind: dict(found) for kind, found in table.counts.items()}
        seconds = round(time.monotonic() - began, 2)
        session.add(ForecastRun(at=now, by=by, seconds=seconds, counts=counts))
        session.flush()
        old = (
            select(col(ForecastRun.id))
            .order_by(col(ForecastRun.id).desc())
            .offset(KEPT_RUNS)
            .scalar_subquery()
        )
        session.execute(delete(ForecastRun).where(col(ForecastRun.id).in_(old)))
    return len(table.rows)


def nightly(runtime: Runtime) -> None:
    """``compute``, with its row in the audit log."""
    rows = compute(runtime)
    with runtime.database.write() as session:
        audit.record(
            session, local_principal(runtime.now(), BY), "forecast.compute", "city",
            detail={"rows": rows},
        )  # fmt: skip


def pool_outlooks(
    pool: PoolState, series: pooled.PoolSeries, use: tuple[Any, Any] | None
) -> Iterator[tuple[str, Outlook]]:
    """(figure, outlook) of all that is known of a pool."""
    day = np.arange(subjects.HISTORY_DAYS, dtype=np.float64)
    for figure, given in series.given.items():
        limit = series.limit[figure]
        if np.isnan(limit[-1]):
            continue
        # Before anything was given out there was no pool to fill.
        used = np.where(np.cumsum(given) > 0, given, np.nan)
        if given[-1] > 0:
            yield figure, piling_up(day, used, limit, WORST_STEPS)
    if use is None:
        return
    for figure, hours, total in (
        ("use_cpu", use[0], pool.capacity.vcpu),
        ("use_mem", use[1], pool.capacity.mem_bytes),
    ):
        if total:
            yield figure, seasonal(hours, total * pooled.LOAD_SHARE)[0]


def _pools(runtime: Runtime, table: Table, now: datetime, end: int) -> None:
    with runtime.database.read() as session:
        pools = list_pools(session, CITY, now)
        series = pooled.pool_series(session, pools, now)
    use = pooled.pool_use(runtime.samples, series, end)
    for pool in pools:
        for figure, outlook in pool_outlooks(pool, series[pool.id], use.get(pool.id)):
            table.add("pool", pool.code, figure, pool.name, outlook)


def _hosts(runtime: Runtime, table: Table, now: datetime, end: int) -> None:
    with runtime.database.read() as session:
        owners = _owners(session, now)
        lines = {k: v for k, v in subjects.registered_lines(session, now).items() if k in owners}
    found, total = subjects.volumes(runtime.samples, end, runtime.settings.timezone)
    seen = 0
    for volume in found:
        if volume.resource not in owners:
            continue
        code, name, unit = owners[volume.resource]
        mount = volume.instance.removeprefix("fs:")
        outlook = piling_up(volume.day, volume.used, volume.size)
        seen += 1
        table.add(
            "volume", f"{code}:{mount}" if mount else code, "disk", f"{name} {mount}".strip(),
            outlook, keep=outlook.state != "steady", unit=unit, resource=volume.resource,
            instance=volume.instance,
        )  # fmt: skip
    table.counts["volume"]["steady"] += max(0, total - seen)
    busy = subjects.busy_lines(runtime.samples, lines, end)
    ports, known = subjects.busy_ports(runtime.samples, end)
    table.counts["link"]["steady"] += len(lines) - len(busy) + known - len(ports)
    series = chain(
        subjects.line_series(runtime.samples, lines, busy[:MOST_LINES], end),
        subjects.port_series(runtime.samples, ports[:MOST_LINES], end),
    )
    for line in series:
        if line.resource in owners:
            _line(table, line, *owners[line.resource])


def _line(table: Table, line: subjects.Line, code: str, name: str, unit: int | None) -> None:
    limit = line.bytes_s * subjects.LINE_SHARE
    port = line.instance.removeprefix("port:")
    for metric, hours in (("line_out", line.sent), ("line_in", line.received)):
        if far_from(hours, limit):
            table.counts["link"]["steady"] += 1
            continue
        outlook = seasonal(hours, limit)[0]
        table.add(
            "link", f"{code}:{port}" if port else code, metric, f"{name} {port}".strip(), outlook,
            keep=outlook.state != "steady", unit=unit, resource=line.resource,
            instance=line.instance,
        )  # fmt: skip


def _owners(session: Session, now: datetime) -> dict[int, tuple[str, str, int | None]]:
    rows = session.execute(
        select(col(Resource.id), col(Resource.code), col(Resource.name), col(Holding.unit_id))
        .join(Holding, col(Holding.resource_id) == col(Resource.id))
        .where(in_force(Holding, now))
    )
    return {number: (code, name or code, unit) for number, code, name, unit in rows}


def _number(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else round(float(value), 4)
