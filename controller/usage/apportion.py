"""Units' use with shared resources apportioned, and public support left out: a view at query time.

The sums of units stay sums of what they hold. Here each shared resource is taken out of its
holder's figures and given to who bears a part of it, by the shares in force at the end of the
period; public support is taken out and given to nobody, so that it weighs in no ranking.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from controller.access.scope import CITY, Scope
from controller.inventory.shares import list_shared
from controller.inventory.units import list_units
from controller.runtime import Runtime
from controller.usage.model import UsageQuery
from controller.usage.queries import usage_report


@dataclass(frozen=True)
class Apportioned:
    """A unit with its subtree. ``vcpu`` is allocated at the period's end, ``cores`` the average
    in use; ``…_own`` as held, ``…_apportioned`` after shares. None: not known."""

    unit: str
    unit_name: str
    vcpu_own: float | None
    cores_own: float | None
    vcpu_apportioned: float | None
    cores_apportioned: float | None
    cpu_pct_own: float | None
    cpu_pct_apportioned: float | None
    shared_in: int
    """Resources of others that it bears a part of."""
    shared_out: int
    """Its own that others bear parts of, or that are public support."""


def apportioned(
    runtime: Runtime, scope: Scope, since: datetime, until: datetime
) -> list[Apportioned]:
    """Rows of the scope in the order of the report. The whole city is computed, since a share may
    be of another unit's resource; of others nothing but sums is given."""
    last = until - timedelta(seconds=1)
    with runtime.database.read() as session:
        shared = list_shared(session, CITY, last)
        ids = {unit.code: unit.id for unit in list_units(session, CITY, last)}
        parents = {unit.code: unit.parent_code for unit in list_units(session, CITY, last)}
    report = usage_report(runtime, CITY, UsageQuery(since, until, "unit"))
    uses = {}
    if shared:
        wanted = {each.code for each in shared}
        rows = usage_report(runtime, CITY, UsageQuery(since, until, "resource")).rows
        uses = {row.resource: row for row in rows if row.resource in wanted}
    code_of = {unit_id: code for code, unit_id in ids.items()}
    vcpu: dict[str, float] = {}
    cores: dict[str, float] = {}
    coming: dict[str, int] = {}
    going: dict[str, int] = {}

    def book(unit_id: int, share: float, size: float, used: float, count: dict[str, int]) -> None:
        code: str | None = code_of.get(unit_id)
        while code is not None:  # a unit's figures include its subtree
            vcpu[code] = vcpu.get(code, 0.0) + share * size
            cores[code] = cores.get(code, 0.0) + share * used
            count[code] = count.get(code, 0) + 1
            code = parents.get(code)

    for each in shared:
        row = uses.get(each.code)
        size = each.vcpu or 0.0
        used = size * (row.cpu_avg_pct or 0.0) / 100 if row else 0.0
        book(each.holder_id, -1.0, size, used, going)
        for unit_id, share in each.shared.parts:
            book(unit_id, share / 100, size, used, coming)
    found = []
    for line in report.rows:
        code = line.unit or ""
        if not scope.allows(ids.get(code)):
            continue
        own = _cores(line.vcpu_allocated, line.cpu_avg_pct)
        after = None if line.vcpu_allocated is None else line.vcpu_allocated + vcpu.get(code, 0.0)
        used_after = None if own is None else max(0.0, own + cores.get(code, 0.0))
        share_after = None
        if after and after > 0 and used_after is not None:
            share_after = 100 * used_after / after
        found.append(
            Apportioned(
                code,
                line.unit_name or code,
                line.vcpu_allocated,
                own,
                after,
                used_after,
                line.cpu_avg_pct,
                share_after,
                coming.get(code, 0),
                going.get(code, 0),
            )
        )
    return found


def _cores(vcpu: float | None, pct: float | None) -> float | None:
    return None if vcpu is None or pct is None else vcpu * pct / 100
