"""What sensors say of fans, power supplies and heat."""

from __future__ import annotations

from typing import Any

import pytest

from controller.network.sensors import faults, kind_of


def sensor(name: str, unit: str, value: float | None, status: str = "ok") -> dict[str, Any]:
    return {"name": name, "unit": unit, "value": value, "status": status}


@pytest.mark.parametrize(
    ("name", "unit", "kind"),
    [
        ("Fan Tray 1", "rpm", "fan"),
        ("风扇 2", "truth", "fan"),
        ("PSU1 output", "volts", "power"),
        ("Power Supply 2", "watts", "power"),
        ("电源1 电流", "amperes", "power"),
        ("PS-2", "volts", "power"),
        ("3.3V rail", "volts", "sensor"),
        ("DOM RX Power Sensor for Ethernet11/1", "watts", "sensor"),
        ("Port 7 PoE power", "watts", "sensor"),
        ("GPS clock", "volts", "sensor"),
        ("CPU", "celsius", "sensor"),
    ],
)
def test_a_sensor_belongs_to_what_its_unit_and_name_say(name: str, unit: str, kind: str) -> None:
    assert kind_of(name, unit) == kind


def test_all_is_well_where_all_turns_and_delivers() -> None:
    assert faults([]) == []
    assert (
        faults(
            [
                sensor("Fan 1", "rpm", 4200), sensor("Fan 2", "rpm", 4100),
                sensor("PSU1", "watts", 80), sensor("PSU2", "watts", 75),
                sensor("Slot 3", "celsius", None, "unavailable"),  # an empty slot
                sensor("3.3V rail", "volts", 0),  # not known to be a power supply
                sensor("DOM RX Power Sensor for Ethernet1", "watts", 0.00054),
                sensor("DOM RX Power Sensor for Ethernet2", "watts", 0),  # no light, no fault
            ]
        )
        == []
    )  # fmt: skip


def test_what_stands_still_while_its_like_turns_has_failed() -> None:
    found = faults(
        [
            sensor("Fan 1", "rpm", 0), sensor("Fan 2", "rpm", 4100),
            sensor("PSU1", "watts", 0), sensor("PSU2", "watts", 155),
        ]
    )  # fmt: skip
    assert [(each.name, each.kind, each.why, each.weight) for each in found] == [
        ("Fan 1", "fan", "still", 2), ("PSU1", "power", "still", 2),
    ]  # fmt: skip


def test_fans_that_all_stand_still_are_worth_a_look_only() -> None:
    quiet = faults([sensor("Fan 1", "rpm", 0), sensor("Fan 2", "rpm", 0)])
    assert {each.weight for each in quiet} == {1}
    # A device without power would not have answered: its readings are wrong, not its supplies.
    assert faults([sensor("PSU1", "watts", 0)]) == []


def test_what_the_device_calls_broken_is_broken() -> None:
    found = faults(
        [
            sensor("Inlet", "celsius", 0, "nonoperational"),
            sensor("Fan 1", "rpm", 0, "nonoperational"),
        ]
    )
    assert [(each.name, each.why, each.weight) for each in found] == [
        ("Fan 1", "broken", 2), ("Inlet", "broken", 1),
    ]  # fmt: skip
