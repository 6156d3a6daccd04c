"""One life a finding, across any number of looks."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session, col, select

from controller.findings.model import NOTHING, Coverage, Observation, fingerprint
from controller.findings.record import Recorded, observe
from controller.findings.tables import Finding, FindingEvent
from controller.store.relational import Database
from tests.unit.controller.findings.conftest import NOW

DAY = timedelta(days=1)
FULL = "disk.full"


def seen(key: str = "vm-1", code: str = FULL, **fields: Any) -> Observation:
    known = {"severity": "major", "title_zh": "磁盘将满", "title_en": "Disk nearly full"}
    return Observation(code, "resource", key, **(known | fields))


def look(
    database: Database, at: datetime, *found: Observation, covered: Coverage | None = None
) -> Recorded:
    with database.write() as session:
        return observe(session, at, "patrol", found, covered or Coverage.of([FULL]))


def only(database: Database) -> tuple[Finding, list[str]]:
    with database.read() as session:
        finding = session.exec(select(Finding)).one()
        what = session.exec(
            select(FindingEvent.what)
            .where(FindingEvent.finding_id == finding.id)
            .order_by(col(FindingEvent.id))
        )
        return finding, list(what)


def test_what_is_seen_for_the_first_time_is_opened_with_its_evidence(database: Database) -> None:
    recorded = look(database, NOW, seen(detail={"used_pct": 91.5}, unit_id=1))
    finding, events = only(database)
    assert recorded.opened == [finding.id]
    assert finding.fingerprint == fingerprint("patrol", FULL, "resource", "vm-1")
    assert (finding.state, finding.times_seen, finding.opened) == ("open", 1, NOW)
    assert finding.detail == {"used_pct": 91.5}
    assert finding.due == NOW + DAY  # the time limit of its severity
    assert events == ["opened"]


def test_seen_every_day_it_stays_one_row_and_one_event(database: Database) -> None:
    for day in range(5):
        recorded = look(database, NOW + day * DAY, seen(detail={"used_pct": 90 + day}))
    finding, events = only(database)
    assert recorded.still == [finding.id]
    assert (finding.times_seen, finding.opened) == (5, NOW)
    assert finding.last_seen == NOW + 4 * DAY
    assert finding.detail == {"used_pct": 94}
    assert events == ["opened"]


def test_checked_and_not_seen_it_resolves_by_itself(database: Database) -> None:
    look(database, NOW, seen())
    recorded = look(database, NOW + DAY)
    finding, events = only(database)
    assert recorded.resolved == [finding.id]
    assert (finding.state, finding.resolved, finding.resolved_by) == ("resolved", NOW + DAY, "")
    assert events == ["opened", "resolved"]


@pytest.mark.parametrize(
    "covered",
    [
        NOTHING,
        Coverage.of(["another.code"]),
        Coverage.of([FULL], [("resource", "vm-2")]),
        Coverage(frozenset([FULL]), units=frozenset([3])),
        Coverage(frozenset([FULL]), unjudged={FULL: frozenset([("resource", "vm-1")])}),
    ],
    ids=["nothing", "another check", "another subject", "another unit", "no data"],
)
def test_what_was_not_looked_at_stays_as_it_is(database: Database, covered: Coverage) -> None:
    look(database, NOW, seen(unit_id=1))
    assert look(database, NOW + DAY, covered=covered).resolved == []
    assert only(database)[0].state == "open"


def test_another_sources_look_resolves_nothing_of_ours(database: Database) -> None:
    look(database, NOW, seen())
    with database.write() as session:
        observe(session, NOW + DAY, "snmp", [], Coverage.of([FULL]))
    assert only(database)[0].state == "open"


def test_come_back_it_is_the_same_finding_with_a_new_life(database: Database) -> None:
    look(database, NOW, seen())
    with database.write() as session:
        finding = session.exec(select(Finding)).one()
        finding.state, finding.acknowledged_by, finding.acknowledged = "acknowledged", "wang", NOW
    look(database, NOW + DAY)
    recorded = look(database, NOW + 2 * DAY, seen())
    finding, events = only(database)
    assert recorded.reopened == [finding.id]
    assert (finding.state, finding.opened, finding.resolved) == ("open", NOW + 2 * DAY, None)
    assert (finding.acknowledged_by, finding.due) == ("", NOW + 3 * DAY)
    assert events == ["opened", "resolved", "reopened"]


def test_acknowledged_and_still_there_it_stays_acknowledged(database: Database) -> None:
    look(database, NOW, seen())
    with database.write() as session:
        finding = session.exec(select(Finding)).one()
        finding.state, finding.acknowledged_by = "acknowledged", "wang"
    look(database, NOW + DAY, seen())
    finding, _ = only(database)
    assert (finding.state, finding.acknowledged_by) == ("acknowledged", "wang")


def test_getting_worse_is_an_event(database: Database) -> None:
    look(database, NOW, seen())
    look(database, NOW + DAY, seen(severity="critical"))
    finding, events = only(database)
    assert (finding.severity, events) == ("critical", ["opened", "severity"])


def test_observed_twice_in_one_look_the_graver_counts(database: Database) -> None:
    look(database, NOW, seen(severity="minor"), seen(severity="critical"), seen())
    finding, events = only(database)
    assert (finding.severity, finding.times_seen, events) == ("critical", 1, ["opened"])


def test_a_look_that_fails_half_way_leaves_nothing(database: Database) -> None:
    broken = [seen("vm-1"), seen("vm-2", detail={"x": object()})]  # not JSON
    with pytest.raises(Exception, match="JSON serializable"):
        look(database, NOW, *broken)
    with database.read() as session:
        assert session.exec(select(Finding)).all() == []
        assert session.exec(select(FindingEvent)).all() == []


def test_a_strange_severity_is_refused() -> None:
    with pytest.raises(ValueError, match="no severity 'bad'"):
        seen(severity="bad")


def test_a_session_that_already_read_the_finding_sees_what_was_recorded(
    database: Database,
) -> None:
    look(database, NOW, seen())
    with database.write() as session:
        finding = session.exec(select(Finding)).one()
        observe(session, NOW + DAY, "patrol", [seen()], Coverage.of([FULL]))
        assert finding.times_seen == 2


def _time(session: Session, at: datetime, found: list[Observation]) -> float:
    began = time.process_time()
    observe(session, at, "patrol", found, Coverage.of([FULL]))
    return time.process_time() - began


def test_ten_thousand_observations_take_about_a_second(database: Database) -> None:
    """Our own CPU time: opened, seen again, half of them resolved."""
    found = [seen(f"vm-{n}", unit_id=1, detail={"used_pct": n / 100}) for n in range(10_000)]
    for at, part in ((NOW, found), (NOW + DAY, found), (NOW + 2 * DAY, found[:5000])):
        with database.write() as session:
            assert _time(session, at, part) < 3
    with database.read() as session:
        states = session.exec(select(Finding.state)).all()
    assert (states.count("open"), states.count("resolved")) == (5000, 5000)
