from __future__ import annotations

import math
import random

import numpy as np
import pytest

from controller.store import statistics as st
from controller.store.samples import Samples


def nearest_rank(values: list[float], percent: int) -> float:
    return sorted(values)[-(-percent * len(values) // 100) - 1]


@pytest.mark.parametrize("percent", [1, 50, 90, 95, 99])
def test_a_percentile_is_the_nearest_rank_for_every_count_to_500(
    engine: Samples, percent: int
) -> None:
    values = np.random.default_rng(7).random(500)
    answer = engine.query(
        f"SELECT n, {st.percentile('value', percent / 100)} AS p FROM "
        "(SELECT toUInt32(number + 1) AS n FROM numbers(500)) AS counts "
        "INNER JOIN numbered ON 1 = 1 WHERE place < n GROUP BY n ORDER BY n",
        external={"numbered": [("place", "UInt32", np.arange(500)), ("value", "Float64", values)]},
    )
    wanted = [nearest_rank(values[:n].tolist(), percent) for n in range(1, 501)]
    assert answer["p"].tolist() == wanted


def test_nothing_measured_stays_not_a_number_and_a_sum_of_nothing_is_none(engine: Samples) -> None:
    sql = ", ".join(
        [
            st.percentile("value", 0.95),
            st.mean("value"),
            st.weighted_mean("value", "weight"),
            st.highest("value"),
            st.latest("value", "place"),
        ]
    )
    nothing = {
        "t": [
            ("place", "UInt32", np.arange(3)),
            ("value", "Float32", np.full(3, np.nan)),
            ("weight", "Float32", np.full(3, 60.0)),
        ]
    }
    answer = engine.query(f"SELECT {sql}, {st.total('value')} AS total FROM t", external=nothing)
    *figures, total = [column[0] for column in answer.values()]
    assert all(math.isnan(figure) for figure in figures)
    assert total == 0


def test_averages_weigh_rows_by_their_seconds_and_skip_what_was_not_measured(
    engine: Samples,
) -> None:
    rnd = random.Random(3)
    values = [rnd.choice([math.nan, rnd.uniform(0, 100)]) for _ in range(200)]
    weights = [rnd.choice([10.0, 60.0, 300.0]) for _ in range(200)]
    known = [(v, s) for v, s in zip(values, weights, strict=True) if not math.isnan(v)]
    answer = engine.query(
        f"SELECT {st.weighted_mean('v', 's')} AS mean, {st.highest('v')} AS top, "
        f"{st.latest('v', 'place')} AS last FROM t",
        external={
            "t": [
                ("place", "UInt32", np.arange(200)),
                ("v", "Float64", np.array(values)),
                ("s", "Float64", np.array(weights)),
            ]
        },
    )
    assert answer["mean"][0] == pytest.approx(
        sum(v * s for v, s in known) / sum(s for _, s in known)
    )
    assert answer["top"][0] == max(v for v, _ in known)
    assert answer["last"][0] == known[-1][0]


@pytest.mark.parametrize(
    ("known", "held", "n", "held_n", "enough"),
    [
        (8, 10, 1, 2, True),
        (7.99, 10, 2, 2, False),
        (0, 0, 4, 5, True),
        (0, 0, 3, 5, False),
        (0, 0, 0, 0, False),
    ],
)
def test_a_bucket_needs_80_percent_of_its_allocation(
    engine: Samples, known: float, held: float, n: float, held_n: float, enough: bool
) -> None:
    sql = st.enough(f"toFloat32({known})", f"{held:.1f}", str(n), str(held_n))
    assert bool(engine.query(f"SELECT {sql} AS ok")["ok"][0]) is enough
