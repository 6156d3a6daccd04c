"""Import of pools and their capacities; a row with a date is an enlargement from then on."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from controller.inventory.dated import EVER
from controller.inventory.places import PlaceIds
from controller.inventory.record_import import RecordPlan, Values, need, once, scaled
from controller.inventory.register_tables import Pool, PoolCapacity
from controller.inventory.table import Table
from controller.inventory.tables import Site, Zone

CAPACITY = (
    "vcpu", "mem_bytes", "disk_bytes", "accelerators", "cpu_overcommit", "mem_overcommit",
    "reserve_pct",
)  # fmt: skip
OWN = ("name", "site", "zone", "arch", "accelerator")


def plan_pools(
    session: Session, table: Table, _now: datetime, since: datetime | None
) -> RecordPlan:
    """The plan for the good records of ``table``. A row is known by the pool's code and the day
    from which it holds; a pool without a code is known by its name."""
    sites = {site.id: site.name for site in session.execute(select(Site)).scalars()}
    zones = {zone.id: zone.name for zone in session.execute(select(Zone)).scalars()}
    pools = {
        pool.code: {
            "name": pool.name, "site": sites[pool.site_id], "zone": zones.get(pool.zone_id, ""),
            "arch": pool.arch, "accelerator": pool.accelerator,
        }
        for pool in session.execute(select(Pool)).scalars()
    }  # fmt: skip
    codes = {pool.id: pool.code for pool in session.execute(select(Pool)).scalars()}
    capacities: dict[tuple[str, datetime], Values] = {}
    first: dict[str, datetime] = {}
    for row in session.execute(select(PoolCapacity).order_by(col(PoolCapacity.since))).scalars():
        capacities[codes[row.pool_id], row.since] = {name: getattr(row, name) for name in CAPACITY}
        first.setdefault(codes[row.pool_id], row.since)
    plan = RecordPlan(_write_pool)
    known = {code: dict(own) for code, own in pools.items()}
    steps = dict(capacities)
    rows: dict[Any, int] = {}
    for record in table.records:
        code = record.values.get("code") or record.values.get("name", "")
        if code not in known:
            need(table, record, "name", "site", "arch")
        if not code:
            need(table, record, "code")
        if record.bad:
            continue
        key = (code, record.values.get("since") or since or first.get(code, EVER))
        if not once(table, record, key, rows, "code"):
            continue
        before = capacities.get(key)
        values = dict(before or _capacity_before(steps, *key))
        given = record.values | scaled(
            record.values, {"mem_gib": "mem_bytes", "disk_gib": "disk_bytes"}
        )
        values.update({name: given[name] for name in CAPACITY if name in given})
        own = dict(known.get(code, dict.fromkeys(OWN, "")))
        own.update({name: given[name] for name in OWN if given.get(name) not in (None, "")})
        known[code], steps[key] = own, values
        plan.after[key] = values | own
        if before is not None:
            plan.before[key] = before | pools[code]
    return plan


def _capacity_before(
    steps: dict[tuple[str, datetime], Values], code: str, since: datetime
) -> Values:
    """What an enlargement begins with: the capacity until then, else nothing known."""
    earlier = [key for key in steps if key[0] == code and key[1] < since]
    if earlier:
        return steps[max(earlier, key=lambda key: key[1])]
    blank = PoolCapacity(pool_id=0, since=EVER)
    return {name: getattr(blank, name) for name in CAPACITY}


def _write_pool(
    session: Session, key: Any, values: Values, _before: Values | None, _now: datetime
) -> None:
    code, since = key
    places = PlaceIds(session)
    places.create([values["site"]], [values["zone"]], [])
    pool = session.execute(select(Pool).where(col(Pool.code) == code)).scalar_one_or_none()
    columns: dict[str, Any] = {
        "name": values["name"] or code,
        "site_id": places.site(values["site"]) or 0,
        "zone_id": places.zone(values["zone"]),
        "arch": values["arch"],
        "accelerator": values["accelerator"],
    }
    if pool is None:
        pool = Pool(code=code, **columns)
    for name, value in columns.items():
        setattr(pool, name, value)
    session.add(pool)
    session.flush()
    capacity = session.execute(
        select(PoolCapacity).where(
            col(PoolCapacity.pool_id) == pool.id, col(PoolCapacity.since) == since
        )
    ).scalar_one_or_none() or PoolCapacity(pool_id=pool.id or 0, since=since)
    for name in CAPACITY:
        setattr(capacity, name, values[name])
    session.add(capacity)
    session.flush()
