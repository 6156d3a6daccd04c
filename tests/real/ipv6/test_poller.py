"""Sites scanned by a poller that the controller assigned them to, readings home as documents."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    done = subprocess.run(
        ["unshare", "-rn", sys.executable, str(Path(__file__).parent / "web.py"), "1",
         str(tmp_path_factory.mktemp("poller")), "poller"],
        capture_output=True, text=True, timeout=340, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.timeout(360)
def test_a_poller_scans_what_it_was_assigned_and_the_readings_come_home(
    told: dict[str, Any],
) -> None:
    by_kind = {told["sites"][each["code"]]: each for each in told["first"]}
    assert {each["vantage"] for each in told["first"]} == {"extranet"}
    assert by_kind["good"]["score"] == 100
    assert (by_kind["dead"]["home_v6"], by_kind["dead"]["home_v4"]) == (False, True)
    assert by_kind["broken_cert"]["score"] == 95


def test_a_scan_asked_for_at_once_is_done_at_once(told: dict[str, Any]) -> None:
    assert told["again"] == len(told["sites"])


def test_the_vantage_point_says_who_looked_and_when(told: dict[str, Any]) -> None:
    [vantage] = told["vantages"]
    assert (vantage["name"], vantage["agent_name"]) == ("extranet", "eyes")
    assert vantage["sites"] == len(told["sites"])
    assert vantage["newest"]
