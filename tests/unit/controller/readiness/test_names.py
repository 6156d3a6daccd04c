"""Nothing that stands in an inventory can be a template, an option or a steering variable."""

from __future__ import annotations

from typing import Any

import pytest

from controller.problems import Problem
from controller.readiness import names
from controller.web.pages.readiness_hosts import parse_lines


@pytest.mark.parametrize(
    "bad", ["", "all", "localhost", "-o", ".x", "a b", "a/b", "{{x}}", "a" * 65, "../x", "x;y"]
)
def test_a_bad_host_name_is_refused(bad: str) -> None:
    with pytest.raises(Problem, match="host name"):
        names.host_name(bad)


@pytest.mark.parametrize("good", ["web01", "财政-应用01", "a.b_c-d"])
def test_a_host_name_may_be_chinese(good: str) -> None:
    assert names.host_name(f" {good} ") == good


@pytest.mark.parametrize(
    "bad", ["-oProxyCommand=x", "10.0.0.1; rm", "a b", "{{ x }}", "$(x)", "fe80::1%a;id"]
)
def test_a_bad_address_is_refused(bad: str) -> None:
    with pytest.raises(Problem, match="address"):
        names.address(bad)


def test_addresses_are_written_one_way() -> None:
    assert names.address("fd00:0::1") == "fd00::1"
    assert names.address("fe80::1%eth0.5") == "fe80::1%eth0.5"
    assert names.address("web.example.gov.cn") == "web.example.gov.cn"
    assert names.address(" ") == ""


@pytest.mark.parametrize(
    "bad",
    [
        {"ansible_connection": "local"},
        {"yunxun_cancel_file": "/etc/passwd"},
        {"Big": 1},
        {"x": "{{ lookup('pipe', 'id') }}"},
        {"x": {"y": ["{% raw %}"]}},
        {"x": "y" * names.MOST_VARIABLES},
        {"cutover_least_deadline_s": 1},
        {"rollout_public_key": "/tmp/mine.pub"},
        {"collect_dest": "/etc"},
    ],
)
def test_variables_neither_steer_ansible_nor_hold_templates(bad: dict[str, Any]) -> None:
    with pytest.raises(Problem, match="variable"):
        names.variables(bad)


def test_what_the_playbooks_work_by_is_the_controllers_own_and_it_may_give_it() -> None:
    with pytest.raises(Problem, match="begin with ansible_, yunxun_, cutover_, rollout_, collect_"):
        names.variables({"cutover_id": "x"})
    plan = {"cutover_hosts": {"a": {"note": "y" * names.MOST_VARIABLES}}, "cutover_id": "x"}
    assert names.variables(plan, ours=True) == plan
    with pytest.raises(Problem, match=r"at most 4096 KB .* wave by wave"):
        names.variables({"cutover_hosts": "y" * names.MOST_OWN_VARIABLES}, ours=True)
    for bad in ({"ansible_user": "x"}, {"yunxun_until": "x"}, {"x": "{{ y }}"}):
        with pytest.raises(Problem):
            names.variables(bad, ours=True)
    kept_before = {"enable_ipv6_address": "fd00::1/64", "cutover_out_of_band": True}
    assert names.not_ours(kept_before) == {"enable_ipv6_address": "fd00::1/64"}


def test_lines_of_hosts_are_read_with_ports_systems_and_units() -> None:
    found = parse_lines(
        "# 注释\nweb01, 10.0.0.1:2222, 财政一体化, 330100-CZJ\n\nweb02，[fd00::1]:22\n"
        "web03,fd00::2\nhand"
    )
    assert [(each.name, each.address, each.port, each.system, each.unit) for each in found] == [
        ("web01", "10.0.0.1", 2222, "财政一体化", "330100-CZJ"),
        ("web02", "fd00::1", 22, "", ""),
        ("web03", "fd00::2", None, "", ""),
        ("hand", "", None, "", ""),
    ]


@pytest.mark.parametrize(
    "bad",
    [
        "a,b,c,d,e",
        "a,10.0.0.1:ssh",
        pytest.param("a," + "b" * 140_000, id="longer than the csv module reads"),
        pytest.param("a,10.0.0.1:" + "2" * 5_000, id="more digits than int() reads"),
    ],
)
def test_a_bad_line_is_named(bad: str) -> None:
    with pytest.raises(Problem, match="line 2"):
        parse_lines(f"ok\n{bad}")
