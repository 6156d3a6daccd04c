"""Rollups on the real engine: replays, order, late rows, expiry, sources, corrections."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as some
from sqlmodel import select
from worlds import EPOCH, START, World

from collectors.catalog import TABLES
from controller.access.scope import CITY
from controller.inventory.tables import Holding
from controller.store import dirty, rollup, rollup_sql
from controller.store.tables import DirtyDay, LateRows, Watermark
from controller.usage.model import UsageQuery
from controller.usage.queries import usage_report

DAY = EPOCH.date()


def five(w: World) -> list[tuple[Any, ...]]:
    """Everything that five-minute and hourly rows, sums and a report say."""
    answer = []
    for sql in (
        "SELECT resource, instance, toUnixTimestamp(time) AS t, seconds, cpu_used_pct, cpu_max_pct,"
        " mem_total_bytes FROM host_5m FINAL ORDER BY resource, instance, t",
        "SELECT resource, instance, toUnixTimestamp(time) AS t, seconds, cpu_used_pct, cpu_max_pct,"
        " mem_total_bytes FROM host_1h FINAL ORDER BY resource, instance, t",
        "SELECT unit, toUnixTimestamp(time) AS t, n, cpu_used_cores, vcpu_known FROM group_5m FINAL"
        " WHERE n > 0 ORDER BY unit, t",
    ):
        columns = w.samples.query(sql)
        answer += [
            tuple(None if x != x else round(x, 3) if isinstance(x, float) else x for x in line)
            for line in zip(*(c.tolist() for c in columns.values()), strict=True)
        ]
    return answer


def roll(w: World, *codes: str, day: date = DAY) -> None:
    list(rollup.roll_resource_days(w.runtime, "host", [(w.ids[code], day) for code in codes]))


batches = some.lists(
    some.tuples(
        some.sampled_from(("r1", "r2")),
        some.sampled_from(("agent", "poller", "import:x")),
        some.sampled_from(("", "fs:/")),
        some.integers(0, 20),
        some.integers(1, 6),
        some.integers(1, 100),
    ),
    min_size=1,
    max_size=5,
)


@settings(
    max_examples=60 if os.environ.get("HEAVY_TESTS") else 4,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
)
@given(sent=batches, seed=some.integers(0, 1 << 30))
def test_any_order_and_any_replay_of_batches_ends_in_the_same_rows(
    new_world: Callable[[], World], sent: list[tuple[Any, ...]], seed: int
) -> None:
    def store(w: World, version: int) -> None:
        code, source, instance, first, count, value = sent[version]
        times = START + 60 * np.arange(first, first + count)
        w.rows(
            code, times, 60, source=source, instance=instance, version=version + 1,
            cpu_used_pct=value + np.arange(count), cpu_max_pct=value, mem_total_bytes=value,
        )  # fmt: skip

    def ends(order: list[int], roll_after: set[int]) -> list[tuple[Any, ...]]:
        w = new_world()
        w.unit("A")
        w.vm("r1", "A")
        w.vm("r2", "A")
        for place, version in enumerate(order):
            store(w, version)
            if place in roll_after:
                roll(w, "r1", "r2")
        roll(w, "r1", "r2")
        return five(w)

    rnd = random.Random(seed)
    straight = list(range(len(sent)))
    mixed = straight + rnd.choices(straight, k=2)
    rnd.shuffle(mixed)
    assert ends(mixed, {0, 2}) == ends(straight, set())


def test_one_source_speaks_for_a_bucket_and_instances_stay_apart(w: World) -> None:
    w.unit("A")
    w.vm("r1", "A")
    w.rows("r1", [START, START + 300], source="agent", cpu_used_pct=10)
    w.rows("r1", [START, START + 300, START + 600], source="poller", cpu_used_pct=20)
    w.rows("r1", START + 300 * np.arange(5), source="import:a", cpu_used_pct=30, version=7)
    w.rows("r1", [START + 1200], source="import:b", cpu_used_pct=40, version=9)
    w.rows("r1", [START], instance="fs:/", disk_used_pct=77)
    roll(w, "r1")
    got = w.samples.query(
        "SELECT cpu_used_pct FROM host_5m FINAL WHERE instance = '' ORDER BY time"
    )
    assert got["cpu_used_pct"].tolist() == [10, 10, 20, 30, 40]
    got = w.samples.query("SELECT disk_used_pct FROM host_5m FINAL WHERE instance = 'fs:/'")
    assert got["disk_used_pct"].tolist() == [77]


def test_a_row_of_ten_seconds_weighs_a_sixth_of_one_of_a_minute(w: World) -> None:
    w.unit("A")
    w.vm("r1", "A")
    w.rows("r1", [START], 60, cpu_used_pct=70, cpu_max_pct=70)
    w.rows("r1", [START + 60], 10, cpu_used_pct=0, cpu_max_pct=95, mem_total_bytes=5)
    roll(w, "r1")
    for table in ("host_5m", "host_1h"):
        got = w.samples.query(
            f"SELECT cpu_used_pct, cpu_max_pct, mem_total_bytes, seconds, load1 FROM {table} FINAL"
        )
        assert got["cpu_used_pct"][0] == pytest.approx(60)
        assert (got["cpu_max_pct"][0], got["mem_total_bytes"][0], got["seconds"][0]) == (95, 5, 70)
        assert np.isnan(got["load1"][0])


def test_live_buckets_are_rolled_as_they_close_and_a_standstill_is_caught_up(w: World) -> None:
    w.unit("A")
    w.vm("r1", "A")
    w.clock[0] = EPOCH + timedelta(seconds=419)
    with w.runtime.database.write() as session:
        session.add_all(Watermark(name=f"live:{table.name}", at=EPOCH) for table in TABLES)
    w.rows("r1", START + 60 * np.arange(7), 60, cpu_used_pct=10)
    assert rollup.roll_live(w.runtime) == 0
    w.clock[0] = EPOCH + timedelta(seconds=420)
    assert rollup.roll_live(w.runtime) == len(TABLES)
    assert w.samples.query("SELECT count() AS n FROM host_5m")["n"][0] == 1
    w.rows("r1", START + 60 * np.arange(7, 200), 60, cpu_used_pct=10)
    w.clock[0] = EPOCH + timedelta(hours=3, seconds=130)
    assert rollup.roll_live(w.runtime) == 35 * len(TABLES)
    assert w.samples.query("SELECT count() AS n FROM host_5m FINAL")["n"][0] == 36
    got = w.samples.query("SELECT seconds FROM host_1h FINAL ORDER BY time")
    assert got["seconds"].tolist() == [3600, 3600, 3600]
    live = five(w)
    w.clock[0] = EPOCH + timedelta(days=2)
    roll(w, "r1")
    assert [line for line in five(w) if line in live] == live


def test_a_late_row_changes_the_figures_once_its_day_is_computed_again(w: World) -> None:
    w.unit("A")
    w.vm("r1", "A")
    w.rows("r1", [START], 60, cpu_used_pct=10)
    roll(w, "r1")
    with w.runtime.database.write() as session:
        dirty.mark_dirty(session, "host", [(w.ids["r1"], DAY)], w.clock[0])
    w.rows("r1", [START + 60], 60, cpu_used_pct=20, version=2)
    assert rollup.roll_dirty(w.runtime) == 0, "its insert may still be on the way"
    w.clock[0] += dirty.SETTLED
    assert rollup.roll_dirty(w.runtime) == 1
    assert w.samples.query("SELECT cpu_used_pct AS c FROM host_5m FINAL")["c"].tolist() == [15]
    assert rollup.pending(w.runtime)[0].dirty_days == 0


def test_a_mark_renewed_during_its_computation_stays(w: World) -> None:
    w.resource("r1")
    pair = [(w.ids["r1"], DAY)]
    with w.runtime.database.write() as session:
        dirty.mark_dirty(session, "host", pair, w.clock[0])
    with w.runtime.database.read() as session:
        taken = dirty.take(session, "host", w.clock[0] + dirty.SETTLED)
    with w.runtime.database.write() as session:
        dirty.mark_dirty(session, "host", pair, w.clock[0])
    with w.runtime.database.write() as session:
        dirty.clear(session, "host", taken)
    with w.runtime.database.read() as session:
        assert len(session.exec(select(DirtyDay)).all()) == 1


def test_a_bucket_whose_raw_rows_may_have_expired_is_left_alone_and_late_rows_are_counted(
    w: World,
) -> None:
    w.unit("A")
    w.vm("r1", "A")
    w.clock[0] = EPOCH + timedelta(days=1)
    w.rows("r1", [START, START + 60], 60, cpu_used_pct=50)
    roll(w, "r1")
    # A month later the raw rows are gone, and a replay brings one of them and a new bucket.
    w.samples.command("TRUNCATE TABLE host")
    w.clock[0] = EPOCH + timedelta(days=32)
    w.rows("r1", [START + 60, START + 300], 60, cpu_used_pct=1, version=5)
    for _ in range(2):
        roll(w, "r1")
        got = w.samples.query("SELECT cpu_used_pct AS c FROM host_5m FINAL ORDER BY time")
        assert got["c"].tolist() == [50, 1]
        with w.runtime.database.read() as session:
            assert [late.rows for late in session.exec(select(LateRows))] == [1]
    assert rollup.pending(w.runtime)[0].late_rows == 1


def test_a_correction_backwards_moves_the_figures_and_leaves_zeros_behind(w: World) -> None:
    w.unit("A")
    w.unit("B")
    w.vm("r1", "A")
    w.rows("r1", START + 300 * np.arange(12), cpu_used_pct=10)
    roll(w, "r1")
    raw = w.samples.query("SELECT sum(cityHash64(*)) AS h FROM host")["h"][0]
    with w.runtime.database.write() as session:
        held = session.exec(select(Holding)).one()
        held.unit_id = w.ids["B"]
        session.add(held)
        dirty.mark_dirty(session, "host", [(w.ids["r1"], DAY)], w.clock[0])
    w.clock[0] += dirty.SETTLED
    assert rollup.roll_dirty(w.runtime) == 1
    got = w.samples.query(
        "SELECT unit, sum(n) AS n FROM group_5m FINAL GROUP BY unit ORDER BY unit"
    )
    assert dict(zip(got["unit"].tolist(), got["n"].tolist(), strict=True)) == {
        w.ids["A"]: 0,
        w.ids["B"]: 12,
    }
    assert w.samples.query("SELECT sum(cityHash64(*)) AS h FROM host")["h"][0] == raw
    rollup.sync_holdings(w.runtime)
    query = UsageQuery(EPOCH, EPOCH + timedelta(hours=1))
    assert [row.unit for row in usage_report(w.runtime, CITY, query).rows] == ["B"]


def test_a_rollup_with_the_clock_set_back_still_counts(w: World) -> None:
    w.unit("A")
    w.vm("r1", "A")
    w.rows("r1", [START], cpu_used_pct=10)
    roll(w, "r1")
    w.rows("r1", [START], cpu_used_pct=30, version=2)
    w.clock[0] -= timedelta(days=5)
    roll(w, "r1")
    assert w.samples.query("SELECT cpu_used_pct AS c FROM host_5m FINAL")["c"].tolist() == [30]
    got = w.samples.query("SELECT cpu_used_cores AS c FROM group_5m FINAL")
    assert got["c"][0] == pytest.approx(1.2)


def test_coarse_rows_stand_in_only_where_nothing_finer_is(w: World) -> None:
    w.unit("A")
    w.vm("r1", "A")
    w.rows("r1", START + 300 * np.arange(12), cpu_used_pct=10)
    w.rows(
        "r1", [START], 86_400, table="host_coarse", source="import:p",
        cpu_used_pct=40, cpu_max_pct=90,
    )  # fmt: skip
    roll(w, "r1")
    for by in ("unit", "resource"):
        query = UsageQuery(EPOCH, EPOCH + timedelta(days=1), by)  # type: ignore[arg-type]
        (row,) = usage_report(w.runtime, CITY, query).rows
        assert row.cpu_avg_pct == pytest.approx((12 * 10 + 276 * 40) / 288, abs=1e-3)
        assert row.cpu_max_pct == (40 if by == "unit" else 90)
        assert (row.cpu_p95_pct, row.coverage_pct) == (40, 100)


def test_hourly_rows_answer_where_five_minute_rows_are_gone(w: World) -> None:
    w.unit("A")
    w.vm("r1", "A")
    w.rows("r1", START + 300 * np.arange(24), cpu_used_pct=np.repeat([10, 30], 12), cpu_max_pct=50)
    roll(w, "r1")
    w.samples.command("TRUNCATE TABLE host_5m")
    w.clock[0] = EPOCH + timedelta(days=500)
    query = UsageQuery(EPOCH, EPOCH + timedelta(hours=2), "resource")
    (row,) = usage_report(w.runtime, CITY, query).rows
    assert (row.cpu_avg_pct, row.cpu_p95_pct, row.cpu_max_pct) == (20, 30, 50)
    (row,) = usage_report(w.runtime, CITY, UsageQuery(query.since, query.until)).rows
    assert (row.cpu_avg_pct, row.coverage_pct) == (20, 100)


@given(
    some.sets(some.tuples(some.integers(1, 30), some.integers(0, 40)), max_size=200),
    some.integers(1, 300),
)
@settings(max_examples=50, deadline=None)
def test_blocks_cover_every_resource_day_within_their_size(
    wanted: set[tuple[int, int]], size: int
) -> None:
    pairs = {(resource, DAY + timedelta(days=day)) for resource, day in wanted}
    covered = set()
    count = 0
    for block in rollup.pack(pairs, size):
        days = (block.last - block.first).days + 1
        assert days * len(block.resources) <= size
        count += block.wanted
        for resource in block.resources:
            covered |= {(resource, block.first + timedelta(days=d)) for d in range(days)}
    assert pairs <= covered
    assert count == len(pairs)


def test_what_lies_ahead_waits_for_its_time(w: World) -> None:
    w.unit("A")
    w.vm("r1", "A")
    ahead = int(w.clock[0].timestamp()) + 600
    w.rows("r1", [ahead], cpu_used_pct=10)
    roll(w, "r1", day=datetime.fromtimestamp(ahead, UTC).date())
    assert w.samples.query("SELECT count() AS n FROM host_5m")["n"][0] == 0


def test_sums_over_coarse_rows_are_computed_a_day_a_statement(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A coarse row is spread over its buckets: a week of 10,000 daily rows in one statement went
    # beyond the engine's memory, and every further try with it.
    w.unit("A")
    w.vm("r1", "A")
    days = [START + number * 86_400 for number in range(5)]
    w.rows("r1", days, 86_400, table="host_coarse", source="import:p", cpu_used_pct=50)
    lengths = []

    def groups(table: Any, piece: Any, **options: Any) -> str:
        lengths.append(piece.end - piece.start)
        return real(table, piece, **options)

    real = rollup_sql.groups
    monkeypatch.setattr(rollup_sql, "groups", groups)
    marked = [(w.ids["r1"], DAY + timedelta(days=number)) for number in range(6)]
    list(rollup.roll_resource_days(w.runtime, "host", marked))
    assert len(lengths) == 6
    assert max(lengths) <= 86_400
    rolled = w.samples.query("SELECT count() AS lines, sum(n) AS r FROM group_5m FINAL WHERE n > 0")
    assert [int(rolled["lines"][0]), int(rolled["r"][0])] == [5 * 288, 5 * 288]
