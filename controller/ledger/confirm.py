"""Confirming an import: the accepted differences go into the register in one transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlmodel import Session, col

from controller.inventory.lock import lock_registers
from controller.inventory.resource_import import plan_resources
from controller.inventory.table import Record, Table
from controller.inventory.tables import Resource
from controller.ledger import mapping as mappings
from controller.ledger import pending, snapshot
from controller.ledger.compare import Comparison, Difference
from controller.ledger.imports import (
    examine,
    find_import,
    last_confirmed,
    pack_rows,
    read_document,
    read_unread,
    waiting,
)
from controller.ledger.tables import ImportDifference, PlatformImport
from controller.problems import Problem
from controller.said import chinese, say

_GIB = 2.0**30


def confirm(
    session: Session, import_id: int, *, since: datetime | None, by: str, now: datetime
) -> PlatformImport:
    """Writes what was accepted, through inventory's own planning, holding from ``since`` (default:
    as given at upload). What was not accepted is left alone; vanished ones that were accepted go
    to 待核实.

    Raises Problem 409 where it was decided already, a later export of the source was confirmed, or
    the register changed so that a difference is no longer what was accepted; 422 where inventory
    refuses a row. Nothing is written then.
    """
    lock_registers(session)
    run, source = find_import(session, import_id)
    waiting(run)
    later = last_confirmed(session, run.source_id)
    if later is not None and later.uploaded > run.uploaded:
        raise Problem(
            409,
            "a later export was confirmed",
            say(
                f"import {later.id} of {source.code!r} came after this one: undo that first, or "
                "discard this one",
                f"同一来源的第 {later.id} 份清单在此之后已确认：请先撤销那一份，或放弃这一份",
            ),
        )
    if since is not None:
        run.since = since
    rows, _ = read_document(run)
    accepted = _accepted(session, import_id)
    unread = read_unread(run)
    comparison = examine(session, source, mappings.mapping_of(source), rows, now, unread)
    _unmoved(comparison, accepted)
    values = {row.number: row.values for row in rows}
    table = Table(run.sheet)
    for each in accepted:
        if each.cls != "vanished":
            table.records.append(_record(each, values[each.row], run.since))
    plan = plan_resources(session, table, now, run.since)
    if table.errors:
        first = sorted(table.errors, key=lambda error: error.row)
        raise Problem(
            422,
            "not confirmed",
            say(
                f"{len(first)} rows cannot be written, the first: row {first[0].row}: "
                f"{first[0].message}",
                f"有 {len(first)} 行无法写入，第一处在第 {first[0].row} 行："
                f"{chinese(first[0].message)}",
            ),
            errors=[
                {
                    "row": error.row,
                    "column": error.column,
                    "message": error.message,
                    "message_zh": chinese(error.message),
                }
                for error in first[:100]
            ],
        )
    kept = snapshot.before(session, [state.id for state in plan.before.values() if state.id])
    days = plan.apply(session, now)
    session.flush()
    codes = [state.code for code, state in plan.after.items() if code not in plan.before]
    snapshot.after(session, kept, _ids(session, codes))
    comparison = examine(session, source, mappings.mapping_of(source), rows, now, unread)
    vanished = [each.resource_id for each in accepted if each.cls == "vanished"]
    kept.pending = pending.notice(
        session,
        run,
        [key for key in vanished if key is not None],
        sorted(comparison.named),
        by=by,
        now=now,
    )
    run.document = pack_rows(rows, comparison.matched, unread)
    run.snapshot = kept.packed()
    run.state, run.confirmed, run.confirmed_by = "confirmed", now, by
    run.counts = {
        **run.counts,
        "created": plan.created,
        "updated": plan.updated,
        "to_check": len(vanished),
        "days_marked": days,
    }
    session.execute(
        update(ImportDifference)
        .where(
            col(ImportDifference.import_id) == import_id, col(ImportDifference.decision) == "open"
        )
        .values(decision="rejected")
    )
    session.flush()
    return run


def _accepted(session: Session, import_id: int) -> list[ImportDifference]:
    return list(
        session.execute(
            select(ImportDifference)
            .where(
                col(ImportDifference.import_id) == import_id,
                col(ImportDifference.decision) == "accepted",
            )
            .order_by(col(ImportDifference.id))
        ).scalars()
    )


def _unmoved(comparison: Comparison, accepted: list[ImportDifference]) -> None:
    """Raises Problem 409 unless each accepted difference is still exactly what it was."""
    fresh: dict[tuple[int, int | None], Difference] = {
        (each.row, each.resource_id): each for each in comparison.differences
    }
    moved = []
    for each in accepted:
        now = fresh.get((each.row, each.resource_id))
        if now is None or now.cls != each.cls or now.fields != each.detail.get("fields", {}):
            moved.append(each.key or each.name)
    if moved:
        raise Problem(
            409,
            "the register changed",
            say(
                f"{len(moved)} differences are no longer as they were compared ("
                f"{', '.join(moved[:5])}): compare again and look at them",
                f"台账已变，{len(moved)} 项差异与比对时不同（{'、'.join(moved[:5])}）："
                "请重新比对后再看",
            ),
        )


def _record(each: ImportDifference, values: dict[str, Any], since: datetime) -> Record:
    """The difference as a row of a register: only what differs, and all of what is new."""
    fields: dict[str, list[Any]] = each.detail.get("fields", {})
    given: dict[str, Any] = {"code": each.key}
    for name, (_, after) in fields.items():
        if name in ("mem_bytes", "disk_bytes"):
            given[name.replace("_bytes", "_gib")] = after / _GIB
        elif name == "bandwidth_bit_s":
            given["bandwidth_mbps"] = after / 1e6
        else:
            given[name] = after
    if each.resource_id is None:
        # A code is the register's own; where the export has none, the platform's id serves.
        given["created"] = values.get("created") or since
        given.setdefault("name", each.key)
    return Record(each.row, given)


def _ids(session: Session, codes: list[str]) -> list[int]:
    found: list[int] = []
    for start in range(0, len(codes), 500):
        found += session.execute(
            select(col(Resource.id)).where(col(Resource.code).in_(codes[start : start + 500]))
        ).scalars()
    return found
