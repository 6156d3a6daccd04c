"""Looking into one file: by its first bytes, as deep as archives go, never beyond bounds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from playbooks.judge import image, jar, tree_packages, tree_tar, tree_zip, wheel
from playbooks.judge.elf import Elf, read_elf, read_elf_at
from playbooks.judge.offline_facts import Facts, Need
from playbooks.judge.tree_content import Content, Room, Source, Unread
from playbooks.judge.tree_packed import Unpacked, packed_with

MOST_DEPTH = 6
"""Archives inside archives; an image with layers with a WAR with JARs is five."""
_PREFIX = 1 << 17
_FIRST = 64
_MACHO = (b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe")
_CLOSED = (
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"hsqs", "a squashfs image"),
    (b"QFI\xfb", "a qcow2 disk"),
    (b"KDMV", "a VMDK disk"),
    (b"MSCF", "a CAB archive"),
    (b"070701", "a cpio archive"),
    (b"070702", "a cpio archive"),
)
_ARCHIVES = frozenset({"archive", "jar", "wheel", "deb", "rpm", "image"})


@dataclass
class Looking:
    """One file on disk while it is looked into."""

    facts: Facts
    room: Room
    find_jemalloc: bool
    outer: bool = True
    """Not yet inside a tar: an image's metadata stands in its outer one."""
    java: bool = False
    """Inside a Java artefact: binaries are builds of libraries."""


def examine(path: str, size: int, source: Source, *, find_jemalloc: bool = False) -> Facts:
    """Everything about one file on disk. What cannot be looked at is noted, never raised."""
    facts = Facts(path=path, size=size)
    room = Room()
    room.packed_size = size
    looking = Looking(facts, room, find_jemalloc)
    try:
        facts.kind = _look(looking, Content(path, size, source=source), "", 0)
    except Unread as error:
        facts.problem(str(error))
        facts.kind = "unreadable" if facts.kind == "data" else facts.kind
    except Exception as error:  # a file that breaks the reader is a result, not the end of a scan
        facts.problem(f"the scan broke on it: {type(error).__name__}: {error}"[:200])
        facts.kind = "unreadable" if facts.kind == "data" else facts.kind
    return facts


def _look(looking: Looking, content: Content, place: str, depth: int) -> str:  # noqa: PLR0911
    """What a file is; what is in it goes to the facts. `place`: "" is the file itself."""
    head = content.head(_FIRST)
    if head[:4] == b"\x7fELF":
        return _elf(looking, content, place)
    if head[:2] == b"#!":
        return _script(looking, content, place, depth)
    if tree_zip.is_zip(head):
        return _zip(looking, content, place, depth)
    if head.startswith(tree_packages.AR):
        return _ar(looking, content, place, depth)
    if head.startswith(tree_packages.RPM):
        return _rpm(looking, content, place, depth)
    if method := packed_with(head):
        return _packed(looking, content, method, place, depth)
    if head[:4] in _MACHO or (head[:4] == b"\xca\xfe\xba\xbe" and 0 < head[7] < 40):
        return "macho"
    if head[:2] == b"MZ":
        return "pe"
    if tree_tar.is_tar(content.head()):
        return _tar(looking, content, place, depth)
    for magic, name in _CLOSED:
        if head.startswith(magic):
            raise Unread(f"{name}: unpack it by hand")
    return "data"


def _elf(looking: Looking, content: Content, place: str) -> str:
    elf, jemalloc = _read(looking, content)
    if elf is None or elf.kind == "core":
        return "data"
    name = place or content.name
    need = Need(
        elf=replace(elf, needed=(), soname=None),
        role=_role(name, elf),
        library=jar.library(name) if looking.java else "",
        jemalloc=jemalloc,
        musl=any(name.startswith("libc.musl-") for name in elf.needed),
    )
    if looking.java and (elf.osabi not in (0, 3) or jar.for_another_system(name)):
        return "elf"
    looking.facts.add(name, need)
    return "elf"


def _read(looking: Looking, content: Content) -> tuple[Elf | None, bool]:
    """A prefix decides for most; the rest is fetched only where the headers point there."""
    direct = content.source
    elf = read_elf_at(direct.at) if direct else read_elf(content.head(_PREFIX))
    if elf is None:
        return None, False
    search = looking.find_jemalloc and elf.machine == 183 and elf.kind != "relocatable"
    search = search and not (elf.go and elf.static)  # Go brings its own allocator
    if elf.whole and not (search and content.size > 1 << 18):
        return elf, False
    try:
        with content.anywhere(looking.room) as source:
            return read_elf_at(source.at) or elf, search and _has_jemalloc(source)
    except Unread:
        if elf.whole:
            looking.facts.problem("too large to search for jemalloc", content.name)
        return elf, False


def _has_jemalloc(source: Source) -> bool:
    """The text it prints where the page size is not the one it was built for."""
    before = b""
    for at in range(0, min(source.size, 256 << 20), 1 << 20):
        piece = source.at(at, 1 << 20)
        if b"<jemalloc>: Unsupported system page size" in before + piece:
            return True
        before = piece[-64:]
    return False


_PYTHON = re.compile(r"site-packages/|dist-packages/|\.cpython-\d|\.abi3\.so$|lib-dynload/")


def _role(name: str, elf: Elf) -> str:
    if name.endswith(".node"):
        return "node"
    if elf.kind == "relocatable":
        return "kernel" if re.search(r"\.ko(?:\.\w+)?$", name) else "object"
    if _PYTHON.search(name):
        return "python"
    return "library" if elf.kind == "shared" and not elf.interpreter else "program"


def _script(looking: Looking, content: Content, place: str, depth: int) -> str:
    """A script; one that carries an archive behind its text is more than that."""
    if content.size < 1 << 16:
        return "script"
    if jar.is_java(content.name):  # Spring Boot's executable JAR begins with a shell script
        return _zip(looking, content, place, depth)
    block = content.head(_PREFIX)
    if b"\0" in block or content.size > 16 << 20:
        raise Unread("a self-extracting script: unpack it by hand")
    with content.anywhere(looking.room) as source:
        if b"\0" in source.at(source.size - 4096, 4096):
            raise Unread("a self-extracting script: unpack it by hand")
    return "script"


def _zip(looking: Looking, content: Content, place: str, depth: int) -> str:
    name = place or content.name
    java = jar.is_java(name)
    before, looking.java = looking.java, looking.java or java
    kind = "jar" if java else "archive"
    if name.endswith(".whl"):
        kind = "wheel"
        looking.facts.wheel = wheel.parse(name) if not place else looking.facts.wheel
    if java and (artifact := jar.artifact_of_file(name)):
        looking.facts.artifacts.add(artifact)
    try:
        with content.anywhere(looking.room) as source:
            _members(looking, tree_zip.members(source, looking.room), place, depth)
    finally:
        looking.java = before
    return kind


def _tar(looking: Looking, content: Content, place: str, depth: int) -> str:
    documents = image.Documents() if looking.outer else None
    looking.outer = False
    _members(looking, tree_tar.members(content.stream(), looking.room), place, depth, documents)
    if documents is not None and documents.is_image():
        looking.facts.platforms |= documents.platforms()
        return "image"
    return "archive"


def _members(
    looking: Looking,
    members: Iterator[Content],
    place: str,
    depth: int,
    documents: image.Documents | None = None,
) -> None:
    if depth >= MOST_DEPTH:
        raise Unread(f"archives more than {MOST_DEPTH} deep")
    for member in members:
        looking.facts.members += 1
        lower = member.name.lower()
        inside = f"{place}!/{member.name}" if place else member.name
        try:
            if lower.endswith("pom.properties") and looking.java and member.size < 65536:
                if artifact := jar.artifact_of_pom(member.head(4096)):
                    looking.facts.artifacts.add(artifact)
                continue
            if documents and documents.wants(member.name, member.size, member.head(8)):
                documents.keep(member.name, member.head(member.size))
                continue
            if lower.endswith(jar.INERT):
                continue
            _look(looking, member, inside, depth + 1)
        except Unread as error:
            if looking.room.unpacked < 0 or looking.room.members < 0 or "bomb" in str(error):
                raise
            looking.facts.problem(str(error), inside)


def _ar(looking: Looking, content: Content, place: str, depth: int) -> str:
    with content.anywhere(looking.room) as source:
        first = source.at(8, 16)
        if not first.startswith(b"debian-binary"):
            _members(looking, tree_packages.ar_members(source, looking.room), place, depth)
            return "static_library"
        for member in tree_packages.ar_members(source, looking.room):
            if member.name.startswith("control.tar"):
                looking.facts.stated_arch = looking.facts.stated_arch or _deb_arch(looking, member)
            elif member.name.startswith("data.tar"):
                _look(looking, member, place, depth + 1)
    return "deb"


def _deb_arch(looking: Looking, member: Content) -> str:
    stream = member.stream()
    if method := packed_with(member.head(8)):
        stream = Unpacked(stream, method, looking.room)
    for part in tree_tar.members(stream, looking.room):
        if part.name.removeprefix("./") == "control":
            found = re.search(rb"^Architecture:\s*(\S+)", part.head(1 << 16), re.MULTILINE)
            return found[1].decode("ascii", "replace") if found else ""
    return ""


def _rpm(looking: Looking, content: Content, place: str, depth: int) -> str:
    with content.anywhere(looking.room) as source:
        arch, start = tree_packages.rpm_arch(source)
        looking.facts.stated_arch = looking.facts.stated_arch or arch
        looking.facts.kind = "rpm"
        try:
            payload = tree_packages.rpm_members(source, start, looking.room)
            _members(looking, payload, place, depth)
        except Unread as error:
            # The header states the architecture; what is missing is the look at each file.
            looking.facts.problem(str(error), place)
    return "rpm"


def _packed(looking: Looking, content: Content, method: str, place: str, depth: int) -> str:
    if depth >= MOST_DEPTH:
        raise Unread(f"archives more than {MOST_DEPTH} deep")
    stream = Unpacked(content.stream(), method, looking.room)
    name = re.sub(r"\.(?:gz|tgz|bz2|tbz2?|xz|txz|zst|tzst)$", "", place or content.name)
    inner = Content(name, 1 << 40, stream=stream)
    if inner.head(4) == b"\x7fELF":  # a kernel module, a packed program: its size is not known
        elf = read_elf(inner.head(16 << 20))
        if elf is not None and elf.kind != "core":
            need = Need(elf=replace(elf, needed=(), soname=None), role=_role(name, elf))
            looking.facts.add(place or content.name, need)
        return "packed"
    if tree_tar.is_tar(inner.head()):
        return _tar(looking, inner, place, depth + 1)
    return "packed"


def opens_into_many(facts: Facts) -> bool:
    """Whether the file holds others."""
    return facts.kind in _ARCHIVES
