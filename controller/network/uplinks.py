"""County uplinks (县区上联): what is contracted against what is used, by county and by line.

Used is the port at which a line ends on a device that is polled, five-minute means. Of a county the
lines' sums are taken bucket by bucket, so its P95 is that of the whole, not a sum of peaks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from controller.access.scope import Scope
from controller.network.line_ends import ends_of
from controller.network.line_model import LineView
from controller.network.lines import list_lines
from controller.network.port_use import (
    BUCKET_S,
    PortSeries,
    mean,
    nearest_rank,
    port_series,
    summed,
)
from controller.network.targets import Target
from controller.runtime import Runtime

LEVEL = "county"
SHARE = 0.95
TIGHT_PCT, FULL_PCT = 70.0, 90.0
"""P95 from which an uplink is tight, and full."""


@dataclass(frozen=True)
class Use:
    """Means and 95th percentiles in bits a second; ``coverage_pct``: buckets measured."""

    in_avg: float | None = None
    in_p95: float | None = None
    out_avg: float | None = None
    out_p95: float | None = None
    highest: float | None = None
    """The highest five minutes of either direction."""
    coverage_pct: float = 0.0

    @property
    def p95(self) -> float | None:
        """Of the busier direction, as operators bill."""
        known = [each for each in (self.in_p95, self.out_p95) if each is not None]
        return max(known, default=None)


@dataclass(frozen=True)
class LineUse:
    """One uplink; ``measured`` says at which device and port ("": nowhere)."""

    line: LineView
    use: Use
    measured: bool

    @property
    def used_pct(self) -> float | None:
        """P95 of the contracted width."""
        return share(self.use.p95, self.line.bandwidth_bit_s)


@dataclass(frozen=True)
class CountyUse:
    """One county's uplinks together. ``contracted`` counts measured lines only in ``used_pct``."""

    code: str
    name: str
    contracted: float
    contracted_measured: float
    target: float | None
    use: Use
    lines: tuple[LineUse, ...]

    @property
    def used_pct(self) -> float | None:
        return share(self.use.p95, self.contracted_measured)

    @property
    def state(self) -> str:
        """full, tight, fine, or unknown where nothing was measured."""
        used = self.used_pct
        if used is None:
            return "unknown"
        return "full" if used >= FULL_PCT else "tight" if used >= TIGHT_PCT else "fine"


def share(part: float | None, whole: float | None) -> float | None:
    """Percent; None where either is not known."""
    return 100 * part / whole if part is not None and whole else None


def uplinks(
    runtime: Runtime,
    scope: Scope,
    since: datetime,
    until: datetime,
    now: datetime,
    targets: dict[str, Target],
) -> list[CountyUse]:
    """Every county with an uplink in the register, by code, over [since, until)."""
    with runtime.database.read() as session:
        lines = [
            line
            for line in list_lines(session, scope, now, level=LEVEL)
            if line.state != "ended" and line.county_code
        ]
        ends = ends_of(session, lines)
    keys = {key for each in ends.values() for key in each}
    measured = port_series(runtime, keys, since, until)
    start, end = int(since.timestamp()), int(until.timestamp())
    target = targets.get(LEVEL)
    counties: dict[str, list[tuple[LineView, PortSeries | None]]] = {}
    for line in lines:
        found = [measured[key] for key in ends.get(line.id, ()) if key in measured]
        # Both ends may be polled: the one with more rows; at equal the register's end A.
        best = max(found, key=lambda each: len(each.times)) if found else None
        counties.setdefault(line.county_code, []).append((line, best))
    return [
        _county(pairs, start, end, target.bit_s if target else None)
        for _, pairs in sorted(counties.items())
    ]


def _county(
    pairs: Sequence[tuple[LineView, PortSeries | None]],
    start: int,
    end: int,
    target: float | None,
) -> CountyUse:
    known = {line.id: each for line, each in pairs if each is not None}
    first = pairs[0][0]
    return CountyUse(
        code=first.county_code,
        name=first.county_name,
        contracted=sum(line.bandwidth_bit_s or 0 for line, _ in pairs),
        contracted_measured=sum(line.bandwidth_bit_s or 0 for line, _ in pairs if line.id in known),
        target=target,
        use=_use(*summed(known, start, end)) if known else Use(),
        lines=tuple(
            LineUse(line, Use() if each is None else _use(*summed({0: each}, start, end)),
                    each is not None)
            for line, each in pairs
        ),
    )  # fmt: skip


def _use(came: npt.NDArray[np.float64], went: npt.NDArray[np.float64]) -> Use:
    """Figures of two series over the same buckets."""
    seen = np.isfinite(came) | np.isfinite(went)
    both = np.concatenate([came, went])
    known = both[np.isfinite(both)]
    return Use(
        in_avg=mean(came), in_p95=nearest_rank(came, SHARE), out_avg=mean(went),
        out_p95=nearest_rank(went, SHARE), highest=float(known.max()) if len(known) else None,
        coverage_pct=100 * float(seen.mean()) if len(seen) else 0.0,
    )  # fmt: skip


__all__ = ["BUCKET_S", "CountyUse", "LineUse", "Use", "share", "uplinks"]
