"""The latest figures of devices, from their raw samples of the last ten minutes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

from controller.network.model import DeviceView
from controller.runtime import Runtime
from controller.store.samples import SamplesError, SamplesUnavailable

SECONDS = 600
SHOWN = {"cpu_pct": "device_cpu_pct", "mem_pct": "device_mem_used_pct",
         "temperature_c": "device_temperature_c"}  # fmt: skip

View = TypeVar("View", bound=DeviceView)


def with_latest(runtime: Runtime, devices: Sequence[View], now: datetime) -> list[View]:
    """The devices with CPU, memory and temperature; without them while the store is away."""
    if not devices:
        return []
    ids = ", ".join(str(int(device.id)) for device in devices)
    chosen = ", ".join(
        f"argMaxIf({column}, time, not isNaN({column})) AS {name}" for name, column in SHOWN.items()
    )
    have = ", ".join(f"countIf(not isNaN({column})) AS n_{name}" for name, column in SHOWN.items())
    try:
        found = runtime.samples.query(
            f"SELECT resource, {chosen}, {have} FROM device FINAL WHERE resource IN ({ids}) "
            f"AND instance = '' AND time > fromUnixTimestamp64Milli({{since:Int64}}) "
            "GROUP BY resource",
            {"since": int((now.timestamp() - SECONDS) * 1000)},
        )
    except (SamplesUnavailable, SamplesError):
        return list(devices)
    places = {int(number): at for at, number in enumerate(found.get("resource", ()))}
    shown = []
    for device in devices:
        at = places.get(device.id)
        figures = {}
        if at is not None:
            for name in SHOWN:
                value = float(found[name][at])
                known = int(found[f"n_{name}"][at]) > 0 and math.isfinite(value)
                figures[name] = value if known else None
        shown.append(device.model_copy(update=figures))
    return shown
