"""Every fault of an address plan is found where it is, and none is invented."""

from __future__ import annotations

import random

import pytest

from controller.moves.plan_make import check_plan, make_plan
from tests.unit.controller.moves.address_plan import (
    around_of,
    clean_rows,
    hosts_of,
    plant,
    planted,
    table_of,
)

COUNT = 500


def _found(rows: list[dict[str, str]]) -> set[tuple[int, str]]:
    _, _, faults = check_plan(table_of(rows), around_of(hosts_of(COUNT)))
    return {(fault.row, fault.kind) for fault in faults}


def test_a_plan_without_a_fault_has_none() -> None:
    made = make_plan(table_of(clean_rows(COUNT)), around_of(hosts_of(COUNT)), [], {})
    assert made.faults == []
    assert len(made.hosts) == COUNT


def test_fifty_planted_faults_are_found_and_none_is_invented() -> None:
    rows, faults = clean_rows(COUNT), planted()
    assert len(faults) == 50
    assert len({fault.place for fault in faults}) == 50
    assert _found(rows) == set()
    wanted = plant(rows, faults)
    assert _found(rows) == wanted


@pytest.mark.parametrize("number", range(50))
def test_each_fault_alone_is_found_alone(number: int) -> None:
    """So that no fault is found only because of another, or hides one."""
    rows = clean_rows(150)
    wanted = plant(rows, [planted()[number]])
    _, _, faults = check_plan(table_of(rows), around_of(hosts_of(150)))
    assert {(fault.row, fault.kind) for fault in faults} == wanted
    for fault in faults:
        assert fault.zh
        assert fault.en
        assert fault.column or not fault.row


def test_the_order_of_rows_changes_nothing_but_who_is_the_later() -> None:
    """Faults of one row (not those between rows) are the same whatever the order of the file."""
    between = {"duplicate_address", "host_twice", "double_exit"}
    rows = clean_rows(COUNT)
    plant(rows, planted())

    def by_host(rows: list[dict[str, str]]) -> set[tuple[str, str]]:
        return {
            (rows[row - 2]["IPv4地址"] + rows[row - 2]["网卡"], kind)
            for row, kind in _found(rows) if kind not in between
        }  # fmt: skip

    shuffled = list(rows)
    random.Random(7).shuffle(shuffled)
    assert by_host(shuffled) == by_host(rows)


def test_two_interfaces_of_one_host_may_have_one_exit_only() -> None:
    rows = clean_rows(50)
    second = rows[4] | {"网卡": "eth1", "IPv4地址": "10.66.1.14", "IPv6地址": "fd00:66:1::14",
                        "网关": "", "IPv6网关": "", "VLAN": "101", "静态路由": ""}  # fmt: skip
    around = around_of(hosts_of(50))
    _, _, faults = check_plan(table_of([*rows, second]), around)
    assert [(fault.row, fault.kind) for fault in faults] == [(52, "second_interface")]
    second |= {"网关": "10.66.1.1"}
    _, _, faults = check_plan(table_of([*rows, second]), around)
    assert {fault.kind for fault in faults} == {"second_interface", "double_exit"}


def test_a_host_without_any_exit_is_told() -> None:
    rows = clean_rows(50)
    rows[4] |= {"网关": ""}
    _, _, faults = check_plan(table_of(rows), around_of(hosts_of(50)))
    assert [(fault.row, fault.kind) for fault in faults] == [(6, "gateway_missing")]
    rows[4] |= {"静态路由": "default via 10.66.0.254"}
    assert check_plan(table_of(rows), around_of(hosts_of(50)))[2] == []
