"""What a problem's document says, in English and in Chinese."""

from __future__ import annotations

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
