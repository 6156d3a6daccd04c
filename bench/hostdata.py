"""Realistic host samples: what the agent would have sent, with the quantisation of its sources.

Percentages are ratios of 100 Hz tick counts, rates are counter differences over an interval that
is a millisecond off 60 s, memory is the mean of twelve looks at whole KiB, disk space is whole
4 KiB blocks, loads have two decimals. Kinds of hosts as a government cloud has them: most idle,
some with office hours, some with nightly jobs, a few busy all day.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from collectors.catalog import HOST

Floats = NDArray[Any]
KINDS = ("idle", "office", "nightly", "busy")
SHARES = (0.55, 0.27, 0.13, 0.05)
GIB = 1 << 30
LOOKS = 12
"""Looks at /proc within a minute."""


def host(
    seed: int, start_ms: int, minutes: int, *, whole_kib: bool = True
) -> tuple[NDArray[np.int64], Floats, dict[str, Floats]]:
    """(time in ms, interval_s, metric to values) of one host; the values have their wire type.

    ``whole_kib``: whether the agent rounds a mean of looks at memory back to KiB.
    """
    rng = np.random.default_rng(seed)
    kind = str(rng.choice(KINDS, p=SHARES))
    offset = int(rng.integers(0, 60_000))
    jitter = np.rint(rng.normal(0, 1.2, minutes + 1)).astype(np.int64)
    ends = start_ms + offset + np.arange(minutes + 1, dtype=np.int64) * 60_000 + jitter
    times, seconds = ends[:-1], np.diff(ends) / 1000.0
    shape = activity(kind, times, rng)
    values = _cpu(rng, shape, seconds)
    values |= _memory(rng, shape, whole_kib)
    values |= _disk(rng, shape, seconds)
    values |= _network(rng, shape, seconds)
    values |= _counts(rng, shape, seconds)
    typed = {
        metric.name: values[metric.name].astype(np.float32 if metric.type == "f4" else np.float64)
        for metric in HOST.metrics
    }
    return times, seconds.astype(np.float32).astype(np.float64), typed


def activity(kind: str, times: NDArray[np.int64], rng: np.random.Generator) -> Floats:
    """How busy the host is at each minute, 0..1."""
    hours = (times / 3_600_000 + 8) % 24
    weekday = ((times // 86_400_000 + 4) % 7) < 5
    n = len(times)
    slow = _walk(rng, n, 0.01, 0.999)
    if kind == "idle":
        base = np.full(n, float(rng.uniform(0.005, 0.03)))
    elif kind == "office":
        bell = np.exp(-(((hours - 10) / 1.6) ** 2)) + 0.8 * np.exp(-(((hours - 15.5) / 2) ** 2))
        base = float(rng.uniform(0.01, 0.04)) + bell * np.where(weekday, 0.35, 0.04)
    elif kind == "nightly":
        job = (hours > 1) & (hours < 1 + float(rng.uniform(0.5, 3)))
        base = 0.02 + 0.6 * job
    else:
        base = 0.45 + 0.2 * np.sin((hours - 8) / 24 * 2 * np.pi)
    busy = base * (1 + 0.25 * slow) * np.exp(rng.normal(0, 0.15, n))
    # Cron, log rotation, backup agents: short spikes on quiet hosts too.
    busy += (rng.random(n) < 0.01) * rng.uniform(0, 0.15, n)
    clipped: Floats = np.clip(busy, 0.001, 0.99)
    return clipped


def _walk(rng: np.random.Generator, n: int, step: float, keep: float) -> Floats:
    noise = rng.normal(0, step, n)
    out = np.empty(n)
    level = 0.0
    for i, change in enumerate(noise.tolist()):
        level = level * keep + change
        out[i] = level
    return out


def _share(part: Floats, whole: Floats) -> Floats:
    return 100.0 * part / whole


def _cpu(rng: np.random.Generator, shape: Floats, seconds: Floats) -> dict[str, Floats]:
    n = len(shape)
    cpus = int(rng.choice((2, 4, 8, 16, 32), p=(0.2, 0.4, 0.25, 0.1, 0.05)))
    total = np.rint(seconds * 100 * cpus) + rng.integers(-2, 3, n)
    used = rng.binomial(total.astype(np.int64), shape)
    system = rng.binomial(used, 0.28)
    iowait = rng.poisson(total * 0.002 * (0.3 + shape))
    steal = rng.poisson(total * 0.0005 * (rng.random() < 0.4))
    five = 500 * cpus
    peaks = rng.binomial(five, np.clip(shape[:, None] * rng.lognormal(0.1, 0.3, (n, 3)), 0, 1))
    peak = np.maximum(
        _share(peaks.max(axis=1).astype(float), np.full(n, five)), _share(used, total)
    )
    load = shape * cpus * rng.lognormal(0, 0.25, n)
    return {
        "cpu_count": np.full(n, float(cpus)),
        "cpu_used_pct": _share(used + steal, total),
        "cpu_max_pct": peak,
        "cpu_iowait_pct": _share(iowait, total),
        "cpu_steal_pct": _share(steal, total),
        "cpu_user_pct": _share(used - system, total),
        "cpu_system_pct": _share(system, total),
        "load1": np.round(load, 2),
        "load5": np.round(_smooth(load, 5), 2),
        "load15": np.round(_smooth(load, 15), 2),
        "ctx_switches_s": rng.poisson(60 * (300 + 9000 * shape * cpus)) / seconds,
    }


def _smooth(values: Floats, window: int) -> Floats:
    padded = np.concatenate([np.full(window - 1, values[0]), values])
    sums = np.cumsum(np.insert(padded, 0, 0.0))
    smooth: Floats = (sums[window:] - sums[:-window]) / window
    return smooth


def _memory(rng: np.random.Generator, shape: Floats, whole_kib: bool) -> dict[str, Floats]:
    n = len(shape)
    total_kib = int(rng.choice((4, 8, 16, 32, 64))) * (1 << 20) - int(rng.integers(60, 900)) * 1024
    part = float(rng.uniform(0.15, 0.7)) + 0.15 * shape + 0.02 * _walk(rng, n, 0.03, 0.999)
    used_kib = np.clip(part, 0.05, 0.97) * total_kib
    noise = rng.normal(0, total_kib * 0.0003, n)
    looks = LOOKS if not whole_kib else 1
    used = np.rint((used_kib + noise) * looks) / looks * 1024.0
    cached = np.rint((0.2 * total_kib + np.cumsum(rng.normal(0, 40, n))) * looks) / looks * 1024.0
    swap_total = float(rng.choice((0, 2, 4), p=(0.5, 0.2, 0.3))) * GIB
    swap: Floats = np.zeros(n)
    if swap_total and rng.random() < 0.4:
        swap = np.cumsum(rng.random(n) < 0.01) * 4096.0 * 37
    swapping = (rng.random(n) < 0.01) * (swap_total > 0)
    return {
        "mem_total_bytes": np.full(n, total_kib * 1024.0),
        "mem_used_bytes": used,
        "mem_available_bytes": total_kib * 1024.0 - used,
        "mem_cached_bytes": cached,
        "mem_used_pct": _share(used, np.full(n, total_kib * 1024.0)),
        "swap_total_bytes": np.full(n, swap_total),
        "swap_used_bytes": swap,
        "swap_in_bytes_s": swapping * rng.poisson(20, n) * 4096 / 60.001,
        "swap_out_bytes_s": swapping * rng.poisson(30, n) * 4096 / 60.002,
    }


def _disk(rng: np.random.Generator, shape: Floats, seconds: Floats) -> dict[str, Floats]:
    n = len(shape)
    total = int(rng.choice((40, 100, 200, 500))) * GIB - int(rng.integers(1, 400)) * 4096
    growth = np.cumsum(rng.poisson(3 + 20 * shape) * (rng.random(n) < 0.6))
    blocks = int(total * float(rng.uniform(0.1, 0.7)) / 4096) + growth
    used = np.minimum(blocks * 4096.0, total * 0.98)
    quiet = rng.random(n) < 0.3
    reads = np.where(quiet, 0, rng.poisson(60 * 8 * shape))
    writes = rng.poisson(60 * (0.8 + 30 * shape))
    return {
        "disk_total_bytes": np.full(n, float(total)),
        "disk_used_bytes": used,
        "disk_used_pct": _share(used, np.full(n, float(total))),
        "disk_read_bytes_s": reads * 8 * 512.0 * rng.integers(1, 5, n) / seconds,
        "disk_write_bytes_s": writes * 8 * 512.0 * rng.integers(1, 4, n) / seconds,
        "disk_read_iops": reads / seconds,
        "disk_write_iops": writes / seconds,
        "disk_busy_pct": _share(rng.poisson((reads + writes) * 1.3) / 1000.0, seconds),
        "inodes_used_pct": _share(
            np.floor(100_000 + growth / 9.0), np.full(n, float(total // 16384))
        ),
    }


def _network(rng: np.random.Generator, shape: Floats, seconds: Floats) -> dict[str, Floats]:
    n = len(shape)
    received = rng.poisson(60 * (20 + 3000 * shape * float(rng.uniform(0.1, 1))))
    sent = rng.poisson(received * float(rng.uniform(0.6, 1.1)) + 1)
    size = rng.integers(120, 900)
    rx = received * size + rng.integers(0, 4000, n)
    tx = sent * size * float(rng.uniform(0.5, 2)) // 1 + rng.integers(0, 4000, n)
    six = rng.random() < 0.3
    rx6 = np.where(six, rng.poisson(60 * 2, n) * 86, 0)
    return {
        "net_rx_bytes_s": rx / seconds,
        "net_tx_bytes_s": tx / seconds,
        "net_rx_packets_s": received / seconds,
        "net_tx_packets_s": sent / seconds,
        "net_errors_s": np.zeros(n),
        "net_drops_s": (rng.random(n) < 0.02) * rng.poisson(2, n) / seconds,
        "net4_rx_bytes_s": np.maximum(rx - received * 14 - rx6, 0) / seconds,
        "net4_tx_bytes_s": np.maximum(tx - sent * 14 - rx6, 0) / seconds,
        "net6_rx_bytes_s": rx6 / seconds,
        "net6_tx_bytes_s": np.where(six, rng.poisson(60 * 1, n) * 72, 0) / seconds,
    }


def _counts(rng: np.random.Generator, shape: Floats, seconds: Floats) -> dict[str, Floats]:
    n = len(shape)
    scale = float(rng.uniform(10, 300))
    return {
        "tcp_established": np.rint(4 + scale * shape * rng.lognormal(0, 0.1, n)),
        "tcp_listen": np.full(n, float(rng.integers(4, 40))),
        "tcp_time_wait": rng.poisson(0.5 * scale * shape).astype(float),
        "tcp_retrans_s": rng.poisson(60 * 0.05 * (1 + 20 * shape)) / seconds,
        "processes": np.rint(float(rng.integers(90, 400)) + _walk(rng, n, 0.6, 0.99)),
        "uptime_s": np.round(float(rng.integers(10_000, 9_000_000)) + np.cumsum(seconds), 2),
    }
