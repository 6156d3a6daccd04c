"""What follows from a cut-over: addresses of hosts, keys known by them, and the move's step."""

from __future__ import annotations

import pytest
from sqlmodel import Session, col, select

from controller.access.scope import CITY, Scope
from controller.access.tables import AuditEntry
from controller.cutover import cutovers
from controller.cutover.follow import follow
from controller.moves import projects as moves
from controller.moves.model import ProjectDetail, StepIn
from controller.problems import Problem
from controller.readiness import projects, runs
from controller.readiness.projects import WantedHost
from controller.readiness.tables import ReadinessRun
from tests.unit.controller.cutover.conftest import approve, furnish_move, host_plan, start
from tests.unit.controller.readiness.conftest import NOW, Desk

KEY = "ssh-ed25519 AAAAC3Nza"


def furnish(session: Session, desk: Desk) -> None:
    furnish_move(session)
    for step in ("addresses", "parallel"):
        moves.change_step(session, CITY, "mv", step, StepIn(state="done"), "ops", NOW)
    approve(session, 7, [host_plan("a", 1), host_plan("c", 3)])
    project = desk.project(session)
    hosts = [WantedHost(name="c", address="10.0.0.3")]
    projects.set_hosts(session, CITY, project, hosts, NOW)
    projects.decide(session, project, "approved", "", "li", NOW)
    project.known_hosts = f"10.0.0.1 {KEY}1\n10.0.0.3 {KEY}3\n10.66.1.1 {KEY}-of-another\n"


def ended(session: Session, desk: Desk, run: ReadinessRun, state: str, **found: str) -> None:
    """Its process takes it, the hosts say this, and it ends."""
    assert runs.claim(session, run.id or 0, "", NOW)
    told(session, desk, run, **found)
    runs.finish(session, run, state, NOW)
    runs.follow(session, run, NOW, follow)


def told(session: Session, desk: Desk, run: ReadinessRun, **found: str) -> None:
    for name, said in found.items():
        host = desk.host(session, name).id or 0
        word, _, stage = said.partition(" ")
        marker = {"stage": stage, "ok": "yes"} if stage else None
        runs.move(session, run.id or 0, host, NOW, state="ok", found=word, marker=marker)


def move(session: Session) -> ProjectDetail:
    return moves.project_detail(session, CITY, "mv", NOW)


def counted(session: Session) -> tuple[str, int | None]:
    step = {it.step: it for it in move(session).steps}["cutover"]
    return step.state, step.hosts_done


def addresses(session: Session, desk: Desk) -> list[str]:
    return [desk.host(session, name).address for name in ("a", "c")]


def test_a_confirmed_host_is_known_by_its_new_address_and_counted(desk: Desk) -> None:
    with desk.database.write() as session:
        furnish(session, desk)
        run = start(session, desk)
        ended(session, desk, run, "failed", a="confirmed", c="rolled_back")
        assert addresses(session, desk) == ["10.66.1.1", "10.0.0.3"]
        assert counted(session) == ("doing", 1)
        assert desk.project(session).known_hosts == (
            f"10.0.0.1 {KEY}1\n10.0.0.3 {KEY}3\n10.66.1.1 {KEY}1\n"
        )
        # The machine is the one that was approved.
        assert projects.approvals(session, desk.project_id)[0].decision == "approved"
        event = move(session).events[0]
        assert (event.what, event.changes["hosts_done"]) == ("step", [None, 1])
        assert event.text == f"plan-7.1（运行 {run.id}）割接确认：a"
        row = session.scalars(
            select(AuditEntry).where(col(AuditEntry.action) == "cutover.follow")
        ).one()
        assert (row.actor, row.detail) == ("wang", {"addresses": {"a": ["10.0.0.1", "10.66.1.1"]}})

        # The rest of the plan: the one that is over is not started again.
        again = start(session, desk)
        board = cutovers.board_of(session, again, NOW)
        assert ([it.host for it in board.items], board.left_out) == (["c"], ["a"])
        ended(session, desk, again, "done", c="confirmed")
        assert addresses(session, desk) == ["10.66.1.1", "10.66.1.3"]
        assert counted(session) == ("doing", 2)
        (blocker,) = move(session).blockers
        assert blocker.kind == "hosts_over"
        assert [it.state for it in cutovers.board_of(session, again, NOW).items] == ["confirmed"]

        with pytest.raises(Problem, match=r"over already: a, c\..*--login 1 --host NAME") as told:
            start(session, desk)
        assert told.value.status == 409
        # By name it is started all the same: it says that it was left as it is, and counts once.
        named = start(session, desk, only=["a"])
        ended(session, desk, named, "failed", a="untouched")
        assert addresses(session, desk) == ["10.66.1.1", "10.66.1.3"]
        assert counted(session) == ("doing", 2)


def test_a_host_whose_way_back_was_cut_off_is_named_and_started_by_name(desk: Desk) -> None:
    with desk.database.write() as session:
        furnish(session, desk)
        run = start(session, desk)
        ended(session, desk, run, "done", a="confirmed", c="confirmed")
        back = cutovers.take_back(session, CITY, run.id or 0, "wang", NOW)
        ended(session, desk, back, "failed", a="confirmed confirm", c="confirmed where")
        # Another's host, over by another project's run, is not told to a unit.
        stranger = {**run.variables, "cutover_left_out": ["c", "of-another"]}
        run.variables = stranger
        session.flush()
        for scope, told_of in ((CITY, ["c", "of-another"]), (Scope(frozenset({1})), ["c"])):
            assert cutovers.board(session, scope, run.id or 0, NOW).left_out == told_of
        # a is back for sure; nobody knows of c: the wave takes a and names c.
        again = start(session, desk)
        board = cutovers.board_of(session, again, NOW)
        assert ([it.host for it in board.items], board.left_out) == (["a"], ["c"])
        ended(session, desk, again, "done", a="confirmed")
        # c had gone back, and is moved again.
        named = start(session, desk, only=["c"])
        ended(session, desk, named, "done", c="confirmed")
        assert counted(session) == ("doing", 2)
        # The way back of a part does not take the notice of the part left out along.
        undone = cutovers.take_back(session, CITY, again.id or 0, "wang", NOW)
        board = cutovers.board_of(session, undone, NOW)
        assert ([it.host for it in board.items], board.left_out) == (["a"], [])


def test_what_went_back_in_reverse_is_known_by_its_old_address_and_no_longer_counted(
    desk: Desk,
) -> None:
    with desk.database.write() as session:
        furnish(session, desk)
        run = start(session, desk)
        ended(session, desk, run, "done", a="confirmed", c="confirmed")
        back = cutovers.take_back(session, CITY, run.id or 0, "wang", NOW)
        # c was looked at, and its way back was cut off before it was confirmed.
        ended(session, desk, back, "failed", a="confirmed confirm", c="confirmed where")
        assert addresses(session, desk) == ["10.0.0.1", "10.66.1.3"]
        assert counted(session) == ("doing", 1)
        assert "退回原地址：a" in move(session).events[0].text


def there_and_back(session: Session, desk: Desk, *done: str) -> None:
    """Both hosts cut over; then these steps are said to be done, and a goes back."""
    furnish(session, desk)
    run = start(session, desk)
    ended(session, desk, run, "done", a="confirmed", c="confirmed")
    for step in done:
        if step == "sign_off":
            moves.sign_off(session, CITY, "mv", True, "", "unit", NOW)
        else:
            moves.change_step(session, CITY, "mv", step, StepIn(state="done"), "ops", NOW)
    back = cutovers.take_back(session, CITY, run.id or 0, "wang", NOW)
    ended(session, desk, back, "failed", a="confirmed confirm", c="unreachable")


def test_a_step_that_was_done_is_not_once_a_host_went_back(desk: Desk) -> None:
    with desk.database.write() as session:
        there_and_back(session, desk, "cutover")
        assert counted(session) == ("doing", 1)
        event = move(session).events[0]
        assert event.changes == {"hosts_done": [2, 1], "state": ["done", "doing"]}
        assert [it.kind for it in move(session).blockers] == ["hosts_left"]
        # A host more does not end it: that is for a person to say.
        again = start(session, desk)
        ended(session, desk, again, "done", a="confirmed")
        assert counted(session) == ("doing", 2)


def test_the_history_of_a_move_that_is_over_says_what_went_back(desk: Desk) -> None:
    with desk.database.write() as session:
        there_and_back(session, desk, "cutover", "sign_off", "line_retired")
        assert (move(session).state, counted(session)) == ("done", ("done", 2))
        event = move(session).events[0]
        assert (event.step, event.what, event.changes) == ("cutover", "step", {})
        assert "退回原地址：a" in event.text


def test_the_board_of_a_way_back_says_on_which_address_each_host_is(desk: Desk) -> None:
    with desk.database.write() as session:
        furnish(session, desk)
        run = start(session, desk)
        ended(session, desk, run, "done", a="confirmed", c="confirmed")
        back = cutovers.take_back(session, CITY, run.id or 0, "wang", NOW)
        assert runs.claim(session, back.id or 0, "", NOW)

        def say(name: str, stage: str, found: str, state: str) -> None:
            runs.move(
                session, back.id or 0, desk.host(session, name).id or 0, NOW, state="running",
                found=found, marker={"stage": stage, "ok": "yes", "state": state},
            )  # fmt: skip

        def board() -> dict[str, str]:
            return {it.host: it.state for it in cutovers.board_of(session, back, NOW).items}

        for name in ("a", "c"):
            say(name, "where", "confirmed", "confirmed")
        assert board() == {"a": "running", "c": "running"}
        # a confirmed the cut-over in reverse; that of c took itself back: c is on its new address.
        say("a", "settle", "confirmed", "confirmed")
        say("c", "settle", "rolled_back", "rolled_back")
        runs.finish(session, back, "failed", NOW)
        assert board() == {"a": "rolled_back", "c": "confirmed"}


def test_a_look_after_a_run_that_died_counts_what_the_run_did_not(desk: Desk) -> None:
    with desk.database.write() as session:
        furnish(session, desk)
        run = start(session, desk)
        assert runs.claim(session, run.id or 0, "", NOW)
        told(session, desk, run, a="confirmed")
        run.holder, run.beat = "elsewhere/x/y/1/2", NOW - runs.LONGEST_SILENCE * 2
        runs.recover(session, NOW, follow)
        assert counted(session) == ("doing", 1)
        look = session.scalars(
            select(ReadinessRun).where(col(ReadinessRun.inspects) == run.id)
        ).one()
        ended(session, desk, look, "done", a="confirmed", c="confirmed")
        assert counted(session) == ("doing", 2)
        assert addresses(session, desk) == ["10.66.1.1", "10.66.1.3"]


def test_what_was_entered_by_hand_stays_and_an_earlier_step_is_not_passed_over(
    desk: Desk,
) -> None:
    with desk.database.write() as session:
        furnish(session, desk)
        moves.change_step(session, CITY, "mv", "parallel", StepIn(state="doing"), "ops", NOW)
        given = StepIn(hosts_done=5)
        moves.change_step(session, CITY, "mv", "cutover", given, "ops", NOW)
        ended(session, desk, start(session, desk), "done", a="confirmed", c="confirmed")
        assert counted(session) == ("waiting", 7)


def test_should_what_follows_fail_the_end_of_the_run_stands(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    with desk.database.write() as session:
        furnish(session, desk)
        run = start(session, desk)
        assert runs.claim(session, run.id or 0, "", NOW)
        told(session, desk, run, a="confirmed")
        runs.finish(session, run, "done", NOW)

        def broken(session: Session, run: ReadinessRun, *_: object) -> None:
            run.error = "half done"
            session.flush()
            raise RuntimeError("no")

        runs.follow(session, run, NOW, broken)
        session.refresh(run)
        assert (run.state, run.error) == ("done", "")
        assert "what follows" in caplog.text
