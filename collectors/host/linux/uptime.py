"""Seconds since boot from /proc/uptime."""

from __future__ import annotations

from collectors.host.contract import Values
from collectors.host.files import read_bytes


class Uptime:
    """Also what tells a restart: HostCollector trusts no counter across a smaller uptime."""

    name = "uptime"

    def __init__(self, proc: str, sys: str) -> None:
        self._path = f"{proc}/uptime"

    def read(self, now: float) -> float:
        return parse_uptime(read_bytes(self._path))

    def values(self, before: object, after: float, seconds: float) -> Values:
        return {"uptime_s": after}


def parse_uptime(text: bytes) -> float:
    """The first number of ``1195.71 2195.12``; raises ValueError."""
    words = text.split()
    if not words:
        raise ValueError("/proc/uptime is empty")
    return float(words[0])
