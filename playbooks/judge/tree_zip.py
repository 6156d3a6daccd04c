"""Members of a ZIP by its central directory, one at a time, from any source.

The standard library's reader builds an object a member and reads the whole directory: a crafted
JAR of a few megabytes then takes gigabytes. This one walks it.
"""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib
from collections.abc import Iterator
from typing import Any

from playbooks.judge.tree_content import Content, Room, Source, Unread, Window

_END = b"PK\x05\x06"
_DIRECTORY = b"PK\x01\x02"
_LOCAL = b"PK\x03\x04"
_WINDOW = 1 << 16
_MOST_COMPARED = 4 << 20


def is_zip(head: bytes) -> bool:
    """By the first member's mark, or that of an empty archive."""
    return head[:4] in (_LOCAL, _END)


def members(source: Source, room: Room) -> Iterator[Content]:
    """Every file of the archive. Raises Unread where it is no ZIP or a damaged one."""
    start, size, shift = _directory(source)
    at, end = start, start + size
    buffer, base = b"", at
    while at < end:
        if at + 46 - base > len(buffer) or at < base:
            buffer, base = source.at(at, _WINDOW), at
        row = buffer[at - base : at - base + 46]
        if len(row) < 46 or row[:4] != _DIRECTORY:
            raise Unread("damaged ZIP directory")
        (flags, method, _, _, _, packed, unpacked, name_size, extra_size, comment_size, _, _, _,
         offset) = struct.unpack_from("<HHHHIIIHHHHHII", row, 8)  # fmt: skip
        total = 46 + name_size + extra_size + comment_size
        if at - base + total > len(buffer):
            buffer, base = source.at(at, max(total, _WINDOW)), at
        name = buffer[at - base + 46 : at - base + 46 + name_size]
        extra = buffer[at - base + 46 + name_size : at - base + 46 + name_size + extra_size]
        at += total
        room.member()
        if name.endswith(b"/") and not unpacked:
            continue
        wide = _wide(extra, unpacked, packed, offset)
        yield _member(source, room, _text(name, flags), flags, method, wide, shift)


def directory(source: Source) -> bytes:
    """The whole directory, which holds the CRC-32 and size of every member. Raises Unread."""
    start, size, _ = _directory(source)
    if size > _MOST_COMPARED:
        raise Unread("a ZIP directory of more than 4 MiB")
    return source.at(start, size)


def _text(raw: bytes, flags: int) -> str:
    if not flags & 0x800:
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            return raw.decode("gb18030", "backslashreplace")  # as Chinese Windows writes it
    return raw.decode("utf-8", "backslashreplace")


def _directory(source: Source) -> tuple[int, int, int]:
    """Offset and size of the directory, and by how much offsets are shifted (a prefix)."""
    tail = source.at(max(0, source.size - 65557), 65557)
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < 22:
        raise Unread("ZIP without its directory (cut off?)")
    entries, size, offset = struct.unpack_from("<HII", tail, at + 10)
    end = max(0, source.size - len(tail)) + at
    if 0xFFFFFFFF in (size, offset) or entries == 0xFFFF:
        locator = source.at(end - 20, 20)
        if locator[:4] == b"PK\x06\x07":
            record = source.at(struct.unpack_from("<Q", locator, 8)[0], 56)
            if len(record) == 56 and record[:4] == b"PK\x06\x06":
                size, offset = struct.unpack_from("<QQ", record, 40)
                return offset, size, 0
    shift = end - size - offset
    if shift < 0 or size > source.size:
        raise Unread("damaged ZIP directory")
    return offset + shift, size, shift


def _wide(extra: bytes, unpacked: int, packed: int, offset: int) -> tuple[int, int, int]:
    """The three numbers with what the ZIP64 field says of those that did not fit."""
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, at)
        if kind == 1:
            values = iter(struct.unpack_from(f"<{size // 8}Q", extra[: at + 4 + size], at + 4))
            unpacked = next(values, unpacked) if unpacked == 0xFFFFFFFF else unpacked
            packed = next(values, packed) if packed == 0xFFFFFFFF else packed
            offset = next(values, offset) if offset == 0xFFFFFFFF else offset
        at += 4 + size
    return unpacked, packed, offset


def _member(
    source: Source,
    room: Room,
    name: str,
    flags: int,
    method: int,
    numbers: tuple[int, int, int],
    shift: int,
) -> Content:
    unpacked, packed, offset = numbers
    if flags & 1:
        return Content(name, unpacked, stream=_Refused("encrypted"))
    packed_part = _Packed(source, offset + shift, packed)
    if method == 0:
        return Content(name, unpacked, source=_Stored(packed_part, unpacked))
    if method in (8, 12, 14):
        return Content(name, unpacked, stream=_Inflated(packed_part, method, unpacked, room))
    return Content(name, unpacked, stream=_Refused(f"packed by ZIP method {method}"))


class _Packed:
    """A member's packed bytes; where they start stands in the local header, read when needed."""

    def __init__(self, source: Source, header: int, size: int) -> None:
        self.source = source
        self.header = header
        self.size = size
        self._window: Window | None = None

    def window(self) -> Window:
        """Raises Unread where the local header is not there."""
        if self._window is None:
            row = self.source.at(self.header, 30)
            if len(row) < 30 or row[:4] != _LOCAL:
                raise Unread("damaged ZIP member")
            name_size, extra_size = struct.unpack_from("<HH", row, 26)
            start = self.header + 30 + name_size + extra_size
            self._window = Window(self.source, start, self.size)
        return self._window


class _Stored:
    def __init__(self, packed: _Packed, size: int) -> None:
        self.packed = packed
        self.size = min(size, packed.size)

    def at(self, offset: int, length: int) -> bytes:
        return self.packed.window().at(offset, length)


class _Refused:
    def __init__(self, reason: str) -> None:
        self.reason = reason

    def read(self, length: int) -> bytes:
        raise Unread(f"{self.reason} (first of {length} bytes)" if length < 0 else self.reason)


class _Inflated:
    """Unpacked as it is read, never beyond the size that the directory states."""

    def __init__(self, packed: _Packed, method: int, size: int, room: Room) -> None:
        self.packed = packed
        self.method = method
        self.left = size
        self.room = room
        self.position = 0
        self.decoder: Any = None
        self.waiting = b""
        self.ready = bytearray()

    def read(self, length: int) -> bytes:
        """See Stream. Raises Unread for damage and bombs."""
        while len(self.ready) < min(length, self.left) and self._more(length):
            pass
        data = bytes(self.ready[: min(length, self.left)])
        del self.ready[: len(data)]
        self.left -= len(data)
        return data

    def _more(self, wanted: int) -> bool:
        if self.decoder is None:
            self._begin()
        if self.decoder.eof:
            return False
        if not self.waiting and getattr(self.decoder, "needs_input", True):
            # A small first bite: most members are only looked at.
            bite = 2048 if self.position < 4096 and wanted <= 4096 else 1 << 16
            self.waiting = self.packed.window().at(self.position, bite)
            self.position += len(self.waiting)
            if not self.waiting:
                return False
        try:
            data = self.decoder.decompress(self.waiting, max(wanted, 4096))
        except (zlib.error, lzma.LZMAError, OSError, ValueError, EOFError) as error:
            raise Unread(f"damaged ZIP member: {error}") from None
        self.waiting = getattr(self.decoder, "unconsumed_tail", b"")
        self.room.unpack(len(data))
        self.ready += data
        return True

    def _begin(self) -> None:
        if self.method == 8:
            self.decoder = zlib.decompressobj(-15)
        elif self.method == 12:
            self.decoder = bz2.BZ2Decompressor()
        else:
            raise Unread("packed by LZMA inside a ZIP")
