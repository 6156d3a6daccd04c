"""Unpacking from front to back: gzip, bzip2, xz, and zstd where this Python has it."""

from __future__ import annotations

import bz2
import lzma
import zlib
from importlib import import_module
from typing import Any, Protocol

from playbooks.judge.tree_content import Room, Stream, Unread

CHUNK = 1 << 16
_XZ_MEMORY = 80 << 20
"""xz -9 asks for 65 MiB."""

MAGIC = (
    (b"\x1f\x8b\x08", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
)


class _Decoder(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...


def packed_with(head: bytes) -> str | None:
    """The name of the compression these first bytes show."""
    return next((name for magic, name in MAGIC if head.startswith(magic)), None)


class Unpacked:
    """A compressed stream, unpacked; several members one after the other are one stream."""

    def __init__(self, stream: Stream, method: str, room: Room) -> None:
        self.stream = stream
        self.method = method
        self.room = room
        self.decoder = _decoder(method)
        self.waiting = b""
        self.ready = bytearray()
        self.ended = False

    def read(self, length: int) -> bytes:
        """See Stream. Raises Unread for damage and for bombs."""
        while len(self.ready) < length and not self.ended:
            self._more(length - len(self.ready))
        data = bytes(self.ready[:length])
        del self.ready[:length]
        return data

    def _more(self, wanted: int) -> None:
        if self.decoder.eof:
            self.waiting = self.decoder.unused_data or self.waiting
            self.waiting = self.waiting.lstrip(b"\0") or self.stream.read(CHUNK).lstrip(b"\0")
            if packed_with(self.waiting[:8]) != self.method:
                self.ended = True
                return
            self.decoder = _decoder(self.method)
        try:
            data = self._decode(max(wanted, CHUNK))
        except (zlib.error, lzma.LZMAError, OSError, ValueError, EOFError) as error:
            raise Unread(f"damaged {self.method} data: {error}") from None
        self.room.unpack(len(data))
        self.ready += data

    def _decode(self, most: int) -> bytes:
        decoder: Any = self.decoder
        if self.method == "gzip":
            if not self.waiting:
                self.waiting = self._fed()
            data: bytes = decoder.decompress(self.waiting, most)
            self.waiting = decoder.unconsumed_tail
            return data
        if decoder.needs_input:
            self.waiting = self.waiting or self._fed()
            data = decoder.decompress(self.waiting, most)
            self.waiting = b""
            return data
        return bytes(decoder.decompress(b"", most))

    def _fed(self) -> bytes:
        data = self.stream.read(CHUNK)
        if not data:
            raise Unread(f"{self.method} data ends too early")
        return data


def _decoder(method: str) -> _Decoder:
    if method == "gzip":
        return zlib.decompressobj(31)
    if method == "bzip2":
        return bz2.BZ2Decompressor()
    if method == "xz":
        return lzma.LZMADecompressor(memlimit=_XZ_MEMORY)
    try:
        module: Any = import_module("compression.zstd")  # Python 3.14 and later
    except ImportError:
        raise Unread("zstd needs Python 3.14 or unpacking by hand") from None
    decoder: _Decoder = module.ZstdDecompressor()
    return decoder
