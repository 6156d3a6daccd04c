"""Walking a folder without changing it: every regular file once, with its first bytes.

Symbolic links are never followed, so there are no loops; FIFOs, sockets and devices are counted
and never opened; access times are left alone where the system allows it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field

from playbooks.judge.tree_content import HEAD

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MOST_SORTED = 20_000
"""Larger folders are taken in the order the system gives, not to hold their names."""
_SYSTEM = frozenset({"/proc", "/sys", "/dev"})


@dataclass
class Walk:
    """A walk under way, and what it passed by."""

    root: str
    special: int = 0
    """FIFOs, sockets and devices, not opened."""
    links: int = 0
    noatime: int = field(default=getattr(os, "O_NOATIME", 0))

    def files(self) -> Iterator[tuple[str, int, bytes | str]]:
        """(path, descriptor, first bytes), or (path, -1, reason) where it cannot be read.

        The descriptor is closed when the next one is asked for.
        """
        if not os.path.isdir(self.root):
            yield from self._open(self.root)
            return
        waiting = [self.root]
        while waiting:
            folder = waiting.pop()
            below: list[str] = []
            try:
                with os.scandir(folder) as entries:
                    for path in self._entries(entries, below):
                        yield from self._open(path)
            except OSError as error:
                yield folder, -1, f"folder: {error.strerror}"
            below.sort(reverse=True)
            waiting += below

    def _entries(self, entries: Iterator[os.DirEntry[str]], below: list[str]) -> Iterator[str]:
        ahead: list[str] = []
        for entry in entries:
            if entry.is_file(follow_symlinks=False):
                ahead.append(entry.path)
                if len(ahead) > _MOST_SORTED:
                    yield from ahead
                    ahead.clear()
            elif entry.is_dir(follow_symlinks=False):
                if entry.path not in _SYSTEM:
                    below.append(entry.path)
            elif entry.is_symlink():
                self.links += 1
            else:
                self.special += 1
        ahead.sort()
        yield from ahead

    def _open(self, path: str) -> Iterator[tuple[str, int, bytes | str]]:
        try:
            try:
                descriptor = os.open(path, _FLAGS | self.noatime)
            except PermissionError:
                if not self.noatime:
                    raise
                descriptor = os.open(path, _FLAGS)  # only an owner may leave the time alone
        except OSError as error:
            yield path, -1, error.strerror or "cannot be opened"
            return
        try:
            try:
                head: bytes | str = os.read(descriptor, HEAD)
            except OSError as error:
                head = error.strerror or "cannot be read"
            yield path, descriptor if isinstance(head, bytes) else -1, head
        finally:
            os.close(descriptor)


def size_of(descriptor: int) -> int | None:
    """Bytes of an open regular file; None for anything that is none (any more)."""
    told = os.fstat(descriptor)
    return told.st_size if stat.S_ISREG(told.st_mode) else None


def shown(path: str) -> str:
    """A path that can be printed and written: odd bytes and control characters escaped."""
    if path.isascii() and path.isprintable():
        return path
    text = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else f"\\x{ord(one):02x}" for one in text)
