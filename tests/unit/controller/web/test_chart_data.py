from __future__ import annotations

from controller.web.pages import data


def test_a_stretch_without_values_is_a_gap_from_its_first_to_its_last_second() -> None:
    times = [0, 60, 120, 180, 240]
    values = [1.0, None, None, 2.0, 3.0]
    assert data.gaps(times, values, 60, 0, 300) == [[60, 180]]


def test_times_that_are_not_there_at_all_are_a_gap_too() -> None:
    assert data.gaps([0, 300], [1.0, 1.0], 60, 0, 360) == [[60, 300]]


def test_what_lies_before_the_first_value_is_a_gap() -> None:
    assert data.gaps([120], [1.0], 60, 0, 180) == [[0, 120]]


def test_the_step_that_is_still_being_measured_is_no_gap() -> None:
    assert data.gaps([0, 60], [1.0, None], 60, 0, 120) == []
    assert data.gaps([0], [1.0], 60, 0, 600) == [[60, 600]]


def test_zero_is_a_value() -> None:
    assert data.gaps([0, 60], [0.0, 0.0], 60, 0, 120) == []


def test_nothing_at_all_is_said_by_the_chart_and_not_by_one_grey_field() -> None:
    assert data.gaps([0, 60], [None, None], 60, 0, 120) == []


def test_values_are_shortened_to_what_a_screen_can_show() -> None:
    assert data.line("used", "x", [1 / 3, None])["values"] == [0.3333333, None]


def test_what_did_not_exist_yet_is_not_missing() -> None:
    assert data.since_then([[0, 100], [200, 300]], 50) == [[50, 100], [200, 300]]
    assert data.since_then([[0, 100], [200, 300]], 100) == [[200, 300]]
