"""A register, exports of it, and short ways through the ledger."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from controller.inventory.imports import import_resources, import_units
from controller.inventory.tables import BusinessSystem, Holding, Resource, Site, Zone
from controller.ledger import imports, mapping
from controller.ledger.confirm import confirm
from controller.ledger.mapping import SourceMapping
from controller.ledger.snapshot import table_of
from controller.ledger.tables import ImportDifference, PlatformImport
from controller.store.relational import Database

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
SINCE = datetime(2026, 11, 1, tzinfo=UTC)

UNITS = """编码,名称,上级单位
jtj,市交通局,
glzx,公路中心,jtj
wjw,市卫健委,
"""

HEADS = ("云主机名称", "云主机ID", "私有IP地址", "vCPU", "内存(GB)", "系统盘(GB)", "租户", "可用区")


def uuid(number: int) -> str:
    return f"6ba7b810-9dad-41d1-80b4-{number:012x}"


def machine(number: int, **changes: Any) -> dict[str, Any]:
    """A row of the export as the register has it."""
    row = {
        "云主机名称": f"host-{number}",
        "云主机ID": uuid(number),
        "私有IP地址": f"10.1.{number // 250}.{number % 250 + 1}",
        "vCPU": 4,
        "内存(GB)": 8 + number,
        "系统盘(GB)": 100,
        "租户": "市交通局",
        "可用区": "主中心",
    }
    return row | changes


def furnish(database: Database, count: int = 5) -> None:
    """Three units and ``count`` machines vm-0 …, as ``machine`` gives them."""
    import_units(
        database, _text(UNITS), "units.csv", dry_run=False, skip_bad=False, by="test", now=NOW
    )
    rows = [
        {
            "编码": f"vm-{number}",
            "名称": each["云主机名称"],
            "实例UUID": each["云主机ID"],
            "IP地址": each["私有IP地址"],
            "CPU核数": each["vCPU"],
            "内存GB": each["内存(GB)"],
            "磁盘GB": each["系统盘(GB)"],
            "单位": each["租户"],
            "站点": each["可用区"],
            "开通时间": "2026-01-05",
        }
        for number, each in ((n, machine(n)) for n in range(count))
    ]
    outcome = import_resources(
        database, sheet(rows), "r.csv", dry_run=False, skip_bad=False, by="test", now=NOW
    )
    assert outcome.imported, outcome.errors
    with database.write() as session:
        mapping.save_source(
            session,
            "cloud-a",
            "云平台 A",
            SourceMapping.model_validate({"covers": {"sites": ["主中心"]}}),
            "test",
            NOW,
        )


def sheet(rows: list[dict[str, Any]], encoding: str = "utf-8") -> io.BytesIO:
    """A CSV file of ``rows``."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return io.BytesIO(text.getvalue().encode(encoding))


def _text(text: str) -> io.BytesIO:
    return io.BytesIO(text.encode())


def compared(database: Database, rows: list[dict[str, Any]], now: datetime = NOW) -> int:
    """Takes the export in; returns the import's id."""
    found = imports.take_in(database, "cloud-a", sheet(rows), "export.csv", now=now)
    with database.write() as session:
        source = mapping.find_source(session, "cloud-a")
        run = imports.prepared(source, "export.csv", found, since=SINCE, by="uploader", now=now)
        imports.store(session, run, found)
        assert run.id is not None
        return run.id


def classes(database: Database, import_id: int) -> list[tuple[str, str]]:
    """(class, key) of each difference, sorted."""
    with database.read() as session:
        rows, _ = imports.list_differences(session, import_id, size=1000)
        return sorted((row.cls, row.key) for row in rows)


def differences(database: Database, import_id: int) -> dict[str, ImportDifference]:
    """By key."""
    with database.read() as session:
        rows, _ = imports.list_differences(session, import_id, size=1000)
        session.expunge_all()
        return {row.key: row for row in rows}


def confirmed(
    database: Database, import_id: int, *classes: str, now: datetime = NOW
) -> PlatformImport:
    """Accepts whole classes (default: all) and confirms."""
    with database.write() as session:
        for cls in classes or imports.APPLICABLE:
            imports.decide(session, import_id, "accepted", cls=cls)
    with database.write() as session:
        return confirm(session, import_id, since=None, by="keeper", now=now)


def registers(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the registers' tables, byte for byte."""
    with database.read() as session:
        return {
            table_of(model).name: sorted(
                tuple(map(repr, row)) for row in session.execute(select(table_of(model)))
            )
            for model in (Resource, Holding, BusinessSystem, Site, Zone)
        }


def resource(database: Database, code: str) -> Resource:
    with database.read() as session:
        return session.execute(select(Resource).where(col(Resource.code) == code)).scalar_one()
