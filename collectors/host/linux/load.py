"""Load averages from /proc/loadavg."""

from __future__ import annotations

from collectors.host.contract import Values
from collectors.host.files import read_bytes


class Load:
    """Runnable and uninterruptible tasks, averaged by the kernel over 1, 5 and 15 minutes."""

    name = "load"

    def __init__(self, proc: str, sys: str) -> None:
        self._path = f"{proc}/loadavg"

    def read(self, now: float) -> tuple[float, float, float]:
        return parse_loadavg(read_bytes(self._path))

    def values(
        self,
        before: object,
        after: tuple[float, float, float],
        seconds: float,
    ) -> Values:
        return {"load1": after[0], "load5": after[1], "load15": after[2]}


def parse_loadavg(text: bytes) -> tuple[float, float, float]:
    """The three averages of ``0.20 0.18 0.12 1/80 11206``; raises ValueError."""
    words = text.split()
    if len(words) < 3:
        raise ValueError(f"/proc/loadavg is {text[:60]!r}, expected three averages")
    return float(words[0]), float(words[1]), float(words[2])
