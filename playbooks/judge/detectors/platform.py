"""Processor and system: whose they are, and whether what runs here runs on the target."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date

from playbooks.judge.detectors.base import Conflict, Detector, Hit, Look, NotChecked
from playbooks.judge.facts import ElfFile, Facts
from playbooks.judge.identify import Identity, identify


def identity(look: Look) -> Identity:
    """Who the host is, once a bundle."""
    return identity_of(look.facts)


def identity_of(facts: Facts) -> Identity:
    """The same from facts alone, for those who keep a register of hosts."""
    known = facts.memory.get("identity")
    if known is None:
        files: dict[str, list[str]] = {}
        for line in facts.lines("vendor_files"):
            files.setdefault(line.path, []).append(line.text)
        known = facts.memory["identity"] = identify(
            os_release=facts.text("os_release") or None,
            cpuinfo=facts.text("cpuinfo") or None,
            lscpu=facts.text("lscpu") or None,
            files={path: "\n".join(texts) for path, texts in files.items()},
        )
    return known


def cpu(look: Look) -> Iterable[Hit]:
    """The processor; a domestic one is a fact, a foreign one a condition, else unknown."""
    it = identity(look).cpu
    if it.domestic is None:
        raise Conflict(f"processor not identified: {it.vendor or '?'} {it.model or '?'}")
    if not it.domestic:
        excerpt = " ".join(told for told in (it.vendor, it.model, it.arch) if told)
        yield Hit("cpu", "file", "/proc/cpuinfo", excerpt, "cpuinfo")


def system(look: Look) -> Iterable[Hit]:
    """The operating system, likewise."""
    it = identity(look).os
    if it.domestic is None:
        raise Conflict(f"operating system not identified: {it.id or '?'} {it.version or '?'}")
    if not it.domestic:
        yield Hit("os", "file", "/etc/os-release", f"{it.name} {it.version}", "os_release")


def end_of_life(look: Look) -> Iterable[Hit]:
    """The maker no longer mends this version."""
    own = look.facts.values("os_release")
    for entry in look.parameters["ends"]:
        same = own.get("ID") == entry["id"]
        same = same and own.get("VERSION_ID", "").split(".")[0] == entry["version"]
        if same and date.fromisoformat(entry["until"]) < look.now.date():
            excerpt = f"{entry['id']} {entry['version']}: {entry['until']}"
            yield Hit("os", "file", "/etc/os-release", excerpt, "os_release")


_FAMILIES = {"dpkg": "deb", "apt": "deb", "rpm": "rpm", "dnf": "rpm", "yum": "rpm", "zypper": "rpm"}


def package_family(look: Look) -> Iterable[Hit]:
    """Packages of another kind than the target's."""
    own = _FAMILIES.get(look.facts.package_manager, look.facts.package_manager)
    wanted = _FAMILIES.get(look.profile["package_manager"], look.profile["package_manager"])
    if own != wanted:
        yield Hit(
            "packages", "package", look.facts.package_manager, f"{own} -> {wanted}", "packages"
        )


def foreign_packages(look: Look) -> Iterable[Hit]:
    """Packages of somebody else than the maker of the system, who is the commonest vendor."""
    if look.facts.package_manager != "rpm":
        raise NotChecked(f"{look.facts.package_manager or 'packages'}: names no vendor")
    makers: dict[str, list[str]] = {}
    for it in look.facts.packages:
        makers.setdefault(it.vendor.strip(), []).append(f"{it.name} {it.version}")
    house = max(makers, key=lambda name: len(makers[name]), default="")
    for maker, names in makers.items():
        if maker != house:
            excerpt = f"{len(names)}: {', '.join(names)}"
            yield Hit(maker or "(none)", "package", "rpm -qa", excerpt, "packages")


def _versions(elf: ElfFile, prefix: str) -> tuple[int, ...]:
    found = [mark[len(prefix) :] for mark in elf.marks if mark.startswith(prefix)]
    numbers = [
        tuple(int(p) for p in it.split(".")) for it in found if re.fullmatch(r"[\d.]*\d", it)
    ]
    return max(numbers, default=())


def library_versions(look: Look) -> Iterable[Hit]:
    """Programs that ask for a newer glibc or libstdc++ than the target has."""
    for elf in look.facts.app_elves:
        for prefix, name in (("GLIBC_", "glibc"), ("GLIBCXX_", "glibcxx")):
            has, needs = look.profile.get(name), _versions(elf, prefix)
            if has and needs > tuple(has):
                excerpt = f"{prefix}{_dotted(needs)} > {_dotted(tuple(has))}"
                yield Hit(f"{elf.path} {name}", "elf", elf.locator, excerpt, "elf")


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(str(part) for part in version)


def legacy_libraries(look: Look) -> Iterable[Hit]:
    """Programs that load libraries which domestic systems no longer bring."""
    for elf in look.facts.app_elves:
        for name in sorted(elf.marks & set(look.parameters["libraries"])):
            yield Hit(f"{elf.path} {name}", "elf", elf.locator, f"NEEDED {name}", "elf")


def target_sysctl(look: Look) -> Iterable[Hit]:
    """Kernel parameters and limits the application set that the target's image lacks."""
    given = set(look.input("target.sysctl"))
    for line in look.facts.lines("sysctl_conf"):
        key = line.text.partition("=")[0].strip()
        if "=" in line.text and key not in given:
            yield Hit(key, "file", line.locator, line.text, "sysctl_conf")


def machine(look: Look) -> Iterable[Hit]:
    """Dynamically linked programs and libraries for another processor."""
    for elf in _strangers(look):
        if elf.header is not None and not elf.header.static:
            yield _hit(elf, f"e_machine {elf.machine} ({elf.header.arch})")


def static_machine(look: Look) -> Iterable[Hit]:
    """Static programs (Go, Rust) for another processor: no compatibility library helps."""
    for elf in _strangers(look):
        if elf.header is not None and elf.header.static:
            yield _hit(elf, f"static, e_machine {elf.machine} ({elf.header.arch})")


def _strangers(look: Look) -> list[ElfFile]:
    own = {look.profile["elf_machine"], *look.profile.get("elf_machines_also", ())}
    return [elf for elf in look.facts.app_elves if elf.machine not in own]


def loongson_generations(look: Look) -> Iterable[Hit]:
    """A Loongson program of the other instruction set: MIPS or LoongArch."""
    for elf in look.facts.app_elves:
        if (
            elf.machine in look.parameters["machines"]
            and elf.machine != look.profile["elf_machine"]
        ):
            yield _hit(elf, f"e_machine {elf.machine}")


def any_closed_binary(look: Look) -> Iterable[Hit]:
    """Each program the unit installed needs a build from its maker."""
    own = {look.profile["elf_machine"], *look.profile.get("elf_machines_also", ())}
    for elf in look.facts.app_elves:
        if elf.machine not in own:
            yield _hit(elf, f"e_machine {elf.machine}, no build for this processor")


def narrow(look: Look) -> Iterable[Hit]:
    """32-bit programs."""
    return (_hit(elf, "ELF32") for elf in look.facts.app_elves if elf.bits == 32)


def isa_level(look: Look) -> Iterable[Hit]:
    """x86 programs whose notes demand a higher level than the target's processor."""
    for elf in look.facts.app_elves:
        needs = elf.header.x86_isa if elf.header else 0
        if needs > look.profile.get("x86_isa", 0) > 0:
            yield _hit(elf, f"x86-64-v{needs} > v{look.profile['x86_isa']}")


def product_flags(look: Look) -> Iterable[Hit]:
    """Products of which it is known that a version on needs a processor feature."""
    flags = look.profile["cpu_flags"]
    for entry in look.parameters["products"]:
        if entry["flag"] in flags:
            continue
        for process in look.facts.processes:
            if process.comm == entry["process"] and _new_enough(look, entry):
                excerpt = f"{entry['process']} >= {entry['since']}: {entry['flag']}"
                yield Hit(
                    f"{process.comm} {entry['flag']}",
                    "process",
                    process.locator,
                    excerpt,
                    "processes",
                )
                break


def _new_enough(look: Look, entry: dict[str, str]) -> bool:
    """By the package's version; a product that no package brought counts as new enough."""
    for it in look.facts.packages:
        if it.name.startswith(entry["package"]):
            found = re.match(r"(?:\d+:)?([\d.]*\d)", it.version)
            own = tuple(int(part) for part in found[1].split(".")) if found else ()
            return own >= tuple(int(part) for part in entry["since"].split("."))
    return True


def small_page_allocator(look: Look) -> Iterable[Hit]:
    """jemalloc built for 4 KiB pages aborts on larger ones; it cannot be told from outside."""
    for elf in look.facts.app_elves:
        if "jemalloc" in elf.marks:
            yield _hit(elf, f"jemalloc; target page size {look.profile['page_size']}")


def loongarch_world(look: Look) -> Iterable[Hit]:
    """LoongArch programs of the other ABI world."""
    for elf in look.facts.app_elves:
        world = elf.header.loongarch_world if elf.header else None
        if world and world != look.profile["loongarch_world"]:
            yield _hit(elf, f"{world} world -> {look.profile['loongarch_world']} world")


def _hit(elf: ElfFile, excerpt: str) -> Hit:
    return Hit(elf.path, "elf", elf.locator, excerpt, "elf")


DETECTORS = {
    "cpu": Detector(cpu),
    "system": Detector(system),
    "end_of_life": Detector(end_of_life, frozenset({"ends"})),
    "package_family": Detector(package_family, by_profile=True),
    "foreign_packages": Detector(foreign_packages),
    "library_versions": Detector(library_versions, by_profile=True),
    "legacy_libraries": Detector(legacy_libraries, frozenset({"libraries"})),
    "target_sysctl": Detector(target_sysctl),
    "machine": Detector(machine, by_profile=True),
    "static_machine": Detector(static_machine, by_profile=True),
    "loongson_generations": Detector(
        loongson_generations, frozenset({"machines"}), by_profile=True
    ),
    "any_closed_binary": Detector(any_closed_binary, by_profile=True),
    "narrow": Detector(narrow),
    "isa_level": Detector(isa_level, by_profile=True),
    "product_flags": Detector(product_flags, frozenset({"products"}), by_profile=True),
    "small_page_allocator": Detector(small_page_allocator, by_profile=True),
    "loongarch_world": Detector(loongarch_world, by_profile=True),
}
