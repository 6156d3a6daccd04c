"""What a home page is made of: its links, its parts from elsewhere, and how alike two pages are.

libxml2 reads the markup (lxml): in time that grows with the page's length, whatever the page holds.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urldefrag, urljoin, urlsplit

from lxml import etree

MOST_LINKS = 2_000
MOST_TOKENS = 50_000
MOST_DEEP = 1_000
"""Elements open within each other. Closing one costs time by their number; a page that has more is
read up to there."""
SHINGLE = 3
PIECE = 32 << 10
"""Bytes read at a time: other sites' answers are taken in between."""

PARTS = {"img": "src", "script": "src", "iframe": "src", "video": "src", "audio": "src",
         "source": "src", "embed": "src", "object": "data"}  # fmt: skip
STYLES = ("stylesheet", "icon", "preload", "shortcut icon")


@dataclass
class Page:
    """``links`` and ``parts`` are absolute addresses in the order met, each once; ``tokens`` tell
    structure and text apart from the order of attributes and white space."""

    links: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)


class _TooDeepError(Exception):
    """More elements lie within each other than are read."""


class _Reader:
    """A parser's target: told of each tag and text."""

    def __init__(self, address: str) -> None:
        self.base = address
        self.page = Page()
        self._seen: set[tuple[bool, str]] = set()
        self._text: list[str] = []
        self._words: dict[str, str] = {}
        self._quiet = 0
        self._deep = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._told_text()
        self._deep += 1
        if self._deep > MOST_DEEP:
            raise _TooDeepError
        if tag in ("script", "style"):
            self._quiet += 1
        if tag == "base" and attributes.get("href"):
            self.base = _joined(self.base, attributes["href"]) or self.base
        elif tag in ("a", "area") and attributes.get("href"):
            self._add(self.page.links, attributes["href"])
        elif tag == "link" and attributes.get("rel", "").lower() in STYLES:
            self._add(self.page.parts, attributes.get("href", ""))
        elif tag in PARTS:
            self._add(self.page.parts, attributes.get(PARTS[tag], ""))
        self._token(f"<{tag} {attributes.get('id', '')} {attributes.get('class', '')}>")

    def end(self, tag: str) -> None:
        self._told_text()
        self._deep -= 1
        if tag in ("script", "style"):
            self._quiet = max(0, self._quiet - 1)

    def data(self, text: str) -> None:
        if not self._quiet:
            self._text.append(text)  # a text may come in pieces

    def close(self) -> Page:
        self._told_text()
        return self.page

    def _told_text(self) -> None:
        if self._text and len(self.page.tokens) < MOST_TOKENS:
            for word in re.finditer(r"\w+", "".join(self._text)):
                if len(self.page.tokens) >= MOST_TOKENS:
                    break
                self._token(word[0])
        self._text.clear()

    def _token(self, text: str) -> None:
        if len(self.page.tokens) < MOST_TOKENS:
            self.page.tokens.append(self._words.setdefault(text, text))

    def _add(self, to: list[str], address: str) -> None:
        if len(to) >= MOST_LINKS:
            return
        whole = _joined(self.base, address)
        key = (to is self.page.links, whole)
        if whole and key not in self._seen:
            self._seen.add(key)
            to.append(whole)


def _joined(base: str, address: str) -> str:
    """Absolute and without its fragment; "" for what is no address of a page."""
    try:
        whole = urldefrag(urljoin(base, address.strip())).url
        parts = urlsplit(whole)
        known = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return ""
    return whole if known else ""


async def read_page(body: bytes, content_type: str, address: str) -> Page:
    """The page's parts; an unreadable page has none. Never raises; lets others work in between."""
    reader = _Reader(address)
    parser = etree.HTMLParser(target=reader, encoding="utf-8", huge_tree=True)
    wire = decode(body, content_type).encode("utf-8", "replace")
    try:
        for at in range(0, len(wire), PIECE):
            parser.feed(wire[at : at + PIECE])
            await asyncio.sleep(0)
        parser.close()
    except (etree.LxmlError, _TooDeepError):
        pass  # as far as it could be read
    return reader.close()


def decode(body: bytes, content_type: str) -> str:
    """Text by the header's charset, the page's own, else UTF-8 or GB18030, whichever fits."""
    named = re.search(r"charset=[\"']?([\w-]+)", content_type, re.I)
    inner = re.search(rb"charset=[\"']?([\w-]+)", body[:2048], re.I)
    names = [named[1]] if named else []
    names += [inner[1].decode("ascii", "replace")] if inner else []
    for name in (*names, "utf-8", "gb18030"):
        try:
            return body.decode("gb18030" if name.lower() in ("gb2312", "gbk") else name)
        except (LookupError, UnicodeDecodeError):
            continue
    return body.decode("utf-8", "replace")


def difference(one: Page, other: Page) -> float:
    """0 (the same) to 1 (nothing in common): of runs of three tokens, how many are in one only."""
    left, right = _shingles(one.tokens), _shingles(other.tokens)
    size = left.total() + right.total()
    return 1 - 2 * (left & right).total() / size if size else 0.0


def _shingles(tokens: list[str]) -> Counter[tuple[str, ...]]:
    if len(tokens) < SHINGLE:
        return Counter([tuple(tokens)] if tokens else [])
    return Counter(zip(*(tokens[n:] for n in range(SHINGLE)), strict=False))


def is_internal(address: str, home: str) -> bool:
    """Whether a link stays on the site: the same host, or one below the site's own domain."""
    host, own = (urlsplit(each).hostname or "" for each in (address, home))
    domain = own.removeprefix("www.")
    return host in (own, domain) or host.endswith(f".{domain}")
