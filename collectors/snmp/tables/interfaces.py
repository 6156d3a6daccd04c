"""IF-MIB ifTable and ifXTable (RFC 2863), EtherLike-MIB dot3StatsTable (RFC 3635)."""

from __future__ import annotations

from collections.abc import Callable

from ..device import Port
from ..iftypes import IF_TYPES
from ..values import Value, counter, integer, mac, seconds, text
from ..walk import Column, Walker

IF = "1.3.6.1.2.1.2.2.1"
IFX = "1.3.6.1.2.1.31.1.1.1"
DOT3 = "1.3.6.1.2.1.10.7.2.1"

NAMES = {"descr": f"{IF}.2"}
X_NAMES = {"name": f"{IFX}.1", "alias": f"{IFX}.18"}
STATES = {"admin": f"{IF}.7", "oper": f"{IF}.8"}
FACTS = {"type": f"{IF}.3", "mtu": f"{IF}.4", "phys": f"{IF}.6", "change": f"{IF}.9"}
COUNTERS = {
    "in_discards": f"{IF}.13",
    "in_errors": f"{IF}.14",
    "out_discards": f"{IF}.19",
    "out_errors": f"{IF}.20",
}
X_FACTS = {"high_speed": f"{IFX}.15", "discontinuity": f"{IFX}.19"}
WIDE = {
    "in_octets": (f"{IFX}.6", f"{IF}.10"),
    "in_packets": (f"{IFX}.7", f"{IF}.11"),
    "out_octets": (f"{IFX}.10", f"{IF}.16"),
    "out_packets": (f"{IFX}.11", f"{IF}.17"),
}
"""64-bit column, and the 32-bit one that is read where rows of the first are missing."""
ETHER = {"alignment": f"{DOT3}.2", "fcs": f"{DOT3}.3", "late": f"{DOT3}.8"}

ADMIN = {1: "up", 2: "down", 3: "testing"}
OPER = {
    1: "up",
    2: "down",
    3: "testing",
    4: "unknown",
    5: "dormant",
    6: "notPresent",
    7: "lowerLayerDown",
}
GAUGE32_FULL = 4_294_967_295
"""ifSpeed of an interface too fast for it: at least this much (devices without ifHighSpeed)."""
Columns = dict[str, Column]


async def read_ports(walker: Walker, whole: bool = True) -> list[Port]:
    """All ports. ``whole`` False leaves out what seldom changes and EtherLike errors.

    The index comes from ifDescr and the states: many devices have no ifIndex column.
    """
    found = await walker.columns("ifTable", {**STATES, **FACTS, **COUNTERS}, NAMES)
    known = _indices(found)
    if not known:
        return []
    found.update(await walker.columns("ifXTable", X_FACTS, X_NAMES))
    for name, (wide, narrow) in WIDE.items():
        got = await walker.column("ifXTable", wide) if walker.session.bulk else {}
        found[name] = got
        if any(index not in got for index in known):
            found[f"{name}_32"] = await walker.column("ifTable", narrow)
    speeds = found["high_speed"]
    if any(not integer(speeds.get(index)) for index in known):
        found["speed"] = await walker.column("ifTable", f"{IF}.5")
    if whole:
        found.update(await walker.columns("dot3StatsTable", ETHER))
    return parse_ports(found)


def _indices(found: Columns) -> set[str]:
    return {
        index
        for name in ("descr", "admin", "oper", "type", "mtu")
        for index in found.get(name, {})
        if index.isdigit()
    }


def parse_ports(found: Columns) -> list[Port]:
    """Ports in order of their index; names fall back to each other when empty."""
    rows = {name: column.get for name, column in found.items()}
    return [
        _port(int(index), {name: get(index) for name, get in rows.items()}.get)
        for index in sorted(_indices(found), key=int)
    ]


def _port(number: int, value: Callable[[str], Value]) -> Port:
    descr, name = text(value("descr")), text(value("name"))
    port = Port(
        if_index=number,
        if_name=name or descr,
        if_descr=descr or name,
        if_alias=text(value("alias")),
        if_type=_named(value("type"), IF_TYPES),
        mtu=integer(value("mtu")),
        speed_bit_s=speed(value("high_speed"), value("speed")),
        admin_status=_named(value("admin"), ADMIN),
        oper_status=_named(value("oper"), OPER),
        phys_address=mac(value("phys")),
        last_change_s=seconds(value("change")),
        discontinuity_s=seconds(value("discontinuity")),
        fcs_errors=counter(value("fcs")),
        alignment_errors=counter(value("alignment")),
        late_collisions=counter(value("late")),
    )
    for column in COUNTERS:
        setattr(port, column, counter(value(column)))
    for column in WIDE:
        wide = counter(value(column))
        if wide is None:
            wide = counter(value(f"{column}_32"))
            if wide is not None and column.endswith("octets"):
                port.counter_bits = 32
        setattr(port, column, wide)
    return port


def _named(value: Value, names: dict[int, str]) -> str:
    number = integer(value)
    return "" if number is None else names.get(number, str(number))


def speed(high: Value, low: Value) -> int | None:
    """Bit/s: ifHighSpeed (Mbit/s) where it is not zero, else ifSpeed as told (``GAUGE32_FULL``)."""
    mega = integer(high)
    if mega is not None and mega > 0:
        return mega * 1_000_000
    return counter(low)
