"""Why a rule was not decided, a host not reached, an order not taken: said in one language.

Reasons are kept once, as they arose: most as ``中文 (English)``, those of rules, of the login and
of refused orders in English. ``in_chinese`` is for Chinese pages and documents, ``in_english`` for
the others. What no pattern knows, such as a device's own words, stays as it is.
"""

from __future__ import annotations

import re
from functools import lru_cache

from controller.readiness.reason_words import INPUTS, LOGIN, PATTERNS, SECTIONS
from controller.said import Said

_BOTH = re.compile(r"(?:(\w+): )?((?>[^;]*[\u4e00-\u9fff])[^;]*?) \(([ -~]+)\)")
_CHINESE = re.compile("[\u4e00-\u9fff]")
_PATTERNS = tuple((re.compile(pattern), words) for pattern, words in PATTERNS)
_LOGIN = tuple((re.compile(pattern, re.IGNORECASE), words) for pattern, words in LOGIN)


def in_words(reason: str, language: str) -> str:
    """A reason in the language of a page, "zh" or "en"."""
    if isinstance(reason, Said) and language != "en":
        return reason.zh
    return in_english(reason) if language == "en" else in_chinese(reason)


@lru_cache(maxsize=4096)
def in_chinese(reason: str) -> str:
    """A reason in Chinese, as far as it is known; a few hundred differ over a whole project."""
    whole = _told(reason)
    if whole is not None:
        return whole
    parts = [_told(part) or (part if _CHINESE.search(part) else "") for part in reason.split("; ")]
    if all(parts):
        return "；".join(parts)
    for pattern, words in _LOGIN:
        if pattern.search(reason):
            return f"{words}（{reason}）"
    return reason


def in_english(reason: str) -> str:
    """A reason without its Chinese half, where it has both."""
    return _BOTH.sub(lambda found: f"{found[1]}: {found[3]}" if found[1] else found[3], reason)


def _told(part: str) -> str | None:
    """One reason in Chinese; None where no pattern knows it."""
    both = _BOTH.fullmatch(part)
    if both is not None:
        return f"{_section(both[1])}：{both[2]}" if both[1] else both[2]
    for pattern, words in _PATTERNS:
        found = pattern.fullmatch(part)
        if found is not None:
            named = {name: _value(name, value) for name, value in found.groupdict("").items()}
            return words.format_map(named)
    return None


def _value(name: str, value: str) -> str:
    match name:
        case "input":
            return _input(value)
        case "section":
            return _section(value)
    return value


def _section(name: str) -> str:
    return SECTIONS.get(name, name)


def _input(name: str) -> str:
    """``plan.gateway``: the words of the whole and, where there is more, the part's name."""
    whole, dot, part = name.partition(".")
    words = INPUTS.get(name) or INPUTS.get(whole) or SECTIONS.get(whole, whole)
    return words if name in INPUTS or not dot else f"{words}（{part}）"
