"""The sizes that a cloud offers, and which smaller one would hold a load."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass

from controller.analysis.read_policy import PolicyError

GIB = float(1 << 30)


@dataclass(frozen=True, order=True)
class Flavour:
    """One size; ordered by cores, then memory."""

    vcpu: float
    mem_gib: float

    @property
    def mem_bytes(self) -> float:
        return self.mem_gib * GIB


def read_flavours(body: str) -> tuple[Flavour, ...]:
    """The list of a TOML document: ``flavours = [[vcpu, mem_gib], …]``. Raises PolicyError."""
    try:
        document = tomllib.loads(body)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"not TOML: {error}") from None
    if unknown := set(document) - {"id", "title_zh", "title_en", "flavours"}:
        raise PolicyError(f"{', '.join(sorted(unknown))}: no such key here")
    rows = document.get("flavours")
    if not isinstance(rows, list) or not rows:
        raise PolicyError("flavours: must be a list of [vcpu, mem_gib]")
    found = set()
    for index, row in enumerate(rows):
        match row:
            case [int() | float() as vcpu, int() | float() as mem] if vcpu > 0 and mem > 0:
                found.add(Flavour(float(vcpu), float(mem)))
            case _:
                raise PolicyError(f"flavours[{index}]: must be [vcpu, mem_gib], both above 0")
    return tuple(sorted(found))


def smaller(flavours: tuple[Flavour, ...], vcpu: float, mem_bytes: float) -> list[Flavour]:
    """Every size that is larger in neither and smaller in one of cores and memory, smallest
    first. A size stands for anything up to 2 % around it: hypervisors keep some memory."""
    return [
        each
        for each in flavours
        if each.vcpu <= vcpu
        and each.mem_bytes <= mem_bytes * 1.02
        and (each.vcpu < vcpu or each.mem_bytes < mem_bytes * 0.98)
    ]
