from __future__ import annotations

import io

import openpyxl
import pytest

from controller.web import tables
from controller.web.tables import TableState


def _state(sort: str = "cpu", descending: bool = True, page: int = 1) -> TableState:
    return TableState("/units", {"period": "7d"}, sort, descending, page, 50, 120)


def test_a_second_click_on_a_head_turns_the_order_round() -> None:
    assert _state().sort_link("cpu", True) == "/units?period=7d&sort=cpu"
    assert _state(descending=False).sort_link("cpu", True) == "/units?period=7d&sort=-cpu"


def test_figures_start_with_the_highest_and_names_with_the_first() -> None:
    assert _state().sort_link("vcpu", True).endswith("sort=-vcpu")
    assert _state().sort_link("name").endswith("sort=name")


def test_pages_keep_order_and_filter() -> None:
    assert _state().pages == 3
    assert _state().page_link(2) == "/units?period=7d&sort=-cpu&page=2"
    assert TableState("/x", {}, "a", False, 1, 50, 0).pages == 1


def test_a_page_beyond_the_last_is_the_last() -> None:
    assert _state(page=99).page == 3
    assert TableState("/x", {}, "a", False, 7, 50, 0).page == 1
    assert tables.cut(list(range(120)), 99) == list(range(100, 120))
    assert tables.cut([], 7) == []


def test_what_has_no_value_stands_last_in_both_directions() -> None:
    rows = [3, None, 1, 2]
    assert tables.ordered(rows, lambda row: row, descending=True) == [3, 2, 1, None]
    assert tables.ordered(rows, lambda row: row, descending=False) == [1, 2, 3, None]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("vcpu", ("vcpu", False)),
        ("-vcpu", ("vcpu", True)),
        ("drop table", ("cpu", True)),
        ("", ("cpu", True)),
    ],
)
def test_only_listed_orders_are_taken(asked: str, found: tuple[str, bool]) -> None:
    assert tables.parse_sort(asked, ("vcpu", "cpu"), "-cpu") == found


@pytest.mark.parametrize(
    ("asked", "page"), [("3", 3), ("0", 1), ("-1", 1), ("x", 1), ("", 1), ("9" * 40, 1), ("²", 1)]
)
def test_a_page_is_at_least_the_first(asked: str, page: int) -> None:
    assert tables.parse_page(asked) == page


def test_csv_opens_in_office_programs_and_runs_nothing() -> None:
    answer = tables.export("csv", "x", ["名称", "核"], [["=cmd()", 4], ["甲,乙", -1]])
    assert bytes(answer.body) == '\ufeff名称,核\r\n\'=cmd(),4\r\n"甲,乙",-1\r\n'.encode()
    assert answer.headers["content-disposition"] == 'attachment; filename="x.csv"'


def test_xlsx_keeps_numbers_as_numbers_and_formulas_as_text() -> None:
    answer = tables.export("xlsx", "x", ["名称", "核"], [["=1+1", 4.5], ["乙", None]])
    sheet = openpyxl.load_workbook(io.BytesIO(bytes(answer.body))).active
    assert sheet is not None
    assert [[cell.value for cell in row] for row in sheet] == [
        ["名称", "核"],
        ["=1+1", 4.5],
        ["乙", None],
    ]
    assert sheet["A2"].data_type == "s"
    assert sheet.freeze_panes == "A2"
