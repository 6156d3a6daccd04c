"""Scope, trees, gaps and curves of the usage queries."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from sqlmodel import select
from worlds import EPOCH, GIB, START, World

from controller.access.scope import CITY, Scope
from controller.inventory.tables import UnitVersion
from controller.problems import NotFound, Problem
from controller.store import rollup
from controller.usage.model import UsageQuery
from controller.usage.queries import resource_series, unit_trend, usage_report

HOUR = timedelta(hours=1)


def roll(w: World) -> None:
    days = {EPOCH.date()}
    resources = [n for code, n in w.ids.items() if code.startswith("r")]
    list(rollup.roll_resource_days(w.runtime, "host", [(n, d) for n in resources for d in days]))


@pytest.fixture
def town(w: World) -> World:
    """A over B (r2, 8 vCPU, system s) and r1 of 2 vCPU; C with r3. All report for an hour."""
    w.unit("A")
    w.unit("B", "A")
    w.unit("C")
    system = w.system("B", "政务服务")
    w.vm("r1", "A", vcpu=2, zone_id=w.zone("Z1"), site_id=w.site("S1"))
    w.vm("r2", "B", vcpu=8, system_id=system)
    w.vm("r3", "C")
    for code, cpu in (("r1", 100), ("r2", 0), ("r3", 50)):
        w.rows(
            code, START + 300 * np.arange(12), cpu_used_pct=cpu, mem_used_bytes=2 * GIB,
            disk_used_pct=25, net_rx_bytes_s=1e6,
        )  # fmt: skip
    roll(w)
    return w


def test_a_units_row_includes_its_subtree_weighted_by_vcpu(town: World) -> None:
    report = usage_report(town.runtime, CITY, UsageQuery(EPOCH, EPOCH + HOUR))
    assert [(r.unit, r.depth, r.resources, r.cpu_avg_pct) for r in report.rows] == [
        ("A", 0, 2, 20.0),
        ("B", 1, 1, 0.0),
        ("C", 0, 1, 50.0),
    ]
    assert report.coverage_pct == 100
    a = report.rows[0]
    assert (a.vcpu_allocated, a.mem_avg_pct, a.disk_used_pct) == (10, 25, 25)
    assert (a.net_rx_avg_bytes_s, a.net_tx_avg_bytes_s) == (2e6, None)


def test_what_a_scope_does_not_hold_is_not_there(town: World) -> None:
    scope = Scope(frozenset({town.ids["B"]}))
    query = UsageQuery(EPOCH, EPOCH + HOUR)
    assert [r.unit for r in usage_report(town.runtime, scope, query).rows] == ["B"]
    for by in ("system", "resource", "zone", "site"):
        asked = UsageQuery(EPOCH, EPOCH + HOUR, by)  # type: ignore[arg-type]
        (row,) = usage_report(town.runtime, scope, asked).rows
        assert row.cpu_avg_pct == 0
    for unit in ("A", "C", "单位C", "nobody"):
        with pytest.raises(NotFound):
            usage_report(town.runtime, scope, UsageQuery(EPOCH, EPOCH + HOUR, unit=unit))
        with pytest.raises(NotFound):
            unit_trend(town.runtime, scope, unit, EPOCH, EPOCH + HOUR)
    for code in ("r1", "r3", "nobody"):
        with pytest.raises(NotFound):
            resource_series(town.runtime, scope, code, ["load1"], EPOCH, EPOCH + HOUR)
    assert usage_report(town.runtime, Scope(frozenset()), query).rows == []


def test_rows_can_be_systems_zones_and_sites_of_a_unit(town: World) -> None:
    def rows(
        by: str, unit: str | None = None, system: str | None = None
    ) -> list[tuple[object, ...]]:
        query = UsageQuery(EPOCH, EPOCH + HOUR, by, unit, system)  # type: ignore[arg-type]
        report = usage_report(town.runtime, CITY, query)
        return [(r.unit, r.system, r.zone, r.site, r.cpu_avg_pct) for r in report.rows]

    assert rows("system", "单位A") == [
        ("A", "", None, None, 100.0),
        ("B", "政务服务", None, None, 0.0),
    ]
    assert rows("zone", "A") == [("A", None, "", None, 0.0), ("A", None, "Z1", None, 100.0)]
    assert rows("site", "C") == [("C", None, None, "", 50.0)]
    assert rows("resource", None, "政务服务") == [("B", "政务服务", None, None, 0.0)]
    with pytest.raises(NotFound):
        rows("unit", None, "没有")


def test_figures_can_be_asked_for_a_few_resources_or_a_few_at_a_time(town: World) -> None:
    query = UsageQuery(EPOCH, EPOCH + HOUR, "resource", "A")
    whole = {row.resource: row for row in usage_report(town.runtime, CITY, query).rows}
    (one,) = usage_report(town.runtime, CITY, query, only=["r2", "r3", "nothing"]).rows
    assert one == whole["r2"]  # r3 is another unit's
    assert usage_report(town.runtime, CITY, query, only=[]).rows == []
    bare = usage_report(town.runtime, CITY, query, names=())
    assert [(r.resource, r.vcpu_allocated, r.cpu_avg_pct, r.coverage_pct) for r in bare.rows] == [
        ("r1", 2, None, None),
        ("r2", 8, None, None),
    ]
    some = usage_report(town.runtime, CITY, query, names=("cpu_avg",)).rows
    assert [(r.cpu_avg_pct, r.cpu_p95_pct, r.coverage_pct) for r in some] == [
        (100, None, None),
        (0, None, None),
    ]


def test_a_unit_that_moves_counts_for_each_parent_in_its_time(town: World) -> None:
    turn = EPOCH + timedelta(minutes=30)
    with town.runtime.database.write() as session:
        version = session.exec(
            select(UnitVersion).where(UnitVersion.unit_id == town.ids["B"])
        ).one()
        version.until = turn
        session.add(version)
        session.add(
            UnitVersion(unit_id=town.ids["B"], name="乙", parent_id=town.ids["C"], since=turn)
        )
    rows = {
        r.unit: r for r in usage_report(town.runtime, CITY, UsageQuery(EPOCH, EPOCH + HOUR)).rows
    }
    assert rows["A"].cpu_avg_pct == pytest.approx((6 * 20 + 6 * 100) / 12)
    assert rows["C"].cpu_avg_pct == pytest.approx((6 * 50 + 6 * 100 * 2 / 12) / 12, abs=1e-3)
    assert (rows["A"].resources, rows["C"].resources, rows["B"].unit_name) == (1, 2, "乙")


def test_a_gap_is_none_in_figures_and_curves(town: World) -> None:
    town.vm("r4", "C", vcpu=40)
    (row,) = usage_report(town.runtime, CITY, UsageQuery(EPOCH, EPOCH + HOUR, unit="C")).rows
    assert (row.cpu_avg_pct, row.coverage_pct) == (None, 50.0)
    trend = unit_trend(town.runtime, CITY, "C", EPOCH, EPOCH + HOUR, points=12)
    assert trend.cpu_used_cores == [None] * 12
    assert trend.vcpu_allocated == [44.0] * 12


def test_a_curve_keeps_means_peaks_and_gaps_at_any_number_of_points(town: World) -> None:
    values = np.zeros(12)
    values[7] = 80
    town.rows("r3", START + 7200 + 300 * np.arange(12), cpu_used_pct=values)
    roll(town)
    trend = unit_trend(town.runtime, CITY, "C", EPOCH, EPOCH + 3 * HOUR, points=3)
    assert (trend.step_s, trend.times) == (3600, [START, START + 3600, START + 7200])
    assert trend.cpu_pct == [50, None, pytest.approx(80 / 12, abs=1e-4)]
    assert trend.cpu_pct_peak == [50, None, 80]
    assert trend.cpu_used_cores_peak == [2, None, pytest.approx(3.2)]
    series = resource_series(town.runtime, CITY, "r3", ["cpu_used_pct"], EPOCH, EPOCH + 3 * HOUR, 3)
    assert series.values["cpu_used_pct"] == [50, None, pytest.approx(80 / 12, abs=1e-4)]
    assert series.peaks["cpu_used_pct"] == [50, None, 80]


def test_a_short_curve_shows_raw_rows_and_of_two_sources_the_better(town: World) -> None:
    town.clock[0] = EPOCH + timedelta(days=1)
    town.rows("r3", START + 3600 + 60 * np.arange(10), 60, source="poller", cpu_used_pct=1)
    town.rows("r3", START + 3600 + 60 * np.arange(5), 60, source="agent", cpu_used_pct=2)
    town.rows("r3", [START + 3600], 60, instance="fs:/", disk_used_pct=5)
    since = EPOCH + HOUR
    series = resource_series(
        town.runtime,
        CITY,
        "r3",
        ["cpu_used_pct", "load1"],
        since,
        since + timedelta(minutes=12),
        12,
    )
    assert (series.source, series.step_s) == ("raw", 60)
    assert series.values["cpu_used_pct"] == [2] * 5 + [1] * 5 + [None] * 2
    assert series.values["load1"] == [None] * 12
    disk = resource_series(
        town.runtime, CITY, "r3", ["disk_used_pct"], since, since + timedelta(minutes=2), 2, "fs:/"
    )
    assert disk.values["disk_used_pct"] == [5, None]


def test_what_cannot_be_asked_is_a_problem(town: World) -> None:
    with pytest.raises(Problem, match="not before"):
        usage_report(town.runtime, CITY, UsageQuery(EPOCH, EPOCH))
    with pytest.raises(Problem, match="not in the catalogue: cpu"):
        resource_series(town.runtime, CITY, "r1", ["cpu"], EPOCH, EPOCH + HOUR)


def test_periods_may_begin_and_end_anywhere(town: World) -> None:
    since, until = EPOCH + timedelta(minutes=7), EPOCH + timedelta(minutes=21)
    for by in ("unit", "resource"):
        query = UsageQuery(since, until, by, "C")  # type: ignore[arg-type]
        (row,) = usage_report(town.runtime, CITY, query).rows
        # Buckets that start in it: 00:10, 00:15, 00:20.
        assert (row.cpu_avg_pct, row.coverage_pct) == (50, 100)


def test_an_unknown_allocation_falls_back_to_what_was_measured(w: World) -> None:
    w.unit("A")
    w.resource("r1")
    w.holding("r1", "A", vcpu=None, mem_gib=None, disk_gib=None)
    w.rows(
        "r1", START + 300 * np.arange(4), cpu_used_pct=50, cpu_count=6,
        mem_used_bytes=GIB, mem_total_bytes=4 * GIB, disk_used_pct=30,
    )  # fmt: skip
    roll(w)
    query = UsageQuery(EPOCH, EPOCH + timedelta(minutes=20))
    for by in ("unit", "resource"):
        (row,) = usage_report(w.runtime, CITY, UsageQuery(query.since, query.until, by)).rows  # type: ignore[arg-type]
        assert (row.vcpu_allocated, row.cpu_avg_pct, row.mem_avg_pct) == (None, 50, 25)
    trend = unit_trend(w.runtime, CITY, "A", query.since, query.until)
    assert trend.cpu_used_cores == [3] * 4
