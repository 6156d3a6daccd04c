"""The latest figures of devices, and when they answered, from raw samples of ten minutes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
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
    heard = "toFloat64(maxIf(toUnixTimestamp(time) + interval_s, device_up_pct > 0)) AS heard"
    have = ", ".join(f"countIf(not isNaN({column})) AS n_{name}" for name, column in SHOWN.items())
    try:
        found = runtime.samples.query(
            f"SELECT resource, {chosen}, {have}, {heard} FROM device FINAL "
            f"WHERE resource IN ({ids}) AND instance = '' "
            "AND time > fromUnixTimestamp64Milli({since:Int64}) GROUP BY resource",
            {"since": int((now.timestamp() - SECONDS) * 1000)},
        )
    except (SamplesUnavailable, SamplesError):
        return list(devices)
    places = {int(number): at for at, number in enumerate(found.get("resource", ()))}
    shown = []
    for device in devices:
        at = places.get(device.id)
        figures: dict[str, object] = {}
        if at is not None:
            for name in SHOWN:
                value = float(found[name][at])
                known = int(found[f"n_{name}"][at]) > 0 and math.isfinite(value)
                figures[name] = value if known else None
            answered = datetime.fromtimestamp(float(found["heard"][at]), UTC)
            if device.last_answer is None or answered > device.last_answer:
                figures["last_answer"] = answered if found["heard"][at] else device.last_answer
        shown.append(device.model_copy(update=figures))
    return shown
