"""The daily patrol over 10,000 VMs with agents: a day of five-minute rows (2.9 million), 28 days of
hourly rows (6.7 million), two in a hundred machines with something wrong. Network devices take part
once the network capability has their checks.
"""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import insert

from bench.store_process import peak_rss_mb, store
from controller.ingest.tables import Agent
from controller.inventory.tables import Holding, Resource, Unit, UnitVersion
from controller.patrol import plans, run
from controller.patrol.tables import PatrolRun
from controller.runtime import Runtime
from controller.schema import metadata
from controller.settings import Settings
from controller.store.relational import Database, connect
from controller.store.samples import Samples

VMS = 10_000
DAYS = 28


def measure() -> dict[str, float]:
    """Seconds of the first run (findings opened) and of the second (seen again)."""
    with tempfile.TemporaryDirectory(prefix="yunxun-bench-") as name:
        folder = Path(name)
        with store(folder) as (samples, pid):
            now = datetime.now(UTC)
            database = Database(connect(f"sqlite:///{folder / 'patrol.db'}"))
            metadata().create_all(database.engine)
            _register(database, now)
            _rows(samples, now)
            runtime = Runtime(Settings(data=folder), database, samples)
            first, _ = _patrol(runtime)
            second, findings = _patrol(runtime)
            peak = peak_rss_mb(pid)
            database.close()
    return {
        "vms": VMS,
        "seconds": max(first, second),
        "first_s": first,
        "second_s": second,
        "findings": findings,
        "engine_peak_mb": peak,
    }


def _register(database: Database, now: datetime) -> None:
    since = now - timedelta(days=200)
    numbers = range(1, VMS + 1)
    with database.write() as session:
        session.add(Unit(id=1, code="U", created=since))
        session.flush()
        session.add(UnitVersion(unit_id=1, name="U", since=since))
        session.flush()
        run_rows = session.connection().execute
        run_rows(
            insert(Resource),
            [
                {"id": n, "code": f"vm-{n}", "name": f"vm {n}", "kind": "vm", "ip": "", "os": "",
                 "created": since, "tags": [], "demo": False}
                for n in numbers
            ],
        )  # fmt: skip
        run_rows(
            insert(Holding),
            [{"resource_id": n, "since": since, "unit_id": 1, "vcpu": 4.0} for n in numbers],
        )
        run_rows(
            insert(Agent),
            [
                {"id": f"a{n}", "name": f"vm {n}", "secret_hash": "x", "state": "active",
                 "unit_id": 1, "resource_id": n, "version": "", "machine_id": "", "facts": {},
                 "enrolled": since, "approved_by": "", "address": "", "demo": False,
                 # One in a hundred has been silent for two hours.
                 "last_seen": now - timedelta(hours=2 if n % 100 == 0 else 0),
                 "last_sample": now, "clock_skew_s": 0.1}
                for n in numbers
            ],
        )  # fmt: skip


def _rows(samples: Samples, now: datetime) -> None:
    """Made by the engine itself; one machine in a hundred is hot and nearly full."""
    end = int(now.timestamp()) // 3600 * 3600
    for table, step, count in (("host_5m", 300, 288 + 12), ("host_1h", 3600, DAYS * 24)):
        start = end + (3600 if step == 300 else 0) - count * step
        samples.command(
            f"INSERT INTO {table} (resource, instance, time, seconds, cpu_used_pct, "
            "cpu_iowait_pct, cpu_steal_pct, "
            "mem_used_pct, inodes_used_pct, disk_used_pct, disk_used_bytes, "
            "disk_total_bytes, version, arrived) "
            "SELECT n, '', toDateTime64(t, 3, 'UTC'), "
            f"{step}, if(n % 100 = 1, 97, 20 + rand() % 40), 1, 0.1, 40 + n % 40, 3, "
            "if(n % 100 = 1, 93, 30 + n % 50), if(n % 100 = 1, 93, 30 + n % 50) * 1e9 + t % 1e7, "
            f"100e9, 1, toDateTime({end}, 'UTC') FROM ("
            f"SELECT intDiv(number, {count}) + 1 AS n, {start} + (number % {count}) * {step} AS t "
            f"FROM numbers({VMS * count}))"
        )


def _patrol(runtime: Runtime) -> tuple[float, int]:
    began = time.monotonic()
    with runtime.database.read() as session:
        view = plans.get_plan(session, "daily")
    number = run.start(runtime.database, view, None, "bench", runtime.now())
    run.execute(runtime, number)
    seconds = time.monotonic() - began
    with runtime.database.read() as session:
        row = session.get_one(PatrolRun, number)
        failed = [each for each in row.checks if each["error"]]
        if row.state != "done" or failed:
            raise RuntimeError(f"patrol {row.state}: {row.error or failed}")
        return seconds, sum(row.counts[each] for each in ("opened", "reopened", "still"))
