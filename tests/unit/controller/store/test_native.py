"""The Native format, both directions, without an engine."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.store.native import Dictionary, NativeError, decode, encode


def test_numbers_come_back_bit_for_bit() -> None:
    values = np.array([0.1, np.nan, -0.0, np.inf, 5e-324])
    answer = decode(encode([("a", "Float64", values), ("b", "UInt32", [1, 2, 3, 4, 5])], 5))
    assert answer["a"].tobytes() == values.tobytes()
    assert answer["b"].tolist() == [1, 2, 3, 4, 5]


def test_one_value_fills_the_column() -> None:
    columns = [("a", "Float32", 1.5), ("s", "String", "x"), ("v", "UInt64", 7)]
    answer = decode(encode(columns, 3))
    assert answer["a"].tolist() == [1.5] * 3
    assert answer["s"].tolist() == ["x"] * 3
    assert answer["v"].tolist() == [7] * 3


@given(st.lists(st.text(max_size=200), max_size=40))
def test_any_strings_survive(texts: list[str]) -> None:
    columns = [("s", "String", texts), ("l", "LowCardinality(String)", texts)]
    answer = decode(encode(columns, len(texts)))
    assert answer["s"].tolist() == texts
    assert answer["l"].tolist() == texts


@pytest.mark.parametrize("distinct", [1, 255, 256, 257, 65_535, 65_536])
def test_dictionaries_of_every_index_width_survive(distinct: int) -> None:
    texts = [f"fs:/{number}" for number in range(distinct)]
    codes = np.arange(distinct)[::-1]
    answer = decode(encode([("i", "LowCardinality(String)", Dictionary(texts, codes))], distinct))
    assert answer["i"].tolist() == texts[::-1]


def test_times_are_taken_as_moments_or_as_numbers() -> None:
    moments = np.array(["2026-03-02T00:00:00.123", "1969-12-31T23:59:59.999"], "M8[ms]")
    for values in (moments, moments.astype("i8"), moments.astype("i8").tolist()):
        answer = decode(encode([("t", "DateTime64(3, 'UTC')", values)], 2))
        assert answer["t"].tolist() == moments.tolist()


@pytest.mark.parametrize(
    ("kind", "values", "text"),
    [
        ("UInt32", [1, -1], "outside"),
        ("UInt32", [1, 1 << 32], "outside"),
        ("UInt32", [1.5, 2.0], "integer"),
        ("UInt32", [1], "1 values"),
        ("Float32", ["a", "b"], "could not convert"),
        ("DateTime64(3, 'UTC')", np.array(["NaT", "2026-01-01"], "M8[ms]"), "missing"),
        ("Map(String, UInt8)", [1, 2], "not handled"),
        ("LowCardinality(String)", Dictionary(["a"], np.array([0, 1])), "beyond"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_columns_name(
    kind: str, values: object, text: str
) -> None:
    with pytest.raises(NativeError, match=f"column c .*{text}"):
        encode([("c", kind, values)], 2)


def test_blocks_are_joined_in_order() -> None:
    first = encode([("a", "UInt8", [1, 2])], 2)
    empty = encode([("a", "UInt8", np.zeros(0, "u1"))], 0)
    second = encode([("a", "UInt8", [3])], 1)
    assert decode(first + empty + second)["a"].tolist() == [1, 2, 3]
    assert decode(empty)["a"].tolist() == []
    assert decode(b"") == {}


def test_an_answer_cut_short_is_an_error_not_a_short_answer() -> None:
    whole = encode([("a", "Float64", np.arange(10.0))], 10)
    with pytest.raises(NativeError, match="middle of a block"):
        decode(whole[:-1])
