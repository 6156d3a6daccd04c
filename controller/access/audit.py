"""The audit log: who did what, when, from where, to what, with what result.

Written in the transaction of the action itself: no audit row, no action. Each row carries
``chain`` = SHA-256(chain of the row before ‖ this row), so a row that was changed, removed or
put elsewhere is found by ``verify``.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text
from sqlmodel import Session, col, select

from controller.access.principal import Principal
from controller.access.tables import AuditEntry

GENESIS = "0" * 64
PAGE = 1000
_LOCK = 0x7975_6E78  # "yunx": PostgreSQL's advisory lock of whoever appends


def record(
    session: Session,
    principal: Principal,
    action: str,
    object: str,  # noqa: A002 - the field's own name
    outcome: str = "ok",
    detail: dict[str, Any] | None = None,
) -> AuditEntry:
    """Append a row inside the caller's write transaction. ``detail`` must hold no secret."""
    # Two writers must not both continue the same row. SQLite's write transactions are one at a
    # time from their start; PostgreSQL's are not.
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    session.flush()
    last = session.exec(
        select(AuditEntry.chain).order_by(col(AuditEntry.id).desc()).limit(1)
    ).first()
    entry = AuditEntry(
        # Whole milliseconds: the row must hash alike after a round trip through any engine.
        at=principal.at.astimezone(UTC).replace(
            microsecond=principal.at.microsecond // 1000 * 1000
        ),
        actor=principal.name,
        address=principal.address,
        action=action,
        object=object,
        outcome=outcome,
        detail=json.loads(json.dumps(detail or {}, ensure_ascii=False, default=str)),
        chain="",
    )
    entry.chain = link(last or GENESIS, entry)
    session.add(entry)
    session.flush()
    return entry


def link(previous: str, entry: AuditEntry) -> str:
    """The chain value of ``entry`` after ``previous``; 64 hex digits."""
    row = [
        entry.at.astimezone(UTC).isoformat(timespec="milliseconds"),
        entry.actor,
        entry.address,
        entry.action,
        entry.object,
        entry.outcome,
        entry.detail,
    ]
    body = json.dumps(row, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256((previous + body).encode("utf-8")).hexdigest()


@dataclass(frozen=True)
class Verdict:
    """``broken`` is the id of the first row that does not follow from the one before it.

    ``head`` is the last chain value: kept elsewhere, it shows that the end was not cut off.
    """

    rows: int
    broken: int | None
    head: str


def verify(session: Session) -> Verdict:
    """Walk the whole chain."""
    previous, rows, last = GENESIS, 0, 0
    while True:
        # Page by page: the log is never thinned, and months of it need not be in memory at once.
        page = session.exec(
            select(AuditEntry)
            .where(col(AuditEntry.id) > last)
            .order_by(col(AuditEntry.id))
            .limit(PAGE)
        ).all()
        for entry in page:
            if link(previous, entry) != entry.chain:
                return Verdict(rows, entry.id, previous)
            previous, rows, last = entry.chain, rows + 1, entry.id or 0
        if len(page) < PAGE:
            return Verdict(rows, None, previous)
        session.expunge_all()


def list_entries(
    session: Session,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    actor: str = "",
    action: str = "",
    before_id: int | None = None,
    limit: int = 100,
) -> list[AuditEntry]:
    """Newest first; ``before_id`` continues a page; ``action`` may be a prefix such as "user."."""
    statement = select(AuditEntry).order_by(col(AuditEntry.id).desc()).limit(limit)
    if since is not None:
        statement = statement.where(col(AuditEntry.at) >= since)
    if until is not None:
        statement = statement.where(col(AuditEntry.at) < until)
    if actor:
        statement = statement.where(col(AuditEntry.actor) == actor)
    if action:
        statement = statement.where(col(AuditEntry.action).startswith(action, autoescape=True))
    if before_id is not None:
        statement = statement.where(col(AuditEntry.id) < before_id)
    return list(session.exec(statement))
