"""Two runs of one project side by side: new, fixed, still open, lost from sight."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session

from controller.problems import Problem
from controller.readiness import judging, views
from controller.readiness.tables import ReadinessRun
from playbooks.judge.compare import compare_runs
from playbooks.judge.results import Result

KINDS = ("new", "fixed", "still_open", "lost_sight")


@dataclass(frozen=True)
class Change:
    """A failure that is new, fixed …; of one host for one profile."""

    change: str
    result: Result


@dataclass(frozen=True)
class Comparison:
    """``alone``: hosts and profiles that only one of the runs judged; nothing is said of them."""

    before: int
    after: int
    changes: list[Change]
    alone: list[tuple[str, str]]

    def count(self, kind: str) -> int:
        return sum(each.change == kind for each in self.changes)


def compare(session: Session, before: ReadinessRun, after: ReadinessRun) -> Comparison:
    """Raises Problem 422 for runs of two projects, or the same run twice."""
    if before.project_id != after.project_id:
        raise Problem(422, "cannot compare", "the two runs are of different projects")
    if before.id == after.id:
        raise Problem(422, "cannot compare", "give two different runs")
    old = {
        (it.asset, it.profile): it for it in views.judgements(views.of_run(session, before.id or 0))
    }
    new = {
        (it.asset, it.profile): it for it in views.judgements(views.of_run(session, after.id or 0))
    }
    changes: list[Change] = []
    for key in sorted(old.keys() & new.keys()):
        found = compare_runs(old[key], new[key], judging.catalogue())
        for kind in KINDS:
            changes += [Change(kind, result) for result in getattr(found, kind)]
    return Comparison(before.id or 0, after.id or 0, changes, sorted(old.keys() ^ new.keys()))
