"""A host's readiness for IPv6 as read in a namespace equals what was built there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
Told = dict[str, Any]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Told]:
    done = subprocess.run(
        ["unshare", "-rn", sys.executable, str(Path(__file__).parent / "host_child.py"),
         str(tmp_path_factory.mktemp("host"))],
        capture_output=True, text=True, timeout=90, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result: dict[str, Told] = json.loads(done.stdout)
    return result


def test_a_host_without_addresses_of_use_says_so(told: dict[str, Told]) -> None:
    read = told["v4"]
    assert read["kernel"] is True
    assert (read["kinds"]["global"], read["kinds"]["ula"]) == (0, 0)
    assert read["default_route"]["present"] is False


def test_addresses_are_counted_by_kind(told: dict[str, Told]) -> None:
    kinds = told["dual"]["kinds"]
    assert (kinds["global"], kinds["ula"], kinds["temporary"]) == (1, 1, 0)
    assert {"2001:db8:9::2", "fd09::2"} <= {each["address"] for each in told["dual"]["addresses"]}


def test_the_gateway_is_reachable_until_it_falls_silent(told: dict[str, Told]) -> None:
    assert told["dual"]["default_route"] == {
        "present": True, "gateway": "fd09::1", "interface": "v0", "reachable": True,
    }  # fmt: skip
    assert told["silent"]["default_route"]["reachable"] is False


def test_resolvers_are_asked_one_by_one(told: dict[str, Told]) -> None:
    read = [(r["version"], r["reachable"], r["aaaa"]) for r in told["dual"]["resolvers"]]
    assert read == [(6, True, True), (4, True, False), (6, False, None)]


def test_only_services_that_no_ipv6_socket_serves_are_named(told: dict[str, Told]) -> None:
    services = told["dual"]["services"]
    named = [(s["protocol"], s["port"], s["address"]) for s in services["v4_only"]]
    assert named == [("tcp", 8080, "0.0.0.0"), ("tcp", 8081, "10.9.0.2"), ("udp", 514, "0.0.0.0")]
    assert services["listening"] == 5
    assert all(s["process"].startswith("python") for s in services["v4_only"])


def test_ipv4_carried_by_an_ipv6_socket_counts_as_ipv4(told: dict[str, Told]) -> None:
    connections = told["dual"]["connections"]
    assert connections == {"v4": 1, "v6": 2, "peers_v4": 1, "peers_v6": 1}


def test_rules_for_one_version_only_are_noticed(told: dict[str, Told]) -> None:
    states = {name: told[name]["firewall"]["state"] for name in ("dual", "v4_firewall", "firewall")}
    assert states == {"dual": "none", "v4_firewall": "v4_only", "firewall": "both"}


def test_what_needs_root_is_marked_as_not_checked(told: dict[str, Told]) -> None:
    read = told["nobody"]
    assert sorted(read["not_checked"]) == ["firewall", "process"]
    assert read["firewall"]["state"] == "not_checked"
    assert [s["port"] for s in read["services"]["v4_only"]] == [8080, 8081, 514]
    assert read["default_route"]["reachable"] is True
