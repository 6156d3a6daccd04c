"""The same collectors with psutil alone, for where there is no /proc: Windows Server.

Tested by forcing it on Linux; nobody has run it on Windows yet. psutil has no IPv4/IPv6 split, no
inodes, no retransmissions and (on Windows) no iowait, steal or cache: those columns stay empty.
"""

from __future__ import annotations

import os
import time
from typing import Any, NamedTuple

import psutil

from collectors.host.contract import NothingToCollect, Values
from collectors.rates import put, rate, share

SHORTEST_S = 2.5
"""As in collectors.host.linux.cpu: a shorter sub-interval's share would be mostly noise."""

VIRTUAL = ("lo", "veth", "docker", "br-", "virbr", "loopback", "vethernet", "isatap", "teredo")
"""Interfaces that carry what a card below them carries; psutil tells them by name only."""

BITS = 64
"""psutil reads 64-bit counters on Windows (GetIfEntry2, IOCTL_DISK_PERFORMANCE)."""


class Cpu:
    """Used is everything but idle and iowait."""

    name = "cpu"

    def __init__(self) -> None:
        self._peak: float | None = None
        self._earlier: tuple[float, dict[str, float]] | None = None

    def subsample(self, now: float) -> None:
        self._look(now, read_cpu_times())

    def read(self, now: float) -> tuple[dict[str, float], float | None, int, int]:
        times = read_cpu_times()
        self._look(now, times)
        peak, self._peak = self._peak, None
        return times, peak, psutil.cpu_count() or 1, psutil.cpu_stats().ctx_switches

    def values(self, before: Any | None, after: Any, seconds: float) -> Values:
        times, peak, cpus, switches = after
        values: Values = {"cpu_count": float(cpus)}
        if before is not None:
            values.update(cpu_shares(before[0], times))
            put(values, "ctx_switches_s", rate(before[3], switches, seconds, 32))
        average = values.get("cpu_used_pct")
        if average is not None:
            values["cpu_max_pct"] = average if peak is None else max(average, peak)
        return values

    def _look(self, now: float, times: dict[str, float]) -> None:
        if self._earlier is None:
            self._earlier = (now, times)
        elif now - self._earlier[0] >= SHORTEST_S:
            used = cpu_shares(self._earlier[1], times).get("cpu_used_pct")
            self._earlier = (now, times)
            if used is not None and (self._peak is None or used > self._peak):
                self._peak = used


class Memory:
    """Used is total less available, on every platform."""

    name = "memory"

    def read(self, now: float) -> tuple[Any, Any]:
        return psutil.virtual_memory(), psutil.swap_memory()

    def values(self, before: Any | None, after: Any, seconds: float) -> Values:
        memory, swap = after
        used = memory.total - memory.available
        values: Values = {
            "mem_total_bytes": float(memory.total),
            "mem_available_bytes": float(memory.available),
            "mem_used_bytes": float(used),
            "swap_total_bytes": float(swap.total),
            "swap_used_bytes": float(swap.used),
        }
        put(values, "mem_used_pct", share(used, memory.total))
        if hasattr(memory, "cached"):
            values["mem_cached_bytes"] = float(memory.cached)
        if before is not None and os.name == "posix":  # psutil has 0 for both on Windows
            put(values, "swap_in_bytes_s", rate(before[1].sin, swap.sin, seconds))
            put(values, "swap_out_bytes_s", rate(before[1].sout, swap.sout, seconds))
        return values


class Filesystems:
    """Physical partitions, a device once, as psutil lists them."""

    name = "filesystems"

    def read(self, now: float) -> dict[str, Any]:
        found: dict[str, Any] = {}
        devices: set[str] = set()
        for partition in psutil.disk_partitions(all=False):
            # An empty CD drive of Windows is a partition without a file system.
            if partition.device in devices or not partition.fstype or "cdrom" in partition.opts:
                continue
            try:
                usage = psutil.disk_usage(partition.mountpoint)
            except OSError:
                continue
            if usage.total:
                devices.add(partition.device)
                found[partition.mountpoint] = usage
        if not found:
            raise NothingToCollect("no local file system")
        return found

    def values(self, before: object, after: dict[str, Any], seconds: float) -> Values:
        used = sum(usage.used for usage in after.values())
        free = sum(usage.free for usage in after.values())
        return usage_values(used, sum(usage.total for usage in after.values()), free)

    def parts(self, before: object, after: dict[str, Any], seconds: float) -> dict[str, Values]:
        return {
            f"fs:{point}": usage_values(usage.used, usage.total, usage.free)
            for point, usage in after.items()
        }


class DiskCounters(NamedTuple):
    """The part of psutil's counters that every platform has, and busy time where it has it."""

    reads: int
    writes: int
    read_bytes: int
    write_bytes: int
    busy_ms: int | None


class Disks:
    """The host row sums psutil's whole disks; its busy share is that of the busiest."""

    name = "disks"

    def read(self, now: float) -> DiskCounters:
        total = psutil.disk_io_counters(perdisk=False, nowrap=False)
        if total is None:
            raise NothingToCollect("no disk counters (on Windows: diskperf -y)")
        busy = getattr(total, "busy_time", None)
        return DiskCounters(
            total.read_count, total.write_count, total.read_bytes, total.write_bytes, busy
        )

    def values(self, before: DiskCounters | None, after: DiskCounters, seconds: float) -> Values:
        values: Values = {}
        if before is None:
            return values
        for name, old, new in (
            ("disk_read_iops", before.reads, after.reads),
            ("disk_write_iops", before.writes, after.writes),
            ("disk_read_bytes_s", before.read_bytes, after.read_bytes),
            ("disk_write_bytes_s", before.write_bytes, after.write_bytes),
        ):
            put(values, name, rate(old, new, seconds, BITS))
        if before.busy_ms is not None and after.busy_ms is not None:
            busy_ms = rate(before.busy_ms, after.busy_ms, seconds, BITS)
            put(values, "disk_busy_pct", None if busy_ms is None else share(busy_ms, 1000))
        return values


class Network:
    """Cards by name, without what psutil's names show to be virtual."""

    name = "network"

    def read(self, now: float) -> dict[str, Any]:
        every = psutil.net_io_counters(pernic=True, nowrap=False)
        cards = {n: c for n, c in every.items() if not n.lower().startswith(VIRTUAL)}
        if not cards:
            raise NothingToCollect("no network card")
        return cards

    def values(
        self, before: dict[str, Any] | None, after: dict[str, Any], seconds: float
    ) -> Values:
        total: Values = {}
        for card in self.parts(before, after, seconds).values():
            for name, value in card.items():
                total[name] = total.get(name, 0.0) + value
        return total

    def parts(
        self, before: dict[str, Any] | None, after: dict[str, Any], seconds: float
    ) -> dict[str, Values]:
        earlier = before or {}
        return {
            f"nic:{name}": card_values(earlier[name], card, seconds)
            for name, card in after.items()
            if name in earlier
        }


class Tcp:
    """Sockets by state; on Windows those of other users need no rights to be counted."""

    name = "tcp"

    def read(self, now: float) -> Values:
        states = [connection.status for connection in psutil.net_connections(kind="tcp")]
        return {
            "tcp_established": float(states.count(psutil.CONN_ESTABLISHED)),
            "tcp_listen": float(states.count(psutil.CONN_LISTEN)),
            "tcp_time_wait": float(states.count(psutil.CONN_TIME_WAIT)),
        }

    def values(self, before: object, after: Values, seconds: float) -> Values:
        return after


class System:
    """Load (psutil imitates it on Windows from the processor queue), processes, uptime."""

    name = "uptime"

    def __init__(self) -> None:
        self._booted: float | None = None

    def read(self, now: float) -> float:
        # Counted on from the first look by the monotonic clock: a wall clock set back must not
        # look like a restart.
        if self._booted is None:
            self._booted = now - (time.time() - psutil.boot_time())
        return now - self._booted

    def values(self, before: object, after: float, seconds: float) -> Values:
        load1, load5, load15 = psutil.getloadavg()
        return {
            "load1": load1,
            "load5": load5,
            "load15": load15,
            "processes": float(len(psutil.pids())),
            "uptime_s": after,
        }


PORTABLE = (Cpu, Memory, Filesystems, Disks, Network, Tcp, System)
"""Every collector of this file; each is made without arguments."""


def read_cpu_times() -> dict[str, float]:
    """Seconds since boot by psutil's field names; guest time is part of user and left out."""
    times = psutil.cpu_times()._asdict()
    return {name: value for name, value in times.items() if not name.startswith("guest")}


def cpu_shares(before: dict[str, float], after: dict[str, float]) -> Values:
    """As collectors.host.linux.cpu.shares, of the fields this platform has."""
    grown = {name: max(0.0, value - before.get(name, 0.0)) for name, value in after.items()}
    if os.name == "nt":  # there interrupt and dpc time are part of system time as well
        grown.pop("interrupt", None)
        grown.pop("dpc", None)
    total = sum(grown.values())
    idle = grown.get("idle", 0.0) + grown.get("iowait", 0.0)
    values: Values = {}
    put(values, "cpu_used_pct", share(total - idle, total))
    put(values, "cpu_user_pct", share(grown.get("user", 0.0) + grown.get("nice", 0.0), total))
    kernel = grown.get("system", 0.0) + grown.get("irq", 0.0) + grown.get("softirq", 0.0)
    put(values, "cpu_system_pct", share(kernel, total))
    for field in ("iowait", "steal"):
        if field in grown:
            put(values, f"cpu_{field}_pct", share(grown[field], total))
    return values


def usage_values(used: int, total: int, free: int) -> Values:
    """The storage columns; the share is of what users may fill."""
    values: Values = {"disk_used_bytes": float(used), "disk_total_bytes": float(total)}
    put(values, "disk_used_pct", share(used, used + free))
    return values


def card_values(before: Any, after: Any, seconds: float) -> Values:
    """The rates of one card; nothing where any counter was started again (another card)."""
    values: Values = {}
    for name, old, new in (
        ("net_rx_bytes_s", before.bytes_recv, after.bytes_recv),
        ("net_tx_bytes_s", before.bytes_sent, after.bytes_sent),
        ("net_rx_packets_s", before.packets_recv, after.packets_recv),
        ("net_tx_packets_s", before.packets_sent, after.packets_sent),
        ("net_errors_s", before.errin + before.errout, after.errin + after.errout),
        ("net_drops_s", before.dropin + before.dropout, after.dropin + after.dropout),
    ):
        per_second = rate(old, new, seconds, BITS)
        if per_second is None:
            return {}
        values[name] = per_second
    return values
