"""Software packages: the `ar` of .deb and static libraries, and .rpm with its cpio."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from playbooks.judge.tree_content import Content, Room, Source, Stream, Unread, Window, skip
from playbooks.judge.tree_packed import Unpacked, packed_with

AR = b"!<arch>\n"
RPM = b"\xed\xab\xee\xdb"
_HEADER = b"\x8e\xad\xe8\x01"
_ARCH_TAG = 1022
_MOST_HEADER = 64 << 20


def ar_members(source: Source, room: Room) -> Iterator[Content]:
    """Every member of an ar archive. Raises Unread."""
    at = len(AR)
    while at + 60 <= source.size:
        row = source.at(at, 60)
        if row[58:60] != b"`\n" or not row[48:58].strip().isdigit():
            raise Unread("damaged ar archive")
        size = int(row[48:58])
        room.member()
        name = row[:16].decode("ascii", "replace").rstrip(" /")
        yield Content(name, size, source=Window(source, at + 60, size))
        at += 60 + size + size % 2


def rpm_arch(source: Source) -> tuple[str, int]:
    """The architecture that the header states, and where the payload starts. Raises Unread."""
    at = 96  # the lead
    arch = ""
    for signature in (True, False):
        row = source.at(at, 16)
        if row[:4] != _HEADER:
            raise Unread("damaged rpm header")
        count, size = struct.unpack_from(">II", row, 8)
        if count * 16 + size > _MOST_HEADER:
            raise Unread("an rpm header of more than 64 MiB")
        index, store = at + 16, at + 16 + count * 16
        if not signature:
            arch = _tag(source, index, store, count)
        at = store + size
        at += -at % 8 if signature else 0
    return arch, at


def _tag(source: Source, index: int, store: int, count: int) -> str:
    rows = source.at(index, min(count, 4096) * 16)
    for row in range(0, len(rows) - 15, 16):
        tag, _, offset, _ = struct.unpack_from(">IIII", rows, row)
        if tag == _ARCH_TAG:
            return source.at(store + offset, 32).split(b"\0")[0].decode("ascii", "replace")
    return ""


def rpm_members(source: Source, start: int, room: Room) -> Iterator[Content]:
    """Every file of the payload. Raises Unread (zstd payloads need Python 3.14)."""
    payload = Content("payload", source.size - start,
                      source=Window(source, start, source.size - start))  # fmt: skip
    method = packed_with(payload.head(8))
    if method is None:
        raise Unread("an rpm payload of unknown compression")
    yield from _cpio(Unpacked(payload.stream(), method, room), room)


def _cpio(stream: Stream, room: Room) -> Iterator[Content]:
    """The `new` format: 110 bytes of hexadecimal, name and data padded to four bytes."""
    while True:
        row = stream.read(110)
        if len(row) < 110:
            return
        if row[:6] not in (b"070701", b"070702"):
            raise Unread("an rpm payload that is no cpio")
        try:
            mode, size, name_size = (int(row[at : at + 8], 16) for at in (14, 54, 94))
        except ValueError:
            raise Unread("damaged cpio header") from None
        if name_size > 65536:
            raise Unread("damaged cpio header")
        raw = stream.read(name_size)
        skip(stream, -(110 + name_size) % 4)
        name = raw.rstrip(b"\0").decode("utf-8", "backslashreplace")
        if name == "TRAILER!!!":
            return
        room.member()
        part = _Part(stream, size)
        if mode & 0o170000 == 0o100000:
            yield Content(name.removeprefix("./"), size, stream=part)
        skip(stream, part.left + -size % 4)


class _Part:
    def __init__(self, stream: Stream, left: int) -> None:
        self.stream = stream
        self.left = left

    def read(self, length: int) -> bytes:
        data = self.stream.read(min(length, self.left))
        self.left -= len(data)
        return data
