"""What a bundle's sections say, parsed once a bundle and shared by all rules and profiles."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

from playbooks.judge.bundle import Bundle
from playbooks.judge.elf import Elf, read_elf
from playbooks.judge.facts_net import (
    Address,
    Connection,
    Link,
    Route,
    Socket,
    addresses,
    connections,
    links,
    routes,
    sockets,
)

_HEADING = re.compile(r"^==> (.+) <==$")
_NUMBERED = re.compile(r"^(/[^:]*):(\d+):(.*)$")


class Line(NamedTuple):
    """One line of a section, and where on the host it stood."""

    section: str
    path: str
    number: int
    text: str

    @property
    def locator(self) -> str:
        return f"{self.path}:{self.number}" if self.path else f"{self.section}:{self.number}"


class Process(NamedTuple):
    pid: int
    ppid: int
    user: str
    comm: str
    exe: str
    cmdline: str

    @property
    def locator(self) -> str:
        return f"{self.pid}:{self.exe or self.comm}"


class Package(NamedTuple):
    name: str
    version: str
    arch: str
    vendor: str


class ElfFile(NamedTuple):
    """A program or library in use; ``head``: its first bytes, ``marks``: names found in it."""

    path: str
    origin: str
    pids: tuple[int, ...]
    size: int
    head: bytes
    header: Elf | None
    marks: frozenset[str]

    @property
    def bits(self) -> int:
        return 64 if self.head[4:5] == b"\x02" else 32

    @property
    def machine(self) -> int:
        return int.from_bytes(self.head[18:20], "big" if self.head[5:6] == b"\x02" else "little")

    @property
    def locator(self) -> str:
        return f"{self.pids[0] if self.pids else 0}:{self.path}"


class Jar(NamedTuple):
    pid: int
    path: str
    natives: tuple[str, ...]


class Jvm(NamedTuple):
    """A running Java: its system properties, other options, main class and release file."""

    pid: int
    exe: str
    properties: dict[str, str]
    options: tuple[str, ...]
    main: str
    version: str
    vendor: str
    classpath: str


class Disk(NamedTuple):
    fields: dict[str, str]

    def __getattr__(self, name: str) -> str:
        return self.fields.get(name.upper(), "")


class Facts:
    """A bundle with its sections read on demand. Lines that do not parse are left out."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._values: dict[str, dict[str, str]] = {}
        self._lower: dict[str, str] = {}
        self.memory: dict[str, Any] = {}

    def text(self, section: str) -> str:
        it = self.bundle.sections.get(section)
        return it.data if it else ""

    def lower(self, section: str) -> str:
        """The section's text in lower case, once a bundle."""
        known = self._lower.get(section)
        if known is None:
            known = self._lower[section] = self.text(section).lower()
        return known

    def lines(self, section: str) -> Iterator[Line]:
        """Lines with the file they came from, be it headed (``==> f <==``) or numbered (f:3:)."""
        path, number = "", 0
        for raw in self.text(section).splitlines():
            if heading := _HEADING.match(raw):
                path, number = heading[1], 0
                continue
            number += 1
            if raw.startswith("/") and (numbered := _NUMBERED.match(raw)):
                yield Line(section, numbered[1], int(numbered[2]), numbered[3])
            else:
                yield Line(section, path, number, raw)

    def line_at(self, section: str, start: int) -> Line:
        """The line of a section's text in which the character at ``start`` stands."""
        text = self.text(section)
        begin = text.rfind("\n", 0, start) + 1
        end = text.find("\n", start)
        raw = text[begin : end if end >= 0 else len(text)]
        if raw.startswith("/") and (numbered := _NUMBERED.match(raw)):
            return Line(section, numbered[1], int(numbered[2]), numbered[3])
        headed = text.rfind("==> ", 0, begin)
        if headed >= 0 and (heading := _HEADING.match(text[headed : text.find("\n", headed)])):
            return Line(section, heading[1], text.count("\n", headed, begin), raw)
        return Line(section, "", text.count("\n", 0, begin) + 1, raw)

    def values(self, section: str) -> dict[str, str]:
        """``key=value`` and ``key: value`` lines of a section; the first of a key counts."""
        known = self._values.get(section)
        if known is None:
            known = {}
            for raw in self.text(section).splitlines():
                key, sign, value = raw.partition("=") if "=" in raw else raw.partition(":")
                if sign:
                    known.setdefault(key.strip(), value.strip().strip('"'))
            self._values[section] = known
        return known

    @cached_property
    def arch(self) -> str:
        return self.values("uname").get("machine", "")

    @cached_property
    def processes(self) -> list[Process]:
        found = []
        for raw in self.text("processes").splitlines():
            parts = raw.split("\t", 5)
            if len(parts) == 6 and parts[0].isdigit() and parts[1].isdigit():
                found.append(Process(int(parts[0]), int(parts[1]), *parts[2:]))
        return found

    @cached_property
    def package_manager(self) -> str:
        first = self.text("packages").partition("\n")[0]
        return first.partition("\t")[2].strip() if first.startswith("manager\t") else ""

    @cached_property
    def packages(self) -> list[Package]:
        rows = (raw.split("\t") for raw in self.text("packages").splitlines())
        return [Package(*row) for row in rows if len(row) == 4]

    @cached_property
    def sockets(self) -> list[Socket]:
        return sockets(self.text("sockets"))

    @cached_property
    def connections(self) -> list[Connection]:
        return connections(self.text("connections"))

    @cached_property
    def addresses(self) -> list[Address]:
        return addresses(self.text("addresses"))

    @cached_property
    def links(self) -> list[Link]:
        return links(self.text("links"))

    @cached_property
    def routes(self) -> list[Route]:
        return routes(self.text("routes"))

    @cached_property
    def disks(self) -> list[Disk]:
        pairs = (re.findall(r'([A-Z]+)="([^"]*)"', raw) for raw in self.text("disks").splitlines())
        return [Disk(dict(it)) for it in pairs if it]

    @cached_property
    def elves(self) -> list[ElfFile]:
        found = []
        for raw in self.text("elf").splitlines():
            row = raw.split("\t")
            if len(row) != 6 or not row[3].isdigit():
                continue
            try:
                head = bytes.fromhex(row[4])
            except ValueError:
                continue
            if head[:4] == b"\x7fELF" and len(head) >= 20:
                pids = tuple(int(pid) for pid in row[2].split(",") if pid.isdigit())
                marks = frozenset(mark for mark in row[5].split(",") if mark)
                found.append(
                    ElfFile(row[0], row[1], pids, int(row[3]), head, read_elf(head), marks)
                )
        return found

    @cached_property
    def app_elves(self) -> list[ElfFile]:
        """What the units installed: files of the distribution come with the new system anyway."""
        return [elf for elf in self.elves if elf.origin == "app"]

    @cached_property
    def jars(self) -> list[Jar]:
        found = []
        for raw in self.text("jars").splitlines():
            row = raw.split("\t")
            if len(row) == 3 and row[0].isdigit():
                found.append(Jar(int(row[0]), row[1], tuple(n for n in row[2].split(",") if n)))
        return found

    @cached_property
    def jvms(self) -> list[Jvm]:
        rows: dict[int, list[tuple[str, str]]] = {}
        for raw in self.text("java").splitlines():
            row = raw.split("\t", 2)
            if len(row) == 3 and row[0].isdigit():
                rows.setdefault(int(row[0]), []).append((row[1], row[2]))
        return [_jvm(pid, pairs) for pid, pairs in rows.items()]


def _jvm(pid: int, pairs: list[tuple[str, str]]) -> Jvm:
    one = dict(reversed(pairs))
    return Jvm(
        pid=pid,
        exe=one.get("exe", ""),
        properties={key[2:]: value for key, value in pairs if key.startswith("-D")},
        options=tuple(value for key, value in pairs if key == "option"),
        main=one.get("main", ""),
        version=one.get("JAVA_VERSION", ""),
        vendor=one.get("IMPLEMENTOR", ""),
        classpath=one.get("classpath", ""),
    )
