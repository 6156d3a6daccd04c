"""Drafting: one letter a unit listing its resources; a resource in an open notice is not drafted
twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlmodel import Session, col, select

from controller.access import audit
from controller.access.scope import Scope
from controller.idle.tables import IdleScan, IdleVerdict
from controller.inventory.resources import unit_names
from controller.inventory.tables import BusinessSystem, Holding, Resource
from controller.inventory.unclaimed import unclaimed_id
from controller.notices import wording
from controller.notices.desk import Desk, id_of
from controller.notices.lifecycle import ITEM_END
from controller.notices.model import CLASSES, DraftItem
from controller.notices.tables import Notice, NoticeItem
from controller.problems import NotFound, Problem

MOST_ITEMS = 5000
GIB = float(1 << 30)
_LOCK = 0x7975_6E74  # "yunt": PostgreSQL's advisory lock of whoever numbers notices

UNCLAIMED = "各有关单位"
ANY_CLAUSE = "政务云资源管理有关规定"


@dataclass(frozen=True)
class Drafted:
    """Codes of the letters made, and what was left out: resource code -> why."""

    codes: list[str]
    skipped: dict[str, str]


@dataclass(frozen=True)
class _Row:
    item: DraftItem
    resource: Resource
    unit_id: int | None
    """Who holds it now; None: nobody."""
    size: Holding | None
    """The allocation in force, or the last one where nobody holds it."""
    system: str


def from_verdicts(desk: Desk, verdict_ids: Sequence[int]) -> Drafted:
    """One letter a unit from verdicts of the idle scan. Raises NotFound, Problem 422."""
    return from_items(desk, items_of(desk.session, desk.scope, verdict_ids))


def items_of(session: Session, scope: Scope, verdict_ids: Sequence[int]) -> list[DraftItem]:
    """What verdicts say, as items of a letter. Raises NotFound for one outside the scope."""
    if len(verdict_ids) > MOST_ITEMS:
        raise Problem(422, "too many", f"at most {MOST_ITEMS} resources at a time")
    found: dict[int, tuple[IdleVerdict, IdleScan]] = {}
    wanted = list(dict.fromkeys(verdict_ids))
    for start in range(0, len(wanted), 500):
        rows = session.exec(
            select(IdleVerdict, IdleScan)
            .join(IdleScan, col(IdleScan.id) == col(IdleVerdict.scan_id))
            .where(col(IdleVerdict.id).in_(wanted[start : start + 500]))
        )
        found |= {verdict.id or 0: (verdict, scan) for verdict, scan in rows}
    items: list[DraftItem] = []
    for number in wanted:
        verdict, scan = found.get(number, (None, None))
        if verdict is None or scan is None or not scope.allows(verdict.unit_id):
            raise NotFound("verdict", str(number))
        items.append(
            DraftItem(
                resource_id=verdict.resource_id,
                cls=verdict.cls,
                reason=verdict.reason_zh,
                evidence=verdict.evidence,
                policy=scan.policy,
                policy_version=scan.policy_version,
                policy_clause=str(scan.outcome.get("clause") or ""),
                scan_id=scan.id,
                samples=verdict.samples,
                coverage_pct=verdict.coverage_pct,
                window_days=verdict.window_days,
                recommendation=verdict.recommendation,
                as_of=scan.as_of,
            )
        )
    return items


def from_items(desk: Desk, items: Iterable[DraftItem]) -> Drafted:
    """One letter a unit, one to all for resources that nobody holds. Raises NotFound, Problem."""
    given = {item.resource_id: item for item in items}
    if not given:
        raise Problem(422, "nothing to draft", "choose at least one resource")
    _lock(desk.session)
    open_in = open_notices(desk.session, given)
    skipped: dict[str, str] = {}
    letters: dict[int | None, list[_Row]] = defaultdict(list)
    for row in _rows(desk, given):
        number = row.item.resource_id
        if number in open_in:
            skipped[row.resource.code] = f"already in notice {open_in[number]}"
        elif row.item.cls not in CLASSES:
            skipped[row.resource.code] = f"class {row.item.cls} is nothing to notify of"
        else:
            letters[row.unit_id].append(row)
    names = unit_names(desk.session, {unit for unit in letters if unit is not None}, desk.now)
    codes = [
        _letter(desk, unit, names.get(unit or 0, UNCLAIMED), rows)
        for unit, rows in sorted(letters.items(), key=lambda each: names.get(each[0] or 0, ""))
    ]
    return Drafted(codes, skipped)


def open_notices(session: Session, resource_ids: Iterable[int]) -> dict[int, str]:
    """Resource id -> code of the notice it is in that has not come to its end."""
    wanted = list(resource_ids)
    found: dict[int, str] = {}
    for start in range(0, len(wanted), 500):
        rows = session.exec(
            select(NoticeItem.resource_id, Notice.code)
            .join(Notice, col(Notice.id) == col(NoticeItem.notice_id))
            .where(
                col(NoticeItem.resource_id).in_(wanted[start : start + 500]),
                col(NoticeItem.state).not_in(ITEM_END),
            )
        )
        found |= dict(rows.all())
    return found


def _rows(desk: Desk, given: Mapping[int, DraftItem]) -> list[_Row]:
    found: dict[int, _Row] = {}
    numbers = list(given)
    nobody = unclaimed_id(desk.session)
    for start in range(0, len(numbers), 500):
        chunk = numbers[start : start + 500]
        resources = desk.session.exec(select(Resource).where(col(Resource.id).in_(chunk)))
        held: dict[int, tuple[Holding, str | None]] = {}
        for holding, name in desk.session.exec(
            select(Holding, BusinessSystem.name)
            .outerjoin(BusinessSystem, col(BusinessSystem.id) == col(Holding.system_id))
            .where(col(Holding.resource_id).in_(chunk), col(Holding.since) <= desk.now)
            .order_by(col(Holding.since))
        ):
            held[holding.resource_id] = holding, name
        for resource in resources:
            last, system = held.get(resource.id or 0, (None, None))
            mine = last is not None and (last.until is None or last.until > desk.now)
            unit_id = last.unit_id if last is not None and mine else None
            if desk.scope.allows(unit_id):
                # What is kept under 待认领 has no owner to write to: it is claimed first.
                unit_id = None if unit_id == nobody else unit_id
                item = given[resource.id or 0]
                found[item.resource_id] = _Row(item, resource, unit_id, last, system or "")
    for number in numbers:
        if number not in found:
            raise NotFound("resource", str(number))
    return sorted(found.values(), key=lambda row: row.resource.code)


def _letter(desk: Desk, unit_id: int | None, unit_name: str, rows: list[_Row]) -> str:
    kind = "claim" if unit_id is None else "idle"
    text_ = wording.in_force(desk.session, kind)
    values = _values(desk, unit_name, rows)
    notice = Notice(
        code=_next_code(desk.session, desk.today.year),
        kind=kind,
        unit_id=unit_id,
        title=wording.fill(text_.title, values),
        addressee=unit_name,
        body=wording.fill(text_.body, values),
        signature=desk.settings.notices.office,
        drafted=desk.now,
        drafted_by=desk.principal.name,
        demo=all(row.resource.demo for row in rows),
    )
    desk.session.add(notice)
    desk.session.flush()
    for row in rows:
        desk.session.add(_item(notice, row, desk.now))
    desk.write_down(notice, None, "draft", "", "draft", detail={"wording": text_.version})
    return notice.code


def _item(notice: Notice, row: _Row, now: datetime) -> NoticeItem:
    item, held = row.item, row.size
    made = NoticeItem(
        notice_id=id_of(notice),
        resource_id=item.resource_id,
        reason=item.reason[:500],
        evidence=dict(item.evidence),
        policy=item.policy,
        policy_version=item.policy_version,
        policy_clause=item.policy_clause[:500],
        scan_id=item.scan_id,
        samples=item.samples,
        coverage_pct=item.coverage_pct,
        window_days=item.window_days,
        as_of=item.as_of or now,
        recommendation=dict(item.recommendation),
        allocation={
            "vcpu": held.vcpu if held else None,
            "mem_bytes": held.mem_bytes if held else None,
            "disk_bytes": held.disk_bytes if held else None,
            "system": row.system,
        },
    )
    made.cls = item.cls  # no argument of the constructor can be called so
    return made


def _values(desk: Desk, unit_name: str, rows: list[_Row]) -> dict[str, Any]:
    def total(name: str, unit: float) -> str:
        held = (getattr(row.size, name) for row in rows if row.size)
        return wording.amount(sum(value or 0.0 for value in held) / unit)

    clauses = list(dict.fromkeys(row.item.policy_clause for row in rows if row.item.policy_clause))
    newest = max((row.item.as_of or desk.now) for row in rows)
    return {
        "unit": unit_name,
        "office": desk.settings.notices.office,
        "count": len(rows),
        "vcpu": total("vcpu", 1),
        "mem_gib": total("mem_bytes", GIB),
        "disk_gib": total("disk_bytes", GIB),
        "answer_days": desk.settings.notices.answer_days,
        "observe_days": desk.settings.notices.observe_days,
        "clauses": "、".join(clauses) or ANY_CLAUSE,
        "as_of": wording.official_date(desk.local_day(newest)),
    }


def _next_code(session: Session, year: int) -> str:
    prefix = f"TX-{year}-"
    last = session.exec(
        select(Notice.code)
        .where(col(Notice.code).startswith(prefix))
        .order_by(col(Notice.id).desc())
        .limit(1)
    ).first()
    return f"{prefix}{int(last.removeprefix(prefix)) + 1 if last else 1:04d}"


def _lock(session: Session) -> None:
    """Two drafters must not give one number twice, nor one resource two letters. SQLite's write
    transactions are one at a time by themselves."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def write_audit(desk: Desk, made: Drafted) -> None:
    """The one audit row of a batch."""
    audit.record(
        desk.session,
        desk.principal,
        "notice.draft",
        f"{len(made.codes)} notices",
        detail={"codes": made.codes[:50], "skipped": len(made.skipped)},
    )
