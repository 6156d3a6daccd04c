"""An export is compared, decided upon, confirmed in one transaction, and undone without a trace."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
import xlsxwriter
from books import (
    NOW,
    SINCE,
    classes,
    compared,
    confirmed,
    differences,
    furnish,
    machine,
    registers,
    resource,
    sheet,
    uuid,
)
from sqlalchemy import select
from sqlmodel import col

from controller.access.scope import CITY
from controller.inventory.holdings import correct_holding
from controller.inventory.resources import resource_detail
from controller.ledger import imports, mapping, pending
from controller.ledger.confirm import confirm
from controller.ledger.mapping import SourceMapping
from controller.ledger.undo import undo
from controller.problems import Problem
from controller.store.dirty import pending_owners
from controller.store.relational import Database
from controller.store.samples import Samples

DIRTY = [
    machine(0),
    machine(1, vCPU=8),
    machine(2, 云主机名称="host-2-renamed"),
    machine(8, 租户="市卫健委"),
    machine(9, 租户="某某公司"),
]
"""vm-3 and vm-4 are absent."""


def test_every_class_is_found_and_nothing_is_changed_by_comparing(database: Database) -> None:
    furnish(database)
    before = registers(database)
    run = compared(database, DIRTY)
    assert classes(database, run) == [
        ("changed", "vm-1"),
        ("new", uuid(8)),
        ("renamed", "vm-2"),
        ("unmatched", uuid(9)),
        ("vanished", "vm-3"),
        ("vanished", "vm-4"),
    ]
    found = differences(database, run)
    assert found["vm-1"].detail["fields"] == {"vcpu": [4.0, 8.0]}
    assert found["vm-2"].detail["fields"] == {"name": ["host-2", "host-2-renamed"]}
    assert found[uuid(9)].detail["then"] == "new"
    assert registers(database) == before
    with database.read() as session:
        assert imports.find_import(session, run)[0].counts["unchanged"] == 1


def test_confirming_writes_what_was_accepted_from_the_effective_date(database: Database) -> None:
    furnish(database)
    run = confirmed(database, compared(database, DIRTY))
    assert (run.state, run.confirmed_by, run.uploaded_by) == ("confirmed", "keeper", "uploader")
    assert resource(database, "vm-2").name == "host-2-renamed"
    with database.read() as session:
        grown = resource_detail(session, CITY, "vm-1", NOW)
        assert [(each.since, each.vcpu) for each in grown.holdings[1:]] == [(SINCE, 8.0)]
        assert grown.holdings[0].vcpu == 4.0
        fresh = resource_detail(session, CITY, uuid(8), NOW)
        assert (fresh.unit_code, fresh.created) == ("wjw", SINCE)
        waiting, total = pending.list_pending(session, CITY, NOW, page=1, size=10)
        assert (total, [each.resource.code for each in waiting]) == (2, ["vm-3", "vm-4"])
        assert pending_owners(session) > 0
    # Vanished ones stay in the register, and those without an owner are not taken in.
    assert resource(database, "vm-3").retired is None
    again = compared(database, DIRTY, NOW + timedelta(hours=1))
    assert [cls for cls, _ in classes(database, again)] == ["unmatched", "vanished", "vanished"]


def test_undoing_restores_the_registers_byte_for_byte(database: Database, samples: Samples) -> None:
    furnish(database)
    before = registers(database)
    rows = [*DIRTY, machine(20, 可用区="新中心"), machine(21, 租户="wjw")]
    rows[1] = machine(1, vCPU=8, 租户="公路中心")
    run = confirmed(database, compared(database, rows))
    assert registers(database) != before
    with database.write() as session:
        undo(session, samples, run.id or 0, by="keeper", now=NOW)
    assert registers(database) == before
    with database.read() as session:
        assert pending.list_pending(session, CITY, NOW, page=1, size=10)[1] == 0
        assert imports.find_import(session, run.id or 0)[0].undone_by == "keeper"


def test_undoing_is_refused_with_the_reason_where_a_later_correction_rests_on_it(
    database: Database, samples: Samples
) -> None:
    furnish(database)
    run = confirmed(database, compared(database, DIRTY))
    correct_holding(
        database, "vm-1", since=SINCE, until=None, changes={"vcpu": 16.0}, scope=CITY, now=NOW
    )
    before = registers(database)
    with pytest.raises(Problem, match="vm-1") as refused, database.write() as session:
        undo(session, samples, run.id or 0, by="keeper", now=NOW)
    assert refused.value.status == 409
    assert registers(database) == before


def test_a_later_change_of_another_resource_does_not_hinder_undoing(
    database: Database, samples: Samples
) -> None:
    furnish(database)
    before = resource(database, "vm-1")
    run = confirmed(database, compared(database, DIRTY))
    correct_holding(
        database, "vm-0", since=SINCE, until=None, changes={"vcpu": 16.0}, scope=CITY, now=NOW
    )
    with database.write() as session:
        undo(session, samples, run.id or 0, by="keeper", now=NOW)
    assert resource(database, "vm-1") == before


def test_single_rows_can_be_accepted_and_the_rest_is_left_alone(database: Database) -> None:
    furnish(database)
    run = compared(database, DIRTY)
    chosen = differences(database, run)["vm-2"].id
    with database.write() as session:
        assert imports.decide(session, run, "accepted", ids=[chosen or 0]) == 1
        # What has no owner cannot be accepted.
        assert imports.decide(session, run, "accepted", cls="unmatched") == 0
        confirm(session, run, since=None, by="keeper", now=NOW)
    assert resource(database, "vm-2").name == "host-2-renamed"
    with database.read() as session:
        assert resource_detail(session, CITY, "vm-1", NOW).vcpu == 4.0
        assert imports.tally(session, run)["changed"] == {"rejected": 1}


def test_a_class_taken_as_a_whole_leaves_what_was_decided_row_by_row(database: Database) -> None:
    furnish(database)
    run = compared(database, [machine(0, vCPU=16), machine(1, vCPU=8), *DIRTY[2:]])
    refused = differences(database, run)["vm-1"].id or 0
    with database.write() as session:
        imports.decide(session, run, "rejected", ids=[refused])
        assert imports.decide(session, run, "accepted", cls="changed") == 1
        assert imports.tally(session, run)["changed"] == {"accepted": 1, "rejected": 1}
        # Opening the class again opens all of it.
        assert imports.decide(session, run, "open", cls="changed") == 2
        assert imports.tally(session, run)["changed"] == {"open": 2}


def test_confirming_is_refused_where_the_register_moved_meanwhile(database: Database) -> None:
    furnish(database)
    run = compared(database, DIRTY)
    correct_holding(
        database, "vm-1", since=SINCE, until=None, changes={"vcpu": 6.0}, scope=CITY, now=NOW
    )
    before = registers(database)
    with pytest.raises(Problem, match="compare again"):
        confirmed(database, run)
    assert registers(database) == before
    with database.write() as session:
        imports.recompare(session, run, NOW)
    assert differences(database, run)["vm-1"].detail["fields"] == {"vcpu": [6.0, 8.0]}
    confirmed(database, run)


def test_a_word_explained_later_gives_the_row_its_owner(database: Database) -> None:
    furnish(database)
    run = compared(database, DIRTY)
    with database.write() as session:
        imports.decide(session, run, "accepted", cls="changed")
        source = mapping.find_source(session, "cloud-a")
        words = SourceMapping.model_validate(
            source.mapping | {"words": {"unit": {"某某公司": "wjw"}}}
        )
        mapping.save_source(session, "cloud-a", "", words, "keeper", NOW)
        imports.recompare(session, run, NOW)
    found = differences(database, run)
    assert (found[uuid(9)].cls, found[uuid(9)].unit) == ("new", "wjw")
    assert found["vm-1"].decision == "accepted"


def test_a_resource_that_comes_back_leaves_the_list_of_those_to_check(database: Database) -> None:
    furnish(database)
    confirmed(database, compared(database, DIRTY))
    later = NOW + timedelta(days=30)
    confirmed(database, compared(database, [*DIRTY, machine(3)], later), now=later)
    with database.read() as session:
        waiting, _ = pending.list_pending(session, CITY, later, state="", page=1, size=10)
    assert [(each.resource.code, each.check.state) for each in waiting] == [
        ("vm-3", "back"),
        ("vm-4", "open"),
    ]


def test_a_row_that_stands_twice_or_cannot_be_read_names_its_machine_as_there(
    sqlite: Database, samples: Samples
) -> None:
    furnish(sqlite, 6)
    confirmed(sqlite, compared(sqlite, [machine(0), machine(1)]))
    later = NOW + timedelta(days=30)
    rows = [
        *(machine(n) | {"状态": "运行中"} for n in (0, 1)),
        *(machine(2, 云主机名称=name) | {"状态": "运行中"} for name in ("host-2", "clone")),
        machine(3, vCPU="八") | {"状态": "运行中"},
        machine(4, vCPU="八") | {"状态": "已释放"},
    ]
    run = confirmed(sqlite, compared(sqlite, rows, later), now=later)
    with sqlite.write() as session:
        waiting, _ = pending.list_pending(session, CITY, later, state="", page=1, size=10)
        assert [(each.resource.code, each.check.state) for each in waiting] == [
            ("vm-2", "back"),
            ("vm-3", "back"),
            ("vm-4", "open"),  # said to be released, in a row with a flaw
            ("vm-5", "open"),
        ]
        undo(session, samples, run.id or 0, by="keeper", now=later)
    with sqlite.read() as session:
        assert pending.list_pending(session, CITY, later, page=1, size=10)[1] == 4


def test_a_resource_to_check_is_retired_with_a_date_or_kept_with_a_reason(
    database: Database,
) -> None:
    furnish(database)
    confirmed(database, compared(database, DIRTY))
    with database.read() as session:
        waiting, _ = pending.list_pending(session, CITY, NOW, page=1, size=10)
        ids = [each.check.id or 0 for each in waiting]
    with database.write() as session:
        with pytest.raises(Problem, match="why"):
            pending.resolve(session, ids[1], state="kept", at=None, note=" ", by="k", now=NOW)
        pending.resolve(session, ids[0], state="retired", at=SINCE, note="", by="k", now=NOW)
        pending.resolve(session, ids[1], state="kept", at=None, note="备份机", by="k", now=NOW)
    assert resource(database, "vm-3").retired == SINCE
    assert resource(database, "vm-4").retired is None


def test_two_instances_of_one_uuid_and_a_row_that_stands_twice_are_told_apart(
    sqlite: Database,
) -> None:
    furnish(sqlite)
    rows = [
        machine(0),
        machine(0),
        machine(1),
        machine(1, 云主机名称="clone", 私有IP地址="10.9.9.9"),
        machine(2),
        machine(3),
        machine(4),
    ]
    run = compared(sqlite, rows)
    with sqlite.read() as session:
        found, _ = imports.list_differences(session, run)
    assert [(each.cls, each.row, each.detail["reason"]) for each in found] == [
        ("duplicate", 3, "row"),
        ("duplicate", 4, "uuid"),
        ("duplicate", 5, "uuid"),
    ]


def test_a_machine_of_the_same_address_and_size_is_probably_renamed(sqlite: Database) -> None:
    furnish(sqlite)
    rows = [machine(n) for n in range(5)]
    rows[1] = machine(1, 云主机ID="", 云主机名称="another-name")
    # Another machine got vm-2's address: its UUID says that it is another.
    rows[2] = machine(2, 云主机ID=uuid(77), 云主机名称="other")
    run = compared(sqlite, rows)
    assert classes(sqlite, run) == [("new", uuid(77)), ("renamed", "vm-1"), ("vanished", "vm-2")]
    assert differences(sqlite, run)["vm-1"].detail["matched_by"] == "address and size"


def test_a_row_that_the_platform_calls_deleted_counts_as_absent(sqlite: Database) -> None:
    furnish(sqlite)
    rows = [machine(n) | {"状态": "运行中" if n else "已释放"} for n in range(5)]
    run = compared(sqlite, rows)
    assert classes(sqlite, run) == [("vanished", "vm-0")]
    assert differences(sqlite, run)["vm-0"].detail == {"reason": "deleted", "rows": [2]}


def test_a_cell_that_cannot_be_read_is_named_with_row_and_column(sqlite: Database) -> None:
    furnish(sqlite)
    rows = [machine(n) for n in range(5)]
    rows[2]["vCPU"] = "八"
    run = compared(sqlite, rows)
    found = differences(sqlite, run)[uuid(2)]
    assert (found.cls, found.row) == ("bad", 4)
    assert found.detail["errors"][0]["column"] == "vCPU"
    assert "不是数字" in found.detail["errors"][0]["message_zh"]
    # A machine whose row cannot be read has not vanished, also when compared again.
    assert classes(sqlite, run) == [("bad", uuid(2))]
    with sqlite.write() as session:
        imports.recompare(session, run, NOW)
    assert classes(sqlite, run) == [("bad", uuid(2))]


def test_an_older_export_is_not_confirmed_over_a_later_one(sqlite: Database) -> None:
    furnish(sqlite)
    old = compared(sqlite, DIRTY)
    new = compared(sqlite, DIRTY, NOW + timedelta(days=1))
    confirmed(sqlite, new, now=NOW + timedelta(days=1))
    with pytest.raises(Problem, match="came after this one"):
        confirmed(sqlite, old)


def test_an_export_of_gbk_with_sizes_in_mb_and_flavours_is_read_as_meant(
    sqlite: Database,
) -> None:
    furnish(sqlite)
    rows = [
        {
            " 实例名称 ": "host-0  ",
            "ID": uuid(0).upper().replace("-", ""),
            "私网IP": "10.1.0.1 ",
            "规格": "8vCPUs | 16GiB | c6.2xlarge.2",
            "数据盘(MB)": "102,400",
            "企业项目": " 市交通局",
            "不认识的列": "x",
        }
    ]
    with sqlite.write() as session:
        mapping.save_source(session, "cloud-b", "B", SourceMapping(), "test", NOW)
    found = imports.take_in(sqlite, "cloud-b", sheet(rows, "gb18030"), "x.csv", now=NOW)
    [difference] = found.comparison.differences
    assert difference.cls == "changed"
    assert difference.fields == {
        "vcpu": [4.0, 8.0],
        "mem_bytes": [8 * 2.0**30, 16 * 2.0**30],
    }
    assert found.export.columns["不认识的列"] == ""


def test_who_decided_what_is_kept_with_the_files_digest(sqlite: Database) -> None:
    furnish(sqlite)
    run = confirmed(sqlite, compared(sqlite, DIRTY))
    with sqlite.read() as session:
        [(kept, source)], total = imports.list_imports(session, page=1, size=10)
        assert (total, source.code, len(kept.sha256), kept.id) == (1, "cloud-a", 64, run.id)
        accepted = session.execute(
            select(col(imports.ImportDifference.decision)).where(
                col(imports.ImportDifference.cls) == "changed"
            )
        ).scalar_one()
    assert accepted == "accepted"


def _workbook(sheets: dict[str, list[dict[str, object]]]) -> io.BytesIO:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        for name, rows in sheets.items():
            page = book.add_worksheet(name)
            page.write_row(0, 0, list(rows[0]))
            for number, row in enumerate(rows, start=1):
                page.write_row(number, 0, list(row.values()))
    file.seek(0)
    return file


def test_an_export_over_two_sheets_is_refused_rather_than_half_read(sqlite: Database) -> None:
    furnish(sqlite)
    halves = {"第一页": [machine(0), machine(1)], "第二页": [machine(2), machine(3)]}
    with pytest.raises(Problem, match="hold the same columns") as refused:
        imports.take_in(sqlite, "cloud-a", _workbook(halves), "x.xlsx", now=NOW)
    assert "第一页、第二页" in refused.value.body()["detail_zh"]
    # A summary beside the table is no second table, and a source may name its sheet.
    summary = [{"名称": "主中心", "台数": 4}]
    whole = {"汇总": summary, "明细": [machine(n) for n in range(5)]}
    found = imports.take_in(sqlite, "cloud-a", _workbook(whole), "x.xlsx", now=NOW)
    assert found.counts["unchanged"] == 5
    with sqlite.write() as session:
        named = SourceMapping(sheet="第二页")
        mapping.save_source(session, "cloud-b", "B", named, "test", NOW)
    found = imports.take_in(sqlite, "cloud-b", _workbook(halves), "x.xlsx", now=NOW)
    assert found.counts["rows"] == 2
