"""Files as offices make them, and short ways to import and to look at the register."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet
from sqlmodel import Session

from controller.access.scope import CITY
from controller.inventory.imports import import_resources, import_units
from controller.inventory.outcome import ImportOutcome
from controller.inventory.resources import list_resources, resource_detail
from controller.inventory.units import list_units
from controller.store.relational import Database

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)

UNITS = """编码,名称,上级单位,联系人,邮箱,电话
jtj,市交通局,,张三,a@b.cn,0571-1
glzx,公路中心,jtj,,,
wjw,市卫健委,,,,
"""

Rows = Sequence[Sequence[Any]]


def workbook(rows: Rows, dress: Callable[[Worksheet], None] | None = None) -> io.BytesIO:
    """An XLSX file of ``rows``; ``dress`` merges, formats and adds."""
    book = Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    for row in rows:
        sheet.append(list(row))
    if dress is not None:
        dress(sheet)
    return saved(book)


def saved(book: Workbook) -> io.BytesIO:
    file = io.BytesIO()
    book.save(file)
    file.seek(0)
    return file


def text_file(text: str, encoding: str = "utf-8") -> io.BytesIO:
    return io.BytesIO(text.encode(encoding))


def csv_file(rows: Rows, encoding: str = "utf-8") -> io.BytesIO:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return text_file(out.getvalue(), encoding)


def load_units(database: Database, file: io.BytesIO | str, **options: Any) -> ImportOutcome:
    return _load(import_units, database, file, options)


def load_resources(database: Database, file: io.BytesIO | str, **options: Any) -> ImportOutcome:
    return _load(import_resources, database, file, options)


def _load(
    how: Callable[..., ImportOutcome],
    database: Database,
    file: io.BytesIO | str,
    options: dict[str, Any],
) -> ImportOutcome:
    settings = {"dry_run": False, "skip_bad": False, "by": "test", "now": NOW} | options
    content = text_file(file) if isinstance(file, str) else file
    return how(database, content, settings.pop("name", "file"), **settings)


def problems(outcome: ImportOutcome) -> list[tuple[int, str]]:
    return [(error.row, error.column) for error in outcome.errors]


def register(session: Session, at: datetime = NOW) -> list[dict[str, Any]]:
    """Every resource held at ``at``, as a plain dict, by code."""
    page = list_resources(session, CITY, at, size=1000)
    return [{**item.model_dump(), "unit_id": item.unit_id} for item in page.items]


def one(database: Database, code: str, at: datetime = NOW) -> dict[str, Any]:
    with database.read() as session:
        return resource_detail(session, CITY, code, at).model_dump()


def unit_tree(database: Database, at: datetime = NOW) -> list[tuple[str, str, str | None]]:
    with database.read() as session:
        return [(unit.code, unit.name, unit.parent_code) for unit in list_units(session, CITY, at)]


def owners(database: Database, code: str) -> list[tuple[str, str | None, str, float | None]]:
    """(since, until, unit, vcpu) of each holding, dates in UTC."""
    return [
        (
            f"{holding['since']:%Y-%m-%d}",
            f"{holding['until']:%Y-%m-%d}" if holding["until"] else None,
            holding["unit_code"],
            holding["vcpu"],
        )
        for holding in one(database, code)["holdings"]
    ]
