"""Places of the picture, links told by both ends, sums of uplinks: pure, against plain figures."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from itertools import combinations

import numpy as np
import pytest

from controller.network.line_model import End, LineView
from controller.network.model import DeviceView
from controller.network.port_use import PortKey, PortNow, PortSeries, nearest_rank, summed
from controller.network.tables import DeviceNeighbour
from controller.network.topology import MOST_NODES, Link, Node, add_lines, assemble, place
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


def device(number: int, code: str, name: str = "") -> DeviceView:
    words = dict.fromkeys(
        ("network", "unit_code", "unit_name", "site", "zone", "credential", "poller", "error",
         "vendor", "profile", "model", "serial", "software", "sys_name", "sys_descr",
         "sys_object_id", "location"), "",
    )  # fmt: skip
    return DeviceView(
        id=number, code=code, name=name or code, address="10.0.0.1", port=161, role="core",
        shared=False, unit_id=1, interval_s=60, enabled=True, state="up", state_since=None,
        last_answer=None, booted=None, facts_at=None, partial=[], **words,
    )  # fmt: skip


def line(number: int, a: End, b: End, width: float | None = None) -> LineView:
    return LineView(
        id=number, number=f"L-{number}", operator="电信", name="", kind="mstp", level="county",
        zone="", unit_code="", unit_name="", county_code="", county_name="", a=a, b=b,
        bandwidth_bit_s=width, yearly_cost=None, contract_start=None, contract_end=None,
        state="active",
    )  # fmt: skip


def heard(number: int, port: str, remote: int, remote_port: str) -> DeviceNeighbour:
    return DeviceNeighbour(
        device_id=number, local_port=port, instance=f"port:{port}", remote_port=remote_port,
        remote_device_id=remote, first_seen=NOW, last_seen=NOW,
    )  # fmt: skip


def test_lines_of_the_register_make_a_map_without_lldp_and_none_twice() -> None:
    devices = [device(1, "core", "核心 一"), device(2, "ljq"), device(3, "ysx")]
    lines = [
        line(1, End(device="核心一", port="ge1"), End(device="ljq", port="GE9"), 1e8),
        line(2, End(device="core", port="GE2"), End(text="云山县政府"), 1e9),
        line(3, End(device="core"), End(device="ysx")),
        line(4, End(device="core"), End(device="core")),  # says nothing
        line(5, End(text="甲"), End(text="乙")),  # no device of the picture
        line(6, End(device="ysx"), End()),
        line(7, End(device="core", port="GigabitEthernet1"), End(text="丙")),  # GE1 again
    ]
    use = {PortKey(1, "port:GE2"): PortNow(1e8, 3e8, 30.0, 1e10)}
    draft = assemble(devices, [heard(1, "GE1", 2, "GE7")], {})
    ports = {2: [PortKey(1, "port:GE2")], 7: [PortKey(1, "port:GE1")]}
    add_lines(draft, devices, lines, ports, use)
    found = {(each.one, each.other, each.line): each for each in draft.links.values()}
    assert set(found) == {
        ("core", "ljq", ""),  # the port has one cable: line 1 is what LLDP heard there
        ("core", "@云山县政府", "电信 L-2"),
        ("core", "ysx", "电信 L-3"),
    }
    measured = found["core", "@云山县政府", "电信 L-2"]
    assert measured.used_pct == pytest.approx(30.0)  # 300 of the 1,000 Mbit/s contracted
    place_node = draft.nodes["@云山县政府"]
    assert (place_node.known, place_node.state, place_node.name) == (False, "place", "云山县政府")
    assert len(place(list(draft.nodes.values()), list(draft.links.values()))) == 4


def test_places_and_unknown_neighbours_beyond_the_most_are_counted_and_not_drawn() -> None:
    devices = [device(number, f"sw-{number}") for number in range(1, MOST_NODES - 1)]
    strange = [heard(1, f"GE{n}", 0, "GE1") for n in range(2)]
    for row, name in zip(strange, ("guest-1", "guest-1"), strict=True):
        row.remote_name = name
    lines = [
        line(1, End(device="sw-1"), End(text="云山县政府")),
        line(2, End(device="sw-2"), End(text="云山县政府")),  # drawn: its end is there already
        line(3, End(text="临江区政府"), End(device="sw-3")),
        line(4, End(device="sw-4"), End(text="临江区政府")),
        line(5, End(device="sw-5"), End(text="甲镇")),
        line(6, End(device="sw-1"), End(device="sw-2")),
    ]
    draft = assemble(devices, strange, {})
    add_lines(draft, devices, lines, {}, {})
    assert len(draft.nodes) == MOST_NODES
    assert draft.left_out == {"@临江区政府", "@甲镇"}
    drawn = {each.line for each in draft.links.values() if each.line}
    assert drawn == {"电信 L-1", "电信 L-2", "电信 L-6"}
    assert all(each.one in draft.nodes and each.other in draft.nodes
               for each in draft.links.values())  # fmt: skip
    full = assemble([*devices, device(5001, "x"), device(5002, "y")], strange, {})
    assert (len(full.nodes), full.left_out) == (MOST_NODES, {"?guest-1"})


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
