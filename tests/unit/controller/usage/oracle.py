"""The definitions of DESIGN.md section 6 once more, in plain Python over lists of rows.

It shares no code with the product: what the two agree on was written twice.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

BUCKET = 300


@dataclass(frozen=True)
class Row:
    """One sample of the whole host."""

    resource: str
    time: int
    seconds: float
    source: str
    cpu: float = math.nan
    peak: float = math.nan
    mem: float = math.nan
    rx: float = math.nan


@dataclass(frozen=True)
class Held:
    """[since, until) of a resource."""

    resource: str
    unit: str
    since: int
    until: int
    vcpu: float
    mem: float


def nearest_rank(values: list[float], share: float = 0.95) -> float | None:
    known = sorted(value for value in values if not math.isnan(value))
    return known[math.ceil(round(share * len(known), 9)) - 1] if known else None


def average(pairs: list[tuple[float, float]]) -> float:
    known = [(value, weight) for value, weight in pairs if not math.isnan(value)]
    weight = sum(w for _, w in known)
    return sum(v * w for v, w in known) / weight if weight else math.nan


def buckets(rows: list[Row]) -> dict[tuple[str, int], dict[str, float]]:
    """(resource, bucket) to its figures, of the best source."""
    rank = {"agent": 1, "poller": 2}
    groups: dict[tuple[str, int], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.resource, row.time // BUCKET * BUCKET].append(row)
    found = {}
    for key, group in groups.items():
        best = min(rank.get(row.source, 3) for row in group)
        chosen = [row for row in group if rank.get(row.source, 3) == best]
        peaks = [row.peak for row in chosen if not math.isnan(row.peak)]
        found[key] = {
            "cpu": average([(r.cpu, r.seconds) for r in chosen]),
            "mem": average([(r.mem, r.seconds) for r in chosen]),
            "rx": average([(r.rx, r.seconds) for r in chosen]),
            "peak": max(peaks) if peaks else math.nan,
            "seconds": min(300.0, sum(r.seconds for r in chosen)),
        }
    return found


def resource_figures(
    rows: list[Row], held: list[Held], resource: str, since: int, until: int, units: set[str] | None
) -> dict[str, float | None]:
    """A resource's figures, of the time that one of ``units`` held it (None: always)."""
    mine = [h for h in held if h.resource == resource]
    cpu, mem, peaks, n = [], [], [], 0
    for (owner, time), figures in sorted(buckets(rows).items()):
        if owner != resource or not since <= time < until:
            continue
        holder = next((h for h in mine if h.since <= time < h.until), None)
        if units is not None and (holder is None or holder.unit not in units):
            continue
        n += 1
        cpu.append((figures["cpu"], figures["seconds"]))
        peak = figures["cpu"] if math.isnan(figures["peak"]) else figures["peak"]
        if not math.isnan(peak):
            peaks.append(peak)
        if holder is not None:
            mem.append((100 * figures["mem"] / holder.mem, figures["seconds"]))
    return {
        "cpu_avg_pct": _none(average(cpu)),
        "cpu_p95_pct": nearest_rank([value for value, _ in cpu]),
        "cpu_max_pct": max(peaks) if peaks else None,
        "mem_avg_pct": _none(average(mem)),
        "mem_p95_pct": nearest_rank([value for value, _ in mem]),
        "n": n,
    }


def unit_figures(
    rows: list[Row], held: list[Held], units: set[str], since: int, until: int
) -> dict[str, float | None]:
    """Figures of everything that ``units`` hold, bucket by bucket."""
    data = buckets(rows)
    cpu, mem, rx = [], [], []
    filled = expected = 0
    first = -(-since // BUCKET) * BUCKET
    for time in range(first, until, BUCKET):
        now = [h for h in held if h.unit in units and h.since <= time < h.until]
        expected += len(now)
        there = [(h, data[h.resource, time]) for h in now if (h.resource, time) in data]
        filled += len(there)
        cpu.append(
            _share([(h.vcpu, h.vcpu * f["cpu"] / 100) for h, f in there], [h.vcpu for h in now])
        )
        mem.append(_share([(h.mem, f["mem"]) for h, f in there], [h.mem for h in now]))
        received = [f["rx"] for _, f in there if not math.isnan(f["rx"])]
        if received and len(received) >= 0.8 * len(now):
            rx.append(sum(received))
    cpu = [value for value in cpu if value is not None]
    mem = [value for value in mem if value is not None]
    return {
        "cpu_avg_pct": _mean(cpu),
        "cpu_p95_pct": nearest_rank(cpu),
        "cpu_max_pct": max(cpu) if cpu else None,
        "mem_avg_pct": _mean(mem),
        "mem_p95_pct": nearest_rank(mem),
        "mem_max_pct": max(mem) if mem else None,
        "net_rx_avg_bytes_s": _mean(rx),
        "net_rx_p95_bytes_s": nearest_rank(rx),
        "coverage_pct": round(100 * filled / expected, 2) if expected else None,
    }


def _share(present: list[tuple[float, float]], held: list[float]) -> Any:
    known = [(size, used) for size, used in present if not math.isnan(used)]
    size = sum(s for s, _ in known)
    if not size or size < 0.8 * sum(held) - 1e-9:
        return None
    return 100 * sum(used for _, used in known) / size


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _none(value: float) -> float | None:
    return None if math.isnan(value) else value
