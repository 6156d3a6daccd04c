"""The life of a move: register, steps in their order, what blocks, the unit's word, what counts."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest

from controller.access.scope import CITY, Scope
from controller.inventory.imports import import_register
from controller.inventory.outcome import ImportOutcome
from controller.moves import networks, projects
from controller.moves.model import NetworkIn, ProjectDetail, ProjectIn, StepIn
from controller.moves.network_import import network_register
from controller.moves.tables import MoveNetwork
from controller.problems import NotFound, Problem
from controller.store.relational import Database
from tests.unit.controller.moves.conftest import NOW

FILE = """编码,专网名称,单位,是否涉密,类型,处置方式,主机数,年费用,网段,专线编号
jt-video,交通视频专网,市交通局,否,视频网,迁移,42台,18万元,172.20.8.0/22,ZX-1、ZX-2
jt-office,交通办公网,jtj,非涉密,办公网,撤并,10,,,
lj-office,临江交通网,ljq-jt,否,,保留,5,,,
"""


def _import(database: Database, text: str, *, dry_run: bool = False) -> ImportOutcome:
    return import_register(
        network_register("ops"), database, io.BytesIO(text.encode()), "专网.csv",
        dry_run=dry_run, skip_bad=False, by="ops", now=NOW,
    )  # fmt: skip


@pytest.fixture
def registered(database: Database) -> Database:
    assert _import(database, FILE).created == 3
    with database.write() as session:
        given = ProjectIn(code="mv-1", network="jt-video", target="公用网络区", lead="李工")
        projects.begin_project(session, CITY, given, "ops", NOW)
    return database


def _step(database: Database, step: str, **given: object) -> ProjectDetail:
    with database.write() as session:
        projects.change_step(session, CITY, "mv-1", step, StepIn(**given), "ops", NOW)
        return projects.project_detail(session, CITY, "mv-1", NOW)


def _cut_over(database: Database) -> None:
    for step in ("addresses", "parallel", "cutover"):
        _step(database, step, state="done")


def test_a_file_of_own_networks_is_read_as_offices_write_it(database: Database) -> None:
    assert _import(database, FILE, dry_run=True).ready
    with database.read() as session:
        assert networks.list_networks(session, CITY, NOW) == []
    assert _import(database, FILE).created == 3
    assert _import(database, FILE).unchanged == 3
    with database.read() as session:
        video = networks.find_network(session, CITY, "jt-video")
    assert (video.kind, video.disposition, video.hosts, video.cost_year) == (
        "video", "migrate", 42, 180_000.0,
    )  # fmt: skip
    assert (video.prefixes, video.lines) == (["172.20.8.0/22"], ["ZX-1", "ZX-2"])


@pytest.mark.parametrize(
    "row",
    [
        "secret-1,某专网,jtj,是,,,,,,",
        "secret-1,某专网,jtj,涉密,,,不是数字,,坏网段,",
        "secret-1,某涉密网,jtj,,,,,,10.66.0.0/16,",
    ],
)
def test_a_classified_network_is_refused_and_nothing_of_it_is_kept_or_said(
    database: Database, row: str
) -> None:
    head = FILE.splitlines()[0]
    outcome = _import(database, f"{head}\n{row}\n")
    assert not outcome.imported
    assert outcome.errors_total == 1
    (error,) = outcome.errors
    assert "涉密网络不得登记" in error.message_zh
    said = outcome.model_dump_json()
    assert not [secret for secret in ("secret-1", "某", "坏网段", "10.66") if secret in said]
    with database.write() as session:
        assert session.get(MoveNetwork, 1) is None
        given = NetworkIn(code="s", name="某网", unit="jtj", classified=True)
        with pytest.raises(Problem, match="classified network must not"):
            networks.put_network(session, CITY, given, "ops", NOW)


def test_errors_of_a_file_name_row_column_and_remedy(database: Database) -> None:
    rows = ["a,网一,nowhere,,,,,,,", "b,网二,jtj,,,,,,172.20.8.1/22,", "b,网二,jtj,,,,,,,",
            ",网三,jtj,,,,,,,"]  # fmt: skip
    outcome = _import(database, "\n".join([FILE.splitlines()[0], *rows]))
    assert [(e.row, e.column) for e in outcome.errors] == [
        (2, "单位"), (3, "网段"), (5, "编码"),
    ]  # fmt: skip
    assert "172.20.8.0/22" in outcome.errors[1].message_zh


def test_steps_follow_each_other(registered: Database) -> None:
    with pytest.raises(Problem, match="address application comes first"):
        _step(registered, "cutover", state="doing")
    _cut_over(registered)
    with pytest.raises(Problem, match="only the unit itself"):
        _step(registered, "sign_off", state="done")
    with pytest.raises(Problem, match="take that back first"):
        _step(registered, "addresses", state="waiting")
    with pytest.raises(Problem, match="comes first"):
        _step(registered, "line_retired", state="done")


def test_the_board_says_what_blocks_and_who_did_what(registered: Database) -> None:
    view = _step(registered, "addresses", state="doing", who="王工",
                 planned=NOW - timedelta(days=3), blocked_by="等待地址批复")  # fmt: skip
    assert [each.kind for each in view.blockers] == ["said", "late"]
    assert view.late
    _step(registered, "addresses", state="done", reference="批复〔2026〕17号")
    view = _step(registered, "parallel", state="doing")
    assert [each.kind for each in view.blockers] == ["no_plan"]
    _step(registered, "parallel", state="done")
    view = _step(registered, "cutover", state="doing", hosts_done=40)
    assert [each.kind for each in view.blockers] == ["no_plan", "hosts_left"]
    assert [event.step for event in view.events if event.step][:2] == ["cutover", "parallel"]
    first = view.steps[0]
    assert (first.who, first.reference, first.blocked_by) == ("王工", "批复〔2026〕17号", "")
    assert first.finished == NOW


def test_the_unit_signs_its_own_move_and_can_send_it_back(registered: Database) -> None:
    mine, others = Scope(frozenset({1})), Scope(frozenset({2}))
    with registered.write() as session, pytest.raises(Problem, match="nothing to sign off"):
        projects.sign_off(session, mine, "mv-1", True, "", "处长", NOW)
    _cut_over(registered)
    with registered.write() as session:
        assert projects.count_waiting(session, mine) == 1
        assert projects.count_waiting(session, others) == 0
        with pytest.raises(NotFound):
            projects.sign_off(session, others, "mv-1", True, "", "别人", NOW)
        with pytest.raises(Problem, match="needs a reason"):
            projects.sign_off(session, mine, "mv-1", False, " ", "处长", NOW)
        projects.sign_off(session, mine, "mv-1", False, "视频卡顿", "处长", NOW)
        back = projects.project_detail(session, CITY, "mv-1", NOW)
    assert back.step == "cutover"
    assert back.blockers[0].zh == "视频卡顿"
    _step(registered, "cutover", state="done")
    with registered.write() as session:
        projects.sign_off(session, mine, "mv-1", True, "业务正常", "处长", NOW)
        with pytest.raises(Problem, match="signed by 处长"):
            projects.sign_off(session, mine, "mv-1", True, "", "处长", NOW)
        seen = projects.project_detail(session, mine, "mv-1", NOW)
    # The office's people are not named to the unit; its own are.
    assert {event.by for event in seen.events} == {"", "处长"}
    done = _step(registered, "line_retired", state="done")
    assert (done.state, done.step) == ("done", "")


def test_the_rate_counts_what_shall_move_and_is_signed(registered: Database) -> None:
    with registered.read() as session:
        whole, _ = networks.carried_by(session, CITY, NOW, "unit")
    assert (whole.networks, whole.to_move, whole.carried, whole.rate_pct) == (3, 2, 0, 0.0)
    _cut_over(registered)
    with registered.write() as session:
        projects.sign_off(session, Scope(frozenset({1})), "mv-1", True, "", "处长", NOW)
        whole, units = networks.carried_by(session, CITY, NOW, "unit")
        _, counties = networks.carried_by(session, CITY, NOW, "county")
    assert (whole.carried, whole.rate_pct, whole.hosts_rate_pct) == (1, 50.0, 42 / 52 * 100)
    assert whole.cost_saved_year == 0
    assert {row.name: (row.to_move, row.kept) for row in units} == {
        "市交通局": (2, 0), "临江区交通局": (0, 1),
    }  # fmt: skip
    assert {row.name: row.networks for row in counties} == {"市直": 2, "临江区": 1}
    _step(registered, "line_retired", state="done")
    with registered.read() as session:
        whole, _ = networks.carried_by(session, CITY, NOW, "unit")
    assert whole.cost_saved_year == 180_000


def test_a_project_is_cancelled_with_a_reason_and_taken_up_again(registered: Database) -> None:
    with registered.write() as session:
        with pytest.raises(Problem, match="project mv-1 moves it"):
            networks.retire_network(session, CITY, "jt-video", "ops", NOW)
        projects.cancel_project(session, CITY, "mv-1", "并入新平台", "ops", NOW)
    with pytest.raises(Problem, match="is cancelled"):
        _step(registered, "addresses", state="doing")
    with registered.write() as session:
        projects.reopen_project(session, CITY, "mv-1", "恢复", "ops", NOW)
        with pytest.raises(Problem, match="there already"):
            projects.begin_project(
                session, CITY, ProjectIn(code="mv-2", network="jt-video"), "ops", NOW
            )
        with pytest.raises(Problem, match="is to be kept"):
            projects.begin_project(
                session, CITY, ProjectIn(code="mv-3", network="lj-office"), "ops", NOW
            )
