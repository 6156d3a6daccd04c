"""Units beside each other, on registers of our own and figures written down here."""

from __future__ import annotations

from datetime import timedelta

import pytest
from worlds import EPOCH, World

from controller.access.scope import CITY, Scope
from controller.inventory.register_tables import Allocation
from controller.usage.comparison import ComparedRow, comparison
from controller.usage.model import UsageQuery, UsageReport, UsageRow

UNTIL = EPOCH + timedelta(days=60)
SINCE = EPOCH + timedelta(days=30)
NOW = {"A": (100.0, 10.0, 20.0), "B": (10.0, 40.0, 60.0), "C": (50.0, 10.0, 15.0),
       "D": (20.0, 5.0, 6.0), "A1": (40.0, 12.0, 30.0)}  # fmt: skip


def report(query: UsageQuery) -> UsageReport:
    """Before, everybody held half and used a tenth of it."""
    rows = [
        UsageRow(
            unit=code, unit_name=code, vcpu_allocated=cores, cpu_avg_pct=mean, cpu_p95_pct=p95,
            mem_allocated_bytes=cores, mem_avg_pct=mean, mem_p95_pct=p95,
        )
        if query.until == UNTIL
        else UsageRow(unit=code, unit_name=code, vcpu_allocated=cores / 2, cpu_avg_pct=10.0)
        for code, (cores, mean, p95) in NOW.items()
    ]  # fmt: skip
    return UsageReport(query.since, query.until, "unit", rows, UNTIL, 100.0)


@pytest.fixture
def city(w: World) -> World:
    for code in ("A", "B", "C", "D"):
        w.unit(code)
    w.unit("A1", parent="A")
    day = EPOCH + timedelta(days=1)
    with w.runtime.database.write() as session:
        for number, unit, approved, delivered, expires in (
            ("1", "A", 80.0, 64.0, None),
            ("2", "A1", 40.0, 40.0, None),
            ("3", "A", 500.0, 500.0, EPOCH + timedelta(days=10)),
        ):
            session.add(
                Allocation(
                    number=number, unit_id=w.ids[unit], approved_vcpu=approved, approved=day,
                    delivered_vcpu=delivered, delivered=day, expires=expires, updated=day,
                )
            )  # fmt: skip
    return w


def by_unit(city: World, scope: Scope) -> dict[str, ComparedRow]:
    found = comparison(city.runtime, scope, SINCE, UNTIL, "cpu", report=report)
    return {row.unit: row for row in found.rows}


def test_papers_below_count_above_and_those_that_ended_count_no_more(city: World) -> None:
    rows = by_unit(city, CITY)
    assert (rows["A"].approved, rows["A"].delivered) == (120.0, 104.0)
    assert (rows["A1"].approved, rows["A1"].delivered) == (40.0, 40.0)
    assert (rows["B"].approved, rows["B"].delivered) == (None, None)


def test_places_are_among_those_beside_a_unit_and_growth_against_the_period_before(
    city: World,
) -> None:
    rows = by_unit(city, CITY)
    assert [(rows[code].rank, rows[code].of) for code in "BACD"] == [(1, 4), (2, 4), (2, 4), (4, 4)]
    assert rows["A"].median_pct == 10
    assert (rows["A"].spare, rows["A"].used) == (80.0, 10.0)
    assert (rows["A"].allocated_growth, rows["A"].used_growth) == (50.0, 5.0)
    assert rows["A"].used_growth_pct == pytest.approx(100)


def test_a_unit_gets_its_own_rows_its_place_and_the_median_and_no_name(city: World) -> None:
    rows = by_unit(city, Scope(frozenset({city.ids["A"], city.ids["A1"]})))
    assert set(rows) == {"A", "A1"}
    assert (rows["A"].rank, rows["A"].of, rows["A"].median_pct) == (2, 4, 10)
    assert rows["A"].group == ""
    # Its only peer's figure would be told by the median of two.
    assert rows["A1"].of < 4 or rows["A1"].median_pct is not None
