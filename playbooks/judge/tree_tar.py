"""Members of a tar, from front to back, with bounded names and no trust in its numbers.

The standard library's reader holds extended headers of any size in memory and is slower; this one
reads ustar, GNU and pax names, and jumps over data where it can.
"""

from __future__ import annotations

from collections.abc import Iterator

from playbooks.judge.tree_content import Content, Room, SourceStream, Stream, Unread, Window, skip

BLOCK = 512
_MOST_EXTENDED = 1 << 20
_FILES = b"0\0007"


def is_tar(head: bytes) -> bool:
    """By the mark, or by the checksum for the oldest kind."""
    if len(head) < BLOCK:
        return False
    if head[257:262] == b"ustar":
        return True
    return head[0] != 0 and _checksum_agrees(head)


def _checksum_agrees(block: bytes) -> bool:
    stated = _number(block[148:156])
    return stated is not None and stated == sum(block[:148]) + 256 + sum(block[156:BLOCK])


def members(stream: Stream, room: Room) -> Iterator[Content]:
    """Every regular file. Each must be used before the next is asked for. Raises Unread."""
    name, size_by_pax = "", -1
    while True:
        block = stream.read(BLOCK)
        if len(block) < BLOCK:
            raise Unread("a tar that ends too early")
        if not block.strip(b"\0"):
            return
        if not _checksum_agrees(block):
            raise Unread("damaged tar header")
        room.member()
        kind = block[156:157]
        stated = _number(block[124:136])
        if stated is None or stated < 0:
            raise Unread("damaged tar header")
        if kind in b"LxKg":
            data = _extended(stream, stated)
            if kind == b"L":
                name = _text(data.split(b"\0")[0])
            elif kind == b"x":
                pax = _pax(data)
                name = pax.get("path", name)
                size_by_pax = int(pax["size"]) if pax.get("size", "").isdigit() else size_by_pax
            continue
        size = size_by_pax if size_by_pax >= 0 else stated
        if kind in b"12345":
            size = 0
        if kind == b"S":
            raise Unread("sparse tar members are not read")
        yield from _member(stream, name or _name(block), size, regular=kind in _FILES)
        name, size_by_pax = "", -1


def _member(stream: Stream, name: str, size: int, *, regular: bool) -> Iterator[Content]:
    padded = (size + BLOCK - 1) // BLOCK * BLOCK
    if isinstance(stream, SourceStream):
        start = stream.position
        if regular:
            yield Content(name, size, source=Window(stream.source, start, size))
        stream.position = start + padded
        return
    part = _Part(stream, size)
    if regular:
        yield Content(name, size, stream=part)
    skip(stream, part.left + padded - size)


class _Part:
    """The next `left` bytes of a stream."""

    def __init__(self, stream: Stream, left: int) -> None:
        self.stream = stream
        self.left = left

    def read(self, length: int) -> bytes:
        """See Stream."""
        data = self.stream.read(min(length, self.left))
        self.left -= len(data)
        return data


def _extended(stream: Stream, size: int) -> bytes:
    if size > _MOST_EXTENDED:
        raise Unread("a tar header of more than 1 MiB")
    data = stream.read(size)
    skip(stream, -size % BLOCK)
    return data


def _pax(data: bytes) -> dict[str, str]:
    told: dict[str, str] = {}
    at = 0
    while at < len(data):
        space = data.find(b" ", at, at + 20)
        if space < 0 or not data[at:space].isdigit():
            break
        length = int(data[at:space])
        key, _, value = data[space + 1 : at + length - 1].partition(b"=")
        told[_text(key)] = _text(value)
        if length <= 0:
            break
        at += length
    return told


def _name(block: bytes) -> str:
    name = block[:100].split(b"\0")[0]
    prefix = block[345:500].split(b"\0")[0] if block[257:263] == b"ustar\0" else b""
    return _text(prefix + b"/" + name if prefix else name)


def _text(raw: bytes) -> str:
    return raw[:4096].decode("utf-8", "backslashreplace")


def _number(field: bytes) -> int | None:
    """Octal, or GNU's base-256 with the top bit set."""
    if field[:1] == b"\x80":
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b"\0 ")
    try:
        return int(digits, 8) if digits else 0
    except ValueError:
        return None
