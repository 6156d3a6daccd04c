"""The list of sites to scan."""

from __future__ import annotations

import pytest

from collectors.ipv6.scan import TargetError, read_targets


def test_sites_are_read_with_and_without_a_unit() -> None:
    found = read_targets(["code,url,unit", "a,http://a.example/,U1", "b,https://b.example/"])
    assert [(each.code, each.url, each.unit) for each in found] == [
        ("a", "http://a.example/", "U1"),
        ("b", "https://b.example/", ""),
    ]


def test_what_is_no_csv_is_refused_in_our_words() -> None:
    with pytest.raises(TargetError, match="not CSV"):
        read_targets(["code,url", "a," + "x" * 140_000])
