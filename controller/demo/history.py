"""Plausible history of the demo fleet: daily, weekly and month-end shapes, with noise and gaps.

A shape is the share of its head-room that a system uses by hour of the day and day of the week.
The clock that people work by is Asia/Shanghai; rows are stamped in UTC.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from controller.demo.world import SEED, Vm

STEP_S = 300
CHINA = ZoneInfo("Asia/Shanghai")
CHUNK_VMS = 50
GIB = float(1 << 30)

Series = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Shape:
    """How busy: ``base`` always, ``swing`` on top by the clock, both in percent of the CPU."""

    base: float
    swing: float
    hours: str
    weekend: float
    """Share of a weekday's swing that is left on Saturday and Sunday."""
    memory: float
    """Typical share of memory used, percent."""
    mbit_s: float
    month_end: float = 1.0
    """Factor on the last three days of a month and the first two of the next."""


SHAPES = {
    "counter": Shape(4, 38, "desk", 0.15, 48, 6),
    "office": Shape(5, 30, "desk", 0.10, 55, 4),
    "faint": Shape(1.5, 6, "desk", 0.2, 24, 0.6),
    "monthend": Shape(3, 14, "desk", 0.2, 45, 3, month_end=4.0),
    "steady": Shape(22, 8, "day", 0.95, 60, 9),
    "hospital": Shape(9, 46, "morning", 0.55, 66, 12),
    "traffic": Shape(10, 42, "rush", 0.7, 58, 18),
    "school": Shape(4, 34, "desk", 0.25, 42, 8),
    "batch": Shape(6, 62, "night", 1.0, 70, 22),
    "public": Shape(7, 26, "day", 0.8, 52, 15),
    "video": Shape(35, 20, "day", 1.0, 63, 90),
    "idle": Shape(0.6, 0.4, "day", 1.0, 9, 0.02),
    "endonly": Shape(0.7, 0.4, "desk", 1.0, 10, 0.02, month_end=110.0),
    "strained": Shape(80, 22, "day", 0.95, 82, 60),
    "stopped": Shape(2, 3, "desk", 0.3, 15, 0.1),
}

COLUMNS = (
    "cpu_used_pct", "cpu_max_pct", "cpu_iowait_pct", "cpu_steal_pct", "load1", "load5", "load15",
    "mem_used_bytes", "mem_total_bytes", "mem_used_pct", "disk_used_bytes", "disk_total_bytes",
    "disk_used_pct", "disk_read_bytes_s", "disk_write_bytes_s", "net_rx_bytes_s",
    "net_tx_bytes_s", "net4_rx_bytes_s", "net4_tx_bytes_s", "net6_rx_bytes_s", "net6_tx_bytes_s",
    "tcp_established", "processes", "uptime_s",
)  # fmt: skip


def write_history(fleet: list[Vm], end: datetime, days: int, path: Path) -> Iterator[int]:
    """Writes ``days`` of five-minute rows up to ``end`` as Parquet; yields the rows written."""
    last = int(end.timestamp()) // STEP_S * STEP_S
    times = np.arange(last - days * 86_400, last, STEP_S, dtype=np.int64)
    noise = np.random.default_rng(SEED)
    schema = pa.schema(
        [("resource", pa.dictionary(pa.int16(), pa.string())), ("time", pa.int64())]
        + [("interval_s", pa.float32())]
        + [(name, pa.float64() if name.endswith("_bytes") else pa.float32()) for name in COLUMNS]
    )
    with pq.ParquetWriter(path, schema, compression="zstd", compression_level=1) as writer:
        for start in range(0, len(fleet), CHUNK_VMS):
            chunk = pa.concat_tables(
                _rows(vm, times, noise, schema) for vm in fleet[start : start + CHUNK_VMS]
            ).unify_dictionaries()
            writer.write_table(chunk)
            yield chunk.num_rows


def clock_shape(times: Times, hours: str, weekend: float, month_end: float) -> Series:
    """0..1 (above 1 at month ends) for each time, by China's clock."""
    local = times + 8 * 3600  # China has had no daylight saving since 1991
    hour = (local % 86_400) / 3600
    bumps = {
        "desk": ((9.7, 1.4, 1.0), (15.2, 1.7, 0.85)),
        "morning": ((9.0, 1.6, 1.0), (14.8, 1.8, 0.6)),
        "rush": ((8.0, 1.0, 1.0), (18.0, 1.3, 0.95), (13.0, 3.0, 0.35)),
        "night": ((2.5, 1.3, 1.0), (22.5, 0.7, 0.4)),
        "day": ((14.0, 5.0, 1.0),),
    }[hours]
    shape = np.zeros_like(hour)
    for centre, width, height in bumps:
        distance = (hour - centre + 12) % 24 - 12
        shape += height * np.exp(-((distance / width) ** 2))
    weekday = (local // 86_400 + 3) % 7  # 1970-01-01 was a Thursday; Monday is 0
    shape = np.where(weekday >= 5, shape * weekend, shape)
    return shape * np.where(_near_month_end(local), month_end, 1.0)


def _near_month_end(local: Times) -> Mask:
    days = local // 86_400
    near = {
        day: (d := datetime.fromtimestamp(0, tz=ZoneInfo("UTC")) + timedelta(days=int(day))).day
        <= 2
        or (d + timedelta(days=3)).month != d.month
        for day in np.unique(days)
    }
    return np.array([near[day] for day in days])


def _rows(vm: Vm, times: Times, noise: np.random.Generator, schema: pa.Schema) -> pa.Table:
    shape = SHAPES[vm.shape]
    keep = _has_data(vm, times, noise)
    at = times[keep]
    columns = _measure(vm, shape, at, noise)
    arrays = [
        pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(at), np.int16)), pa.array([vm.code])),
        pa.array(at),
        pa.array(np.full(len(at), STEP_S, np.float32)),
    ]
    for field in list(schema)[3:]:
        arrays.append(pa.array(columns[field.name].astype(field.type.to_pandas_dtype())))
    return pa.Table.from_arrays(arrays, schema=schema)


def _has_data(vm: Vm, times: Times, noise: np.random.Generator) -> Mask:
    """Rows that exist: since delivery, until it was stopped, without outages."""
    keep: Mask = times >= times[-1] - vm.age_days * 86_400
    if vm.shape == "stopped":
        keep &= times < times[-1] - 12 * 86_400
    if vm.site == "临江分中心":  # the sub-centre lost power for five hours
        outage = times[-1] - 9 * 86_400 - 3 * 3600
        keep &= (times < outage) | (times > outage + 5 * 3600)
    if noise.random() < 0.15:  # an agent of this VM was down for a while
        start = times[int(noise.integers(0, len(times)))]
        keep &= (times < start) | (times > start + int(noise.integers(1, 20)) * 3600)
    heard: Mask = keep & (noise.random(len(times)) > 0.001)
    return heard


def _measure(vm: Vm, shape: Shape, at: Times, noise: np.random.Generator) -> dict[str, Series]:
    count = len(at)
    level = clock_shape(at, shape.hours, shape.weekend, shape.month_end)
    own = noise.uniform(0.7, 1.3)
    wander = np.convolve(noise.normal(0, 1, count + 24), np.ones(25) / 5, "valid")[:count]
    cpu = shape.base * own * (1 + 0.12 * wander) + shape.swing * own * level
    cpu = np.clip(cpu * noise.lognormal(0, 0.12, count), 0.05, 97)
    peak = np.clip(cpu * noise.lognormal(0.35, 0.25, count) + 0.5, cpu, 100)
    vcpu: Series = np.full(count, float(vm.vcpu))
    if vm.grown is not None and count:
        later = at >= at[-1] - vm.grown[0] * 86_400
        vcpu[later] = vm.grown[1]
        cpu[later] /= 2
    memory = np.clip(shape.memory * own + 6 * level + 1.2 * wander, 3, 96)
    mem_total = np.full(count, vm.mem_gib * GIB)
    age = np.arange(count) / max(count, 1)
    # One disk in a dozen fills up within weeks, the others hardly grow.
    filling = 45.0 if zlib.crc32(vm.code.encode()) % 12 == 0 else 0.6
    disk = np.clip(18 + 40 * own * 0.7 + filling * age * own, 2, 97)
    disk_total = np.full(count, vm.disk_gib * GIB)
    bytes_in = shape.mbit_s * 125_000 * own * (0.2 + level) * noise.lognormal(0, 0.3, count)
    bytes_out = bytes_in * noise.uniform(0.4, 2.2) * noise.lognormal(0, 0.2, count)
    share6 = np.full(count, noise.choice((0.0, 0.0, 0.02, 0.15, 0.4)))
    load = cpu / 100 * vcpu * noise.lognormal(0, 0.15, count)
    return {
        "cpu_used_pct": cpu,
        "cpu_max_pct": np.maximum(peak, cpu),
        "cpu_iowait_pct": cpu * 0.03 * noise.random(count),
        "cpu_steal_pct": 0.2 * noise.random(count),
        "load1": load,
        "load5": load * 0.97,
        "load15": load * 0.95,
        "mem_used_bytes": np.round(mem_total * memory / 100 / 4096) * 4096,
        "mem_total_bytes": mem_total,
        "mem_used_pct": memory,
        "disk_used_bytes": np.round(disk_total * disk / 100 / 4096) * 4096,
        "disk_total_bytes": disk_total,
        "disk_used_pct": disk,
        "disk_read_bytes_s": 2e5 * (0.1 + level) * noise.lognormal(0, 0.6, count),
        "disk_write_bytes_s": 4e5 * (0.3 + level) * noise.lognormal(0, 0.6, count),
        "net_rx_bytes_s": bytes_in,
        "net_tx_bytes_s": bytes_out,
        "net4_rx_bytes_s": bytes_in * (1 - share6),
        "net4_tx_bytes_s": bytes_out * (1 - share6),
        "net6_rx_bytes_s": bytes_in * share6,
        "net6_tx_bytes_s": bytes_out * share6,
        "tcp_established": np.round(4 + cpu * 3 * noise.lognormal(0, 0.2, count)),
        "processes": np.round(140 + cpu + 4 * wander),
        "uptime_s": (at - at[0] + vm.age_days * 3600.0) if count else at.astype(float),
    }
