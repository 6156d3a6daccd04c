"""How figures, moments and states are written on a page. Pure; the same on every page.

A missing figure (None or NaN) is an en dash, never a zero.
"""

from __future__ import annotations

import math
from datetime import datetime
from zoneinfo import ZoneInfo

from controller.web.language import Text

NONE = "–"
SPACE = "\u00a0"
"""No-break space between a number and its unit; the narrow one all but vanishes in CJK fonts."""

_BYTES = ("B", "KB", "MB", "GB", "TB", "PB", "EB")
_BITS = ("bps", "Kbps", "Mbps", "Gbps", "Tbps")


def missing(value: float | None) -> bool:
    """Whether there is no such figure."""
    return value is None or math.isnan(value)


def number(value: float | None) -> str:
    """A count: thousands apart, one digit after the point only below ten (``7.5``, ``1,024``)."""
    if value is None or math.isnan(value):
        return NONE
    if abs(value) < 10 and not float(value).is_integer():
        return f"{value:.1f}"
    return f"{value:,.0f}"


def percent(value: float | None, *, unit: bool = True) -> str:
    """A share of 0-100 with one digit: ``12.4 %``."""
    if value is None or math.isnan(value):
        return NONE
    return f"{value:.1f}{SPACE}%" if unit else f"{value:.1f}"


def points(value: float | None) -> str:
    """A change of a share, signed, without its unit: ``+1.8``."""
    if value is None or math.isnan(value):
        return NONE
    return f"{value:+.1f}"


def size(value: float | None) -> str:
    """Bytes in steps of 1,024, named as the registers name them: ``18.6 TB``."""
    return _scaled(value, _BYTES, 1024.0)


def rate(bytes_s: float | None) -> str:
    """Bytes a second as the network says it, bits in steps of 1,000: ``82 Mbps``."""
    return _scaled(None if bytes_s is None else bytes_s * 8, _BITS, 1000.0)


def _scaled(value: float | None, units: tuple[str, ...], step: float) -> str:
    if value is None or math.isnan(value):
        return NONE
    scale = 0
    while abs(value) >= step * 0.9995 and scale < len(units) - 1:
        value /= step
        scale += 1
    digits = 0 if abs(value) >= 100 or scale == 0 or float(value).is_integer() else 1
    return f"{value:,.{digits}f}{SPACE}{units[scale]}"


def moment(at: datetime | None, zone: ZoneInfo, *, seconds: bool = False) -> str:
    """``2026-11-23 14:05`` in ``zone``."""
    if at is None:
        return NONE
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")


def day(at: datetime | None, zone: ZoneInfo) -> str:
    """``2026-11-23`` in ``zone``."""
    return NONE if at is None else at.astimezone(zone).strftime("%Y-%m-%d")


def lasted(seconds: float | None, _: Text) -> str:
    """A length of time in its largest unit: ``42 秒``, ``5 分钟``, ``3 小时``, ``12 天``."""
    if seconds is None or math.isnan(seconds):
        return NONE
    length = abs(seconds)
    if length < 90:
        return _("{n} 秒", n=f"{length:.0f}")
    if length < 5400:
        return _("{n} 分钟", n=f"{length / 60:.0f}")
    if length < 172_800:
        return _("{n} 小时", n=f"{length / 3600:.0f}")
    return _("{n} 天", n=f"{length / 86400:.0f}")
