"""Places, medians, what is spare and growth, on holders written down here."""

from __future__ import annotations

import pytest

from controller.analysis.standing import Holder, compare


def test_the_place_is_among_peers_by_the_share_that_is_used() -> None:
    found = compare(
        [
            Holder("a", "x", 100, 10, 20),
            Holder("b", "x", 10, 40, 60),
            Holder("c", "x", 50, 10, 15),
            Holder("alone", "y", 8, 3, 4),
            Holder("dark", "x", 8, None, None),
        ]
    )
    assert [(found[k].rank, found[k].of) for k in ("b", "a", "c")] == [(1, 3), (2, 3), (2, 3)]
    assert found["a"].median_pct == 10
    assert (found["alone"].rank, found["alone"].of) == (1, 1)
    assert (found["dark"].rank, found["dark"].used, found["dark"].spare) == (None, None, None)
    assert (found["a"].used, found["a"].peak, found["a"].spare) == (10, 20, 80)


def test_growth_is_in_amounts_and_in_per_cent_only_of_something() -> None:
    found = compare(
        [
            Holder("grows", "x", 120, 20, 30, 100, 10),
            Holder("from-nothing", "x", 100, 20, 30, 100, 0.01),
            Holder("new", "x", 100, 20, 30),
        ]
    )
    grows = found["grows"]
    assert (grows.allocated_growth, grows.used_growth) == (20, pytest.approx(14))
    assert grows.used_growth_pct == pytest.approx(140)
    assert found["from-nothing"].used_growth_pct is None
    assert found["from-nothing"].used_growth == pytest.approx(19.99)
    assert (found["new"].used_growth, found["new"].allocated_growth) == (None, None)


def test_public_support_takes_no_place_but_by_what_else_it_has() -> None:
    found = compare(
        [
            Holder("own", "x", 100, 90, 95, ranked_pct=5, in_ranking=False),
            Holder("only-public", "x", 100, 90, 95, in_ranking=False),
            Holder("other", "x", 100, 10, 20),
        ]
    )
    assert (found["own"].rank, found["own"].of) == (2, 2)
    assert found["only-public"].rank is None
    assert found["own"].used == 90
