"""The register's rows as they were before and after a confirmation, for undoing exactly that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Table, delete, insert, select, update
from sqlmodel import Session, SQLModel

from controller.inventory.tables import BusinessSystem, Holding, Resource, Site, Zone
from controller.ledger.packing import pack, unpack
from controller.problems import Problem
from controller.said import say
from controller.store.relational import UtcDateTime

Row = dict[str, Any]

PLACES: tuple[type[SQLModel], ...] = (BusinessSystem, Site, Zone)
"""Tables to which a confirmation only adds."""

MODELS: tuple[type[SQLModel], ...] = (Holding, Resource, *PLACES)

_TABLES_ZH = {
    "holding": "归属与分配",
    "resource": "资源",
    "business_system": "业务系统",
    "site": "站点",
    "zone": "网络区",
    "agent": "采集端",
    "claim": "认领",
    "shared_resource": "共享登记",
    "allocation": "申请",
}

_CHUNK = 500


def table_of(model: type[SQLModel]) -> Table:
    """The table behind a model."""
    found: Table = model.__table__  # type: ignore[attr-defined]
    return found


@dataclass
class Snapshot:
    """``before`` and ``after``: table name -> id -> row; ``pending`` as pending.notice gives it."""

    before: dict[str, dict[int, Row]] = field(default_factory=dict)
    after: dict[str, dict[int, Row]] = field(default_factory=dict)
    pending: dict[str, list[int]] = field(default_factory=dict)

    def packed(self) -> bytes:
        return pack(
            {
                "before": {name: list(rows.values()) for name, rows in _plain(self.before)},
                "after": {name: list(rows.values()) for name, rows in _plain(self.after)},
                "pending": self.pending,
            }
        )

    @property
    def resources(self) -> list[int]:
        """Every resource of which something was written, also its holdings alone."""
        return sorted({*self.before["resource"], *self.after["resource"]})

    @property
    def created(self) -> list[int]:
        return sorted(set(self.after["resource"]) - set(self.before["resource"]))


def unpacked(data: bytes) -> Snapshot:
    """What ``Snapshot.packed`` packed."""
    document = unpack(data)
    tables = {table_of(model).name: table_of(model) for model in MODELS}

    def rows(part: str) -> dict[str, dict[int, Row]]:
        return {
            name: {row["id"]: _typed(tables[name], row) for row in found}
            for name, found in document[part].items()
        }

    return Snapshot(rows("before"), rows("after"), document["pending"])


def _plain(rows: dict[str, dict[int, Row]]) -> Iterator[tuple[str, dict[int, Row]]]:
    for name, found in rows.items():
        yield (
            name,
            {
                key: {
                    column: value.isoformat() if isinstance(value, datetime) else value
                    for column, value in row.items()
                }
                for key, row in found.items()
            },
        )


def _typed(table: Table, row: Row) -> Row:
    """Moments as moments again."""
    moments = {c.name for c in table.columns if isinstance(c.type, UtcDateTime)}
    return {
        name: datetime.fromisoformat(value) if name in moments and value else value
        for name, value in row.items()
    }


def before(session: Session, resource_ids: Sequence[int]) -> Snapshot:
    """What stands before the writing; of the places, only which there are."""
    kept = Snapshot()
    kept.before["resource"] = _read(session, Resource, "id", resource_ids)
    kept.before["holding"] = _read(session, Holding, "resource_id", resource_ids)
    for model in PLACES:
        table = table_of(model)
        kept.before[table.name] = {
            key: {"id": key} for key in session.execute(select(table.c.id)).scalars()
        }
    return kept


def after(session: Session, kept: Snapshot, created: Sequence[int]) -> None:
    """Adds what stands after it: the same resources and those ``created``; new places whole."""
    ids = sorted({*kept.before["resource"], *created})
    kept.after["resource"] = _read(session, Resource, "id", ids)
    kept.after["holding"] = _read(session, Holding, "resource_id", ids)
    for model in PLACES:
        name = table_of(model).name
        there = kept.before.pop(name)
        every = session.execute(select(table_of(model).c.id)).scalars().all()
        kept.before[name] = {}
        kept.after[name] = _read(session, model, "id", [key for key in every if key not in there])
    for name in ("resource", "holding"):
        # Rows that stayed as they were need no undoing, and later changes may rest on them.
        same = [key for key, row in kept.before[name].items() if kept.after[name].get(key) == row]
        for key in same:
            del kept.before[name][key], kept.after[name][key]


def _read(
    session: Session, model: type[SQLModel], column: str, keys: Sequence[int]
) -> dict[int, Row]:
    table = table_of(model)
    found: dict[int, Row] = {}
    for chunk in _chunks(keys):
        for row in session.execute(select(table).where(table.c[column].in_(chunk))).mappings():
            found[row["id"]] = dict(row)
    return found


def restore(session: Session, kept: Snapshot) -> None:
    """Puts the rows of ``before`` in the place of those of ``after``.

    Raises Problem 409 where a later change rests on them; nothing is written then.
    """
    for model in MODELS:
        _unmoved(session, model, kept)
    for model in MODELS[1:]:
        _unreferenced(session, model, kept)
    _remove(session, Holding, list(kept.after["holding"]))
    _remove(session, Resource, kept.created)
    _put_back_resources(session, kept.before["resource"])
    _put_back_holdings(session, kept.before["holding"])
    for place in PLACES:
        _remove(session, place, list(kept.after[table_of(place).name]))


def _unmoved(session: Session, model: type[SQLModel], kept: Snapshot) -> None:
    name = table_of(model).name
    written = kept.after[name]
    now = _read(session, model, "id", list(written))
    moved = [key for key, row in written.items() if now.get(key) != row]
    if name == "holding":
        # A holding that began later, of a resource whose holdings were written, rests on them.
        touched = sorted({row["resource_id"] for row in (*written.values(),
                          *kept.before[name].values())})  # fmt: skip
        for row in _read(session, Holding, "resource_id", touched).values():
            others = set(written) | set(kept.before[name])
            if row["id"] not in others and _overlaps(row, kept.before[name].values()):
                moved.append(row["id"])
    if moved:
        known = _words(session, model, moved[:5])
        raise Problem(
            409,
            "later changes rest on it",
            say(
                f"{len(moved)} rows of {name} were changed after the confirmation "
                f"({', '.join(known)}): undo those changes first, or correct by hand",
                f"确认之后{_TABLES_ZH.get(name, name)}又有 {len(moved)} 处改动"
                f"（{'、'.join(known)}）：请先撤销那些改动，或逐项更正",
            ),
        )


def _overlaps(row: Row, others: Iterable[Row]) -> bool:
    """Whether ``row`` would stand beside one of ``others`` at a time."""
    for other in others:
        if other["resource_id"] != row["resource_id"]:
            continue
        starts_before = other["until"] is None or row["since"] < other["until"]
        ends_after = row["until"] is None or other["since"] < row["until"]
        if starts_before and ends_after:
            return True
    return False


def _words(session: Session, model: type[SQLModel], keys: Sequence[int]) -> list[str]:
    """How people know the rows."""
    table = table_of(model)
    if model is Holding:
        codes = table_of(Resource)
        statement = (select(codes.c.code).join(table, table.c.resource_id == codes.c.id)).where(
            table.c.id.in_(keys)
        )
    else:
        statement = select(table.c.code if "code" in table.c else table.c.name).where(
            table.c.id.in_(keys)
        )
    found = [str(word) for word in session.execute(statement).scalars()]
    return found or [f"row {key}" for key in keys]


def _unreferenced(session: Session, model: type[SQLModel], kept: Snapshot) -> None:
    """Raises Problem 409 if anything that stays refers to a row that would be removed."""
    table = table_of(model)
    going = [key for key in kept.after[table.name] if key not in kept.before[table.name]]
    for other in table.metadata.tables.values() if going else ():
        ours = kept.after.get(other.name, {})
        for column in other.columns:
            if not any(key.column is table.c.id for key in column.foreign_keys):
                continue
            named = next(iter(other.primary_key.columns))
            count = 0
            for chunk in _chunks(going):
                rows = session.execute(select(named).where(column.in_(chunk))).scalars()
                count += sum(key not in ours for key in rows)
            if count:
                raise Problem(
                    409,
                    "later changes rest on it",
                    say(
                        f"{count} rows of {other.name} refer to what this import added to "
                        f"{table.name}: undo those first",
                        f"这份清单新增的{_TABLES_ZH.get(table.name, table.name)}已被 {count} 处"
                        f"引用（{_TABLES_ZH.get(other.name, other.name)}）：请先撤销那些登记",
                    ),
                )


def _remove(session: Session, model: type[SQLModel], keys: Sequence[int]) -> None:
    table = table_of(model)
    for chunk in _chunks(keys):
        session.execute(delete(table).where(table.c.id.in_(chunk)))


def _put_back_resources(session: Session, rows: dict[int, Row]) -> None:
    table = table_of(Resource)
    # A UUID is set down before it is taken up: two resources may have swapped theirs.
    for chunk in _chunks(list(rows)):
        session.execute(update(table).where(table.c.id.in_(chunk)).values(instance_uuid=None))
    for key, row in rows.items():
        session.execute(update(table).where(table.c.id == key).values(row))


def _put_back_holdings(session: Session, rows: dict[int, Row]) -> None:
    # SQLite gives a removed number away again: a row whose number is taken gets another one.
    taken = _read(session, Holding, "id", list(rows))
    table = table_of(Holding)
    same = [row for key, row in rows.items() if key not in taken]
    other = [
        {name: value for name, value in row.items() if name != "id"}
        for key, row in rows.items()
        if key in taken
    ]
    for group in (same, other):
        if group:
            session.execute(insert(table), group)


def _chunks(keys: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(keys), _CHUNK):
        yield keys[start : start + _CHUNK]
