"""A merged unit's lines and points are the other's from that day, and were its own before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlmodel import col, select

from controller.access.scope import CITY, Scope
from controller.inventory.tables import Unit, UnitChange
from controller.network.lines import line_terms, list_lines
from controller.network.merges import follow_merges
from controller.network.points import list_points
from controller.store.relational import Database

from .conftest import NOW

MERGED = datetime(2026, 10, 1, tzinfo=UTC)


def merge(database: Database, *, undone: bool = False) -> None:
    with database.write() as session:
        session.add(
            UnitChange(
                kind="merge", effective=MERGED, at=NOW, undone=NOW if undone else None,
                detail={"ended": ["ljq"], "into": ["ysx"]},
            )
        )  # fmt: skip


def test_what_a_unit_held_is_the_others_from_the_day_of_the_merge(town: Database) -> None:
    merge(town)
    with town.write() as session:
        assert follow_merges(session, NOW) == 3  # one line, two points
        assert follow_merges(session, NOW) == 0
        other = session.execute(select(Unit).where(col(Unit.code) == "ysx")).scalar_one().id
        theirs = Scope(frozenset({other or 0}))
        line = list_lines(session, theirs, NOW, text="L-1")[0]
        points = {each.code for each in list_points(session, theirs, NOW, {})}
        before = list_lines(session, CITY, MERGED - timedelta(days=1), text="L-1")[0]
        terms = line_terms(session, CITY, line.id)
    assert points == {"ap-ljq", "ap-ljq2"}
    assert (line.unit_code, before.unit_code) == ("ysx", "ljq")
    assert [(t.until, t.bandwidth_bit_s) for t in terms] == [(MERGED, 1e9), (None, 1e9)]


def test_a_merge_that_was_undone_or_is_to_come_moves_nothing(town: Database) -> None:
    merge(town, undone=True)
    with town.write() as session:
        assert follow_merges(session, NOW) == 0
    merge(town)
    with town.write() as session:
        assert follow_merges(session, MERGED - timedelta(days=1)) == 0
