"""The list of assessed products: dated, and no judge of what it does not cover."""

from __future__ import annotations

from datetime import timedelta

import pytest

from controller.readiness import products
from controller.readiness.tables import AssessedProduct
from tests.unit.controller.readiness.conftest import NOW


def row(kind: str, product: str, days: int | None) -> AssessedProduct:
    ends = None if days is None else NOW + timedelta(days=days)
    return AssessedProduct(kind=kind, product=product, expires=ends, imported=NOW)


@pytest.mark.parametrize(
    ("days", "state"),
    [(400, "valid"), (90, "expiring"), (1, "expiring"), (0, "expired"), (-5, "expired"),
     (None, "undated")],
)  # fmt: skip
def test_an_end_is_warned_of_ninety_days_before(days: int | None, state: str) -> None:
    assert products.state_of(row("os", "x", days), NOW) == state


@pytest.mark.parametrize(
    ("word", "kind"),
    [("操作系统", "os"), ("中央处理器", "cpu"), ("CPU", "cpu"), ("数据库", "database"),
     ("打印机", "other")],
)  # fmt: skip
def test_kinds_are_read_in_the_words_of_notices(word: str, kind: str) -> None:
    assert products.parse_kind(word) == kind


@pytest.mark.parametrize(
    ("listed", "told", "same"),
    [
        ("鲲鹏920", "HiSilicon Kunpeng 920", True),
        ("银河麒麟高级服务器操作系统 V10", "Kylin Linux Advanced Server V10 (Sword)", True),
        ("银河麒麟高级服务器操作系统 V11", "Kylin Linux Advanced Server V10 (Sword)", False),
        ("飞腾 S2500", "Phytium D2000", False),
        ("某操作系统", "Kylin Linux Advanced Server V10", False),
        ("920", "HiSilicon Kunpeng 920", True),
    ],
)
def test_names_of_the_list_and_of_hosts_are_matched_by_words_and_numbers(
    listed: str, told: str, same: bool
) -> None:
    assert products.matches(listed, told) is same


def test_a_kind_the_list_does_not_cover_is_not_a_product_that_is_missing() -> None:
    rows = [row("os", "银河麒麟 V10", 400)]
    assert products._assess("cpu", "Kunpeng 920", 1, rows, NOW).state == "not_covered"
    assert products._assess("os", "UnionTech OS Server 20", 1, rows, NOW).state == "not_listed"
    assert products._assess("os", "Kylin V10", 1, rows, NOW).state == "valid"
