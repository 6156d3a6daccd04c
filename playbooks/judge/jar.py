"""Native libraries in Java artefacts: one library, several builds, a target that needs one."""

from __future__ import annotations

import re

from playbooks.judge.elf import Version
from playbooks.judge.offline_facts import Artifact

JAR_NAMES = (".jar", ".war", ".ear", ".sar", ".par", ".hpi", ".jpi", ".aar", ".kar", ".nar")
INERT = (
    ".class", ".java", ".kt", ".scala", ".groovy", ".xml", ".properties", ".html", ".htm", ".css",
    ".js", ".map", ".ts", ".png", ".gif", ".jpg", ".jpeg", ".svg", ".ico", ".txt", ".md", ".mf",
    ".sf", ".rsa", ".dsa", ".json", ".yml", ".yaml", ".xsd", ".dtd", ".sql", ".jsp", ".ftl",
    ".vm", ".woff", ".woff2", ".ttf", ".kotlin_module", ".py", ".pyi",
)  # fmt: skip
"""Members whose names say that no machine code is in them; they are not unpacked."""

_ARCHES = (
    "x86[_-]64|x86|x64|amd64|em64t|i[3-6]86|aarch[_-]?64|arm64|armv[5-8]\\w*|armhf|armel|arm|"
    "ppc64(?:le)?|ppcle|ppc|powerpc64|s390x|riscv64|loongarch[_-]?64|loong64|mips64(?:el)?|"
    "mips(?:el)?|sw_?64|alpha|sparcv?9?|ia64|itanium_64"
)
_SYSTEMS = "linux|windows|win|osx|macosx|macos|mac|darwin|freebsd|openbsd|netbsd|sunos|solaris|aix"
_TOKEN = re.compile(
    rf"[-_.]?(?:(?:{_SYSTEMS})(?:[-_]?(?:32|64))?|{_ARCHES}|musl|gnu|glibc|hf|le|be|32|64)"
    r"(?=[-_.]|$)",
    re.IGNORECASE,
)
_SUFFIX = re.compile(r"(?:\.(?:so(?:\.\d+)*|dll|dylib|jnilib|sl|a))+$", re.IGNORECASE)
_ELSEWHERE = re.compile(
    r"(?:^|[/_.-])(?:freebsd|openbsd|netbsd|dragonfly\w*|sunos|solaris|aix|android)(?:\d|[/_.-]|$)",
    re.IGNORECASE,
)

SINCE: dict[str, Version | None] = {
    "rocksdbjni": (6, 2, 2),
    "commons-crypto": (1, 1, 0),
    "jansi": (2, 0),
    "leveldbjni-all": None,
    "lz4-java": (1, 4, 0),
    "snappy-java": (1, 1, 4),
    "zstd-jni": (1, 2, 0),
    "netty-transport-native-epoll": (4, 1, 50),
    "jffi": (1, 2, 13),
    "hadoop-lzo": None,
    "sigar": None,
    "jansi-native": None,
}
"""The first version with natives for aarch64; None: no version has them, another way is needed."""


def is_java(name: str) -> bool:
    """By the name; a ZIP with META-INF/MANIFEST.MF is one too."""
    return name.lower().endswith(JAR_NAMES)


def library(path: str) -> str:
    """The library that a native member is a build of: names without platform and suffix.

    `META-INF/native/linux64/libjansi.so` -> jansi,
    `librocksdbjni-linux-aarch64.so` -> rocksdbjni.
    """
    name = _SUFFIX.sub("", path.rsplit("/", 1)[-1]).removeprefix("lib")
    for _ in range(6):  # each token may uncover the next
        shorter = _TOKEN.sub("", name)
        if shorter == name or not shorter:
            break
        name = shorter
    return name.lower().strip("-_.") or path.rsplit("/", 1)[-1].lower()


def for_another_system(path: str) -> bool:
    """Whether its folder or name says FreeBSD, Solaris, Android …: their ELF looks like ours."""
    return bool(_ELSEWHERE.search(path))


def version(text: str) -> Version:
    """The leading numbers of a version; () where there are none."""
    found = re.match(r"\d{1,6}(?:\.\d{1,6}){0,4}", text)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def artifact_of_file(path: str) -> Artifact | None:
    """`lib/snappy-java-1.1.2.jar` -> snappy-java 1.1.2, for the artefacts of the table only."""
    name = path.rsplit("/", 1)[-1]
    for known in SINCE:
        found = re.fullmatch(re.escape(known) + r"-(\d[\w.]*?)(?:-[\w-]+)?\.jar", name)
        if found:
            return Artifact(name=known, version=version(found[1]))
    return None


def artifact_of_pom(data: bytes) -> Artifact | None:
    """From META-INF/maven/…/pom.properties, for the artefacts of the table only."""
    told = dict(
        line.split("=", 1) for line in data.decode("utf-8", "replace").split("\n") if "=" in line
    )
    name = told.get("artifactId", "").strip()
    if name not in SINCE:
        return None
    return Artifact(name=name, version=version(told.get("version", "").strip()))
