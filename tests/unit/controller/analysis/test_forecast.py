"""Forecasts of made series whose future is known, and of none where there is nothing to go by."""

from __future__ import annotations

import numpy as np
import pytest

from controller.analysis.forecast import (
    Forecast,
    Refusal,
    filled,
    forecast,
    hours_to,
    last_break,
    naive_forecasts,
    predict,
)

HOURS = np.arange(6 * 168)


def weekly(hours: np.ndarray) -> np.ndarray:
    """Busy by day on working days."""
    day, hour = hours // 24 % 7, hours % 24
    return np.where((day < 5) & (hour > 7) & (hour < 18), 40.0, 5.0)


def noisy(size: int, spread: float) -> np.ndarray:
    return np.random.default_rng(7).normal(0, spread, size)


def test_a_weekly_rhythm_is_carried_on() -> None:
    series = weekly(HOURS) + noisy(len(HOURS), 1)
    found = forecast(series, 168)
    assert isinstance(found, Forecast)
    truth = weekly(HOURS[-1] + 1 + np.arange(168))
    assert np.abs(found.values - truth).mean() < 1.5
    assert found.error <= found.naive_error
    assert (found.low <= found.values + 1e-9).mean() > 0.9
    assert found.changed is None


def test_a_climb_is_followed_and_says_when_the_limit_is_reached() -> None:
    series = 50 + HOURS * 0.02 + noisy(len(HOURS), 0.2)
    found = forecast(series, 168)
    assert isinstance(found, Forecast)
    assert found.values[-24:].mean() == pytest.approx(50 + (len(HOURS) + 156) * 0.02, abs=0.8)
    when, soonest, latest = hours_to(series[-24:].mean() + 1.5, found)
    assert when is not None
    assert soonest is None or soonest <= when
    assert latest is None or latest >= when
    assert hours_to(1000, found) == (None, None, None)


def test_what_lay_before_a_break_is_not_expected_again() -> None:
    series = weekly(HOURS) + np.where(HOURS < 4 * 168, 60.0, 0.0) + noisy(len(HOURS), 1)
    assert last_break(series) == 2 * 168
    ahead = predict(series, 168)
    assert np.abs(ahead - weekly(HOURS[-1] + 1 + np.arange(168))).mean() < 4


def test_a_short_or_holey_history_is_refused() -> None:
    assert isinstance(forecast(weekly(HOURS[:400]), 168), Refusal)
    holes = weekly(HOURS)
    holes[np.random.default_rng(1).random(len(HOURS)) < 0.3] = np.nan
    answer = forecast(holes, 168)
    assert isinstance(answer, Refusal)
    assert "80 %" in answer.zh


def test_a_bad_back_test_is_a_refusal_and_not_a_forecast() -> None:
    series = np.random.default_rng(3).normal(50, 20, len(HOURS))
    answer = forecast(series, 168, model=lambda s, hours: np.full(hours, 500.0))
    assert isinstance(answer, Refusal)
    assert "回测误差" in answer.zh


def test_a_flat_series_stays_flat() -> None:
    found = forecast(np.full(len(HOURS), 12.0), 168)
    assert isinstance(found, Forecast)
    assert np.allclose(found.values, 12.0)
    assert np.allclose(found.high - found.low, 0.0)


def test_gaps_are_taken_from_the_same_hour_of_another_week() -> None:
    series = weekly(HOURS)
    holed = series.copy()
    holed[[0, 300, 301, 900]] = np.nan
    assert np.array_equal(filled(holed), series)
    assert np.array_equal(filled(np.full(5, np.nan)), np.zeros(5))


def test_the_naive_forecasts_are_the_five_and_the_line() -> None:
    names = set(naive_forecasts(weekly(HOURS), 168))
    assert names == {
        "last_value",
        "mean_7d",
        "seasonal_24h",
        "seasonal_168h",
        "hour_of_day_mean_7d",
        "linear_regression",
    }
