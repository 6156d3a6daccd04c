"""What people do with findings, and how lists, counts and windows follow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlmodel import Session, select

from controller.access.principal import Principal
from controller.access.scope import CITY, Scope
from controller.access.tables import AuditEntry, User
from controller.findings import changes, views, windows
from controller.findings.model import NOTHING, Coverage, Observation
from controller.findings.record import observe
from controller.findings.tables import ShiftHandover
from controller.problems import NotFound, Problem
from controller.store.relational import Database
from tests.unit.controller.findings.conftest import NOW

OPS = Principal("wang", "ops", NOW + timedelta(hours=1))
OWN_A = Scope(frozenset([1, 2]))


@pytest.fixture(autouse=True)
def found(database: Database) -> None:
    """1: A's, critical; 2: A1's, minor; 3: B's, major; 4: of no unit. And two people."""
    with database.write() as session:
        for number, (unit, severity) in enumerate(
            ((1, "critical"), (2, "minor"), (3, "major"), (None, "info")), 1
        ):
            seen = Observation(
                "disk.full", "resource", f"vm-{number}", severity, f"磁盘{number}", unit_id=unit
            )
            observe(session, NOW, "patrol", [seen], NOTHING)
        for name, disabled in (("wang", False), ("li", False), ("gone", True)):
            session.add(
                User(username=name, password_hash="x", role="ops", created=NOW, disabled=disabled)
            )


@contextmanager
def writing(database: Database) -> Iterator[Session]:
    with database.write() as session:
        yield session


def life(database: Database, number: int) -> tuple[str, list[str]]:
    with database.read() as session:
        shown = views.get_finding(session, CITY, number, NOW)
    return shown.finding.state, [event.what for event in shown.events]


def test_acknowledging_names_who_and_when_and_happens_once(database: Database) -> None:
    with writing(database) as session:
        assert changes.acknowledge(session, CITY, [1, 2], OPS, "处理中") == 2
        assert changes.acknowledge(session, CITY, [1], OPS) == 0
    assert life(database, 1) == ("acknowledged", ["opened", "acknowledged"])
    with database.read() as session:
        shown = views.get_finding(session, CITY, 1, NOW).finding
    assert (shown.acknowledged_by, shown.acknowledged) == ("wang", OPS.at)


def test_one_that_may_not_be_seen_stops_the_whole_acknowledgement(database: Database) -> None:
    with pytest.raises(NotFound), writing(database) as session:
        changes.acknowledge(session, OWN_A, [1, 3], OPS)
    assert life(database, 1)[0] == "open"


def test_assigning_sets_who_and_until_when(database: Database) -> None:
    due = NOW + timedelta(days=3)
    with writing(database) as session:
        changes.assign(session, CITY, 3, "li", due, OPS)
    with database.read() as session:
        shown = views.get_finding(session, CITY, 3, NOW).finding
    assert (shown.assignee, shown.due) == ("li", due)


@pytest.mark.parametrize("name", ["nobody", "gone"])
def test_nobody_is_assigned_who_is_not_there(database: Database, name: str) -> None:
    with pytest.raises(NotFound), writing(database) as session:
        changes.assign(session, CITY, 3, name, None, OPS)


def test_resolved_by_hand_needs_a_word_and_seen_again_it_opens(database: Database) -> None:
    with pytest.raises(Problem, match="what was done"), writing(database) as session:
        changes.resolve(session, CITY, 1, OPS, " ")
    with writing(database) as session:
        changes.resolve(session, CITY, 1, OPS, "已扩容")
    with pytest.raises(Problem, match="resolved already"), writing(database) as session:
        changes.resolve(session, CITY, 1, OPS, "已扩容")
    with pytest.raises(Problem, match="nothing to assign"), writing(database) as session:
        changes.assign(session, CITY, 1, "li", None, OPS)
    again = Observation("disk.full", "resource", "vm-1", "critical", "磁盘1", unit_id=1)
    with writing(database) as session:
        observe(session, NOW + timedelta(days=1), "patrol", [again], Coverage.of(["disk.full"]))
    assert life(database, 1) == ("open", ["opened", "resolved", "reopened"])


def test_a_shift_is_handed_over_whole_within_the_scope(database: Database) -> None:
    with writing(database) as session:
        for number in (1, 2, 3):
            changes.assign(session, CITY, number, "wang", None, OPS)
        changes.resolve(session, CITY, 2, OPS, "已清理")
        changes.hand_over(session, CITY, "wang", "li", OPS, "白班交夜班")
    with database.read() as session:
        handed = session.exec(select(ShiftHandover)).one()
        shown, total = views.list_findings(session, CITY, NOW, views.Filter(assignee="li"))
    assert (handed.findings, total, [each.id for each in shown]) == ([1, 3], 2, [1, 3])
    with pytest.raises(Problem, match="somebody else"), writing(database) as session:
        changes.hand_over(session, CITY, "li", "li", OPS)


def test_every_change_is_audited_with_its_author(database: Database) -> None:
    with writing(database) as session:
        changes.add_note(session, CITY, 1, OPS, "已电话联系")
        changes.acknowledge(session, CITY, [1], OPS)
    with database.read() as session:
        rows = session.exec(select(AuditEntry)).all()
    assert [(row.actor, row.action) for row in rows] == [
        ("wang", "finding.note"),
        ("wang", "finding.acknowledge"),
    ]


def test_lists_put_the_gravest_first_and_page_at_the_database(database: Database) -> None:
    with database.read() as session:
        rows, total = views.list_findings(session, CITY, NOW, size=3)
        rest, _ = views.list_findings(session, CITY, NOW, size=3, page=2)
        due, _ = views.list_findings(session, CITY, NOW, sort="due", descending=True)
    assert total == 4
    assert [row.severity for row in (*rows, *rest)] == ["critical", "major", "minor", "info"]
    assert [row.severity for row in due] == ["minor", "major", "critical", "info"]  # none last


def test_a_unit_sees_its_own_subtrees_findings_and_counts(database: Database) -> None:
    with database.read() as session:
        rows, total = views.list_findings(session, OWN_A, NOW)
        counts = views.summary(session, OWN_A, NOW)
        with pytest.raises(NotFound):
            views.get_finding(session, OWN_A, 4, NOW)
    assert (total, [row.unit_name for row in rows]) == (2, ["单位A", "单位A1"])
    assert (counts.total, counts.critical, counts.minor) == (2, 1, 1)


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (views.Filter(severity="major"), [3]),
        (views.Filter(unit_ids=frozenset([2])), [2]),
        (views.Filter(text="VM-4"), [4]),
        (views.Filter(text="磁盘2"), [2]),
        (views.Filter(text="%"), []),
        (views.Filter(state="resolved"), []),
        (views.Filter(subject_kind="resource", subject_key="vm-1"), [1]),
        (views.Filter(hidden=True), []),
    ],
    ids=repr,
)
def test_filters_narrow(database: Database, wanted: views.Filter, numbers: list[int]) -> None:
    with database.read() as session:
        rows, total = views.list_findings(session, CITY, NOW, wanted)
    assert ([row.id for row in rows], total) == (numbers, len(numbers))


def test_past_its_time_limit_it_is_overdue_until_it_is_resolved(database: Database) -> None:
    later = NOW + timedelta(hours=5)
    late = views.Filter(overdue=True)
    with database.read() as session:
        assert [row.id for row in views.list_findings(session, CITY, later, late)[0]] == [1]
        assert views.summary(session, CITY, later).overdue == 1
    with writing(database) as session:
        changes.resolve(session, CITY, 1, OPS, "已扩容")
    with database.read() as session:
        assert views.list_findings(session, CITY, later, late) == ([], 0)


def test_a_window_hides_at_once_is_listed_and_ended(database: Database) -> None:
    with writing(database) as session:
        made = windows.create_window(
            session, CITY, OPS, since=NOW, until=NOW + timedelta(days=1), reason="割接", unit="A"
        )
    assert made.active
    with database.read() as session:
        counts = views.summary(session, CITY, OPS.at)
    assert (counts.hidden, counts.total) == (2, 2)  # A's and, below it, A1's
    with writing(database) as session:
        windows.end_window(session, CITY, made.id, OPS)
    with database.read() as session:
        assert views.summary(session, CITY, OPS.at).hidden == 0
        assert [w.ended_by for w in windows.list_windows(session, CITY, OPS.at)] == ["wang"]
    with pytest.raises(Problem, match="ended already"), writing(database) as session:
        windows.end_window(session, CITY, made.id, OPS)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"reason": " "}, "expected"),
        ({"code": ""}, "name a code"),
        ({"subject_key": "x"}, "a kind and a key"),
        ({"until": NOW - timedelta(days=1)}, "ends in the future"),
        ({"until": NOW + timedelta(days=400)}, "within 366 days"),
    ],
)
def test_a_window_needs_a_reason_a_target_and_an_end(
    database: Database, fields: dict[str, object], said: str
) -> None:
    known = {"since": NOW, "until": NOW + timedelta(days=1), "reason": "割接", "code": "c"}
    with pytest.raises(Problem, match=said), writing(database) as session:
        windows.create_window(session, CITY, OPS, **(known | fields))  # type: ignore[arg-type]


def test_a_countys_window_must_name_its_own_unit(database: Database) -> None:
    until = NOW + timedelta(days=1)
    for unit, error in (("", Problem), ("B", NotFound)):
        with pytest.raises(error), writing(database) as session:
            windows.create_window(
                session, OWN_A, OPS, since=NOW, until=until, reason="割接", code="c", unit=unit
            )
