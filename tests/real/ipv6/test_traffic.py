"""The share of IPv6 in known traffic, by the host's own counters and by a real snmpd."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
POINTS = 2.0
"""Percentage points that a share may be off."""
MIXES = ("mostly_v4", "even", "only_v6")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    done = subprocess.run(
        ["unshare", "-rn", sys.executable, str(Path(__file__).parent / "share_child.py"),
         str(tmp_path_factory.mktemp("share"))],
        capture_output=True, text=True, timeout=90, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return result


@pytest.mark.parametrize("mix", MIXES)
def test_a_host_knows_its_share(told: dict[str, dict[str, Any]], mix: str) -> None:
    assert abs(told[mix]["host"] - told[mix]["truth"]) <= POINTS


@pytest.mark.parametrize("mix", MIXES)
def test_a_port_of_snmpd_has_its_share_although_only_ipv6_is_told(
    told: dict[str, dict[str, Any]], mix: str
) -> None:
    assert told[mix]["versions_told"] == [6], "net-snmp has rows of IPv6 only"
    assert told[mix]["how"] == "rest"
    assert abs(told[mix]["port"] - told[mix]["truth"]) <= POINTS


@pytest.mark.parametrize("mix", MIXES)
def test_a_device_has_its_share_from_the_system_table(
    told: dict[str, dict[str, Any]], mix: str
) -> None:
    assert abs(told[mix]["device"] - told[mix]["truth"]) <= POINTS
