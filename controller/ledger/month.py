"""A month's document: its figures and the register state they rest on, as JSON can hold them.

Tables are {"columns": [...], "rows": [[...], ...]}. Figures are those of usage reports by unit,
system, resource, zone and site; the register part holds the units and holdings of the month.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, get_args
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from controller.access.scope import CITY
from controller.inventory.tables import (
    BusinessSystem,
    Holding,
    Resource,
    Site,
    Unit,
    UnitVersion,
    Zone,
)
from controller.ledger.packing import canonical, digest
from controller.ledger.tables import PlatformImport, PlatformSource
from controller.problems import Problem
from controller.runtime import Runtime
from controller.usage.model import By, UsageQuery, UsageReport, UsageRow
from controller.usage.periods import read_month
from controller.usage.queries import usage_report

FORMAT = 1
BYS: tuple[By, ...] = get_args(By)

FIELDS = tuple(item.name for item in fields(UsageRow))
UNIT_FIELDS = ("code", "name", "parent", "kind", "since", "until")
HOLDING_FIELDS = ("resource", "name", "since", "until", "unit", "system", "site", "zone", "vcpu",
                  "mem_bytes", "disk_bytes", "bandwidth_bit_s")  # fmt: skip

Document = dict[str, Any]


def build(runtime: Runtime, month: str) -> Document:
    """The month as it looks now. Raises Problem 422 and what ``Samples.query`` raises."""
    since, until = read_month(month, ZoneInfo(runtime.settings.timezone))
    # The register is read first and last: figures must rest on the state that is kept with them.
    for _ in range(3):
        with runtime.database.read() as session:
            register = read_register(session, since, until)
        reports = {by: usage_report(runtime, CITY, UsageQuery(since, until, by)) for by in BYS}
        with runtime.database.read() as session:
            if read_register(session, since, until) == register:
                imports = read_imports(session)
                break
    else:
        raise Problem(409, "the register is changing", "try again when imports have ended")
    return {
        "format": FORMAT,
        "month": month,
        "from": since.isoformat(),
        "to": until.isoformat(),
        "figures": {by: _table(report.rows) for by, report in reports.items()},
        "coverage": {by: report.coverage_pct for by, report in reports.items()},
        "register": register,
        "imports": imports,
    }


def figures_digest(document: Document) -> str:
    """Equal for two documents that say the same of the month."""
    return digest(canonical([document["figures"], document["register"]]))


def _table(rows: Sequence[UsageRow]) -> dict[str, Any]:
    return {
        "columns": list(FIELDS),
        "rows": [[getattr(row, name) for name in FIELDS] for row in rows],
    }


def read_register(session: Session, since: datetime, until: datetime) -> dict[str, Any]:
    """The units and holdings that have a part in [since, until)."""
    parent = aliased(Unit)
    units = session.execute(
        select(
            col(Unit.code),
            col(UnitVersion.name),
            col(parent.code),
            col(UnitVersion.kind),
            col(UnitVersion.since),
            col(UnitVersion.until),
        )
        .join(UnitVersion, col(UnitVersion.unit_id) == col(Unit.id))
        .outerjoin(parent, col(parent.id) == col(UnitVersion.parent_id))
        .order_by(col(Unit.code), col(UnitVersion.since))
    )
    holdings = session.execute(
        select(
            col(Resource.code),
            col(Resource.name),
            col(Holding.since),
            col(Holding.until),
            col(Unit.code),
            col(BusinessSystem.name),
            col(Site.name),
            col(Zone.name),
            col(Holding.vcpu),
            col(Holding.mem_bytes),
            col(Holding.disk_bytes),
            col(Holding.bandwidth_bit_s),
        )
        .join(Resource, col(Resource.id) == col(Holding.resource_id))
        .join(Unit, col(Unit.id) == col(Holding.unit_id))
        .outerjoin(BusinessSystem, col(BusinessSystem.id) == col(Holding.system_id))
        .outerjoin(Site, col(Site.id) == col(Holding.site_id))
        .outerjoin(Zone, col(Zone.id) == col(Holding.zone_id))
        .where(
            col(Holding.since) < until,
            or_(col(Holding.until).is_(None), col(Holding.until) > since),
        )
        .order_by(col(Resource.code), col(Holding.since))
    )
    return {
        "units": {"columns": list(UNIT_FIELDS), "rows": [_plain(row) for row in units]},
        "holdings": {"columns": list(HOLDING_FIELDS), "rows": [_plain(row) for row in holdings]},
    }


def read_imports(session: Session) -> list[list[Any]]:
    """[id, source, file, sha256, when, by whom] of every export that stands confirmed."""
    rows = session.execute(
        select(
            col(PlatformImport.id),
            col(PlatformSource.code),
            col(PlatformImport.file_name),
            col(PlatformImport.sha256),
            col(PlatformImport.confirmed),
            col(PlatformImport.confirmed_by),
        )
        .join(PlatformSource, col(PlatformSource.id) == col(PlatformImport.source_id))
        .where(col(PlatformImport.state) == "confirmed")
        .order_by(col(PlatformImport.id))
    )
    return [_plain(row) for row in rows]


def _plain(row: Any) -> list[Any]:
    return [value.isoformat() if isinstance(value, datetime) else value for value in row]


def rows_of(table: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The table's rows by column."""
    columns = table["columns"]
    return [dict(zip(columns, row, strict=True)) for row in table["rows"]]


def usage_rows(document: Document, by: By) -> list[UsageRow]:
    """The figures as a report has them; columns of a later format are left out."""
    return [
        UsageRow(**{name: value for name, value in row.items() if name in FIELDS})
        for row in rows_of(document["figures"][by])
    ]


class Tree:
    """The document's units as they stood at the end of its month."""

    def __init__(self, document: Document) -> None:
        end = datetime.fromisoformat(document["to"])
        self.names: dict[str, str] = {}
        self.parents: dict[str, str | None] = {}
        for row in rows_of(document["register"]["units"]):
            if row["code"] in self.names and datetime.fromisoformat(row["since"]) >= end:
                continue
            self.names[row["code"]] = row["name"]
            self.parents[row["code"]] = row["parent"]

    def below(self, code: str) -> set[str]:
        """The unit and everything below it."""
        found = {code}
        while True:
            more = {unit for unit, parent in self.parents.items() if parent in found} - found
            if not more:
                return found
            found |= more

    def line(self, code: str | None) -> list[str]:
        """The unit and everything above it."""
        found: list[str] = []
        while code and code not in found:
            found.append(code)
            code = self.parents.get(code)
        return found


def report_of(document: Document, by: By, rows: Sequence[UsageRow], generated: datetime,
              coverage: float | None) -> UsageReport:  # fmt: skip
    """A report as live figures come in."""
    return UsageReport(
        since=datetime.fromisoformat(document["from"]),
        until=datetime.fromisoformat(document["to"]),
        by=by,
        rows=list(rows),
        generated=generated,
        coverage_pct=coverage,
    )
