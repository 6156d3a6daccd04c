"""Spreadsheets as offices make them: imported right, or refused by row and column, never half."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from controller.inventory.dated import EVER
from controller.problems import Problem
from controller.store.relational import Database

from .sheets import (
    UNITS,
    csv_file,
    load_resources,
    load_units,
    one,
    problems,
    register,
    saved,
    text_file,
    unit_tree,
    workbook,
)

HEADER = ("编码", "名称", "单位", "业务系统", "IP地址", "CPU核数", "内存GB", "磁盘GB", "开通时间")
CLEAN = ("vm-1", "应用一", "jtj", "智慧交通", "10.1.2.3", 8, 16, 200, datetime(2026, 11, 3))

DATA = Path(__file__).parent / "data"

Dress = Callable[[Worksheet], None]


@pytest.fixture
def registered(sqlite: Database) -> Database:
    assert load_units(sqlite, UNITS).imported
    return sqlite


def changed(**cells: Any) -> tuple[Any, ...]:
    return tuple(cells.get(name, value) for name, value in zip(HEADER, CLEAN, strict=True))


def merged_title() -> io.BytesIO:
    def dress(sheet: Worksheet) -> None:
        sheet.merge_cells("A1:I1")

    return workbook([["全市云资源台账"], ["填报日期：2026年11月"], HEADER, CLEAN], dress)


def totals() -> io.BytesIO:
    return workbook(
        [HEADER, CLEAN, ["合计", "", "", "", "", 8, 16, 200], ["填表人：张三", "", "审核人：李四"]]
    )


def repeated_header() -> io.BytesIO:
    return workbook([HEADER, CLEAN, (), HEADER, (None,) * 9])


def far_formats() -> io.BytesIO:
    def dress(sheet: Worksheet) -> None:
        sheet["XFD1048576"].number_format = "0.00"  # formatted, never filled

    return workbook([HEADER, CLEAN], dress)


def shifted() -> io.BytesIO:
    return workbook([(), (), ("", "", *HEADER), ("", "", *CLEAN)])


def hidden_list() -> io.BytesIO:
    book = Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    sheet.append(HEADER)
    sheet.append(CLEAN)
    lists = book.create_sheet("下拉")
    lists.append(HEADER)
    lists.append(("not", "a", "row"))
    lists.sheet_state = "hidden"
    return saved(book)


def utf16() -> io.BytesIO:
    rows = [HEADER, changed(开通时间="2026-11-03")]
    return text_file("\r\n".join("\t".join(map(str, row)) for row in rows), "utf-16")


def date1904() -> io.BytesIO:
    book = Workbook()
    book.epoch = datetime(1904, 1, 1)
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    sheet.append(HEADER)
    sheet.append(CLEAN)
    return saved(book)


def two_headers() -> io.BytesIO:
    """编码 … over two rows, 规格 over three columns that the second row names."""

    def dress(sheet: Worksheet) -> None:
        for column in "ABCDEI":
            sheet.merge_cells(f"{column}1:{column}2")
        sheet.merge_cells("F1:H1")

    upper = (*HEADER[:5], "规格", None, None, HEADER[8])
    return workbook([upper, (None,) * 5 + HEADER[5:8], CLEAN], dress)


def hidden_columns() -> io.BytesIO:
    def dress(sheet: Worksheet) -> None:
        sheet.column_dimensions["G"].hidden = True
        sheet.row_dimensions[2].hidden = True  # filtered away on the screen, and in the file

    return workbook([HEADER, CLEAN], dress)


def computed(result: str) -> io.BytesIO:
    """A formula =4*2 with its result as a spreadsheet program keeps it ("": none)."""
    book = workbook([HEADER, changed(CPU核数="=4*2")])
    out = io.BytesIO()
    with zipfile.ZipFile(book) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            body = old.read(name).decode()
            if name.endswith("sheet1.xml"):
                cell = re.compile(r"(<f>4\*2</f>)(<v\s*/>|<v></v>)")
                assert cell.search(body)
                body = cell.sub(lambda m: f"{m[1]}<v>{result}</v>", body)
            new.writestr(name, body)
    out.seek(0)
    return out


DIRTY: dict[str, Callable[[], io.BytesIO]] = {
    "as it should be": lambda: workbook([HEADER, CLEAN]),
    "a merged title and a date line above the header": merged_title,
    "a totals row and signatures below": totals,
    "the header repeated and empty rows between": repeated_header,
    "a header with stars, hints, brackets and line breaks": lambda: workbook(
        [
            (
                *("*编码（必填）", "资源\n名称", "所属单位", "业务系统 ", "IP 地址"),
                *("CPU（核）", "内存(GB)", "磁盘【GB】", "开通日期"),
            ),
            CLEAN,
        ]
    ),
    "English headers": lambda: workbook(
        [["code", "name", "unit", "system", "ip", "vcpu", "mem_gib", "disk_gib", "created"], CLEAN]
    ),
    "spaces, full-width spaces and invisible marks around texts": lambda: workbook(
        [
            HEADER,
            changed(编码=" vm-1　", 名称="\u200b应用一 \t", 单位="　jtj ", 业务系统=" 智慧交通\n"),
        ]
    ),
    "full-width digits and letters": lambda: workbook(
        [
            HEADER,
            changed(编码="ｖｍ－１", IP地址="１０．１．２．３", CPU核数="８", 内存GB="１６"),
        ]
    ),
    "numbers stored as text, with units": lambda: workbook(
        [HEADER, changed(CPU核数="8核", 内存GB="16 GB", 磁盘GB="200.0G")]
    ),
    "the unit by its name": lambda: workbook([HEADER, changed(单位="市 交通局")]),
    "a date as 2026/11/3": lambda: workbook([HEADER, changed(开通时间="2026/11/3")]),
    "a date as 2026年11月3日": lambda: workbook([HEADER, changed(开通时间="2026年11月3日")]),
    "a date as 2026.11.03": lambda: workbook([HEADER, changed(开通时间="2026.11.03")]),
    "a date as 20261103": lambda: workbook([HEADER, changed(开通时间=20261103)]),
    "a date as a serial number": lambda: workbook([HEADER, changed(开通时间=46329)]),
    "a date as a serial number in text": lambda: workbook([HEADER, changed(开通时间="46329")]),
    "a date without time": lambda: workbook([HEADER, changed(开通时间=date(2026, 11, 3))]),
    "the calendar of old Macs": date1904,
    "formats in the last cell of the sheet": far_formats,
    "the table not in the corner": shifted,
    "a hidden sheet of lists": hidden_list,
    "several addresses with a prefix": lambda: workbook([HEADER, changed(IP地址="10.1.2.3/24")]),
    "columns of row numbers": lambda: workbook([("序号", *HEADER), (1, *CLEAN)]),
    "CSV in UTF-8 with a mark": lambda: csv_file(
        [HEADER, changed(开通时间="2026-11-03 00:00:00")], "utf-8-sig"
    ),
    "CSV in GBK": lambda: csv_file([HEADER, changed(开通时间="2026-11-3")], "gbk"),
    "text of Excel in UTF-16 with tabs": utf16,
    "a header of two rows": two_headers,
    "hidden columns and rows": hidden_columns,
    # The merged title, saved by LibreOffice 7.4 in the format of Excel 97, which WPS calls .et too.
    "an old workbook": lambda: io.BytesIO((DATA / "title.xls").read_bytes()),
    "a formula with its result": lambda: computed("8"),
    "CSV with semicolons": lambda: text_file(
        ";".join(HEADER) + "\n" + ";".join(map(str, changed(开通时间="2026-11-03"))) + "\n\n"
    ),
}


@pytest.mark.parametrize("make", DIRTY.values(), ids=DIRTY)
def test_a_dirty_file_says_the_same_as_a_clean_one_and_twice_no_more(
    registered: Database, make: Callable[[], io.BytesIO]
) -> None:
    outcome = load_resources(registered, make())
    assert (outcome.errors, outcome.imported, outcome.created) == ([], True, 1)
    found = one(registered, "vm-1")
    assert found["name"] == "应用一"
    assert (found["unit_code"], found["system"], found["ip"]) == ("jtj", "智慧交通", "10.1.2.3")
    assert (found["vcpu"], found["mem_bytes"], found["disk_bytes"]) == (8, 16 * 2**30, 200 * 2**30)
    assert f"{found['created']:%Y-%m-%d %H:%M}" == "2026-11-02 16:00"  # midnight in Shanghai
    again = load_resources(registered, make())
    assert (again.created, again.updated, again.unchanged) == (0, 0, 1)


BAD: dict[str, tuple[Callable[[], io.BytesIO], list[tuple[int, str]]]] = {
    "a word for a number": (lambda: workbook([HEADER, changed(内存GB="十六")]), [(2, "内存GB")]),
    "a day that does not exist": (
        lambda: workbook([HEADER, changed(开通时间="2026-02-30")]),
        [(2, "开通时间")],
    ),
    "a year of two digits": (
        lambda: workbook([HEADER, changed(开通时间="26-11-3")]),
        [(2, "开通时间")],
    ),
    "no address": (lambda: workbook([HEADER, changed(IP地址="10.1.2.300")]), [(2, "IP地址")]),
    "an unknown unit": (lambda: workbook([HEADER, changed(单位="市水利局")]), [(2, "单位")]),
    "no code, name and unit": (
        lambda: workbook([HEADER, (None, "应用", "jtj"), ("vm-2", None, None)]),
        [(2, "编码"), (3, "名称"), (3, "单位")],
    ),
    "a code that the spreadsheet has cut": (
        lambda: workbook([HEADER, changed(编码=12345678901234567890)]),
        [(2, "编码")],
    ),
    "a code twice": (
        lambda: workbook([HEADER, CLEAN, changed(名称="应用二")]),
        [(3, "编码")],
    ),
    "every error of every row": (
        lambda: workbook(
            [
                HEADER,
                changed(CPU核数="多", 内存GB=-1, 开通时间="昨天"),
                changed(编码="vm-2"),
                changed(编码="vm-3", 单位="无名局"),
            ]
        ),
        [(2, "CPU核数"), (2, "内存GB"), (2, "开通时间"), (4, "单位")],
    ),
    "unknown columns, each": (
        lambda: workbook([(*HEADER, "备注", "经费来源"), (*CLEAN, "好", "财政")]),
        [(1, "备注"), (1, "经费来源")],
    ),
    "a column twice": (
        lambda: workbook([(*HEADER, "所属单位"), (*CLEAN, "jtj")]),
        [(1, "所属单位")],
    ),
    "a column without a header": (lambda: workbook([(*HEADER, None), (*CLEAN, 5)]), [(1, "J")]),
    "errors of the spreadsheet, as CSV": (
        lambda: csv_file([HEADER, changed(名称="#REF!", 内存GB="#VALUE!", 开通时间="2026-11-03")]),
        [(2, "名称"), (2, "内存GB")],
    ),
    "a comma in a CSV cell without quotes": (
        lambda: text_file("code,name,unit\nvm-1,应用,一,jtj\n"),
        [(2, "D"), (2, "unit")],
    ),
}


@pytest.mark.parametrize(("make", "expected"), BAD.values(), ids=BAD)
def test_a_bad_file_is_refused_by_row_and_column_and_nothing_of_it_imported(
    registered: Database, make: Callable[[], io.BytesIO], expected: list[tuple[int, str]]
) -> None:
    outcome = load_resources(registered, make())
    assert sorted(problems(outcome)) == sorted(expected)
    assert not outcome.imported
    assert outcome.run is None
    with registered.read() as session:
        assert register(session) == []


def open_document() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", "<office:document-content/>")
    return out.getvalue()


UNREADABLE: dict[str, tuple[bytes, str]] = {
    "an empty file": (b"", "is empty"),
    "an error of the spreadsheet": (
        workbook([HEADER, changed(名称="#REF!")]).getvalue(),
        "error of the spreadsheet in cell B2",
    ),
    "a formula that nobody computed": (
        computed("").getvalue(),
        "formula without a result in cell F2",
    ),
    "a web page called .xls": (b"<html><table><tr><td>code</td></tr></table></html>", "web page"),
    "an OpenDocument spreadsheet": (open_document(), "archive but no .xlsx workbook"),
    "an archive": (b"PK\x03\x04" + b"\0" * 100, "damaged"),
    "half an old workbook": (b"\xd0\xcf\x11\xe0" + b"\0" * 600, "not a whole spreadsheet|limits"),
    "bytes": (bytes(range(1, 256)), "neither UTF-8 nor GBK|no header row"),
    "zeros": (b"ab\0\0\0\0", "neither a spreadsheet nor CSV"),
    "other words": ("甲,乙,丙\n1,2,3\n".encode(), "no header row.*甲, 乙, 丙"),
    "a header only in name": (b"code\n", ""),
}


@pytest.mark.parametrize(("content", "reason"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_file_without_a_table_is_refused_with_the_reason(
    registered: Database, content: bytes, reason: str
) -> None:
    if not reason:
        outcome = load_resources(registered, io.BytesIO(content))
        assert outcome.errors[0].message == "no rows below the header"
        return
    with pytest.raises(Problem, match=reason) as caught:
        load_resources(registered, io.BytesIO(content), name="表.xlsx")
    assert caught.value.status == 422
    assert caught.value.detail.startswith("表.xlsx ")


def test_two_sheets_with_tables_ask_which(registered: Database) -> None:
    def two() -> io.BytesIO:
        book = Workbook()
        for name, code in (("甲云", "vm-a"), ("乙云", "vm-b")):
            sheet = book.create_sheet(name)
            sheet.append(HEADER)
            sheet.append(changed(编码=code))
        del book["Sheet"]
        return saved(book)

    with pytest.raises(Problem, match="'甲云', '乙云'"):
        load_resources(registered, two())
    assert load_resources(registered, two(), sheet="乙云").imported
    with registered.read() as session:
        assert [item["code"] for item in register(session)] == ["vm-b"]
    with pytest.raises(Problem, match="no visible sheet '丙'"):
        load_resources(registered, two(), sheet="丙")


def test_a_merged_parent_holds_for_each_row_it_covers(sqlite: Database) -> None:
    def dress(sheet: Worksheet) -> None:
        sheet.merge_cells("A3:A4")
        sheet.merge_cells("A5:A6")

    file = workbook(
        [
            ("上级单位", "编码", "名称", "类型"),
            (None, "jtj", "交通局", "市直部门"),
            ("交通局", "a", "甲中心", "二级单位"),
            (None, "b", "乙中心", "二级单位"),
            ("甲中心", "c", "丙科", None),
            (None, "d", "丁科", None),
        ],
        dress,
    )
    assert load_units(sqlite, file).errors == []
    assert unit_tree(sqlite) == [
        ("jtj", "交通局", None),
        ("a", "甲中心", "jtj"),
        ("c", "丙科", "a"),
        ("d", "丁科", "a"),
        ("b", "乙中心", "jtj"),
    ]


def test_further_headers_can_be_mapped_or_left_out(registered: Database) -> None:
    rows = [
        ("设备号", "名称", "单位", "责任科室", "规格核数"),
        ("vm-9", "九", "jtj", "科技科", "4"),
    ]
    mapping = {"设备号": "code", "责任科室": "", "规格核数": "vcpu"}
    outcome = load_resources(registered, workbook(rows), mapping=mapping)
    assert outcome.imported
    assert outcome.columns["责任科室"] == ""
    assert one(registered, "vm-9")["vcpu"] == 4
    with pytest.raises(Problem, match="none of code, name"):
        load_resources(registered, workbook(rows), mapping={"设备号": "colour"})


def test_a_cell_without_a_word_says_nothing_and_a_dash_says_none(registered: Database) -> None:
    load_resources(registered, workbook([HEADER, CLEAN]))
    load_resources(registered, workbook([HEADER, ("vm-1", None, None, "", None, None)]))
    kept = one(registered, "vm-1")
    assert (kept["system"], kept["ip"], kept["vcpu"]) == ("智慧交通", "10.1.2.3", 8)
    load_resources(registered, workbook([HEADER, ("vm-1", "", "", "/", "无", "-")]))
    cleared = one(registered, "vm-1")
    assert (cleared["name"], cleared["unit_code"]) == ("应用一", "jtj")
    assert (cleared["system"], cleared["ip"], cleared["vcpu"]) == ("", "", None)


def test_what_has_no_date_has_always_been(registered: Database) -> None:
    load_resources(registered, "code,name,unit\nvm-1,一,jtj\n")
    found = one(registered, "vm-1", datetime(2020, 1, 1, tzinfo=EVER.tzinfo))
    assert (found["created"], found["created_known"]) == (EVER, False)


def test_errors_are_capped_and_the_rest_counted(registered: Database) -> None:
    rows = [("code", "name", "unit", "vcpu"), *((f"v{n}", "x", "jtj", "?") for n in range(1200))]
    outcome = load_resources(registered, csv_file(rows))
    assert (len(outcome.errors), outcome.errors_total, outcome.skipped) == (1000, 1200, 1200)
