"""Target profiles: what a machine to move to is, as data (profiles/*.toml)."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path

FOLDER = Path(__file__).with_name("profiles")


class ProfileError(ValueError):
    """A profile file that does not hold together; the text names file and field."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A processor with an operating system. None: not fixed by the profile, not to be judged."""

    id: str
    title_zh: str
    title_en: str
    arch: str
    """As `uname -m`."""
    cpu_family: str
    """kunpeng920, phytium-s2500, phytium-d2000, hygon, zhaoxin, loongson-3c5000, sunway."""
    cpu_vendor: str
    """As identify names it."""
    os_id: str
    os_lineage: str
    """RedHat or Debian, as identify names it."""
    os_branch: str | None = None
    package_manager: str
    glibc: tuple[int, ...] | None = None
    glibcxx: tuple[int, ...] | None = None
    page_size: int
    cpu_flags: frozenset[str]
    """Features in the kernel's names that programs may count on; what is not here is absent."""
    x86_isa: int = 0
    """Highest x86-64 level, 0 on other machines."""
    elf_machine: int
    elf_machines_also: tuple[int, ...] = ()
    """Older numbers of the same machine."""
    loongarch_world: str | None = None
    interpreter: str | None = None
    """The dynamic loader's path."""
    java_arch: str
    """`os.arch` of its JVM."""
    wheel_arch: str
    """What stands behind manylinux_…_ in a wheel's name."""
    node_arch: str
    """`process.arch`."""
    rpm_arch: str
    deb_arch: str
    oci_arch: str
    """`architecture` of container images (GOARCH)."""
    sources: tuple[str, ...] = ()
    unverified: tuple[str, ...] = ()
    """Names of fields that rest on general knowledge, to be said so to the user."""

    def takes_machine(self, machine: int) -> bool:
        """Whether ELF files of this e_machine are its own."""
        return machine == self.elf_machine or machine in self.elf_machines_also


def load_profiles(folder: Path = FOLDER) -> dict[str, Profile]:
    """Every profile by id, in the order of their ids. Raises ProfileError."""
    profiles: dict[str, Profile] = {}
    for path in sorted(folder.glob("*.toml")):
        profile = _read(path)
        if profile.id != path.stem:
            raise ProfileError(f"{path.name}: id is {profile.id!r}, not the file's name")
        profiles[profile.id] = profile
    return profiles


def _read(path: Path) -> Profile:
    try:
        with path.open("rb") as file:
            told = tomllib.load(file)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"{path.name}: {error}") from None
    known = {one.name for one in fields(Profile)}
    if odd := sorted(set(told) - known):
        raise ProfileError(f"{path.name}: unknown fields {', '.join(odd)}")
    for name, value in told.items():
        if isinstance(value, list):
            told[name] = frozenset(value) if name == "cpu_flags" else tuple(value)
    try:
        profile = Profile(**told)
    except TypeError as error:
        raise ProfileError(f"{path.name}: {error}") from None
    if odd := sorted(set(profile.unverified) - known):
        raise ProfileError(f"{path.name}: unverified names unknown fields {', '.join(odd)}")
    return profile
