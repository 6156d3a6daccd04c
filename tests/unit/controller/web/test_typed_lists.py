"""Lists typed into a form are read as people write them, or refused with the line."""

from __future__ import annotations

import pytest

from controller.problems import Problem
from controller.web import typed_lists


def test_names_are_separated_by_whatever_people_separate_them_with() -> None:
    assert typed_lists.names(" 市卫健委、卫计委，市卫生局\n\n健委;x ") == [
        "市卫健委", "卫计委", "市卫生局", "健委", "x"
    ]  # fmt: skip
    assert typed_lists.names(" \n") == []


def test_of_names_one_a_line_each_keeps_its_own_separators() -> None:
    names = ["市卫健委、卫计委", "甲,乙；丙", "x"]
    assert typed_lists.lines(" 市卫健委、卫计委\r\n\n甲,乙；丙\nx ", 20) == names
    assert typed_lists.lines("\n".join(names), 20) == names  # as the box shows them again
    assert typed_lists.lines("甲" * 20, 20) == ["甲" * 20]
    with pytest.raises(Problem) as refused:
        typed_lists.lines("x\n" + "甲" * 21, 20)
    assert refused.value.status == 422
    assert "有 21 个字符，最多 20 个" in refused.value.body()["detail_zh"]


def test_shares_are_read_with_and_without_signs() -> None:
    text = "市财政局 40%\n330100-JTJ=25\n\n市教育局：12.5％\n市住建局22.5"
    assert typed_lists.shares(text) == {
        "市财政局": 40, "330100-JTJ": 25, "市教育局": 12.5, "市住建局": 22.5
    }  # fmt: skip


@pytest.mark.parametrize("line", ["市财政局", "40", "市财政局 4.0.1", "市财政局 .", "甲 1\n甲 2"])
def test_a_share_that_cannot_be_read_is_quoted(line: str) -> None:
    with pytest.raises(Problem) as refused:
        typed_lists.shares(line)
    assert line.splitlines()[0].split()[0] in refused.value.body()["detail_zh"]


def test_parts_of_a_split_are_read_as_the_command_takes_them() -> None:
    first, second = typed_lists.split_parts("lz=林长办:林长制,森林防火\n fh ＝ 防火办：\n")
    assert (first.code, first.name, first.systems) == ("lz", "林长办", ["林长制", "森林防火"])
    assert (second.code, second.name, second.systems) == ("fh", "防火办", [])
    with pytest.raises(Problem, match="write CODE=NAME"):
        typed_lists.split_parts("林长办")
