"""Two polls of a device as sample rows: one of the device, one of each port.

Pure: the times of the polls are arguments. What cannot be told is left out of a row, never zero.
"""

from __future__ import annotations

from statistics import fmean
from typing import NamedTuple

from collectors.records import Reading

from .device import DevicePoll, Port
from .ether import EtherSeen, ether_rates
from .rates import PortRates, VersionRates, port_rates, version_rates
from .shares import PortShare, port_shares
from .tables.interfaces import GAUGE32_FULL

PREFIX = "port:"
LONGEST_INSTANCE = 190
LONGEST_STRETCH = 5
"""Polls further apart than so many intervals are a gap, not an average."""
MEMORIES = ("system", "ram")
ETHER_METRICS = ("port_fcs_errors_s", "port_alignment_errors_s", "port_late_collisions_s")
HOTTEST, COLDEST = 150.0, -60.0
"""Celsius: what lies outside is a broken sensor."""


class Look(NamedTuple):
    """A poll with its times: monotonic seconds, and milliseconds since 1970."""

    poll: DevicePoll
    monotonic: float
    wall_ms: int


def instances(ports: list[Port]) -> dict[int, str]:
    """ifIndex to the key of a port's samples: its name, with the index where two are alike."""
    found: dict[int, str] = {}
    taken: set[str] = set()
    for port in sorted(ports, key=lambda each: each.if_index):
        name = (port.if_name or port.if_descr or str(port.if_index)).strip()[:LONGEST_INSTANCE]
        name = "".join(c if c.isprintable() else "?" for c in name) or str(port.if_index)
        if name in taken:
            name = f"{name}#{port.if_index}"
        taken.add(name)
        found[port.if_index] = PREFIX + name
    return found


def device_reading(code: str, before: Look, after: Look) -> Reading:
    """The device over the time between two looks; of a silent device only that it was down."""
    seconds = after.monotonic - before.monotonic
    poll = after.poll
    values: dict[str, float] = {"device_up_pct": 0.0 if poll.error else 100.0}
    if not poll.error:
        values["device_poll_s"] = poll.duration_s
        if poll.system.uptime_s is not None:
            values["device_uptime_s"] = poll.system.uptime_s
        used = [each.usage_pct for each in poll.processors if 0 <= each.usage_pct <= 100]
        if used:
            values["device_cpu_pct"], values["device_cpu_max_pct"] = fmean(used), max(used)
        memory = main_memory(poll)
        if memory is not None:
            values["device_mem_used_pct"] = memory
        hot = [s.value for s in poll.sensors if s.unit == "celsius" and s.status == "ok"]
        hot = [value for value in hot if COLDEST < value < HOTTEST]
        if hot:
            values["device_temperature_c"] = max(hot)
        if poll.ports:
            values["device_ports_up"] = float(sum(p.oper_status == "up" for p in poll.ports))
    return Reading("device", "", before.wall_ms, seconds, values, code)


def main_memory(poll: DevicePoll) -> float | None:
    """Share of the fullest memory in percent; swap and caches are no memory of their own."""
    shares = []
    for each in poll.memory:
        if each.kind not in MEMORIES:
            continue
        share = each.used_pct
        if share is None and each.used_bytes is not None and each.total_bytes:
            share = 100.0 * each.used_bytes / each.total_bytes
        if share is not None and 0 <= share <= 100:
            shares.append(share)
    return max(shares) if shares else None


def port_readings(code: str, before: Look, after: Look) -> list[Reading]:
    """Every port over the time between two looks at a device that answered both times."""
    seconds = after.monotonic - before.monotonic
    keys = instances(after.poll.ports)
    ports = {port.if_index: port for port in after.poll.ports}
    return [
        Reading(
            "port",
            keys[rates.if_index],
            before.wall_ms,
            seconds,
            _port_values(rates, ports[rates.if_index]),
            code,
        )
        for rates in port_rates(before.poll, after.poll, seconds)
    ]


def add_versions(readings: list[Reading], before: Look, after: Look) -> None:
    """Adds the traffic of each IP version to the rows of the poll that read it: the mean since it
    was read before, which is some polls ago, since IP-MIB is slow and seldom worth a minute."""
    seconds = after.monotonic - before.monotonic
    keys = instances(after.poll.ports)
    found = {
        ("port", keys[share.if_index]): _share_values(share)
        for share in port_shares(before.poll, after.poll, seconds)
    }
    found["device", ""] = _device_values(version_rates(before.poll, after.poll, seconds))
    for reading in readings:
        reading.values.update(found.get((reading.table, reading.instance), {}))


def add_ether(readings: list[Reading], before: EtherSeen, after: Look) -> None:
    """Adds link-layer errors to the rows of a whole poll: the mean since the whole poll before."""
    keys = instances(after.poll.ports)
    rates = ether_rates(before, after.poll, after.monotonic)
    found = {keys[index]: rate for index, rate in rates.items()}
    for reading in readings:
        rate = found.get(reading.instance)
        if rate is not None and reading.table == "port":
            told = zip(ETHER_METRICS, rate, strict=True)
            reading.values.update({name: value for name, value in told if value is not None})


def _port_values(rates: PortRates, port: Port) -> dict[str, float]:
    told = {
        "port_in_bytes_s": rates.in_bytes_s,
        "port_out_bytes_s": rates.out_bytes_s,
        "port_in_packets_s": rates.in_packets_s,
        "port_out_packets_s": rates.out_packets_s,
        "port_in_errors_s": rates.in_errors_s,
        "port_out_errors_s": rates.out_errors_s,
        "port_in_discards_s": rates.in_discards_s,
        "port_out_discards_s": rates.out_discards_s,
        "port_in_used_pct": rates.in_use_pct,
        "port_out_used_pct": rates.out_use_pct,
    }
    values = {name: value for name, value in told.items() if value is not None}
    if port.speed_bit_s and port.speed_bit_s != GAUGE32_FULL:
        values["port_speed_bit_s"] = float(port.speed_bit_s)
    values["port_up_pct"] = 100.0 if rates.up else 0.0
    return values


def _share_values(share: PortShare) -> dict[str, float]:
    return {
        "port_in4_bytes_s": share.rx4,
        "port_out4_bytes_s": share.tx4,
        "port_in6_bytes_s": share.rx6,
        "port_out6_bytes_s": share.tx6,
    }


def _device_values(rates: list[VersionRates]) -> dict[str, float]:
    values = {}
    for each in rates:
        if each.if_index is None and each.version in (4, 6):
            for way, value in (("in", each.in_bytes_s), ("out", each.out_bytes_s)):
                if value is not None:
                    values[f"device_{way}{each.version}_bytes_s"] = value
    return values
