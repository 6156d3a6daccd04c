"""Exports compared and kept: taking one in, listing them, and deciding about differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import defer
from sqlmodel import Session, col

from controller.inventory.naming import fold
from controller.ledger import mapping as mappings
from controller.ledger.compare import Comparison, Difference, compare
from controller.ledger.export_file import Export, ExportRow, read_export, row_document, row_of
from controller.ledger.mapping import SourceMapping
from controller.ledger.packing import pack, unpack
from controller.ledger.register import covered, owner_finder, read_known
from controller.ledger.tables import (
    CLASSES,
    ImportDifference,
    PlatformImport,
    PlatformSource,
)
from controller.problems import NotFound, Problem
from controller.said import chinese, say
from controller.store.relational import Database

Progress = Callable[[str], None]
"""Told the name of each stage as it begins: reading, understanding, comparing, storing."""

APPLICABLE = ("renamed", "changed", "new", "vanished", "unmatched")
"""Classes that can be accepted; what is bad or double is mended at its source."""

_CHUNK = 1000


@dataclass(frozen=True)
class Compared:
    """An export that was read and compared; nothing is stored yet."""

    export: Export
    comparison: Comparison
    counts: dict[str, Any]


def take_in(
    database: Database,
    source_code: str,
    file: BinaryIO,
    name: str,
    *,
    now: datetime,
    progress: Progress = lambda _: None,
) -> Compared:
    """Reads and compares. Raises NotFound, Problem 422."""
    with database.read() as session:
        source = mappings.find_source(session, source_code)
        mapping = mappings.mapping_of(source)
    export = read_export(file, name, mapping, progress)
    progress("comparing")
    with database.read() as session:
        comparison = examine(session, source, mapping, export.rows, now, export.bad)
    _add_bad(comparison, export)
    counts = {
        "rows": len(export.rows) + len(export.bad),
        "unchanged": comparison.unchanged,
        **comparison.counts(),
    }
    return Compared(export, comparison, counts)


def examine(
    session: Session,
    source: PlatformSource,
    mapping: SourceMapping,
    rows: Sequence[ExportRow],
    now: datetime,
    unread: Sequence[ExportRow] = (),
) -> Comparison:
    """``rows`` against the register as it is now; ``unread`` as for ``compare``."""
    known = read_known(session, now)
    expected = {each.id for each in known if covered(each, mapping.covers)}
    if not mapping.covers:
        expected = {each.id for each in known if not each.retired}
        expected &= set(_named_before(session, source).values())
    return compare(rows, known, expected, owner_finder(session, now), unread)


def _named_before(session: Session, source: PlatformSource) -> dict[int, int]:
    """Row -> resource of the source's last confirmed export."""
    last = last_confirmed(session, source.id or 0)
    return {} if last is None else read_document(last)[1]


def _add_bad(comparison: Comparison, export: Export) -> None:
    errors: dict[int, list[dict[str, str]]] = {}
    for error in export.errors:
        found = errors.setdefault(error.row, [])
        found.append(
            {
                "column": error.column,
                "message": error.message,
                "message_zh": chinese(error.message),
            }
        )
    for row in export.bad:
        values = row.values
        comparison.differences.append(
            Difference(
                "bad",
                row.number,
                None,
                values.get("code") or values.get("instance_uuid") or "",
                values.get("name", ""),
                values.get("unit", ""),
                None,
                {},
                {"reason": "cells", "errors": errors.get(row.number, [])[:20]},
            )
        )


def prepared(
    source: PlatformSource,
    file_name: str,
    compared: Compared,
    *,
    since: datetime,
    by: str,
    now: datetime,
) -> PlatformImport:
    """The row that ``store`` would keep."""
    export = compared.export
    return PlatformImport(
        source_id=source.id or 0,
        file_name=file_name[:200],
        sheet=export.sheet[:200],
        sha256=export.sha256,
        since=since,
        uploaded=now,
        uploaded_by=by,
        counts=compared.counts,
        document=pack_rows(export.rows, compared.comparison.matched, export.bad),
    )


def store(session: Session, run: PlatformImport, compared: Compared) -> PlatformImport:
    """Keeps the comparison; the register is not touched."""
    session.add(run)
    session.flush()
    write_differences(session, run.id or 0, compared.comparison.differences)
    return run


def write_differences(session: Session, import_id: int, differences: Sequence[Difference]) -> None:
    """Adds the rows of ``import_difference``, those that need a look first."""
    ordered = sorted(differences, key=lambda each: (CLASSES.index(each.cls), each.row, each.key))
    for start in range(0, len(ordered), _CHUNK):
        session.execute(
            insert(ImportDifference),
            [
                {
                    "import_id": import_id,
                    "cls": each.cls,
                    "row": each.row,
                    "resource_id": each.resource_id,
                    "key": each.key[:128],
                    "name": each.name[:200],
                    "unit": each.unit[:200],
                    "unit_id": each.unit_id,
                    "detail": each.as_json(),
                    "decision": "open",
                }
                for each in ordered[start : start + _CHUNK]
            ],
        )


def pack_rows(
    rows: Sequence[ExportRow], matched: dict[int, int], unread: Sequence[ExportRow] = ()
) -> bytes:
    """The rows with what each was found to be, and those that could not be read."""
    return pack(
        {
            "rows": [row_document(row) for row in rows],
            "matched": sorted(matched.items()),
            "unread": [row_document(row) for row in unread],
        }
    )


def read_document(run: PlatformImport) -> tuple[list[ExportRow], dict[int, int]]:
    """(rows, row number -> resource id)"""
    document = unpack(run.document)
    return [row_of(each) for each in document["rows"]], dict(document["matched"])


def read_unread(run: PlatformImport) -> list[ExportRow]:
    """The rows that could not be read, as far as they were."""
    return [row_of(each) for each in unpack(run.document)["unread"]]


def last_confirmed(session: Session, source_id: int) -> PlatformImport | None:
    """The newest export of the source that stands confirmed."""
    return session.execute(
        select(PlatformImport)
        .where(col(PlatformImport.source_id) == source_id, col(PlatformImport.state) == "confirmed")
        .order_by(col(PlatformImport.id).desc())
        .limit(1)
    ).scalar_one_or_none()


def find_import(session: Session, import_id: int) -> tuple[PlatformImport, PlatformSource]:
    """Raises NotFound."""
    row = session.execute(
        select(PlatformImport, PlatformSource)
        .join(PlatformSource, col(PlatformSource.id) == col(PlatformImport.source_id))
        .where(col(PlatformImport.id) == import_id)
    ).one_or_none()
    if row is None:
        raise NotFound("import", str(import_id))
    return row[0], row[1]


def list_imports(
    session: Session, *, page: int, size: int, source: str = ""
) -> tuple[list[tuple[PlatformImport, PlatformSource]], int]:
    """(newest first, how many there are); their documents are not read."""
    statement = select(PlatformImport, PlatformSource).join(
        PlatformSource, col(PlatformSource.id) == col(PlatformImport.source_id)
    )
    if source:
        statement = statement.where(col(PlatformSource.code) == source)
    total = session.execute(
        select(func.count()).select_from(
            statement.with_only_columns(col(PlatformImport.id)).subquery()
        )
    ).scalar_one()
    rows = session.execute(
        statement.options(
            defer(PlatformImport.document),  # type: ignore[arg-type]
            defer(PlatformImport.snapshot),  # type: ignore[arg-type]
        )
        .order_by(col(PlatformImport.id).desc())
        .offset((page - 1) * size)
        .limit(size)
    )
    return [(run, each) for run, each in rows], total


def list_differences(
    session: Session,
    import_id: int,
    *,
    cls: str = "",
    decision: str = "",
    text: str = "",
    page: int = 1,
    size: int = 100,
) -> tuple[list[ImportDifference], int]:
    """(differences, how many there are), in the order in which they were found."""
    statement = select(ImportDifference).where(col(ImportDifference.import_id) == import_id)
    if cls:
        statement = statement.where(col(ImportDifference.cls) == cls)
    if decision:
        statement = statement.where(col(ImportDifference.decision) == decision)
    if text.strip():
        wanted = text.strip()
        statement = statement.where(
            col(ImportDifference.key).icontains(wanted, autoescape=True)
            | col(ImportDifference.name).icontains(wanted, autoescape=True)
            | col(ImportDifference.unit).icontains(wanted, autoescape=True)
        )
    total = session.execute(select(func.count()).select_from(statement.subquery())).scalar_one()
    rows = session.execute(
        statement.order_by(col(ImportDifference.id)).offset((page - 1) * size).limit(size)
    ).scalars()
    return list(rows), total


def tally(session: Session, import_id: int) -> dict[str, dict[str, int]]:
    """Class -> decision -> how many; only classes that occur."""
    rows = session.execute(
        select(col(ImportDifference.cls), col(ImportDifference.decision), func.count())
        .where(col(ImportDifference.import_id) == import_id)
        .group_by(col(ImportDifference.cls), col(ImportDifference.decision))
    )
    found: dict[str, dict[str, int]] = {}
    for cls, decision, count in rows:
        found.setdefault(cls, {})[decision] = count
    return {cls: found[cls] for cls in CLASSES if cls in found}


def decide(
    session: Session,
    import_id: int,
    decision: str,
    *,
    ids: Sequence[int] | None = None,
    cls: str = "",
) -> int:
    """Sets the decision of single differences, or of a whole class: what was decided row by row
    stays then, unless all of it is opened again. Returns how many were set. Raises Problem 409
    where the import was confirmed, 422 for what cannot be."""
    run, _ = find_import(session, import_id)
    waiting(run)
    if ids is None and not cls:
        raise Problem(
            422,
            "nothing chosen",
            say("name differences by ids, or a class", "请选择差异或类别"),
        )
    statement = update(ImportDifference).where(col(ImportDifference.import_id) == import_id)
    if ids is not None:
        statement = statement.where(col(ImportDifference.id).in_(list(ids)[:10_000]))
    if cls:
        statement = statement.where(col(ImportDifference.cls) == cls)
        if ids is None and decision != "open":
            statement = statement.where(col(ImportDifference.decision) == "open")
    if decision == "accepted":
        statement = statement.where(col(ImportDifference.cls).in_(APPLICABLE))
        # Without an owner there is nobody to give a new resource to.
        statement = statement.where(
            (col(ImportDifference.cls) != "unmatched")
            | col(ImportDifference.resource_id).is_not(None)
        )
    done: Any = session.execute(statement.values(decision=decision))
    return int(done.rowcount)


def waiting(run: PlatformImport) -> None:
    """Raises Problem 409 unless the import still waits for a decision."""
    if run.state != "compared":
        words = {"confirmed": "确认", "discarded": "放弃", "undone": "撤销"}
        said = words.get(run.state, run.state)
        raise Problem(
            409,
            "already decided",
            say(f"import {run.id} was {run.state}", f"第 {run.id} 份清单已{said}"),
        )


def discard(session: Session, import_id: int) -> PlatformImport:
    """Ends an import that shall not be confirmed; it stays listed."""
    run, _ = find_import(session, import_id)
    waiting(run)
    run.state = "discarded"
    return run


def recompare(session: Session, import_id: int, now: datetime) -> PlatformImport:
    """Compares the kept rows again: the register or the source's words changed since.

    Decisions on differences that are the same as before stay.
    """
    run, source = find_import(session, import_id)
    waiting(run)
    rows, _ = read_document(run)
    mapping = mappings.mapping_of(source)
    for row in rows:
        _translate(row, mapping)
    unread = read_unread(run)
    comparison = examine(session, source, mapping, rows, now, unread)
    kept: dict[Any, str] = {}
    for each in session.execute(
        select(ImportDifference).where(col(ImportDifference.import_id) == import_id)
    ).scalars():
        if each.detail.get("reason") == "cells":
            comparison.differences.append(
                Difference(
                    "bad", each.row, None, each.key, each.name, each.unit, None, {}, each.detail
                )
            )
        if each.decision != "open":
            kept[(each.cls, each.row, each.resource_id)] = each.decision
        session.delete(each)
    session.flush()
    write_differences(session, import_id, comparison.differences)
    for each in session.execute(
        select(ImportDifference).where(col(ImportDifference.import_id) == import_id)
    ).scalars():
        each.decision = kept.get((each.cls, each.row, each.resource_id), "open")
    run.document = pack_rows(rows, comparison.matched, unread)
    run.counts = {
        "rows": run.counts.get("rows", len(rows)),
        "unchanged": comparison.unchanged,
        **comparison.counts(),
    }
    session.flush()
    return run


def _translate(row: ExportRow, mapping: SourceMapping) -> None:
    """Words that were explained since the file was read."""
    for name in ("unit", "system", "site", "zone", "os"):
        words = mapping.folded_words(name)
        said = row.values.get(name)
        if said and words:
            row.values[name] = words.get(fold(said), said)
