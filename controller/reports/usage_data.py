"""What a usage report says (资源使用情况报告): one data set for every form, read within a scope."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from controller.access.scope import CITY, Scope
from controller.idle import library
from controller.idle.queries import all_verdicts, latest_scan
from controller.inventory.units import find_unit, list_units
from controller.runtime import Runtime
from controller.usage.model import Trend, UsageQuery, UsageReport, UsageRow
from controller.usage.peers import Standing, peers_of, standing
from controller.usage.queries import usage_report
from controller.usage.series import unit_trend

POINTS = 360
"""Of a curve: about two hours each over a month, as much as a page's width can show."""
ENDS = 10
"""Resources named at each end of the ranking by CPU."""
MOST_PRINTED = 300
"""Resources in the annex on paper; the workbook holds all of them."""
LEAST_FOR_MEDIAN = 4
"""Among fewer peers, one's own figure and the median tell somebody else's."""

Ask = Callable[[UsageQuery, Scope], UsageReport]
"""Usage as it is now, or of a published version."""


@dataclass(frozen=True)
class Judged:
    """The newest verdicts by the city's own rule on what the report is about."""

    policy: str
    as_of: datetime
    classes: dict[str, int]
    vcpu_freed: float
    mem_bytes_freed: float
    disk_bytes_freed: float


@dataclass(frozen=True)
class UsageData:
    """``total`` is the unit's line, or the sum of the first level of what may be seen."""

    subject: str
    code: str | None
    """The unit's; None is everything in the reader's scope."""
    since: datetime
    until: datetime
    zone: ZoneInfo
    generated: datetime
    total: UsageRow
    before: UsageRow | None
    """The same over the period before, of the same length (a month: the month before)."""
    lines: UsageReport
    """By system for a unit, by unit for the whole."""
    resources: UsageReport | None
    """Of a unit only."""
    trend: Trend
    place: Standing | None
    judged: Judged | None
    version: int | None = None
    published: datetime | None = None

    @property
    def by_unit(self) -> bool:
        return self.code is None

    @property
    def month(self) -> str | None:
        """``2026年10月`` where the period is that whole month."""
        first, last = self.since.astimezone(self.zone), self.until.astimezone(self.zone)
        whole = first.day == last.day == 1 and first.hour == last.hour == 0
        following = (first.year + first.month // 12, first.month % 12 + 1)
        if whole and (last.year, last.month) == following:
            return f"{first.year}年{first.month}月"
        return None

    @property
    def measured(self) -> list[UsageRow]:
        """A unit's resources that have a CPU average, highest first; public support is not among
        them, for it stands in no ranking."""
        rows = self.resources.rows if self.resources is not None else []
        known = [row for row in rows if row.cpu_avg_pct is not None and not row.public_support]
        return sorted(known, key=lambda row: (-(row.cpu_avg_pct or 0.0), row.resource or ""))


def collect(
    runtime: Runtime,
    scope: Scope,
    unit: str | None,
    period: tuple[datetime, datetime],
    before: tuple[datetime, datetime],
    ask: Ask,
) -> UsageData:
    """Reads the report of ``unit`` (code or name) or of all that may be seen. Raises NotFound."""
    since, until = period
    now = runtime.now()
    code = None
    subject = "全市" if scope.everything else "所辖单位"
    if unit is not None:
        with runtime.database.read() as session:
            found = find_unit(session, scope, unit, min(until, now))
        code, subject = found.code, found.name
    units = ask(UsageQuery(since, until, "unit", code), scope)
    total = _total(units.rows, code, subject)
    lines = units if code is None else ask(UsageQuery(since, until, "system", code), scope)
    return UsageData(
        subject=subject,
        code=code,
        since=since,
        until=until,
        zone=ZoneInfo(runtime.settings.timezone),
        generated=now,
        total=total,
        before=_earlier(runtime, scope, code, subject, before),
        lines=lines,
        resources=None if code is None else ask(UsageQuery(since, until, "resource", code), scope),
        trend=_trend(runtime, scope, code, since, until),
        place=None if code is None else _place(runtime, ask, code, period),
        judged=_judged(runtime, scope, code),
        version=units.version,
        published=units.published,
    )


def _trend(
    runtime: Runtime, scope: Scope, code: str | None, since: datetime, until: datetime
) -> Trend:
    """Up to now at most: what is yet to come is no gap."""
    end = min(until, runtime.now())
    return unit_trend(runtime, scope, code, since, end, POINTS) if end > since else Trend(0)


def _earlier(
    runtime: Runtime,
    scope: Scope,
    code: str | None,
    subject: str,
    period: tuple[datetime, datetime],
) -> UsageRow | None:
    report = usage_report(runtime, scope, UsageQuery(*period, "unit", code))
    return _total(report.rows, code, subject) if report.rows else None


def _total(rows: Sequence[UsageRow], code: str | None, subject: str) -> UsageRow:
    if code is not None:
        own = next((row for row in rows if row.unit == code), None)
        return own or UsageRow(unit=code, unit_name=subject)
    return _summed([row for row in rows if row.depth == 0], subject)


def _summed(rows: Sequence[UsageRow], subject: str) -> UsageRow:
    """Sums and weighted means; a percentile or a peak of several units is not theirs added up."""
    total = UsageRow(unit=None, unit_name=subject, resources=sum(row.resources for row in rows))
    for allocated, share in (
        ("vcpu_allocated", "cpu_avg_pct"),
        ("mem_allocated_bytes", "mem_avg_pct"),
        ("disk_allocated_bytes", "disk_used_pct"),
    ):
        whole = [getattr(row, allocated) for row in rows if getattr(row, allocated) is not None]
        known = [
            (getattr(row, allocated), getattr(row, share))
            for row in rows
            if getattr(row, allocated) and getattr(row, share) is not None
        ]
        weight = sum(size for size, _ in known)
        mean = sum(size * pct for size, pct in known) / weight if weight else None
        figures: dict[str, Any] = {allocated: sum(whole) if whole else None, share: mean}
        total = replace(total, **figures)
    covered = [(row.resources, row.coverage_pct) for row in rows if row.coverage_pct is not None]
    count = sum(number for number, _ in covered)
    mean = sum(number * pct for number, pct in covered) / count if count else None
    return replace(total, coverage_pct=mean)


def _place(
    runtime: Runtime, ask: Ask, code: str, period: tuple[datetime, datetime]
) -> Standing | None:
    with runtime.database.read() as session:
        peers = peers_of(code, list_units(session, CITY, period[1]))
    # Read beyond the reader's scope; what leaves is a place and the median of several.
    rows = ask(UsageQuery(*period, "unit"), CITY).rows
    place = standing(code, [row for row in rows if row.unit in peers])
    return place if place.rank is not None and place.of >= LEAST_FOR_MEDIAN else None


def _judged(runtime: Runtime, scope: Scope, code: str | None) -> Judged | None:
    now = runtime.now()
    with runtime.database.read() as session:
        scan = latest_scan(session, scope, library.DEFAULT)
        if scan is None:
            return None
        verdicts = all_verdicts(session, scope, scan.id, now, unit=code)
    classes: dict[str, int] = {}
    freed = dict.fromkeys(("vcpu_freed", "mem_bytes_freed", "disk_bytes_freed"), 0.0)
    for verdict in verdicts:
        classes[verdict.cls] = classes.get(verdict.cls, 0) + 1
        for name in freed:
            freed[name] += float(verdict.recommendation.get(name) or 0.0)
    return Judged(scan.title_zh or scan.policy, scan.as_of, classes, **freed)
