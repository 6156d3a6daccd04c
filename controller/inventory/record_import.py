"""Imports of registers whose rows are records with a key: planned, then written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlmodel import Session

from controller.inventory.table import Record, Table
from controller.inventory.unit_names import UnitNames, UnknownUnitError
from controller.said import say

Values = dict[str, Any]
Write = Callable[[Session, Any, Values, Values | None, datetime], None]
"""(session, key, the record, what it was or None, now)"""

GIB = 2.0**30


@dataclass
class RecordPlan:
    """Records by key, as they are and as the file wants them; only those the file names."""

    write: Write
    before: dict[Any, Values] = field(default_factory=dict)
    after: dict[Any, Values] = field(default_factory=dict)

    @property
    def created(self) -> int:
        return sum(key not in self.before for key in self.after)

    @property
    def updated(self) -> int:
        return len(self.after) - self.created - self.unchanged

    @property
    def unchanged(self) -> int:
        return sum(self.before.get(key) == values for key, values in self.after.items())

    def apply(self, session: Session, now: datetime) -> int:
        """Writes what is new or other; no figure of usage depends on it."""
        for key, values in self.after.items():
            old = self.before.get(key)
            if old != values:
                self.write(session, key, values, old, now)
        session.flush()
        return 0


def find_unit(table: Table, record: Record, units: UnitNames, *, required: bool = True) -> int:
    """The id of the record's unit, 0 with a note where there is none."""
    wanted = record.values.get("unit")
    if not wanted:
        if required and "unit" not in record.failed:
            table.refuse(record, "unit", say("the unit is missing: name it", "缺少单位：请填写"))
        return 0
    try:
        return units.find(wanted)
    except UnknownUnitError as error:
        table.refuse(record, "unit", str(error))
        return 0


def need(table: Table, record: Record, *names: str) -> bool:
    """Whether the record has these fields; notes each that it lacks."""
    for name in names:
        if record.values.get(name) in (None, "") and name not in record.failed:
            header = table.header(name)
            table.refuse(
                record, name, say(f"{name} is missing: fill it in", f"缺少{header}：请填写")
            )
    return not record.bad


def once(table: Table, record: Record, key: Any, rows: dict[Any, int], name: str) -> bool:
    """Whether no earlier record has this key; notes where one has."""
    first = rows.setdefault(key, record.row)
    if first != record.row:
        table.refuse(
            record,
            name,
            say(
                f"stands in row {first} already: remove one of the two",
                f"与第 {first} 行重复：请删除其中一行",
            ),
        )
    return first == record.row


def scaled(values: Mapping[str, Any], names: Mapping[str, str]) -> Values:
    """``values`` of columns in GiB as bytes: source name -> target name."""
    return {
        target: None if values[source] is None else values[source] * GIB
        for source, target in names.items()
        if source in values
    }
