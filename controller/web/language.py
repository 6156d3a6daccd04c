"""The languages of the pages: Chinese is written in the source, English stands in locale/.

The .po files (one or more a capability) are read and compiled in memory at first use, so there is
no build step and no compiled file that could be older than its source.
"""

from __future__ import annotations

import gettext
import io
from functools import cache
from pathlib import Path
from typing import Protocol

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LANGUAGES = ("zh", "en")
"""The first is the language of the source."""

LOCALE = Path(__file__).parent / "locale"


class Text(Protocol):
    """Translates a Chinese source string and fills its ``{named}`` places."""

    def __call__(self, message: str, /, **values: object) -> str: ...


@cache
def translations(language: str) -> gettext.NullTranslations:
    """The catalogue of ``language``; Chinese (and anything unknown) is the source itself."""
    if language != "en":
        return gettext.NullTranslations()
    catalog = Catalog(locale=language)
    for path in sorted((LOCALE / language / "LC_MESSAGES").glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale=language):
                if message.id not in catalog:
                    catalog.add(message.id, message.string)
    compiled = io.BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


@cache
def text(language: str) -> Text:
    """``_`` of a page in ``language``, for its Python side."""
    catalog = translations(language)

    def translate(message: str, /, **values: object) -> str:
        found = catalog.gettext(message)
        return found.format(**values) if values else found

    return translate


def known(language: str | None, default: str = "zh") -> str:
    """``language`` if there are pages in it, else ``default``."""
    return language if language in LANGUAGES else default
