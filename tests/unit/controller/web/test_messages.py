"""Every text of the pages has its English, with the same places to fill."""

from __future__ import annotations

import string

from controller.web import messages
from controller.web.language import text


def _places(message: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(message) if name is not None}


def test_no_text_is_left_untranslated() -> None:
    kept = {str(m.id): m.string for m in messages.read() if m.id}
    found = messages.extract()
    missing = sorted(set(found) - {key for key, value in kept.items() if value})
    assert not missing, f"run python -m controller.web.messages and translate: {missing}"


def test_no_translation_outlives_its_text() -> None:
    assert not sorted({str(m.id) for m in messages.read() if m.id} - set(messages.extract()))


def test_a_translation_fills_the_same_places() -> None:
    for message in messages.read():
        if message.id:
            assert _places(str(message.id)) == _places(str(message.string)), message.id


def test_english_has_no_chinese_left() -> None:
    for message in messages.read():
        if message.id:
            assert not any(ord(letter) > 0x2E7F for letter in str(message.string)), message.id


def test_chinese_is_its_own_source_and_places_are_filled() -> None:
    assert text("zh")("{n} 项资源", n=7) == "7 项资源"
    assert text("en")("{n} 项资源", n=7) == "7 resources"
    assert text("en")("没有这样的文字") == "没有这样的文字"
