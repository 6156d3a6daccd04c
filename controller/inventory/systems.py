"""The register of business systems: read within a scope, imported, kept; and what is due."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlmodel import Session, col

from controller.access.scope import Scope
from controller.inventory.dated import SHANGHAI
from controller.inventory.naming import fold
from controller.inventory.places import list_systems
from controller.inventory.record_import import RecordPlan, Values, find_unit, need, once
from controller.inventory.register_tables import XINCHUANG_LAYERS, Allocation, SystemRecord
from controller.inventory.resources import unit_names
from controller.inventory.table import Table
from controller.inventory.tables import BusinessSystem, Unit
from controller.inventory.unit_names import UnitNames
from controller.problems import NotFound

FIELDS = tuple(
    name for name in SystemRecord.model_fields if name not in ("system_id", "updated", "by")
)


class SystemRecordView(BaseModel):
    """A business system with what the register knows of it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"id": 7, "name": "智慧交通", "unit_code": "330100-JTJ",
                 "unit_name": "市交通运输局", "resources": 12, "level": 3,
                 "record_number": "33010043001-26001", "assessed": "2026-03-01T00:00:00+08:00",
                 "crypto_assessed": None, "on_cloud": True, "should_be_on_cloud": True,
                 "xinchuang": {"cpu": "done", "database": "adapting"},
                 "public_addresses": ["jt.example.gov.cn"], "last_backup": None,
                 "offsite_copy": None, "last_drill": None, "operator": "某公司",
                 "operator_contact": "", "contract_end": "2026-12-31T00:00:00+08:00", "note": ""}
            ]
        }
    )  # fmt: skip

    id: int
    name: str
    unit_code: str
    unit_name: str
    resources: int = 0
    known: bool = Field(False, description="Whether the register has a record of it.")
    level: int | None = None
    record_number: str = ""
    assessed: datetime | None = None
    crypto_assessed: datetime | None = None
    on_cloud: bool | None = None
    should_be_on_cloud: bool | None = None
    xinchuang: dict[str, str] = {}
    public_addresses: list[str] = []
    last_backup: datetime | None = None
    offsite_copy: datetime | None = None
    last_drill: datetime | None = None
    operator: str = ""
    operator_contact: str = ""
    contract_end: datetime | None = None
    note: str = ""


def system_register(
    session: Session,
    scope: Scope,
    at: datetime,
    *,
    unit_ids: frozenset[int] | None = None,
    text: str = "",
    level: int | None = None,
    cloud: str = "",
) -> list[SystemRecordView]:
    """Systems by unit and name. ``cloud``: on, off, should (should be and is not), unknown."""
    systems = list_systems(session, scope, at, unit_ids=unit_ids)
    records = {
        record.system_id: record for record in session.execute(select(SystemRecord)).scalars()
    }
    wanted = fold(text)
    found = []
    for system in systems:
        record = records.get(system.id)
        kept = {name: getattr(record, name) for name in FIELDS} if record else {}
        view = SystemRecordView(
            id=system.id, name=system.name, unit_code=system.unit_code,
            unit_name=system.unit_name, resources=system.resources, known=record is not None,
            **kept,
        )  # fmt: skip
        if level is not None and view.level != level:
            continue
        if cloud and cloud != cloud_state(view):
            continue
        searched = f"{view.name} {view.unit_name} {view.record_number} {view.operator}"
        if wanted and wanted not in fold(searched):
            continue
        found.append(view)
    return found


def cloud_state(view: SystemRecordView) -> str:
    """on, should (is not on the cloud and should be), off, or unknown."""
    if view.on_cloud:
        return "on"
    if view.on_cloud is None:
        return "unknown"
    return "should" if view.should_be_on_cloud else "off"


def find_system(session: Session, scope: Scope, system_id: int, at: datetime) -> SystemRecordView:
    """Raises NotFound, also outside the scope."""
    for view in system_register(session, scope, at):
        if view.id == system_id:
            return view
    raise NotFound("system", str(system_id))


def keep_system(
    session: Session, system_id: int, values: Mapping[str, Any], by: str, now: datetime
) -> None:
    """Sets fields of a system's record; makes the record where there is none."""
    record = session.get(SystemRecord, system_id) or SystemRecord(system_id=system_id, updated=now)
    for name, value in values.items():
        setattr(record, name, value)
    record.updated, record.by = now, by
    session.add(record)
    session.flush()


def plan_systems(
    session: Session, table: Table, now: datetime, _since: datetime | None
) -> RecordPlan:
    """The plan for the good records of ``table``. A system is known by unit and name."""
    units = UnitNames(session, now)
    known = {
        (system.unit_id, fold(system.name)): system.id or 0
        for system in session.execute(select(BusinessSystem)).scalars()
    }
    records = {
        record.system_id: {name: getattr(record, name) for name in FIELDS}
        for record in session.execute(select(SystemRecord)).scalars()
    }
    blank = SystemRecord(system_id=0, updated=now)
    plan = RecordPlan(_write_system)
    rows: dict[Any, int] = {}
    for record in table.records:
        unit_id = find_unit(table, record, units)
        if not need(table, record, "name") or not unit_id:
            continue
        key = (unit_id, fold(record.values["name"]))
        if not once(table, record, key, rows, "name"):
            continue
        system_id = known.get(key)
        before = records.get(system_id or 0)
        values = dict(before or {name: getattr(blank, name) for name in FIELDS})
        given = record.values
        values.update({name: given[name] for name in FIELDS if name in given})
        layers = dict(values["xinchuang"])
        for layer in XINCHUANG_LAYERS:
            if f"xinchuang_{layer}" in given:
                layers[layer] = given[f"xinchuang_{layer}"]
        values["xinchuang"] = {layer: state for layer, state in layers.items() if state}
        full = (unit_id, given["name"], system_id or 0)
        plan.after[full] = values
        if before is not None:
            plan.before[full] = before
    return plan


def _write_system(
    session: Session, key: Any, values: Values, _before: Values | None, now: datetime
) -> None:
    unit_id, name, system_id = key
    if not system_id:
        system = BusinessSystem(unit_id=unit_id, name=name)
        session.add(system)
        session.flush()
        system_id = system.id
    keep_system(session, system_id, values, "import", now)


@dataclass(frozen=True)
class DueRule:
    """``field`` falls due ``days`` after its date (None: on its date). ``levels``: whose systems
    must have it at all; where such a system has no date, it is due at once."""

    what: str
    field: str
    days: Mapping[int, int] | None
    zh: str
    en: str
    source: str


DUE_RULES = (
    DueRule("assessment", "assessed", {2: 730, 3: 365, 4: 365, 5: 365},
            "等保测评", "level-protection assessment",
            "GB/T 22239-2019；三级及以上每年、二级每两年"),
    DueRule("crypto", "crypto_assessed", {3: 365, 4: 365, 5: 365},
            "密码应用安全性评估", "cryptography assessment",
            "GB/T 39786-2021；三级及以上每年"),
    DueRule("drill", "last_drill", {2: 365, 3: 365, 4: 365, 5: 365},
            "恢复演练", "restore drill", "每年至少一次"),
    DueRule("backup", "last_backup", {2: 30, 3: 30, 4: 30, 5: 30},
            "数据备份", "backup", "登记日期超过 30 天"),
    DueRule("offsite", "offsite_copy", {3: 30, 4: 30, 5: 30},
            "异地备份", "copy at the other site", "登记日期超过 30 天"),
    DueRule("contract", "contract_end", None, "运维合同到期", "operator's contract ends", "合同"),
)  # fmt: skip


class DueItem(BaseModel):
    """Something that falls due; ``last`` is when it was done last, None never or unknown."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"what": "assessment", "title_zh": "等保测评",
                 "title_en": "level-protection assessment",
                 "unit_code": "330100-JTJ", "unit_name": "市交通运输局", "system_id": 7,
                 "subject": "智慧交通", "due": "2027-03-01T00:00:00+08:00", "overdue": False,
                 "last": "2026-03-01T00:00:00+08:00", "rule": "三级及以上每年"}
            ]
        }
    )  # fmt: skip

    what: str
    title_zh: str
    title_en: str
    unit_code: str
    unit_name: str
    system_id: int | None
    subject: str
    """The system's name, or the number of the application or line."""
    href: str = ""
    """Where the console shows it, where that is not the system's own page."""
    due: datetime
    overdue: bool
    last: datetime | None
    rule: str


Further = Callable[[Session, Scope, datetime, datetime, frozenset[int] | None], "Sequence[DueItem]"]
"""What of another capability falls due: (session, scope, until, now, unit ids) to items."""


def due(
    session: Session,
    scope: Scope,
    until: datetime,
    now: datetime,
    *,
    unit_ids: frozenset[int] | None = None,
    further: Sequence[Further] = (),
) -> list[DueItem]:
    """What falls due before ``until``, the longest overdue first.

    A date that must be there and is not counts as due today. ``further``: what capabilities above
    the registers add (``app.state.further_due``).
    """
    today = now.astimezone(SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0)
    found = []
    for view in system_register(session, scope, now, unit_ids=unit_ids):
        if not view.known:
            continue
        for rule in DUE_RULES:
            moment = due_date(rule, view, today)
            if moment is not None and moment < until:
                last = getattr(view, rule.field)
                found.append(
                    DueItem(
                        what=rule.what,
                        title_zh=rule.zh,
                        title_en=rule.en,
                        unit_code=view.unit_code,
                        unit_name=view.unit_name,
                        system_id=view.id,
                        subject=view.name,
                        due=moment,
                        overdue=moment < now,
                        last=None if rule.days is None else last,
                        rule=rule.source,
                    )
                )
    found += _expiring(session, scope, until, now, unit_ids)
    for more in further:
        found += more(session, scope, until, now, unit_ids)
    return sorted(found, key=lambda item: (item.due, item.unit_code, item.subject, item.what))


def due_date(rule: DueRule, view: SystemRecordView, today: datetime) -> datetime | None:
    """When a rule's date falls due for a system; None: never."""
    last: datetime | None = getattr(view, rule.field)
    if rule.days is None:
        return last
    days = rule.days.get(view.level or 0)
    if days is None:
        return None
    return today if last is None else last + timedelta(days=days)


def _expiring(
    session: Session,
    scope: Scope,
    until: datetime,
    now: datetime,
    unit_ids: frozenset[int] | None,
) -> Sequence[DueItem]:
    statement = scope.limit(
        select(Allocation, col(Unit.code))
        .join(Unit, col(Unit.id) == col(Allocation.unit_id))
        .where(col(Allocation.expires).is_not(None), col(Allocation.expires) < until),
        Allocation.unit_id,
    )
    if unit_ids is not None:
        statement = statement.where(col(Allocation.unit_id).in_(sorted(unit_ids)))
    rows = session.execute(statement).all()
    names = unit_names(session, {row[0].unit_id for row in rows}, now)
    return [
        DueItem(
            what="allocation", title_zh="资源使用到期", title_en="allocation expires",
            unit_code=code, unit_name=names.get(line.unit_id, code), system_id=line.system_id,
            subject=f"{line.number}-{line.line}", due=line.expires, overdue=line.expires < now,
            last=None, rule="批复的使用期限",
        )
        for line, code in rows
    ]  # fmt: skip
