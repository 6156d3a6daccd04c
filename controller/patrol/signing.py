"""The shift's signature under a run, and drills (应急演练) written down as runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from controller.access import audit
from controller.access.principal import Principal
from controller.access.scope import Scope
from controller.patrol.tables import PatrolRun
from controller.patrol.views import require
from controller.problems import Problem

DRILL = "drill"


def sign(session: Session, scope: Scope, run_id: int, by: Principal, remark: str) -> None:
    """Puts the shift's name under a run that is done. Once: a signature is not changed.

    Raises NotFound, Problem 409.
    """
    run = require(session, scope, run_id)
    if run.state != "done":
        raise Problem(409, "run not done", "only a run that is done can be signed")
    if run.signed is not None:
        raise Problem(409, "signed already", f"{run.signed_by} has signed it")
    if run.kind == DRILL and run.remark and "conclusion" not in run.definition:
        # Drills of earlier releases kept their conclusion where the signature has its remark.
        run.definition = {**run.definition, "conclusion": run.remark}
    run.signed_by, run.signed, run.remark = by.name, by.at, remark
    session.add(run)
    audit.record(session, by, "patrol.sign", f"run {run_id}", detail={"remark": remark})


@dataclass(frozen=True)
class Step:
    """One step of a drill: what was expected, what happened."""

    title: str
    expected: str
    outcome: str
    ok: bool


def find_drill(session: Session, title: str, started: datetime) -> int | None:
    """The run of a drill of this name that began then; None where there is none."""
    rows = session.exec(
        select(PatrolRun).where(col(PatrolRun.plan) == DRILL, col(PatrolRun.started) == started)
    )
    return next((row.id for row in rows if row.definition.get("title_zh") == title), None)


def record_drill(
    session: Session,
    by: Principal,
    *,
    title: str,
    scenario: str,
    participants: list[str],
    started: datetime,
    finished: datetime,
    steps: list[Step],
    conclusion: str,
) -> int:
    """Writes a drill down as a run that is done; its score is the share of steps that went well.

    Gives the run's id. Raises Problem 422 for one that ended before it began or in the future, 409
    for one of this name and beginning that is written down already.
    """
    if not started <= finished <= by.at:
        raise Problem(422, "wrong times", "a drill ends after it began, and before now")
    again = find_drill(session, title, started)
    if again is not None:
        raise Problem(409, "written down already", f"run {again} is a drill of this name and time")
    passed = sum(step.ok for step in steps)
    run = PatrolRun(
        plan=DRILL,
        plan_version=0,
        kind=DRILL,
        definition={
            "title_zh": title,
            "scenario": scenario,
            "participants": participants,
            "conclusion": conclusion,
        },
        by=by.name,
        started=started,
        finished=finished,
        state="done",
        beat=finished,
        done=len(steps),
        total=len(steps),
        score=round(100 * passed / len(steps), 1),
        formula={"passed": passed, "steps": len(steps)},
        checks=[
            {
                "check": f"step {number}",
                "title_zh": step.title,
                "title_en": step.title,
                "judged": 1,
                "note_zh": f"预期：{step.expected}；实际：{step.outcome}",
                "note_en": f"expected: {step.expected}; happened: {step.outcome}",
                "expected": step.expected,
                "outcome": step.outcome,
                "ok": step.ok,
                "error": "" if step.ok else step.outcome or "未达到预期",
            }
            for number, step in enumerate(steps, 1)
        ],
    )
    session.add(run)
    session.flush()
    audit.record(session, by, "patrol.drill", f"run {run.id}", detail={"title": title})
    return run.id or 0
