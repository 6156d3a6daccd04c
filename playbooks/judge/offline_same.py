"""Copies of one archive are looked into once: the same JAR lies in every application's folder.

An archive is known again by its size, its first and last bytes, and the checksums it carries: a
ZIP's directory holds the CRC-32 of every member, the end of gzip and xz data that of the whole.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from playbooks.judge import tree_zip
from playbooks.judge.offline_facts import Facts
from playbooks.judge.tree_content import Source, Unread

_KINDS = frozenset({"jar", "wheel", "archive", "image", "deb"})
_MOST_KEPT = 2048
_MOST_NEEDS = 50
_SAMPLE = 1 << 14
_LEAST = 1 << 12


class Known:
    """The archives of one scan. Threads may share it: the worst race is one look too many."""

    def __init__(self) -> None:
        self._facts: dict[tuple[str, int, bytes], Facts] = {}

    def mark(self, name: str, source: Source) -> tuple[str, int, bytes] | None:
        """What an archive is known again by; None for what is not kept."""
        head = source.at(0, _SAMPLE)
        if source.size < _LEAST or not head.startswith((b"PK\x03\x04", b"\x1f\x8b", b"\xfd7zXZ")):
            return None
        digest = hashlib.blake2b(head)
        try:
            if head.startswith(b"PK"):
                digest.update(tree_zip.directory(source))
            digest.update(source.at(source.size - _SAMPLE, _SAMPLE))
        except Unread:
            return None
        return name.rsplit("/", 1)[-1], source.size, digest.digest()

    def again(self, mark: tuple[str, int, bytes] | None, path: str) -> Facts | None:
        """The facts of a copy seen before, under the new path."""
        known = self._facts.get(mark) if mark else None
        return replace(known, path=path) if known else None

    def keep(self, mark: tuple[str, int, bytes] | None, facts: Facts) -> None:
        """Remembers an archive, while there is room."""
        small = len(facts.needs) <= _MOST_NEEDS and len(self._facts) < _MOST_KEPT
        if mark and small and facts.kind in _KINDS:
            self._facts[mark] = facts
