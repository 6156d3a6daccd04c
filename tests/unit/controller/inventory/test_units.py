"""Units as a dated tree."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from controller.access.scope import CITY, Scope
from controller.inventory.dated import EVER
from controller.inventory.tables import Unit, UnitVersion
from controller.inventory.units import find_unit, list_units, subtree
from controller.problems import NotFound, Problem
from controller.store.relational import Database

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
MERGER = datetime(2026, 7, 1, tzinfo=UTC)


def add_unit(
    database: Database,
    code: str,
    name: str,
    parent: int | None = None,
    until: datetime | None = None,
) -> int:
    with database.write() as session:
        unit = Unit(code=code, created=NOW)
        session.add(unit)
        session.flush()
        assert unit.id is not None
        session.add(
            UnitVersion(unit_id=unit.id, name=name, parent_id=parent, since=EVER, until=until)
        )
        return unit.id


@pytest.fixture
def tree(database: Database) -> dict[str, int]:
    """jtj > (jtj-1 > jtj-1a, jtj-2), wjw; jtj-2 moved to wjw with a new name at MERGER."""
    ids = {"jtj": add_unit(database, "jtj", "交通局")}
    ids["jtj-1"] = add_unit(database, "jtj-1", "公路中心", ids["jtj"])
    ids["jtj-1a"] = add_unit(database, "jtj-1a", "路政科", ids["jtj-1"])
    ids["jtj-2"] = add_unit(database, "jtj-2", "信息中心", ids["jtj"], until=MERGER)
    ids["wjw"] = add_unit(database, "wjw", "卫健委")
    with database.write() as session:
        session.add(
            UnitVersion(
                unit_id=ids["jtj-2"], name="健康信息中心", parent_id=ids["wjw"], since=MERGER
            )
        )
    return ids


def test_a_subtree_is_that_of_its_time(database: Database, tree: dict[str, int]) -> None:
    with database.read() as session:
        before = subtree(session, tree["jtj"], datetime(2026, 6, 30, tzinfo=UTC))
        after = subtree(session, tree["jtj"], MERGER)
        leaf = subtree(session, tree["jtj-1a"], NOW)
    assert before == {tree[code] for code in ("jtj", "jtj-1", "jtj-1a", "jtj-2")}
    assert after == {tree[code] for code in ("jtj", "jtj-1", "jtj-1a")}
    assert leaf == {tree["jtj-1a"]}


def test_units_are_listed_in_tree_order_with_depth(
    database: Database, tree: dict[str, int]
) -> None:
    with database.read() as session:
        units = list_units(session, CITY, NOW)
    assert [(unit.code, unit.parent_code, unit.depth) for unit in units] == [
        ("jtj", None, 0),
        ("jtj-1", "jtj", 1),
        ("jtj-1a", "jtj-1", 2),
        ("wjw", None, 0),
        ("jtj-2", "wjw", 1),
    ]


def test_a_scope_shows_its_own_units_only_and_not_the_parent_s_code(
    database: Database, tree: dict[str, int]
) -> None:
    scope = Scope(frozenset({tree["jtj-1"], tree["jtj-1a"]}))
    with database.read() as session:
        units = list_units(session, scope, NOW)
        for hidden in ("jtj", "交通局", "wjw", "信息中心"):
            with pytest.raises(NotFound):
                find_unit(session, scope, hidden, NOW)
    assert [(unit.code, unit.parent_code, unit.depth) for unit in units] == [
        ("jtj-1", None, 0),
        ("jtj-1a", "jtj-1", 1),
    ]


def test_a_unit_is_found_by_code_and_by_present_or_former_name(
    database: Database, tree: dict[str, int]
) -> None:
    with database.read() as session:
        for wanted in ("jtj-2", "健康信息中心", "健康 信息中心", "信息中心"):
            assert find_unit(session, CITY, wanted, NOW).id == tree["jtj-2"]
        former = find_unit(session, CITY, "信息中心", datetime(2026, 1, 1, tzinfo=UTC))
    assert (former.name, former.parent_code) == ("信息中心", "jtj")


def test_a_name_of_two_units_asks_for_the_code(database: Database, tree: dict[str, int]) -> None:
    add_unit(database, "wjw-3", "公路中心", tree["wjw"])
    with database.read() as session, pytest.raises(Problem, match="jtj-1, wjw-3") as caught:
        find_unit(session, CITY, "公路中心", NOW)
    assert caught.value.status == 422
