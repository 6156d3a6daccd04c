"""Names as people type them: cleaned for keeping, folded for comparing."""

from __future__ import annotations

import re
import unicodedata

_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))
_SPACES = re.compile(r"\s+")
_BETWEEN_CJK = re.compile(
    r"(?<=[\u3000-\u9fff\uff00-\uffef])\s*[\r\n]+\s*|\s*[\r\n]+\s*(?=[\u3000-\u9fff\uff00-\uffef])"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def tidy(text: str) -> str:
    """A name to keep: no invisible characters, single spaces, none at the ends.

    A line break beside a Chinese character was made by hand to fit a cell and is dropped.
    Full-width punctuation stays, it belongs to names.
    """
    if text.isprintable() and "  " not in text:
        return text.strip()  # Most cells: nothing in them is invisible, a break or an odd space.
    text = _CONTROL.sub("", text.translate(_INVISIBLE))
    return _SPACES.sub(" ", _BETWEEN_CJK.sub("", text)).strip()


def narrow(text: str) -> str:
    """A code, number or address to keep: as ``tidy``, and full-width forms made ASCII."""
    return tidy(unicodedata.normalize("NFKC", text))


def fold(text: str) -> str:
    """What two spellings of one name have in common: no spaces, width, case or brackets' width."""
    if text.isascii() and text.isalnum():
        return text.lower()
    return _SPACES.sub("", unicodedata.normalize("NFKC", tidy(text))).casefold()
