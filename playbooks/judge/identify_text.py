"""Text as hosts hand it over: any encoding, any line end, any size; and `key: value` of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

MOST_BYTES = 1 << 20
"""What is read of a file: /proc/cpuinfo of 256 processors has 400 KB."""

_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_PAIR = re.compile(r"^[ \t]*([^:：=]{1,80}?)[ \t]*[:：][ \t]*(.*?)[ \t]*$")


def read_text(path: Path) -> str:
    """The first MiB of a file as text. Raises OSError."""
    with path.open("rb") as file:
        return decode(file.read(MOST_BYTES))


def decode(data: bytes) -> str:
    """Text of unknown encoding: UTF-8, else GB 18030 (a Chinese locale); binary gives ""."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    if b"\0" in data:
        return ""
    for encoding in ("utf-8", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError as error:
            if error.start > len(data) - 4 and len(data) >= MOST_BYTES:  # cut in a character
                return data[: error.start].decode(encoding)
    return data.decode("utf-8", "replace")


def clean(text: str | None) -> str:
    """Without byte order mark and carriage returns, and not longer than is read of a file."""
    if not text or "\0" in text[:MOST_BYTES]:
        return ""
    text = text[:MOST_BYTES].lstrip("\ufeff")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def pairs(text: str) -> Iterator[tuple[str, str]]:
    """Every `key: value` line in order; the colon may be the full-width one. Keys as written."""
    for line in text.split("\n"):
        found = _PAIR.match(line[:4096])
        if found:
            yield found[1], found[2]


def json_pairs(text: str) -> Iterator[tuple[str, str]]:
    """The fields of `lscpu -J`, whose newer form nests them; nothing where it is no JSON."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return
    waiting = [document.get("lscpu")] if isinstance(document, dict) else []
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting.extend(reversed(item))
        elif isinstance(item, dict):
            field, data = item.get("field"), item.get("data")
            if isinstance(field, str) and isinstance(data, str):
                yield field.rstrip(":：").strip(), data.strip()
            waiting.append(item.get("children"))


def assignments(text: str) -> dict[str, str]:
    """`KEY=value` lines as a shell reads them, quotes removed; the last one wins."""
    found: dict[str, str] = {}
    for line in text.split("\n"):
        stripped = line.strip()
        if stripped.startswith("#") or "=" not in stripped[:80]:
            continue
        key, _, value = stripped.partition("=")
        key = key.removeprefix("export ").strip().upper()
        if key.replace("_", "").isalnum():
            found[key] = _unquoted(value.strip())
    return found


def _unquoted(value: str) -> str:
    for quote in ('"', "'", "“", "”"):
        if value.startswith(quote):
            end = value.find("”" if quote == "“" else quote, 1)
            inner = value[1:end] if end > 0 else value[1:]
            return re.sub(r'\\(["$`\\])', r"\1", inner).strip() if quote == '"' else inner.strip()
    return value.split(" #", 1)[0].strip()
