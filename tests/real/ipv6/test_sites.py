"""Sites of ten kinds in a namespace with a real name server and real web servers: every indicator
equals what was built."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
OF_EACH = 20 if os.environ.get("HEAVY_TESTS") == "1" else 2

Reading = dict[str, Any]


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("web")
    done = subprocess.run(
        ["unshare", "-rn", sys.executable, str(Path(__file__).parent / "web.py"),
         str(OF_EACH), str(folder)],
        capture_output=True, text=True, timeout=400, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["status"] == 0, told["stderr"]
    return told


@pytest.fixture(scope="module")
def of_kind(web: dict[str, Any]) -> Callable[[str], list[Reading]]:
    def give(kind: str) -> list[Reading]:
        found = [r for r in web["readings"] if web["sites"][r["code"]] == kind]
        assert len(found) == OF_EACH
        return found

    return give


OfKind = Callable[[str], list[Reading]]


@pytest.mark.timeout(420)
def test_every_site_is_read_once_in_time_and_memory(web: dict[str, Any]) -> None:
    assert sorted(r["code"] for r in web["readings"]) == sorted(web["sites"])
    assert web["seconds"] < 300
    assert web["rss_mb"] < 200


def test_a_good_site_has_every_indicator(of_kind: OfKind) -> None:
    for reading in of_kind("good"):
        assert (reading["aaaa_valid"], reading["home_v6"], reading["home_v4"]) == (True,) * 3
        assert reading["success_rate"] == 1.0
        assert (reading["tries"]["home_v6"], reading["tries"]["home_v6_good"]) == (5, 5)
        assert reading["content_difference"] == 0.0
        servers = reading["name_servers"]
        assert (servers["total"], servers["with_aaaa"], servers["reachable"]) == (2, 2, 2)
        assert (reading["links_second"]["total"], reading["links_second"]["rate"]) == (6, 1.0)
        assert (reading["links_third"]["total"], reading["links_third"]["rate"]) == (12, 1.0)
        assert (reading["parts"]["total"], reading["parts"]["rate"]) == (1, 1.0)
        assert reading["notes"] == []
        for times in (reading["times_v6"], reading["times_v4"]):
            assert all(times[step] is not None for step in ("dns", "tcp", "first_byte", "total"))
            assert times["tls"] is None


def test_a_site_without_aaaa_is_not_ready(of_kind: OfKind) -> None:
    for reading in of_kind("no_aaaa"):
        assert (reading["aaaa"], reading["aaaa_valid"], reading["home_v6"]) == ([], False, False)
        assert (reading["home_error_v6"], reading["home_v4"]) == ("none", True)
        assert reading["success_rate"] is None
        assert reading["links_second"] is None


def test_an_aaaa_without_a_host_is_seen_through(of_kind: OfKind) -> None:
    for reading in of_kind("dead"):
        assert reading["aaaa_valid"] is True
        assert (reading["home_v6"], reading["success_rate"]) == (False, 0.0)
        assert reading["home_error_v6"] in ("refused", "unreachable", "timeout")
        assert reading["home_v4"] is True


def test_name_servers_without_ipv6_are_counted(of_kind: OfKind) -> None:
    for reading in of_kind("v4_ns"):
        servers = reading["name_servers"]
        assert (servers["total"], servers["with_aaaa"], servers["reachable"]) == (2, 0, 0)
        assert reading["home_v6"] is True


def test_another_page_over_ipv6_is_noticed(of_kind: OfKind) -> None:
    for reading in of_kind("different"):
        assert reading["content_difference"] > 0.5


def test_links_and_parts_on_hosts_without_ipv6_are_counted(of_kind: OfKind) -> None:
    for reading in of_kind("mixed"):
        second = reading["links_second"]
        assert (second["total"], second["supported"], second["rate"]) == (8, 6, 0.75)
        assert all("old." in link for link in second["without"])
        assert (reading["parts"]["total"], reading["parts"]["supported"]) == (2, 1)
        assert reading["parts"]["hosts_without"] == [f"old.{reading['code']}"]


def test_a_slow_ipv6_shows_as_degradation(of_kind: OfKind) -> None:
    for reading in of_kind("slow"):
        assert reading["times_v6"]["first_byte"] >= 0.25
        assert reading["degradation"] > 1


def test_an_expired_certificate_is_told_and_the_page_read_all_the_same(of_kind: OfKind) -> None:
    for reading in of_kind("broken_cert"):
        assert reading["certificate"]["valid"] is False
        assert reading["certificate"]["error"]
        assert reading["home_v6"] is True
        assert reading["times_v6"]["tls"] is not None


def test_a_redirect_loop_ends(of_kind: OfKind) -> None:
    for reading in of_kind("loop"):
        assert (reading["home_v6"], reading["home_error_v6"]) == (False, "redirects")
        assert reading["home_v4"] is True


def test_an_endless_body_is_cut(of_kind: OfKind) -> None:
    for reading in of_kind("endless"):
        assert reading["home_v6"] is True
        assert reading["content_difference"] > 0.5
        assert any("longer" in note for note in reading["notes"])


def test_robots_are_heeded_beyond_the_home_page(web: dict[str, Any]) -> None:
    assert web["asked_private"] == []
