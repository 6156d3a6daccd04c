"""One patrol run: started, done check by check, recorded whole, or marked as died.

start(database, scope, plan, …)    a run that is under way
execute(runtime, run_id, scope)    does it
mark_died(session, now)            runs whose process is gone
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, update
from sqlmodel import Session, col

from controller.access.scope import CITY, Scope
from controller.findings.model import Coverage, Observation, Subject
from controller.findings.record import Recorded, observe
from controller.findings.tables import Finding
from controller.inventory import units
from controller.patrol import look as looking
from controller.patrol import plans
from controller.patrol.checks import LOOKERS
from controller.patrol.look import Found, Look
from controller.patrol.plans import Check, Plan, PlanView
from controller.patrol.score import Part, score
from controller.patrol.tables import PatrolRun, PatrolRunFinding
from controller.problems import Problem
from controller.runtime import Runtime
from controller.store.holder import identity, is_gone
from controller.store.relational import Database

SOURCE = "patrol"
"""Of what a check finds as the daily plan has it; another plan's own variant is its own source,
so that two plans of different thresholds do not open and resolve each other's findings."""

LONGEST = timedelta(minutes=15)
"""A run that has not said for so long that it is at work is dead, wherever it ran."""

log = logging.getLogger("yunxun.patrol")


def start(
    database: Database,
    view: PlanView,
    unit_id: int | None,
    by: str,
    now: datetime,
) -> int:
    """Notes that a run of the plan in force begins; gives its id.

    Raises Problem 409 while one of the same plan and scope is under way.
    """
    with database.write() as session:
        mark_died(session, now)
        under_way = session.scalar(
            select(col(PatrolRun.id)).where(
                col(PatrolRun.plan) == view.plan.name,
                col(PatrolRun.unit_id).is_not_distinct_from(unit_id),
                col(PatrolRun.state) == "running",
            )
        )
        if under_way is not None:
            raise Problem(409, "patrol under way", f"run {under_way} of this plan is not done yet")
        run = PatrolRun(
            plan=view.plan.name,
            plan_version=view.version,
            kind=view.plan.kind,
            definition=view.plan.model_dump(mode="json", exclude_none=True),
            unit_id=unit_id,
            by=by,
            started=now,
            beat=now,
            holder=identity(),
            total=len(view.plan.checks),
            previous_id=_previous(session, view.plan.name, unit_id),
        )
        session.add(run)
        session.flush()
        return run.id or 0


def _previous(session: Session, plan: str, unit_id: int | None) -> int | None:
    return session.scalar(
        select(col(PatrolRun.id))
        .where(
            col(PatrolRun.plan) == plan,
            col(PatrolRun.unit_id).is_not_distinct_from(unit_id),
            col(PatrolRun.state) == "done",
        )
        .order_by(col(PatrolRun.started).desc(), col(PatrolRun.id).desc())
        .limit(1)
    )


@dataclass
class _Done:
    """A check after it was done, or why it could not be."""

    check: Check
    source: str
    found: Found
    seconds: float
    error: str = ""


def execute(runtime: Runtime, run_id: int) -> None:
    """Does the checks of a run that was started, one after the other, and records what they found
    in one transaction. A check that fails is an entry of the run; if none could be done, or the
    recording fails, the run is ``failed`` and says why. Raises what ended it."""
    with runtime.database.read() as session:
        run = session.get_one(PatrolRun, run_id)
        plan = Plan.model_validate(run.definition)
        scope = CITY
        if run.unit_id is not None:
            scope = Scope(units.subtree(session, run.unit_id, run.started))
        baseline = {check.id: check for check in plans.get_plan(session, "daily").plan.resolved()}
    try:
        look = looking.read(runtime, scope, runtime.now())
        done = []
        for number, check in enumerate(plan.resolved(), 1):
            same = plan.name == "daily" or baseline.get(check.id) == check
            done.append(_do(look, check, SOURCE if same else f"{SOURCE}:{plan.name}"))
            _beat(runtime, run_id, number)
        if all(each.error for each in done):
            raise RuntimeError(done[0].error)
        with runtime.database.write() as session:
            _record(session, runtime.now(), session.get_one(PatrolRun, run_id), look, done)
    except Exception as error:
        _fail(runtime, run_id, error)
        raise


def _do(look: Look, check: Check, source: str) -> _Done:
    began = time.monotonic()
    try:
        found = LOOKERS[check.look](look, check)
    except Exception as error:  # one check's trouble is a line of the report
        log.error("check failed", extra={"check": check.id}, exc_info=error)
        text = f"{type(error).__name__}: {error}".splitlines()[0][:300]
        found = Found(applies=False, covered=False)
        return _Done(check, source, found, time.monotonic() - began, text)
    return _Done(check, source, found, time.monotonic() - began)


def _beat(runtime: Runtime, run_id: int, number: int) -> None:
    with runtime.database.write() as session:
        session.execute(
            update(PatrolRun)
            .where(col(PatrolRun.id) == run_id)
            .values(done=number, beat=runtime.now())
        )


def _fail(runtime: Runtime, run_id: int, error: Exception) -> None:
    text = f"{type(error).__name__}: {error}".splitlines()[0][:500]
    with runtime.database.write() as session:
        session.execute(
            update(PatrolRun)
            .where(col(PatrolRun.id) == run_id, col(PatrolRun.state) == "running")
            .values(state="failed", finished=runtime.now(), error=text)
        )


def _record(session: Session, now: datetime, run: PatrolRun, look: Look, done: list[_Done]) -> None:
    own = f"{SOURCE}:{run.plan}"
    recorded = [
        _observe(session, now, SOURCE, look, [d for d in done if d.source == SOURCE], ()),
    ]
    if run.plan != "daily":
        # A variant that was given up covers its code, too: its findings go away.
        variants = {d.check.id for d in done if d.source == own}
        given_up = [code for code in plans.catalogue() if code not in variants]
        recorded.append(
            _observe(session, now, own, look, [d for d in done if d.source == own], given_up)
        )
    ids = {mark: number for each in recorded for mark, number in each.ids.items()}
    seen = _read(session, ids.values())
    before = _earlier(session, run.previous_id)
    reopened = {number for each in recorded for number in each.reopened}
    rows = []
    for number, (code, severity, hidden, detail) in seen.items():
        change = "still" if number in before else "reopened" if number in reopened else "opened"
        rows.append(_row(run, number, change, severity, hidden, detail, code))
    gone = _read(session, [n for n in before if n not in seen])
    states = _states(session, gone)
    for number, (code, severity, _, detail) in gone.items():
        if states[number] == "resolved":
            rows.append(_row(run, number, "resolved", severity, False, detail, code))
    codes = {row["finding_id"]: row.pop("code") for row in rows}
    if rows:
        session.connection().execute(insert(PatrolRunFinding), rows)
    shown: dict[str, list[str]] = {}
    for row in rows:
        if row["change"] != "resolved" and not row["hidden"]:
            shown.setdefault(codes[row["finding_id"]], []).append(row["severity"])
    total, formula = score(
        Part(d.check.id, d.check.weight, d.found.judged, shown.get(d.check.id, []))
        for d in done
        if d.found.applies
    )
    run.score, run.formula = total, formula
    run.counts = _counts(rows)
    run.checks = [_entry(d, shown) for d in done]
    run.state, run.finished, run.beat, run.done = "done", now, now, len(done)
    session.add(run)


def _observe(
    session: Session,
    now: datetime,
    source: str,
    look: Look,
    done: list[_Done],
    further: Any,
) -> Recorded:
    seen: list[Observation] = [each for d in done for each in d.found.seen]
    codes = frozenset(d.check.id for d in done if d.found.covered) | frozenset(further)
    return observe(
        session,
        now,
        source,
        seen,
        Coverage(
            codes=codes,
            units=look.scope.unit_ids,
            unjudged=_unjudged(session, source, {d.check.id: d.found.unjudged for d in done}),
        ),
    )


def _unjudged(
    session: Session, source: str, resources: Mapping[str, set[str]]
) -> dict[str, frozenset[Subject]]:
    """The subjects of standing findings whose resource could not be judged this time, by code:
    a resource's file systems are known by their findings alone."""
    wanted = {code: codes for code, codes in resources.items() if codes}
    if not wanted:
        return {}
    rows = session.execute(
        select(
            col(Finding.code),
            col(Finding.subject_kind),
            col(Finding.subject_key),
            col(Finding.detail),
        ).where(
            col(Finding.source) == source,
            col(Finding.code).in_(sorted(wanted)),
            col(Finding.state) != "resolved",
        )
    )
    found: dict[str, set[Subject]] = {}
    for code, kind, key, detail in rows:
        resource = key if kind == "resource" else str(detail.get("resource", ""))
        if resource in wanted[code]:
            found.setdefault(code, set()).add((kind, key))
    return {code: frozenset(subjects) for code, subjects in found.items()}


def _read(session: Session, ids: Any) -> dict[int, tuple[str, str, bool, dict[str, Any]]]:
    """Finding to (code, severity, hidden, detail)."""
    found: dict[int, tuple[str, str, bool, dict[str, Any]]] = {}
    numbers = sorted(set(ids))
    for first in range(0, len(numbers), 5_000):
        rows = session.execute(
            select(
                col(Finding.id),
                col(Finding.code),
                col(Finding.severity),
                col(Finding.hidden_by),
                col(Finding.detail),
            ).where(col(Finding.id).in_(numbers[first : first + 5_000]))
        )
        found |= {row[0]: (row[1], row[2], bool(row[3]), row[4]) for row in rows}
    return found


def _states(session: Session, numbers: Any) -> dict[int, str]:
    found: dict[int, str] = {}
    wanted = sorted(numbers)
    for first in range(0, len(wanted), 5_000):
        found.update(
            (number or 0, state)
            for number, state in session.execute(
                select(col(Finding.id), col(Finding.state)).where(
                    col(Finding.id).in_(wanted[first : first + 5_000])
                )
            )
        )
    return found


def _earlier(session: Session, run_id: int | None) -> set[int]:
    """The findings that the run before saw."""
    if run_id is None:
        return set()
    return set(
        session.scalars(
            select(col(PatrolRunFinding.finding_id)).where(
                col(PatrolRunFinding.run_id) == run_id, col(PatrolRunFinding.change) != "resolved"
            )
        )
    )


def _row(
    run: PatrolRun,
    number: int,
    change: str,
    severity: str,
    hidden: bool,
    detail: dict[str, Any],
    code: str,
) -> dict[str, Any]:
    return {
        "run_id": run.id,
        "finding_id": number,
        "change": change,
        "severity": severity,
        "hidden": hidden,
        "detail": detail,
        "code": code,
    }


def _counts(rows: list[dict[str, Any]]) -> dict[str, int]:
    counts = dict.fromkeys(
        ("opened", "reopened", "still", "resolved", "hidden", "critical", "major", "minor", "info"),
        0,
    )
    for row in rows:
        if row["hidden"]:
            counts["hidden"] += 1
            continue
        counts[row["change"]] += 1
        if row["change"] != "resolved":
            counts[row["severity"]] += 1
    return counts


def _entry(done: _Done, shown: Mapping[str, list[str]]) -> dict[str, Any]:
    severities = shown.get(done.check.id, [])
    return {
        "check": done.check.id,
        "judged": done.found.judged,
        "findings": len(severities),
        "applies": done.found.applies,
        "unjudged": len(done.found.unjudged),
        "note_zh": done.found.note[0],
        "note_en": done.found.note[1],
        "seconds": round(done.seconds, 3),
        "error": done.error,
    }


def mark_died(session: Session, now: datetime) -> int:
    """Ends the runs whose process is gone or has not been heard of; gives how many."""
    running = session.scalars(select(PatrolRun).where(col(PatrolRun.state) == "running")).all()
    dead = [run for run in running if is_gone(run.holder) or now - run.beat > LONGEST]
    for run in dead:
        run.state, run.finished = "died", now
        run.error = f"its process ended after {run.done} of {run.total} checks"
        session.add(run)
    session.flush()
    return len(dead)
