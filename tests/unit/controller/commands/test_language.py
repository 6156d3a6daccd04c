"""Which language commands answer in."""

from __future__ import annotations

import pytest
import typer

from controller.cli import build
from controller.commands.import_outcome import summary
from controller.commands.language import chinese, speak, word

OUTCOME = {"file_name": "a.csv", "rows": 3, "created": 2, "skipped": 1, "imported": True}


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("YUNXUN_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        # Set and taken away, so that what a test sets is taken back.
        monkeypatch.setenv(name, "x")
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("environment", "is_chinese"),
    [
        ({}, True),
        ({"LANG": "C"}, True),
        ({"LANG": "en_US.UTF-8"}, False),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "zh_CN.UTF-8"}, True),
        ({"LANG": "en_US.UTF-8", "YUNXUN_LANGUAGE": "zh"}, True),
        ({"LANG": "zh_CN.UTF-8", "YUNXUN_LANGUAGE": "en"}, False),
        ({"LANG": "zh_CN.UTF-8", "YUNXUN_LANGUAGE": "fr"}, True),
    ],
)
def test_the_setting_speaks_before_the_locale(
    environment: dict[str, str], is_chinese: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert chinese() is is_chinese
    assert word("行", "rows") == ("行" if is_chinese else "rows")


def test_an_outcome_is_told_in_the_language_asked_for() -> None:
    speak("zh")
    assert summary(OUTCOME) == "a.csv：已导入：3 行，新增 2，有错误 1"
    speak("en")
    assert summary(OUTCOME) == "a.csv: imported: 3 rows, 2 created, 1 with errors"
    with pytest.raises(typer.BadParameter, match="there are zh and en"):
        speak("fr")


@pytest.mark.parametrize("arguments", [["--lang", "en", "doctor"], ["--lang=en", "doctor"]])
def test_the_option_stands_before_the_command(arguments: list[str]) -> None:
    app = build(arguments)
    assert [group.name for group in app.registered_groups] == [None]
