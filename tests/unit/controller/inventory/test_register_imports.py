"""What imports mean over time: dates, history, re-import, matching, errors that depend on rows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlmodel import col

from controller.inventory.tables import ImportRun, Resource, UnitVersion
from controller.store.dirty import mark_dirty
from controller.store.relational import Database
from controller.store.tables import DirtyOwner

from .sheets import (
    NOW,
    UNITS,
    csv_file,
    load_resources,
    load_units,
    one,
    owners,
    problems,
    register,
    unit_tree,
)

UUID = "33221100-5544-7766-8899-aabbccddeeff"
SWAPPED = "00112233-4455-6677-8899-aabbccddeeff"


@pytest.fixture
def registered(database: Database) -> Database:
    assert load_units(database, UNITS).imported
    return database


def resources(database: Database, text: str, **options: Any) -> Any:
    return load_resources(database, text.replace(" ", ""), **options)


def days_marked(database: Database) -> list[date]:
    with database.read() as session:
        return sorted(set(session.execute(select(col(DirtyOwner.day))).scalars()))


def test_parents_may_stand_below_their_children_and_be_named(database: Database) -> None:
    outcome = load_units(database, "code,name,parent\nc,丙,b\nb,乙,甲\na,甲,\nd,乙,丙\n")
    assert problems(outcome) == []
    assert unit_tree(database) == [
        ("a", "甲", None),
        ("b", "乙", "a"),
        ("c", "丙", "b"),
        ("d", "乙", "c"),
    ]


def test_units_that_would_stand_above_themselves_are_refused(database: Database) -> None:
    outcome = load_units(database, "code,name,parent\na,甲,c\nb,乙,a\nc,丙,b\nd,丁,d\n")
    assert problems(outcome) == [(n, "parent") for n in (2, 3, 4, 5)]
    assert "a under c under b under a" in outcome.errors[0].message
    assert unit_tree(database) == []


def test_a_loop_is_refused_also_when_half_of_it_is_registered(registered: Database) -> None:
    outcome = load_units(registered, "code,parent,since\njtj,glzx,2026-06-01\n")
    assert problems(outcome) == [(2, "parent")]
    # After glzx has left jtj in July, jtj may go below it in August.
    assert load_units(registered, "code,parent,since\nglzx,-,2026-07-01\n").imported
    early = load_units(registered, "code,parent,since\njtj,glzx,2026-06-01\n")
    assert problems(early) == [(2, "parent")]
    assert load_units(registered, "code,parent,since\njtj,glzx,2026-08-01\n").imported


def test_children_of_a_bad_row_are_bad_too_when_bad_rows_are_skipped(database: Database) -> None:
    text = "code,name,parent,email\na,甲,,not-an-address\nb,乙,a,\nc,丙,乙,\nd,丁,,\n"
    outcome = load_units(database, text, skip_bad=True)
    assert problems(outcome) == [(2, "email"), (3, "parent"), (4, "parent")]
    assert (outcome.imported, outcome.created, outcome.skipped) == (True, 1, 3)
    assert unit_tree(database) == [("d", "丁", None)]


def test_an_ambiguous_parent_asks_for_the_code(registered: Database) -> None:
    outcome = load_units(registered, "code,name,parent\nx,公路中心,wjw\ny,道班,公路中心\n")
    assert problems(outcome) == [(3, "parent")]
    assert "glzx, x" in outcome.errors[0].message


def test_a_unit_s_dated_row_keeps_what_was_before(registered: Database) -> None:
    load_units(registered, "code,name,parent,since\nglzx,公路港航中心,wjw,2026-07-01\n")
    assert ("glzx", "公路中心", "jtj") in unit_tree(registered, datetime(2026, 6, 30, tzinfo=UTC))
    assert ("glzx", "公路港航中心", "wjw") in unit_tree(registered)
    # Without a date the present name and place are put right, not those before.
    load_units(registered, "code,name\nglzx,公路与港航中心\n")
    assert ("glzx", "公路中心", "jtj") in unit_tree(registered, datetime(2026, 6, 30, tzinfo=UTC))
    assert ("glzx", "公路与港航中心", "wjw") in unit_tree(registered)
    with registered.read() as session:
        versions = session.execute(select(func.count()).select_from(UnitVersion)).scalar_one()
    assert versions == 4


def test_contacts_are_updated_and_no_version_is_made(registered: Database) -> None:
    again = load_units(registered, UNITS.replace("张三", "李四"))
    assert (again.created, again.updated, again.unchanged) == (0, 1, 2)


def test_a_first_import_holds_from_since_else_from_the_opening(registered: Database) -> None:
    resources(
        registered,
        "code,name,unit,vcpu,created,since\nv1,一,jtj,4,2026-01-05,\nv2,二,jtj,4,2026-01-05,2026-03-01\n",
    )
    assert owners(registered, "v1") == [("2026-01-04", None, "jtj", 4)]
    assert owners(registered, "v2") == [("2026-02-28", None, "jtj", 4)]


def test_a_row_with_a_past_date_is_a_correction_backwards(registered: Database) -> None:
    resources(registered, "code,name,unit,vcpu,created\nv1,一,jtj,4,2026-01-05\n")
    with registered.write() as session:
        mark_dirty(session, "host", [(1, date(2026, 1, 5))], NOW)  # as importing samples does
    outcome = resources(registered, "code,unit,since\nv1,wjw,2026-11-13\n")
    assert outcome.days_marked == 12  # 12 November 16:00 UTC to 23 November
    assert owners(registered, "v1") == [
        ("2026-01-04", "2026-11-12", "jtj", 4),
        ("2026-11-12", None, "wjw", 4),
    ]
    assert days_marked(registered) == [date(2026, 11, day) for day in range(12, 24)]
    assert one(registered, "v1", datetime(2026, 6, 1, tzinfo=UTC))["unit_code"] == "jtj"


def test_a_row_without_a_date_puts_the_present_right_and_leaves_earlier_owners(
    registered: Database,
) -> None:
    resources(registered, "code,name,unit,vcpu,created\nv1,一,jtj,4,2026-01-05\n")
    resources(registered, "code,unit,since\nv1,wjw,2026-06-01\n")
    resources(registered, "code,unit,vcpu\nv1,glzx,8\n")
    assert owners(registered, "v1") == [
        ("2026-01-04", "2026-05-31", "jtj", 4),
        ("2026-05-31", None, "glzx", 8),
    ]


def test_a_date_for_the_whole_file_is_for_what_is_registered_already(
    registered: Database,
) -> None:
    resources(registered, "code,name,unit,vcpu,created\nv1,一,jtj,4,2026-01-05\n")
    resources(
        registered,
        "code,name,unit,vcpu,created\nv1,一,jtj,8,2026-01-05\nv2,二,jtj,2,2026-02-05\n",
        since=datetime(2026, 11, 1, tzinfo=UTC),
    )
    assert owners(registered, "v1") == [
        ("2026-01-04", "2026-11-01", "jtj", 4),
        ("2026-11-01", None, "jtj", 8),
    ]
    assert owners(registered, "v2") == [("2026-02-04", None, "jtj", 2)]


def test_several_dated_rows_of_one_code_are_its_history_in_any_order(
    registered: Database,
) -> None:
    header = "code,name,unit,vcpu,created,since"
    rows = ["v1,一,jtj,4,2026-01-05,2026-01-05", "v1,,wjw,,,2026-05-01", "v1,,,8,,2026-09-01"]
    for order in (rows, rows[::-1]):
        resources(registered, "\n".join([header, *order]) + "\n")
        assert owners(registered, "v1") == [
            ("2026-01-04", "2026-04-30", "jtj", 4),
            ("2026-04-30", "2026-08-31", "wjw", 4),
            ("2026-08-31", None, "wjw", 8),
        ]


def test_the_opening_moves_what_began_with_it(registered: Database) -> None:
    resources(registered, "code,name,unit,created\nv1,一,jtj,2026-03-01\n")
    resources(registered, "code,created\nv1,2026-01-01\n")
    assert owners(registered, "v1") == [("2025-12-31", None, "jtj", None)]
    resources(registered, "code,created\nv1,2026-06-01\n")
    assert owners(registered, "v1") == [("2026-05-31", None, "jtj", None)]


def test_an_end_closes_the_holding_and_a_dash_opens_it_again(registered: Database) -> None:
    resources(registered, "code,name,unit,created,retired\nv1,一,jtj,2026-03-01,2026-10-01\n")
    with registered.read() as session:
        assert register(session) == []
    assert one(registered, "v1")["unit_code"] == "jtj"
    resources(registered, "code,retired\nv1,-\n")
    assert owners(registered, "v1") == [("2026-02-28", None, "jtj", None)]


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("v1,一,jtj,2026-03-01,2026-02-01,", "since"),
        ("v1,一,jtj,2026-03-01,,2026-02-01", "retired"),
        ("v1,一,jtj,2062-03-01,,", "created"),
        ("v1,一,jtj,2026-03-01,2026-06-01,2026-05-01", "retired"),
    ],
)
def test_dates_that_contradict_are_refused(sqlite: Database, row: str, column: str) -> None:
    load_units(sqlite, UNITS)
    outcome = load_resources(sqlite, f"code,name,unit,created,since,retired\n{row}\n")
    assert problems(outcome) == [(2, column)]


def test_a_resource_is_known_by_its_uuid_in_either_byte_order_and_takes_the_file_s_code(
    registered: Database,
) -> None:
    resources(registered, f"code,name,unit,instance_uuid\nhost-7,七,jtj,{SWAPPED}\n")
    outcome = resources(registered, f"code,name,unit,instance_uuid\nvm-7,七,jtj,{UUID.upper()}\n")
    assert (outcome.created, outcome.updated) == (0, 1)
    with registered.read() as session:
        (found,) = register(session)
    assert (found["code"], found["instance_uuid"]) == ("vm-7", UUID)


def test_one_uuid_for_two_resources_is_refused(registered: Database) -> None:
    text = f"code,name,unit,instance_uuid\nv1,一,jtj,{UUID}\nv2,二,jtj,{SWAPPED}\n"
    assert problems(resources(registered, text)) == [(3, "instance_uuid")]
    resources(registered, f"code,name,unit,instance_uuid\nv1,一,jtj,{UUID}\nv2,二,jtj,\n")
    outcome = resources(registered, f"code,instance_uuid\nv2,{UUID}\n")
    assert problems(outcome) == [(2, "instance_uuid")]
    outcome = resources(registered, f"code,name,unit,instance_uuid\nv1,一,jtj,\nv9,九,jtj,{UUID}\n")
    assert problems(outcome) == [(3, "code")]


def test_uuids_that_contradict_the_codes_are_refused_on_both_sides(registered: Database) -> None:
    other = "aaaaaaaa-0000-4000-8000-000000000001"
    text = "code,name,unit,instance_uuid\nv1,一,jtj,{}\nv2,二,jtj,{}\n"
    resources(registered, text.format(UUID, other))
    outcome = resources(registered, text.format(other, UUID))
    assert problems(outcome) == [(2, "instance_uuid"), (3, "instance_uuid")]


def test_systems_belong_to_units_and_go_along_to_a_new_owner(registered: Database) -> None:
    resources(registered, "code,name,unit,system\nv1,一,jtj,门户\nv2,二,wjw,门户\n")
    resources(registered, "code,unit,since\nv1,glzx,2026-06-01\n")
    with registered.read() as session:
        found = {item["code"]: (item["unit_code"], item["system"]) for item in register(session)}
    assert found == {"v1": ("glzx", "门户"), "v2": ("wjw", "门户")}


def test_a_place_is_the_same_in_another_spelling(registered: Database) -> None:
    resources(registered, "code,name,unit,site,zone\nv1,一,jtj,主中心（市）,Internet\n")
    outcome = resources(registered, "code,name,unit,site,zone\nv1,一,jtj,主中心(市),internet\n")
    assert outcome.unchanged == 1


def test_a_dry_run_changes_nothing_and_says_what_would_be(registered: Database) -> None:
    outcome = resources(registered, "code,name,unit,system\nv1,一,jtj,新系统\n", dry_run=True)
    assert (outcome.created, outcome.ready, outcome.imported) == (1, True, False)
    with registered.read() as session:
        assert register(session) == []
        assert len(list(session.execute(select(ImportRun)))) == 1  # that of the units


def test_good_rows_are_imported_with_skip_bad_only(registered: Database) -> None:
    text = "code,name,unit,vcpu\nv1,一,jtj,4\nv2,二,jtj,x\nv3,三,无,1\n"
    refused = resources(registered, text)
    assert (refused.imported, refused.skipped, refused.ready) == (False, 2, False)
    done = resources(registered, text, skip_bad=True)
    assert (done.imported, done.created, done.skipped) == (True, 1, 2)
    with registered.read() as session:
        assert [item["code"] for item in register(session)] == ["v1"]


def test_an_import_is_recorded_with_its_digest(registered: Database) -> None:
    outcome = resources(registered, "code,name,unit\nv1,一,jtj\n", name="台账.csv")
    with registered.read() as session:
        run = session.get(ImportRun, outcome.run)
        assert run is not None
        assert (run.kind, run.file_name, run.by, run.at) == ("resources", "台账.csv", "test", NOW)
        assert len(run.sha256) == 64
        assert run.outcome["created"] == 1


def test_a_failure_while_writing_leaves_nothing_behind(
    registered: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: Any) -> int:
        raise OSError("disk full")

    monkeypatch.setattr("controller.inventory.resource_import.write_holdings", fail)
    with pytest.raises(OSError, match="disk full"):
        resources(registered, "code,name,unit\nv1,一,jtj\n")
    with registered.read() as session:
        assert list(session.execute(select(Resource))) == []
    monkeypatch.undo()
    assert resources(registered, "code,name,unit\nv1,一,jtj\n").created == 1


def test_a_new_resource_marks_nothing_and_one_without_a_date_not_the_decades(
    registered: Database,
) -> None:
    assert resources(registered, "code,name,unit\nv1,一,jtj\n").days_marked == 0
    moved = resources(registered, "code,unit\nv1,wjw\n")
    assert moved.days_marked == 2  # the day of the first unit, and the one before
    with registered.write() as session:
        mark_dirty(session, "host", [(1, NOW.date() - timedelta(days=10))], NOW)
    assert resources(registered, "code,unit\nv1,jtj\n").days_marked == 11


def test_demo_data_is_marked_by_its_tag(registered: Database) -> None:
    load_resources(
        registered, csv_file([("code", "name", "unit", "tags"), ("v1", "一", "jtj", "演示数据,x")])
    )
    assert one(registered, "v1")["demo"] is True


def test_imports_at_the_same_time_do_not_double_anything(registered: Database) -> None:
    text = "code,name,unit,system,site\n" + "".join(f"v{n},x,jtj,s{n % 7},主\n" for n in range(200))
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda _: load_resources(registered, text), range(4)))
    assert sorted(outcome.created for outcome in outcomes) == [0, 0, 0, 200]
    assert sorted(outcome.unchanged for outcome in outcomes) == [0, 200, 200, 200]
