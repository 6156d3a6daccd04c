"""A cut-over begins only while its plan stands, and nobody else is at its hosts."""

from __future__ import annotations

import pytest
from sqlmodel import Session

from controller.access.scope import CITY
from controller.cutover import cutovers
from controller.moves import plans
from controller.moves import projects as moves
from controller.problems import Problem
from controller.readiness import projects, runs
from controller.readiness.projects import Wanted, WantedHost
from controller.readiness.tables import ReadinessProject, ReadinessRun
from tests.unit.controller.cutover.conftest import approve, furnish_move, host_plan, start
from tests.unit.controller.readiness.conftest import NOW, Desk


def another_project(session: Session, name: str, **connection: object) -> int:
    wanted = Wanted(name=name, kind="network", units=["A"], connection=connection)
    project = projects.create(session, CITY, wanted, "wang", NOW)
    projects.set_hosts(session, CITY, project, [WantedHost(name="x", address="10.0.0.1")], NOW)
    projects.decide(session, project, "approved", "", "li", NOW)
    return project.id or 0


@pytest.mark.parametrize("how", ["withdrawn", "superseded", "cancelled"])
def test_a_plan_that_no_longer_stands_is_not_carried_out_though_it_was_queued(
    desk: Desk, how: str
) -> None:
    with desk.database.write() as session:
        furnish_move(session)
        approve(session, 7, [host_plan("a", 1)])
        run = start(session, desk)
        if how == "withdrawn":
            plans.withdraw(session, CITY, 7, "li", NOW)
        elif how == "superseded":
            approve(session, 8, [host_plan("a", 1)])
        else:
            moves.cancel_project(session, CITY, "mv", "", "li", NOW)
        assert runs.claim(session, run.id or 0, "", NOW) is None
        assert (run.state, run.started, run.inspected) == ("failed", None, "")
        board = cutovers.board_of(session, run, NOW)
        assert [host.state for host in board.items] == ["untouched"]
        assert ("cancelled" if how == "cancelled" else "plan 7 is withdrawn") in run.error
        if how == "cancelled":
            with pytest.raises(Problem, match="was cancelled"):
                start(session, desk)


def test_a_plan_that_stands_is_carried_out_and_taken_back_though_it_was_withdrawn_since(
    desk: Desk,
) -> None:
    with desk.database.write() as session:
        furnish_move(session)
        approve(session, 7, [host_plan("a", 1)])
        run = start(session, desk)
        assert runs.claim(session, run.id or 0, "", NOW)
        runs.finish(session, run, "done", NOW)
        plans.withdraw(session, CITY, 7, "li", NOW)
        back = cutovers.take_back(session, CITY, run.id or 0, "wang", NOW)
        assert runs.claim(session, back.id or 0, "", NOW)


def test_one_plan_is_carried_out_once_at_a_time_whatever_the_project(desk: Desk) -> None:
    with desk.database.write() as session:
        furnish_move(session)
        approve(session, 7, [host_plan("a", 1), host_plan("c", 3, wave=2)])
        other = another_project(session, "另一登录")
        first = start(session, desk, wave=1)
        for more in ({"wave": 1}, {"wave": 2}, {"wave": 2, "project_id": other}):
            with pytest.raises(Problem, match=f"run {first.id} is carrying plan 7 out") as told:
                start(session, desk, **more)
            assert told.value.status == 409
        runs.cancel(session, first, "wang", NOW)
        assert start(session, desk, wave=2).state == "queued"


def test_a_host_is_changed_by_one_run_at_a_time_whatever_the_project(desk: Desk) -> None:
    with desk.database.write() as session:
        furnish_move(session)
        approve(session, 7, [host_plan("a", 1)])
        projects.decide(session, desk.project(session), "approved", "", "li", NOW)
        other = projects.find(session, CITY, another_project(session, "另一登录"))
        run = start(session, desk)

        def enable(project: ReadinessProject) -> ReadinessRun:
            return runs.enqueue(session, project, "enable_ipv6", by="wang", now=NOW)

        for project in (desk.project(session), other):
            with pytest.raises(Problem, match=rf"being changed by run {run.id} \(cutover\)"):
                enable(project)
        # Reading is no change, and behind another jump host the address is another machine.
        assert runs.enqueue(session, other, "check", by="wang", now=NOW)
        far = {"jump_host": "10.9.9.9"}
        projects.change(session, CITY, desk.project(session), Wanted(connection=far), NOW)
        away = another_project(session, "远端", jump_host="10.8.8.8")
        there = enable(projects.find(session, CITY, away))
        for each in (run, there):
            runs.cancel(session, each, "wang", NOW)
        assert enable(other)
        with pytest.raises(Problem, match="enable_ipv6"):
            enable(other)


def test_a_way_back_asked_for_twice_is_queued_once(desk: Desk) -> None:
    with desk.database.write() as session:
        furnish_move(session)
        approve(session, 7, [host_plan("a", 1)])
        run = start(session, desk)
        runs.claim(session, run.id or 0, "", NOW)
        runs.finish(session, run, "done", NOW)
        cutovers.take_back(session, CITY, run.id or 0, "wang", NOW)
        with pytest.raises(Problem, match="a is being changed by run"):
            cutovers.take_back(session, CITY, run.id or 0, "wang", NOW)


def test_a_host_that_was_taken_off_the_project_is_led_back_too(desk: Desk) -> None:
    with desk.database.write() as session:
        furnish_move(session)
        approve(session, 7, [host_plan("a", 1), host_plan("c", 3)])
        run = start(session, desk)
        runs.claim(session, run.id or 0, "", NOW)
        runs.finish(session, run, "done", NOW)
        projects.retire_host(session, desk.host(session, "c"), NOW)
        back = cutovers.take_back(session, CITY, run.id or 0, "wang", NOW)
        board = cutovers.board_of(session, back, NOW)
        assert ([it.host for it in board.items], board.left_out) == (["a", "c"], [])
        with pytest.raises(Problem, match="no host 'c' in this project"):
            runs.enqueue(
                session, desk.project(session), "check", by="wang", now=NOW, hosts=["a", "c"]
            )
        runs.cancel(session, back, "wang", NOW)

        # Of c nothing is known any more by which it could be asked.
        desk.host(session, "c").address = ""
        session.flush()
        again = cutovers.take_back(session, CITY, run.id or 0, "wang", NOW)
        board = cutovers.board_of(session, again, NOW)
        assert ([it.host for it in board.items], board.left_out) == (["a"], ["c"])
        runs.cancel(session, again, "wang", NOW)
        desk.host(session, "a").address = ""
        session.flush()
        with pytest.raises(Problem, match="no address is known of a, c") as told:
            cutovers.take_back(session, CITY, run.id or 0, "wang", NOW)
        assert told.value.status == 409


def test_a_plan_of_five_hundred_hosts_goes_into_one_run_and_a_bad_one_into_none(
    desk: Desk,
) -> None:
    edges = [
        {"peer": f"fd00:66:1234:5678::{number}", "port": 50000 + number, "required": True}
        for number in range(60)
    ]
    hosts = [
        host_plan(
            f"host-{number}", 1, edges=edges, old_address=f"10.1.{number // 250}.{number % 250}/16",
            address=f"10.66.{number // 250}.{number % 250}/16",
        )
        for number in range(1, 501)
    ]  # fmt: skip
    with desk.database.write() as session:
        furnish_move(session)
        approve(session, 7, hosts)
        run = start(session, desk)
        assert len(run.variables["cutover_hosts"]) == 500
        runs.cancel(session, run, "wang", NOW)
        twice = [host_plan("a", 1), host_plan("c", 3, address="10.66.1.1/24")]
        approve(session, 8, twice)
        with pytest.raises(Problem, match=r"10\.66\.1\.1 is planned for a too"):
            start(session, desk, 8)
