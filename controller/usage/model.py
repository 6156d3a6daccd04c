"""What is asked of usage and what comes back. Periods are half-open, moments carry a zone.

A figure that cannot be given (no data, or under 80 % of the allocation reported) is ``None``,
never zero.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args

By = Literal["unit", "system", "resource", "zone", "site"]
BYS: tuple[By, ...] = get_args(By)


@dataclass(frozen=True)
class UsageQuery:
    """Usage of [since, until), a row for each ``by``, within a unit's subtree or one system."""

    since: datetime
    until: datetime
    by: By = "unit"
    unit: str | None = None
    """Code or name; its subtree is included."""
    system: str | None = None
    """Name of a business system; with ``unit`` absent, of every unit that has one so called."""


@dataclass(frozen=True)
class UsageRow:
    """One line of the report, in the order of DESIGN.md section 6.

    ``unit`` is a code, ``system`` a name, ``resource``, ``zone`` and ``site`` codes; what the row
    is not about is ``None``. Allocations and ``resources`` are those at the end of the period.
    """

    unit: str | None
    unit_name: str | None
    system: str | None = None
    resource: str | None = None
    resource_name: str | None = None
    zone: str | None = None
    zone_name: str | None = None
    site: str | None = None
    site_name: str | None = None
    resources: int = 0
    vcpu_allocated: float | None = None
    mem_allocated_bytes: float | None = None
    disk_allocated_bytes: float | None = None
    cpu_avg_pct: float | None = None
    cpu_p95_pct: float | None = None
    cpu_max_pct: float | None = None
    mem_avg_pct: float | None = None
    mem_p95_pct: float | None = None
    mem_max_pct: float | None = None
    disk_used_pct: float | None = None
    net_rx_avg_bytes_s: float | None = None
    net_rx_p95_bytes_s: float | None = None
    net_tx_avg_bytes_s: float | None = None
    net_tx_p95_bytes_s: float | None = None
    coverage_pct: float | None = None
    depth: int = 0
    """Place in the tree of units, 0 at the top of what is shown; for indentation."""
    public_support: int = 0
    """Of a unit or resource: how many of its resources were public support (公共支撑) at the end of
    the period. They count in every figure of the row, and in no ranking."""
    ranked_cpu_pct: float | None = None
    ranked_mem_pct: float | None = None
    """Averages without public support, where there is any; None where nothing else is left."""

    @property
    def cpu_for_ranking(self) -> float | None:
        """What a ranking compares; None takes no part in one."""
        return self.ranked_cpu_pct if self.public_support else self.cpu_avg_pct

    @property
    def mem_for_ranking(self) -> float | None:
        """As ``cpu_for_ranking``, of memory."""
        return self.ranked_mem_pct if self.public_support else self.mem_avg_pct

    def public(self) -> dict[str, Any]:
        """The row of the JSON interface: ``system``, ``resource``, ``depth``, … only where
        it has them."""
        row = asdict(self)
        for name in ("system", "resource", "zone", "site"):
            if row[name] is None:
                row.pop(name)
                row.pop(f"{name}_name", None)
        if not row["depth"]:
            row.pop("depth")
        if not row["public_support"]:
            for name in ("public_support", "ranked_cpu_pct", "ranked_mem_pct"):
                row.pop(name)
        return row


@dataclass(frozen=True)
class UsageReport:
    """The rows, and how complete the data behind them is."""

    since: datetime
    until: datetime
    by: By
    rows: list[UsageRow]
    generated: datetime
    coverage_pct: float | None
    unit: str | None = None
    """Code of the unit the report was limited to."""
    unit_name: str | None = None
    version: int | None = None
    """Of a published month; None is computed now."""
    published: datetime | None = None


@dataclass(frozen=True)
class Trend:
    """A unit's use and allocation over time. All lists have the length of ``times``.

    A point is the mean over ``step_s`` seconds from its time; the ``…_peak`` lists keep the
    highest 5-minute bucket within it. ``None`` is a gap.
    """

    step_s: int
    times: list[int] = field(default_factory=list)
    """Epoch seconds."""
    cpu_used_cores: list[float | None] = field(default_factory=list)
    cpu_used_cores_peak: list[float | None] = field(default_factory=list)
    vcpu_allocated: list[float | None] = field(default_factory=list)
    cpu_pct: list[float | None] = field(default_factory=list)
    cpu_pct_peak: list[float | None] = field(default_factory=list)
    mem_used_bytes: list[float | None] = field(default_factory=list)
    mem_used_bytes_peak: list[float | None] = field(default_factory=list)
    mem_allocated_bytes: list[float | None] = field(default_factory=list)
    disk_used_bytes: list[float | None] = field(default_factory=list)
    disk_allocated_bytes: list[float | None] = field(default_factory=list)
    net_rx_bytes_s: list[float | None] = field(default_factory=list)
    net_rx_bytes_s_peak: list[float | None] = field(default_factory=list)
    net_tx_bytes_s: list[float | None] = field(default_factory=list)
    net_tx_bytes_s_peak: list[float | None] = field(default_factory=list)


@dataclass(frozen=True)
class Series:
    """One resource's metrics over time: means of ``step_s`` seconds, and the highest row in each.

    ``values`` and ``peaks`` map a metric to a list as long as ``times``; ``None`` is a gap.
    """

    step_s: int
    times: list[int]
    values: dict[str, list[float | None]]
    peaks: dict[str, list[float | None]]
    source: str = "5m"
    """The granularity read: raw, 5m, 1h or coarse."""
