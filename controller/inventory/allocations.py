"""What was applied for, approved and delivered: the papers, their history and their time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import delete, select
from sqlmodel import Session, col

from controller.access.scope import Scope
from controller.inventory.dated import EVER, SHANGHAI
from controller.inventory.naming import fold
from controller.inventory.places import PlaceIds
from controller.inventory.record_import import (
    RecordPlan,
    Values,
    find_unit,
    need,
    once,
    scaled,
)
from controller.inventory.register_tables import (
    Allocation,
    AllocationEvent,
    AllocationResource,
)
from controller.inventory.resources import unit_names
from controller.inventory.table import Record, Table
from controller.inventory.tables import BusinessSystem, Resource, Site, Unit, Zone
from controller.inventory.unit_names import UnitNames
from controller.problems import NotFound
from controller.said import say

STEPS = ("applied", "approved", "delivered")
SIZES = ("vcpu", "mem_bytes", "disk_bytes", "accelerators")
FIELDS = tuple(
    name for name in Allocation.model_fields if name not in ("id", "number", "line", "updated")
)


class Quantities(BaseModel):
    """Cores, bytes and cards; null is not known."""

    vcpu: float | None = None
    mem_bytes: float | None = None
    disk_bytes: float | None = None
    accelerators: float | None = None


class AllocationView(BaseModel):
    """A line of an application."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"id": 12, "number": "ZY-2026-0147", "line": 1, "unit_code": "330100-JTJ",
                 "unit_name": "市交通运输局", "system": "智慧交通", "site": "主中心",
                 "zone": "政务外网区", "arch": "kunpeng", "purpose": "production",
                 "applied": {"vcpu": 32, "mem_bytes": 68719476736},
                 "approved": {"vcpu": 16, "mem_bytes": 34359738368},
                 "delivered": {"vcpu": 16, "mem_bytes": 34359738368},
                 "applied_at": "2026-03-02T00:00:00+08:00",
                 "approved_at": "2026-03-05T00:00:00+08:00",
                 "delivered_at": "2026-03-09T00:00:00+08:00", "days_to_deliver": 7,
                 "expires": None, "resources": ["vm-0042"], "state": "delivered", "note": ""}
            ]
        }
    )  # fmt: skip

    id: int
    number: str
    line: int
    unit_code: str
    unit_name: str
    system: str
    site: str
    zone: str
    arch: str
    purpose: str
    applied: Quantities
    approved: Quantities
    delivered: Quantities
    applied_at: datetime | None
    approved_at: datetime | None
    delivered_at: datetime | None
    days_to_deliver: int | None = Field(description="From the application; null: not delivered.")
    expires: datetime | None
    resources: list[str]
    state: str = Field(description="applied, approved, delivered or expired.")
    note: str


class EventView(BaseModel):
    """One change of an allocation: field -> [before, after]."""

    at: datetime
    by: str
    what: str
    changes: dict[str, Any]


class AllocationDetail(AllocationView):
    """An allocation with its history, oldest first."""

    history: list[EventView] = []


def list_allocations(
    session: Session,
    scope: Scope,
    now: datetime,
    *,
    unit_ids: frozenset[int] | None = None,
    text: str = "",
    state: str = "",
    ids: Sequence[int] | None = None,
) -> list[AllocationView]:
    """Newest application first."""
    statement = scope.limit(
        select(Allocation, Unit, BusinessSystem, Site, Zone)
        .join(Unit, col(Unit.id) == col(Allocation.unit_id))
        .outerjoin(BusinessSystem, col(BusinessSystem.id) == col(Allocation.system_id))
        .outerjoin(Site, col(Site.id) == col(Allocation.site_id))
        .outerjoin(Zone, col(Zone.id) == col(Allocation.zone_id))
        .order_by(col(Allocation.number).desc(), col(Allocation.line)),
        Allocation.unit_id,
    )
    if unit_ids is not None:
        statement = statement.where(col(Allocation.unit_id).in_(sorted(unit_ids)))
    if ids is not None:
        statement = statement.where(col(Allocation.id).in_(ids))
    rows = session.execute(statement).all()
    names = unit_names(session, {row[0].unit_id for row in rows}, now)
    linked: dict[int, list[str]] = {}
    for allocation_id, code in session.execute(
        select(col(AllocationResource.allocation_id), col(Resource.code))
        .join(Resource, col(Resource.id) == col(AllocationResource.resource_id))
        .order_by(col(Resource.code))
    ):
        linked.setdefault(allocation_id, []).append(code)
    wanted = fold(text)
    found = []
    for line, unit, system, site, zone in rows:
        view = AllocationView(
            id=line.id, number=line.number, line=line.line, unit_code=unit.code,
            unit_name=names.get(line.unit_id, unit.code), system=system.name if system else "",
            site=site.name if site else "", zone=zone.name if zone else "", arch=line.arch,
            purpose=line.purpose,
            **{step: Quantities(**{s: getattr(line, f"{step}_{s}") for s in SIZES})
               for step in STEPS},
            **{f"{step}_at": getattr(line, step) for step in STEPS},
            days_to_deliver=days_between(line.applied, line.delivered), expires=line.expires,
            resources=linked.get(line.id, []), state=state_of(line, now), note=line.note,
        )  # fmt: skip
        searched = fold(f"{view.number} {view.unit_name} {view.system} {' '.join(view.resources)}")
        if (not state or view.state == state) and (not wanted or wanted in searched):
            found.append(view)
    return found


def state_of(line: Allocation, now: datetime) -> str:
    """applied, approved, delivered or expired."""
    if line.expires is not None and line.expires <= now:
        return "expired"
    if line.delivered is not None or has(line, "delivered"):
        return "delivered"
    return "approved" if line.approved is not None or has(line, "approved") else "applied"


def has(line: Allocation, step: str) -> bool:
    """Whether any quantity of this step is known and more than nothing."""
    return any(getattr(line, f"{step}_{size}") for size in SIZES)


def days_between(first: datetime | None, second: datetime | None) -> int | None:
    """Whole days from one date to the other in Shanghai."""
    if first is None or second is None:
        return None
    return (second.astimezone(SHANGHAI).date() - first.astimezone(SHANGHAI).date()).days


def allocation_detail(
    session: Session, scope: Scope, allocation_id: int, now: datetime
) -> AllocationDetail:
    """Raises NotFound, also outside the scope."""
    found = list_allocations(session, scope, now, ids=[allocation_id])
    if not found:
        raise NotFound("allocation", str(allocation_id))
    events = session.execute(
        select(AllocationEvent)
        .where(col(AllocationEvent.allocation_id) == allocation_id)
        .order_by(col(AllocationEvent.id))
    ).scalars()
    return AllocationDetail(
        **found[0].model_dump(),
        history=[
            EventView(at=each.at, by=each.by, what=each.what, changes=each.changes)
            for each in events
        ],
    )


def plan_allocations(
    session: Session, table: Table, now: datetime, _since: datetime | None
) -> RecordPlan:
    """The plan for the good records of ``table``. A line is known by its number and line."""
    units = UnitNames(session, now)
    places = PlaceIds(session)
    codes = {row[0]: row[1] for row in session.execute(select(col(Resource.code),
                                                              col(Resource.id)))}  # fmt: skip
    linked: dict[int, list[int]] = {}
    for allocation_id, resource_id in session.execute(
        select(col(AllocationResource.allocation_id), col(AllocationResource.resource_id))
    ):
        linked.setdefault(allocation_id, []).append(resource_id)
    known = {
        (line.number, line.line): line for line in session.execute(select(Allocation)).scalars()
    }
    plan = RecordPlan(_write_allocation)
    rows: dict[Any, int] = {}
    for record in table.records:
        key = (record.values.get("number", ""), int(record.values.get("line") or 1))
        line = known.get(key)
        unit_id = find_unit(table, record, units, required=line is None)
        if not need(table, record, "number") or not once(table, record, key, rows, "number"):
            continue
        before = None
        if line is not None:
            before = {name: getattr(line, name) for name in FIELDS}
            before["resources"] = tuple(sorted(linked.get(line.id or 0, ())))
        values = dict(before or _blank())
        values.update(_given(record, places, unit_id or values["unit_id"]))
        if "resources" in record.values:
            values["resources"] = _resources(table, record, codes)
        _check_dates(table, record, values)
        if record.bad:
            continue
        plan.after[key] = values
        if before is not None:
            plan.before[key] = before
    return plan


def _blank() -> Values:
    line = Allocation(number="", unit_id=0, updated=EVER)
    return {name: getattr(line, name) for name in FIELDS} | {"resources": ()}


def _given(record: Record, places: PlaceIds, unit_id: int) -> Values:
    """The record's values as columns of the table; a place or system that is new stands by its
    name until it is written."""
    given = record.values
    values = {name: given[name] for name in FIELDS if name in given and name != "unit_id"}
    values["unit_id"] = unit_id
    for step in STEPS:
        values |= scaled(
            given,
            {f"{step}_mem_gib": f"{step}_mem_bytes", f"{step}_disk_gib": f"{step}_disk_bytes"},
        )
    for name in ("system", "site", "zone"):
        if name in given:
            wanted = given[name]
            values[f"{name}_id"] = places.known(name, unit_id, wanted) or wanted or None
    return values


def _resources(table: Table, record: Record, codes: Mapping[str, int]) -> tuple[int, ...]:
    unknown = [code for code in record.values["resources"] if code not in codes]
    if unknown:
        table.refuse(
            record,
            "resources",
            say(
                f"no resource {', '.join(unknown[:5])} in the register: correct or import it first",
                f"台账中没有资源 {'、'.join(unknown[:5])}：请更正，或先导入",
            ),
        )
    return tuple(sorted(codes[code] for code in record.values["resources"] if code in codes))


def _check_dates(table: Table, record: Record, values: Values) -> None:
    """A paper may be late, but not earlier than what it answers."""
    for first, second, zh in (
        ("applied", "approved", "批复日期早于申请日期"),
        ("approved", "delivered", "开通日期早于批复日期"),
    ):
        one, other = values.get(first), values.get(second)
        if one and other and other < one:
            table.warn(
                record,
                second,
                say(f"{second} lies before {first}: check both dates", f"{zh}：请核对"),
            )


def _write_allocation(
    session: Session, key: Any, values: Values, before: Values | None, now: datetime
) -> None:
    number, line_number = key
    columns = {name: values[name] for name in FIELDS}
    columns |= _place_ids(session, columns)
    line = session.execute(
        select(Allocation).where(
            col(Allocation.number) == number, col(Allocation.line) == line_number
        )
    ).scalar_one_or_none()
    if line is None:
        line = Allocation(number=number, line=line_number, **columns, updated=now)
    for name, value in columns.items():
        setattr(line, name, value)
    line.updated = now
    session.add(line)
    session.flush()
    keep_resources(session, line.id or 0, values["resources"])
    old = before or {}
    changes = {
        name: [_plain(old.get(name)), _plain(values[name])]
        for name in (*FIELDS, "resources")
        if _plain(old.get(name)) != _plain(values[name])
    }
    session.add(
        AllocationEvent(
            allocation_id=line.id or 0,
            at=now,
            by="import",
            what="created" if before is None else "changed",
            changes=changes,
        )
    )


def keep_resources(session: Session, allocation_id: int, resource_ids: Sequence[int]) -> None:
    """Makes these the resources that were delivered for the allocation."""
    session.execute(
        delete(AllocationResource).where(col(AllocationResource.allocation_id) == allocation_id)
    )
    for resource_id in resource_ids:
        session.add(AllocationResource(allocation_id=allocation_id, resource_id=resource_id))


def _place_ids(session: Session, columns: Values) -> Values:
    """Names of new places and systems as ids; ids stay."""
    names = {
        name: columns[name]
        for name in ("system_id", "site_id", "zone_id")
        if isinstance(columns[name], str)
    }
    if not names:
        return {}
    places = PlaceIds(session)
    unit_id = columns["unit_id"]
    places.create(
        [names.get("site_id", "")],
        [names.get("zone_id", "")],
        [(unit_id, names.get("system_id", ""))],
    )
    found: Values = {}
    if "site_id" in names:
        found["site_id"] = places.site(names["site_id"])
    if "zone_id" in names:
        found["zone_id"] = places.zone(names["zone_id"])
    if "system_id" in names:
        found["system_id"] = places.system(unit_id, names["system_id"])
    return found


def _plain(value: Any) -> Any:
    """A value as JSON keeps it."""
    if isinstance(value, datetime):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value
