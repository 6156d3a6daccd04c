"""Places of the picture, links told by both ends, sums of uplinks: pure, against plain figures."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from itertools import combinations

import numpy as np
import pytest

from controller.network.port_use import PortNow, PortSeries, nearest_rank, summed
from controller.network.topology import Link, Node, place
from controller.network.uplinks import Use, share

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def node(name: str, role: str = "access", *, known: bool = True) -> Node:
    return Node(name, name, role, "up", "", name, known)


def link(one: str, other: str) -> Link:
    return Link(one, other, "a", "b", None, None, None)


def tree(leaves: int) -> tuple[list[Node], list[Link]]:
    nodes = [node("core", "core"), *(node(f"agg{n}", "aggregation") for n in range(5))]
    links = [link("core", f"agg{n}") for n in range(5)]
    for number in range(leaves):
        nodes.append(node(f"acc{number}"))
        links.append(link(f"agg{number % 5}", f"acc{number}"))
    return nodes, links


def test_two_hundred_nodes_have_room_and_the_core_stands_in_the_middle() -> None:
    placed = {each.id: each for each in place(*tree(194))}
    assert len(placed) == 200
    assert (placed["core"].x, placed["core"].y) == (0, 0)
    nearest = min(math.dist((a.x, a.y), (b.x, b.y)) for a, b in combinations(placed.values(), 2))
    widest = max(math.hypot(each.x, each.y) for each in placed.values())
    assert nearest / widest > 0.03  # 20 px apart in a picture of 600 px


def test_a_picture_looks_alike_each_time_and_a_branch_keeps_together() -> None:
    nodes, links = tree(40)
    assert place(nodes, links) == place(nodes, list(reversed(links)))
    placed = {each.id: each for each in place(nodes, links)}
    for number in range(40):
        leaf, parent = placed[f"acc{number}"], placed[f"agg{number % 5}"]
        turn = math.atan2(leaf.y, leaf.x) - math.atan2(parent.y, parent.x)
        assert abs(math.remainder(turn, 2 * math.pi)) < math.pi / 5 + 0.01


def test_rings_loops_and_islands_are_placed_all_the_same() -> None:
    nodes = [node(name) for name in "abcd"] + [node("x"), node("?y", known=False)]
    links = [link("a", "b"), link("b", "c"), link("c", "a"), link("x", "?y"), link("a", "gone")]
    placed = place(nodes, links)
    assert {each.id for each in placed} == {"a", "b", "c", "d", "x", "?y"}
    assert len({(each.x, each.y) for each in placed}) == 6
    assert place([], []) == []


def test_sums_of_lines_are_taken_bucket_by_bucket() -> None:
    def part(times: list[int], values: list[float]) -> PortSeries:
        return PortSeries(np.array(times), np.array(values), np.array(values) / 2)

    came, went = summed(
        {1: part([0, 300, 600], [10.0, 20.0, np.nan]), 2: part([300, 900], [5.0, 7.0])}, 0, 1_500
    )
    assert came.tolist()[:2] == [10.0, 25.0]
    assert np.isnan(came[2])
    assert came[3] == 7.0
    assert np.isnan(came[4])
    assert went[1] == 12.5
    # The peaks of two lines at different times do not add up.
    busy = {1: part([0, 300], [100.0, 0.0]), 2: part([0, 300], [0.0, 100.0])}
    assert nearest_rank(summed(busy, 0, 600)[0], 0.95) == 100.0


@pytest.mark.parametrize("count", [1, 2, 19, 20, 21, 100, 288])
def test_the_rank_is_the_one_the_report_uses(count: int) -> None:
    values = np.arange(count, dtype=float)[::-1].copy()
    assert nearest_rank(values, 0.95) == sorted(values)[math.ceil(0.95 * count) - 1]
    assert nearest_rank(np.array([np.nan]), 0.95) is None


def test_the_busier_direction_counts_and_nothing_measured_is_no_share() -> None:
    assert Use(in_p95=3.0, out_p95=5.0).p95 == 5.0
    assert Use().p95 is None
    assert share(None, 10) is None
    assert share(1, None) is None
    assert share(1, 4) == 25
    assert PortNow(None, None, None, None).used_pct is None
