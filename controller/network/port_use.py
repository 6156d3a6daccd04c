"""What ports carried: five-minute means of a period, and the latest minutes, by port."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from collectors.catalog import PORT
from controller.runtime import Runtime
from controller.store.rollup_sql import window

BUCKET_S = 300
LATELY = timedelta(minutes=15)
MOST_PORTS = 2_000
"""Of one question: 30 days of each are some 140 KB."""


class PortKey(NamedTuple):
    """A device's id (of its resource) and the port's instance, ``port:NAME``."""

    device_id: int
    instance: str


@dataclass(frozen=True)
class PortSeries:
    """Five-minute means: ``times`` in epoch seconds, bits a second in and out (NaN: none)."""

    times: npt.NDArray[np.int64]
    in_bit_s: npt.NDArray[np.float64]
    out_bit_s: npt.NDArray[np.float64]


@dataclass(frozen=True)
class PortNow:
    """The last quarter of an hour: means in bits a second, shares of the speed, None unknown."""

    in_bit_s: float | None
    out_bit_s: float | None
    used_pct: float | None
    """The busier direction."""
    speed_bit_s: float | None


def port_series(
    runtime: Runtime, keys: Collection[PortKey], since: datetime, until: datetime
) -> dict[PortKey, PortSeries]:
    """The ports' series over [since, until); a port without a row is left out."""
    if not keys:
        return {}
    chosen = sorted(keys)[:MOST_PORTS]
    answer = runtime.samples.query(
        "SELECT resource, instance, toInt64(toUnixTimestamp(time)) AS at, "
        "port_in_bytes_s * 8 AS came, port_out_bytes_s * 8 AS went "
        f"FROM {PORT.name}_5m FINAL "
        f"WHERE {window('time', int(since.timestamp()), int(until.timestamp()))} "
        "AND resource IN {devices:Array(UInt32)} AND instance IN {ports:Array(String)} "
        "ORDER BY resource, instance, at",
        {
            "devices": sorted({key.device_id for key in chosen}),
            "ports": sorted({key.instance for key in chosen}),
        },
    )
    devices = np.asarray(answer.get("resource", []), np.int64)
    if not len(devices):
        return {}
    names = np.asarray(answer["instance"], object)
    ends = np.flatnonzero((devices[1:] != devices[:-1]) | (names[1:] != names[:-1])) + 1
    found: dict[PortKey, PortSeries] = {}
    wanted = set(chosen)
    for part in np.split(np.arange(len(devices)), ends):
        key = PortKey(int(devices[part[0]]), str(names[part[0]]))
        if key in wanted:
            found[key] = PortSeries(
                np.asarray(answer["at"], np.int64)[part],
                np.asarray(answer["came"], np.float64)[part],
                np.asarray(answer["went"], np.float64)[part],
            )
    return found


def ports_now(runtime: Runtime, devices: Collection[int], now: datetime) -> dict[PortKey, PortNow]:
    """Every port of ``devices`` that was measured within the last quarter of an hour."""
    if not devices:
        return {}
    start, end = int((now - LATELY).timestamp()), int(now.timestamp()) + 60
    answer = runtime.samples.query(
        "SELECT resource, instance, "
        "avgIf(port_in_bytes_s, isFinite(port_in_bytes_s)) * 8 AS came, "
        "avgIf(port_out_bytes_s, isFinite(port_out_bytes_s)) * 8 AS went, "
        "avgIf(port_in_used_pct, isFinite(port_in_used_pct)) AS in_pct, "
        "avgIf(port_out_used_pct, isFinite(port_out_used_pct)) AS out_pct, "
        "maxIf(port_speed_bit_s, isFinite(port_speed_bit_s)) AS speed "
        f"FROM {PORT.name} FINAL WHERE {window('time', start, end)} "
        "AND resource IN {devices:Array(UInt32)} GROUP BY resource, instance",
        {"devices": sorted(devices)},
    )
    found = {}
    names = ("resource", "instance", "came", "went", "in_pct", "out_pct", "speed")
    for device, instance, came, went, in_pct, out_pct, speed in zip(
        *(answer.get(name, []) for name in names), strict=True
    ):
        shares = [float(each) for each in (in_pct, out_pct) if math.isfinite(each)]
        found[PortKey(int(device), str(instance))] = PortNow(
            _known(came), _known(went), max(shares, default=None), _known(speed) or None
        )
    return found


def nearest_rank(values: npt.NDArray[np.float64], share: float) -> float | None:
    """The ceil(share·n)-th smallest of those that are numbers; None without any."""
    known = np.sort(values[np.isfinite(values)])
    return float(known[math.ceil(share * len(known)) - 1]) if len(known) else None


def mean(values: npt.NDArray[np.float64]) -> float | None:
    """The mean of those that are numbers; None without any."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None


def summed(
    parts: Mapping[Any, PortSeries], since: int, until: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Sums over ports, bucket by bucket of [since, until): NaN where no port was measured, else the
    sum of those that were."""
    first = since // BUCKET_S
    buckets = max(0, -(-until // BUCKET_S) - first)
    sums = np.zeros((2, buckets))
    seen = np.zeros((2, buckets), bool)
    for each in parts.values():
        place = each.times // BUCKET_S - first
        inside = (place >= 0) & (place < buckets)
        for row, values in enumerate((each.in_bit_s, each.out_bit_s)):
            good = inside & np.isfinite(values)
            np.add.at(sums[row], place[good], values[good])
            seen[row][place[good]] = True
    sums[~seen] = np.nan
    return sums[0], sums[1]


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
