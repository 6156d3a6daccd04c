"""The forecast's promise on real machines: better than naive ones, and as sure as it says."""

from __future__ import annotations

import os

import pytest

from bench.forecast import STEP, archive, measure

pytestmark = [
    pytest.mark.skipif(not archive().exists(), reason="the traces are not beside the project"),
    pytest.mark.timeout(600),
]


def test_the_forecast_beats_the_naive_ones_and_its_interval_holds() -> None:
    # Every other week, of each machine; bench forecast takes every half week.
    found = measure(STEP if os.environ.get("HEAVY_TESTS") == "1" else 4 * STEP)
    assert found["hot_machines"] >= 15
    assert found["hot_ratio"] <= 0.95
    assert found["all_ratio"] <= 0.95
    assert 75 <= found["all_interval_pct"] <= 85
    assert 75 <= found["hot_interval_pct"] <= 85
