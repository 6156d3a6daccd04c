"""Units beside each other: what was approved, delivered, is held and used, and their places."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlmodel import Session, col

from controller.access.scope import CITY, Scope
from controller.analysis.standing import Holder, compare
from controller.inventory.model import UnitView
from controller.inventory.register_tables import Allocation
from controller.inventory.units import list_units
from controller.runtime import Runtime
from controller.usage.model import UsageQuery, UsageReport, UsageRow
from controller.usage.peers import LEAST
from controller.usage.queries import usage_report

Figure = Literal["cpu", "mem"]
LEAST_FOR_MEDIAN = 4
"""Among fewer, one's own figure and the median tell somebody else's."""

_FIELDS: dict[str, tuple[str, str, str, str]] = {
    "cpu": ("vcpu_allocated", "cpu_avg_pct", "cpu_p95_pct", "vcpu"),
    "mem": ("mem_allocated_bytes", "mem_avg_pct", "mem_p95_pct", "mem_bytes"),
}
"""Allocation, average and P95 of the report, and the size in the papers."""


class ComparedRow(BaseModel):
    """A unit with all below it. Amounts in cores or bytes; null: not known."""

    model_config = ConfigDict(frozen=True)

    unit: str
    unit_name: str
    depth: int
    group: str = Field(description="its peers: units beside it in the tree, or of its kind")
    approved: float | None = Field(description="批复量, of applications that still stand")
    delivered: float | None = Field(description="开通量")
    allocated: float | None = Field(description="held at the end of the period")
    average_pct: float | None
    p95_pct: float | None
    used: float | None
    peak: float | None = Field(description="P95 of the use")
    spare: float | None = Field(description="held above the P95")
    rank: int | None = Field(description="1 uses the largest share of what it holds")
    of: int
    median_pct: float | None = Field(description="of the peers")
    allocated_growth: float | None = Field(description="against the period before")
    used_growth: float | None
    used_growth_pct: float | None


class Comparison(BaseModel):
    """The rows, in the order of the tree."""

    figure: Figure
    rows: list[ComparedRow]


Report = Callable[[UsageQuery], UsageReport]


def comparison(
    runtime: Runtime,
    scope: Scope,
    since: datetime,
    until: datetime,
    figure: Figure = "cpu",
    *,
    report: Report | None = None,
) -> Comparison:
    """Every unit in scope over [since, until) and against as long before. Places and medians are
    among all peers of the city; nothing else of who is not in scope leaves this function.

    ``report`` answers for the whole city; default: computed here. Raises what it raises.
    """
    ask = report or (lambda query: usage_report(runtime, CITY, query))
    now = {row.unit: row for row in ask(UsageQuery(since, until, "unit")).rows}
    before_query = UsageQuery(since - (until - since), since, "unit")
    before = {row.unit: row for row in ask(before_query).rows}
    with runtime.database.read() as session:
        units = list_units(session, CITY, until)
        seen = {unit.code: unit.depth for unit in list_units(session, scope, until)}
        papers = _papers(session, units, until, _FIELDS[figure][3])
    groups = _groups(units)
    # What nobody has claimed is no unit's use: it stands in no ranking.
    known = [unit for unit in units if unit.kind != "unclaimed" and unit.code in now]
    standings = compare([_holder(unit, groups[unit.code], now, before, figure) for unit in known])
    rows = []
    for unit in known:
        if unit.code not in seen:
            continue
        row, place = now[unit.code], standings[unit.code]
        allocated, average, p95 = (getattr(row, name) for name in _FIELDS[figure][:3])
        approved, delivered = papers.get(unit.code, (None, None))
        told = scope.everything or place.of >= LEAST_FOR_MEDIAN
        rows.append(
            ComparedRow(
                unit=unit.code, unit_name=unit.name, depth=seen[unit.code],
                group=groups[unit.code] if scope.everything else "", approved=approved,
                delivered=delivered, allocated=allocated, average_pct=average, p95_pct=p95,
                used=place.used, peak=place.peak, spare=place.spare, rank=place.rank,
                of=place.of, median_pct=place.median_pct if told else None,
                allocated_growth=place.allocated_growth, used_growth=place.used_growth,
                used_growth_pct=place.used_growth_pct,
            )
        )  # fmt: skip
    return Comparison(figure=figure, rows=rows)


def _holder(
    unit: UnitView,
    group: str,
    now: dict[str | None, UsageRow],
    before: dict[str | None, UsageRow],
    figure: Figure,
) -> Holder:
    allocated, average, p95, _size = _FIELDS[figure]
    row, then = now[unit.code], before.get(unit.code)
    ranked = row.cpu_for_ranking if figure == "cpu" else row.mem_for_ranking
    return Holder(
        key=unit.code,
        group=group,
        allocated=getattr(row, allocated),
        average_pct=getattr(row, average),
        p95_pct=getattr(row, p95),
        before_allocated=getattr(then, allocated, None),
        before_average_pct=getattr(then, average, None),
        ranked_pct=ranked,
        in_ranking=not row.public_support,
    )


def _groups(units: list[UnitView]) -> dict[str, str]:
    """Unit to the name of its peer group, as ``peers.peers_of`` forms them."""
    beside: dict[str | None, int] = defaultdict(int)
    for unit in units:
        if unit.kind != "unclaimed":
            beside[unit.parent_code] += 1
    return {
        unit.code: f"parent:{unit.parent_code or ''}"
        if beside[unit.parent_code] >= LEAST
        else f"kind:{unit.kind}"
        for unit in units
    }


def _papers(
    session: Session, units: list[UnitView], at: datetime, size: str
) -> dict[str, tuple[float | None, float | None]]:
    """(approved, delivered) of each unit and all below it, of papers that stand at ``at``."""
    above = {unit.code: unit.parent_code for unit in units}
    codes = {unit.id: unit.code for unit in units}
    sums: dict[str, list[float | None]] = {}
    lines = session.execute(
        select(Allocation).where(
            col(Allocation.approved).is_not(None), col(Allocation.approved) < at
        )
    ).scalars()
    for line in lines:
        if line.expires is not None and line.expires <= at:
            continue
        code: str | None = codes.get(line.unit_id)
        amounts = (getattr(line, f"approved_{size}"), getattr(line, f"delivered_{size}"))
        while code is not None:
            found = sums.setdefault(code, [None, None])
            for index, amount in enumerate(amounts):
                if amount is not None:
                    found[index] = (found[index] or 0.0) + amount
            code = above.get(code)
    return {code: (found[0], found[1]) for code, found in sums.items()}
