"""Policies are read whole or refused with the key that is wrong."""

from __future__ import annotations

import pytest

from controller.analysis.policy import DaysTest, PatternTest, ShareTest, StatisticTest
from controller.analysis.read_policy import PolicyError, read_policy
from controller.analysis.seasons import read_calendar
from controller.analysis.sizes import Flavour, read_flavours, smaller
from controller.idle import library

GOOD = """
id = "mine"
title_zh = "甲"
title_en = "A"
source = "我们"

[[rule]]
class = "idle"
action = "release"
window_days = 14

[[rule.all]]
signal = "cpu_peak_pct"
statistic = "max"
less_than = 5

[[rule.all]]
days_at_least = 4
daily = [{signal = "net_bytes_s", statistic = "total", at_most = 5e6}]

[[rule.all]]
share_at_least = 95
while = [{signal = "cpu_used_pct", less_than = 5}]

[[rule.all]]
share_at_least = 95
weekly_hours_at_least = 40
window_days = 90
while = [{signal = "cpu_used_pct", less_than = 5}]
"""


def test_a_good_policy_is_read_as_written() -> None:
    policy = read_policy(GOOD, 3)
    assert (policy.id, policy.version, policy.window_days) == ("mine", 3, 14)
    kinds = [type(test) for test in policy.rules[0].tests]
    assert kinds == [StatisticTest, DaysTest, ShareTest, PatternTest]
    assert policy.guards.coverage_pct == 90
    assert policy.rules[0].min_age_days == 14


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('class = "idle"', 'class = "lazy"', "rule[0].class"),
        ("window_days = 14", "window_days = 0", "rule[0].window_days"),
        ("window_days = 14", "window = 14", "rule[0].window_days"),
        ('"cpu_peak_pct"', '"gpu_used_pct"', "rule[0].all[0].signal"),
        ('statistic = "max"\n', 'statistic = "mode"\n', "rule[0].all[0].statistic"),
        ("less_than = 5\n\n", "less_than = 5\nat_most = 4\n\n", "rule[0].all[0]"),
        ("less_than = 5\n\n", "less_than = 5\nfor_days = 4\n\n", "rule[0].all[0].for_days"),
        ("days_at_least = 4", "days_at_least = 40", "rule[0].all[1].days_at_least"),
        ("days_at_least = 4", "every_day = false", "rule[0].all[1]"),
        ('statistic = "total"', 'statistic = "p95"', "rule[0].all[1].daily[0].statistic"),
        ("share_at_least = 95\nwhile", "share_at_least = 195\nwhile", "rule[0].all[2]"),
        ('source = "我们"', 'source = "我们"\ncolour = "red"', "colour"),
        ('source = "我们"\n', "", "source"),
        ('id = "mine"', 'id = "../mine"', "id"),
        ("[[rule]]", "[guards]\ncover = 3\n[[rule]]", "guards.cover"),
        ("[[rule]]", "[guards]\ncoverage_pct = 130\n[[rule]]", "guards.coverage_pct"),
        ("[[rule]]", '[guards]\nlook_back = "maybe"\n[[rule]]', "guards.look_back"),
        ('id = "mine"', "id = ", "TOML"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_with_its_key(old: str, new: str, key: str) -> None:
    assert old in GOOD
    with pytest.raises(PolicyError) as error:
        read_policy(GOOD.replace(old, new, 1))
    assert key in str(error.value)


@pytest.mark.parametrize("name", library.shipped_names())
def test_every_shipped_policy_is_readable_and_names_its_source(name: str) -> None:
    shipped = library.shipped("policy", name)
    assert shipped is not None
    policy = read_policy(shipped.body)
    assert policy.id == name
    assert policy.title_zh
    assert policy.title_en
    assert policy.source


def test_the_shipped_lists_are_readable() -> None:
    flavours, calendar = (
        library.shipped("flavours", "flavours"),
        library.shipped("calendar", "calendar"),
    )
    assert flavours is not None
    assert calendar is not None
    assert len(read_flavours(flavours.body)) > 20
    assert {"汛期", "考试", "决算"} <= {t for s in read_calendar(calendar.body) for t in s.tags}


@pytest.mark.parametrize(
    "body", ["flavours = []", "flavours = [[1]]", "flavours = [[0, 4]]", "x = 1"]
)
def test_sizes_that_are_none_are_refused(body: str) -> None:
    with pytest.raises(PolicyError):
        read_flavours(body)


@pytest.mark.parametrize(
    "body",
    [
        '[[season]]\nname_zh = "x"',
        '[[season]]\nname_zh = "x"\nname_en = "x"\ntags = ["x"]\nfirst = "02-30"\nlast = "03-01"',
    ],
)
def test_a_season_without_days_is_refused(body: str) -> None:
    with pytest.raises(PolicyError, match=r"season\[0\]"):
        read_calendar(body)


def test_a_smaller_size_is_larger_in_nothing() -> None:
    sizes = (Flavour(2, 4), Flavour(2, 8), Flavour(4, 4), Flavour(4, 8), Flavour(8, 8))
    assert smaller(sizes, 4, 8 * 2**30) == [Flavour(2, 4), Flavour(2, 8), Flavour(4, 4)]
