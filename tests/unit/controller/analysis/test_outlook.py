"""Outlooks of made series whose future is known, and refusals where there is nothing to go by."""

from __future__ import annotations

import numpy as np
import pytest

from controller.analysis.outlook import line_ahead, piling_up, seasonal

DAYS = np.arange(60, dtype=float)
FULL = np.full(60, 1000.0)


def noisy(size: int, spread: float) -> np.ndarray:
    return np.random.default_rng(11).normal(0, spread, size)


def test_a_disk_that_fills_says_when_with_the_truth_inside_its_interval() -> None:
    found = piling_up(DAYS, 300 + 10 * DAYS + noisy(60, 4), FULL)
    assert found.state == "reaches"
    truth = (1000 - (300 + 10 * 59)) / 10
    assert found.days == pytest.approx(truth, rel=0.1)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.days <= found.high
    assert found.growth == pytest.approx(70, rel=0.05)
    assert found.error_pct is not None
    assert found.error_pct < 1


def test_what_is_full_already_or_does_not_grow_is_said_so() -> None:
    assert piling_up(DAYS, np.full(60, 1000.0), FULL).state == "over"
    assert piling_up(DAYS, 500 + noisy(60, 3), FULL).state == "steady"
    slow = piling_up(DAYS, 100 + 0.1 * DAYS, FULL)
    assert (slow.state, slow.days) == ("steady", None)
    assert "365" in slow.reason_zh


def test_an_enlarged_disk_is_judged_anew() -> None:
    limit = np.where(DAYS < 55, 500.0, 1000.0)
    found = piling_up(DAYS, 300 + 3 * DAYS, limit)
    assert found.state == "refused"
    assert "5 天" in found.reason_zh
    older = np.where(DAYS < 30, 500.0, 1000.0)
    assert piling_up(DAYS, 300 + 3 * DAYS, older).state == "reaches"


def test_clean_ups_that_come_again_are_refused() -> None:
    saw = 400 + 55 * (DAYS % 9) + 2 * DAYS
    found = piling_up(DAYS, saw, FULL)
    assert found.state == "refused"
    assert "回测误差" in found.reason_zh
    assert line_ahead(DAYS, saw, FULL, 30) is None


def test_days_without_figures_are_no_zeros() -> None:
    used = 300 + 10 * DAYS
    used[[3, 17, 40]] = np.nan
    assert piling_up(DAYS, used, FULL).days == pytest.approx(11, abs=0.5)
    assert piling_up(DAYS, np.full(60, np.nan), FULL).state == "refused"


def test_a_line_carried_on_meets_the_limit_on_the_day_that_is_said() -> None:
    used = 300 + 10 * DAYS
    found, path = piling_up(DAYS, used, FULL), line_ahead(DAYS, used, FULL, 40)
    assert path is not None
    assert found.days is not None
    reached = int(np.flatnonzero(path.values >= 1000)[0]) + 1
    assert reached == pytest.approx(found.days, abs=1)
    assert (path.low <= path.values + 1e-9).all()
    assert (path.values <= path.high + 1e-9).all()


def test_a_busy_line_reaches_its_limit_by_its_busy_hours() -> None:
    hours = np.arange(84 * 24)
    day = np.where((hours % 24 > 7) & (hours % 24 < 18), 1.0, 0.2)
    series = day * (40 + hours * 0.03) + noisy(len(hours), 0.5)
    top = 40 + len(hours) * 0.03
    outlook, path = seasonal(series, top + 3.0)
    assert path is not None
    assert outlook.state == "reaches"
    assert outlook.days is not None
    assert outlook.days == pytest.approx(3.0 / 0.72, abs=2)
    far, _ = seasonal(series, 10 * top)
    assert (far.state, far.days) == ("steady", None)
    assert seasonal(series, top * 0.5)[0].state == "over"


def test_a_short_history_is_refused_with_its_reason() -> None:
    outlook, path = seasonal(np.full(200, 3.0), 10.0)
    assert (outlook.state, path) == ("refused", None)
    assert "历史不足" in outlook.reason_zh
    assert seasonal(np.zeros(0), 10.0)[0].reason_zh == "没有数据"
