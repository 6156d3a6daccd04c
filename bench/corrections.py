"""Corrections backwards in a city of 10,000 VMs: one resource's owner over 13 months, and all 300
resources of a unit over 3 months, until the sums by owner are right again, however often a request
would have left the rest of it to the worker.

    python -m bench corrections

A unit's resources are spread over its four systems, as in the other benchmarks' city; the sums of
a system are made again from all that it holds. Every figure of the four units concerned, before
and after, is held against numpy's over the same five-minute rows. A week of the whole city's rows
stands beside them.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.city import SYSTEMS, VMS, city, generate, registers, sum_up, vcpu_of
from controller.access.scope import CITY
from controller.inventory.corrections import correct_many
from controller.inventory.holdings import correct
from controller.inventory.settle import settle
from controller.runtime import Runtime
from controller.usage.model import UsageQuery
from controller.usage.queries import usage_report

LARGE, SMALL, FIRST, SECOND = 1, 2, 7, 8
"""Unit of 300 resources, the one that gets them, and two of ordinary size."""
OF_UNIT = {
    LARGE: range(1, 301),
    SMALL: range(301, 384),
    FIRST: range(384, 467),
    SECOND: range(467, 550),
}
LONG, SHORT, CITY_DAYS = 395, 90, 7
DAY = 86_400
MOVED = 400
"""The resource that changes hands."""


def measure() -> dict[str, float]:
    """Seconds of both corrections, register and figures."""
    end = int(time.time()) // DAY * DAY
    until = datetime.fromtimestamp(end, UTC)
    with tempfile.TemporaryDirectory(prefix="yunxun-bench-") as name, city(Path(name)) as world:
        runtime, _ = world
        registers(runtime, end, _holder, lambda vm: vm % SYSTEMS)
        began = time.monotonic()
        for unit, days in ((LARGE, SHORT), (SMALL, SHORT), (FIRST, LONG), (SECOND, LONG)):
            generate(runtime, OF_UNIT[unit], end - days * DAY, end)
        others = range(OF_UNIT[SECOND].stop, VMS + 1)
        generate(runtime, others, end - CITY_DAYS * DAY, end)
        runtime.samples.command("OPTIMIZE TABLE host_5m FINAL")
        sum_up(runtime, end - LONG * DAY, end)
        for table in ("group_5m", "unit_5m"):
            runtime.samples.command(f"OPTIMIZE TABLE {table} FINAL")
        filled = time.monotonic() - began

        pair, whole = (FIRST, SECOND), (LARGE, SMALL)
        _check(
            runtime, until, LONG, {unit: OF_UNIT[unit] for unit in pair}, "before any correction"
        )
        began = time.monotonic()
        with runtime.database.write() as session:
            correct(
                session,
                f"vm{MOVED}",
                since=until - timedelta(days=LONG),
                until=None,
                changes={"unit_id": SECOND},
                scope=CITY,
                now=runtime.now(),
            )
        _settle_all(runtime)
        owner_s = time.monotonic() - began
        moved = {
            FIRST: [vm for vm in OF_UNIT[FIRST] if vm != MOVED],
            SECOND: [*OF_UNIT[SECOND], MOVED],
        }
        _check(runtime, until, LONG, moved, "after one resource's owner")

        _check(runtime, until, SHORT, {unit: OF_UNIT[unit] for unit in whole}, "before the unit's")
        began = time.monotonic()
        with runtime.database.write() as session:
            done = correct_many(
                session,
                [],
                of_unit=LARGE,
                since=until - timedelta(days=SHORT),
                until=None,
                changes={"unit_id": SMALL},
                scope=CITY,
                now=runtime.now(),
            )
        _settle_all(runtime)
        unit_s = time.monotonic() - began
        if done.resources != len(OF_UNIT[LARGE]):
            raise RuntimeError(f"not the whole unit was corrected: {done}")
        joined = [*OF_UNIT[SMALL], *OF_UNIT[LARGE]]
        _check(runtime, until, SHORT, {SMALL: joined}, "after the unit's")
        gone = {row.unit for row in _report(runtime, until, SHORT)}
        if f"U{LARGE}" in gone:
            raise RuntimeError("the unit still has figures of what it never held")
    return {"owner_s": owner_s, "unit_s": unit_s, "fill_s": filled, "resources": float(VMS)}


def _holder(vm: int) -> int:
    for unit, vms in OF_UNIT.items():
        if vm in vms:
            return unit
    return 9 + vm % 112


def _settle_all(runtime: Runtime) -> None:
    """Sums up until nothing is marked: ``settle`` ends after a minute, on a busy machine with days
    left over, and until those are done a report mixes both owners. Raises RuntimeError where it
    does not get on."""
    left = settle(runtime)
    while left:
        before, left = left, settle(runtime)
        if left >= before:
            raise RuntimeError(f"{left} days of owners are left and do not become fewer")


def _report(runtime: Runtime, until: datetime, days: int) -> Sequence[Any]:
    query = UsageQuery(until - timedelta(days=days), until, "unit")
    return usage_report(runtime, CITY, query).rows


def _check(
    runtime: Runtime,
    until: datetime,
    days: int,
    units: dict[int, Sequence[int] | range],
    stage: str,
) -> None:
    """Raises RuntimeError where the report is not what numpy makes of the rows of the resources
    that each unit holds at this ``stage``."""
    rows = {row.unit: row for row in _report(runtime, until, days)}
    for unit, vms in units.items():
        row = rows[f"U{unit}"]
        cpu, mem = _shares(runtime, until, days, list(vms))
        wanted = [*_figures(cpu), *_figures(mem)]
        got = [
            getattr(row, f"{name}_{figure}_pct")
            for name in ("cpu", "mem")
            for figure in ("avg", "p95", "max")
        ]
        if not np.allclose(got, wanted, rtol=2e-6, atol=6e-4) or row.resources != len(vms):
            raise RuntimeError(
                f"{stage}, unit {unit} over {days} days has {row.resources} resources and {got}; "
                f"{len(vms)} and {wanted} by numpy"
            )


def _shares(
    runtime: Runtime, until: datetime, days: int, vms: list[int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Percent of vCPU and memory that these VMs used together, bucket by bucket."""
    start = int(until.timestamp()) - days * DAY
    buckets = days * DAY // 300
    used, memory = np.zeros(buckets), np.zeros(buckets)
    for vm in vms:
        found = runtime.samples.query(
            "SELECT cpu_used_pct AS c, mem_used_bytes AS m FROM host_5m FINAL "
            f"WHERE resource = {vm} AND instance = '' AND time >= toDateTime({start}, 'UTC') "
            "ORDER BY time"
        )
        used += vcpu_of(vm) * found["c"].astype(np.float64) / 100
        memory += found["m"].astype(np.float64)
    size = sum(vcpu_of(vm) for vm in vms)
    return 100 * used / size, 100 * memory / (size * 4.0 * (1 << 30))


def _figures(shares: NDArray[np.float64]) -> list[float]:
    rank = -(-95 * len(shares) // 100) - 1
    return [float(shares.mean()), float(np.sort(shares)[rank]), float(shares.max())]
