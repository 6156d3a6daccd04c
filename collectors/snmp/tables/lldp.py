"""LLDP-MIB (IEEE 802.1AB): who is at the other end of each port."""

from __future__ import annotations

from ..device import Neighbour
from ..values import Value, integer, text
from ..walk import Column, Walker
from .ip import parse_address

REMOTE = "1.0.8802.1.1.2.1.4.1.1"
REMOTE_ADDRESS = "1.0.8802.1.1.2.1.4.2.1"
LOCAL = "1.0.8802.1.1.2.1.3.7.1"
MAC_CHASSIS, NETWORK_CHASSIS, MAC_PORT = 4, 5, 3
LOCAL_NAMES = {"id": f"{LOCAL}.3", "descr": f"{LOCAL}.4"}
TEXTS = {
    "chassis": f"{REMOTE}.5",
    "port": f"{REMOTE}.7",
    "port_descr": f"{REMOTE}.8",
    "name": f"{REMOTE}.9",
    "descr": f"{REMOTE}.10",
}


async def read_neighbours(walker: Walker, port_names: dict[str, int]) -> list[Neighbour]:
    """LLDP neighbours; ``port_names`` (name, description, alias -> ifIndex) finds the port."""
    kinds = {"chassis_kind": f"{REMOTE}.4", "port_kind": f"{REMOTE}.6"}
    found = await walker.columns("lldpRemTable", kinds, TEXTS)
    if not found["chassis"] and not found["name"]:
        return []
    found["address"] = await walker.column("lldpRemManAddrTable", f"{REMOTE_ADDRESS}.3")
    local = await walker.columns("lldpLocPortTable", {"kind": f"{LOCAL}.2"}, LOCAL_NAMES)
    return parse_neighbours(found, local, port_names)


def parse_neighbours(
    found: dict[str, Column], local: dict[str, Column], port_names: dict[str, int]
) -> list[Neighbour]:
    """Index: time mark, local port number, remote index."""
    addresses = _addresses(found.get("address", {}))
    told = bool(local["id"] or local["descr"])
    neighbours = []
    for index in found["chassis"] or found["name"]:
        parts = index.split(".")
        if len(parts) != 3:
            continue
        number = parts[1]
        names = [
            _identity(local["id"].get(number), integer(local["kind"].get(number)) == MAC_PORT),
            text(local["descr"].get(number)),
        ]
        port = next((port_names[name] for name in names if name in port_names), None)
        if not told and number.isdigit() and int(number) in port_names.values():
            port = int(number)  # devices without that table (Junos, FortiOS) number by ifIndex
        neighbours.append(
            Neighbour(
                local_port=next((name for name in names if name), number),
                if_index=port,
                remote_chassis=_identity(
                    found["chassis"].get(index),
                    integer(found["chassis_kind"].get(index)) == MAC_CHASSIS,
                ),
                remote_port=_identity(
                    found["port"].get(index), integer(found["port_kind"].get(index)) == MAC_PORT
                ),
                remote_port_descr=text(found["port_descr"].get(index)),
                remote_name=text(found["name"].get(index)),
                remote_descr=text(found["descr"].get(index)),
                remote_addresses=addresses.get(index, []),
            )
        )
    return neighbours


def _identity(value: Value, is_mac: bool) -> str:
    if isinstance(value, bytes) and (
        is_mac or not value.strip(b"\0").decode("utf-8", "replace").isprintable()
    ):
        return value.hex(":") if len(value) == 6 else text(value)
    return text(value)


def _addresses(column: Column) -> dict[str, list[str]]:
    """Management addresses by neighbour: index + address family (1 or 2), length, octets."""
    found: dict[str, list[str]] = {}
    for index in column:
        parts = index.split(".")
        if len(parts) < 6:
            continue
        try:
            numbers = [int(part) for part in parts[3:]]
        except ValueError:
            continue
        address = parse_address(numbers)
        if address is not None:
            found.setdefault(".".join(parts[:3]), []).append(address)
    return found
