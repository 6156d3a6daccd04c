"""The published rules, computed plainly and on their own: written from their words, in loops over a
machine's own list of rows, knowing nothing of policies, figures or SQL.

A machine's rows are (second, CPU %, memory bytes, bytes/s in, bytes/s out, disk bytes/s), one for
each five minutes, in order of time. Days are 24 hours counted back from the moment of judgement.
"""

from __future__ import annotations

import datetime
import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

DAY = 86_400
MB = 1 << 20
SIZES = sorted(
    (float(cores), float(cores * ratio) * (1 << 30))
    for cores, ratios in (
        (1, (1, 2, 4)),
        (2, (1, 2, 4, 8)),
        (4, (1, 2, 4, 8)),
        (8, (1, 2, 4, 8)),
        (16, (1, 2, 4, 8)),
        (32, (1, 2, 4, 8)),
        (64, (1, 2, 4, 8)),
    )
    for ratio in ratios
)


class Row(NamedTuple):
    at: int
    cpu: float
    mem: float
    rx: float
    tx: float
    disk: float


@dataclass
class Machine:
    cores: float
    mem: float
    line: float | None
    """Bytes a second."""
    rows: list[Row]

    def last(self, days: int, now: int) -> list[Row]:
        first = bisect_left(self.rows, now - days * DAY, key=lambda row: row.at)
        return self.rows[first : bisect_left(self.rows, now, key=lambda row: row.at)]


def rank(values: list[float], percent: float) -> float:
    """Nearest rank, in whole numbers so that no float decides."""
    ordered = sorted(values)
    per_mille = round(percent * 10)
    return ordered[max(1, -(-per_mille * len(ordered) // 1000)) - 1]


def average(values: list[float]) -> float:
    return math.fsum(values) / len(values)


def by_day(rows: list[Row], now: int) -> list[list[Row]]:
    days: dict[int, list[Row]] = {}
    for row in rows:
        days.setdefault((now - 1 - row.at) // DAY, []).append(row)
    return list(days.values())


def volume(rows: list[Row], of: Callable[[Row], float]) -> float:
    """Bytes that went through in these rows."""
    return math.fsum(of(row) * 300 for row in rows)


def both(row: Row) -> float:
    return row.rx + row.tx


def share(rows: list[Row], holds: Callable[[Row], bool]) -> float:
    return sum(1 for row in rows if holds(row)) / len(rows)


def quiet_days(m: Machine, now: int, cpu: float, megabytes: float) -> int:
    """Of the last 14, with CPU on average at most ``cpu`` and at most ``megabytes`` of traffic."""
    return sum(
        1
        for day in by_day(m.last(14, now), now)
        if average([row.cpu for row in day]) <= cpu and volume(day, both) <= megabytes * MB
    )


def peak_and_traffic(m: Machine, now: int) -> str:
    """AWS Compute Optimizer: peak CPU below 5 % and network below 5 MB a day, 14 days."""
    rows = m.last(14, now)
    quiet = all(volume(day, both) < 5 * MB for day in by_day(rows, now))
    return "idle" if max(row.cpu for row in rows) < 5 and quiet else "in_use"


def low_days(cpu: float, megabytes: float) -> Callable[[Machine, int], str]:
    """AWS Trusted Advisor, Azure 2019: at least 4 of the last 14 days."""
    return lambda m, now: "idle" if quiet_days(m, now, cpu, megabytes) >= 4 else "in_use"


def google(m: Machine, now: int) -> str:
    """Below 0.03 vCPU for 97 % of the time, received below 2000 B/s and sent below 1000 B/s for
    95 % of it, 14 days."""
    rows = m.last(14, now)
    return (
        "idle"
        if share(rows, lambda r: r.cpu / 100 * m.cores < 0.03) >= 0.97
        and share(rows, lambda r: r.rx < 2000) >= 0.95
        and share(rows, lambda r: r.tx < 1000) >= 0.95
        else "in_use"
    )


def huawei(m: Machine, now: int) -> str:
    """CPU at most 3 % in all samples of 7 days."""
    return "idle" if all(row.cpu <= 3 for row in m.last(7, now)) else "in_use"


def azure_shutdown(m: Machine, now: int) -> str:
    """P95 of the maxima of 30 minutes below 3 %, highest of 3 days at most 2 %, outbound network
    below 2 % of the line over 7 days."""
    bins: dict[int, float] = {}
    for row in m.last(7, now):
        bins[row.at // 1800] = max(bins.get(row.at // 1800, 0.0), row.cpu)
    busy = rank(list(bins.values()), 95) >= 3 or max(r.cpu for r in m.last(3, now)) > 2
    if m.line is None:
        return "in_use" if busy else "undetermined"
    out = max(100 * row.tx / m.line for row in m.last(7, now))
    return "in_use" if busy or out >= 2 else "idle"


def strict(m: Machine, now: int) -> str:
    """P95 below 3 % and network out below 2 % of the line over 14 days, highest of 3 days 2 %."""
    busy = rank([r.cpu for r in m.last(14, now)], 95) >= 3
    busy |= max(r.cpu for r in m.last(3, now)) > 2
    if m.line is None:
        return "in_use" if busy else "undetermined"
    out = max(100 * row.tx / m.line for row in m.last(14, now))
    return "in_use" if busy or out >= 2 else "idle"


def smaller(m: Machine) -> list[tuple[float, float]]:
    return [
        (cores, mem)
        for cores, mem in SIZES
        if cores <= m.cores and mem <= m.mem * 1.02 and (cores < m.cores or mem < m.mem * 0.98)
    ]


def azure_resize(most: float, most_mem: float) -> Callable[[Machine, int], str]:
    """On the new size P95 of CPU and of outbound network at most ``most``, memory ``most_mem``."""

    def judge(m: Machine, now: int) -> str:
        rows = m.last(7, now)
        if m.line is None:
            return "undetermined"
        cpu = rank([r.cpu for r in rows], 95)
        out = rank([100 * r.tx / float(m.line or 0) for r in rows], 95)
        mem = max(r.mem for r in rows)
        fits = any(
            cpu * m.cores / cores <= most and 100 * mem / size <= most_mem and out <= most
            for cores, size in smaller(m)
        )
        return "oversized" if fits else "in_use"

    return judge


def oracle_cloud(low: float, projected: float) -> Callable[[Machine, int], str]:
    """Average CPU below ``low``, memory below 10 %, network below 3 % of the line; the new size
    keeps projected CPU below ``projected``."""

    def judge(m: Machine, now: int) -> str:
        rows = m.last(14, now)
        cpu = average([r.cpu for r in rows])
        busy = cpu >= low or max(100 * r.mem / m.mem for r in rows) >= 10
        fits = any(cpu * m.cores / cores < projected for cores, _ in smaller(m))
        if busy or not fits:
            return "in_use"
        if m.line is None:
            return "undetermined"
        top = max(100 * max(r.rx, r.tx) / m.line for r in rows)
        return "in_use" if top >= 3 else "oversized"

    return judge


def free_reclaim(m: Machine, now: int) -> str:
    """P95 of CPU below 20 % and of network below 20 %, 7 days."""
    rows = m.last(7, now)
    if rank([r.cpu for r in rows], 95) >= 20:
        return "in_use"
    if m.line is None:
        return "undetermined"
    line = m.line
    return "idle" if rank([100 * max(r.rx, r.tx) / line for r in rows], 95) < 20 else "in_use"


def rightsize(m: Machine, now: int) -> str:
    """P99.5 of CPU with 20 % head-room, memory with 20 %, over 14 days with 30 hours of data."""
    rows = m.last(14, now)
    if len(rows) * 300 < 30 * 3600:
        return "undetermined"
    cpu, mem = rank([r.cpu for r in rows], 99.5), max(r.mem for r in rows)
    fits = any(cpu * m.cores / cores <= 80 and 100 * mem / size <= 80 for cores, size in smaller(m))
    return "oversized" if fits else "in_use"


def bmc(m: Machine, now: int) -> str:
    """CPU below 5 % and disk below 100 kB/s and network below 200 kB/s for 95 % of 7 days."""
    rows = m.last(7, now)
    quiet = share(rows, lambda r: r.cpu < 5 and r.disk < 100_000 and both(r) < 200_000)
    return "idle" if quiet >= 0.95 else "in_use"


def servicenow(m: Machine, now: int) -> str:
    """Mean of the top 20 % of CPU samples below 1 %: unused; 1 to 40 %: right-size with memory's
    peak at most 80 %; 14 days."""
    rows = m.last(14, now)
    ordered = sorted((r.cpu for r in rows), reverse=True)
    top = average(ordered[: -(-len(ordered) // 5)])
    if top < 1:
        return "idle"
    mem = max(r.mem for r in rows)
    fits = any(100 * mem / size <= 80 for _, size in smaller(m))
    return "oversized" if top <= 40 and fits else "in_use"


def flexera(m: Machine, now: int) -> str:
    cpu = average([r.cpu for r in m.last(30, now)])
    return "idle" if cpu < 5 else "oversized" if cpu < 40 else "in_use"


def cloudaware(m: Machine, now: int) -> str:
    """Idle: average below 5 %, maximum below 15 %, in and out below 100 MB; under-used: average
    below 40 % and maximum below 50 %."""
    rows = m.last(14, now)
    cpu, top = average([r.cpu for r in rows]), max(r.cpu for r in rows)
    quiet = all(
        volume(day, lambda r: r.rx) < 100 * MB and volume(day, lambda r: r.tx) < 100 * MB
        for day in by_day(rows, now)
    )
    if cpu < 5 and top < 15 and quiet:
        return "idle"
    return "oversized" if cpu < 40 and top < 50 else "in_use"


def thrifty(m: Machine, now: int) -> str:
    """Average of the daily maxima below 20 %, 30 days."""
    days = by_day(m.last(30, now), now)
    return "oversized" if average([max(r.cpu for r in day) for day in days]) < 20 else "in_use"


def custodian(m: Machine, now: int) -> str:
    return "oversized" if average([r.cpu for r in m.last(4, now)]) < 30 else "in_use"


def on_off(m: Machine, now: int) -> str:
    """At least 40 hours of the week in which the hour's mean was below 5 % in 95 % of the weeks,
    and at least 20 in which it was not; last 90 days, each hour of the week seen three times."""
    hours: dict[int, list[float]] = {}
    for row in m.last(90, now):
        hours.setdefault(row.at // 3600, []).append(row.cpu)
    slots: list[list[bool]] = [[] for _ in range(168)]
    for hour, values in hours.items():
        local = hour + 8  # China's clock; 1970-01-01 was a Thursday
        slot = (local + 3 * 24) % 168
        slots[slot].append(average(values) < 5)
    if any(len(slot) < 3 for slot in slots):
        return "undetermined"
    quiet = sum(1 for slot in slots if 100 * sum(slot) >= 95 * len(slot))
    return "night_off" if quiet >= 40 and 168 - quiet >= 20 else "in_use"


def city(m: Machine, now: int) -> str:
    """The default: overloaded, idle for 30 continuous days by CPU and memory, oversized, nights."""

    def quiet(rows: list[Row]) -> bool:
        return (
            all(average([r.cpu for r in day]) < 5 for day in by_day(rows, now))
            and rank([r.cpu for r in rows], 99) < 10
            and all(average([100 * r.mem / m.mem for r in day]) < 30 for day in by_day(rows, now))
        )

    week, month = m.last(7, now), m.last(30, now)
    if len(week) >= 0.9 * 7 * 288:  # else the week cannot be judged, and the month decides
        if share(week, lambda r: r.cpu >= 85) >= 0.05:
            return "overloaded"
        if rank([100 * r.mem / m.mem for r in week], 95) >= 95:
            return "overloaded"
    if quiet(month):
        # A month's or quarter's end in the last 100 days that was busy: it is used.
        return "in_use" if _busy_end(m, now) else "idle"
    cpu, mem = rank([r.cpu for r in month], 99.5), max(r.mem for r in month)
    if any(cpu * m.cores / c <= 60 and 100 * mem / s <= 80 for c, s in smaller(m)):
        return "oversized"
    return "night_off" if _nights(m, now) else "in_use"


def _nights(m: Machine, now: int) -> bool:
    hours: dict[int, list[float]] = {}
    for row in m.last(90, now):
        hours.setdefault(row.at // 3600, []).append(row.cpu)
    slots: list[list[bool]] = [[] for _ in range(168)]
    for hour, values in hours.items():
        slots[(hour + 8 + 3 * 24) % 168].append(average(values) < 2)
    if any(len(slot) < 3 for slot in slots):
        return False
    hours_quiet = sum(1 for slot in slots if 100 * sum(slot) >= 95 * len(slot))
    return hours_quiet >= 50 and 168 - hours_quiet >= 25


ENDS = {(m, d) for m in range(1, 13) for d in (1, 2)} | {
    (month, day)
    for month, length in ((6, 30), (7, 31), (8, 31))
    for day in range(length - 2, length + 1)
}
"""Days at the ends of the months that the traces are of."""


def _busy_end(m: Machine, now: int) -> bool:
    for row in m.last(100, now):
        back = (now - 1 - row.at) // DAY
        middle = now - back * DAY - DAY // 2 + 8 * 3600
        day = datetime.datetime.fromtimestamp(middle, datetime.UTC)
        if (day.month, day.day) in ENDS and row.cpu >= 20:
            return True
    return False


class Rule(NamedTuple):
    judge: Callable[[Machine, int], str]
    window: int


RULES: dict[str, Rule] = {
    "city": Rule(city, 30),
    "idle-strict": Rule(strict, 14),
    "idle-standard": Rule(peak_and_traffic, 14),
    "idle-timeshare": Rule(google, 14),
    "idle-huawei": Rule(huawei, 7),
    "low-use": Rule(low_days(10, 5), 14),
    "oversize-user": Rule(azure_resize(40, 60), 7),
    "oversize-batch": Rule(azure_resize(80, 80), 7),
    "oversize-conservative": Rule(oracle_cloud(5, 10), 14),
    "oversize-standard": Rule(oracle_cloud(10, 20), 14),
    "oversize-aggressive": Rule(oracle_cloud(15, 30), 14),
    "night-off": Rule(on_off, 28),
    "aws-ta-lowutil": Rule(low_days(10, 5), 14),
    "aws-co-idle-ec2": Rule(peak_and_traffic, 14),
    "aws-co-rightsize": Rule(rightsize, 14),
    "az-shutdown": Rule(azure_shutdown, 7),
    "az-resize-user": Rule(azure_resize(40, 60), 7),
    "az-resize-batch": Rule(azure_resize(80, 80), 7),
    "az-2019": Rule(low_days(5, 7), 14),
    "gcp-idle-vm": Rule(google, 14),
    "oci-conservative": Rule(oracle_cloud(5, 10), 14),
    "oci-standard": Rule(oracle_cloud(10, 20), 14),
    "oci-aggressive": Rule(oracle_cloud(15, 30), 14),
    "oci-free-reclaim": Rule(free_reclaim, 7),
    "hw-idle-ecs": Rule(huawei, 7),
    "bmc-idle": Rule(bmc, 7),
    "bmc-onoff": Rule(on_off, 28),
    "snow-unused": Rule(servicenow, 14),
    "flexera": Rule(flexera, 30),
    "cloudaware": Rule(cloudaware, 14),
    "steampipe-thrifty": Rule(thrifty, 30),
    "c7n-underutil": Rule(custodian, 4),
}
"""Policy of machines: its rule, and the window whose data must be complete."""

VOLUMES = {
    "disk-orphan-15": 15,
    "disk-orphan-30": 30,
    "disk-orphan-32": 32,
    "aws-co-idle-vol": 32,
    "gcp-idle-disk": 15,
    "janitor-orphan": 31,
}
"""Policy of volumes: days detached."""


def classify(name: str, m: Machine, now: int) -> str:
    """With the guards that all rules share: silence of a week after data, all zeros, and data for
    under 90 % of the window."""
    rule = RULES[name]
    rows = m.last(rule.window, now)
    if m.rows and not m.last(7, now):
        return "stopped"
    if rows and all(r.cpu == 0 and r.mem == 0 and r.rx + r.tx == 0 for r in rows):
        return "stopped"
    if len(rows) < 0.9 * rule.window * 288:
        return "undetermined"
    return rule.judge(m, now)
