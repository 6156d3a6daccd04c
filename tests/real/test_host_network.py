"""Real traffic in real network namespaces: needs root or user namespaces, and iproute2."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

Report = dict[str, dict[str, float]]

CHILD = Path(__file__).parent / "netns_child.py"
V4_BYTES, V6_BYTES = 5_000_000, 3_000_000
NEIGHBOURS = 20_000
"""Bytes that ARP, neighbour discovery, MLD and handshakes may add."""


@pytest.fixture(scope="module")
def report() -> Report:
    done = subprocess.run(
        ["unshare", "-rn", sys.executable, str(CHILD)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=Path(__file__).parent.parent.parent,
    )
    assert done.returncode == 0, done.stderr
    result: Report = json.loads(done.stdout)
    return result


def test_bytes_over_a_veth_are_counted(report: Report) -> None:
    received = report["received4"]["net_rx_bytes_s"]
    assert V4_BYTES <= received <= V4_BYTES * 1.05 + NEIGHBOURS


def test_ipv4_traffic_is_counted_as_ipv4(report: Report) -> None:
    received = report["received4"]
    assert V4_BYTES <= received["net4_rx_bytes_s"] <= V4_BYTES * 1.05 + NEIGHBOURS
    assert received["net6_rx_bytes_s"] < NEIGHBOURS


def test_ipv6_traffic_is_counted_as_ipv6(report: Report) -> None:
    received = report["received6"]
    assert V6_BYTES <= received["net6_rx_bytes_s"] <= V6_BYTES * 1.05 + NEIGHBOURS
    assert received["net4_rx_bytes_s"] < NEIGHBOURS


@pytest.mark.parametrize("case", ["itself4", "itself6", "own_address4", "own_address6"])
def test_what_a_host_says_to_itself_is_not_counted(report: Report, case: str) -> None:
    for name, value in report[case].items():
        if name.startswith("net") and "bytes" in name:
            assert value < NEIGHBOURS, f"{name} of 20 MB over loopback"


def test_sockets_of_both_versions_are_counted_by_state(report: Report) -> None:
    sockets = report["sockets"]
    assert sockets["tcp_listen"] == 3
    assert sockets["tcp_established"] == 8
    # The child's earlier connections may still be waiting beside the two it closed last.
    assert 2 <= sockets["tcp_time_wait"] <= 8


def test_a_replaced_card_gives_a_gap_and_then_goes_on(report: Report) -> None:
    assert "net_rx_bytes_s" not in report["replaced"]
    assert report["afterwards"]["net_rx_bytes_s"] < NEIGHBOURS
