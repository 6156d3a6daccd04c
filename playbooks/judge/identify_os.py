"""Which operating system, which family of packages it takes, and whether it is a domestic one.

Ansible's own facts are wrong for several of these (UOS servers are RPM, Kylin's major version is
no number), so this reads os-release and the vendors' files itself. Order: PLATFORM_ID and
os-version, the vendor's release file, ID, ID_LIKE, package manager.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from playbooks.judge.identify_products import (
    BRANCH_OF,
    DOMESTIC,
    FAMILY_OF,
    FOREIGN,
    PLATFORMS,
    RELEASE_FILES,
    RELEASE_NAMES,
)
from playbooks.judge.identify_text import assignments, clean


@dataclass(frozen=True, kw_only=True)
class Os:
    """An operating system as far as it is known; None is unknown, never a guess."""

    id: str | None = None
    name: str | None = None
    version: str | None = None
    """With the codename or service pack where the number alone does not tell the release."""
    lineage: str | None = None
    """The family in Ansible's words: RedHat, Debian, Suse, Archlinux, Alpine, Gentoo."""
    package_manager: str | None = None
    """dnf, yum, apt, zypper, pacman, apk, emerge."""
    domestic: bool | None = None
    branch: str | None = None
    """The closer line inside a family: openeuler, anolis, rhel, debian, ubuntu; None unknown."""

    def as_json(self) -> dict[str, str | bool | None]:
        """The six fields of the stable interface."""
        return {
            "id": self.id,
            "name": self.name,
            "version": self.version,
            "lineage": self.lineage,
            "package_manager": self.package_manager,
            "domestic": self.domestic,
        }


def identify_os(os_release: str | None, files: Mapping[str, str]) -> Os:
    """The system that os-release and the vendors' files (path -> text) describe."""
    text = clean(os_release) or _of(files, "os-release")
    told = assignments(text)
    lines = [*_release_lines(files), *([] if told else text.split("\n")[:1])]
    lsb = assignments(_of(files, "lsb-release"))
    edition = assignments(_of(files, "os-version"))
    ident = _ident(told, lines, lsb)
    if ident is None:
        return Os()
    family, branch = _line(ident, told, files, lines, edition)
    version = _version(ident, told, lines, lsb, edition)
    return Os(
        id=ident,
        name=_name(ident, told, lines, lsb),
        version=version,
        lineage=family,
        package_manager=_package_manager(family, branch, ident, version, files),
        domestic=_domestic(ident, told),
        branch=branch,
    )


def _of(files: Mapping[str, str], name: str) -> str:
    return next((clean(text) for path, text in files.items() if path.endswith("/" + name)), "")


def _release_lines(files: Mapping[str, str]) -> list[str]:
    """The first line of each vendor release file, the most telling file first."""
    lines = []
    for name in RELEASE_FILES:
        line = _of(files, name).strip().split("\n")[0].strip()
        if line and "=" not in line:
            lines.append(line)
    return lines


def _ident(told: Mapping[str, str], lines: Iterable[str], lsb: Mapping[str, str]) -> str | None:
    ident = told.get("ID", "").strip().lower()
    if ident in ("", "linux"):
        texts = [told.get("PRETTY_NAME", ""), told.get("NAME", ""), *lines]
        texts.append(lsb.get("DISTRIB_ID", "") or lsb.get("DISTRIB_DESCRIPTION", ""))
        for text in texts:
            for pattern, known in RELEASE_NAMES:
                if re.search(pattern, text, re.IGNORECASE):
                    return known
        return None
    if not re.fullmatch(r"[a-z0-9][a-z0-9._+-]{0,39}", ident):
        return None
    return {"openeuler": "openeuler", "uniontech": "uos", "uniontechos": "uos"}.get(ident, ident)


def _line(  # noqa: PLR0911 (a decision list)
    ident: str,
    told: Mapping[str, str],
    files: Mapping[str, str],
    lines: Iterable[str],
    edition: Mapping[str, str],
) -> tuple[str | None, str | None]:
    platform = told.get("PLATFORM_ID", "").lower().removeprefix("platform:")
    for prefix, branch in PLATFORMS:
        if platform.startswith(prefix):
            return "RedHat", branch
    if ident == "uos":
        return _uos(told, files, edition)
    words = " ".join([told.get("NAME", ""), told.get("VERSION", ""), told.get("PRETTY_NAME", "")])
    like = told.get("ID_LIKE", "").lower().split()
    if ident == "kylin":
        return _kylin(words, like, told, files)
    if ident == "bclinux" and re.search(r"for euler|\(?euler", words, re.IGNORECASE):
        return "RedHat", "openeuler"
    for name in (ident, *like):
        if name in FAMILY_OF:
            return FAMILY_OF[name], BRANCH_OF.get(ident) or _closest(ident, like)
    if any(re.search(r"\bred hat\b|\bcentos\b", line, re.IGNORECASE) for line in lines):
        return "RedHat", "rhel"
    return _installed(files), None


def _closest(ident: str, like: list[str]) -> str | None:
    named = [BRANCH_OF[name] for name in (ident, *like) if name in BRANCH_OF]
    return next((branch for branch in named if branch != "rhel"), named[0] if named else None)


def _uos(
    told: Mapping[str, str], files: Mapping[str, str], edition: Mapping[str, str]
) -> tuple[str | None, str | None]:
    """UOS 20 is three systems: e (openEuler, fuyu), a (Anolis, kongzi) and d (Debian, fou)."""
    said = edition.get("EDITIONNAME", "").lower()
    code = f"{told.get('VERSION_CODENAME', '')} {told.get('VERSION', '')}".lower()
    if "fuyu" in code or said == "e":
        return "RedHat", "openeuler"
    if "kongzi" in code or said in ("a", "c"):
        return "RedHat", "anolis"
    if re.search(r"\bfou\b|eagle|plum|apricot", code) or said == "d":
        return "Debian", "debian"
    like = told.get("ID_LIKE", "").lower().split()
    known = next((FAMILY_OF[name] for name in like if name in FAMILY_OF), None)
    # No PLATFORM_ID and the desktop's own name: the deb line. Otherwise only packages can tell.
    desktop = re.search(r"desktop|桌面", " ".join(told.values()), re.IGNORECASE)
    family = known or _installed(files) or ("Debian" if desktop else None)
    if family is None and told.get("ID") == "UOS":
        family = "Debian"
    return family, "debian" if family == "Debian" else None


def _kylin(
    words: str, like: list[str], told: Mapping[str, str], files: Mapping[str, str]
) -> tuple[str | None, str | None]:
    """One ID for the RPM server and the deb desktop: decided by name and packages."""
    if "advanced server" in words.lower() or "高级服务器" in words:
        return "RedHat", "openeuler"
    deb = any(FAMILY_OF.get(name) == "Debian" for name in like) or "UBUNTU_CODENAME" in told
    if deb or re.search(r"desktop|桌面", " ".join([words, *told.values()]), re.IGNORECASE):
        return "Debian", "ubuntu"
    family = next((FAMILY_OF[name] for name in like if name in FAMILY_OF), None)
    family = family or _installed(files)
    return family, {"RedHat": "openeuler", "Debian": "ubuntu"}.get(family or "")


def _installed(files: Mapping[str, str]) -> str | None:
    """By the package database that is there; a host with both tells nothing."""
    deb = any("/dpkg/status" in path or path.endswith("/debian_version") for path in files)
    rpm = any("/lib/rpm/" in path or path.endswith("/redhat-release") for path in files)
    if deb == rpm:
        return None
    return "Debian" if deb else "RedHat"


_NUMBER = re.compile(r"(?:release|version|linux|server|os)?\s*[vV]?(\d+(?:\.\d+)*)")
_CODENAME_MATTERS = frozenset({"kylin", "uos", "euleros", "neokylin"})
"""Their VERSION_ID stays the same over service packs."""


def _version(
    ident: str,
    told: Mapping[str, str],
    lines: Iterable[str],
    lsb: Mapping[str, str],
    edition: Mapping[str, str],
) -> str | None:
    number = told.get("VERSION_ID") or lsb.get("DISTRIB_RELEASE", "")
    if ident == "kylin" and number[:1] == "v":
        number = "V" + number[1:]
    number = _longer(number, lines, ident)
    if ident == "debian" and not number:
        number = next((line for line in lines if re.fullmatch(r"\d+(\.\d+)+", line)), "")
    if not number:
        found = _NUMBER.search(told.get("VERSION", "") or told.get("PRETTY_NAME", ""))
        number = found[1] if found else ""
        number = f"V{number}" if number and ident == "kylin" else number
    if not number:
        return None
    return f"{number} ({extra})" if (extra := _pack(ident, number, told, edition)) else number


def _pack(
    ident: str, number: str, told: Mapping[str, str], edition: Mapping[str, str]
) -> str | None:
    """The codename or service pack, where the number alone would leave the release open."""
    text = f"{told.get('VERSION', '')} {told.get('PRETTY_NAME', '')}"
    inside = re.search(r"[((]([^()()]{1,60})[))]", told.get("VERSION", ""))
    if ident in _CODENAME_MATTERS:
        name = inside[1] if inside else told.get("VERSION_CODENAME", "")
        pack = re.search(r"\bSP\d+", text, re.IGNORECASE)
        minor = edition.get("MINORVERSION", "")
        return ", ".join(dict.fromkeys(filter(None, [name or (pack[0] if pack else ""), minor])))
    pack = re.search(r"(?:LTS[- ])?SP(\d+)", text, re.IGNORECASE)
    told_already = pack is None or number.endswith((pack[0], f".{pack[1]}"))
    return None if pack is None or told_already else pack[0].replace(" ", "-")


def _longer(number: str, lines: Iterable[str], ident: str) -> str:
    """A release file tells 7.9.2009 where os-release says 7; only where both agree so far."""
    for line in lines:
        found = re.search(r"(?:release|linux|server|version)\s+[vV]?(\d+(?:\.\d+)*)", line, re.I)
        known = any(k == ident and re.search(p, line, re.IGNORECASE) for p, k in RELEASE_NAMES)
        if found and known and (not number or found[1].startswith(number + ".")):
            return found[1]
    return number


def _name(
    ident: str, told: Mapping[str, str], lines: Iterable[str], lsb: Mapping[str, str]
) -> str | None:
    name = told.get("NAME", "") if told.get("NAME", "").lower() != "uos" else ""
    name = name or told.get("PRETTY_NAME") or next(iter(lines), "")
    name = name or lsb.get("DISTRIB_DESCRIPTION", "") or lsb.get("DISTRIB_ID", "")
    name = re.sub(r"\s+release\b.*$", "", name, flags=re.IGNORECASE)
    if not (ident == "bclinux" or name.lower() == ident):
        name = re.sub(r"\s+[vV]?\d[\w.]*(?:\s*\(.*\))?$", "", name)
    return " ".join(name.split())[:120] or None


def _package_manager(  # noqa: PLR0911 (a decision list)
    family: str | None,
    branch: str | None,
    ident: str,
    version: str | None,
    files: Mapping[str, str],
) -> str | None:
    if family != "RedHat":
        plain = {
            "Debian": "apt", "Suse": "zypper", "Archlinux": "pacman", "Alpine": "apk",
            "Gentoo": "emerge",
        }  # fmt: skip
        return plain.get(family or "")
    found = re.match(r"[vV]?(\d+)", version or "")
    major = int(found[1]) if found else 0
    if any(path.endswith("/bin/dnf") for path in files):
        return "dnf"
    if ident == "fedora":
        return "dnf" if major >= 22 else "yum"
    if ident == "amzn":
        return "dnf" if 2023 <= major < 2100 else "yum"
    if ident == "euleros":
        pack = re.search(r"SP(\d+)", version or "")
        return "dnf" if pack and int(pack[1]) >= 8 else "yum" if pack else None
    if branch == "openeuler" or ident in ("alinux", "tlinux", "hce"):
        return "yum" if ident in ("alinux", "tlinux") and 0 < major < 3 else "dnf"
    if ident == "cgsl":  # counts its own majors; 6 is of the generation of EL 8
        return "dnf" if major >= 6 else "yum"
    if ident in ("tencentos", "opencloudos", "velinux"):
        return "dnf" if major >= 3 else "yum"
    if ident == "kos":
        return "dnf"
    return "dnf" if major >= 8 else "yum" if major else None


def _domestic(ident: str, told: Mapping[str, str]) -> bool | None:
    if ident in DOMESTIC:
        return True
    if ident in FOREIGN:
        kylin = "kylin" in f"{told.get('NAME', '')} {told.get('PRETTY_NAME', '')}".lower()
        return None if kylin else False  # Ubuntu Kylin: made here, not on the lists
    return None
