"""`usage --by resource` over a quarter of daily rows that a platform gave for 10,000 VMs.

    python -m bench usage_daily

The report's figures are compared with numpy's over the same days, each day counted as often as it
has five-minute buckets.
"""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from bench.city import VMS, city, median, registers
from bench.store_process import peak_rss_mb
from controller.access.scope import CITY
from controller.usage.model import UsageQuery
from controller.usage.queries import usage_report

MONTHS = 3
DAY = 86_400


def measure() -> dict[str, float]:
    """Seconds for a month and for three; growth of the engine's memory."""
    end = int(time.time()) // DAY * DAY - 10 * DAY
    days = MONTHS * 30
    until = datetime.fromtimestamp(end, UTC)
    with tempfile.TemporaryDirectory(prefix="yunxun-bench-") as name, city(Path(name)) as world:
        runtime, pid = world
        registers(runtime, end + 10 * DAY)
        rng = np.random.default_rng(7)
        cpu = np.round(rng.uniform(0, 60, (days, VMS)), 2).astype(np.float32)
        for day in range(days):
            runtime.samples.insert(
                "host_coarse",
                {
                    "resource": np.arange(1, VMS + 1, dtype=np.uint32),
                    "instance": [""] * VMS,
                    "source": ["import:platform"] * VMS,
                    "time": np.full(VMS, (end - (days - day) * DAY) * 1000, np.int64),
                    "interval_s": np.full(VMS, DAY, np.float32),
                    "cpu_used_pct": cpu[day],
                    "cpu_max_pct": cpu[day] + 20,
                    "mem_used_pct": cpu[day] / 2 + 30,
                    "disk_used_pct": cpu[day] / 3 + 10,
                    "net_rx_bytes_s": cpu[day] * 1000,
                    "net_tx_bytes_s": cpu[day] * 2000,
                    "version": np.full(VMS, 1, np.uint64),
                    "arrived": np.full(VMS, int(time.time()), np.int64),
                },
            )

        def report(count: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
            query = UsageQuery(until - timedelta(days=count), until, "resource")
            found = usage_report(runtime, CITY, query).rows
            lines = {row.resource: row for row in found}
            return np.array(
                [
                    [row.cpu_avg_pct, row.cpu_p95_pct, row.cpu_max_pct]
                    for row in (lines[f"vm{vm}"] for vm in range(1, VMS + 1))
                ],
                np.float64,
            )

        for count in (30, days):
            part = np.sort(cpu[days - count :].astype(np.float64), axis=0)
            rank = -(-95 * count * 288 // 100) - 1
            wanted = np.stack([part.mean(axis=0), part[rank // 288], part[-1] + 20], axis=1)
            if not np.allclose(report(count), wanted, atol=2e-3):
                raise RuntimeError(f"the figures of {count} days are not numpy's")
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # forget the peak
        before = peak_rss_mb(pid)
        month, quarter = median(lambda: report(30), 3), median(lambda: report(days), 3)
        return {
            "rows": float(days * VMS),
            "month_s": month,
            "quarter_s": quarter,
            "rss_growth_mb": peak_rss_mb(pid) - before,
        }
