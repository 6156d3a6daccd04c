"""Files that carry machine code inside or beside them: JARs, wheels, Node add-ons, images."""

from __future__ import annotations

import re
from collections.abc import Iterable

from playbooks.judge.detectors.base import Detector, Hit, Look

# Folder and file names by which libraries say for whom a native file is; longest first.
_ARCH_WORDS = {
    "aarch64": "aarch64", "aarch_64": "aarch64", "arm64": "aarch64", "arm64-v8a": "aarch64",
    "x86_64": "x86_64", "x86-64": "x86_64", "amd64": "x86_64", "x64": "x86_64", "linux64": "x86_64",
    "loongarch64": "loongarch64", "loong64": "loongarch64", "loongarch_64": "loongarch64",
    "mips64el": "mips64el", "mips64": "mips64el", "sw_64": "sw_64", "riscv64": "riscv64",
    "ppc64le": "ppc64le", "s390x": "s390x", "x86": "i386", "i386": "i386", "i686": "i386",
    "arm": "arm",
}  # fmt: skip
_WORD = re.compile(
    "(?<![a-z0-9])("
    + "|".join(sorted(map(re.escape, _ARCH_WORDS), key=len, reverse=True))
    + ")(?![a-z0-9])"
)


def arch_in(name: str) -> str | None:
    """The architecture that a path names, None where it names none."""
    found = _WORD.findall(name.lower().replace("linux-", "linux/"))
    return _ARCH_WORDS[found[-1]] if found else None


def jar_natives(look: Look) -> Iterable[Hit]:
    """A library inside a JAR of a running Java that is there for others and not for the target."""
    wanted = look.profile["java_arch"]
    wanted = {"amd64": "x86_64"}.get(wanted, wanted)
    for jar in look.facts.jars:
        groups: dict[str, set[str | None]] = {}
        for native in jar.natives:
            if native.endswith(".so"):
                groups.setdefault(native.rsplit("/", 1)[-1], set()).add(arch_in(native))
        for name, archs in groups.items():
            known = archs - {None}
            if known and wanted not in known:
                excerpt = f"{name}: {', '.join(sorted(str(it) for it in known))}; {wanted} -"
                yield Hit(f"{jar.path}!{name}", "file", f"{jar.pid}:{jar.path}", excerpt, "jars")


def tagged_modules(look: Look) -> Iterable[Hit]:
    """Extension modules in site-packages for another processor."""
    wanted = look.profile["wheel_arch"]
    for line in look.facts.lines("python"):
        path = line.text
        name = arch_in(path.rsplit("/", 1)[-1])
        if name and name != wanted:
            package = re.search(r"-packages/([^/]+)", path)
            yield Hit(package[1] if package else path, "file", path, path, "python")


def node_addons(look: Look) -> Iterable[Hit]:
    """Native Node add-ons: prebuilt for others only, or built on this machine."""
    wanted = {"arm64": "aarch64", "x64": "x86_64", "loong64": "loongarch64", "mips64el": "mips64el"}
    target = wanted.get(look.profile["node_arch"], look.profile["node_arch"])
    addons: dict[str, set[str | None]] = {}
    for line in look.facts.lines("files"):
        if line.text.endswith(".node"):
            root = re.split(r"/(?:prebuilds|build|bin|lib)/", line.text)[0]
            name = arch_in(line.text) or look.facts.arch or None
            addons.setdefault(root, set()).add(name)
    for root, archs in addons.items():
        if target not in archs:
            yield Hit(root, "file", root, ", ".join(sorted(str(it) for it in archs)), "files")


def images(look: Look) -> Iterable[Hit]:
    """Container images of another platform."""
    for line in look.facts.lines("containers"):
        row = line.text.split("\t")
        if len(row) == 4 and row[0] == "image":
            platform = row[3].partition("/")[2]
            if platform != look.profile["oci_arch"]:
                yield Hit(
                    row[2], "cli", f"{row[1]} image inspect", f"{row[2]} {row[3]}", "containers"
                )


DETECTORS = {
    "jar_natives": Detector(jar_natives, by_profile=True),
    "tagged_modules": Detector(tagged_modules, by_profile=True),
    "node_addons": Detector(node_addons, by_profile=True),
    "images": Detector(images, by_profile=True),
}
