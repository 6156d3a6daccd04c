"""ENTITY-MIB (RFC 6933) inventory and ENTITY-SENSOR-MIB (RFC 3433) readings."""

from __future__ import annotations

from ..device import Entity, Sensor
from ..values import integer, text
from ..walk import Column, Walker

PHYSICAL = "1.3.6.1.2.1.47.1.1.1.1"
SENSOR = "1.3.6.1.2.1.99.1.1.1"
TEXTS = {
    "descr": f"{PHYSICAL}.2",
    "name": f"{PHYSICAL}.7",
    "hardware": f"{PHYSICAL}.8",
    "firmware": f"{PHYSICAL}.9",
    "software": f"{PHYSICAL}.10",
    "serial": f"{PHYSICAL}.11",
    "model": f"{PHYSICAL}.13",
}
CLASSES = {
    1: "other",
    2: "unknown",
    3: "chassis",
    4: "backplane",
    5: "container",
    6: "powerSupply",
    7: "fan",
    8: "sensor",
    9: "module",
    10: "port",
    11: "stack",
    12: "cpu",
}
SENSOR_UNITS = {
    3: "volts_ac",
    4: "volts",
    5: "amperes",
    6: "watts",
    7: "hertz",
    8: "celsius",
    9: "percent_humidity",
    10: "rpm",
    11: "m3_per_min",
    12: "truth",
}
STATES = {1: "ok", 2: "unavailable", 3: "nonoperational"}
SERIAL_CLASSES = ("chassis", "module", "powerSupply", "stack", "fan", "backplane", "cpu")


async def read_inventory(walker: Walker) -> list[Entity]:
    """The parts worth listing: those with a serial number, and chassis and boards."""
    numbers = {"contained": f"{PHYSICAL}.4", "class": f"{PHYSICAL}.5"}
    return parse_inventory(await walker.columns("entPhysicalTable", numbers, TEXTS))


def parse_inventory(found: dict[str, Column]) -> list[Entity]:
    """In index order; ports, containers and sensors only where they carry a serial number."""
    parts = []
    for index in sorted((i for i in found["class"] if i.isdigit()), key=int):
        kind = CLASSES.get(integer(found["class"][index]) or 2, "unknown")
        texts = {name: text(found[name].get(index)) for name in TEXTS}
        if texts["serial"] or kind in SERIAL_CLASSES:
            parts.append(
                Entity(
                    index=int(index),
                    kind=kind,
                    contained_in=integer(found["contained"].get(index)),
                    **texts,
                )
            )
    return parts


async def read_sensors(walker: Walker) -> list[Sensor]:
    """Temperatures, power, fans and the like, scaled to their unit."""
    found = await walker.columns(
        "entPhySensorTable",
        {
            "type": f"{SENSOR}.1",
            "scale": f"{SENSOR}.2",
            "precision": f"{SENSOR}.3",
            "value": f"{SENSOR}.4",
            "status": f"{SENSOR}.5",
        },
    )
    if not found["value"]:
        return []
    names = await walker.columns(
        "entPhysicalTable", {}, {"name": TEXTS["name"], "descr": TEXTS["descr"]}
    )
    return parse_sensors({**found, **names})


def parse_sensors(found: dict[str, Column]) -> list[Sensor]:
    """value x 10^(3 (scale - 9)) / 10^precision, scale 9 being units (RFC 3433)."""
    readings = []
    for index, raw in found["value"].items():
        number = integer(raw)
        unit = SENSOR_UNITS.get(integer(found["type"].get(index)) or 0)
        if number is None or unit is None or not index.isdigit():
            continue
        scale = integer(found["scale"].get(index)) or 9
        precision = integer(found["precision"].get(index)) or 0
        if not 1 <= scale <= 17 or not -8 <= precision <= 9:
            continue
        status = STATES.get(integer(found["status"].get(index)) or 1, "unknown")
        name = text(found["name"].get(index)) or text(found["descr"].get(index))
        value = number * 10.0 ** (3 * (scale - 9) - precision)
        readings.append(
            Sensor(index=int(index), name=name, unit=unit, value=round(value, 6), status=status)
        )
    return readings
