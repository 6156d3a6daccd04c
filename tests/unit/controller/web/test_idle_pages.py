"""The idle board's words: every class and action has one, in both languages."""

from __future__ import annotations

import pytest

from controller.analysis.policy import ACTIONS
from controller.idle.tables import CLASSES
from controller.web import language
from controller.web.pages.idle import action_word, class_word


@pytest.mark.parametrize("code", ["zh", "en"])
def test_every_class_and_action_has_a_word(code: str) -> None:
    _ = language.text(code)
    assert len({class_word(cls, _) for cls in CLASSES}) == len(CLASSES)
    assert len({action_word(action, _) for action in ACTIONS}) == len(ACTIONS)
