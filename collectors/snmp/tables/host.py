"""HOST-RESOURCES-MIB (RFC 2790): processors, memory, storage."""

from __future__ import annotations

from ..device import Memory, Processor, Storage
from ..values import decimal, integer, text
from ..walk import Column, Walker

LOAD = "1.3.6.1.2.1.25.3.3.1.2"
STORAGE = "1.3.6.1.2.1.25.2.3.1"
KINDS = "1.3.6.1.2.1.25.2.1."
RAM, VIRTUAL, DISK, RAM_DISK, FLASH = 2, 3, 4, 8, 9
REMOVABLE = (5, 6, 7, 10)


async def read_processors(walker: Walker) -> list[Processor]:
    """hrProcessorLoad, one row a processor."""
    column = await walker.column("hrProcessorTable", LOAD)
    return [
        Processor(oid=f"{LOAD}.{index}", usage_pct=load)
        for index, value in column.items()
        if (load := decimal(value)) is not None and 0 <= load <= 100
    ]


async def read_storage(walker: Walker) -> tuple[list[Memory], list[Storage]]:
    """hrStorageTable, split into memory and disks."""
    found = await walker.columns(
        "hrStorageTable",
        {
            "kind": f"{STORAGE}.2",
            "unit": f"{STORAGE}.4",
            "size": f"{STORAGE}.5",
            "used": f"{STORAGE}.6",
        },
        {"descr": f"{STORAGE}.3"},
    )
    return parse_storage(found)


def parse_storage(found: dict[str, Column]) -> tuple[list[Memory], list[Storage]]:
    """Memory and disks in bytes.

    Linux counts buffers and cache as used; the first memory is shown without them (and with
    shared memory), which is what ``free`` calls used.
    """
    memory: list[Memory] = []
    disks: list[Storage] = []
    for index, value in found["size"].items():
        unit = integer(found["unit"].get(index)) or 0
        total, used = _size(integer(value), unit), _size(integer(found["used"].get(index)), unit)
        if not total or used is None:
            continue
        name = text(found["descr"].get(index))
        number = _kind(text(found["kind"].get(index)))
        if number in (DISK, FLASH):
            disks.append(Storage(index=index, name=name, used_bytes=used, total_bytes=total))
        elif kind := _memory_kind(number, name):
            memory.append(
                Memory(index=index, kind=kind, name=name, used_bytes=used, total_bytes=total)
            )
    _without_cache(memory)
    for one in memory:
        if one.total_bytes and one.used_bytes is not None:
            one.used_pct = round(100 * one.used_bytes / one.total_bytes, 2)
    return memory, disks


def _size(number: int | None, unit: int) -> int | None:
    if number is None or unit <= 0:
        return None
    if number < 0:  # INTEGER of 32 bits that should have been unsigned
        number += 1 << 32
    return number * unit


def _kind(oid: str) -> int:
    last = oid.rpartition(".")[2]
    return int(last) if oid.lstrip(".").startswith(KINDS) and last.isdigit() else 0


def _memory_kind(number: int, name: str) -> str:
    """``system``, ``virtual``, ``swap``, ``buffers``, ``cached``, ``shared``; "" if a disk."""
    lower = name.lower()
    if number in REMOVABLE:
        return ""
    for word, kind in (("buffer", "buffers"), ("cache", "cached"), ("shared", "shared")):
        if word in lower and "/" not in lower:
            return kind
    if "swap" in lower and "/" not in lower:
        return "swap"
    if number == RAM:
        return "system"
    if number in (VIRTUAL, RAM_DISK):
        return "virtual"
    return ""


def _without_cache(memory: list[Memory]) -> None:
    system = next((one for one in memory if one.kind == "system"), None)
    if system is None or system.used_bytes is None:
        return
    for one in memory:  # net-snmp gives these their own use as size
        if one.kind in ("buffers", "cached", "shared") and one.total_bytes == one.used_bytes:
            one.total_bytes = system.total_bytes
    spare = sum(
        next((one.used_bytes or 0 for one in memory if one.kind == kind), 0)
        for kind in ("buffers", "cached")
    )
    if 0 < spare <= system.used_bytes:
        system.used_bytes -= spare
