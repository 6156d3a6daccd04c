"""Memory and swap from /proc/meminfo, averaged over a few looks an interval."""

from __future__ import annotations

import os
from typing import NamedTuple

from collectors.host.contract import Values
from collectors.host.files import HeldFile, parse_number, read_bytes
from collectors.rates import put, rate, share

LOOK_EVERY = 3
"""Of so many sub-samples one: the CPU's peak needs them all, levels move more slowly."""

MOST_BYTES = 4_096
"""More than any meminfo: 1,503 bytes on Linux 6.18."""


class Levels(NamedTuple):
    """Bytes (means over the looks taken, hence floats)."""

    total: float
    available: float
    cached: float
    swap_total: float
    swap_free: float


class Snapshot(NamedTuple):
    """Mean levels since the snapshot before, and pages swapped since boot."""

    levels: Levels
    pages_in: int | None
    pages_out: int | None


class Memory:
    """Used is total less available (as ``free`` and psutil count it); caches are not use."""

    name = "memory"

    def __init__(
        self,
        proc: str,
        sys: str,
        page_bytes: int = 0,
    ) -> None:
        self._meminfo, self._vmstat = f"{proc}/meminfo", f"{proc}/vmstat"
        self._page_bytes = page_bytes or system_page_bytes()
        self._file = HeldFile(self._meminfo)
        self._looks: list[bytes] = []
        self._asked = 0

    def subsample(self, now: float) -> None:
        self._asked += 1
        if self._asked % LOOK_EVERY == 0:
            self._looks.append(self._file.look(MOST_BYTES))

    def read(self, now: float) -> Snapshot:
        texts, self._looks, self._asked = [*self._looks, read_bytes(self._meminfo)], [], 0
        looks = [parse_meminfo(text) for text in texts]
        try:
            vmstat = read_bytes(self._vmstat)
        except FileNotFoundError:  # LXC and gVisor may have none
            vmstat = b""
        return Snapshot(
            mean_levels(looks), parse_number(vmstat, b"pswpin "), parse_number(vmstat, b"pswpout ")
        )

    def close(self) -> None:
        self._file.close()

    def values(self, before: Snapshot | None, after: Snapshot, seconds: float) -> Values:
        return memory_values(before, after, seconds, self._page_bytes)


def system_page_bytes() -> int:
    """4,096 on x86; 65,536 on some Kunpeng and 16,384 on Loongson kernels."""
    return os.sysconf("SC_PAGE_SIZE")


def parse_meminfo(text: bytes) -> Levels:
    """Levels in bytes; raises ValueError without MemTotal.

    Kernels before 3.14 (CentOS 6) have no MemAvailable: free and caches stand in for it.
    """
    total = parse_number(text, b"MemTotal:")
    if not total:
        raise ValueError("/proc/meminfo has no MemTotal")
    cached = kib(text, b"Cached:") + kib(text, b"SReclaimable:")
    available = parse_number(text, b"MemAvailable:")
    if available is None:
        free = kib(text, b"MemFree:") + kib(text, b"Buffers:") + cached - kib(text, b"Shmem:")
        available = max(0, free)
    return Levels(
        total * 1024.0,
        min(available, total) * 1024.0,
        cached * 1024.0,
        kib(text, b"SwapTotal:") * 1024.0,
        kib(text, b"SwapFree:") * 1024.0,
    )


def kib(text: bytes, name: bytes) -> int:
    """One level of meminfo; 0 where this kernel has none."""
    return parse_number(text, name) or 0


def mean_levels(looks: list[Levels]) -> Levels:
    """The mean of at least one look; the totals are the latest, as memory can be added live."""
    used = Levels._make(sum(column) / len(looks) for column in zip(*looks, strict=True))
    last = looks[-1]
    return used._replace(total=last.total, swap_total=last.swap_total)


def memory_values(
    before: Snapshot | None, after: Snapshot, seconds: float, page_bytes: int
) -> Values:
    """The memory and swap columns; a host without swap has 0 of 0, not a gap."""
    levels = after.levels
    used = max(0.0, levels.total - levels.available)
    values: Values = {
        "mem_total_bytes": levels.total,
        "mem_available_bytes": levels.available,
        "mem_used_bytes": used,
        "mem_cached_bytes": levels.cached,
        "swap_total_bytes": levels.swap_total,
        "swap_used_bytes": max(0.0, levels.swap_total - levels.swap_free),
    }
    put(values, "mem_used_pct", share(used, levels.total))
    if before is not None:
        for name, old, new in (
            ("swap_in_bytes_s", before.pages_in, after.pages_in),
            ("swap_out_bytes_s", before.pages_out, after.pages_out),
        ):
            if old is not None and new is not None:
                pages = rate(old, new, seconds)
                put(values, name, None if pages is None else pages * page_bytes)
    return values
