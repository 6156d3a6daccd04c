"""Disk traffic from /proc/diskstats, of whole disks: what a partition, LVM, md or multipath
device carries is carried by a disk below it and would count twice."""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from collectors.host.contract import NothingToCollect, Values
from collectors.host.files import read_bytes
from collectors.rates import difference, put, rate, share

SECTOR_BYTES = 512
"""The kernel counts in these whatever the disk's own sectors are (Documentation/block/stat.rst)."""

TICKS_BITS = 32
"""The milliseconds busy are an unsigned int on every kernel: they wrap after 49.7 days."""

STACKED = re.compile(r"(loop|ram|zram|sr|fd|dm-|md|drbd|bcache)\d|nvme\d+c\d+n")
"""What lies on another disk or is none; nvme0c1n1 is one path to the disk nvme0n1."""

PARTITION = re.compile(r"((sd|hd|vd|xvd)[a-z]+\d+|(nvme\d+n\d+|mmcblk\d+|nbd\d+|rbd\d+)p\d+)$")


class Counters(NamedTuple):
    """Since boot: requests completed, sectors moved, milliseconds with a request under way."""

    reads: int
    read_sectors: int
    writes: int
    written_sectors: int
    busy_ms: int


class Disks:
    """The host row sums the disks; its busy share is that of the busiest disk."""

    name = "disks"

    def __init__(self, proc: str, sys: str) -> None:
        self._path = f"{proc}/diskstats"
        self._block = f"{sys}/block"
        self._seen: set[str] = set()
        self._whole: frozenset[str] = frozenset()

    def read(self, now: float) -> dict[str, Counters]:
        counters = parse_diskstats(read_bytes(self._path))
        if counters.keys() != self._seen:
            self._seen = set(counters)
            self._whole = whole_disks(self._seen, read_block_names(self._block))
        whole = {name: each for name, each in counters.items() if name in self._whole}
        if not whole:
            raise NothingToCollect("no disk in /proc/diskstats")
        return whole

    def values(
        self,
        before: dict[str, Counters] | None,
        after: dict[str, Counters],
        seconds: float,
    ) -> Values:
        return total_values(list(self.parts(before, after, seconds).values()))

    def parts(
        self,
        before: dict[str, Counters] | None,
        after: dict[str, Counters],
        seconds: float,
    ) -> dict[str, Values]:
        if before is None:
            return {}
        return {
            f"disk:{name}": disk_values(before[name], counters, seconds)
            for name, counters in after.items()
            if name in before
        }


def read_block_names(path: str) -> frozenset[str] | None:
    """The whole block devices of /sys/block; None where there is no sysfs."""
    try:
        return frozenset(name.replace("!", "/") for name in os.listdir(path))
    except OSError:
        return None


def whole_disks(names: set[str], blocks: frozenset[str] | None) -> frozenset[str]:
    """Which of ``names`` are disks: no partition (by sysfs, else by name), nothing stacked."""
    return frozenset(
        name
        for name in names
        if not STACKED.match(name)
        and (name in blocks if blocks is not None else not PARTITION.match(name))
    )


def parse_diskstats(text: bytes) -> dict[str, Counters]:
    """Every device's counters; raises ValueError on a line of fewer than 14 fields."""
    counters = {}
    for line in text.splitlines():
        fields = line.split(None, 14)
        if len(fields) < 14:
            raise ValueError(f"/proc/diskstats has a line {line[:80]!r}")
        counters[fields[2].decode()] = Counters(
            int(fields[3]), int(fields[5]), int(fields[7]), int(fields[9]), int(fields[12])
        )
    return counters


def disk_values(before: Counters, after: Counters, seconds: float) -> Values:
    """The rates of one disk; nothing where any counter was started again (another disk)."""
    reads = rate(before.reads, after.reads, seconds)
    writes = rate(before.writes, after.writes, seconds)
    read_sectors = rate(before.read_sectors, after.read_sectors, seconds)
    written_sectors = rate(before.written_sectors, after.written_sectors, seconds)
    if reads is None or writes is None or read_sectors is None or written_sectors is None:
        return {}
    values: Values = {
        "disk_read_bytes_s": read_sectors * SECTOR_BYTES,
        "disk_write_bytes_s": written_sectors * SECTOR_BYTES,
        "disk_read_iops": reads,
        "disk_write_iops": writes,
    }
    busy_ms = difference(before.busy_ms, after.busy_ms, TICKS_BITS)
    put(values, "disk_busy_pct", None if busy_ms is None else share(busy_ms, seconds * 1000))
    return values


def total_values(disks: list[Values]) -> Values:
    """The host's disk columns from its disks'; empty where no disk has a rate."""
    total: Values = {}
    for disk in disks:
        for name, value in disk.items():
            if name == "disk_busy_pct":
                total[name] = max(total.get(name, 0.0), value)
            else:
                total[name] = total.get(name, 0.0) + value
    return total
