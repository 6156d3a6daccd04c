"""CPU time of the host from /proc/stat: shares over the interval, and the 5-second maximum."""

from __future__ import annotations

from typing import NamedTuple

from collectors.host.contract import Values
from collectors.host.files import HeldFile, parse_number, read_bytes
from collectors.rates import put, rate, share

SHORTEST_S = 2.5
"""A shorter sub-interval is joined to the next: on 100 Hz ticks its share would be mostly noise."""

FIRST_LINE = 256
"""Bytes that hold the line of all CPUs: ten numbers of up to 20 digits."""


class Times(NamedTuple):
    """USER_HZ ticks since boot, summed over CPUs (proc_stat(5)); guest time lies within user."""

    user: int
    nice: int
    system: int
    idle: int
    iowait: int
    irq: int
    softirq: int
    steal: int


class Stat(NamedTuple):
    """One look at /proc/stat."""

    times: Times
    cpus: int
    switches: int | None


class Snapshot(NamedTuple):
    """``Stat`` and the highest sub-interval since the snapshot before, in percent."""

    stat: Stat
    peak: float | None


class Cpu:
    """Used is everything but idle and iowait; steal counts as used, as the guest asked for it."""

    name = "cpu"

    def __init__(self, proc: str, sys: str) -> None:
        self._path = f"{proc}/stat"
        self._file = HeldFile(self._path)
        self._looks: list[tuple[float, bytes]] = []
        self._earlier: tuple[float, Times] | None = None

    def subsample(self, now: float) -> None:
        # Parsed with all others in ``read``: woken for this alone, every line of Python is dear.
        self._looks.append((now, self._file.look(FIRST_LINE)))

    def read(self, now: float) -> Snapshot:
        looks, self._looks = self._looks, []
        stat = parse_stat(read_bytes(self._path))
        times = [(at, parse_times(text)) for at, text in looks]
        self._earlier, peak = highest_share(self._earlier, [*times, (now, stat.times)])
        return Snapshot(stat, peak)

    def close(self) -> None:
        self._file.close()

    def values(self, before: Snapshot | None, after: Snapshot, seconds: float) -> Values:
        values: Values = {"cpu_count": float(after.stat.cpus)}
        if before is not None:
            values.update(shares(before.stat.times, after.stat.times))
            old, new = before.stat.switches, after.stat.switches
            if old is not None and new is not None:
                put(values, "ctx_switches_s", rate(old, new, seconds))
        average = values.get("cpu_used_pct")
        if average is not None:
            values["cpu_max_pct"] = average if after.peak is None else max(average, after.peak)
        return values


def parse_stat(text: bytes) -> Stat:
    """The sums of /proc/stat; raises ValueError."""
    return Stat(parse_times(text), max(1, text.count(b"\ncpu")), parse_number(text, b"ctxt "))


def parse_times(text: bytes) -> Times:
    """The first line of /proc/stat; raises ValueError. Kernels before 2.6.11 have no steal: 0."""
    fields = text[: text.find(b"\n")].split()
    if len(fields) < 8 or fields[0] != b"cpu":
        raise ValueError("/proc/stat does not begin with the line of all CPUs")
    numbers = [int(field) for field in fields[1:9]]
    return Times._make(numbers + [0] * (8 - len(numbers)))


def highest_share(
    earlier: tuple[float, Times] | None, looks: list[tuple[float, Times]]
) -> tuple[tuple[float, Times] | None, float | None]:
    """The highest used share between looks (instant, times), in percent; None where no two were
    SHORTEST_S apart. Also the look that the next sub-interval begins at."""
    peak: float | None = None
    for now, times in looks:
        if earlier is None:
            earlier = (now, times)
        elif now - earlier[0] >= SHORTEST_S:
            used = shares(earlier[1], times).get("cpu_used_pct")
            earlier = (now, times)
            if used is not None and (peak is None or used > peak):
                peak = used
    return earlier, peak


def shares(before: Times, after: Times) -> Values:
    """Percent of the CPU time between two readings; empty where none passed.

    idle and iowait may go down by a little on live kernels (proc_stat(5)), and everything goes
    down when a CPU is unplugged: a step back counts as nothing.
    """
    grown = Times._make(max(0, new - old) for old, new in zip(before, after, strict=True))
    total = sum(grown)
    values: Values = {}
    put(values, "cpu_used_pct", share(total - grown.idle - grown.iowait, total))
    put(values, "cpu_iowait_pct", share(grown.iowait, total))
    put(values, "cpu_steal_pct", share(grown.steal, total))
    put(values, "cpu_user_pct", share(grown.user + grown.nice, total))
    put(values, "cpu_system_pct", share(grown.system + grown.irq + grown.softirq, total))
    return values
