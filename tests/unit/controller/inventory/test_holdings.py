"""Corrections in the database, against a model that remembers each day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select
from sqlmodel import col

from controller.access.scope import CITY, Scope
from controller.inventory.holdings import correct, correct_holding, read_holdings
from controller.inventory.tables import BusinessSystem, Holding
from controller.inventory.timeline import at
from controller.problems import NotFound, Problem
from controller.schema import metadata
from controller.store.dirty import mark_dirty
from controller.store.relational import Database, connect
from controller.store.tables import DirtyDay, DirtyOwner

from .sheets import NOW, UNITS, load_resources, load_units, owners

OPENING = datetime(2026, 10, 1, tzinfo=UTC)
DAYS = 60
UNIT_IDS = {"jtj": 1, "glzx": 2, "wjw": 3}


def day(number: int) -> datetime:
    return OPENING + timedelta(days=number)


def fill(database: Database) -> None:
    load_units(database, UNITS)
    load_resources(
        database,
        "code,name,unit,system,vcpu,created\n"
        "v1,一,jtj,门户,4,2026-10-01T00:00:00Z\nv2,二,wjw,,2,2026-10-01T00:00:00Z\n",
    )
    with database.write() as session:
        mark_dirty(session, "host", [(1, date(2026, 9, 1))], NOW)
        session.execute(delete(DirtyDay))


@pytest.fixture
def registered(database: Database) -> Database:
    fill(database)
    return database


def put_right(database: Database, first: int, end: int | None, **changes: Any) -> int:
    return correct_holding(
        database,
        "v1",
        since=day(first),
        until=None if end is None else day(end),
        changes=changes,
        scope=CITY,
        now=NOW,
    )


def test_a_correction_splits_the_holding_and_marks_its_days_only(registered: Database) -> None:
    assert put_right(registered, 10, 20, unit_id=3, vcpu=8.0) == 10
    assert owners(registered, "v1") == [
        ("2026-10-01", "2026-10-11", "jtj", 4),
        ("2026-10-11", "2026-10-21", "wjw", 8),
        ("2026-10-21", None, "jtj", 4),
    ]
    with registered.read() as session:
        marks = session.execute(select(col(DirtyOwner.unit_id), col(DirtyOwner.day))).all()
    # Both the unit that loses and the one that gains it have their sums made again.
    assert sorted(marks) == [
        (unit, date(2026, 10, number)) for unit in (1, 3) for number in range(11, 21)
    ]


def test_a_correction_taken_back_leaves_the_holding_as_it_was(registered: Database) -> None:
    put_right(registered, 10, 20, unit_id=3)
    put_right(registered, 10, 20, unit_id=1)
    assert owners(registered, "v1") == [("2026-10-01", None, "jtj", 4)]


def test_a_correction_that_says_nothing_new_marks_nothing(registered: Database) -> None:
    assert put_right(registered, 10, 20, vcpu=4.0) == 0
    assert put_right(registered, 10, 20, bandwidth_bit_s=5e6) == 0  # no report counts it


def test_the_future_is_changed_and_not_marked(registered: Database) -> None:
    assert put_right(registered, 70, None, vcpu=16.0) == 0
    assert owners(registered, "v1")[-1] == ("2026-12-10", None, "jtj", 16)


def test_a_new_owner_takes_the_system_along_whatever_comes_first(registered: Database) -> None:
    put_right(registered, 0, None, unit_id=3)
    put_right(registered, 0, None, system="预约")
    with registered.read() as session:
        rows = session.execute(
            select(BusinessSystem).join(Holding, col(Holding.system_id) == col(BusinessSystem.id))
        ).scalars()
        assert [(system.unit_id, system.name) for system in rows] == [(3, "预约")]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"since": day(-1), "changes": {"vcpu": 1.0}}, "before its opening"),
        ({"until": day(-1), "changes": {"vcpu": 1.0}}, "before its opening"),
        ({"since": day(5), "until": day(5), "changes": {"vcpu": 1.0}}, "empty interval"),
        ({"changes": {}}, "nothing to correct"),
        ({"changes": {"colour": "red"}}, "nothing to correct"),
        ({"changes": {"unit_id": 99}}, "not found"),
    ],
)
def test_a_correction_that_cannot_be_is_refused(
    registered: Database, arguments: dict[str, Any], reason: str
) -> None:
    given = {"since": None, "until": None, "scope": CITY, "now": NOW} | arguments
    with pytest.raises(Problem) as caught:
        correct_holding(registered, "v1", **given)
    assert caught.value.title == reason
    assert owners(registered, "v1") == [("2026-10-01", None, "jtj", 4)]


def test_another_unit_s_resource_is_not_there_to_be_corrected(registered: Database) -> None:
    for code in ("v2", "no such"):
        with pytest.raises(NotFound):
            correct_holding(
                registered,
                code,
                since=None,
                until=None,
                changes={"vcpu": 1.0},
                scope=Scope(frozenset({1, 2})),
                now=NOW,
            )


steps = st.lists(
    st.tuples(
        st.integers(0, DAYS - 1),
        st.one_of(st.none(), st.integers(1, 20)),
        st.one_of(
            st.builds(lambda unit: {"unit_id": unit}, st.sampled_from(sorted(UNIT_IDS.values()))),
            st.builds(lambda size: {"vcpu": size}, st.sampled_from([2.0, 4.0, 8.0])),
            st.builds(lambda name: {"system": name}, st.sampled_from(["", "门户", "预约"])),
        ),
    ),
    min_size=1,
    max_size=6,
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    engine = connect(f"sqlite:///{tmp_path_factory.mktemp('holdings') / 'test.db'}")
    metadata().create_all(engine)
    database = Database(engine)
    fill(database)
    yield database
    database.close()


@given(steps)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_corrections_leave_rows_that_say_what_each_day_should(
    shared: Database, steps: list[tuple[int, int | None, dict[str, Any]]]
) -> None:
    model: list[dict[str, Any]] = [{"unit_id": 1, "system": "门户", "vcpu": 4.0}] * (DAYS + 25)
    with shared.write() as session:
        for first, length, changes in steps:
            end = None if length is None else first + length
            session.execute(delete(DirtyOwner))
            correct(
                session,
                "v1",
                since=day(first),
                until=None if end is None else day(end),
                changes=changes,
                scope=CITY,
                now=NOW,
            )
            last = len(model) if end is None else end
            expected = model[:first] + [m | changes for m in model[first:last]] + model[last:]
            differing = {
                day(n).date() for n, m in enumerate(expected) if m != model[n] and day(n) < NOW
            }
            marked = set(session.execute(select(col(DirtyOwner.day))).scalars())
            assert marked == differing
            model = expected
        spans = read_holdings(session, [1])[1]
        rows = (
            session.execute(
                select(Holding).where(col(Holding.resource_id) == 1).order_by(col(Holding.since))
            )
            .scalars()
            .all()
        )
        for number, wanted in enumerate(model):
            span = at(spans, day(number))
            assert span is not None
            held = span.value
            assert {"unit_id": held.unit_id, "system": held.system, "vcpu": held.vcpu} == wanted
        for left, right in pairwise(rows):
            assert left.until == right.since
        assert (rows[0].since, rows[-1].until) == (OPENING, None)
        for row in rows:
            if row.system_id is not None:
                system = session.get(BusinessSystem, row.system_id)
                assert system is not None
                assert system.unit_id == row.unit_id
        session.rollback()
