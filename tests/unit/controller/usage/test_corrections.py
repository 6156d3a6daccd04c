"""Corrections backwards: whatever their order, usage ends as plain Python computes it."""

from __future__ import annotations

import io
import random
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import oracle
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as some
from python_calamine import CalamineWorkbook
from worlds import EPOCH, GIB, START, World

from controller.access.scope import CITY, Scope
from controller.inventory.corrections import correct_many
from controller.inventory.holdings import correct
from controller.inventory.shares import set_share
from controller.inventory.unit_changes import merge
from controller.inventory.unit_draft import Paper, Part
from controller.store import owners, rollup
from controller.store.dirty import pending_owners
from controller.usage.apportion import apportioned
from controller.usage.model import UsageQuery
from controller.usage.queries import usage_report
from controller.usage.xlsx import to_xlsx

HOURS = 30
"""Across a midnight of UTC."""
END = START + HOURS * 3600
UNITS = ("A", "B", "C")
RESOURCES = ("r1", "r2", "r3")
SUBTREES = {"A": {"A", "B"}, "B": {"B"}, "C": {"C"}}

Step = tuple[str, int, int, dict[str, object]]
"""(resource, since, until in minutes, what was the case in truth)"""


@some.composite
def truths(draw: some.DrawFn) -> list[Step]:
    """Corrections that do not contradict each other: each speaks of a time of its own."""
    steps: list[Step] = []
    for resource in RESOURCES:
        cuts = sorted(draw(some.lists(some.integers(0, HOURS * 60), max_size=6, unique=True)))
        for first, last in zip(cuts[::2], cuts[1::2], strict=False):
            change: dict[str, object] = {}
            if draw(some.booleans()):
                change["unit"] = draw(some.sampled_from(UNITS))
            if draw(some.booleans()) or not change:
                change["vcpu"] = draw(some.sampled_from((1.0, 2.0, 8.0)))
            if draw(some.booleans()):
                change["system"] = draw(some.sampled_from(("门户", "")))
            steps.append((resource, first, last, change))
    return steps


def at(minute: int) -> datetime:
    return EPOCH + timedelta(minutes=minute)


def fill(w: World) -> list[oracle.Row]:
    """Three resources of unit A with their own load in every bucket but a few."""
    w.unit("A")
    w.unit("B", "A")
    w.unit("C")
    data: list[oracle.Row] = []
    for place, code in enumerate(RESOURCES):
        w.vm(code, "A")
        times = START + 300 * np.arange(HOURS * 12)
        times = times[(np.arange(len(times)) + place) % 37 != 0]
        cpu = 10.0 + 7 * place + (times // 300) % 11
        mem = (1.0 + place) * GIB + 0 * cpu
        w.rows(code, times, cpu_used_pct=cpu, mem_used_bytes=mem)
        data += [
            oracle.Row(code, int(t), 300, "agent", float(c), mem=float(m))
            for t, c, m in zip(times, cpu, mem, strict=True)
        ]
    days = {(w.ids[code], (EPOCH + timedelta(days=day)).date()) for code in RESOURCES
            for day in (0, 1)}  # fmt: skip
    list(rollup.roll_resource_days(w.runtime, "host", days))
    return data


def put_right(w: World, step: Step) -> None:
    resource, first, last, change = step
    changes = {key: value for key, value in change.items() if key != "unit"}
    if "unit" in change:
        changes["unit_id"] = w.ids[str(change["unit"])]
    with w.runtime.database.write() as session:
        correct(
            session, resource, since=at(first), until=at(last), changes=changes, scope=CITY,
            now=w.clock[0],
        )  # fmt: skip


def truth(steps: list[Step]) -> list[oracle.Held]:
    """Who held what after all of them, minute by minute."""
    held = []
    for resource in RESOURCES:
        line: list[tuple[str, float]] = [("A", 4.0)] * (HOURS * 60 + 1)
        for name, first, last, change in steps:
            if name == resource:
                for minute in range(first, last):
                    unit, vcpu = line[minute]
                    line[minute] = (str(change.get("unit", unit)), float(change.get("vcpu", vcpu)))  # type: ignore[arg-type]
        start = 0
        for minute in range(1, len(line) + 1):
            if minute == len(line) or line[minute] != line[start]:
                until = 1 << 40 if minute == len(line) else START + 60 * minute
                unit, vcpu = line[start]
                held.append(oracle.Held(resource, unit, START + 60 * start, until, vcpu, 8 * GIB))
                start = minute
    return held


def sums(w: World) -> list[tuple[float, ...]]:
    """Every sum by owner that is not nothing. Sites and zones are none here."""
    got = w.samples.query(
        "SELECT unit, system, toInt64(toUnixTimestamp(time)) AS t, n, vcpu_present, "
        "cpu_used_cores, mem_used_bytes "
        "FROM group_5m FINAL WHERE n > 0 ORDER BY unit, system, t"
    )
    return list(zip(*(np.asarray(values).tolist() for values in got.values()), strict=True))


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
)
@given(steps=truths(), shuffle=some.randoms(use_true_random=False), rolls=some.integers(0, 3))
def test_any_order_of_corrections_ends_in_the_usage_that_plain_python_computes(
    new_world: Callable[[], World], steps: list[Step], shuffle: random.Random, rolls: int
) -> None:
    w = new_world()
    data = fill(w)
    order = list(steps)
    shuffle.shuffle(order)
    for place, step in enumerate(order):
        put_right(w, step)
        if place % 4 < rolls:  # sometimes the sums follow at once, sometimes later
            owners.roll_owners(w.runtime, oldest_first=bool(place % 2))
    while owners.roll_owners(w.runtime):
        pass
    rollup.sync_holdings(w.runtime)
    held = truth(steps)
    report = usage_report(w.runtime, CITY, UsageQuery(EPOCH, at(HOURS * 60), "unit"))
    units = {row.unit: row for row in report.rows}
    for code, subtree in SUBTREES.items():
        wanted = oracle.unit_figures(data, held, subtree, START, END)
        if code not in units:
            assert wanted["coverage_pct"] is None
            continue
        for name in ("cpu_avg_pct", "cpu_p95_pct", "cpu_max_pct", "mem_avg_pct", "coverage_pct"):
            found = getattr(units[code], name)
            if wanted[name] is None:
                assert found is None, (code, name)
            else:
                assert found == pytest.approx(wanted[name], rel=2e-6, abs=6e-3), (code, name)
    # What was made again for single owners is what making everything again gives.
    narrow = sums(w)
    days = {(w.ids[code], (EPOCH + timedelta(days=day)).date()) for code in RESOURCES
            for day in (0, 1)}  # fmt: skip
    list(rollup.roll_resource_days(w.runtime, "host", days))
    assert np.allclose(np.array(sums(w)), np.array(narrow), rtol=1e-6)


def test_corrections_taken_back_leave_the_sums_as_they_were(w: World) -> None:
    fill(w)
    before = sums(w)
    put_right(w, ("r1", 60, 1000, {"unit": "C", "system": "门户", "vcpu": 8.0}))
    while owners.roll_owners(w.runtime):
        pass
    assert sums(w) != before
    put_right(w, ("r1", 60, 1000, {"unit": "A", "system": "", "vcpu": 4.0}))
    while owners.roll_owners(w.runtime):
        pass
    assert np.allclose(np.array(sums(w)), np.array(before), rtol=1e-6)
    with w.runtime.database.read() as session:
        assert pending_owners(session) == 0


def test_all_that_a_unit_was_said_to_hold_is_anothers_in_one_go(w: World) -> None:
    data = fill(w)
    put_right(w, ("r3", 0, HOURS * 60, {"unit": "C"}))
    with w.runtime.database.write() as session:
        done = correct_many(
            session, [], of_unit=w.ids["A"], since=at(600), until=None,
            changes={"unit_id": w.ids["B"]}, scope=CITY, now=w.clock[0],
        )  # fmt: skip
    # r3 goes back to A after the thirty hours, and from then on to B.
    assert done.resources == 3
    while owners.roll_owners(w.runtime):
        pass
    rollup.sync_holdings(w.runtime)
    steps: list[Step] = [("r3", 0, HOURS * 60, {"unit": "C"})]
    steps += [(code, 600, HOURS * 60, {"unit": "B"}) for code in ("r1", "r2")]
    held = truth(steps)
    report = usage_report(w.runtime, CITY, UsageQuery(EPOCH, at(HOURS * 60), "unit"))
    for row in report.rows:
        wanted = oracle.unit_figures(data, held, SUBTREES[row.unit or ""], START, END)
        assert row.cpu_avg_pct == pytest.approx(wanted["cpu_avg_pct"], rel=2e-6, abs=6e-4)


def test_a_correction_of_thirteen_months_is_one_statement_of_each_kind(w: World) -> None:
    w.unit("A")
    w.unit("B")
    w.clock[0] = EPOCH + timedelta(days=395, hours=1)
    for number in range(3):
        w.vm(f"v{number}", "A")
    w.rows("v0", START + 300 * np.arange(395 * 288), cpu_used_pct=10.0)
    days = {(w.ids["v0"], (EPOCH + timedelta(days=day)).date()) for day in range(395)}
    list(rollup.roll_resource_days(w.runtime, "host", days))
    began = time.monotonic()
    with w.runtime.database.write() as session:
        assert (
            correct(
                session, "v0", since=None, until=None, changes={"unit_id": w.ids["B"]},
                scope=CITY, now=w.clock[0],
            )
            >= 395
        )  # fmt: skip
    while owners.roll_owners(w.runtime):
        pass
    assert time.monotonic() - began < 30, "measured alone it takes under 2 s: bench corrections"
    got = w.samples.query("SELECT unit, sum(n) AS n FROM unit_5m FINAL GROUP BY unit ORDER BY unit")
    counted = dict(zip(got["unit"].tolist(), got["n"].tolist(), strict=True))
    assert counted[w.ids["A"]] == 0
    assert counted[w.ids["B"]] == 395 * 288


def test_a_report_over_a_merge_is_right_on_both_sides(w: World) -> None:
    data = fill(w)
    with w.runtime.database.write() as session:
        merge(session, ["A"], Part("D", "合并后的单位"), at(14 * 60), Paper("ops", w.clock[0]))
    w.ids["D"] = max(w.ids.values()) + 1
    while owners.roll_owners(w.runtime):
        pass
    rollup.sync_holdings(w.runtime)
    turn = START + 14 * 3600
    held = [
        oracle.Held(code, unit, since, until, 4.0, 8 * GIB)
        for code in RESOURCES
        for unit, since, until in (("A", START, turn), ("D", turn, 1 << 40))
    ]
    names = ("cpu_avg_pct", "cpu_p95_pct", "cpu_max_pct", "mem_avg_pct", "coverage_pct")
    for first, last in ((0, HOURS * 60), (0, 14 * 60), (14 * 60, HOURS * 60), (700, 1000)):
        query = UsageQuery(at(first), at(last), "unit")
        rows = {row.unit: row for row in usage_report(w.runtime, CITY, query).rows}
        for code in ("A", "D"):
            wanted = oracle.unit_figures(data, held, {code}, START + 60 * first, START + 60 * last)
            if wanted["coverage_pct"] is None:
                assert code not in rows or rows[code].cpu_avg_pct is None
                continue
            for name in names:
                assert getattr(rows[code], name) == pytest.approx(
                    wanted[name], rel=2e-6, abs=6e-3
                ), (first, last, code, name)


def test_shared_resources_are_apportioned_and_public_support_weighs_on_nobody(w: World) -> None:
    fill(w)
    with w.runtime.database.write() as session:
        set_share(
            session, "r1", since=EPOCH, until=None, mode="apportioned",
            parts={w.ids["A"]: 25.0, w.ids["C"]: 75.0},
        )  # fmt: skip
        set_share(session, "r2", since=EPOCH, until=None, mode="public", parts={})
    put_right(w, ("r3", 0, HOURS * 60 + 1, {"unit": "C"}))
    while owners.roll_owners(w.runtime):
        pass
    rollup.sync_holdings(w.runtime)
    query = UsageQuery(EPOCH, at(HOURS * 60), "resource")
    use = {
        row.resource: 4 * (row.cpu_avg_pct or 0) / 100
        for row in usage_report(w.runtime, CITY, query).rows
    }
    rows = {row.unit: row for row in apportioned(w.runtime, CITY, EPOCH, at(HOURS * 60))}
    assert rows["A"].vcpu_own == 8
    assert rows["A"].vcpu_apportioned == pytest.approx(1)
    assert rows["C"].vcpu_apportioned == pytest.approx(4 + 3)
    # A unit's mean leaves out moments at which too little reported: the sums differ a little.
    assert rows["C"].cores_apportioned == pytest.approx(use["r3"] + 0.75 * use["r1"], rel=0.05)
    assert (rows["A"].shared_out, rows["A"].shared_in, rows["C"].shared_in) == (2, 1, 1)
    own = Scope(frozenset({w.ids["C"]}))
    assert [row.unit for row in apportioned(w.runtime, own, EPOCH, at(HOURS * 60))] == ["C"]


def test_public_support_counts_in_a_units_figures_and_in_no_ranking(w: World) -> None:
    fill(w)
    put_right(w, ("r3", 0, HOURS * 60 + 1, {"unit": "B"}))
    with w.runtime.database.write() as session:
        set_share(session, "r2", since=EPOCH, until=None, mode="public", parts={})
    while owners.roll_owners(w.runtime):
        pass
    rollup.sync_holdings(w.runtime)
    query = UsageQuery(EPOCH, at(HOURS * 60), "unit")
    rows = {row.unit: row for row in usage_report(w.runtime, CITY, query).rows}
    alone = {
        row.resource: row
        for row in usage_report(w.runtime, CITY, UsageQuery(EPOCH, at(HOURS * 60), "resource")).rows
    }
    # A holds r1 and r2, and r3 by B below it; without r2 the mean of r1 and r3, of equal size.
    wanted = ((alone["r1"].cpu_avg_pct or 0) + (alone["r3"].cpu_avg_pct or 0)) / 2
    assert rows["A"].public_support == 1
    assert rows["A"].ranked_cpu_pct == pytest.approx(wanted, rel=0.02)
    assert rows["A"].cpu_for_ranking != rows["A"].cpu_avg_pct
    assert (rows["B"].public_support, rows["B"].cpu_for_ranking) == (0, rows["B"].cpu_avg_pct)
    assert {code: row.public_support for code, row in alone.items()} == {"r1": 0, "r2": 1, "r3": 0}
    assert "public_support" not in rows["B"].public()
    assert rows["A"].public()["public_support"] == 1
    # Nothing but public support: no place in a ranking.
    with w.runtime.database.write() as session:
        set_share(session, "r3", since=EPOCH, until=None, mode="public", parts={})
    rows = {row.unit: row for row in usage_report(w.runtime, CITY, query).rows}
    assert (rows["B"].public_support, rows["B"].cpu_for_ranking) == (1, None)
    assert rows["B"].cpu_avg_pct is not None
    # A scope sees its own, whoever else has public support.
    own = Scope(frozenset({w.ids["B"]}))
    assert [row.public_support for row in usage_report(w.runtime, own, query).rows] == [1]
    report = usage_report(w.runtime, CITY, query)
    book = CalamineWorkbook.from_filelike(io.BytesIO(to_xlsx(report, ZoneInfo("Asia/Shanghai"))))
    heads = book.get_sheet_by_name("使用情况").to_python()[3]
    assert heads[-3:] == [
        "公共支撑资源(个,不参与排名)", "排名用 CPU 平均(%)", "排名用内存平均(%)",
    ]  # fmt: skip
    notes = book.get_sheet_by_name("统计说明").to_python()
    assert any("公共支撑" in str(line[0]) and "不参与排名" in str(line[0]) for line in notes)
