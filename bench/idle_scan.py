"""All idle policies over 30 days × 10,000 VMs at 5 minutes, judged on one collection of figures.

``YUNXUN_BENCH_VMS`` makes it smaller for a look; the target is for 10,000.
"""

from __future__ import annotations

import os
import resource
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from bench import city as world
from bench.store_process import peak_rss_mb
from collectors.catalog import HOST
from controller.access.scope import CITY
from controller.idle import library
from controller.idle.scan import judge_all
from controller.runtime import Runtime
from controller.store import rollup_sql
from controller.store.rollup import FINAL, TABLES

RUNS = 3
KB_PER_MB = 1024
SLICE_VMS = 250
"""Of one roll-up, as in production: all at once takes more memory than a statement may."""
FILLED = tuple(
    metric
    for metric in HOST.metrics
    if metric.name
    in ("cpu_used_pct", "cpu_max_pct", "mem_used_bytes", "net_rx_bytes_s", "net_tx_bytes_s")
)
"""What the made rows hold."""


def measure() -> dict[str, float]:
    """Seconds of judging every policy, of the city's alone, and the growth of memory."""
    world.VMS = int(os.environ.get("YUNXUN_BENCH_VMS", world.VMS))
    end = int(time.time()) // 86_400 * 86_400
    with (
        tempfile.TemporaryDirectory(prefix="yunxun-bench-") as name,
        world.city(Path(name)) as made,
    ):
        runtime, pid = made
        world.registers(runtime, end)
        figures = {"vms": float(world.VMS)} | world.rows(runtime, end)
        _hours(runtime, end)
        with runtime.database.read() as session:
            policies = library.policies(session)
        city = [policy for policy in policies if policy.id == library.DEFAULT]
        as_of = datetime.fromtimestamp(end, UTC)
        judge_all(runtime, CITY, city, as_of)  # fills the caches of the registers
        Path(f"/proc/{pid}/clear_refs").write_text("5")
        before, own = peak_rss_mb(pid), _own_rss_mb()
        times = []
        for _ in range(RUNS):
            began = time.monotonic()
            judged = judge_all(runtime, CITY, policies, as_of)
            times.append(time.monotonic() - began)
        began = time.monotonic()
        alone = judge_all(runtime, CITY, city, as_of)
        city_s = time.monotonic() - began
        began = time.monotonic()
        verdicts = len(alone.judgements[0].verdicts())
        words_s = time.monotonic() - began
        return figures | {
            "policies": float(len(policies)),
            "verdicts": float(sum(len(j.cls) for j in judged.judgements)),
            "all_policies_s": sorted(times)[RUNS // 2],
            "city_s": city_s,
            "city_words_s": words_s,
            "city_verdicts": float(verdicts),
            "rss_growth_mb": peak_rss_mb(pid) - before + _own_rss_mb() - own,
        }


def _hours(runtime: Runtime, end: int) -> None:
    """Hourly rows, as production has them, for the weekly patterns."""
    start = end - world.DAYS * 86_400
    for first in range(1, world.VMS + 1, SLICE_VMS):
        slice_ = range(first, min(first + SLICE_VMS, world.VMS + 1))
        piece = rollup_sql.Piece(start, end, time.time_ns() // 1000, slice_)
        runtime.samples.command(rollup_sql.hours(TABLES[0], piece, FILLED), settings=FINAL)
    runtime.samples.command("OPTIMIZE TABLE host_1h FINAL")


def _own_rss_mb() -> float:
    """The highest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KB_PER_MB
