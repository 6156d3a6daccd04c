"""The offline scan: a folder, archive, JAR, wheel or image judged against profiles, read only."""

from __future__ import annotations

import os
import re
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from playbooks.judge.offline_examine import examine
from playbooks.judge.offline_facts import Facts
from playbooks.judge.offline_judge import judge
from playbooks.judge.offline_same import Known
from playbooks.judge.profiles import Profile
from playbooks.judge.results import (
    EVALUATED,
    UNDECIDED,
    Judgement,
    Remediation,
    Result,
    Severity,
    Status,
    Verdict,
    worst,
)
from playbooks.judge.tree import Walk, shown, size_of
from playbooks.judge.tree_content import FileSource, Unread

_INTERESTING = re.compile(
    rb"\x7fELF|#!|PK\x03\x04|PK\x05\x06|!<arch>\n|\xed\xab\xee\xdb|\x1f\x8b\x08|BZh|\xfd7zXZ\x00"
    rb"|\x28\xb5\x2f\xfd|MZ|\xfe\xed\xfa|[\xce\xcf]\xfa\xed\xfe|\xca\xfe\xba\xbe\x00\x00\x00[\x01-\x27]"
    rb"|7z\xbc\xaf|Rar!|hsqs|QFI\xfb|KDMV|MSCF|07070[12]"
)
_EXAMPLES = 3
_PACKED = (b"PK", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"!<arch>\ndebian", b"\xed\xab\xee\xdb")
_LARGE = 256 << 10
_UNPACKING = 2
"""Threads: unpacking runs outside Python's lock. More would only cost memory."""
_AHEAD = 256
"""Results that may wait for an archive before them; each open one holds a descriptor."""
Progress = Callable[[int, str], None]
RULES = {
    "CPU-002": "ELF e_machine",
    "CPU-003": "32-bit",
    "CPU-004": "x86-64 level",
    "CPU-008": "page size",
    "CPU-009": "LoongArch world",
    "CPU-010": "Loongson MIPS",
    "CPU-011": "Sunway",
    "CPU-012": "JAR natives",
    "CPU-013": "wheels",
    "CPU-015": "static Go",
    "CPU-016": "container images",
    "CPU-017": "kernel modules",
    "OS-003": "package format",
    "OS-004": "glibc floor",
    "OS-005": "loader",
}
"""What headers can answer. Everything else of the catalogue needs the host or the source."""


@dataclass
class Group:
    """One thing to do, over all the files it is to be done for."""

    rule: str
    severity: Severity
    status: Status
    remediation: Remediation | None
    files: int = 0
    examples: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        """One line of the summary."""
        return {
            "rule": self.rule,
            "severity": self.severity.value,
            "status": self.status.value,
            "files": self.files,
            "examples": self.examples,
            "remediation": self.remediation.as_json() if self.remediation else None,
        }


@dataclass
class Tally:
    """The sum over all files for one profile."""

    profile: Profile
    files: int = 0
    judged: int = 0
    """Files with something that had to be judged."""
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    applicable: int = 0
    decided: int = 0
    groups: dict[tuple[str, str, str, str], Group] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """The worst of all files; of none, unknown."""
        return worst(self.verdicts)

    @property
    def coverage(self) -> float:
        """Decided answers over applicable ones, 0 … 1."""
        return self.decided / self.applicable if self.applicable else 0.0

    def plain(self) -> None:
        """A file without anything to judge."""
        self.files += 1
        self.verdicts[Verdict.READY] += 1
        self.applicable += 1
        self.decided += 1

    def add(self, judgement: Judgement) -> None:
        """A judged file."""
        self.files += 1
        self.judged += 1
        self.verdicts[judgement.verdict] += 1
        for result in judgement.results:
            self.applicable += result.status in EVALUATED or result.status in UNDECIDED
            self.decided += result.status in EVALUATED
        problems = [one for one in judgement.results if one.status is Status.FAIL
                    or one.status in UNDECIDED]  # fmt: skip
        for key, result in {_group(one): one for one in problems}.items():
            place = result.evidence[0].locator if result.evidence else judgement.asset
            inside = "" if place == judgement.asset else f"!/{place}"
            self._group(key, result, judgement.asset + inside)

    def _group(self, key: tuple[str, str, str, str], result: Result, path: str) -> None:
        group = self.groups.get(key)
        if group is None:
            group = self.groups[key] = Group(
                result.rule, result.severity, result.status, result.remediation
            )
        group.files += 1
        if len(group.examples) < _EXAMPLES:
            group.examples.append(path)

    def first(self) -> list[Group]:
        """What to do first: blockers before conditions, the more files the sooner."""
        order = list(Severity)
        return sorted(
            self.groups.values(),
            key=lambda one: (order.index(one.severity), one.status is not Status.FAIL, -one.files),
        )

    def as_json(self) -> dict[str, object]:
        """The profile's part of the document."""
        return {
            "profile": self.profile.id,
            "title": {"zh": self.profile.title_zh, "en": self.profile.title_en},
            "verdict": self.verdict.value,
            "coverage": round(self.coverage, 4),
            "files": self.files,
            "judged": self.judged,
            "verdicts": {one.value: self.verdicts[one] for one in Verdict},
            "first": [group.as_json() for group in self.first()],
            "unverified": list(self.profile.unverified),
        }


def _group(result: Result) -> tuple[str, str, str, str]:
    remedy = result.remediation.en if result.remediation else ""
    return result.rule, result.severity.value, result.status.value, remedy


@dataclass
class Scan:
    """A scan under way; `entries` runs it, the tallies fill meanwhile."""

    root: str
    profiles: Sequence[Profile]
    progress: Progress | None = None

    def __post_init__(self) -> None:
        """The tallies, one a profile."""
        self.walk = Walk(self.root)
        self.tallies = [Tally(profile) for profile in self.profiles]
        self.unreadable = 0
        self._known = Known()
        self._beside: tuple[str, frozenset[str]] = ("", frozenset())

    def entries(self) -> Iterator[tuple[Facts, list[Judgement] | None]]:
        """Every file with its judgements, one a profile; None where there was nothing to judge."""
        for count, facts in enumerate(self._looked(), 1):
            if self.progress is not None and count % 256 == 0:
                self.progress(count, facts.path)
            if not facts.needs and not facts.problems and facts.kind in _PLAIN:
                for tally in self.tallies:
                    tally.plain()
                yield facts, None
                continue
            judgements = [judge(facts, profile) for profile in self.profiles]
            for tally, judgement in zip(self.tallies, judgements, strict=True):
                tally.add(judgement)
            yield facts, judgements

    def _looked(self) -> Iterator[Facts]:
        """In the walk's order; large archives are unpacked beside it, two at a time."""
        waiting: deque[Facts | Future[Facts]] = deque()
        with ThreadPoolExecutor(_UNPACKING) as pool:
            try:
                for one in self._begun(pool):
                    waiting.append(one)
                    while waiting and (len(waiting) > _AHEAD or _is_done(waiting[0])):
                        yield _done(waiting.popleft())
                while waiting:
                    yield _done(waiting.popleft())
            finally:
                pool.shutdown(cancel_futures=True)

    def _begun(self, pool: ThreadPoolExecutor) -> Iterator[Facts | Future[Facts]]:
        paged = any(one.page_size > 4096 and one.arch == "aarch64" for one in self.profiles)
        cut = len(os.path.join(self.root, "")) if os.path.isdir(self.root) else None
        for path, descriptor, head in self.walk.files():
            name = shown(path[cut:] if cut else os.path.basename(path)) or "."
            if isinstance(head, str):
                self.unreadable += 1
                facts = Facts(path=name, kind="unreadable")
                facts.problem(head)
            elif not _worth_a_look(head, name):
                facts = Facts(path=name)
            elif head.startswith(_PACKED) and os.fstat(descriptor).st_size > _LARGE:
                yield pool.submit(_beside, name, os.dup(descriptor), paged, self._known)
                continue
            else:
                facts = _examined(name, descriptor, paged, self._known)
                if "prebuilds/" in name and facts.needs:
                    facts.beside = self._builds_beside(path)
            yield facts

    def _builds_beside(self, path: str) -> frozenset[str]:
        """Of `…/prebuilds/linux-x64/x.node`: the names beside linux-x64 (node-gyp-build)."""
        folder = os.path.dirname(os.path.dirname(path))
        if os.path.basename(folder) != "prebuilds":
            return frozenset()
        if self._beside[0] != folder:
            try:
                self._beside = (folder, frozenset(os.listdir(folder)))
            except OSError:
                return frozenset()
        return self._beside[1]

    @property
    def verdict(self) -> Verdict:
        """The worst over all profiles."""
        return worst(tally.verdict for tally in self.tallies)

    @property
    def coverage(self) -> float:
        """Decided answers over applicable ones, over all profiles, 0 … 1."""
        applicable = sum(tally.applicable for tally in self.tallies)
        return sum(tally.decided for tally in self.tallies) / applicable if applicable else 0.0


_PLAIN = frozenset({"data", "script", "packed", "archive", "jar", "elf"})
"""Kinds that, with nothing found in them, leave nothing to judge ("elf": a core dump)."""


def _is_done(one: Facts | Future[Facts]) -> bool:
    return isinstance(one, Facts) or one.done()


def _done(one: Facts | Future[Facts]) -> Facts:
    return one if isinstance(one, Facts) else one.result()


def _beside(name: str, descriptor: int, paged: bool, known: Known) -> Facts:
    try:
        return _examined(name, descriptor, paged, known)
    finally:
        os.close(descriptor)


def _worth_a_look(head: bytes, name: str) -> bool:
    if _INTERESTING.match(head):
        return True
    return head[257:262] == b"ustar" or (name.endswith(".tar") and len(head) == 512)


def _examined(name: str, descriptor: int, paged: bool, known: Known) -> Facts:
    size = size_of(descriptor)
    if size is None:
        facts = Facts(path=name, kind="unreadable")
        facts.problem("no longer a regular file")
        return facts
    source = FileSource(descriptor, size)
    try:
        mark = known.mark(name, source)
        facts = known.again(mark, name) or examine(name, size, source, find_jemalloc=paged)
        known.keep(mark, facts)
    except Unread as error:  # the disk, at the first read
        facts = Facts(path=name, kind="unreadable")
        facts.problem(str(error))
    return facts
