"""What a problem's document says, in English and in Chinese."""

from __future__ import annotations

import ast
from pathlib import Path

import controller
from controller.problems import NotFound, Problem
from controller.said import say


def test_the_document_carries_the_chinese_where_there_is_one() -> None:
    both = Problem(422, "empty period", say("from is not before to", "起始须早于截止")).body("7")
    assert (both["detail"], both["detail_zh"]) == ("from is not before to", "起始须早于截止")
    assert "detail_zh" not in Problem(422, "odd", "only English").body()
    assert Problem(409, "odd").body() == {"type": "about:blank", "title": "odd", "status": 409}


def test_what_is_not_found_is_named_in_both_languages() -> None:
    body = NotFound("unit", "czj").body()
    assert body["detail"] == "no unit 'czj' that you may see"
    assert body["detail_zh"] == "没有找到单位“czj”，或不在您的查看范围内"


def test_everything_that_may_be_missing_has_its_chinese_name() -> None:
    asked = {
        call.args[0].value
        for path in Path(controller.__path__[0]).rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "NotFound"
        and isinstance(call.args[0], ast.Constant)
    }
    assert len(asked) > 40
    for what in asked:
        said = NotFound(what, "1").body()["detail_zh"]
        assert said.isascii() is False
        assert what not in said, what
