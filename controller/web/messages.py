"""The texts of the pages: found in templates and modules, kept in locale/en/LC_MESSAGES/*.po.

``python -m controller.web.messages [FILE]`` adds new texts, untranslated, to FILE.po (web.po if
none is named; one file a capability keeps them readable) and drops those that are gone. A text
stays in the file that has it. tests/unit/controller/web/test_messages.py fails until every text
has its English.
"""

from __future__ import annotations

import io
import sys
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
    """Every file's texts as one catalogue; a text that two files hold is taken from the first."""
    whole = Catalog(locale=language)
    for path in files(language):
        for message in _read(path, language):
            if message.id and message.id not in whole:
                whole.add(message.id, message.string, locations=message.locations)
    return whole


def files(language: str = "en") -> list[Path]:
    """The files of a language, by name."""
    return sorted((LOCALE / language / "LC_MESSAGES").glob("*.po"))


def update(into: str = "web", language: str = "en") -> None:
    """Writes the files with exactly the texts in use, new ones into ``into``.po."""
    used_in = extract()
    chosen = LOCALE / language / "LC_MESSAGES" / f"{into}.po"
    texts: dict[Path, dict[str, Any]] = {chosen: {}}
    missing = set(used_in)
    for path in files(language):
        kept = {str(each.id): each.string for each in _read(path, language)}
        texts[path] = {text: kept[text] for text in missing & set(kept)}
        missing -= set(texts[path])
    texts[chosen] |= dict.fromkeys(missing, "")
    for path, own in texts.items():
        _write(path, own, used_in)


def _read(path: Path, language: str) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=language)


def _write(path: Path, texts: dict[str, Any], used_in: dict[str, list[str]]) -> None:
    catalog = Catalog(charset="utf-8", fuzzy=False, header_comment="")
    for text in sorted(texts):
        # Babel writes a place without a line for None; its annotation does not say so.
        places: Any = [(name, None) for name in sorted(set(used_in[text]))]
        catalog.add(text, texts[text], locations=places)
    # A date in the header would differ each time and say nothing.
    body = io.BytesIO()
    write_po(body, catalog, width=100, omit_header=True)
    language = path.parent.parent.name
    head = (
        f'msgid ""\nmsgstr ""\n"Language: {language}\\n"\n'
        '"Content-Type: text/plain; charset=utf-8\\n"\n\n'
    )
    path.write_text(head + body.getvalue().decode("utf-8"), "utf-8")


if __name__ == "__main__":
    update(*sys.argv[1:2])
