"""A run is a record: what was looked at, what changed since the last one, how it ended."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import select

from controller.access.principal import Principal
from controller.findings.tables import Finding
from controller.patrol import plans, run
from controller.patrol.checks import LOOKERS
from controller.patrol.tables import PatrolRun, PatrolRunFinding
from controller.problems import Problem
from controller.store.tables import Watermark
from tests.unit.controller.patrol.city import City
from tests.unit.controller.patrol.test_checks import HEALTHY

OWN = ("own.disk", "controller")


@pytest.fixture
def two(c: City) -> City:
    """vm-1 of A is well, vm-2 of B has been silent for an hour."""
    for code, unit in (("vm-1", "A"), ("vm-2", "B")):
        c.host(code, unit)
        c.five(code, **HEALTHY)
    c.change("vm-2", last_seen=c.now - timedelta(hours=1))
    with c.runtime.database.write() as session:
        session.add(Watermark(name="live:host", at=c.now - timedelta(minutes=5)))
    return c


def changes(c: City, number: int | None) -> dict[tuple[str, str], str]:
    with c.runtime.database.read() as session:
        rows = session.exec(
            select(Finding.code, Finding.subject_key, PatrolRunFinding.change)
            .join(PatrolRunFinding, PatrolRunFinding.finding_id == Finding.id)
            .where(PatrolRunFinding.run_id == number)
        )
        return {(code, key): what for code, key, what in rows if code != "own.disk"}


SILENT = ("agent.silent", "agent-vm-2")


def test_each_run_is_compared_with_the_one_before_it(two: City) -> None:
    first = two.patrol()
    assert changes(two, first.id) == {SILENT: "opened"}
    second = two.patrol()
    assert changes(two, second.id) == {SILENT: "still"}
    assert second.previous_id == first.id
    two.heard("vm-2")
    third = two.patrol()
    assert changes(two, third.id) == {SILENT: "resolved"}
    two.change("vm-2", last_seen=two.now - timedelta(hours=1))
    fourth = two.patrol()
    assert changes(two, fourth.id) == {SILENT: "reopened"}
    assert fourth.counts["reopened"] == 1
    assert [each["check"] for each in fourth.checks] == [
        check.id for check in plans.shipped()["daily"].checks
    ]


def test_a_run_keeps_the_evidence_it_saw(two: City) -> None:
    first = two.patrol()
    two.change("vm-2", last_seen=two.now - timedelta(hours=9))
    two.patrol()
    with two.runtime.database.read() as session:
        kept = session.exec(
            select(PatrolRunFinding.detail).where(
                PatrolRunFinding.run_id == first.id, PatrolRunFinding.severity == "major"
            )
        ).one()
    assert kept["silent_min"] == 60
    assert two.findings()[SILENT].detail["silent_min"] == 540


def test_the_score_is_the_sum_that_its_formula_shows(two: City) -> None:
    done = two.patrol()
    assert done.score is not None
    lost = sum(part["deduction"] for part in done.formula["parts"])
    assert done.score == pytest.approx(100 - lost, abs=0.06)
    silent = next(part for part in done.formula["parts"] if part["check"] == "agent.silent")
    # One of two agents, major: 0.6 / 2 of the subjects, its root times the weight.
    assert silent["share_pct"] == 30
    assert silent["deduction"] == pytest.approx(
        100 * 12 * 0.3**0.5 / done.formula["weights"], abs=0.01
    )


def test_a_patrol_of_one_unit_looks_at_its_subtree_and_resolves_nothing_elsewhere(
    two: City,
) -> None:
    two.host("vm-3", "A1", last_seen=two.now - timedelta(hours=2))
    two.five("vm-3", **HEALTHY)
    two.patrol()
    two.heard("vm-2", "vm-3")
    done = two.patrol(unit="A")
    assert SILENT in two.codes()
    assert ("agent.silent", "agent-vm-3") not in two.codes()
    checks = {each["check"]: each for each in done.checks}
    assert checks["agent.silent"]["judged"] == 2
    assert not checks["own.jobs"]["applies"]


def test_a_stricter_plan_keeps_findings_of_its_own(two: City) -> None:
    """Else the daily plan would resolve what the key-period plan opens, and both for ever."""
    two.host("vm-3")
    two.five("vm-3", **(HEALTHY | {"cpu_used_pct": 75.0}))
    two.patrol("key-period")
    strict = two.findings(source="patrol:key-period")
    assert ("cpu.high", "vm-3") in strict
    two.patrol("daily")
    assert ("cpu.high", "vm-3") in two.findings(source="patrol:key-period")
    with two.runtime.database.write() as session:
        looser = plans.shipped()["key-period"].model_dump(mode="json", exclude_none=True)
        looser["checks"] = [{"id": "agent.silent"}]
        plans.save_plan(session, looser, _by(two), "演练结束")
    two.patrol("key-period")  # what it no longer looks for has no one else to resolve it
    assert two.findings(source="patrol:key-period") == {}
    assert SILENT in two.findings(source="patrol")


def _by(c: City) -> Principal:
    return Principal("wang", "ops", c.now)


def test_a_check_that_fails_is_a_line_of_the_run_and_resolves_nothing(
    two: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    two.patrol()
    two.heard("vm-2")

    def broken(*_: object) -> None:
        raise OSError("the register cannot be read")

    monkeypatch.setitem(LOOKERS, "agent_silent", broken)
    done = two.patrol()
    entry = next(each for each in done.checks if each["check"] == "agent.silent")
    assert (done.state, entry["error"]) == ("done", "OSError: the register cannot be read")
    assert SILENT in two.codes()
    assert "agent.silent" not in [part["check"] for part in done.formula["parts"]]


def test_one_plan_runs_once_at_a_time(two: City) -> None:
    view = _plan(two)
    number = run.start(two.runtime.database, view, None, "wang", two.now)
    with pytest.raises(Problem, match=f"run {number} of this plan"):
        run.start(two.runtime.database, view, None, "li", two.now)
    run.start(two.runtime.database, view, two.ids["A"], "li", two.now)  # another scope


def test_a_run_whose_process_is_gone_is_marked_as_died(two: City) -> None:
    database = two.runtime.database
    number = run.start(database, _plan(two), None, "wang", two.now)
    with database.write() as session:
        row = session.get_one(PatrolRun, number)
        boot, space = row.holder.split("/")[1:3]
        host = row.holder.split("/")[0]
        row.holder, row.done = f"{host}/{boot}/{space}/999999999/1", 3
    with database.write() as session:
        assert run.mark_died(session, two.now) == 1
    with database.read() as session:
        row = session.get_one(PatrolRun, number)
        assert (row.state, row.finished) == ("died", two.now)
        assert f"after 3 of {row.total} checks" in row.error
    run.start(database, _plan(two), None, "wang", two.now)  # and the next may begin


def test_a_run_that_says_nothing_for_long_is_dead_wherever_it_ran(two: City) -> None:
    database = two.runtime.database
    run.start(database, _plan(two), None, "wang", two.now)
    with database.write() as session:
        assert run.mark_died(session, two.now + timedelta(minutes=14)) == 0
        assert run.mark_died(session, two.now + timedelta(minutes=16)) == 1


def test_a_run_that_cannot_be_recorded_is_failed_and_says_why(
    two: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no room")

    monkeypatch.setattr(run, "_record", broken)
    number = run.start(two.runtime.database, _plan(two), None, "wang", two.now)
    with pytest.raises(RuntimeError):
        run.execute(two.runtime, number)
    with two.runtime.database.read() as session:
        row = session.get_one(PatrolRun, number)
        assert (row.state, row.error) == ("failed", "RuntimeError: no room")
        assert session.exec(select(Finding)).all() == []


def _plan(c: City) -> plans.PlanView:
    with c.runtime.database.read() as session:
        return plans.get_plan(session, "daily")
