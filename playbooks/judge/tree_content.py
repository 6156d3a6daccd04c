"""The bytes of a file or of a member of an archive, read within bounds and never written.

A `Source` can be read anywhere, a `Stream` from front to back only. A member of a compressed
archive is a stream; what must be read anywhere (a JAR inside a WAR) is held in memory while the
`Room` allows it. Whatever cannot be read raises `Unread` with the reason for the report.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

HEAD = 512
"""Bytes that decide what a file is; a tar's mark stands at 257."""


class Unread(Exception):
    """Something could not be looked at; the text is the reason, in a few words."""


class Source(Protocol):
    """Bytes that can be read anywhere."""

    size: int

    def at(self, offset: int, length: int) -> bytes:
        """At most `length` bytes, fewer at the end; b"" for odd numbers."""


class Stream(Protocol):
    """Bytes from front to back."""

    def read(self, length: int) -> bytes:
        """Exactly `length` bytes, fewer only at the end."""


class FileSource:
    """An open file; pread leaves its position alone."""

    def __init__(self, descriptor: int, size: int) -> None:
        self.descriptor = descriptor
        self.size = size

    def at(self, offset: int, length: int) -> bytes:
        """See Source."""
        if not 0 <= offset < self.size or length <= 0:
            return b""
        try:
            return os.pread(self.descriptor, min(length, self.size - offset), offset)
        except OSError as error:
            raise Unread(f"read error: {error.strerror}") from None


class BytesSource:
    """Bytes in memory."""

    def __init__(self, data: bytes | bytearray) -> None:
        self.data = data
        self.size = len(data)

    def at(self, offset: int, length: int) -> bytes:
        """See Source."""
        return bytes(self.data[offset : offset + length]) if offset >= 0 < length else b""


class Window:
    """A part of another source: a member that is stored as it is."""

    def __init__(self, source: Source, offset: int, size: int) -> None:
        self.source = source
        self.offset = offset
        self.size = max(0, min(size, source.size - offset))

    def at(self, offset: int, length: int) -> bytes:
        """See Source."""
        if not 0 <= offset < self.size or length <= 0:
            return b""
        return self.source.at(self.offset + offset, min(length, self.size - offset))


class SourceStream:
    """A source read from front to back."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.position = 0

    def read(self, length: int) -> bytes:
        """See Stream."""
        data = self.source.at(self.position, length)
        self.position += len(data)
        return data

    def skip(self, length: int) -> None:
        """Without reading."""
        self.position += length


def skip(stream: Stream, length: int) -> None:
    """Past `length` bytes; a stream that cannot jump is read."""
    if isinstance(stream, SourceStream):
        stream.skip(length)
        return
    while length > 0:
        data = stream.read(min(length, 1 << 18))
        if not data:
            return
        length -= len(data)


class Room:
    """What one file on disk may cost: memory held at a time, bytes unpacked over all."""

    def __init__(self, memory: int = 48 << 20, unpacked: int = 8 << 30, ratio: int = 250) -> None:
        self.memory = memory
        self.unpacked = unpacked
        self.ratio = ratio
        self.packed_size = 0
        """Bytes of the file on disk; the ratio is measured against it."""
        self.members = 2_000_000

    def unpack(self, size: int) -> None:
        """Counts bytes unpacked. Raises Unread for what looks like a bomb."""
        self.unpacked -= size
        spent = (8 << 30) - self.unpacked
        if self.unpacked < 0:
            raise Unread("unpacks to more than 8 GiB")
        if spent > 256 << 20 and spent > self.ratio * max(self.packed_size, 1):
            raise Unread(f"unpacks to more than {self.ratio} times its size (a bomb?)")

    def member(self) -> None:
        """Counts members. Raises Unread beyond two million."""
        self.members -= 1
        if self.members < 0:
            raise Unread("more than 2,000,000 members")

    @contextmanager
    def held(self, size: int) -> Iterator[None]:
        """Memory while it is in use. Raises Unread where there is no room for it."""
        if size > self.memory:
            raise Unread(f"a member of {size >> 20} MiB would have to be held in memory")
        self.memory -= size
        try:
            yield
        finally:
            self.memory += size


class Content:
    """One file or member: its first bytes, and the rest as source or stream."""

    def __init__(
        self, name: str, size: int, *, source: Source | None = None, stream: Stream | None = None
    ) -> None:
        self.name = name
        self.size = size
        self._source = source
        self._stream = stream
        self._peeked = b""

    def head(self, length: int = HEAD) -> bytes:
        """The first bytes, without using them up."""
        if self._source is not None:
            return self._source.at(0, length)
        if len(self._peeked) < length and self._stream is not None:
            self._peeked += self._stream.read(length - len(self._peeked))
        return self._peeked[:length]

    @property
    def source(self) -> Source | None:
        """Where it can be read anywhere without being held in memory."""
        return self._source

    def stream(self) -> Stream:
        """From the first byte on; of a compressed member it can be had once."""
        if self._source is not None:
            return SourceStream(self._source)
        return self

    def read(self, length: int) -> bytes:
        """See Stream: what was peeked at comes first."""
        data, self._peeked = self._peeked[:length], self._peeked[length:]
        if len(data) < length and self._stream is not None:
            data += self._stream.read(length - len(data))
        return data

    @contextmanager
    def anywhere(self, room: Room) -> Iterator[Source]:
        """The whole as a source, held in memory where it must be. Raises Unread."""
        if self._source is not None:
            yield self._source
            return
        with room.held(self.size):
            data = bytearray()
            while len(data) < self.size:
                piece = self.read(min(1 << 20, self.size - len(data)))
                if not piece:
                    break
                data += piece
            yield BytesSource(data)
