from __future__ import annotations

from controller.inventory.model import UnitView
from controller.usage.model import UsageRow
from controller.usage.peers import peers_of, standing


def _unit(number: int, code: str, parent: str | None = None, kind: str = "department") -> UnitView:
    return UnitView(id=number, code=code, name=code, kind=kind, parent_code=parent)


def _row(code: str, cpu: float | None, mem: float | None = None) -> UsageRow:
    return UsageRow(unit=code, unit_name=code, cpu_avg_pct=cpu, mem_avg_pct=mem)


UNITS = [
    _unit(1, "a"),
    _unit(2, "b"),
    _unit(3, "c", kind="county"),
    _unit(4, "a1", "a", kind="subordinate"),
    _unit(5, "c1", "c", kind="subordinate"),
]


def test_peers_are_the_units_beside_one_in_the_tree() -> None:
    assert peers_of("a", UNITS) == {"a", "b", "c"}


def test_an_only_child_is_compared_with_its_kind() -> None:
    assert peers_of("a1", UNITS) == {"a1", "c1"}


def test_an_unknown_unit_has_itself_only() -> None:
    assert peers_of("x", UNITS) == {"x"}


def test_place_one_has_the_highest_use_and_gaps_do_not_count() -> None:
    rows = [_row("a", 10, 40), _row("b", 30, 60), _row("c", None, None)]
    found = standing("a", rows)
    assert (found.rank, found.of) == (2, 2)
    assert (found.median_cpu_pct, found.median_mem_pct) == (20, 50)


def test_equals_share_a_place() -> None:
    rows = [_row("a", 10), _row("b", 10), _row("c", 5)]
    assert standing("b", rows).rank == 1
    assert standing("c", rows).rank == 3


def test_without_data_there_is_no_place() -> None:
    assert standing("a", [_row("a", None)]).rank is None
    assert standing("a", []).median_cpu_pct is None
