"""Reachability measured across a real link between two network namespaces, both IP versions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from collectors.reach.echo import checksum, parse_reply, request
from collectors.reach.probe import Result, Target, parse_targets, readings

SENT, RECEIVED, MEAN_MS, LONGEST_MS, BY_TCP = range(5)


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    root = Path(__file__).parents[3]
    done = subprocess.run(
        ["unshare", "-rn", sys.executable, "-m", "tests.real.reach.child"],
        cwd=root, capture_output=True, text=True, timeout=60, check=False,
        env=os.environ | {"PYTHONPATH": str(root)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("key", ["v4", "v6"])
def test_an_echo_request_is_answered_over_either_version(report: dict[str, Any], key: str) -> None:
    found = report["echo"][key]
    assert (found[SENT], found[RECEIVED], found[BY_TCP]) == (3, 3, False)
    assert 0 < found[MEAN_MS] <= found[LONGEST_MS] < 200


@pytest.mark.parametrize("key", ["none4", "none6", "no-route", "tcp-none"])
def test_what_nobody_has_is_lost_whole(report: dict[str, Any], key: str) -> None:
    found = report["echo"][key]
    assert (found[SENT], found[RECEIVED]) == (3, 0)


@pytest.mark.parametrize("key", ["tcp4", "tcp6", "closed"])
def test_a_port_that_accepts_or_refuses_is_an_answer(report: dict[str, Any], key: str) -> None:
    found = report["echo"][key]
    assert (found[SENT], found[RECEIVED], found[BY_TCP]) == (3, 3, True)
    assert found[MEAN_MS] > 0


def test_where_echo_is_not_allowed_a_connect_stands_in(report: dict[str, Any]) -> None:
    for key in ("v4", "v6"):
        found = report["refused"][key]
        assert (found[RECEIVED], found[BY_TCP]) == (3, True)  # port 80 refuses: it is there
    assert report["refused"]["none4"][RECEIVED] == 0


def test_a_large_round_keeps_its_pace_and_loses_nothing(report: dict[str, Any]) -> None:
    assert report["many"]["answered"] == 1_500
    assert 1.4 < report["many"]["seconds"] < 6  # at most 1,000 a second
    assert report["many"]["cpu"] < 2


def test_rows_tell_loss_and_leave_out_a_round_trip_that_was_not() -> None:
    found = readings(
        {"ap:1": Result(4, 3, 2.0, 3.0, False), "ap:2": Result(3, 0, 0.0, 0.0, True)}, 60_000, 60.0
    )
    first, second = found
    assert first.values == {
        "reachable_pct": 100.0, "probe_loss_pct": 25.0, "probes_sent": 4.0, "probe_by_tcp": 0.0,
        "probe_rtt_ms": 2.0, "probe_rtt_max_ms": 3.0,
    }  # fmt: skip
    assert (second.values["reachable_pct"], second.values["probe_loss_pct"]) == (0.0, 100.0)
    assert "probe_rtt_ms" not in second.values
    assert (first.table, first.instance, first.interval_s) == ("reach", "ap:1", 60.0)


def test_an_assignment_that_is_not_understood_is_left_out() -> None:
    told = [
        ["a", "10.0.0.1", 0], ["b", "::1", 443], ["c", "nonsense", 0], ["d", "10.0.0.2"], "x",
        [7, "10.0.0.3", 0], ["e", "10.0.0.4", 99_999], ["f", "10.0.0.5", "80"],
    ]  # fmt: skip
    assert parse_targets(told) == [
        Target("a", "10.0.0.1", 0), Target("b", "::1", 443), Target("e", "10.0.0.4", 0),
    ]  # fmt: skip
    assert parse_targets("everything") == []


@pytest.mark.parametrize("packet", [b"", b"\x00" * 7, b"\x45" * 64, os.urandom(1_500)])
def test_a_packet_that_answers_nothing_is_left(packet: bytes) -> None:
    assert parse_reply(2, packet, "10.0.0.1") is None
    assert parse_reply(10, packet, "fd00::1") is None


def test_a_request_carries_its_own_checksum() -> None:
    packet = request(2, 513)
    assert checksum(packet) == 0
