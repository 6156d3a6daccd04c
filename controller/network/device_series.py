"""Curves of a device and its ports: for charts, and small ones for the table of ports."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np

from collectors.catalog import DEVICE, PORT
from controller.network.model import DeviceView
from controller.runtime import Runtime
from controller.store import statistics as st
from controller.store.rollup_sql import window

Optionals = list[float | None]

DEVICE_METRICS = (
    "device_up_pct", "device_cpu_pct", "device_cpu_max_pct", "device_mem_used_pct",
    "device_temperature_c", "device_in4_bytes_s", "device_out4_bytes_s", "device_in6_bytes_s",
    "device_out6_bytes_s",
)  # fmt: skip
PORT_METRICS = (
    "port_in_bytes_s", "port_out_bytes_s", "port_in_errors_s", "port_out_errors_s",
    "port_in_discards_s", "port_out_discards_s", "port_in_packets_s", "port_out_packets_s",
    "port_up_pct", "port_in4_bytes_s", "port_out4_bytes_s", "port_in6_bytes_s",
    "port_out6_bytes_s",
)  # fmt: skip
RAW_SPAN_S = 26 * 3600
"""Up to here charts are made of raw rows, beyond of five-minute or hourly ones."""
FIVE_SPAN_S = 20 * 86_400
SPARK_S, SPARK_POINTS = 7_200, 40
ETHER_SPAN_S = 86_400


class Series(NamedTuple):
    """``times`` in epoch seconds, ``step`` apart; a value a time, None where nothing is known."""

    step: int
    times: list[int]
    values: dict[str, Optionals]


class Spark(NamedTuple):
    """The last two hours of a port in SPARK_POINTS steps, bits a second (None: not measured)."""

    in_bit_s: Optionals
    out_bit_s: Optionals


class Ether(NamedTuple):
    """Frames of a day that a port received broken, and collisions that came too late."""

    fcs_errors: float | None
    alignment_errors: float | None
    late_collisions: float | None

    @property
    def total(self) -> float:
        return sum(each for each in self if each is not None)


def series(
    runtime: Runtime,
    device: DeviceView,
    instance: str,
    since: datetime,
    until: datetime,
    points: int = 720,
) -> Series:
    """The device's curves (``instance`` "") or a port's, over [since, until). The caller found
    the device in its scope."""
    table, metrics = (PORT, PORT_METRICS) if instance else (DEVICE, DEVICE_METRICS)
    start, end = int(since.timestamp()), int(until.timestamp())
    span = end - start
    source, finest, weight = (
        (table.name, min(device.interval_s, 300), "interval_s")
        if span <= RAW_SPAN_S
        else (f"{table.name}_5m", 300, "seconds")
        if span <= FIVE_SPAN_S
        else (f"{table.name}_1h", 3600, "seconds")
    )
    step = max(1, math.ceil(span / points / finest)) * finest
    means = ", ".join(f"{st.weighted_mean(m, weight)} AS m_{m}" for m in metrics)
    found = runtime.samples.query(
        f"SELECT intDiv(toUnixTimestamp(time), {step}) AS number, {means} FROM {source} FINAL "
        f"WHERE resource = {{device:UInt32}} AND instance = {{port:String}} "
        f"AND {window('time', start, end)} GROUP BY number",
        {"device": device.id, "port": instance},
    )
    first, count = start // step, -(-end // step) - start // step
    place = np.asarray(found.get("number", []), np.int64) - first
    values = {m: _spread(found.get(f"m_{m}", []), place, count) for m in metrics}
    return Series(step, [(first + n) * step for n in range(count)], values)


def sparks(runtime: Runtime, device_id: int, now: datetime) -> dict[str, Spark]:
    """Small curves of every port of a device, by instance."""
    step = SPARK_S // SPARK_POINTS
    end = int(now.timestamp()) // step * step
    found = runtime.samples.query(
        f"SELECT instance, intDiv(toUnixTimestamp(time), {step}) AS number, "
        f"{st.weighted_mean('port_in_bytes_s', 'interval_s')} * 8 AS came, "
        f"{st.weighted_mean('port_out_bytes_s', 'interval_s')} * 8 AS went "
        f"FROM {PORT.name} FINAL WHERE resource = {{device:UInt32}} "
        f"AND {window('time', end - SPARK_S, end)} GROUP BY instance, number",
        {"device": device_id},
    )
    first = (end - SPARK_S) // step
    made: dict[str, Spark] = {}
    for instance, number, came, went in zip(
        *(found.get(name, []) for name in ("instance", "number", "came", "went")), strict=True
    ):
        spark = made.setdefault(str(instance), Spark([None] * SPARK_POINTS, [None] * SPARK_POINTS))
        at = int(number) - first
        if 0 <= at < SPARK_POINTS:
            spark.in_bit_s[at], spark.out_bit_s[at] = _known(came), _known(went)
    return made


def ether(runtime: Runtime, device_id: int, now: datetime) -> dict[str, Ether]:
    """Link-layer errors of the last day of the ports that count them, by instance. They are read
    once an hour, as the mean since then: the mean of the day stands for its whole length."""
    end = int(now.timestamp())
    means = ", ".join(
        f"{st.weighted_mean(f'port_{name}_s', 'interval_s')} * {ETHER_SPAN_S} AS {name}"
        for name in Ether._fields
    )
    found = runtime.samples.query(
        f"SELECT instance, {means} FROM {PORT.name} FINAL WHERE resource = {{device:UInt32}} "
        f"AND {window('time', end - ETHER_SPAN_S, end)} AND (NOT isNaN(port_fcs_errors_s) OR "
        "NOT isNaN(port_alignment_errors_s) OR NOT isNaN(port_late_collisions_s)) "
        "GROUP BY instance",
        {"device": device_id},
    )
    columns: list[Any] = [found.get(name, []) for name in ("instance", *Ether._fields)]
    return {
        str(instance): Ether(*(_known(value) for value in values))
        for instance, *values in zip(*columns, strict=True)
    }


def _spread(column: object, place: np.ndarray, count: int) -> Optionals:
    full = np.full(count, np.nan)
    values = np.asarray(column, np.float64)
    inside = (place >= 0) & (place < count)
    full[place[inside]] = np.round(values[inside], 4)
    return [None if math.isnan(value) else value for value in full.tolist()]


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
