from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collectors.rates import difference, rate, share


def test_a_counter_that_grew_gives_its_growth() -> None:
    assert difference(10, 25) == 15


def test_a_32_bit_wrap_is_bridged() -> None:
    assert difference(2**32 - 100, 50, 32) == 150


def test_a_64_bit_wrap_is_bridged() -> None:
    assert difference(2**64 - 1, 4, 64) == 5


def test_a_restart_of_a_64_bit_counter_just_below_32_bits_is_no_wrap() -> None:
    assert difference(2**32 - 100, 50, 64) is None


def test_a_restart_in_the_middle_of_the_range_gives_nothing() -> None:
    assert difference(2**31, 10, 32) is None
    assert difference(5_000, 0) is None


def test_no_time_passed_means_no_rate() -> None:
    assert rate(1, 2, 0.0) is None
    assert rate(1, 2, -1.0) is None


def test_a_share_stays_within_its_bounds() -> None:
    assert share(5, 0) is None
    assert share(120, 100) == 100.0
    assert share(-1, 100) == 0.0


@given(
    before=st.integers(0, 2**32 - 1),
    grown=st.integers(0, 2**29 - 1),
)
def test_growth_below_an_eighth_is_never_mistaken(before: int, grown: int) -> None:
    after = (before + grown) % 2**32
    assert difference(before, after, 32) in (grown, None)


@given(before=st.integers(0, 2**64 - 1), after=st.integers(0, 2**64 - 1))
def test_no_pair_of_values_gives_a_negative_or_a_spike(before: int, after: int) -> None:
    grown = difference(before, after, 64)
    assert grown is None or grown >= 0
    if after < before and grown is not None:
        assert grown < 2**62  # only a plausible wrap is believed
