"""ELF files by their headers: what they run on and what they need there.

Pure Python, bounded: a few kilobytes are read wherever the headers point, every count is capped,
and a file that lies about itself gives fewer facts, never an error. Sources: the ELF gABI, the
processor supplements, glibc's and binutils' elf.h.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from playbooks.judge.elf_machines import EM_LOONGARCH, EM_X86_64, arch_name

Read = Callable[[int, int], bytes]
"""(offset, length) -> at most that many bytes, fewer at the end; never raises on odd numbers."""

MOST_SEGMENTS = 256
MOST_DYNAMIC = 4096
MOST_VERSIONS = 4096
MOST_NAME = 256
_TYPES = {1: "relocatable", 2: "executable", 3: "shared", 4: "core"}
_PT_LOAD, _PT_DYNAMIC, _PT_INTERP, _PT_NOTE, _PT_GNU_PROPERTY = 1, 2, 3, 4, 0x6474E553
_DT_NEEDED, _DT_STRTAB, _DT_SONAME, _DT_VERNEED, _DT_VERNEEDNUM = 1, 5, 14, 0x6FFFFFFE, 0x6FFFFFFF
_NT_GNU_PROPERTY, _X86_ISA_NEEDED = 5, 0xC0008002
_OLD_WORLD_GLIBC = (2, 36)
"""LoongArch came to upstream glibc in 2.36; a lower version can only be of the old world."""

Version = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Elf:
    """What the headers say. None where they say nothing or lie outside what was given."""

    machine: int
    """e_machine: 62 x86-64, 183 AArch64, 258 LoongArch, 268 and 0x9916 SW64 …"""
    arch: str
    """Its name as `uname -m` would say it; `machine-N` where it is in no table."""
    bits: int
    little: bool
    kind: str
    """executable, shared, relocatable, core or other."""
    flags: int
    osabi: int
    interpreter: str | None = None
    needed: tuple[str, ...] = ()
    soname: str | None = None
    glibc: Version | None = None
    """The highest GLIBC_x.y wanted: the oldest glibc that can load it."""
    glibcxx: Version | None = None
    x86_isa: int = 0
    """The x86-64 level that GNU property notes demand: 0 none stated, 1 baseline … 4."""
    page_align: int | None = None
    """The largest page size that its segments can be mapped with, bytes."""
    static: bool = False
    go: bool = False
    loongarch_world: str | None = None
    """`old` or `new`; None for other machines and where nothing tells (static files)."""
    whole: bool = True
    """False where the headers point beyond what was given: versions may be missing."""


@dataclass(frozen=True)
class _Segment:
    kind: int
    offset: int
    address: int
    size: int
    align: int


def read_elf(data: bytes) -> Elf | None:
    """The ELF facts of a file's bytes (its first kilobytes may do), None where it is no ELF."""
    return read_elf_at(lambda offset, length: data[max(offset, 0) : max(offset, 0) + length])


def read_elf_at(read: Read) -> Elf | None:
    """The same through a reader, for files that are not to be held in memory."""
    head = read(0, 64)
    if len(head) < 20 or head[:4] != b"\x7fELF" or head[4] not in (1, 2) or head[5] not in (1, 2):
        return None
    wide, little = head[4] == 2, head[5] == 1
    order = "<" if little else ">"
    kind, machine = struct.unpack_from(order + "HH", head, 16)
    header = _Header(read, head, order, wide)
    facts = _Facts(header)
    return Elf(
        machine=machine,
        arch=arch_name(machine, bits=64 if wide else 32, little=little),
        bits=64 if wide else 32,
        little=little,
        kind=_TYPES.get(kind, "other"),
        flags=header.flags,
        osabi=head[7],
        interpreter=facts.interpreter,
        needed=tuple(facts.needed),
        soname=facts.soname,
        glibc=facts.highest("GLIBC_"),
        glibcxx=facts.highest("GLIBCXX_"),
        x86_isa=facts.x86_isa if machine == EM_X86_64 else 0,
        page_align=facts.page_align,
        static=facts.static(kind),
        go=facts.go,
        loongarch_world=_world(facts) if machine == EM_LOONGARCH else None,
        whole=facts.whole,
    )


def _world(facts: _Facts) -> str | None:
    if facts.interpreter:
        name = facts.interpreter.rsplit("/", 1)[-1]
        if name.startswith("ld-linux-loongarch"):
            return "new"
        if name == "ld.so.1":
            return "old"
    wanted = [version for name in facts.versions if (version := _version(name, "GLIBC_"))]
    if not wanted:
        return None
    # A new-world file wants 2.36 at least of everything it takes from glibc.
    return "old" if min(wanted) < _OLD_WORLD_GLIBC else "new"


def _version(name: str, prefix: str) -> Version | None:
    if not name.startswith(prefix):
        return None
    parts = name.removeprefix(prefix).split(".")
    if len(parts) > 4 or not all(part.isascii() and part.isdigit() for part in parts):
        return None
    if any(len(part) > 4 for part in parts):
        return None
    return tuple(int(part) for part in parts)


class _Header:
    """The file header's fields that lead on, and reading by the file's own byte order."""

    def __init__(self, read: Read, head: bytes, order: str, wide: bool) -> None:
        self.read = read
        self.order = order
        self.wide = wide
        self.flags = 0
        self.table = self.entry_size = self.entries = 0
        needed = 64 if wide else 52
        if len(head) >= needed:
            layout = order + ("QQQIHHHHHH" if wide else "IIIIHHHHHH")
            fields = struct.unpack_from(layout, head, 24)
            self.table, self.flags = fields[1], fields[3]
            self.entry_size, self.entries = fields[5], fields[6]

    def segments(self) -> Iterator[_Segment]:
        layout = self.order + ("IIQQQQQQ" if self.wide else "IIIIIIII")
        size = struct.calcsize(layout)
        if self.entry_size < size or self.entry_size > 256:
            return
        count = min(self.entries, MOST_SEGMENTS)
        table = self.read(self.table, count * self.entry_size)
        for at in range(0, len(table) - size + 1, self.entry_size):
            row = struct.unpack_from(layout, table, at)
            if self.wide:
                yield _Segment(row[0], row[2], row[3], row[5], row[7])
            else:
                yield _Segment(row[0], row[1], row[2], row[4], row[7])

    def name(self, offset: int) -> str:
        raw = self.read(offset, MOST_NAME).split(b"\0")[0]
        return raw.decode("utf-8", "replace")


class _Facts:
    """One walk over the segments."""

    def __init__(self, header: _Header) -> None:
        self.header = header
        self.segments = list(header.segments())
        self.interpreter: str | None = None
        self.needed: list[str] = []
        self.soname: str | None = None
        self.versions: set[str] = set()
        self.x86_isa = 0
        self.go = False
        self.dynamic = False
        self.whole = len(self.segments) == min(header.entries, MOST_SEGMENTS)
        for segment in self.segments:
            if segment.kind == _PT_INTERP and self.interpreter is None:
                self.interpreter = header.name(segment.offset)[: segment.size] or None
            elif segment.kind in (_PT_NOTE, _PT_GNU_PROPERTY):
                self._notes(segment)
            elif segment.kind == _PT_DYNAMIC:
                self._read_dynamic(segment)
        self.page_align = self._page_align()

    def static(self, kind: int) -> bool:
        """No loader, no library wanted; a shared object counts only without a dynamic part."""
        linked = self.interpreter or self.needed or self.soname or not self.whole
        return not linked and (kind == 2 or (kind == 3 and not self.dynamic))

    def highest(self, prefix: str) -> Version | None:
        found = [version for name in self.versions if (version := _version(name, prefix))]
        if prefix == "GLIBC_" and "GLIBC_ABI_DT_RELR" in self.versions:
            found.append((2, 36))
        return max(found, default=None)

    def _page_align(self) -> int | None:
        """Offset and address of a segment agree modulo the page size, or it cannot be mapped."""
        sizes = []
        for segment in self.segments:
            if segment.kind == _PT_LOAD and segment.size:
                apart = abs(segment.address - segment.offset)
                agrees = apart & -apart if apart else 1 << 32
                sizes.append(min(agrees, max(segment.align, 1)))
        return min(sizes, default=None)

    def _offset(self, address: int) -> int | None:
        for segment in self.segments:
            if segment.kind == _PT_LOAD and 0 <= address - segment.address < segment.size:
                return segment.offset + address - segment.address
        return None

    def _read_dynamic(self, segment: _Segment) -> None:
        layout = self.header.order + ("qQ" if self.header.wide else "iI")
        size = struct.calcsize(layout)
        length = min(segment.size, MOST_DYNAMIC * size)
        table = self.header.read(segment.offset, length)
        self.whole = self.whole and len(table) == length
        told: dict[int, int] = {}
        needed: list[int] = []
        for at in range(0, len(table) - size + 1, size):
            tag, value = struct.unpack_from(layout, table, at)
            tag &= 0xFFFFFFFF
            if tag == 0:
                break
            if tag == _DT_NEEDED:
                needed.append(value)
            else:
                told.setdefault(tag, value)
        self.dynamic = True
        strings = self._offset(told.get(_DT_STRTAB, -1))
        if strings is None:
            return
        self.needed = [self.header.name(strings + at) for at in needed[:512]]
        if _DT_SONAME in told:
            self.soname = self.header.name(strings + told[_DT_SONAME])
        if _DT_VERNEED in told:
            self._needed_versions(told, strings)

    def _needed_versions(self, told: dict[int, int], strings: int) -> None:
        """Elf_Verneed: version, count, file, first, next; each with its Elf_Vernaux chain."""
        at = self._offset(told[_DT_VERNEED])
        left = MOST_VERSIONS
        for _ in range(min(told.get(_DT_VERNEEDNUM, 0), 512)):
            row = self._row("HHIII", at, 16)
            if at is None or row is None:
                return
            inner: int | None = at + row[3]
            for _ in range(min(row[1], left)):
                left -= 1
                entry = self._row("IHHII", inner, 16)
                if inner is None or entry is None:
                    break
                self.versions.add(self.header.name(strings + entry[3]))
                inner = inner + entry[4] if entry[4] else None
            at = at + row[4] if row[4] else None

    def _row(self, layout: str, at: int | None, size: int) -> tuple[int, ...] | None:
        if at is None:
            return None
        raw = self.header.read(at, size)
        if len(raw) < size:
            self.whole = False
            return None
        return struct.unpack(self.header.order + layout, raw)

    def _notes(self, segment: _Segment) -> None:
        data = self.header.read(segment.offset, min(segment.size, 4096))
        step = 8 if segment.align == 8 else 4
        at = 0
        while at + 12 <= len(data):
            name_size, size, kind = struct.unpack_from(self.header.order + "III", data, at)
            name = data[at + 12 : at + 12 + min(name_size, 16)]
            start = at + _padded(12 + name_size, step)
            if name == b"Go\0\0" and kind == 4:
                self.go = True
            if name == b"GNU\0" and kind == _NT_GNU_PROPERTY:
                self._properties(data[start : start + size])
            at = start + _padded(size, step)

    def _properties(self, data: bytes) -> None:
        at, step = 0, 8 if self.header.wide else 4
        while at + 8 <= len(data):
            kind, size = struct.unpack_from(self.header.order + "II", data, at)
            if kind == _X86_ISA_NEEDED and size == 4 and at + 12 <= len(data):
                bits = struct.unpack_from(self.header.order + "I", data, at + 8)[0]
                self.x86_isa = max(self.x86_isa, min(bits.bit_length(), 4))
            at += 8 + _padded(size, step)


def _padded(size: int, step: int) -> int:
    return (size + step - 1) // step * step
