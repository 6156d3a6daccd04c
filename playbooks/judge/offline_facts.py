"""What is known of one file after it was looked at, before any profile is asked about it."""

from __future__ import annotations

from dataclasses import dataclass, field

from playbooks.judge.elf import Elf, Version

MOST_PLACES = 20
"""Places kept of one kind of binary; beyond them they are counted."""
MOST_NEEDS = 2000
MOST_PROBLEMS = 20
_SHOWN = 300


@dataclass(frozen=True, kw_only=True)
class Need:
    """What a binary asks of the machine; equal needs of many files are judged once."""

    elf: Elf
    """Without its lists of libraries, so that it is the same for many files."""
    role: str
    """program, library, node, python, kernel or object (not linked yet)."""
    library: str = ""
    """Inside a JAR: the library it is one build of."""
    jemalloc: bool = False
    musl: bool = False
    """Linked with musl, which a glibc system does not bring."""


@dataclass
class Seen:
    """Where a need was met."""

    count: int = 0
    places: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Wheel:
    """A wheel's name taken apart (PEP 427, 600, 656)."""

    distribution: str
    version: str
    platforms: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """A Java artefact by its pom.properties or its file's name."""

    name: str
    version: Version


@dataclass
class Facts:
    """One file: what it is and everything found in it."""

    path: str
    size: int = 0
    kind: str = "data"
    """data, script, elf, static_library, pe, macho, jar, wheel, archive, image, deb, rpm,
    packed, unreadable."""
    needs: dict[Need, Seen] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    """Why something in it was not looked at."""
    stated_arch: str = ""
    """The architecture a .deb or .rpm states."""
    platforms: set[tuple[str, str]] = field(default_factory=set)
    """(os, architecture) a container image states."""
    wheel: Wheel | None = None
    artifacts: set[Artifact] = field(default_factory=set)
    beside: frozenset[str] = frozenset()
    """Names of the builds beside a Node prebuild."""
    members: int = 0

    def add(self, place: str, need: Need) -> None:
        """Counts one binary at a place inside (or the file itself)."""
        seen = self.needs.get(need)
        if seen is None:
            if len(self.needs) >= MOST_NEEDS:
                self.problem("more than 2,000 kinds of binaries")
                return
            seen = self.needs[need] = Seen()
        seen.count += 1
        if len(seen.places) < MOST_PLACES:
            seen.places.append(place[:_SHOWN])

    def problem(self, reason: str, place: str = "") -> None:
        """Notes why something was not looked at."""
        text = f"{place[:_SHOWN]}: {reason}" if place else reason
        if len(self.problems) < MOST_PROBLEMS and text not in self.problems:
            self.problems.append(text)
