"""Recording what was observed: one life a finding, in bulk, all of a look or nothing of it."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, select, text, update
from sqlmodel import Session, col

from controller.findings import hide
from controller.findings.model import TIME_LIMIT, Coverage, Observation, fingerprint
from controller.findings.tables import SEVERITIES, Finding, FindingEvent

_LOCK = 0x7975_6667  # "yufg": PostgreSQL's advisory lock of whoever records for one source
_CHUNK = 5_000
"""Values of one IN list: SQLite takes 32,766 parameters, PostgreSQL 65,535."""


@dataclass(frozen=True)
class Recorded:
    """What became of a look, by id of the finding.

    ``ids`` maps each observed fingerprint to its finding; ``still`` were unresolved before.
    """

    ids: dict[str, int] = field(default_factory=dict)
    opened: list[int] = field(default_factory=list)
    reopened: list[int] = field(default_factory=list)
    still: list[int] = field(default_factory=list)
    resolved: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class _Known:
    id: int
    fingerprint: str
    code: str
    subject: tuple[str, str]
    unit_id: int | None
    severity: str
    state: str
    down: bool


def observe(
    session: Session,
    now: datetime,
    source: str,
    seen: Iterable[Observation],
    covered: Coverage,
) -> Recorded:
    """Records a look by ``source``, inside the caller's write transaction.

    What was seen is opened, or is the finding that stood there already (seen once more, evidence
    and title as they are now), or is opened again if it had been resolved. Unresolved findings
    of ``source`` that ``covered`` covers and that were not seen are resolved by themselves. Then
    what depends on something down, or lies in a suppression window, is hidden.

    Observed twice in one look, the graver one counts.
    """
    _lock(session, source)
    latest = _folded(source, seen)
    known = _known(session, source, latest, covered)
    fresh = [(mark, each) for mark, each in latest.items() if mark not in known]
    again = [(known[mark], each) for mark, each in latest.items() if mark in known]
    gone = [
        row
        for mark, row in known.items()
        if mark not in latest
        and row.state != "resolved"
        and covered.covers(row.code, row.subject, row.unit_id)
    ]
    ids = _open(session, now, source, fresh)
    _see(session, now, again)
    _resolve(session, now, gone)
    back = [row.id for row, _ in again if row.state == "resolved"]
    still = [row.id for row, _ in again if row.state != "resolved"]
    worse = [(row, each) for row, each in again if row.severity != each.severity]
    events = [_event(number, now, "opened") for number in ids.values()]
    events += [_event(number, now, "reopened") for number in back]
    events += [_event(row.id, now, "resolved") for row in gone]
    events += [
        _event(row.id, now, "severity", {"from": row.severity, "to": each.severity})
        for row, each in worse
    ]
    if events:
        session.connection().execute(insert(FindingEvent), events)
    touched = [*ids.values(), *back, *still]
    downs = any(each.down for each in latest.values()) or any(row.down for row in gone)
    hide.refresh(session, now, None if downs else touched)
    session.expire_all()
    return Recorded(
        ids=ids | {row.fingerprint: row.id for row, _ in again},
        opened=list(ids.values()),
        reopened=back,
        still=still,
        resolved=[row.id for row in gone],
    )


def _lock(session: Session, source: str) -> None:
    # SQLite's write transactions are one at a time from their start.
    if session.get_bind().dialect.name == "postgresql":
        session.execute(
            text("SELECT pg_advisory_xact_lock(:key, :source)"),
            {"key": _LOCK, "source": zlib.crc32(source.encode()) - 2**31},
        )
    session.flush()


def _folded(source: str, seen: Iterable[Observation]) -> dict[str, Observation]:
    latest: dict[str, Observation] = {}
    for each in seen:
        mark = fingerprint(source, each.code, each.subject_kind, each.subject_key)
        before = latest.get(mark)
        if before is None or _rank(each) <= _rank(before):
            latest[mark] = each
    return latest


def _rank(each: Observation) -> int:
    return SEVERITIES.index(each.severity)


def _known(
    session: Session, source: str, latest: dict[str, Observation], covered: Coverage
) -> dict[str, _Known]:
    """Findings that stand for what was seen, and those that may have gone, by fingerprint."""
    columns = (
        col(Finding.id),
        col(Finding.fingerprint),
        col(Finding.code),
        col(Finding.subject_kind),
        col(Finding.subject_key),
        col(Finding.unit_id),
        col(Finding.severity),
        col(Finding.state),
        col(Finding.down),
    )
    rows: list[Any] = []
    if covered.codes:
        rows += session.execute(
            select(*columns).where(
                col(Finding.source) == source,
                col(Finding.code).in_(sorted(covered.codes)),
                col(Finding.state) != "resolved",
            )
        )
    missing = sorted(set(latest) - {row[1] for row in rows})
    for marks in _chunks(missing):
        rows += session.execute(select(*columns).where(col(Finding.fingerprint).in_(marks)))
    return {
        row[1]: _Known(row[0], row[1], row[2], (row[3], row[4]), row[5], row[6], row[7], row[8])
        for row in rows
    }


def _open(
    session: Session, now: datetime, source: str, fresh: Sequence[tuple[str, Observation]]
) -> dict[str, int]:
    if not fresh:
        return {}
    session.connection().execute(
        insert(Finding),
        [
            {
                "fingerprint": mark,
                "source": source,
                "code": each.code,
                "subject_kind": each.subject_kind,
                "subject_key": each.subject_key[:200],
                "state": "open",
                "hidden_by": "",
                "opened": now,
                "times_seen": 1,
                "resolved_by": "",
                "acknowledged_by": "",
                "assignee": "",
                "due": _due(each, now),
                **_content(each, now),
            }
            for mark, each in fresh
        ],
    )
    found: dict[str, int] = {}
    for marks in _chunks([mark for mark, _ in fresh]):
        rows = session.execute(
            select(col(Finding.fingerprint), col(Finding.id)).where(
                col(Finding.fingerprint).in_(marks)
            )
        )
        found.update((mark, number or 0) for mark, number in rows)
    return found


def _see(session: Session, now: datetime, again: Sequence[tuple[_Known, Observation]]) -> None:
    standing = [(row, each) for row, each in again if row.state != "resolved"]
    back = [(row, each) for row, each in again if row.state == "resolved"]
    seen = update(Finding).where(col(Finding.id) == bindparam("row_id"))
    content: dict[str, Any] = {name: bindparam(f"new_{name}") for name in _CONTENT}
    count = {"times_seen": col(Finding.times_seen) + 1}
    if standing:
        session.connection().execute(
            seen.values(**content, **count), [_row(row, each, now) for row, each in standing]
        )
    if back:
        session.connection().execute(
            seen.values(
                **content,
                **count,
                state="open",
                opened=now,
                resolved=None,
                resolved_by="",
                acknowledged=None,
                acknowledged_by="",
                due=bindparam("new_due"),
            ),
            [_row(row, each, now) | {"new_due": _due(each, now)} for row, each in back],
        )


def _row(row: _Known, each: Observation, now: datetime) -> dict[str, Any]:
    return {"row_id": row.id, **{f"new_{n}": v for n, v in _content(each, now).items()}}


_CONTENT = (
    "subject_name",
    "unit_id",
    "severity",
    "title_zh",
    "title_en",
    "detail",
    "depends_on",
    "down",
    "last_seen",
)


def _content(each: Observation, now: datetime) -> dict[str, Any]:
    """What a new look writes over, in the order of _CONTENT."""
    return {
        "subject_name": each.subject_name[:200],
        "unit_id": each.unit_id,
        "severity": each.severity,
        "title_zh": each.title_zh[:300],
        "title_en": each.title_en[:300],
        "detail": dict(each.detail),
        "depends_on": [list(subject) for subject in each.depends_on],
        "down": each.down,
        "last_seen": now,
    }


def _resolve(session: Session, now: datetime, gone: Sequence[_Known]) -> None:
    for ids in _chunks([row.id for row in gone]):
        session.connection().execute(
            update(Finding)
            .where(col(Finding.id).in_(ids))
            .values(state="resolved", resolved=now, resolved_by="", hidden_by="")
        )


def _due(each: Observation, now: datetime) -> datetime | None:
    limit = TIME_LIMIT[each.severity]
    return each.due or (None if limit is None else now + limit)


def _event(
    number: int, now: datetime, what: str, detail: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "finding_id": number,
        "at": now,
        "by": "",
        "what": what,
        "note": "",
        "detail": detail or {},
    }


def _chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for first in range(0, len(values), _CHUNK):
        yield values[first : first + _CHUNK]
