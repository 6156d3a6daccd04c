"""The texts of the pages: found in templates and modules, kept in locale/en/LC_MESSAGES/web.po.

``python -m controller.web.messages`` adds new texts to the file, untranslated, and drops those
that are gone; tests/unit/web/test_messages.py fails until every text has its English.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from controller.web.language import LOCALE

HERE = Path(__file__).parent
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2.ext.babel_extract")]
KEYWORDS = {"_": None, "text": None}
"""``view.text("…")`` translates as ``_("…")`` does."""


def extract() -> dict[str, list[str]]:
    """Every text with the files it is used in."""
    found: dict[str, list[str]] = {}
    for name, _line, message, _comments, _context in extract_from_dir(
        str(HERE), METHODS, keywords=KEYWORDS, options_map={"**": {"encoding": "utf-8"}}
    ):
        if isinstance(message, str) and any(ord(letter) > 0x2E7F for letter in message):
            found.setdefault(message, []).append(name)
    return found


def read(language: str = "en") -> Catalog:
    """The catalogue as it is kept."""
    with path(language).open("rb") as file:
        return read_po(file, locale=language)


def path(language: str = "en") -> Path:
    return LOCALE / language / "LC_MESSAGES" / "web.po"


def update(language: str = "en") -> Catalog:
    """Writes the catalogue with exactly the texts in use; returns it."""
    kept = read(language)
    catalog = Catalog(locale=language, charset="utf-8", fuzzy=False, header_comment="")
    for message, names in sorted(extract().items()):
        old = kept.get(message)
        # Babel writes a place without a line for None; its annotation does not say so.
        places: Any = [(name, None) for name in sorted(set(names))]
        catalog.add(message, old.string if old else "", locations=places)
    # A date in the header would differ each time and say nothing.
    with path(language).open("wb") as file:
        write_po(file, catalog, width=100, omit_header=True)
    head = (
        'msgid ""\nmsgstr ""\n"Language: en\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'
    )
    path(language).write_text(head + path(language).read_text("utf-8"), "utf-8")
    return catalog


if __name__ == "__main__":
    update()
