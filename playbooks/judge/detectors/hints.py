"""Texts of which a match of a pattern must contain one: searching those first is far faster.

A pattern of which nothing can be said has no hints and is always tried. Hints are lower case, for
a text in lower case, so that a pattern's own flags need not be looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

SHORTEST = 3
"""A shorter text is in every file."""


@lru_cache(maxsize=1024)
def hints_of(pattern: re.Pattern[str]) -> frozenset[str]:
    """Texts, lower case, of which every match contains at least one; empty: nothing is known."""
    try:
        best = _sequence(parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE))
    except (re.error, AttributeError, TypeError, ValueError):
        return frozenset()  # another Python's parser: slower, never wrong
    return best if best and min(map(len, best)) >= SHORTEST else frozenset()


def _sequence(items: Iterable[Any]) -> frozenset[str]:
    """The best hint among the parts that must all be there, one after another."""
    found: list[frozenset[str]] = []
    run = ""
    for code, value in items:
        if code is codes.LITERAL:
            run += chr(value).lower()
            continue
        if run:
            found.append(frozenset({run}))
            run = ""
        if inner := _part(code, value):
            found.append(inner)
    if run:
        found.append(frozenset({run}))
    return max(found, key=_rarity, default=frozenset())


def _rarity(hints: frozenset[str]) -> tuple[int, bool]:
    """Longer is rarer; at the same length a text with signs is rarer than a word."""
    return min(map(len, hints)), not any(hint.isalpha() for hint in hints)


def _part(code: Any, value: Any) -> frozenset[str]:
    if code is codes.SUBPATTERN:
        return _sequence(value[-1])
    if code in (codes.MAX_REPEAT, codes.MIN_REPEAT) and value[0] >= 1:
        return _sequence(value[2])
    if code is codes.BRANCH:
        branches = [_sequence(branch) for branch in value[1]]
        return frozenset().union(*branches) if all(branches) else frozenset()
    return frozenset()
