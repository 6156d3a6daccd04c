"""A device's processors and memory by its profile, else by HOST-RESOURCES-MIB."""

from __future__ import annotations

import ipaddress

from .device import IpAddress, Memory, Processor, Storage
from .profile import MemoryRule, ProcessorRule, Profile, Where
from .tables import host
from .values import Value, decimal, integer, size
from .walk import TEXTS_AT_ONCE, Column, Walker

TABLE = "vendor"


class Columns:
    """Columns of one poll, each read once however many rules name it."""

    def __init__(self, walker: Walker) -> None:
        self._walker = walker
        self._read: dict[str, Column] = {}

    async def get(self, oid: str) -> Column:
        """The column ``oid``; {} for ""."""
        if oid and oid not in self._read:
            self._read[oid] = await self._walker.column(TABLE, oid)
        return self._read.get(oid, {})


async def read_processors(walker: Walker, profile: Profile) -> list[Processor]:
    """Processors by the profile's rules, in their order."""
    columns = Columns(walker)
    found: list[Processor] = []
    for rule in profile.processors:
        if found and not rule.also:
            continue
        rows = await _kept(columns, rule.where, await columns.get(rule.oid))
        found += parse_processors(rule, rows)
    return found or await host.read_processors(walker)


def parse_processors(rule: ProcessorRule, rows: Column) -> list[Processor]:
    """Percentages 0 to 100; what lies outside is no processor's use."""
    found = []
    for index, value in rows.items():
        number = decimal(value)
        if number is None or (rule.nonzero and not number):
            continue
        used = round(number / rule.divide, 2)
        used = 100 - used if rule.complement else used
        if 0 <= used <= 100:
            found.append(Processor(oid=f"{rule.oid}.{index}", usage_pct=used))
    return found


async def read_memory(
    walker: Walker, profile: Profile, disks: bool
) -> tuple[list[Memory], list[Storage]]:
    """Memory by the profile's rules, else hrStorageTable; that table's disks if wanted."""
    columns = Columns(walker)
    found: list[Memory] = []
    for rule in profile.memory:
        if found and not rule.also:
            continue
        needed = [rule.used, rule.free, rule.percent, *(total.oid for total in rule.total)]
        read = {oid: await columns.get(oid) for oid in needed if oid}
        first = next((read[oid] for oid in needed if oid and read[oid]), {})
        rows = await _kept(columns, rule.where, first)
        found += parse_memory(rule, read, list(rows))
    if found and not disks:
        return found, []
    memory, storage = await host.read_storage(walker)
    return found or memory, storage


async def read_addresses(walker: Walker, profile: Profile) -> list[IpAddress]:
    """Addresses that only the vendor's own table tells."""
    found = []
    for rule in profile.addresses:
        ports = await walker.column(TABLE, rule.port)
        octets = await walker.column(TABLE, rule.address, TEXTS_AT_ONCE) if ports else {}
        lengths = await walker.column(TABLE, rule.prefix) if octets and rule.prefix else {}
        for index, value in octets.items():
            port = integer(ports.get(index))
            if port is not None and isinstance(value, bytes) and len(value) in (4, 16):
                found.append(
                    IpAddress(
                        if_index=port,
                        address=str(ipaddress.ip_address(value)),
                        prefix_length=integer(lengths.get(index)) or 0,
                    )
                )
    return found


async def _kept(columns: Columns, wheres: tuple[Where, ...], rows: Column) -> Column:
    for where in wheres:
        if rows:
            other = await columns.get(where.oid)
            rows = {index: value for index, value in rows.items() if fits(where, other.get(index))}
    return rows


def fits(where: Where, value: Value) -> bool:
    """Whether the value of the other column keeps the row."""
    number = integer(value)
    if number is None:
        return False
    if where.equals is not None and number != where.equals:
        return False
    return where.above is None or number > where.above


def parse_memory(rule: MemoryRule, read: dict[str, Column], rows: list[str]) -> list[Memory]:
    """One Memory a row; bytes where they are told or follow, else the percentage alone."""
    found = []
    for index in rows:
        percent = decimal(read.get(rule.percent, {}).get(index))
        percent = None if percent is None else round(percent / rule.divide, 2)
        used = _bytes(read.get(rule.used, {}).get(index), rule.unit)
        free = _bytes(read.get(rule.free, {}).get(index), rule.unit)
        total = _total(rule, read, index)
        if total is None and used is not None and free is not None:
            total = used + free
        if used is None and total is not None and free is not None:
            used = total - free
        if used is None and total is not None and percent is not None:
            used = round(total * percent / 100)
        if percent is None and used is not None and total:
            percent = round(100 * used / total, 2)
        if (rule.sized and not total) or (rule.nonzero and not percent):
            continue
        if percent is None or not 0 <= percent <= 100:
            continue
        found.append(
            Memory(
                index=index, kind=rule.kind, used_bytes=used, total_bytes=total, used_pct=percent
            )
        )
    return found


def _total(rule: MemoryRule, read: dict[str, Column], index: str) -> int | None:
    for one in rule.total:
        total = _bytes(read.get(one.oid, {}).get(index), one.unit)
        if total:
            return total
    return rule.total_bytes or None


def _bytes(value: Value, unit: int) -> int | None:
    """Bytes; a negative INTEGER is an unsigned one of 32 bits, -1 one that did not fit."""
    if isinstance(value, int) and value < 0:
        return None if value == -1 or value < -(1 << 31) else (value + (1 << 32)) * unit
    return size(value, unit)
