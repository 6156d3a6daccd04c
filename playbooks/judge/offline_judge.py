"""Judging what was found in one file against one profile: facts in, results out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from playbooks.judge import jar, wheel
from playbooks.judge.elf import Elf, Version
from playbooks.judge.elf_machines import EM_386, EM_LOONGARCH, EM_MIPS, EM_SW64
from playbooks.judge.offline_facts import Facts, Need, Seen
from playbooks.judge.offline_texts import REBUILD, advice, jar_advice
from playbooks.judge.profiles import Profile
from playbooks.judge.results import Evidence, Judgement, Remediation, Result, Severity, Status

B, MAJOR, MINOR = Severity.BLOCKER, Severity.MAJOR, Severity.MINOR
PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
_LINUX = (0, 3)
"""EI_OSABI: System V and GNU."""
_SYSTEMS = {2: "NetBSD", 6: "Solaris", 7: "AIX", 9: "FreeBSD", 12: "OpenBSD"}


@dataclass(frozen=True)
class Finding:
    """One rule's answer about one need, before it is put to a file."""

    rule: str
    severity: Severity
    status: Status
    reason: str
    remedy: Remediation | None = None


def judge(facts: Facts, profile: Profile) -> Judgement:
    """Every rule that file headers can answer, for this file and this target."""
    container = facts.kind == "image"
    answers: list[tuple[Finding, str, Seen | None]] = []
    groups: dict[str, list[tuple[Need, Seen]]] = {}
    for need, seen in facts.needs.items():
        if need.library:
            groups.setdefault(need.library, []).append((need, seen))
        else:
            answers += [
                (found, _subject(facts, need), seen)
                for found in _of_need(need, profile, facts, container=container)
            ]
    for name, builds in groups.items():
        answers += _of_library(name, builds, profile, facts)
    answers += [(found, "", None) for found in _of_file(facts, profile)]
    for reason in facts.problems:
        found = Finding("CPU-002", B, Status.NOT_CHECKED, reason, advice("unread"))
        answers.append((found, reason, None))
    if not answers:
        answers.append((Finding("CPU-002", B, PASS, "no machine code"), "", None))
    results = tuple(_result(facts, profile, *answer) for answer in answers)
    return Judgement(asset=facts.path, profile=profile.id, results=results)


def _subject(facts: Facts, need: Need) -> str:
    """Stable over runs: what kind of binary, where the file holds several kinds."""
    return "" if len(facts.needs) == 1 else f"{need.elf.arch} {need.role} {hash_of(need)}"


def hash_of(need: Need) -> str:
    """Tells needs of one file apart by what they ask for."""
    elf = need.elf
    asked = (elf.bits, elf.glibc, elf.glibcxx, elf.x86_isa, elf.page_align, elf.interpreter)
    return ".".join(str(one) for one in asked)


def _result(facts: Facts, profile: Profile, found: Finding, subject: str, seen: Seen | None
            ) -> Result:  # fmt: skip
    evidence: tuple[Evidence, ...] = ()
    if seen is not None and found.status is not PASS:
        more = f" ({seen.count} files)" if seen.count > len(seen.places) else ""
        evidence = tuple(
            Evidence(kind="elf", locator=place, excerpt=found.reason + more)
            for place in seen.places
        )
    elif found.status is not PASS:
        evidence = (Evidence(kind="file", locator=facts.path, excerpt=found.reason),)
    return Result(
        rule=found.rule,
        severity=found.severity,
        status=found.status,
        asset=facts.path,
        profile=profile.id,
        subject=subject,
        reason=found.reason,
        evidence=evidence,
        remediation=None if found.status is PASS else found.remedy,
    )


def _of_need(need: Need, profile: Profile, facts: Facts, *, container: bool) -> list[Finding]:
    elf = need.elf
    wrong = _machine(need, profile)
    if wrong is not None:
        if container:
            # The image's own platform is judged by CPU-016; a stray binary in it is a remark.
            return [] if _image_differs(facts, profile) else [_softer(wrong)]
        if f"linux-{profile.node_arch}" in facts.beside:
            reason = f"the build for linux-{profile.node_arch} stands beside it"
            return [Finding(wrong.rule, B, Status.NOT_APPLICABLE, reason), _fine(wrong.rule, elf)]
        return [wrong]
    found = list(_of_matching(need, profile, container=container))
    return found or [_fine("CPU-015" if elf.go and elf.static else "CPU-002", elf)]


def _fine(rule: str, elf: Elf) -> Finding:
    return Finding(rule, B, PASS, f"{elf.arch} {elf.kind}")


def _softer(found: Finding) -> Finding:
    return Finding(found.rule, MAJOR, found.status, found.reason, found.remedy)


def _machine(  # noqa: PLR0911 (a decision list)
    need: Need, profile: Profile
) -> Finding | None:
    """What is wrong with the machine it was built for; None where it is the target's."""
    elf = need.elf
    reason = f"built for {elf.arch}, the target is {profile.arch}"
    if elf.osabi not in _LINUX:
        system = _SYSTEMS.get(elf.osabi, f"OS ABI {elf.osabi}")
        if profile.takes_machine(elf.machine):
            return Finding("CPU-002", B, FAIL, f"built for {system}, not Linux", REBUILD)
    if profile.takes_machine(elf.machine) and elf.bits == 64 and elf.little:
        return None
    if elf.machine == EM_386 and profile.arch == "x86_64":
        return None  # runs, with 32-bit libraries: CPU-003
    if elf.machine == EM_MIPS and profile.elf_machine == EM_LOONGARCH:
        return Finding("CPU-010", B, FAIL, reason, advice("mips"))
    if need.role == "kernel":
        return Finding("CPU-017", B, FAIL, reason, advice("kernel"))
    if need.role == "object":
        return Finding("CPU-002", MAJOR, FAIL, reason, advice("object"))
    if profile.elf_machine == EM_SW64:
        return Finding("CPU-011", B, FAIL, reason, REBUILD)
    if elf.go and elf.static:
        return Finding("CPU-015", B, FAIL, reason, advice("go", go_arch=profile.oci_arch))
    return Finding("CPU-002", B, FAIL, reason, advice(need.role))


def _of_matching(need: Need, profile: Profile, *, container: bool) -> Iterator[Finding]:
    """What a binary of the right machine may still lack on this target."""
    elf = need.elf
    if elf.bits == 32:
        yield Finding("CPU-003", MAJOR, FAIL, "32-bit", advice("32-bit"))
    if elf.x86_isa > profile.x86_isa > 0:
        level = f"x86-64-v{elf.x86_isa}"
        reason = f"asks for {level}, the target has v{profile.x86_isa}"
        remedy = advice("x86-level", isa=f"x86-64-v{profile.x86_isa}")
        yield Finding("CPU-004", B, FAIL, reason, remedy)
    yield from _pages(need, profile)
    yield from _world(elf, profile)
    if not container and elf.bits == 64:
        yield from _libraries(elf, profile)
        if need.musl and not elf.interpreter:
            yield Finding("OS-005", MAJOR, FAIL, "linked with musl", advice("loader"))


def _pages(need: Need, profile: Profile) -> Iterator[Finding]:
    elf, page = need.elf, profile.page_size
    if elf.kind == "relocatable":
        return
    if elf.page_align is not None and elf.page_align < page:
        reason = f"aligned for pages of {elf.page_align}, the target's are {page}"
        yield Finding("CPU-008", B, FAIL, reason, advice("page", page=str(page)))
    elif need.jemalloc and page > 4096:
        reason = "embeds jemalloc, whose page size the file does not tell"
        yield Finding("CPU-008", B, UNKNOWN, reason, advice("jemalloc", page=str(page)))


def _world(elf: Elf, profile: Profile) -> Iterator[Finding]:
    wanted = profile.loongarch_world
    if wanted is None or elf.kind == "relocatable":
        return
    named = {"old": "旧世界", "new": "新世界"}
    if elf.loongarch_world not in (None, wanted):
        reason = f"of the {elf.loongarch_world} world, the target is of the {wanted}"
        remedy = Remediation(
            zh=advice("world", world=named[wanted]).zh,
            en=advice("world", world=f"{wanted} world").en,
        )
        yield Finding("CPU-009", B, FAIL, reason, remedy)
    elif elf.loongarch_world is None and wanted == "old":
        reason = "nothing in the file names its LoongArch world"
        yield Finding("CPU-009", B, UNKNOWN, reason, advice("static-world"))


def _libraries(elf: Elf, profile: Profile) -> Iterator[Finding]:
    if elf.glibc and profile.glibc and elf.glibc > profile.glibc:
        # Across the worlds of LoongArch the floor says nothing new.
        if elf.loongarch_world in (None, profile.loongarch_world):
            reason = f"needs glibc {dotted(elf.glibc)}, the target has {dotted(profile.glibc)}"
            yield Finding("OS-004", B, FAIL, reason, advice("glibc", glibc=dotted(profile.glibc)))
    elif not elf.whole and not elf.static:
        reason = "the versions it needs lie beyond what could be read"
        yield Finding("OS-004", B, Status.NOT_CHECKED, reason, advice("unread"))
    if elf.glibcxx and profile.glibcxx and elf.glibcxx > profile.glibcxx:
        reason = f"needs GLIBCXX_{dotted(elf.glibcxx)}, the target has {dotted(profile.glibcxx)}"
        yield Finding("OS-004", MAJOR, FAIL, reason, advice("glibcxx"))
    loader = elf.interpreter
    if not loader or not profile.interpreter or profile.loongarch_world:
        return
    if loader.rsplit("/", 1)[-1] != profile.interpreter.rsplit("/", 1)[-1]:
        reason = f"its loader {loader[:120]} is not on the target"
        yield Finding("OS-005", MAJOR, FAIL, reason, advice("loader"))


def dotted(version: Version) -> str:
    """2.28 of (2, 28)."""
    return ".".join(str(part) for part in version)


def _of_library(
    name: str, builds: list[tuple[Need, Seen]], profile: Profile, facts: Facts
) -> list[tuple[Finding, str, Seen | None]]:
    """A library in a JAR: one build that fits is enough; without any it will not load."""
    own = [
        (need, seen)
        for need, seen in builds
        if profile.takes_machine(need.elf.machine) and need.elf.bits == 64 and need.elf.little
    ]
    judged = [(list(_of_matching(need, profile, container=False)), seen) for need, seen in own]
    if own:
        best, seen = min(judged, key=lambda one: _weight(one[0]))
        if not best:
            return [(Finding("CPU-012", MAJOR, PASS, f"{name}: {profile.arch}"), name, None)]
        return [(found, name, seen) for found in best]
    there = sorted({need.elf.arch for need, _ in builds})
    reason = f"{name}: natives for {', '.join(there)} only, none for {profile.arch}"
    all_seen = Seen(
        count=sum(seen.count for _, seen in builds),
        places=[place for _, seen in builds for place in seen.places][:20],
    )
    remedy = _jar_remedy(name, facts, profile)
    return [(Finding("CPU-012", MAJOR, FAIL, reason, remedy), name, all_seen)]


def _weight(findings: Iterable[Finding]) -> int:
    return sum(100 if found.severity is B else 1 for found in findings)


def _jar_remedy(library: str, facts: Facts, profile: Profile) -> Remediation:
    plain = library.replace("_", "").replace("-", "")
    for artifact in sorted(facts.artifacts, key=lambda one: one.name):
        short = artifact.name.removesuffix("-java").removesuffix("-jni").removesuffix("-all")
        if short.replace("-", "")[:6] in plain or plain in short.replace("-", ""):
            since = jar.SINCE[artifact.name]
            return jar_advice(artifact.name, dotted(since) if since else None, profile.arch)
    return jar_advice("", None, profile.arch)


def _of_file(facts: Facts, profile: Profile) -> Iterator[Finding]:
    if facts.kind in ("pe", "macho"):
        system = "Windows" if facts.kind == "pe" else "macOS"
        yield Finding("CPU-002", MINOR, FAIL, f"a {system} binary", advice("other-system"))
    if facts.kind in ("deb", "rpm"):
        yield from _package(facts, profile)
    if facts.kind == "wheel":
        yield from _wheel(facts, profile)
    if facts.kind == "image":
        yield _image(facts, profile)


def _package(facts: Facts, profile: Profile) -> Iterator[Finding]:
    deb = facts.kind == "deb"
    wanted = profile.deb_arch if deb else profile.rpm_arch
    stated = facts.stated_arch
    if stated in (wanted, "all", "noarch"):
        yield Finding("CPU-002", B, PASS, f"states {stated}")
    elif stated:
        reason = f"states {stated}, the target takes {wanted}"
        yield Finding("CPU-002", B, FAIL, reason, advice("package", arch=wanted))
    else:
        yield Finding("CPU-002", B, Status.NOT_CHECKED, "states no architecture", advice("unread"))
    if deb != (profile.package_manager == "apt"):
        reason = f"a .{facts.kind}, the target installs with {profile.package_manager}"
        remedy = advice("package-format", manager=profile.package_manager)
        yield Finding("OS-003", MAJOR, FAIL, reason, remedy)


def _wheel(facts: Facts, profile: Profile) -> Iterator[Finding]:
    if facts.wheel is None:
        yield Finding("CPU-013", MAJOR, UNKNOWN, "the name is no wheel's", REBUILD)
        return
    platforms = facts.wheel.platforms
    fitting = [one for one in platforms if wheel.fits(one, profile.wheel_arch)]
    loong = profile.arch == "loongarch64"
    remedy = advice("wheel-loongarch" if loong else "wheel", wheel_arch=profile.wheel_arch)
    if not fitting:
        reason = f"built for {', '.join(platforms)}, the target is {profile.wheel_arch}"
        yield Finding("CPU-013", MAJOR, FAIL, reason, remedy)
        return
    floors = [wheel.floor(one) or () for one in fitting]
    if profile.glibc and min(floors) > profile.glibc:
        have = dotted(profile.glibc)
        reason = f"asks for glibc {dotted(min(floors))}, the target has {have}"
        yield Finding("OS-004", B, FAIL, reason, advice("glibc", glibc=have))
    else:
        yield Finding("CPU-013", MAJOR, PASS, f"built for {', '.join(fitting)}")


def _image_differs(facts: Facts, profile: Profile) -> bool:
    return ("linux", profile.oci_arch) not in facts.platforms or len(facts.platforms) > 1


def _image(facts: Facts, profile: Profile) -> Finding:
    if ("linux", profile.oci_arch) in facts.platforms:
        return Finding("CPU-016", B, PASS, f"linux/{profile.oci_arch}")
    remedy = advice("image", oci_arch=profile.oci_arch)
    if not facts.platforms:
        return Finding("CPU-016", B, UNKNOWN, "the image states no platform", remedy)
    stated = ", ".join(f"{system}/{arch}" for system, arch in sorted(facts.platforms))
    reason = f"an image for {stated}, the target takes linux/{profile.oci_arch}"
    return Finding("CPU-016", B, FAIL, reason, remedy)
