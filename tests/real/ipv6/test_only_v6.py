"""The whole system where no IPv4 address exists: server, agent, commands, pages, poller, mail."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
SECONDS = 400

pytestmark = pytest.mark.timeout(SECONDS + 20)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    done = subprocess.run(
        ["unshare", "-rn", sys.executable, str(Path(__file__).parent / "only_v6_child.py"),
         str(tmp_path_factory.mktemp("only-v6"))],
        capture_output=True, text=True, timeout=SECONDS, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_an_agent_enrols_by_an_address_literal_and_its_certificate_and_sends(
    told: dict[str, Any],
) -> None:
    assert told["tls"]["url"].startswith("https://[fd0e::1]:")
    assert told["tls"]["agent"]["address"] == "fd0e::2"
    assert "connected" in told["tls"]["status"]


def test_the_hosts_readiness_comes_home(told: dict[str, Any]) -> None:
    host = told["tls"]["host"]
    assert host["route"]["gateway"] == "fd0e::1"
    assert host["route"]["reachable"] is True
    assert host["kinds"]["ula"] == 1
    assert host["score"] is not None


def test_commands_and_api_answer_over_tls(told: dict[str, Any]) -> None:
    assert len(told["tls"]["import"]) == 2
    assert told["tls"]["usage"] == 200
    assert "fd0e::2" in told["tls"]["list"]


def test_the_console_works_in_a_browser(told: dict[str, Any]) -> None:
    assert [status for status, _ in told["tls"]["pages"].values()] == [200, 200, 200]
    assert told["tls"]["pages"]["/ipv6"][1].startswith("IPv6")


def test_plain_http_is_served_on_loopback_and_commands_use_it(told: dict[str, Any]) -> None:
    assert told["plain_url"].startswith("http://[::1]:")
    assert json.loads(told["plain"])["rows"] == []
    assert told["without_server"], "a command on a folder runs the API itself"


def test_a_device_is_polled_over_udp6(told: dict[str, Any]) -> None:
    assert told["poll"]["name"] == "only-v6"
    assert "fd0e::2" in told["poll"]["addresses"]


def test_a_notice_goes_out_by_mail(told: dict[str, Any]) -> None:
    assert told["mail"] == {"from": "fd0e::1", "to": ["unit@a.test"]}
