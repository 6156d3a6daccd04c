"""What hides a finding: its subject's being down, or a window."""

from __future__ import annotations

from datetime import timedelta

from sqlmodel import select

from controller.findings import hide
from controller.findings.hide import Candidate, Window, hidden
from controller.findings.model import NOTHING, Coverage, Observation
from controller.findings.record import observe
from controller.findings.tables import Finding, SuppressionWindow
from controller.store.relational import Database
from tests.unit.controller.findings.conftest import NOW

SWITCH = ("device", "sw-1")
CORE = ("device", "core")


def row(
    number: int, subject: tuple[str, str], *on: tuple[str, str], down: bool = False
) -> Candidate:
    return Candidate(number, "x", subject, 1, down, on)


def test_a_device_that_is_down_hides_its_links_and_hosts() -> None:
    found = hidden(
        [
            row(1, SWITCH, down=True),
            row(2, ("port", "sw-1/1"), SWITCH),
            row(3, ("resource", "vm-1"), SWITCH),
            row(4, ("resource", "vm-2")),
        ],
        [],
    )
    assert found == {2: "finding:1", 3: "finding:1"}


def test_the_root_of_a_chain_is_named() -> None:
    found = hidden(
        [
            row(1, ("port", "p"), SWITCH),
            row(2, SWITCH, CORE, down=True),
            row(3, CORE, down=True),
        ],
        [],
    )
    assert found == {1: "finding:3", 2: "finding:3"}


def test_of_a_circle_one_stays_visible() -> None:
    found = hidden(
        [
            row(1, SWITCH, CORE, down=True),
            row(2, CORE, SWITCH, down=True),
            row(3, ("port", "p"), CORE),
        ],
        [],
    )
    assert found == {2: "finding:1", 3: "finding:1"}


def test_what_says_that_a_subject_is_down_is_not_hidden_by_itself() -> None:
    found = hidden([row(1, SWITCH, SWITCH, down=True), row(2, SWITCH, SWITCH)], [])
    assert found == {2: "finding:1"}


def test_a_window_names_code_subject_or_units_and_nothing_else_is_hidden() -> None:
    candidates = [
        Candidate(1, "disk.full", ("resource", "vm-1"), 1, False, ()),
        Candidate(2, "disk.full", ("resource", "vm-2"), 2, False, ()),
        Candidate(3, "cpu.high", ("resource", "vm-1"), None, False, ()),
    ]
    assert set(hidden(candidates, [Window(1, "disk.full", "", "", None)])) == {1, 2}
    assert set(hidden(candidates, [Window(1, "", "resource", "vm-1", None)])) == {1, 3}
    assert hidden(candidates, [Window(7, "disk.full", "", "", frozenset([2]))]) == {2: "window:7"}


def _windows(database: Database, **fields: object) -> None:
    known = {"since": NOW, "until": NOW + timedelta(hours=2), "reason": "割接", "by": "wang"}
    with database.write() as session:
        session.add(SuppressionWindow(created=NOW, **(known | fields)))


def _hidden(database: Database) -> dict[str, str]:
    with database.read() as session:
        return {f.subject_key: f.hidden_by for f in session.exec(select(Finding))}


def _seen(key: str, unit_id: int | None = None, **fields: object) -> Observation:
    return Observation("c", "resource", key, "major", "坏了", unit_id=unit_id, **fields)  # type: ignore[arg-type]


def test_a_window_hides_new_findings_of_the_units_subtree_and_ends_by_itself(
    database: Database,
) -> None:
    _windows(database, unit_id=1)
    with database.write() as session:
        observe(session, NOW, "t", [_seen("a1", 2), _seen("b", 3)], NOTHING)
    assert _hidden(database) == {"a1": "window:1", "b": ""}
    with database.write() as session:
        assert hide.refresh(session, NOW + timedelta(hours=2)) == 1
    assert _hidden(database) == {"a1": "", "b": ""}


def test_what_depends_on_a_host_appears_again_when_the_host_is_back(database: Database) -> None:
    down = Observation("host.down", "resource", "h", "critical", "主机失联", down=True)
    gap = _seen("gap", depends_on=(("resource", "h"),))
    with database.write() as session:
        observe(session, NOW, "t", [down, gap], Coverage.of(["host.down", "c"]))
    assert _hidden(database)["gap"] == "finding:1"
    with database.write() as session:
        observe(session, NOW, "t", [gap], Coverage.of(["host.down", "c"]))
    assert _hidden(database)["gap"] == ""


def test_a_later_look_at_the_dependent_alone_finds_the_host_still_down(database: Database) -> None:
    down = Observation("host.down", "resource", "h", "critical", "主机失联", down=True)
    with database.write() as session:
        observe(session, NOW, "t", [down], NOTHING)
    with database.write() as session:
        observe(session, NOW, "other", [_seen("gap", depends_on=(("resource", "h"),))], NOTHING)
    assert _hidden(database)["gap"] == "finding:1"
