"""A city for benchmarks: registers of 10,000 VMs and 30 days of their five-minute rows, made in the
embedded store itself, with the sums by owner as production makes them.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from bench.store_process import store
from controller import schema
from controller.inventory.tables import BusinessSystem, Holding, Resource, Unit, UnitVersion
from controller.runtime import Runtime
from controller.settings import Settings
from controller.store import groups, rollup, rollup_sql
from controller.store.holdings import register_of
from controller.store.relational import Database, connect

VMS = 10_000
DAYS = 30
STEP = 300
UNITS = 120
SYSTEMS = 4
"""Of each unit."""
GENERATED_VMS = 250
"""Of one INSERT."""
RUNS = 5


@contextmanager
def city(folder: Path) -> Iterator[tuple[Runtime, int]]:
    """An empty controller with its sample store; and the engine's pid."""
    schema.metadata()
    engine = connect(f"sqlite:///{folder / 'yunxun.db'}")
    schema.metadata().create_all(engine)
    settings = Settings(data=folder)
    with store(folder) as (samples, pid):
        for statement in groups.create_statements(settings):
            samples.command(statement)
        database = Database(engine)
        try:
            yield Runtime(settings, database, samples), pid
        finally:
            database.close()


def vcpu_of(vm: int) -> int:
    """vCPU of a VM."""
    return (2, 4, 8, 16)[vm % 4]


def unit_of(vm: int) -> int:
    """Id of the unit that holds a VM."""
    return vm % UNITS + 1


def system_of(vm: int) -> int:
    """Which of its unit's systems a VM belongs to, from 0."""
    return vm // UNITS % SYSTEMS


def registers(
    runtime: Runtime,
    end: int,
    holder: Callable[[int], int] = unit_of,
    system: Callable[[int], int] = system_of,
) -> None:
    """Units, systems, resources and who holds them (``holder`` of a VM's number, in its
    ``system``), since 400 days before ``end``."""
    since = datetime.fromtimestamp(end - 400 * 86_400, UTC)
    with runtime.database.write() as session:
        connection = session.connection()
        connection.execute(
            insert(Unit),
            [
                {"code": f"U{u}", "created": since, "contact": "", "email": "", "phone": ""}
                for u in range(1, UNITS + 1)
            ],
        )
        connection.execute(
            insert(UnitVersion),
            [
                {"unit_id": u, "name": f"Unit {u}", "kind": "department", "since": since}
                for u in range(1, UNITS + 1)
            ],
        )
        connection.execute(
            insert(BusinessSystem),
            [{"unit_id": u, "name": f"S{s}"} for u in range(1, UNITS + 1) for s in range(SYSTEMS)],
        )
        connection.execute(
            insert(Resource),
            [
                {
                    "code": f"vm{vm}",
                    "name": f"vm{vm}",
                    "kind": "vm",
                    "ip": "",
                    "os": "",
                    "created": since,
                    "tags": [],
                    "demo": False,
                }
                for vm in range(1, VMS + 1)
            ],
        )
        connection.execute(
            insert(Holding),
            [
                {
                    "resource_id": vm,
                    "since": since,
                    "unit_id": holder(vm),
                    "system_id": (holder(vm) - 1) * SYSTEMS + system(vm) + 1,
                    "vcpu": vcpu_of(vm),
                    "mem_bytes": vcpu_of(vm) * 4.0 * (1 << 30),
                    "disk_bytes": 200.0 * (1 << 30),
                }
                for vm in range(1, VMS + 1)
            ],
        )  # fmt: skip


def rows(runtime: Runtime, end: int) -> dict[str, float]:
    """Five-minute rows of the 30 days up to ``end``, and their sums by owner as in production."""
    began = time.monotonic()
    generate(runtime, range(1, VMS + 1), end - DAYS * 86_400, end)
    generated = time.monotonic()
    runtime.samples.command("OPTIMIZE TABLE host_5m FINAL")
    merged = time.monotonic()
    sum_up(runtime, end - DAYS * 86_400, end)
    summed = time.monotonic()
    for table in ("group_5m", "unit_5m"):
        runtime.samples.command(f"OPTIMIZE TABLE {table} FINAL")
    return {
        "rows": float(VMS * DAYS * 86_400 // STEP),
        "generate_s": generated - began,
        "merge_s": merged - generated,
        "group_rollup_day_s": (summed - merged) / DAYS,
    }


def generate(runtime: Runtime, vms: range, start: int, end: int) -> None:
    """Five-minute rows of ``vms`` in [start, end), made in the store."""
    month = DAYS * 86_400
    for begin in range(start, end, month):
        buckets = (min(end, begin + month) - begin) // STEP
        for first in range(vms.start, vms.stop, GENERATED_VMS):
            count = min(GENERATED_VMS, vms.stop - first)
            runtime.samples.command(_generated(first, count, buckets, begin))


def sum_up(runtime: Runtime, start: int, end: int) -> None:
    """The sums by owner over [start, end)."""
    register = register_of(runtime.database)
    holdings = register.read()
    register.push(runtime.samples, holdings, runtime.now())
    for first in range(start, end, 5 * 86_400):
        last = min(end, first + 5 * 86_400)
        piece = rollup_sql.Piece(first, last, time.time_ns() // 1000)
        runtime.samples.command(
            rollup_sql.groups(rollup.TABLES[0], piece, snapshot=holdings.snapshot, coarse=False),
            settings=rollup.FINAL,
        )
        runtime.samples.command(rollup_sql.units(piece), settings=rollup.FINAL)


def _generated(first: int, count: int, buckets: int, start: int) -> str:
    """Days with a shape, weeks, and noise; two decimals and whole 4 KiB pages, as agents send."""
    return f"""
INSERT INTO host_5m (resource, instance, time, seconds, cpu_used_pct, cpu_max_pct, mem_used_bytes,
  disk_used_bytes, net_rx_bytes_s, net_tx_bytes_s, version, arrived)
SELECT vm, '', toDateTime64(t, 3, 'UTC'), {STEP},
  round(cpu, 2), round(least(100, cpu * 1.4 + 1), 2),
  4096 * round(size * (0.35 + 0.2 * own + 0.05 * wave + 0.02 * noise) / 4096),
  4096 * round(200 * 1073741824 * (0.3 + 0.3 * own + 0.1 * (t - {start}) / 2592000) / 4096),
  round(1e5 * (0.2 + wave) * (1 + noise)), round(2e5 * (0.2 + wave) * (1 + noise)), 1, now()
FROM (
  SELECT {first} + intDiv(number, {buckets}) AS vm, {start} + number % {buckets} * {STEP} AS t,
    (cityHash64(vm) % 1000) / 1000 AS own, rand(number) / 4294967296 AS noise,
    greatest(0, sin((t % 86400) / 86400 * 6.2832 - 1.8))
      * if(toDayOfWeek(toDateTime(t, 'UTC')) > 5, 0.3, 1) AS wave,
    transform(vm % 4, [0, 1, 2, 3], [2., 4., 8., 16.]) * 4 * 1073741824 AS size,
    3 + 10 * own + 45 * own * wave + 8 * noise AS cpu
  FROM numbers({count} * {buckets})
)"""


def median(run: Callable[[], Any], runs: int = RUNS) -> float:
    """Seconds; the first, with cold caches of both sides' making, is not counted."""
    run()
    times = []
    for _ in range(runs):
        began = time.monotonic()
        run()
        times.append(time.monotonic() - began)
    return statistics.median(times)
