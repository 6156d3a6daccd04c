"""Lines and access points: imported, dated, scoped, edited, removed; who is covered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from controller.access.scope import CITY, Scope
from controller.inventory.systems import due
from controller.inventory.units import find_unit
from controller.network.coverage import CoverageRow, coverage
from controller.network.line_import import LINES
from controller.network.line_sheets import coverage_xlsx
from controller.network.lines import due_contracts, find_line, line_terms, list_lines, remove_line
from controller.network.point_import import POINTS
from controller.network.points import Reach, find_point, list_points, point_terms
from controller.network.register_edit import keep_line, keep_point
from controller.network.targets import BadTargetsError, load_targets
from controller.problems import NotFound, Problem
from controller.store.relational import Database

from .conftest import LINES_FILE, NOW, POINTS_FILE, load


def scope_of(database: Database, code: str) -> Scope:
    with database.read() as session:
        return Scope(frozenset({find_unit(session, CITY, code, NOW).id}))


def test_a_file_in_an_offices_words_becomes_the_register(town: Database) -> None:
    with town.read() as session:
        lines = {each.number: each for each in list_lines(session, CITY, NOW)}
        points = {each.code: each for each in list_points(session, CITY, NOW, {})}
    assert [(n, lines[n].bandwidth_bit_s) for n in ("P-1", "L-1", "Y-1", "T-1", "S-1")] == [
        ("P-1", 10e9), ("L-1", 1e9), ("Y-1", 500e6), ("T-1", 100e6), ("S-1", 1e9),
    ]  # fmt: skip
    assert (lines["P-1"].kind, lines["P-1"].level, lines["P-1"].yearly_cost) == (
        "dark_fibre", "city", 1_200_000,
    )  # fmt: skip
    assert (lines["L-1"].state, lines["Y-1"].state, lines["P-1"].state) == (
        "due", "ended", "active",
    )  # fmt: skip
    assert (lines["L-1"].county_name, lines["T-1"].county_name, lines["P-1"].county_name) == (
        "临江区", "临江区", "",
    )  # fmt: skip
    assert (lines["L-1"].points, lines["S-1"].unit_code) == (2, "")
    assert points["ap-ljq"].line == "电信 L-1"
    assert (points["ap-lz"].address, points["ap-v2"].state) == ("fd00::1", "exempt")


def test_the_same_file_again_changes_nothing_and_another_updates(town: Database) -> None:
    again = load(town, LINES, LINES_FILE)
    assert (again.created, again.updated, again.unchanged) == (0, 0, 5)
    assert load(town, POINTS, POINTS_FILE).unchanged == 6
    changed = load(town, LINES, "电路编号,带宽,生效日期\nL-1,2G,2026-10-01\n")
    assert (changed.updated, changed.errors) == (1, [])
    with town.read() as session:
        line = next(each for each in list_lines(session, CITY, NOW) if each.number == "L-1")
        before = list_lines(session, CITY, datetime(2026, 9, 1, tzinfo=UTC), text="L-1")[0]
        terms = line_terms(session, CITY, line.id)
    assert (line.bandwidth_bit_s, before.bandwidth_bit_s) == (2e9, 1e9)
    assert [(t.bandwidth_bit_s, t.until is None) for t in terms] == [(1e9, False), (2e9, True)]
    assert {t.unit_code for t in terms} == {"ljq"}


def test_every_bad_row_is_named_by_row_and_column_and_nothing_is_imported(town: Database) -> None:
    lines = load(
        town, LINES,
        "电路编号,运营商,单位,带宽,合同开始,合同到期\n"
        "N-1,电信,没有的局,1G,,\nN-2,电信,czj,很快,,\n,电信,czj,1G,,\n"
        "N-3,电信,czj,1G,2026-05-01,2026-04-01\nN-4,电信,czj,1G,,\nN-4,电信,czj,1G,,\n",
    )  # fmt: skip
    assert {(e.row, e.column) for e in lines.errors} == {
        (2, "单位"), (3, "带宽"), (4, "电路编号"), (5, "合同到期"), (7, "电路编号"),
    }  # fmt: skip
    assert not lines.imported
    points = load(
        town, POINTS,
        "编码,层级,单位,网络区,地址,TCP端口,线路\n"
        "n-1,县级,czj,公用网络区,10.2.1.1,,\nn-2,国家级,czj,,10.9.9.9,,\n"
        "n-3,县级,czj,,10.9.9.300,,\nn-4,县级,czj,,,70000,\nn-5,县级,czj,,,,X-9\nn-6,,czj,,,,\n"
        "n-7,县级,czj,公用网络区,10.7.7.7,,\nn-8,县级,czj,公用网络区,10.7.7.7,,\n",
    )  # fmt: skip
    assert {(e.row, e.column) for e in points.errors} == {
        (2, "地址"), (3, "层级"), (4, "地址"), (5, "TCP端口"), (6, "线路"), (7, "层级"),
        (9, "地址"),
    }  # fmt: skip
    assert "ap-ljq" in next(e.message_zh for e in points.errors if e.row == 2)


def test_one_address_may_stand_in_two_zones(town: Database) -> None:
    """Private ranges overlap: the key is zone and address."""
    with town.read() as session:
        same = list_points(session, CITY, NOW, {}, text="10.2.1.1")
    assert [(each.code, each.zone) for each in same] == [
        ("ap-ljq", "公用网络区"), ("ap-ljq2", "互联网接入区"),
    ]  # fmt: skip


def test_a_number_of_two_operators_needs_its_operator(town: Database) -> None:
    assert load(town, LINES, "电路编号,运营商,单位\nL-1,联通,czj\n").imported
    unclear = load(town, LINES, "电路编号,带宽\nL-1,2G\n")
    assert [(e.row, e.column) for e in unclear.errors] == [(2, "operator")]
    point = load(town, POINTS, "编码,线路\nap-ljq,L-1\n")
    assert [(e.row, e.column) for e in point.errors] == [(2, "线路")]
    assert load(town, POINTS, "编码,线路\nap-ljq,联通L-1\n").imported


def test_another_units_line_and_point_are_not_there(town: Database) -> None:
    theirs = scope_of(town, "czj")
    with town.read() as session:
        assert [each.code for each in list_points(session, theirs, NOW, {})] == ["ap-czj"]
        assert list_lines(session, theirs, NOW) == []  # nor a shared one
        line = list_lines(session, CITY, NOW, text="L-1")[0]
        with pytest.raises(NotFound):
            find_line(session, theirs, line.id, NOW)
        with pytest.raises(NotFound):
            find_point(session, theirs, "ap-ljq", NOW, {})
        assert line_terms(session, theirs, line.id) == []


def test_a_point_that_changed_hands_is_the_old_owners_until_then(town: Database) -> None:
    with town.write() as session:
        moved = datetime(2026, 7, 1, tzinfo=UTC)
        kept = keep_point(session, CITY, "ap-ljq", {"unit": "ljq-jyj", "since": moved}, "ops", NOW)
        assert kept.unit_code == "ljq-jyj"
    ours = scope_of(town, "ljq-jyj")
    with town.read() as session:
        june = list_points(session, CITY, datetime(2026, 6, 1, tzinfo=UTC), {}, text="ap-ljq")
        assert june[0].unit_code == "ljq"
        assert [t.unit_code for t in point_terms(session, ours, kept.id)] == ["ljq-jyj"]


def test_a_line_is_edited_removed_and_brought_back_by_its_file(town: Database) -> None:
    with town.write() as session:
        line = list_lines(session, CITY, NOW, text="Y-1")[0]
        kept = keep_line(
            session, CITY, line.id, {"unit": "ysx", "bandwidth_bit_s": 1e9, "note": "扩容"}, "ops",
            NOW,
        )  # fmt: skip
        assert (kept.bandwidth_bit_s, kept.note, kept.operator) == (1e9, "扩容", "联通")
        with pytest.raises(Problem):
            keep_line(session, CITY, line.id, {"contract_end": NOW - timedelta(days=9999)}, "", NOW)
        remove_line(session, CITY, line.id, "ops", NOW)
        assert not list_lines(session, CITY, NOW, text="Y-1")
        assert find_line(session, CITY, line.id, NOW).state == "removed"
    assert load(town, LINES, LINES_FILE).updated == 1
    with town.read() as session:
        assert list_lines(session, CITY, NOW, text="Y-1")[0].state == "ended"


def test_contracts_that_end_stand_among_what_falls_due(town: Database) -> None:
    with town.read() as session:
        items = due(session, CITY, NOW + timedelta(days=60), NOW, further=(due_contracts,))
        theirs = due(
            session, scope_of(town, "ysx"), NOW + timedelta(days=60), NOW, further=(due_contracts,)
        )
    assert [(i.subject, i.overdue) for i in items] == [("联通 Y-1", True), ("电信 L-1", False)]
    assert [i.subject for i in theirs] == ["联通 Y-1"]
    assert items[0].href.startswith("/network/lines/")


def test_coverage_counts_units_of_the_tree_and_communities_of_the_register(town: Database) -> None:
    with town.read() as session:
        ids = {each.code: each.id for each in list_points(session, CITY, NOW, {})}
        reach = {
            ids["ap-czj"]: Reach(True, 100.0), ids["ap-ljq"]: Reach(False, 0.0),
            ids["ap-ljq2"]: Reach(True, 90.0), ids["ap-lz"]: Reach(False, 0.0),
        }  # fmt: skip
        found = coverage(session, CITY, NOW, load_targets(), reach)
    rows = {(row.county_code, row.level): row for row in found.rows}

    def counts(row: CoverageRow) -> tuple[int, ...]:
        return row.should, row.connected, row.measured, row.reachable

    assert counts(rows["", "city"]) == (2, 1, 1, 1)  # 市数据局 has no point
    assert counts(rows["ljq", "county"]) == (2, 1, 1, 1)  # reached by one of two points
    assert counts(rows["ysx", "county"]) == (1, 0, 0, 0)
    assert counts(rows["ljq", "township"]) == (1, 1, 1, 0)
    assert counts(rows["ljq", "village"]) == (1, 0, 0, 0)  # the exempt one is left out
    assert (rows["", "city"].bit_s, rows["", "city"].met) == (11e9, 1)
    assert (rows["ljq", "county"].aimed, rows["ljq", "county"].met) == (1, 1)
    assert (rows["ysx", "county"].aimed, rows["ysx", "county"].met) == (1, 0)  # contract ended
    assert rows["ljq", "township"].target_bit_s is None
    county = next(row for row in found.levels if row.level == "county")
    assert (counts(county), county.aimed, county.met) == ((3, 1, 1, 1), 2, 1)
    assert [(w.unit_code, w.community, w.planned) for w in found.without] == [
        ("sjj", "", ""), ("ljq-jyj", "", ""), ("lz", "一村", "ap-v1"), ("ysx", "", ""),
    ]  # fmt: skip
    assert coverage_xlsx(found, load_targets(), "zh").startswith(b"PK")


def test_a_county_sees_the_coverage_of_its_own(town: Database) -> None:
    with town.read() as session:
        found = coverage(session, scope_of(town, "ysx"), NOW, load_targets(), {})
    assert {row.county_code for row in found.rows} == {"ysx"}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "no [[level]]"),
        ('[[level]]\nlevel = "world"', "world"),
        ('[[level]]\nlevel = "city"\nwidth = 3', "width"),
        ('[[level]]\nlevel = "city"\nunit_kinds = ["moon"]', "unit_kinds"),
        ('[[level]]\nlevel = "city"\nbandwidth_gbps = "ten"', "bandwidth_gbps"),
    ],
)
def test_targets_that_cannot_be_used_are_refused_by_name(
    tmp_path_factory: pytest.TempPathFactory, text: str, named: str
) -> None:
    file = tmp_path_factory.mktemp("targets") / "own.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(BadTargetsError, match=r"own\.toml") as refused:
        load_targets(str(file))
    assert named in str(refused.value)
