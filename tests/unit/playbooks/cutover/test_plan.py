"""Plans of hosts: everything wrong is told at once, before any host is touched."""

from __future__ import annotations

from typing import Any

import pytest

from playbooks.cutover.plan import PlanError, check_times, read_host, read_hosts, read_name

GOOD: dict[str, Any] = {
    "interface": "eth0",
    "address": "10.66.1.21/24",
    "old_address": "192.168.50.21/24",
    "gateway": "10.66.1.1",
    "address6": "fd00:66::21/64",
    "gateway6": "fe80::1",
    "dns": "10.66.2.5, 10.66.2.6",
    "ntp": ["10.66.2.5"],
    "routes": [{"to": "10.0.0.0/8", "via": "10.66.1.254"}],
    "edges": [
        {"peer": "10.66.2.5", "port": 5432},
        {"peer": "10.66.2.6", "port": 514, "protocol": "udp"},
    ],
}


def test_a_plan_becomes_lines_that_a_shell_reads_word_by_word() -> None:
    lines = read_host("web01", {**GOOD, "agent": True}).lines().splitlines()
    assert "address=10.66.1.21/24" in lines
    assert "dns=10.66.2.5 10.66.2.6" in lines
    assert "route=10.0.0.0/8 10.66.1.254" in lines
    assert "edge=tcp 10.66.2.5 5432 must" in lines
    assert "agent=yes" in lines
    assert not any(it.startswith(("mtu=", "backend=", "keep_old=")) for it in lines)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"gateway": "10.66.2.1"}, "gateway 10.66.2.1 is outside of 10.66.1.0/24"),
        ({"address": "10.66.1.21/30"}, "gateway 10.66.1.1 is outside of 10.66.1.20/30"),
        ({"gateway": "10.66.1.21"}, "own address"),
        ({"address": "10.66.1.0/24"}, "the network's or the broadcast address"),
        ({"address": "10.66.1.21"}, "prefix length is missing"),
        ({"address": "fd00::1/64"}, "not IPv4"),
        ({"old_address": None}, "old_address is missing"),
        ({"interface": "eth0; reboot"}, "not a name of an interface"),
        ({"dns_probe": "a$(reboot)"}, "not a name"),
        ({"edges": [{"peer": "10.1.1.1", "port": 70000}]}, "edges"),
        ({"routes": [{"to": "10.0.0.1/8", "via": "10.66.1.1"}]}, "routes"),
        ({"mtu": 100}, "mtu"),
        ({"adress": "10.1.1.1/8"}, "not known: adress"),
        ({"backend": "wicked"}, "backend"),
        ({"address": None, "address6": None}, "nothing to do"),
    ],
)
def test_a_fault_is_told_with_host_and_field(change: dict[str, Any], told: str) -> None:
    with pytest.raises(PlanError) as error:
        read_host("web01", {**GOOD, **change})
    assert str(error.value).startswith("web01: ")
    assert told in str(error.value)


@pytest.mark.parametrize(
    "change",
    [
        {"gateway6": "fe80::1%a;reboot"},
        {"address6": "fd00::2%$(reboot)/64"},
        {"dns": ["fe80::1%`reboot`"]},
        {"edges": [{"peer": "fe80::1%x", "port": 22}]},
    ],
)
def test_no_zone_of_an_address_reaches_a_shell(change: dict[str, Any]) -> None:
    with pytest.raises(PlanError):
        read_host("web01", {**GOOD, **change})


def test_all_faults_of_all_hosts_come_at_once_with_addresses_planned_twice() -> None:
    with pytest.raises(PlanError) as error:
        read_hosts({"a": GOOD, "b": GOOD, "c": {**GOOD, "mtu": 1, "gateway": "x"}, "d": 5})
    text = str(error.value)
    assert "10.66.1.21 is planned for a too" in text
    assert "fd00:66::21 is planned for a too" in text
    assert "mtu" in text
    assert "gateway 'x'" in text
    assert "d: " in text


def test_a_name_becomes_a_folder_and_nothing_else() -> None:
    assert read_name("wave-1.b") == "wave-1.b"
    for bad in ("", "a/b", "..", "a b", "a;b", None, "x" * 65):
        with pytest.raises(PlanError):
            read_name(bad)


def test_the_timer_must_outlast_verifying_twice_and_two_minutes() -> None:
    check_times(300, 90)
    for deadline, verify in ((119, 10), (180, 90), (120, 60)):
        with pytest.raises(PlanError):
            check_times(deadline, verify)


def test_going_back_is_a_plan_in_reverse_that_trusts_the_host_s_own_backup() -> None:
    back = read_host("web01", GOOD).reversed("w1")
    assert (back.address, back.old_address) == ("192.168.50.21/24", "10.66.1.21/24")
    assert "restore_of=w1" in back.lines()
    assert back.gateway == ""
