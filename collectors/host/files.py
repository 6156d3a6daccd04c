"""Reading the kernel's small files: bytes in, bytes out, no decoding on the hot path."""

from __future__ import annotations

import os


def read_bytes(path: str) -> bytes:
    """The whole file; raises OSError, whose text names the path.

    Four system calls where a file object makes seven: these reads are most of a collection.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        text = os.read(handle, 16_384)
        # The kernel may hand out a long table in pieces; only nothing more is the end.
        while more := os.read(handle, 16_384):
            text += more
        return text
    finally:
        os.close(handle)


class HeldFile:
    """A file of the kernel that is looked at often: opened once, read anew from its start.

    Opening and closing costs as much as what is read. The kernel writes the text at every read
    from the start, however little of it is asked for.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._handle = -1

    def look(self, most: int) -> bytes:
        """The first ``most`` bytes as they are now; raises OSError, whose text names the path."""
        if self._handle >= 0:
            try:
                return os.pread(self._handle, most, 0)
            except OSError:
                # /proc was mounted anew, lxcfs was restarted: the path leads to the new one.
                self.close()
        self._handle = os.open(self._path, os.O_RDONLY)
        return os.pread(self._handle, most, 0)

    def close(self) -> None:
        """Gives the handle back; another look opens the file again."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def read_line(path: str) -> str:
    """The file's text without surrounding blanks; "" where it is absent, empty or not for us."""
    try:
        return read_bytes(path).decode("utf-8", "replace").strip(" \t\r\n\0")
    except OSError:
        return ""


def parse_number(text: bytes, name: bytes) -> int | None:
    """The number behind ``name`` at a line's start, without parsing the rest; None if absent."""
    at = 0 if text.startswith(name) else text.find(b"\n" + name) + 1
    if at == 0 and not text.startswith(name):
        return None
    words = text[at + len(name) : at + len(name) + 64].split(None, 1)
    return int(words[0]) if words and words[0].isdigit() else None


def parse_headed(text: bytes, group: bytes) -> dict[bytes, int]:
    """The pair of lines ``Group: names…`` / ``Group: numbers…`` of snmp and netstat.

    Empty where the kernel has no such group; raises ValueError where the pair does not match.
    """
    start = 0 if text.startswith(group) else text.find(b"\n" + group) + 1
    if start == 0 and not text.startswith(group):
        return {}
    names, _, rest = text[start:].partition(b"\n")
    numbers = rest.partition(b"\n")[0]
    keys, values = names.split()[1:], numbers.split()[1:]
    if not numbers.startswith(group) or len(keys) != len(values):
        raise ValueError(f"group {group.decode()} has {len(keys)} names, {len(values)} numbers")
    return {key: int(value) for key, value in zip(keys, values, strict=True)}
