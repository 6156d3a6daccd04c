"""What is unlike the days before, on days written down here."""

from __future__ import annotations

import numpy as np

from controller.analysis.anomaly import unusual


def test_a_day_unlike_the_weeks_before_stands_out_and_a_like_one_does_not() -> None:
    steady = np.array([10.0, 11, 9, 10, 12, 8, 10] * 4)
    deviation, usual = unusual(
        np.array(
            [
                np.r_[60.0, steady],
                np.r_[12.0, steady],
                np.r_[0.0, steady],
                np.r_[np.nan, steady],
                np.r_[60.0, np.full(28, np.nan)],
            ]
        )
    )
    assert deviation[0] > 20
    assert abs(deviation[1]) < 2
    assert deviation[2] < -5
    assert np.isnan(deviation[3:]).all()
    assert usual[0] == 10


def test_weekends_widen_what_is_usual() -> None:
    week = np.array([50.0, 52, 48, 51, 49, 5, 5])
    deviation, _ = unusual(np.array([np.r_[5.0, np.tile(week, 4)], np.r_[95.0, np.tile(week, 4)]]))
    assert deviation[1] > abs(deviation[0]) * 0.9  # a Sunday is no more unusual than double load


def test_a_machine_that_never_moves_is_not_unusual_for_a_hair() -> None:
    deviation, _ = unusual(np.array([np.r_[3.2, np.full(28, 3.0)]]))
    assert abs(deviation[0]) < 1
