"""Link-layer errors (EtherLike-MIB) between two whole polls, an hour apart.

What is remembered of a device in between is small: five numbers a port, not the whole poll.
"""

from __future__ import annotations

import zlib
from array import array
from typing import NamedTuple

from .device import DevicePoll, Port
from .rates import growth, restarted

NONE = -1
"""A counter that the port does not have."""
WIDTH = 5


class EtherSeen(NamedTuple):
    """Counters of one whole poll: WIDTH numbers a port that has any."""

    monotonic: float
    uptime_s: float | None
    counts: array[int]


class EtherRates(NamedTuple):
    """Errors a second over one interval; None where the port does not count them."""

    fcs: float | None
    alignment: float | None
    late: float | None


def remember(poll: DevicePoll, monotonic: float) -> EtherSeen:
    """What the next whole poll is compared with."""
    counts = array("q")
    for port in poll.ports:
        if _counters(port) != (None, None, None):
            told = (NONE if each is None else each for each in _counters(port))
            counts.extend((port.if_index, _mark(port), *told))
    return EtherSeen(monotonic, poll.system.uptime_s, counts)


def ether_rates(before: EtherSeen, after: DevicePoll, monotonic: float) -> dict[int, EtherRates]:
    """Rates by ifIndex of the ports that count; none after a reboot or a replaced card."""
    seconds = monotonic - before.monotonic
    if seconds <= 0 or restarted(before.uptime_s, after.system.uptime_s, seconds):
        return {}
    flat = before.counts
    earlier = {flat[at]: flat[at + 1 : at + WIDTH] for at in range(0, len(flat), WIDTH)}
    found = {}
    for port in after.ports:
        old = earlier.get(port.if_index)
        if old is None or old[0] != _mark(port):
            continue
        grown = [
            growth(None if was == NONE else was, now, 32)
            for was, now in zip(old[1:], _counters(port), strict=True)
        ]
        if any(each is not None for each in grown):
            fcs, alignment, late = (None if each is None else each / seconds for each in grown)
            found[port.if_index] = EtherRates(fcs, alignment, late)
    return found


def _counters(port: Port) -> tuple[int | None, int | None, int | None]:
    return port.fcs_errors, port.alignment_errors, port.late_collisions


def _mark(port: Port) -> int:
    """The same as long as it is the same port and its counters were not reset."""
    return zlib.crc32(f"{port.if_name} {port.discontinuity_s}".encode())
