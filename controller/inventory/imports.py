"""Import of the registers of units and resources from XLSX, XLS and CSV files.

The file is read and understood before the database is touched, the change is planned, and then
written in one transaction: all of it, or nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO, Protocol

from sqlmodel import Session

from controller.inventory.allocations import plan_allocations
from controller.inventory.columns import RESOURCE_COLUMNS, UNIT_COLUMNS, Column
from controller.inventory.lock import lock_registers
from controller.inventory.outcome import MAX_ERRORS, ImportOutcome, RowError
from controller.inventory.paper_columns import ALLOCATION_COLUMNS, POOL_COLUMNS, SYSTEM_COLUMNS
from controller.inventory.pool_import import plan_pools
from controller.inventory.resource_import import plan_resources
from controller.inventory.sheet import UnreadableError, about_file, read_sheets
from controller.inventory.systems import plan_systems
from controller.inventory.table import CellError, Table, read_table
from controller.inventory.tables import ImportRun
from controller.inventory.unit_import import plan_units
from controller.problems import Problem
from controller.said import chinese, say
from controller.store.relational import Database


class Plan(Protocol):
    """A change of the register that is worked out and not yet written."""

    @property
    def created(self) -> int: ...
    @property
    def updated(self) -> int: ...
    @property
    def unchanged(self) -> int: ...
    def apply(self, session: Session, now: datetime) -> int:
        """Writes the change; returns the resource-days marked for recomputing."""
        ...


@dataclass(frozen=True)
class Register:
    """A register that files are read into: its columns, and how a file becomes a plan.

    ``keys``: one of these fields must be among a file's headers.
    """

    kind: str
    columns: tuple[Column, ...]
    keys: tuple[str, ...]
    plan: Callable[[Session, Table, datetime, datetime | None], Plan]


REGISTERS: Mapping[str, Register] = {
    each.kind: each
    for each in (
        Register("units", UNIT_COLUMNS, ("code",), plan_units),
        Register("resources", RESOURCE_COLUMNS, ("code", "instance_uuid"), plan_resources),
        Register("systems", SYSTEM_COLUMNS, ("name",), plan_systems),
        Register("allocations", ALLOCATION_COLUMNS, ("number",), plan_allocations),
        Register("pools", POOL_COLUMNS, ("code", "name"), plan_pools),
    )
}
"""The registers of the inventory; a capability above it hands in a register of its own."""


@dataclass(frozen=True)
class Upload:
    """A file that was read and understood; the register was not asked yet."""

    register: Register
    name: str
    sha256: str
    table: Table


def import_units(
    database: Database,
    file: BinaryIO,
    name: str,
    *,
    dry_run: bool,
    skip_bad: bool,
    by: str,
    now: datetime,
    **options: Any,
) -> ImportOutcome:
    """Imports a register of units; ``options`` as of ``read_upload`` and ``since``."""
    return _import("units", database, file, name, dry_run, skip_bad, by, now, **options)


def import_resources(
    database: Database,
    file: BinaryIO,
    name: str,
    *,
    dry_run: bool,
    skip_bad: bool,
    by: str,
    now: datetime,
    **options: Any,
) -> ImportOutcome:
    """Imports a register of resources; ``options`` as of ``read_upload`` and ``since``."""
    return _import("resources", database, file, name, dry_run, skip_bad, by, now, **options)


def import_register(
    kind: str | Register,
    database: Database,
    file: BinaryIO,
    name: str,
    *,
    dry_run: bool,
    skip_bad: bool,
    by: str,
    now: datetime,
    **options: Any,
) -> ImportOutcome:
    """Imports a register of one of REGISTERS; ``options`` as of ``read_upload`` and ``since``."""
    return _import(kind, database, file, name, dry_run, skip_bad, by, now, **options)


def read_upload(
    kind: str | Register,
    file: BinaryIO,
    name: str,
    *,
    mapping: Mapping[str, str] | None = None,
    sheet: str = "",
) -> Upload:
    """Reads a file of ``kind`` (a register, or the name of one of REGISTERS). ``mapping``: header
    -> field, "" to ignore.

    Raises Problem 422 for a file in which there is no table.
    """
    register = REGISTERS[kind] if isinstance(kind, str) else kind
    try:
        table = read_table(
            read_sheets(file, name), register.columns, register.keys, mapping=mapping, sheet=sheet
        )
    except UnreadableError as error:
        raise Problem(422, "unreadable file", about_file(name, error)) from None
    return Upload(register, name, _digest(file), table)


def _digest(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    file.seek(0)
    while chunk := file.read(2**20):
        digest.update(chunk)
    return digest.hexdigest()


def examine(
    session: Session, upload: Upload, *, skip_bad: bool, now: datetime, since: datetime | None
) -> tuple[ImportOutcome, Plan | None]:
    """What the import would do, and the plan; no plan where it must not be carried out."""
    table = upload.table
    outcome = ImportOutcome(
        kind=upload.register.kind,
        file_name=upload.name,
        sheet=table.sheet,
        sha256=upload.sha256,
        rows=len(table.records),
        columns=table.columns,
    )
    plan = None if table.unusable else upload.register.plan(session, table, now, since)
    errors = table.errors
    outcome.errors, outcome.errors_total = _listed(errors), len(errors)
    outcome.warnings, outcome.warnings_total = _listed(table.warnings), len(table.warnings)
    outcome.skipped = sum(record.bad for record in table.records)
    if plan is None:
        return outcome, None
    if not table.records:
        outcome.errors = _listed(
            [CellError(0, "", say("no rows below the header", "表头下面没有数据行"))]
        )
        outcome.errors_total = 1
        return outcome, None
    outcome.created, outcome.updated = plan.created, plan.updated
    outcome.unchanged = plan.unchanged
    something_good = outcome.skipped < len(table.records)
    outcome.ready = something_good and (skip_bad or not errors)
    return outcome, plan if outcome.ready else None


def _listed(errors: Sequence[CellError]) -> list[RowError]:
    """The first errors in order of rows, as the outcome names them."""
    return [
        RowError(
            row=error.row,
            column=error.column,
            message=error.message,
            message_zh=chinese(error.message),
        )
        for error in sorted(errors, key=lambda error: error.row)[:MAX_ERRORS]
    ]


def carry_out(
    session: Session, outcome: ImportOutcome, plan: Plan, *, by: str, now: datetime
) -> ImportOutcome:
    """Writes ``plan`` and the record of the import; the caller's transaction commits both."""
    outcome.days_marked = plan.apply(session, now)
    outcome.imported = True
    run = ImportRun(
        kind=outcome.kind,
        file_name=outcome.file_name[:200],
        sha256=outcome.sha256,
        at=now,
        by=by,
        outcome=outcome.model_dump(exclude={"errors", "warnings", "run", "columns"}),
    )
    session.add(run)
    session.flush()
    outcome.run = run.id
    return outcome


def _import(
    kind: str | Register,
    database: Database,
    file: BinaryIO,
    name: str,
    dry_run: bool,
    skip_bad: bool,
    by: str,
    now: datetime,
    *,
    since: datetime | None = None,
    **options: Any,
) -> ImportOutcome:
    upload = read_upload(kind, file, name, **options)
    with database.read() if dry_run else database.write() as session:
        if not dry_run:
            lock_registers(session)
        outcome, plan = examine(session, upload, skip_bad=skip_bad, now=now, since=since)
        outcome.dry_run = dry_run
        if plan is not None and not dry_run:
            carry_out(session, outcome, plan, by=by, now=now)
    return outcome
