"""What must be reached, as data: which figure of which benchmark against which of the peer's."""

from __future__ import annotations

from typing import NamedTuple


class Target(NamedTuple):
    """``ours`` (over ``peer``, where there is one) must be at most, or at least, ``limit``."""

    work: str
    module: str
    ours: str
    peer: str
    unit: str
    limit: float
    at_least: bool = False

    @property
    def limit_text(self) -> str:
        sign = "≥" if self.at_least else "≤"
        return f"{sign} {self.limit:,.4g} {'×' if self.peer else self.unit}"

    def met(self, measured: float) -> bool:
        return measured >= self.limit if self.at_least else measured <= self.limit


TARGETS: tuple[Target, ...] = ()
