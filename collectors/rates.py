"""Counters into rates: wrap, restart and replacement, without a clock and without a guess.

A counter only grows. Where it went down, either it wrapped or it started again (reboot, driver
reload, another card under the same name). The two cannot always be told apart, so the rule is
one-sided: a wrap is believed only where it is nearly certain, everything else is a restart, and
a restart gives no rate (a gap), never a negative one and never a spike.
"""

from __future__ import annotations

import sys

KERNEL_BITS = 64 if sys.maxsize > 2**32 else 32
"""Width of the kernel's ``unsigned long``, in which most of its counters are kept.

A 32-bit Python on a 64-bit kernel takes 64-bit counters for 32-bit ones; then a wrap is looked
for where none can be, and the limits of ``difference`` keep the mistake a gap.
"""


def difference(before: int, after: int, bits: int = KERNEL_BITS) -> int | None:
    """How much a counter of ``bits`` grew; None where it was started again in between.

    A decrease is a wrap only when ``before`` stood in the last eighth of the range and ``after``
    in the first: a counter that wrapped twice in one interval, or ran through most of its range,
    is not to be trusted either.
    """
    if after >= before:
        return after - before
    size = 1 << bits
    eighth = size >> 3
    if size - eighth <= before < size and after < eighth:
        return size - before + after
    return None


def rate(before: int, after: int, seconds: float, bits: int = KERNEL_BITS) -> float | None:
    """``difference`` per second; None where there is none or no time has passed."""
    grown = difference(before, after, bits)
    if grown is None or seconds <= 0:
        return None
    return grown / seconds


def share(part: float, whole: float) -> float | None:
    """``part`` of ``whole`` in percent, within 0 to 100; None of nothing."""
    if whole <= 0:
        return None
    return min(100.0, max(0.0, 100.0 * part / whole))


def put(values: dict[str, float], name: str, value: float | None) -> None:
    """Sets ``name`` where there is a value: what was not measured is left out, never zero."""
    if value is not None:
        values[name] = value
