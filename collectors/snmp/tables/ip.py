"""IP-MIB (RFC 4293 and its elders): addresses, counters per IP version, forwarding, routes."""

from __future__ import annotations

import ipaddress

from ..device import IpAddress, IpVersionCounters
from ..values import Value, counter, integer
from ..walk import Column, Walker

ADDRESS = "1.3.6.1.2.1.4.34.1"
OLD_V4 = "1.3.6.1.2.1.4.20.1"
OLD_V6 = "1.3.6.1.2.1.55.1.8.1"
SYSTEM_STATS = "1.3.6.1.2.1.4.31.1.1"
IF_STATS = "1.3.6.1.2.1.4.31.3.1"
FORWARDING = ("1.3.6.1.2.1.4.25.0", "1.3.6.1.2.1.55.1.1.0")
ROUTES = ("1.3.6.1.2.1.4.24.6.0", "1.3.6.1.2.1.4.24.3.0")
"""inetCidrRouteNumber, and ipCidrRouteNumber of older devices."""
COUNTERS = {
    "in_packets": (4, 3),
    "out_packets": (31, 30, 21, 20),
    "in_octets": (6, 5),
    "out_octets": (33, 32),
}
"""Columns in order of preference (64 bits, 32 bits), the same in both statistics tables.

Packets sent are OutTransmits, which counts forwarded ones; where it is missing, OutRequests.
"""
BROADCAST = 3
"""ipAddressType of a row that is no address of the device."""
FAMILIES = {1: 4, 2: 16, 3: 8, 4: 20}
"""InetAddressType -> octets (RFC 4001): IPv4, IPv6, and both with a zone."""


async def read_addresses(walker: Walker) -> list[IpAddress]:
    """The device's own addresses from the new table and, where it is short, the old ones."""
    ports = await walker.column("ipAddressTable", f"{ADDRESS}.3")
    prefixes, kinds = {}, {}
    if ports:
        prefixes = await walker.column("ipAddressTable", f"{ADDRESS}.5")
        kinds = await walker.column("ipAddressTable", f"{ADDRESS}.4")
    ports = {i: port for i, port in ports.items() if integer(kinds.get(i)) != BROADCAST}
    found = parse_addresses(ports, prefixes)
    if not any("." in one.address for one in found):
        old = await walker.column("ipAddrTable", f"{OLD_V4}.2")
        masks = await walker.column("ipAddrTable", f"{OLD_V4}.3") if old else {}
        found += parse_old_v4(old, masks)
    # Some (Junos) keep a part of their IPv6 addresses in the old table only.
    lengths = await walker.column("ipv6AddrTable", f"{OLD_V6}.2")
    return united(found, parse_old_v6(lengths))


def united(found: list[IpAddress], more: list[IpAddress]) -> list[IpAddress]:
    """Both, an address on a port once. Link-local addresses may be the same on several ports."""
    known = {(one.if_index, one.address) for one in found}
    return found + [one for one in more if (one.if_index, one.address) not in known]


def parse_address(index: list[int]) -> str | None:
    """An InetAddressType.InetAddress index, with or without its length octet; None if broken."""
    if not index or index[0] not in FAMILIES:
        return None
    octets = FAMILIES[index[0]]
    rest = index[1:]
    if len(rest) == octets + 1 and rest[0] == octets:
        rest = rest[1:]
    if len(rest) != octets or any(not 0 <= one < 256 for one in rest):
        return None
    length = 4 if index[0] in (1, 3) else 16
    return str(ipaddress.ip_address(bytes(rest[:length])))


def parse_addresses(ports: Column, prefixes: Column) -> list[IpAddress]:
    """ipAddressTable; the prefix length is the last number of the ipAddressPrefix pointer."""
    found = []
    for index, value in ports.items():
        address = parse_address(_numbers(index))
        port = integer(value)
        if address is None or port is None:
            continue
        longest = ipaddress.ip_address(address).max_prefixlen
        found.append(
            IpAddress(
                if_index=port,
                address=address,
                prefix_length=_prefix_length(prefixes.get(index), longest),
            )
        )
    return found


def _prefix_length(pointer: Value, longest: int) -> int:
    if not isinstance(pointer, str):
        return 0
    last = pointer.rpartition(".")[2]
    length = int(last) if last.isdigit() else 0
    return length if pointer.count(".") > 8 and length <= longest else 0


def parse_old_v4(ports: Column, masks: Column) -> list[IpAddress]:
    """ipAddrTable: the index is the address itself."""
    found = []
    for index, value in ports.items():
        port = integer(value)
        try:
            address = str(ipaddress.IPv4Address(index))
        except ValueError:
            continue
        if port is not None:
            found.append(
                IpAddress(if_index=port, address=address, prefix_length=_mask(masks.get(index)))
            )
    return found


def _mask(mask: Value) -> int:
    try:
        return ipaddress.IPv4Network(f"0.0.0.0/{mask}").prefixlen if isinstance(mask, str) else 0
    except ValueError:
        return 0


def parse_old_v6(lengths: Column) -> list[IpAddress]:
    """ipv6AddrTable: index ifIndex and 16 octets, in some devices with a length before them."""
    found = []
    for index, value in lengths.items():
        numbers = _numbers(index)
        address = parse_address([2, *numbers[1:]])
        if address is not None:
            length = integer(value) or 0
            found.append(
                IpAddress(
                    if_index=numbers[0],
                    address=address,
                    prefix_length=length if 0 < length <= 128 else 0,
                )
            )
    return found


def _numbers(index: str) -> list[int]:
    try:
        return [int(part) for part in index.split(".")]
    except ValueError:
        return []


async def read_version_counters(walker: Walker) -> list[IpVersionCounters]:
    """ipSystemStatsTable, then ipIfStatsTable: packets and octets by IP version."""
    found = []
    for table, base in (("ipSystemStatsTable", SYSTEM_STATS), ("ipIfStatsTable", IF_STATS)):
        columns: dict[str, Column] = {}
        for name, choices in COUNTERS.items():
            columns[name] = await _first(walker, table, [f"{base}.{one}" for one in choices])
            if name == "out_packets" and not any(columns.values()):
                break  # the table is not there; some Huawei gear has its outgoing half only
        found += parse_version_counters(columns)
    return found


async def _first(walker: Walker, table: str, oids: list[str]) -> Column:
    for oid in oids:
        found = await walker.column(table, oid)
        if found:
            return found
    return {}


def parse_version_counters(columns: dict[str, Column]) -> list[IpVersionCounters]:
    """Index 1 or 2 (IPv4, IPv6) of the system, or version.ifIndex of a port."""
    rows: dict[str, IpVersionCounters] = {}
    for name, column in columns.items():
        for index, value in column.items():
            numbers = _numbers(index)
            version = {1: 4, 2: 6}.get(numbers[0]) if numbers else None
            number = counter(value)
            if version is None or number is None or len(numbers) > 2:
                continue
            port = numbers[1] if len(numbers) == 2 else None
            row = rows.setdefault(index, IpVersionCounters(version=version, if_index=port))
            setattr(row, name, number)
    return list(rows.values())


async def read_forwarding(walker: Walker) -> tuple[bool | None, int | None]:
    """Whether IPv6 is forwarded (None: not told) and how many routes there are."""
    told = await walker.get("ip", [*FORWARDING, *ROUTES])
    modes = {integer(told.get(oid)) for oid in FORWARDING}
    forwarding = True if 1 in modes else False if 2 in modes else None
    routes = next((n for oid in ROUTES if (n := integer(told.get(oid))) is not None), None)
    return forwarding, routes
