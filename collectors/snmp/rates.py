"""Two polls of a device into rates: wrap, reboot, replaced cards and broken counters.

Pure functions: the times of the polls are arguments. A port whose counters cannot be compared has
no rate in that interval (a gap), never a negative one and never a spike. What the counter of a
port can have grown is bounded by its speed: a growth no line could carry is a replaced card or a
reset that nobody told us of.
"""

from __future__ import annotations

from dataclasses import dataclass

from collectors.rates import difference

from .device import DevicePoll, IpVersionCounters, Port
from .tables.interfaces import GAUGE32_FULL

TOO_FAST = 1.5
"""Growth over what the speed allows: beyond this it is no traffic. Some allowance is for polls
whose answers come late, and for gear that counts preambles."""
FASTEST_BIT_S = 1_600_000_000_000
"""Bound for ports that do not tell their speed."""
UPTIME_SLACK_S = 30.0
"""A device's clock and ours may differ by this much between two polls."""
COUNTERS = {
    "in_octets": "in_bytes_s",
    "out_octets": "out_bytes_s",
    "in_packets": "in_packets_s",
    "out_packets": "out_packets_s",
    "in_errors": "in_errors_s",
    "out_errors": "out_errors_s",
    "in_discards": "in_discards_s",
    "out_discards": "out_discards_s",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PortRates:
    """A port over one interval; None where there is no rate. Bytes and packets a second."""

    if_index: int
    if_name: str
    interval_s: float
    in_bytes_s: float | None = None
    out_bytes_s: float | None = None
    in_packets_s: float | None = None
    out_packets_s: float | None = None
    in_errors_s: float | None = None
    out_errors_s: float | None = None
    in_discards_s: float | None = None
    out_discards_s: float | None = None
    in_use_pct: float | None = None
    """Of the speed; may slightly exceed 100."""
    out_use_pct: float | None = None
    up: bool = False
    """Operational state at the end of the interval."""
    gap: str = ""
    """Why rates are missing: reboot, discontinuity, replaced, new, too fast, narrow counter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRates:
    """Traffic of one IP version over one interval, of the device or of a port."""

    version: int
    if_index: int | None
    in_bytes_s: float | None = None
    out_bytes_s: float | None = None
    in_packets_s: float | None = None
    out_packets_s: float | None = None


def rebooted(before: DevicePoll, after: DevicePoll, seconds: float) -> bool:
    """Whether the device started again between two polls ``seconds`` apart."""
    return restarted(before.system.uptime_s, after.system.uptime_s, seconds)


def restarted(first: float | None, second: float | None, seconds: float) -> bool:
    """Whether these are uptimes of two starts, ``seconds`` apart.

    The uptime must have grown by as much, whatever wraps: 497 days of sysUpTime are looked
    through by allowing for one wrap of its 32 bits.
    """
    if first is None or second is None:
        return False
    grown = second - first
    if grown < 0 and first + seconds >= 2**32 / 100 - UPTIME_SLACK_S:
        grown += 2**32 / 100
    slack = UPTIME_SLACK_S + 0.05 * seconds
    return grown < seconds - slack


def port_rates(before: DevicePoll, after: DevicePoll, seconds: float) -> list[PortRates]:
    """Rates of every port of ``after``; ``seconds`` lie between the two polls."""
    if seconds <= 0:
        return []
    earlier = {port.if_index: port for port in before.ports}
    restarted = rebooted(before, after, seconds)
    found = []
    for port in after.ports:
        old = earlier.get(port.if_index)
        gap = "reboot" if restarted else _gap(old, port)
        if gap or old is None:
            found.append(_without(port, seconds, gap))
        else:
            found.append(_rates(old, port, seconds))
    return found


def _gap(old: Port | None, new: Port) -> str:
    if old is None:
        return "new"
    if old.if_name != new.if_name:  # indices are dealt anew when a card is added
        return "replaced"
    if old.discontinuity_s != new.discontinuity_s:
        return "discontinuity"
    return ""


def _without(port: Port, seconds: float, gap: str) -> PortRates:
    return PortRates(
        if_index=port.if_index,
        if_name=port.if_name,
        interval_s=seconds,
        up=port.oper_status == "up",
        gap=gap,
    )


def _rates(old: Port, new: Port, seconds: float) -> PortRates:
    speed = new.speed_bit_s if new.speed_bit_s not in (None, 0, GAUGE32_FULL) else None
    bits = 32 if 32 in (old.counter_bits, new.counter_bits) else 64
    most = (speed or FASTEST_BIT_S) / 8 * seconds * TOO_FAST
    if bits == 32 and speed and most >= 1 << 32:
        return _without(new, seconds, "narrow counter")  # it may have wrapped more than once
    values: dict[str, float | None] = {}
    gap = ""
    for column, name in COUNTERS.items():
        traffic = column.endswith(("octets", "packets"))
        bound = most if speed and traffic else None
        grown = growth(getattr(old, column), getattr(new, column), bits if traffic else 32, bound)
        if grown is not None and traffic and grown > most:
            gap, grown = "too fast", None
        values[name] = None if grown is None else grown / seconds
    return PortRates(
        if_index=new.if_index,
        if_name=new.if_name,
        interval_s=seconds,
        in_use_pct=_use(values["in_bytes_s"], speed),
        out_use_pct=_use(values["out_bytes_s"], speed),
        up=new.oper_status == "up",
        gap=gap,
        **values,
    )


def growth(
    before: int | None, after: int | None, bits: int, most: float | None = None
) -> int | None:
    """How much a counter grew; None if it started again or was not told.

    A 32-bit counter that fell has wrapped if the growth then is one the line could carry
    (``most``); where that is not known, and for wider ones, ``collectors.rates.difference``
    decides.
    """
    if before is None or after is None:
        return None
    if before >= 1 << 32 or after >= 1 << 32:
        bits = 64
    if bits == 32 and most is not None and after < before:
        grown = after - before + (1 << 32)
        return grown if grown <= most else None
    return difference(before, after, bits)


def _use(bytes_s: float | None, speed: int | None) -> float | None:
    return None if bytes_s is None or not speed else round(800.0 * bytes_s / speed, 3)


def version_rates(before: DevicePoll, after: DevicePoll, seconds: float) -> list[VersionRates]:
    """Traffic by IP version; empty after a reboot."""
    if seconds <= 0 or rebooted(before, after, seconds):
        return []
    earlier = {(one.version, one.if_index): one for one in before.ip_version_counters}
    found = []
    for one in after.ip_version_counters:
        old = earlier.get((one.version, one.if_index))
        if old is not None:
            found.append(_version(old, one, seconds))
    return found


def _version(old: IpVersionCounters, new: IpVersionCounters, seconds: float) -> VersionRates:
    def rate(column: str) -> float | None:
        first, second = getattr(old, column), getattr(new, column)
        if first is None or second is None or second < first:
            return None  # their width is not known, so a fall is not taken for a wrap
        return float(second - first) / seconds

    return VersionRates(
        version=new.version,
        if_index=new.if_index,
        in_bytes_s=rate("in_octets"),
        out_bytes_s=rate("out_octets"),
        in_packets_s=rate("in_packets"),
        out_packets_s=rate("out_packets"),
    )
