"""Who holds a resource when: reading, changing and correcting the dated rows.

A resource's holdings cover exactly [created, retired). Places and systems are names here, so that
a change of owner takes the system's name along to the new unit, and corrections that do not
contradict each other end alike in any order; ids are looked up when rows are written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlmodel import Session, col

from controller.access.scope import Scope
from controller.inventory.dated import SHANGHAI
from controller.inventory.lock import lock_registers
from controller.inventory.places import PlaceIds
from controller.inventory.tables import (
    BusinessSystem,
    Holding,
    Resource,
    Site,
    Unit,
    Zone,
)
from controller.inventory.timeline import Span, Timeline, change, differences, joined, row_changes
from controller.problems import NotFound, Problem
from controller.said import say
from controller.store.dirty import earliest_day, mark_owners
from controller.store.relational import Database

SAMPLE_TABLE = "host"
"""The sample table whose sums carry owner and allocation."""

_CHUNK = 500
"""Ids in one IN list."""


@dataclass(frozen=True)
class Held:
    """What holds in one interval. Sizes: cores, bytes, bit/s; None is not known; "" is none."""

    unit_id: int
    system: str = ""
    site: str = ""
    zone: str = ""
    vcpu: float | None = None
    mem_bytes: float | None = None
    disk_bytes: float | None = None
    bandwidth_bit_s: float | None = None


Holdings = Timeline[Held]


def read_holdings(session: Session, resource_ids: Sequence[int]) -> dict[int, Holdings]:
    """The holdings of each resource, oldest first; a resource without any is left out."""
    found: dict[int, list[Span[Held]]] = {}
    for start in range(0, len(resource_ids), _CHUNK):
        rows = session.execute(
            select(
                col(Holding.resource_id),
                col(Holding.since),
                col(Holding.until),
                col(Holding.unit_id),
                col(BusinessSystem.name),
                col(Site.name),
                col(Zone.name),
                col(Holding.vcpu),
                col(Holding.mem_bytes),
                col(Holding.disk_bytes),
                col(Holding.bandwidth_bit_s),
            )
            .outerjoin(BusinessSystem, col(BusinessSystem.id) == col(Holding.system_id))
            .outerjoin(Site, col(Site.id) == col(Holding.site_id))
            .outerjoin(Zone, col(Zone.id) == col(Holding.zone_id))
            .where(col(Holding.resource_id).in_(resource_ids[start : start + _CHUNK]))
            .order_by(col(Holding.resource_id), col(Holding.since))
        )
        for resource_id, since, until, unit_id, system, site, zone, *sizes in rows:
            held = Held(unit_id, system or "", site or "", zone or "", *sizes)
            found.setdefault(resource_id, []).append(Span(since, until, held))
    return {resource_id: tuple(spans) for resource_id, spans in found.items()}


def write_holdings(
    session: Session,
    before: Mapping[int, Holdings],
    after: Mapping[int, Holdings],
    now: datetime,
    places: PlaceIds | None = None,
) -> int:
    """Makes the rows say ``after`` where they said ``before``; creates new systems and places.

    Marks the days of owners whose sums are other now; no stored sample is touched. Returns how
    many resource-days say something else.
    """
    places = places or PlaceIds(session)
    after = {key: canonical(places, spans) for key, spans in after.items()}
    values = {span.value for spans in after.values() for span in spans}
    places.create(
        sorted({held.site for held in values}),
        sorted({held.zone for held in values}),
        sorted({(held.unit_id, held.system) for held in values}),
    )
    _write_rows(session, places, before, after)
    return mark_changed(session, places, before, after, now)


def canonical(places: PlaceIds, spans: Iterable[Span[Held]]) -> Holdings:
    """The timeline with sites, zones and systems spelt as the register spells them."""
    changed = False
    spelt: list[Span[Held]] = []
    for span in spans:
        held = span.value
        site, zone = places.site_name(held.site), places.zone_name(held.zone)
        system = places.system_name(held.unit_id, held.system)
        if (site, zone, system) != (held.site, held.zone, held.system):
            span = replace(span, value=replace(held, site=site, zone=zone, system=system))  # noqa: PLW2901
            changed = True
        spelt.append(span)
    return joined(spelt) if changed else tuple(spelt)


def _write_rows(
    session: Session,
    places: PlaceIds,
    before: Mapping[int, Holdings],
    after: Mapping[int, Holdings],
) -> None:
    gone: list[tuple[int, datetime]] = []
    changed: list[dict[str, Any]] = []
    new: list[dict[str, Any]] = []
    for resource_id, spans in after.items():
        ended, altered, added = row_changes(before.get(resource_id, ()), spans)
        gone += [(resource_id, since) for since in ended]
        changed += [_row(places, resource_id, span) for span in altered]
        new += [_row(places, resource_id, span) for span in added]
    for resource_id, since in gone:
        session.execute(
            delete(Holding).where(
                col(Holding.resource_id) == resource_id, col(Holding.since) == since
            )
        )
    for row in changed:
        session.execute(
            update(Holding)
            .where(
                col(Holding.resource_id) == row["resource_id"],
                col(Holding.since) == row["since"],
            )
            .values(row)
        )
    if new:
        session.execute(insert(Holding), new)


def _row(places: PlaceIds, resource_id: int, span: Span[Held]) -> dict[str, Any]:
    held = span.value
    return {
        "resource_id": resource_id,
        "since": span.since,
        "until": span.until,
        "unit_id": held.unit_id,
        "system_id": places.system(held.unit_id, held.system),
        "site_id": places.site(held.site),
        "zone_id": places.zone(held.zone),
        "vcpu": held.vcpu,
        "mem_bytes": held.mem_bytes,
        "disk_bytes": held.disk_bytes,
        "bandwidth_bit_s": held.bandwidth_bit_s,
    }


def mark_changed(
    session: Session,
    places: PlaceIds,
    before: Mapping[int, Holdings],
    after: Mapping[int, Holdings],
    now: datetime,
) -> int:
    """Marks the UTC days on which ``before`` and ``after`` differ, up to ``now``, for the owners
    that either names; gives how many days of resources differ.

    A resource that is not in ``before`` is new and has no samples yet. Days before the first
    sample there can be are left out: a resource without an opening date would bring thousands.
    """
    earliest = _first_day(session, SAMPLE_TABLE, now)
    owners: set[tuple[int, int, date]] = set()
    marked = 0
    for resource_id, spans in after.items():
        if resource_id not in before:
            continue
        days = set(changed_days(before[resource_id], spans, earliest, now))
        marked += len(days)
        for span in (*before[resource_id], *spans):
            owner = (span.value.unit_id, places.system(span.value.unit_id, span.value.system) or 0)
            owners.update((*owner, day) for day in _days_of(span, days))
    if owners:
        mark_owners(session, owners, now)
    return marked


def _days_of(span: Span[Held], days: set[date]) -> Iterator[date]:
    """Those of ``days`` (UTC) that the span has a part of."""
    first = span.since.astimezone(UTC).date()
    last = None if span.until is None else (span.until - timedelta(microseconds=1))
    end = None if last is None else last.astimezone(UTC).date()
    return (day for day in days if first <= day and (end is None or day <= end))


def _first_day(session: Session, table: str, now: datetime) -> date:
    """The first UTC day of which there can be samples of ``table``.

    What came late or by import was marked; what came live is younger than the first unit.
    """
    first_unit = session.execute(select(func.min(col(Unit.created)))).scalar_one_or_none() or now
    installed = (first_unit.astimezone(UTC) - timedelta(days=1)).date()
    marked = earliest_day(session, table)
    return installed if marked is None else min(installed, marked)


def changed_days(
    before: Holdings, after: Holdings, earliest: date, now: datetime
) -> Iterator[date]:
    """UTC days from ``earliest`` to ``now`` on which the two differ in what reports count."""
    yielded: date | None = None
    for start, end in differences(_counted(before), _counted(after), now):
        day = max(start.astimezone(UTC).date(), earliest)
        if yielded is not None:
            day = max(day, yielded + timedelta(days=1))
        # ``end`` is not part of the interval; a day that it only touches is not either.
        last = (end.astimezone(UTC) - timedelta(microseconds=1)).date()
        while day <= last:
            yield day
            yielded = day
            day += timedelta(days=1)


def _counted(spans: Iterable[Span[Held]]) -> Holdings:
    """Without what no rollup carries: a change of bandwidth marks nothing."""
    return tuple(
        Span(span.since, span.until, replace(span.value, bandwidth_bit_s=None)) for span in spans
    )


def correct_holding(
    database: Database,
    resource_code: str,
    *,
    since: datetime | None,
    until: datetime | None,
    changes: Mapping[str, Any],
    scope: Scope,
    now: datetime,
) -> int:
    """As ``correct``, in a transaction of its own."""
    with database.write() as session:
        return correct(
            session, resource_code, since=since, until=until, changes=changes, scope=scope, now=now
        )


def correct(
    session: Session,
    resource_code: str,
    *,
    since: datetime | None,
    until: datetime | None,
    changes: Mapping[str, Any],
    scope: Scope,
    now: datetime,
) -> int:
    """Puts right who held a resource, or how large it was, during [since, until).

    ``changes`` are fields of Held with their new values; what is not named stays as it was in
    each part of the interval. ``since`` None is from its opening; ``until`` None has no end.
    A new owner takes over the system's name unless the system is changed too. Returns the
    resource-days that say something else. Raises NotFound; Problem 422 for an interval in which
    the resource did not exist, and for an unknown field.
    """
    lock_registers(session)
    resource = session.execute(
        select(Resource).where(col(Resource.code) == resource_code.strip())
    ).scalar_one_or_none()
    if resource is None or resource.id is None:
        raise NotFound("resource", resource_code)
    before = read_holdings(session, [resource.id]).get(resource.id, ())
    if not before or not scope.allows(before[-1].value.unit_id):
        raise NotFound("resource", resource_code)
    check_changes(session, since, until, changes)
    _check_time(resource, since, until)
    start = resource.created if since is None else since
    after = change(before, start, until, lambda held: replace(held, **changes))
    return write_holdings(session, {resource.id: before}, {resource.id: after}, now)


def check_changes(
    session: Session,
    since: datetime | None,
    until: datetime | None,
    changes: Mapping[str, Any],
) -> None:
    """Raises Problem 422 for fields that are none of Held's or an empty interval, and NotFound
    for a unit that is not there."""
    known = {*asdict(Held(0))}
    if not changes or set(changes) - known:
        raise Problem(422, "nothing to correct", f"name at least one of {', '.join(sorted(known))}")
    if since is not None and until is not None and since >= until:
        raise Problem(
            422,
            "empty interval",
            say("since must be before until", "起始日期须早于截止日期"),
        )
    if "unit_id" in changes and session.get(Unit, changes["unit_id"]) is None:
        raise NotFound("unit", str(changes["unit_id"]))


def _check_time(resource: Resource, since: datetime | None, until: datetime | None) -> None:
    if since is not None and since < resource.created:
        raise Problem(
            422,
            "before its opening",
            say(
                f"{resource.code} exists since {resource.created.isoformat()}: correct its "
                "opening date first, by an import with the column created",
                f"{resource.code} 自 {_day(resource.created)} 才开通：请先用导入更正其“开通时间”",
            ),
        )
    end = resource.retired
    if end is not None and (since or resource.created) >= end:
        raise Problem(
            422,
            "after its end",
            say(
                f"{resource.code} was retired at {end.isoformat()}",
                f"{resource.code} 已于 {_day(end)} 注销",
            ),
        )
    if until is not None and until <= resource.created:
        raise Problem(
            422,
            "before its opening",
            say(
                f"{resource.code} exists since {resource.created.isoformat()}",
                f"{resource.code} 自 {_day(resource.created)} 才开通",
            ),
        )


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(SHANGHAI):%Y-%m-%d}"
