"""Which process has a socket: /proc/PID/fd names its inode.

Reading every process's descriptors costs more than everything else we do, so it is done in small
pieces, only for sockets whose process is not known yet, and never again for processes that we may
not look into. An agent that is not root learns the names of its own user's processes only.
"""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

Asking = TypeVar("Asking", bound=Hashable)

LINKS = 400
"""Descriptors read in one piece, about 1 ms of CPU."""
PASSES = 2
"""Over all processes, before what was not found is given up until something new comes."""


class SocketOwners:
    """Names of processes by what asks for them (an edge)."""

    def __init__(self, proc: str = "/proc") -> None:
        self._proc = proc
        self._names: dict[Hashable, str] = {}
        self._wanted: dict[str, Hashable] = {}
        self._asked: set[Hashable] = set()
        self._pids: list[str] = []
        self._denied: set[str] = set()
        self._passes = 0

    def name(self, key: Hashable) -> str:
        """The process's name; "" where it is not known."""
        return self._names.get(key, "")

    def find(self, inodes: Mapping[Asking, int]) -> None:
        """Looks for the owners of sockets; at most LINKS descriptors, going on the next time."""
        wanted: dict[str, Hashable] = {
            f"socket:[{inode}]": key
            for key, inode in inodes.items()
            if inode and key not in self._names
        }
        new = set(wanted.values()) - self._asked
        if new:
            self._asked |= new
            self._passes = 0
        if not wanted or self._passes >= PASSES:
            return
        self._wanted = wanted
        left = LINKS
        while left > 0 and self._wanted:
            if not self._pids:
                if self._passes >= PASSES:
                    return
                self._passes += 1
                self._pids = [pid for pid in os.listdir(self._proc) if pid.isdigit()]
                self._denied &= set(self._pids)
            left -= self._read(self._pids.pop())

    def forget(self, kept: Iterable[Hashable]) -> None:
        """Drops what is known of edges that are not in ``kept``."""
        keep = set(kept)
        self._names = {key: name for key, name in self._names.items() if key in keep}
        self._asked &= keep

    def _read(self, pid: str) -> int:
        """Descriptors (or tries) spent on one process."""
        if pid in self._denied:
            return 0
        folder = f"{self._proc}/{pid}/fd"
        try:
            descriptors = os.listdir(folder)
        except PermissionError:
            self._denied.add(pid)
            return 1
        except OSError:  # it has ended
            return 1
        name = ""
        for descriptor in descriptors:
            try:
                key = self._wanted.pop(os.readlink(f"{folder}/{descriptor}"), None)
            except OSError:
                continue
            if key is not None:
                name = name or read_name(f"{self._proc}/{pid}/comm")
                self._names[key] = name
        return len(descriptors) + 1


def read_name(path: str) -> str:
    """The kernel's name of a process (15 characters at most); "" when it is gone."""
    try:
        with open(path, "rb") as file:
            return file.read(64).decode("utf-8", "replace").strip()
    except OSError:
        return ""
