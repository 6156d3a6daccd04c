"""A published month stays as it was; a correction stands beside it as the next version."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from worlds import EPOCH, World

from controller.access.principal import local_principal
from controller.access.scope import CITY, Scope
from controller.inventory.holdings import correct
from controller.inventory.settle import settle
from controller.ledger import months
from controller.ledger.month import build
from controller.ledger.month_diff import difference, within
from controller.ledger.months_api import read_difference
from controller.ledger.packing import pack, unpack
from controller.ledger.tables import MonthVersion
from controller.problems import NotFound, Problem
from controller.store import rollup
from controller.usage.model import By, UsageQuery
from controller.usage.periods import read_month
from controller.usage.queries import usage_report

MARCH = read_month("2026-03", ZoneInfo("Asia/Shanghai"))
DAYS = [date(2026, 3, 30), date(2026, 3, 31), date(2026, 4, 1)]


@pytest.fixture(autouse=True)
def city(w: World) -> None:
    """Unit A with A1 below it, and B; four machines with three days of data."""
    w.unit("A")
    w.unit("A1", "A")
    w.unit("B")
    w.system("A", "业务")
    w.site("S")
    w.zone("Z")
    where = {"site_id": w.ids["site/S"], "zone_id": w.ids["zone/Z"]}
    w.vm("r1", "A", system_id=w.ids["A/业务"], **where)
    w.vm("r2", "A1", vcpu=8, **where)
    w.vm("r3", "B", vcpu=16, **where)
    w.vm("r4", "B", **where)
    start = int(datetime(2026, 3, 30, tzinfo=UTC).timestamp())
    times = start + 300 * np.arange(3 * 288)
    for number, code in enumerate(("r1", "r2", "r3", "r4")):
        w.rows(
            code,
            times,
            cpu_used_pct=10.0 * (number + 1),
            mem_total_bytes=8 * 2.0**30,
            mem_used_bytes=2.0**30 * (number + 1),
        )
    days = [(w.ids[code], day) for code in ("r1", "r2", "r3", "r4") for day in DAYS]
    list(rollup.roll_resource_days(w.runtime, "host", days))


def publish(w: World, **given: Any) -> MonthVersion:
    now = w.clock[0]
    made = months.publish(w.runtime, local_principal(now), "2026-03", now=now, **given)
    with w.runtime.database.write() as session:
        return months.keep(session, made)


def move(w: World, code: str, **changes: Any) -> None:
    """Corrects a holding from its beginning to the end of March."""
    with w.runtime.database.write() as session:
        correct(
            session, code, since=EPOCH, until=MARCH[1], changes=changes, scope=CITY,
            now=w.clock[0],
        )  # fmt: skip
    assert settle(w.runtime) == 0


def rows(w: World, by: By, version: int | None = None, scope: Scope = CITY, **which: Any) -> Any:
    query = UsageQuery(*MARCH, by, **which)
    if version is None:
        return usage_report(w.runtime, scope, query).rows
    return months.published_report(w.runtime, scope, query, "2026-03", version).rows


@pytest.mark.parametrize("by", ["unit", "system", "resource", "zone", "site"])
def test_a_version_says_what_was_computed_when_it_was_published(w: World, by: By) -> None:
    publish(w)
    assert rows(w, by)
    assert rows(w, by, 1) == rows(w, by)


@pytest.mark.parametrize("by", ["unit", "system", "resource"])
def test_published_figures_do_not_change_when_the_register_is_corrected(w: World, by: By) -> None:
    publish(w)
    before = rows(w, by, 1)
    move(w, "r1", unit_id=w.ids["B"])
    assert rows(w, by, 1) == before
    assert rows(w, by) != before
    publish(w)
    assert rows(w, by, 1) == before
    assert rows(w, by, 2) == rows(w, by)


def test_the_difference_lists_exactly_what_recomputation_says(w: World) -> None:
    publish(w)
    was = {row.unit: asdict(row) for row in rows(w, "unit")}
    move(w, "r1", unit_id=w.ids["B"])
    now = {row.unit: asdict(row) for row in rows(w, "unit")}
    found, _ = read_difference(w.runtime, CITY, "2026-03", 1, "now")
    expected = {
        unit: {
            name: [was.get(unit, {}).get(name), now.get(unit, {}).get(name)]
            for name in {**was.get(unit, {}), **now.get(unit, {})}
            if was.get(unit, {}).get(name) != now.get(unit, {}).get(name)
        }
        for unit in {*was, *now}
    }
    listed = {each.unit: each for each in found.figures if each.by == "unit"}
    assert {unit: each.fields for unit, each in listed.items()} == {
        unit: fields for unit, fields in expected.items() if fields
    }
    assert set(listed) == {"A", "B"}
    assert listed["A"].because == listed["B"].because == ["r1"]
    [change] = found.holdings
    assert (change.resource, change.since, change.until) == ("r1", EPOCH, MARCH[1])
    assert change.fields["unit"] == ["A", "B"]


def test_a_resize_in_the_middle_of_the_month_is_one_stretch(w: World) -> None:
    publish(w)
    with w.runtime.database.write() as session:
        since = MARCH[0] + timedelta(days=10)
        correct(
            session, "r3", since=since, until=None, changes={"vcpu": 32.0}, scope=CITY,
            now=w.clock[0],
        )  # fmt: skip
    assert settle(w.runtime) == 0
    found, _ = read_difference(w.runtime, CITY, "2026-03", 1, "now")
    [change] = found.holdings
    assert (change.since, change.until, change.fields) == (since, MARCH[1], {"vcpu": [16, 32]})


def test_nothing_differs_means_no_new_version(w: World) -> None:
    publish(w)
    with pytest.raises(Problem, match="version 1 of 2026-03 says the same"):
        publish(w)
    assert not read_difference(w.runtime, CITY, "2026-03", 1, "now")[0].figures


def test_a_month_is_published_below_the_score_only_with_a_reason(w: World) -> None:
    w.clock[0] += timedelta(days=30)  # nothing was measured for a month: no data, no score
    with pytest.raises(Problem, match="must reach 80, it is 0") as refused:
        publish(w)
    assert refused.value.status == 409
    assert publish(w, force="领导同意先行发布").forced == "领导同意先行发布"


def test_a_month_that_is_not_over_is_not_published(w: World) -> None:
    w.clock[0] = MARCH[1] - timedelta(hours=1)
    with pytest.raises(Problem, match="2026-03 lasts to 2026-03-31"):
        publish(w)


def test_a_month_without_any_resource_is_not_published(w: World) -> None:
    with pytest.raises(Problem, match="nothing to publish"):
        months.publish(w.runtime, local_principal(w.clock[0]), "1991-03", now=w.clock[0])


def test_a_unit_sees_its_own_subtree_of_a_version_and_no_other(w: World) -> None:
    publish(w)
    own = Scope(frozenset({w.ids["A"], w.ids["A1"]}))
    for by in ("unit", "system", "resource"):
        assert {row.unit for row in rows(w, by, 1, own)} <= {"A", "A1"}
        assert rows(w, by, 1, own) == rows(w, by, scope=own)
    below = Scope(frozenset({w.ids["A1"]}))
    assert [(row.unit, row.depth) for row in rows(w, "unit", 1, below)] == [("A1", 0)]
    for scope, unit in ((own, "B"), (own, "单位B"), (CITY, "nothing")):
        with pytest.raises(NotFound):
            rows(w, "unit", 1, scope, unit=unit)
    with pytest.raises(Problem, match="whole city"):
        rows(w, "zone", 1, own)
    assert [row.unit for row in rows(w, "unit", 1, unit="单位A1")] == ["A1"]


def test_a_difference_tells_a_unit_nothing_of_others(w: World) -> None:
    publish(w)
    move(w, "r1", unit_id=w.ids["B"])
    move(w, "r4", vcpu=32.0)
    scope = Scope(frozenset({w.ids["A"], w.ids["A1"]}))
    found, causes = read_difference(w.runtime, scope, "2026-03", 1, "now")
    assert causes == []
    assert [(each.resource, each.unit_after) for each in found.holdings] == [("r1", None)]
    assert {each.unit for each in found.figures} == {"A"}
    assert "B" not in str([asdict(each) for each in found.figures]).replace("None", "")
    assert within(found, set()).figures == []


def test_a_version_that_was_tampered_with_is_not_answered(w: World) -> None:
    kept = publish(w)
    with w.runtime.database.write() as session:
        version = session.get(MonthVersion, kept.id)
        assert version is not None
        version.document = pack(unpack(version.document) | {"month": "2026-02"})
    with pytest.raises(Problem, match="not what was published"):
        rows(w, "unit", 1)


def test_two_documents_of_one_state_differ_in_nothing(w: World) -> None:
    one, other = build(w.runtime, "2026-03"), build(w.runtime, "2026-03")
    found = difference(one, other)
    assert (found.figures, found.holdings, found.units) == ([], [], [])
    assert pack(one) == pack(other)
