"""Patrol runs as people ask for them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from string import Formatter
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import case, func, select
from sqlmodel import Session, col

from controller.access.scope import Scope
from controller.findings.tables import SEVERITIES, Finding
from controller.inventory.units import list_units
from controller.patrol import plans
from controller.patrol.tables import PatrolRun, PatrolRunFinding
from controller.problems import NotFound

CHANGES = ("opened", "reopened", "still", "resolved")
_SEVERITY = case(
    {name: rank for rank, name in enumerate(SEVERITIES)},
    value=col(PatrolRunFinding.severity),
    else_=9,
)
_CHANGE = case(
    {name: rank for rank, name in enumerate(CHANGES)}, value=col(PatrolRunFinding.change), else_=9
)


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class RunView(_View):
    """A run in a list. ``problems``: findings that are not hidden; ``previous_score``: of the run
    before it of the same plan and scope."""

    id: int
    plan: str
    plan_version: int
    kind: str
    title_zh: str
    title_en: str
    unit_code: str
    unit_name: str
    by: str
    started: datetime
    finished: datetime | None
    state: str
    done: int
    total: int
    error: str
    score: float | None
    previous_id: int | None
    previous_score: float | None
    counts: dict[str, int]
    problems: int
    signed_by: str
    signed: datetime | None
    remark: str

    def title(self, language: str) -> str:
        return self.title_en if language == "en" and self.title_en else self.title_zh


class CheckView(_View):
    """What became of one check. A drill's step has ``ok`` with what was expected and what happened;
    of drills of earlier releases only ``error`` says that it failed."""

    check: str
    title_zh: str
    title_en: str
    group: str
    judged: int
    findings: int
    applies: bool
    unjudged: int
    note_zh: str
    note_en: str
    seconds: float
    error: str
    expected: str = ""
    outcome: str = ""
    ok: bool | None = None

    def title(self, language: str) -> str:
        return self.title_en if language == "en" and self.title_en else self.title_zh


class RunDetail(_View):
    """A run with its checks and the sum behind its score; ``definition`` is the plan as it was."""

    run: RunView
    checks: list[CheckView]
    formula: dict[str, Any]
    definition: dict[str, Any]


class SeenFinding(_View):
    """A finding as the run saw it, and how it was before (the run before it)."""

    id: int
    code: str
    subject_kind: str
    subject_key: str
    subject_name: str
    unit_code: str
    unit_name: str
    change: str
    severity: str
    hidden: bool
    title_zh: str
    title_en: str
    detail: dict[str, Any]
    before: dict[str, Any] | None
    opened: datetime
    assignee: str
    state: str

    def title(self, language: str) -> str:
        return self.title_en if language == "en" and self.title_en else self.title_zh


def list_runs(
    session: Session,
    scope: Scope,
    now: datetime,
    *,
    plan: str = "",
    state: str = "",
    page: int = 1,
    size: int = 50,
) -> tuple[list[RunView], int]:
    """One page of the runs, newest first, and how many there are."""
    statement = select(PatrolRun)
    count = select(func.count(col(PatrolRun.id)))
    for column, value in ((PatrolRun.plan, plan), (PatrolRun.state, state)):
        if value:
            statement = statement.where(col(column) == value)
            count = count.where(col(column) == value)
    total = session.scalar(scope.limit(count, PatrolRun.unit_id)) or 0
    rows = session.scalars(
        scope.limit(statement, PatrolRun.unit_id)
        .order_by(col(PatrolRun.started).desc(), col(PatrolRun.id).desc())
        .limit(size)
        .offset((page - 1) * size)
    ).all()
    return _views(session, scope, rows, now), total


def require(session: Session, scope: Scope, run_id: int) -> PatrolRun:
    """The row itself. Raises NotFound; a run of the whole city is not a unit's."""
    row = session.get(PatrolRun, run_id)
    if row is None or not scope.allows(row.unit_id):
        raise NotFound("patrol run", str(run_id))
    return row


def get_run(session: Session, scope: Scope, run_id: int, now: datetime) -> RunDetail:
    """One run. Raises NotFound."""
    row = require(session, scope, run_id)
    return RunDetail(
        run=_views(session, scope, [row], now)[0],
        checks=[_check(each) for each in row.checks],
        formula=row.formula,
        definition=row.definition,
    )


def run_findings(
    session: Session,
    scope: Scope,
    run_id: int,
    now: datetime,
    *,
    change: str = "",
    severity: str = "",
    code: str = "",
    hidden: bool | None = False,
    page: int = 1,
    size: int = 100,
) -> tuple[list[SeenFinding], int]:
    """What the run saw, in scope: new ones first, the gravest first within. Raises NotFound."""
    run = require(session, scope, run_id)
    wanted = [col(PatrolRunFinding.run_id) == run_id]
    if change:
        wanted.append(col(PatrolRunFinding.change) == change)
    if severity:
        wanted.append(col(PatrolRunFinding.severity) == severity)
    if code:
        wanted.append(col(Finding.code) == code)
    if hidden is not None:
        wanted.append(col(PatrolRunFinding.hidden).is_(hidden))
    joined = col(Finding.id) == col(PatrolRunFinding.finding_id)
    total = session.scalar(
        scope.limit(
            select(func.count()).select_from(PatrolRunFinding).join(Finding, joined).where(*wanted),
            Finding.unit_id,
        )
    )
    rows = session.execute(
        scope.limit(
            select(PatrolRunFinding, Finding).join(Finding, joined).where(*wanted), Finding.unit_id
        )
        .order_by(
            case((col(PatrolRunFinding.change) == "resolved", 1), else_=0),
            _SEVERITY,
            _CHANGE,
            col(Finding.code),
            col(Finding.id),
        )
        .limit(size)
        .offset((page - 1) * size)
    ).all()
    before = _before(session, run.previous_id, [finding.id or 0 for _, finding in rows])
    units = {unit.id: unit for unit in list_units(session, scope, now)}
    seen = []
    for row, finding in rows:
        unit = units.get(finding.unit_id or 0)
        check = plans.catalogue().get(finding.code)
        seen.append(
            SeenFinding(
                id=finding.id or 0,
                code=finding.code,
                subject_kind=finding.subject_kind,
                subject_key=finding.subject_key,
                subject_name=finding.subject_name,
                unit_code=unit.code if unit else "",
                unit_name=unit.name if unit else "",
                change=row.change,
                severity=row.severity,
                hidden=row.hidden,
                title_zh=said(check.finding_zh if check else "", row.detail) or finding.title_zh,
                title_en=said(check.finding_en if check else "", row.detail) or finding.title_en,
                detail=row.detail,
                before=before.get(finding.id or 0),
                opened=finding.opened,
                assignee=finding.assignee,
                state=finding.state,
            )
        )
    return seen, total or 0


def said(text: str, detail: dict[str, Any]) -> str:
    """The check's words with the evidence of then; "" where it does not fill them, or where a name
    in it is empty: the finding's own title says it better."""
    try:
        if "" in (detail[name] for _, name, _, _ in Formatter().parse(text) if name):
            return ""
        return text.format(**detail)
    except (KeyError, ValueError, TypeError):
        return ""


def _before(session: Session, run_id: int | None, ids: list[int]) -> dict[int, dict[str, Any]]:
    if run_id is None or not ids:
        return {}
    rows = session.execute(
        select(col(PatrolRunFinding.finding_id), col(PatrolRunFinding.detail)).where(
            col(PatrolRunFinding.run_id) == run_id, col(PatrolRunFinding.finding_id).in_(ids)
        )
    )
    found: dict[int, dict[str, Any]] = {}
    found.update((number, detail) for number, detail in rows)
    return found


def _views(
    session: Session, scope: Scope, rows: Iterable[PatrolRun], now: datetime
) -> list[RunView]:
    found = list(rows)
    previous = {row.previous_id for row in found if row.previous_id is not None}
    scores: dict[int | None, float | None] = {}
    if previous:
        earlier = session.execute(
            select(col(PatrolRun.id), col(PatrolRun.score)).where(
                col(PatrolRun.id).in_(sorted(previous))
            )
        )
        scores.update((number, score) for number, score in earlier)
    units = {}
    if any(row.unit_id is not None for row in found):
        units = {unit.id: unit for unit in list_units(session, scope, now)}
    views = []
    for row in found:
        unit = units.get(row.unit_id or 0)
        views.append(
            RunView(
                id=row.id or 0,
                plan=row.plan,
                plan_version=row.plan_version,
                kind=row.kind,
                title_zh=row.definition.get("title_zh", row.plan),
                title_en=row.definition.get("title_en", ""),
                unit_code=unit.code if unit else "",
                unit_name=unit.name if unit else "",
                by=row.by,
                started=row.started,
                finished=row.finished,
                state=row.state,
                done=row.done,
                total=row.total,
                error=row.error,
                score=row.score,
                previous_id=row.previous_id,
                previous_score=scores.get(row.previous_id),
                counts=row.counts,
                problems=sum(row.counts.get(name, 0) for name in SEVERITIES),
                signed_by=row.signed_by,
                signed=row.signed,
                remark=row.remark,
            )
        )
    return views


def _check(entry: dict[str, Any]) -> CheckView:
    known = plans.catalogue().get(entry["check"])
    return CheckView(
        check=entry["check"],
        title_zh=entry.get("title_zh") or (known.title_zh if known else entry["check"]),
        title_en=entry.get("title_en") or (known.title_en if known else entry["check"]),
        group=known.group if known else "",
        judged=entry.get("judged", 0),
        findings=entry.get("findings", 0),
        applies=entry.get("applies", True),
        unjudged=entry.get("unjudged", 0),
        note_zh=entry.get("note_zh", ""),
        note_en=entry.get("note_en", ""),
        seconds=entry.get("seconds", 0.0),
        error=entry.get("error", ""),
        expected=entry.get("expected", ""),
        outcome=entry.get("outcome", ""),
        ok=entry.get("ok", None if entry["check"] in plans.catalogue() else not entry.get("error")),
    )
