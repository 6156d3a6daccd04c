"""A plan from a real workbook: permits, waves, what the playbooks get; and who may approve it."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import openpyxl
import pytest

from controller.access.scope import CITY, Scope
from controller.moves import plans, projects
from controller.moves.edge_documents import take_edges
from controller.moves.model import NetworkIn, ProjectIn
from controller.moves.networks import put_network
from controller.moves.plan_acl import HEADS, acl_lines
from controller.moves.plan_hosts import playbook_plan
from controller.moves.plan_make import Made
from controller.moves.plan_waves import plan_waves
from controller.moves.plans_api import view_of
from controller.moves.sheets import book
from controller.moves.tables import MovePlan
from controller.problems import Problem
from controller.store.relational import Database
from tests.unit.controller.moves.conftest import NOW

HEAD = ["主机", "网卡", "现IP", "新IP", "掩码", "网关", "IPv6地址", "IPv6网关", "DNS", "NTP", "MTU"]
ROWS = [
    ["web", "eth0", "10.1.0.1/24", "10.66.1.21", "255.255.255.0", "10.66.1.1",
     "fd00:66::21/64", "fd00:66::1", "10.66.9.5", "10.66.9.6", 1500],
    ["db", "eth0", "10.1.0.2/24", "10.66.2.22", 24.0, "10.66.2.1",
     "fd00:66:2::22/64", "fd00:66:2::1", "10.66.9.5、10.66.9.7", "10.66.9.6", 1500],
]  # fmt: skip


def _workbook(rows: list[list[Any]]) -> io.BytesIO:
    made = openpyxl.Workbook()
    sheet = made.active
    assert sheet is not None
    sheet.append(["XX市交通局迁网地址方案"])
    for row in (HEAD, *rows):
        sheet.append(row)
    body = io.BytesIO()
    made.save(body)
    body.seek(0)
    return body


@pytest.fixture
def project(database: Database) -> Database:
    with database.write() as session:
        given = NetworkIn(code="net", name="交通专网", unit="jtj", disposition="migrate")
        put_network(session, CITY, given, "ops", NOW)
        projects.begin_project(session, CITY, ProjectIn(code="mv", network="net"), "ops", NOW)
        for day in range(4):
            at = NOW - timedelta(days=day)
            edges: list[list[Any]] = [
                ["out", "tcp", "10.1.0.2", 5432, "java", 9, 1],
                ["out", "tcp", "10.2.0.1", 443, "java", 9, 1],
                ["in", "tcp", "192.168.7.9", 8080, "java", 9, 1],
            ]
            take_edges(session, 1, {"edges": edges if day else edges[:2]}, at, NOW)
        rare = [["out", "tcp", "8.8.8.8", 53, "", 1, 1]]
        take_edges(session, 1, {"edges": rare}, NOW, NOW)
    return database


def _make(database: Database, rows: list[list[Any]]) -> Made:
    table, _ = plans.read_plan_file(_workbook(rows), "地址方案.xlsx")
    with database.read() as session:
        found = projects.find_project(session, CITY, "mv")
        return plans.make(session, found, table, 30, 30, NOW)


def _keep(database: Database, rows: list[list[Any]] | None = None) -> int:
    made = _make(database, rows or ROWS)
    with database.write() as session:
        found = projects.find_project(session, CITY, "mv")
        kept = plans.keep_plan(session, found, made, file_name="地址方案.xlsx", sha256="0" * 64,
                               days=30, by="li", now=NOW)  # fmt: skip
        assert kept.id is not None
        return kept.id


def test_what_the_playbooks_get_is_plain_and_without_empty_fields(project: Database) -> None:
    plan = playbook_plan(_make(project, ROWS).hosts)["cutover_hosts"]
    assert list(plan) == ["web", "db"]
    assert "search" not in plan["web"]
    assert "edges" not in plan["db"]
    # The database moves with it: it is called at its new address. What was met once may fail.
    assert plan["web"]["edges"] == [
        {"peer": "10.66.2.22", "port": 5432, "required": True},
        {"peer": "10.2.0.1", "port": 443, "required": True},
        {"peer": "8.8.8.8", "port": 53, "required": False},
    ]


def test_what_stands_in_a_note_is_no_template_to_the_playbooks(project: Database) -> None:
    (host, *_) = _make(project, ROWS).hosts
    told = "{{ lookup('pipe', 'id') }} {{{x {%y {#z {w}"
    plan = playbook_plan([host | {"note": told}])["cutover_hosts"]["web"]
    assert not [mark for mark in ("{{", "{%", "{#") if mark in plan["note"]]
    assert plan["note"].replace("{ ", "{") == told.replace("{ ", "{")


def test_permits_are_asked_for_at_the_new_addresses_and_only_beyond_ones_network(
    project: Database,
) -> None:
    made = _make(project, ROWS)
    tcp = {(r["source"], r["target"], r["port"]) for r in made.acl if r["protocol"] == "tcp"}
    assert tcp == {
        ("10.66.1.21", "10.66.2.22", 5432),
        ("fd00:66::21", "fd00:66:2::22", 5432),
        ("10.66.1.21", "10.2.0.1", 443),
        ("192.168.7.9", "10.66.1.21", 8080),
        ("10.66.1.21", "8.8.8.8", 53),
    }
    udp = {(r["source"], r["target"], r["port"]) for r in made.acl if r["protocol"] == "udp"}
    assert udp == {
        ("10.66.1.21", "10.66.9.5", 53), ("10.66.1.21", "10.66.9.6", 123),
        ("10.66.2.22", "10.66.9.5", 53), ("10.66.2.22", "10.66.9.7", 53),
        ("10.66.2.22", "10.66.9.6", 123),
    }  # fmt: skip
    assert (made.summary["permits"], made.summary["unknown_permits"]) == (10, 2)
    db = ["db", "eth0", "10.1.0.2/24", "10.66.1.22", 24, "10.66.1.1", "fd00:66::22/64",
          "fd00:66::1", "10.66.9.5", "10.66.9.6", 1500]  # fmt: skip
    same = [ROWS[0], db]
    assert not [r for r in _make(project, same).acl if r["port"] == 5432]
    sheet = openpyxl.load_workbook(io.BytesIO(book([("ACL申请", HEADS, acl_lines(made.acl))])))
    lines = list(sheet["ACL申请"].iter_rows(values_only=True))
    assert lines[0] == HEADS
    assert len(lines) == 11


def test_faults_name_the_row_and_column_of_the_workbook(project: Database) -> None:
    bad = [ROWS[0], [*ROWS[1]]]
    bad[1][5] = "10.66.9.1"
    made = _make(project, bad)
    (fault,) = made.faults
    assert (fault.row, fault.column, fault.kind, fault.host) == (4, "网关", "gateway_outside", "db")
    assert "10.66.2.0/24" in fault.zh


def test_a_unit_reads_its_faults_without_whose_the_other_is(project: Database) -> None:
    bad = [ROWS[0], [*ROWS[1]]]
    bad[1][3] = "10.2.0.1"
    number = _keep(project, bad)
    with project.read() as session:
        plan = plans.find_plan(session, CITY, number)
        told = {
            who: [f for f in view_of(plan, "mv", scope, NOW).faults
                  if f.kind == "address_of_other_unit"]
            for who, scope in (("office", CITY), ("unit", Scope(frozenset({1}))))
        }  # fmt: skip
    assert "市大数据中心" in told["office"][0].zh
    assert [(f.row, f.zh) for f in told["unit"]] == [
        (f.row, "该地址属于其他单位") for f in told["office"]
    ]
    assert not [f for f in told["unit"] if "市大数据中心" in f.zh + f.en]


def test_hosts_that_depend_on_each_other_move_together(project: Database) -> None:
    (wave,) = _make(project, ROWS).waves
    assert wave["hosts"] == ["web", "db"]


def test_waves_close_over_dependencies_and_begin_small() -> None:
    codes = [f"h{n}" for n in range(60)]
    pairs = [(f"h{n}", f"h{n + 1}") for n in range(10, 30)]  # one chain of 21
    pairs += [("h1", "h2"), ("h3", "h2")]
    pairs += [(f"h{n}", "h59") for n in range(58)]  # a directory that all call
    waves = plan_waves(codes, pairs, {"h40": "s", "h41": "s"}, most=20)
    wave_of = {code: wave["number"] for wave in waves for code in wave["hosts"]}
    assert sorted(wave_of) == sorted(codes)
    assert waves[0]["hosts"] == ["h59"]
    assert "公共服务" in waves[0]["note_zh"]
    assert len(waves[1]["hosts"]) == 1
    for client, server in pairs:
        assert server == "h59" or wave_of[client] == wave_of[server]
    assert wave_of["h40"] == wave_of["h41"]
    long = next(wave for wave in waves if "h10" in wave["hosts"])
    assert len(long["hosts"]) == 21
    assert "超过单批 20 台" in long["note_zh"]
    assert all(len(wave["hosts"]) <= 20 for wave in waves if wave is not long)


def test_whoever_made_a_plan_cannot_approve_it_and_no_one_runs_it_out_of_its_window(
    project: Database,
) -> None:
    number = _keep(project)
    begin, end = NOW + timedelta(hours=10), NOW + timedelta(hours=16)
    with project.write() as session:
        with pytest.raises(Problem, match="must end after"):
            plans.submit(session, CITY, number, end, begin, "li", NOW)
        plan = plans.submit(session, CITY, number, begin, end, "li", NOW)
        assert "not approved" in plans.runnable(plan, begin)
        with pytest.raises(Problem, match="cannot decide"):
            plans.decide(session, CITY, number, True, "", "li", NOW)
        with pytest.raises(Problem, match="needs a reason"):
            plans.decide(session, CITY, number, False, " ", "wang", NOW)
        plan = plans.decide(session, CITY, number, True, "", "wang", NOW)
        assert "begins at 2026-11-23 22:00" in plans.runnable(plan, NOW)
        assert plans.runnable(plan, begin) == ""
        assert "ended" in plans.runnable(plan, end)
        with pytest.raises(Problem, match="is approved"):
            plans.decide(session, CITY, number, True, "", "zhao", NOW)
    second = _keep(project)
    with project.write() as session:
        plans.submit(session, CITY, second, begin, end, "li", NOW)
        plans.decide(session, CITY, second, True, "", "wang", NOW)
        # The new approval takes the place of the old one.
        assert session.get_one(MovePlan, number).state == "withdrawn"
        told = projects.project_detail(session, CITY, "mv", NOW)
    assert [event.what for event in told.events].count("plan") == 6


def test_a_plan_with_faults_is_kept_and_not_submitted(project: Database) -> None:
    bad = [ROWS[0], [*ROWS[1]]]
    bad[1][3] = "10.66.1.21"
    number = _keep(project, bad)
    begin, end = NOW + timedelta(hours=1), NOW + timedelta(hours=2)
    with project.write() as session, pytest.raises(Problem, match="must be mended"):
        plans.submit(session, CITY, number, begin, end, "li", NOW)


def test_a_plan_that_was_changed_behind_our_back_is_not_approved(project: Database) -> None:
    number = _keep(project)
    with project.write() as session:
        begin, end = NOW + timedelta(hours=1), NOW + timedelta(hours=2)
        plan = plans.submit(session, CITY, number, begin, end, "li", NOW)
        plan.hosts = [plan.hosts[0] | {"address": "10.66.1.99/24"}, *plan.hosts[1:]]
        with pytest.raises(Problem, match="is not what was made"):
            plans.decide(session, CITY, number, True, "", "wang", NOW)


def test_a_file_without_a_table_is_refused_by_name() -> None:
    with pytest.raises(Problem, match=r"x\.xlsx"):
        plans.read_plan_file(io.BytesIO(b"nothing of a table"), "x.xlsx")
