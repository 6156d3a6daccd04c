"""What a device's sensors say of its fans, power supplies and heat. Pure: no store, no clock.

ENTITY-SENSOR-MIB (RFC 3433) names no thresholds: ``nonoperational`` is what the device itself
calls broken; ``unavailable`` is a reading that it cannot take now, of an empty slot for example,
and no fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

BROKEN = "nonoperational"
POWER_UNITS = ("volts", "volts_ac", "amperes", "watts")
_FAN = re.compile(r"\bfan|风扇|blower", re.IGNORECASE)
_POWER = re.compile(r"\bps(?:u)?\b|\bps(?:u)?[\s_/#-]?\d|\bpwr|power|电源", re.IGNORECASE)
_OPTICS = re.compile(
    r"\bdom\b|\b[rt]x\b|xcvr|transceiver|laser|optic|ethernet|\bpoe\b|光", re.IGNORECASE
)
"""Light and power at ports (Arista tells light in watts): none where nothing is plugged in."""
SENSOR, PART = 1, 2
"""Weights: a sensor that gives nothing; a fan or power supply that does not do its work."""


class Fault(NamedTuple):
    """A sensor that tells of something broken. ``kind``: fan, power or sensor; ``why``: broken
    (the device says so), or still (it stands at zero, while ``weight`` says how sure that is)."""

    name: str
    kind: str
    why: str
    weight: int
    value: float | None
    unit: str


def kind_of(name: str, unit: str) -> str:
    """fan, power or sensor, by unit and name."""
    if unit == "rpm" or _FAN.search(name):
        return "fan"
    if unit in POWER_UNITS and _POWER.search(name) and not _OPTICS.search(name):
        return "power"
    return "sensor"


def faults(sensors: Iterable[Mapping[str, Any]]) -> list[Fault]:
    """The sensors with something broken, worst first.

    A fan at 0 rpm is a fault of weight PART while another one of the device turns; where all stand
    still the gear may cool without them, which is worth a look only. A power supply at zero is a
    fault while another one of the same unit delivers.
    """
    told = [
        (str(each.get("name") or "?"), str(each.get("unit") or ""), each.get("value"),
         str(each.get("status") or "ok"))
        for each in sensors
    ]  # fmt: skip
    turning = {
        (kind_of(name, unit), unit)
        for name, unit, value, status in told
        if status == "ok" and isinstance(value, int | float) and value > 0
    }
    found = []
    for name, unit, value, status in told:
        kind = kind_of(name, unit)
        number = float(value) if isinstance(value, int | float) else None
        if status == BROKEN:
            weight = SENSOR if kind == "sensor" else PART
            found.append(Fault(name, kind, "broken", weight, number, unit))
        elif status == "ok" and number == 0 and (unit == "rpm" or kind == "power"):
            if (kind, unit) in turning:
                found.append(Fault(name, kind, "still", PART, number, unit))
            elif kind == "fan":
                found.append(Fault(name, kind, "still", SENSOR, number, unit))
    return sorted(found, key=lambda each: (-each.weight, each.name))
