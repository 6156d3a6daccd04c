"""Figures over rows of hours, days and months, against the same bucket by bucket in Python."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import oracle
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as some
from worlds import EPOCH, GIB, START, World

from controller.access.scope import CITY
from controller.store import rollup
from controller.store import statistics as st
from controller.usage.model import UsageQuery
from controller.usage.queries import usage_report

HOURS = 48
RESOURCES = ("r1", "r2", "r3")


@dataclass(frozen=True)
class Coarse:
    """A platform's row over ``seconds`` from ``time``."""

    resource: str
    time: int
    seconds: int
    source: str
    cpu: float
    mem: float
    version: int = 1


@some.composite
def coarse_rows(draw: some.DrawFn) -> list[Coarse]:
    """Days and quarters of hours of one platform, of two, or one over the other."""
    found: dict[tuple[str, str, int], Coarse] = {}
    for resource in RESOURCES:
        for _ in range(draw(some.integers(0, 3))):
            seconds = draw(some.sampled_from((900, 3600, 7200, 86_400)))
            source = draw(some.sampled_from(("import:a", "import:b")))
            first = START + 60 * draw(some.integers(-90, HOURS * 60))
            for place in range(draw(some.integers(1, 12))):
                time = first + place * seconds
                found[resource, source, time] = Coarse(
                    resource,
                    time,
                    seconds,
                    source,
                    draw(some.one_of(some.just(math.nan), some.integers(0, 100).map(float))),
                    float(draw(some.integers(0, 100))),
                )
    return list(found.values())


@some.composite
def fine_rows(draw: some.DrawFn) -> list[oracle.Row]:
    """Five-minute rows of the agent over a part of the time, with gaps."""
    found = []
    for resource in RESOURCES:
        first, count = draw(some.integers(0, HOURS * 12)), draw(some.integers(0, 200))
        gap = draw(some.integers(2, 40))
        for place in range(count):
            if place % gap:
                time = START + 300 * (first + place)
                found.append(oracle.Row(resource, time, 300, "agent", cpu=float(place % 90)))
    return found


def bucket_by_bucket(
    fine: list[oracle.Row], coarse: list[Coarse], held: tuple[int, int], period: tuple[int, int]
) -> list[tuple[float, float]]:
    """(CPU, memory) of each bucket of one resource that has any: the finest row's."""
    own = {row.time: row for row in fine}
    found = []
    start, end = max(held[0], period[0]), min(held[1], period[1])
    for bucket in range(-(-start // 300) * 300, end, 300):
        if bucket in own:
            found.append((own[bucket].cpu, math.nan))
            continue
        over = [c for c in coarse if c.time <= bucket < c.time + c.seconds]
        if over:
            best = min(over, key=lambda c: (c.seconds, c.source))
            found.append((best.cpu, best.mem))
    return found


def fill(w: World, fine: list[oracle.Row], coarse: list[Coarse], held: tuple[int, int]) -> None:
    w.unit("A")
    for code in RESOURCES:
        w.resource(code)
        w.holding(code, "A", _moment(held[0]), _moment(held[1]), 4, 8)
        own = [row for row in fine if row.resource == code]
        if own:
            w.rows(code, [row.time for row in own], cpu_used_pct=[row.cpu for row in own])
    for c in coarse:
        w.rows(
            c.resource, [c.time], c.seconds, "host_coarse", c.source,
            cpu_used_pct=c.cpu, mem_used_bytes=c.mem / 100 * 8 * GIB,
        )  # fmt: skip
    days = {(w.ids[row.resource], _moment(row.time).date()) for row in fine}
    list(rollup.roll_resource_days(w.runtime, "host", days))


@settings(
    max_examples=200 if os.environ.get("HEAVY_TESTS") else 10,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
)
@given(
    fine=fine_rows(),
    coarse=coarse_rows(),
    held=some.tuples(some.integers(-120, 600), some.integers(700, HOURS * 60 + 500)),
    period=some.tuples(some.integers(0, 300), some.integers(400, HOURS * 60)),
)
def test_a_coarse_row_counts_as_often_as_it_has_buckets_of_its_own(
    new_world: Callable[[], World],
    fine: list[oracle.Row],
    coarse: list[Coarse],
    held: tuple[int, int],
    period: tuple[int, int],
) -> None:
    w = new_world()
    owned = (START + 60 * held[0], START + 60 * held[1])
    asked = (START + 60 * period[0], START + 60 * period[1])
    fill(w, fine, coarse, owned)
    query = UsageQuery(_moment(asked[0]), _moment(asked[1]), "resource", "A")
    rows = {row.resource: row for row in usage_report(w.runtime, CITY, query).rows}
    for code in RESOURCES:
        wanted = bucket_by_bucket(
            [row for row in fine if row.resource == code],
            [row for row in coarse if row.resource == code],
            owned,
            asked,
        )
        if not wanted:
            assert code not in rows or rows[code].cpu_avg_pct is None
            continue
        for place, name in enumerate(("cpu", "mem")):
            values = [each[place] for each in wanted if not math.isnan(each[place])]
            row = rows[code]
            if not values:
                assert getattr(row, f"{name}_avg_pct") is None
                continue
            got = [getattr(row, f"{name}_{figure}_pct") for figure in ("avg", "p95", "max")]
            rank = math.ceil(round(0.95 * len(values), 9)) - 1
            mean = sum(values) / len(values)
            assert got == pytest.approx([mean, sorted(values)[rank], max(values)], abs=1e-3)


def test_hourly_rows_are_counted_by_their_hours_beside_a_platforms_days(w: World) -> None:
    w.unit("A")
    w.vm("r1", "A")
    w.vm("r2", "A")
    for code in ("r1", "r2"):
        w.rows(code, START + 300 * np.arange(24), cpu_used_pct=np.repeat([10, 30], 12))
    list(
        rollup.roll_resource_days(
            w.runtime, "host", {(w.ids[c], EPOCH.date()) for c in w.ids if c[0] == "r"}
        )
    )
    w.samples.command("TRUNCATE TABLE host_5m")
    # The second has the platform's day over its hours too: the finer ones speak first.
    w.rows("r2", [START], 86_400, "host_coarse", "import:a", cpu_used_pct=60)
    w.clock[0] = EPOCH + timedelta(days=500)
    query = UsageQuery(EPOCH, EPOCH + timedelta(days=1), "resource")
    first, second = usage_report(w.runtime, CITY, query).rows
    assert (first.cpu_avg_pct, first.cpu_p95_pct) == (20, 30)
    assert second.cpu_avg_pct == pytest.approx((12 * 10 + 12 * 30 + 264 * 60) / 288)
    assert (second.cpu_p95_pct, second.coverage_pct) == (60, 100)


def test_a_weighted_rank_is_the_rank_of_the_values_written_out(w: World) -> None:
    # Each count where 0.95 n is whole, and its neighbours.
    for total in (20, 21, 60, 100, 180, 288, 340, 8640, 8641, 26_780):
        counts = [total - total // 20 - 1, 1, total // 20]
        statement = (
            f"SELECT {st.weighted_percentile('v', 0.95, 'n')} AS got FROM values("
            f"'v Float32, n Int64', (1, {counts[0]}), (2, {counts[1]}), (3, {counts[2]}))"
        )
        values = sorted(np.repeat([1.0, 2.0, 3.0], counts).tolist())
        wanted = values[math.ceil(round(0.95 * total, 9)) - 1]
        assert w.samples.query(statement)["got"][0] == wanted, total


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
