"""What a table of resources means for the register: planned first, written when all is good."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlmodel import Session, col

from controller.inventory.dated import EVER
from controller.inventory.holdings import canonical, read_holdings, write_holdings
from controller.inventory.matching import uuid_variants
from controller.inventory.places import PlaceIds
from controller.inventory.resource_state import RefusedError, ResourceState, applied
from controller.inventory.table import Record, Table
from controller.inventory.tables import Resource
from controller.inventory.unclaimed import ensure_unclaimed
from controller.inventory.unit_names import NOBODY, UnitNames, UnknownUnitError
from controller.said import say

DEMO_TAGS = frozenset({"演示数据", "demo"})
"""A resource with one of these is marked as demo data."""

_GIB = 2.0**30
_CHUNK = 500


@dataclass
class ResourcePlan:
    """Registered and planned states by the code that the file uses; only what the file names."""

    before: dict[str, ResourceState] = field(default_factory=dict)
    after: dict[str, ResourceState] = field(default_factory=dict)

    @property
    def created(self) -> int:
        return sum(code not in self.before for code in self.after)

    @property
    def updated(self) -> int:
        return len(self.after) - self.created - self.unchanged

    @property
    def unchanged(self) -> int:
        return sum(self.before.get(code) == state for code, state in self.after.items())

    def apply(self, session: Session, now: datetime) -> int:
        """Writes the plan; returns the resource-days marked for recomputing."""
        self._give_nobody_s(session, now)
        ids = _write_resources(session, self)
        changed = [
            code
            for code, state in self.after.items()
            if code not in self.before or self.before[code].holdings != state.holdings
        ]
        return write_holdings(
            session,
            {ids[code]: self.before[code].holdings for code in changed if code in self.before},
            {ids[code]: self.after[code].holdings for code in changed},
            now,
        )

    def _give_nobody_s(self, session: Session, now: datetime) -> None:
        """What is nobody's is held by the unit of the unclaimed, which is made for it."""
        named = {span.value.unit_id for state in self.after.values() for span in state.holdings}
        if NOBODY not in named:
            return
        unit_id = ensure_unclaimed(session, now)
        for code, state in self.after.items():
            self.after[code] = replace(
                state,
                holdings=tuple(
                    replace(span, value=replace(span.value, unit_id=unit_id))
                    if span.value.unit_id == NOBODY
                    else span
                    for span in state.holdings
                ),
            )


def plan_resources(
    session: Session, table: Table, now: datetime, since: datetime | None
) -> ResourcePlan:
    """The plan for the good records of ``table``; what else is wrong with them is noted there.

    A resource is the registered one of its code, else of its instance UUID, else new. A new one
    is held from ``since``, else from its opening (``created``), else from ever. For a registered
    one a row with a date says what holds from then on; a row without is held to be right since
    what holds at present began, so earlier owners stay; with ``since`` (the argument), from then.
    """
    known = _Known(session, table.records)
    units = UnitNames(session, now)
    places = PlaceIds(session)
    plan = ResourcePlan()
    _find_units(table, units)
    for code, records in _grouped(table, known):
        registered = known.find(records[0])
        state = registered
        try:
            for record in records:
                current = record
                state = applied(state, code, _resolve(record), now, since)
        except RefusedError as error:
            table.refuse(current, error.field, str(error))
            continue
        if state is None or any(record.bad for record in records):
            continue
        plan.after[code] = replace(state, holdings=canonical(places, state.holdings))
        if registered is not None:
            plan.before[code] = registered
    return plan


class _Known:
    """The registered resources that the file may mean."""

    def __init__(self, session: Session, records: Sequence[Record]) -> None:
        codes = {record.values.get("code") for record in records}
        uuids = {
            variant
            for record in records
            for variant in uuid_variants(record.values.get("instance_uuid"))
        }
        rows = {
            resource.id: resource
            for column, keys in ((Resource.code, codes), (Resource.instance_uuid, uuids))
            for chunk in _chunks(sorted(key for key in keys if key))
            for resource in session.execute(
                select(Resource.__table__).where(col(column).in_(chunk))  # type: ignore[attr-defined]
            )
        }
        holdings = read_holdings(session, sorted(rows))
        self._by_code: dict[str, ResourceState] = {}
        self._by_uuid: dict[str, ResourceState] = {}
        for row in rows.values():
            state = ResourceState(
                row.id, row.code, row.name, row.kind, row.instance_uuid, row.ip, row.os,
                row.created, row.retired, tuple(row.tags), row.demo, row.arch, row.accelerator,
                row.accelerators, holdings.get(row.id, ()),
            )  # fmt: skip
            self._by_code[state.code] = state
            if state.instance_uuid:
                self._by_uuid[state.instance_uuid] = state

    def find(self, record: Record) -> ResourceState | None:
        """By code, else by instance UUID."""
        by_code = self._by_code.get(record.values.get("code", ""))
        return by_code or self.by_uuid(record.values.get("instance_uuid"))

    def by_uuid(self, instance_uuid: str | None) -> ResourceState | None:
        for variant in uuid_variants(instance_uuid):
            if variant in self._by_uuid:
                return self._by_uuid[variant]
        return None


def _grouped(table: Table, known: _Known) -> Iterator[tuple[str, list[Record]]]:
    """The records of each resource in order of time; notes records without a key or in conflict.

    Several rows of one resource are its history, if each has its own date.
    """
    groups: dict[str, list[Record]] = {}
    uuid_rows: dict[str, Record] = {}
    owners: dict[int, str] = {}
    for record in table.records:
        code = record.values.get("code") or ""
        uuid = record.values.get("instance_uuid")
        if not code and "code" not in record.failed:
            match = known.by_uuid(uuid)
            code = match.code if match else uuid or ""
            if not code:
                table.refuse(
                    record,
                    "code",
                    say(
                        "the code is missing: give it, or the UUID of the instance",
                        "缺少编码：请填写编码或实例UUID",
                    ),
                )
        if not code:
            continue
        record.values["code"] = code
        _check_uuid(table, record, uuid_rows)
        _check_owner(table, record, known, owners)
        group = groups.setdefault(code, [])
        for other in group:
            dates = record.values.get("since"), other.values.get("since")
            if None in dates or dates[0] == dates[1]:
                table.refuse(
                    record,
                    "code",
                    say(
                        f"{code!r} stands in row {other.row} already: remove one, or give each "
                        "row the date since when it holds",
                        f"编码与第 {other.row} 行重复：请删除一行，或为每行填写归属起始日期",
                    ),
                )
                break
        group.append(record)
    for code, records in groups.items():
        _check_complete(table, code, records[0], known)
        good = [record for record in records if not record.bad]
        if good:
            yield code, sorted(good, key=lambda item: item.values.get("since") or EVER)


def _check_complete(table: Table, code: str, record: Record, known: _Known) -> None:
    """A resource that is not registered yet needs a name and a unit."""
    if known.find(record) is not None:
        return
    for name, key in (("name", "name"), ("unit", "unit_id")):
        if not record.values.get(key) and name not in record.failed:
            zh = "名称" if name == "name" else "单位（不知归属可填“待认领”）"
            table.refuse(
                record,
                name,
                say(f"the {name} of the new resource {code!r} is missing", f"新资源缺少{zh}"),
            )


def _check_uuid(table: Table, record: Record, uuid_rows: dict[str, Record]) -> None:
    uuid, code = record.values.get("instance_uuid"), record.values["code"]
    if not uuid:
        return
    variant = min(uuid_variants(uuid))
    other = uuid_rows.setdefault(variant, record)
    if other.values.get("code") != code:
        table.refuse(
            record,
            "instance_uuid",
            f"row {other.row} ({other.values.get('code')!r}) has the same UUID: one instance is "
            "one resource, correct or empty one of the two",
        )


def _check_owner(table: Table, record: Record, known: _Known, owners: dict[int, str]) -> None:
    """The UUID must not be that of another registered resource than the code's."""
    code = record.values["code"]
    by_uuid = known.by_uuid(record.values.get("instance_uuid"))
    target = known.find(record)
    if by_uuid and target and by_uuid.id != target.id:
        table.refuse(
            record,
            "instance_uuid",
            f"is that of the registered resource {by_uuid.code!r}: correct the code or the UUID",
        )
    elif target and target.id is not None:
        first = owners.setdefault(target.id, code)
        if first != code:
            table.refuse(
                record,
                "code",
                f"is the resource {first!r} of another row by its UUID: keep one of the rows",
            )


def _find_units(table: Table, units: UnitNames) -> None:
    """Puts ``unit_id`` in the place of each record's ``unit``, also of those that are bad: every
    error is named at once."""
    for record in table.records:
        wanted = record.values.pop("unit", "")
        if not wanted:
            continue
        try:
            record.values["unit_id"] = units.find(wanted, record.values.get("since"))
        except UnknownUnitError as error:
            table.refuse(record, "unit", str(error))


def _resolve(record: Record) -> dict[str, Any]:
    """The record's values in the register's terms."""
    values = dict(record.values)
    for source, target, factor in (
        ("mem_gib", "mem_bytes", _GIB),
        ("disk_gib", "disk_bytes", _GIB),
        ("bandwidth_mbps", "bandwidth_bit_s", 1e6),
    ):
        if source in values:
            given = values.pop(source)
            values[target] = None if given is None else given * factor
    if "ip" in values:
        values["ip"] = ",".join(values["ip"])
    if "tags" in values:
        values["tags"] = tuple(values["tags"])
        values["demo"] = bool(DEMO_TAGS & set(values["tags"]))
    return values


def _write_resources(session: Session, plan: ResourcePlan) -> dict[str, int]:
    """Writes the rows of table resource; returns the ids by the codes of the plan."""
    new = [state for code, state in plan.after.items() if code not in plan.before]
    changed = [
        {"id": plan.before[code].id} | state.columns()
        for code, state in plan.after.items()
        if code in plan.before and plan.before[code].columns() != state.columns()
    ]
    freed = [row["id"] for row in changed]
    # Two resources may swap their UUIDs: a UUID is set down before it is taken up.
    for chunk in _chunks(freed):
        session.execute(
            update(Resource).where(col(Resource.id).in_(chunk)).values(instance_uuid=None)
        )
    if changed:
        session.execute(update(Resource), changed)
    if new:
        session.execute(insert(Resource), [state.columns() for state in new])
    ids = {code: state.id for code, state in plan.before.items() if state.id is not None}
    for chunk in _chunks([state.code for state in new]):
        rows = session.execute(
            select(col(Resource.code), col(Resource.id)).where(col(Resource.code).in_(chunk))
        )
        ids.update((code, key) for code, key in rows)
    return ids


def _chunks(keys: Iterable[Any]) -> Iterator[list[Any]]:
    keys = list(keys)
    for start in range(0, len(keys), _CHUNK):
        yield keys[start : start + _CHUNK]
