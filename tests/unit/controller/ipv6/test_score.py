"""The score is what the index says: computed here once more by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller.analysis.ipv6 import best_actions, evaluate, mean_score
from controller.ipv6.index import FOLDER, BadIndexError, load_index

INDEX = load_index()

GOOD: dict[str, Any] = {
    "aaaa_valid": True,
    "home_v6": True,
    "home_v4": True,
    "success_rate": 1.0,
    "content_difference": 0.0,
    "degradation": 0.0,
    "name_servers": {"total": 2, "reachable": 2, "error": ""},
    "links_second": {"total": 8, "rate": 1.0},
    "links_third": {"total": 8, "rate": 1.0},
    "parts": {"total": 3, "rate": 1.0},
    "certificate": {"valid": True},
}


def states(reading: dict[str, Any]) -> dict[str, str]:
    return {each.code: each.state for each in evaluate(reading, INDEX).results}


def test_a_site_with_everything_has_100() -> None:
    told = evaluate(GOOD, INDEX)
    assert (told.score, told.coverage) == (100.0, 1.0)
    assert set(states(GOOD).values()) == {"pass"}


def test_weights_of_the_example_are_100_and_it_says_that_it_is_not_official() -> None:
    assert sum(each.weight for each in INDEX.indicators) == 100
    assert INDEX.official is False
    assert "示例" in INDEX.title_zh


def test_parts_of_points_are_straight_between_the_lines() -> None:
    reading = GOOD | {"links_second": {"total": 8, "rate": 0.75}, "content_difference": 0.3}
    told = evaluate(reading, INDEX)
    # 10 x 0.75 of the links; 10 x (0.5 - 0.3) / (0.5 - 0.1) of the content.
    assert told.score == pytest.approx(100 - 2.5 - 5)
    assert states(reading)["links_second"] == "partial"


def test_what_hangs_on_a_home_page_that_does_not_open_fails_with_it() -> None:
    reading = GOOD | {"home_v6": False, "success_rate": 0.0, "links_second": None,
                      "content_difference": None}  # fmt: skip
    told = states(reading)
    assert told["aaaa"] == "pass"
    assert all(told[c] == "fail" for c in ("home", "content", "links_second", "parts", "success"))
    # AAAA 10, name servers 10, certificate 5 of 100.
    assert evaluate(reading, INDEX).score == 25


def test_what_does_not_apply_leaves_the_weights() -> None:
    reading = GOOD | {"certificate": None, "links_third": {"total": 0, "rate": None},
                      "aaaa_valid": False}  # fmt: skip
    told = evaluate(reading, INDEX)
    assert states(reading)["certificate"] == "not_applicable"
    assert told.score == pytest.approx(100 * (100 - 5 - 10 - 10) / (100 - 5 - 10), abs=0.01)
    assert told.coverage == 1.0


def test_too_little_known_or_a_site_that_is_down_has_no_score() -> None:
    little = {"aaaa_valid": True, "home_v6": True, "home_v4": True, "success_rate": 1.0}
    assert evaluate(little, INDEX).score is None
    assert evaluate(GOOD | {"home_v6": False, "home_v4": False}, INDEX).score is None
    assert mean_score([evaluate(little, INDEX), evaluate(GOOD, INDEX)]) == 100
    assert mean_score([]) is None


def test_the_best_action_is_the_one_that_raises_the_mean_most() -> None:
    lame = GOOD | {"name_servers": {"total": 2, "reachable": 0, "error": ""},
                   "parts": {"total": 2, "rate": 0.5}}  # fmt: skip
    told = best_actions([evaluate(lame, INDEX), evaluate(GOOD, INDEX)], INDEX)
    assert told == [("name_servers", 5.0, 1), ("parts", 2.0, 1)]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (("weight = 10", "weight = 0"), "weight"),
        (('value = "aaaa"', 'value = "bbbb"'), "bbbb"),
        (('code = "home"', 'code = "aaaa"'), "twice"),
        (('source = "webres6"', 'origin = "webres6"'), "origin"),
        (("good = 90", 'good = "high"'), "high"),
        (("[[indicators]]", "[[indicator]]"), "no [[indicators]]"),
        (("name = ", "name "), "example"),
    ],
)
def test_a_bad_index_is_refused_by_name(tmp_path: Path, change: tuple[str, str], word: str) -> None:
    text = (FOLDER / "example.toml").read_text("utf-8")
    assert change[0] in text
    file = tmp_path / "example.toml"
    file.write_text(text.replace(*change), "utf-8")
    with pytest.raises(BadIndexError, match=word.replace("[", r"\[")):
        load_index(str(file))


@pytest.mark.parametrize(
    ("peers", "state"),
    [
        ([], "not_applicable"),
        ([{"protocol": "bgp", "address": "10.0.0.1", "up": True}], "unknown"),
        ([{"protocol": "bgp", "address": "fd09::1", "up": True}], "pass"),
        ([{"protocol": "bgp", "address": "fd09::1", "up": False}], "fail"),
        ([{"protocol": "ospf", "address": "10.0.0.1", "up": True}], "fail"),
        ([{"protocol": "ospf", "address": "10.0.0.1", "up": True},
          {"protocol": "ospfv3", "address": "", "up": True}], "pass"),
    ],
)  # fmt: skip
def test_bgp_peers_over_ipv4_alone_say_nothing_of_ipv6(
    peers: list[dict[str, Any]], state: str
) -> None:
    told = evaluate({"peers": peers}, INDEX.of("device"))
    assert {each.code: each.state for each in told.results}["peers"] == state
