"""What a home page is made of: its links, its parts from elsewhere, and how alike two pages are."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin, urlsplit

MOST_LINKS = 2_000
MOST_TOKENS = 50_000
SHINGLE = 3

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


class _Reader(HTMLParser):
    def __init__(self, address: str) -> None:
        super().__init__(convert_charrefs=True)
        self.base = address
        self.page = Page()
        self._seen: set[tuple[bool, str]] = set()
        self._quiet = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag in ("script", "style"):
            self._quiet += 1
        if tag == "base" and told.get("href"):
            self.base = urljoin(self.base, told["href"])
        elif tag in ("a", "area") and told.get("href"):
            self._add(self.page.links, told["href"])
        elif tag == "link" and told.get("rel", "").lower() in STYLES:
            self._add(self.page.parts, told.get("href", ""))
        elif tag in PARTS:
            self._add(self.page.parts, told.get(PARTS[tag], ""))
        self._token(f"<{tag} {told.get('id', '')} {told.get('class', '')}>")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._quiet = max(0, self._quiet - 1)

    def handle_data(self, data: str) -> None:
        if not self._quiet:
            for word in re.findall(r"[\w]+", data):
                self._token(word)

    def _token(self, text: str) -> None:
        if len(self.page.tokens) < MOST_TOKENS:
            self.page.tokens.append(text)

    def _add(self, to: list[str], address: str) -> None:
        try:
            whole = urldefrag(urljoin(self.base, address.strip())).url
            scheme = urlsplit(whole).scheme
        except ValueError:
            return
        key = (to is self.page.links, whole)
        if scheme in ("http", "https") and key not in self._seen and len(to) < MOST_LINKS:
            self._seen.add(key)
            to.append(whole)


def read_page(body: bytes, content_type: str, address: str) -> Page:
    """The page's parts; an unreadable page has none. Never raises."""
    reader = _Reader(address)
    reader.feed(decode(body, content_type))
    reader.close()
    return reader.page


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
