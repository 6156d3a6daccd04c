"""Wheels by their names: which platforms they were built for, and the glibc those ask for."""

from __future__ import annotations

import re

from playbooks.judge.elf import Version
from playbooks.judge.offline_facts import Wheel

_OLD = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}
_MANY = re.compile(r"manylinux_(\d+)_(\d+)_(.+)")


def parse(file: str) -> Wheel | None:
    """`name-version(-build)?-python-abi-platform.whl` taken apart; None for another form."""
    parts = file.rsplit("/", 1)[-1].removesuffix(".whl").split("-")
    if len(parts) not in (5, 6) or not file.endswith(".whl"):
        return None
    return Wheel(
        distribution=parts[0], version=parts[1], platforms=tuple(parts[-1].lower().split("."))
    )


def fits(platform: str, arch: str) -> bool:
    """Whether a platform tag is for glibc Linux of this architecture (or for all)."""
    return platform == "any" or (floor(platform) is not None and platform.endswith(f"_{arch}"))


def floor(platform: str) -> Version | None:
    """The glibc a Linux tag asks for: () for none stated; None for tags of other systems."""
    if found := _MANY.fullmatch(platform):
        return (int(found[1]), int(found[2]))
    for name, version in _OLD.items():
        if platform.startswith(name + "_"):
            return version
    return () if platform.startswith("linux_") else None
