"""Hints make patterns faster and never lose a match."""

from __future__ import annotations

import re

import pytest

from playbooks.judge.detectors.hints import hints_of
from playbooks.judge.rules import load_rules


@pytest.mark.parametrize(
    ("pattern", "hints"),
    [
        (r"\bActiveXObject\b", {"activexobject"}),
        (r"(?i)\bconnect by\b", {"connect by"}),
        (r"jdbc:(oracle|db2):\S*", {"jdbc:"}),
        (r"(?P<s>a\.swf|b\.xap)$", {"a.swf", "b.xap"}),
        (r"x?abc(def)?", {"abc"}),
        (r"(yes)*|\d+", set()),
        (r"\d{1,3}", set()),
        (r"(foo|)bar", {"bar"}),
    ],
)
def test_hints_are_what_every_match_contains(pattern: str, hints: set[str]) -> None:
    assert hints_of(re.compile(pattern)) == hints


def test_every_match_of_the_catalogue_contains_a_hint() -> None:
    rules = load_rules().values()
    patterns = {it for rule in rules for it in rule.parameters.get("match", ())}
    texts = ["\n".join(rule.positive.sections.values()) for rule in rules]
    tried = 0
    for pattern in patterns:
        hints = hints_of(pattern)
        for match in (it for text in texts for it in pattern.finditer(text)):
            tried += 1
            assert not hints or any(hint in match[0].lower() for hint in hints), pattern.pattern
    assert tried > 150
    assert sum(bool(hints_of(it)) for it in patterns) > len(patterns) * 0.7
