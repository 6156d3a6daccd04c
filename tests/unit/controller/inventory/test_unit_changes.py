"""Units that merge, split, change their name and place; their names, people and kinds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from controller.access.scope import CITY, Scope
from controller.inventory import unit_changes, unit_people
from controller.inventory.tables import UNIT_KINDS
from controller.inventory.unit_draft import Paper, Part
from controller.inventory.unit_names import UnitNames, UnknownUnitError
from controller.inventory.unit_rules import PARENTS, check_place
from controller.inventory.units import find_unit
from controller.inventory.units_api import UnitKeep
from controller.problems import NotFound, Problem
from controller.store.relational import Database

from .sheets import NOW, load_resources, load_units, one, owners, problems, unit_tree

UNITS = """编码,名称,上级单位,类型,别名,负责人,负责人电话,分管领导
lyj,市林业局,,市直部门,林业局,赵一、钱二,1、2,孙三
zrj,市自然资源局,,市直部门,,,,
lzx,林业中心,lyj,二级单位,,,,
wjw,市卫健委,,市直部门,卫计委；市卫健局,,,
"""
RESOURCES = """编码,名称,单位,业务系统,CPU核数,开通时间,归属起始
a,甲,lyj,林长制,4,2026-01-05,2026-01-05
b,乙,lyj,防火,8,2026-01-05,2026-01-05
c,丙,zrj,底图,2,2026-01-05,2026-01-05
"""
DAY = datetime(2026, 6, 30, 16, tzinfo=UTC)  # 1 July in Shanghai
PAPER = Paper("ops", NOW, "市编〔2026〕12号")


@pytest.fixture
def city(database: Database) -> Database:
    assert load_units(database, UNITS).imported
    assert load_resources(database, RESOURCES).imported
    return database


def merged(database: Database, *sources: str, into: Part, **more: Any) -> unit_changes.Outcome:
    with database.write() as session:
        return unit_changes.merge(session, sources, into, DAY, Paper("ops", NOW, **more))


def test_a_merge_moves_what_is_held_from_its_day_and_nothing_before(city: Database) -> None:
    outcome = merged(city, "lyj", into=Part("zrj", "市自然资源和林业局"))
    assert (outcome.ended, outcome.into, outcome.moved_units) == (["lyj"], ["zrj"], ["lzx"])
    assert outcome.moved_resources == 2
    assert owners(city, "a") == [
        ("2026-01-04", "2026-06-30", "lyj", 4),
        ("2026-06-30", None, "zrj", 4),
    ]
    assert unit_tree(city) == [
        ("wjw", "市卫健委", None),
        ("zrj", "市自然资源和林业局", None),
        ("lzx", "林业中心", "zrj"),
    ]
    before = [code for code, _, _ in unit_tree(city, datetime(2026, 6, 1, tzinfo=UTC))]
    assert before == ["lyj", "lzx", "wjw", "zrj"]


def test_a_merge_taken_back_leaves_everything_as_it_was(city: Database) -> None:
    before = [owners(city, code) for code in "abc"], unit_tree(city)
    change = merged(city, "lyj", "zrj", into=Part("zlj", "市自然资源和林业局")).id
    assert owners(city, "c")[-1][2] == "zlj"
    with city.write() as session:
        unit_changes.undo(session, change or 0, "ops", NOW)
    assert ([owners(city, code) for code in "abc"], unit_tree(city)) == before
    with city.write() as session, pytest.raises(Problem, match="by ops at"):
        unit_changes.undo(session, change or 0, "ops", NOW)
    # The code is free again.
    assert merged(city, "lyj", into=Part("zlj", "新局")).id


def test_a_merge_is_not_taken_back_over_what_was_changed_since(city: Database) -> None:
    change = merged(city, "lyj", into=Part("zrj")).id
    load_resources(city, "code,unit,since\na,wjw,2026-09-01\n")
    with city.write() as session, pytest.raises(Problem, match="changed after this merge"):
        unit_changes.undo(session, change or 0, "ops", NOW)
    assert owners(city, "b")[-1][2] == "zrj"


def test_a_trial_of_a_merge_changes_nothing(city: Database) -> None:
    before = owners(city, "a"), unit_tree(city)
    assert merged(city, "lyj", into=Part("zrj"), dry_run=True).moved_resources == 2
    assert (owners(city, "a"), unit_tree(city)) == before


def test_who_was_merged_is_found_as_its_successor_in_later_files(city: Database) -> None:
    merged(city, "lyj", into=Part("zrj"))
    load_resources(
        city,
        "编码,名称,单位,开通时间,归属起始\nd,丁,林业局,2026-08-01,2026-08-01\n"
        "e,戊,市林业局,2026-02-01,2026-02-01\n",
    )
    assert one(city, "d")["unit_code"] == "zrj"  # by the alias of who is no more
    assert owners(city, "e")[0][2] == "lyj"  # the row speaks of a time before


def test_a_split_gives_each_part_its_systems_and_refuses_what_is_left_over(city: Database) -> None:
    parts = [Part("lz", "林长办", systems=("林长制",)), Part("fh", "防火办", units=("lzx",))]
    with city.write() as session, pytest.raises(Problem, match="in no part"):
        unit_changes.split(session, "lyj", parts, DAY, PAPER)
    with city.write() as session:
        outcome = unit_changes.split(session, "lyj", parts, DAY, PAPER, rest="fh")
    assert outcome.ended == ["lyj"]
    assert owners(city, "a")[-1][2] == "lz"
    assert owners(city, "b")[-1][2] == "fh"
    assert ("lzx", "林业中心", "fh") in unit_tree(city)
    with city.read() as session:
        names = UnitNames(session, NOW)
        with pytest.raises(UnknownUnitError, match="was split into lz, fh"):
            names.find("市林业局")
        assert names.code(names.find("市林业局", datetime(2026, 3, 1, tzinfo=UTC))) == "lyj"
    with city.write() as session:
        unit_changes.undo(session, outcome.id or 0, "ops", NOW)
    assert owners(city, "a") == [("2026-01-04", None, "lyj", 4)]


def test_a_split_may_leave_the_rest_with_who_is_split(city: Database) -> None:
    with city.write() as session:
        unit_changes.split(
            session, "lyj", [Part("lz", "林长办", systems=("林长制",))], DAY, PAPER, rest="lyj"
        )
    assert owners(city, "b") == [("2026-01-04", None, "lyj", 8)]
    assert "lyj" in {code for code, _, _ in unit_tree(city)}


def test_a_new_name_holds_from_its_day_and_both_names_are_found(city: Database) -> None:
    with city.write() as session:
        unit_changes.reshape(session, "wjw", DAY, PAPER, Part("wjw", "市卫生健康委员会"))
    assert ("wjw", "市卫生健康委员会", None) in unit_tree(city)
    assert ("wjw", "市卫健委", None) in unit_tree(city, datetime(2026, 6, 1, tzinfo=UTC))
    with city.read() as session:
        names = UnitNames(session, NOW)
        for name in ("市卫健委", "市卫生健康委员会", "卫计委", "市卫健局", " 市 卫健委"):
            assert names.code(names.find(name)) == "wjw"
        assert find_unit(session, CITY, "卫计委", NOW).code == "wjw"
        detail = unit_people.unit_detail(session, CITY, "wjw", NOW)
    assert [each.name for each in detail.former] == ["市卫健委", "市卫生健康委员会"]
    assert [each.kind for each in detail.changes] == ["rename"]


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda s: unit_changes.merge(s, ["zrj"], Part("zrj"), DAY, PAPER), "at least one unit"),
        (lambda s: unit_changes.merge(s, ["lyj"], Part("new"), DAY, PAPER), "needs a name"),
        (lambda s: unit_changes.reshape(s, "lyj", DAY, PAPER, Part("lyj")), "another name"),
        (
            lambda s: unit_changes.reshape(s, "lyj", DAY, PAPER, Part("lyj", parent="lzx")),
            "another parent",
        ),
        (
            lambda s: unit_changes.merge(
                s, ["lyj"], Part("zrj"), datetime(1999, 1, 1, tzinfo=UTC), PAPER
            ),
            "not in force",
        ),
    ],
)
def test_what_cannot_be_is_refused(city: Database, call: Any, reason: str) -> None:
    before = unit_tree(city)
    with pytest.raises(Problem, match=reason), city.write() as session:
        call(session)
    assert unit_tree(city) == before


def test_names_and_people_come_with_the_register_and_stay_with_another_import(
    city: Database,
) -> None:
    load_units(city, "编码,负责人,负责人电话\nlyj,钱二、李四,,\n".replace(",,\n", ",、9\n"))
    with city.read() as session:
        detail = unit_people.unit_detail(session, CITY, "lyj", NOW)
        hidden = Scope(frozenset({99}))
        with pytest.raises(NotFound):
            unit_people.unit_detail(session, hidden, "lyj", NOW)
    assert detail.aliases == ["林业局"]
    assert [(each.role, each.name, each.phone) for each in detail.contacts] == [
        ("charge", "钱二", ""),
        ("charge", "李四", "9"),
        ("leader", "孙三", ""),
    ]
    again = load_units(city, UNITS)
    assert again.updated == 1
    assert load_units(city, UNITS).unchanged == 4


def test_more_numbers_than_names_are_refused(city: Database) -> None:
    outcome = load_units(city, "编码,负责人,负责人电话\nlyj,甲,1、2\n")
    assert problems(outcome) == [(2, "负责人电话")]
    assert "姓名只有 1 个" in outcome.errors[0].message_zh


def test_every_kind_has_its_place_in_the_tree() -> None:
    assert set(PARENTS) == set(UNIT_KINDS)
    assert check_place("village", "township") is None
    assert check_place("department", None) is None
    wrong = check_place("village", "county")
    assert wrong is not None
    assert "township" in wrong
    assert wrong.zh == ("村(社区)不能隶属于县(市、区)，应隶属：乡镇；请更正上级单位或类型")


def test_a_kind_below_the_wrong_kind_is_an_error_and_an_unsaid_one_follows_its_parent(
    sqlite: Database,
) -> None:
    outcome = load_units(
        sqlite,
        "编码,名称,上级单位,类型\nx,某县,,县\nz,某镇,x,乡镇\nc,某村,x,村\nd,局,z,市直部门\n",
    )
    assert problems(outcome) == [(4, "上级单位"), (5, "上级单位")]
    outcome = load_units(
        sqlite, "编码,名称,上级单位,类型\nx,某县,,县\nz,某镇,x,乡镇\nc,某村,z,\nj,教育局,x,\n"
    )
    assert outcome.imported
    with sqlite.read() as session:
        kinds = {code: find_unit(session, CITY, code, NOW).kind for code in "xzcj"}
    assert kinds == {
        "x": "county", "z": "township", "c": "village", "j": "county_department",
    }  # fmt: skip


def test_a_doubtful_place_is_imported_with_a_warning(sqlite: Database) -> None:
    load_units(sqlite, "编码,名称\ns,某市\n")
    outcome = load_units(sqlite, "编码,名称,上级单位,类型\nz,某镇,s,乡镇\n")
    assert outcome.imported
    assert [(each.row, each.column) for each in outcome.warnings] == [(2, "上级单位")]
    assert "乡镇不能隶属于市直部门" in outcome.warnings[0].message_zh


def test_an_alias_longer_than_two_hundred_characters_is_refused() -> None:
    assert UnitKeep(aliases=["甲" * 200]).aliases == ["甲" * 200]
    with pytest.raises(ValidationError, match="at most 200 characters"):
        UnitKeep(aliases=["甲", "乙" * 201])
