"""Vendor profiles: one TOML file each in profiles/. docs/snmp.md explains how to add one."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "profiles"
GENERIC = "generic"
ENTERPRISES = "1.3.6.1.4.1."


class ProfileError(ValueError):
    """A profile says something that is not understood; the text names file and key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Keeps a row only if another column of the same row says so."""

    oid: str
    equals: int | None = None
    above: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessorRule:
    """A column (or the parent of a scalar) with the use of processors in percent."""

    oid: str
    divide: float = 1
    complement: bool = False
    """The device tells what is idle: 100 minus the value."""
    nonzero: bool = False
    """Rows of zero are boards without a processor."""
    also: bool = False
    """Read besides the rule before it; otherwise only where that one gave nothing."""
    where: tuple[Where, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TotalRule:
    """A column with the size of a memory, in ``unit`` bytes."""

    oid: str
    unit: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryRule:
    """Columns that together tell the use of memory; ``unit`` is bytes per counted unit."""

    kind: str = "system"
    used: str = ""
    free: str = ""
    percent: str = ""
    divide: float = 1
    """Of the percentage."""
    unit: int = 1
    total: tuple[TotalRule, ...] = ()
    """Tried in turn, row by row: the first that is not zero."""
    total_bytes: int = 0
    """Where the device tells a percentage and the size is the same in every one."""
    sized: bool = False
    """Rows without a size are no memory."""
    nonzero: bool = False
    """Rows of zero percent are boards without memory."""
    also: bool = False
    where: tuple[Where, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressRule:
    """A vendor's own address table, read besides the standard ones."""

    port: str
    """Column with the ifIndex."""
    address: str
    """Column with the address in 4 or 16 octets."""
    prefix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One vendor's or product line's peculiarities."""

    id: str
    vendor: str
    title_zh: str
    prefixes: tuple[str, ...]
    evidence: tuple[str, ...]
    """Recordings that answer these OIDs."""
    notes: str = ""
    processors: tuple[ProcessorRule, ...] = ()
    memory: tuple[MemoryRule, ...] = ()
    addresses: tuple[AddressRule, ...] = ()


@dataclass(frozen=True, slots=True)
class Profiles:
    """All profiles; ``match`` finds the one for a device."""

    by_id: dict[str, Profile]
    vendors: dict[str, str] = field(default_factory=dict)
    """Enterprise number -> name, for devices that no profile knows."""

    def match(self, sys_object_id: str) -> tuple[Profile, str]:
        """The profile with the longest fitting prefix, else the generic one; and the vendor."""
        best, longest = self.by_id[GENERIC], 0
        for profile in self.by_id.values():
            for prefix in profile.prefixes:
                whole = sys_object_id == prefix or sys_object_id.startswith(prefix + ".")
                if whole and len(prefix) > longest:
                    best, longest = profile, len(prefix)
        if best.id != GENERIC:
            return best, best.vendor
        number = sys_object_id.removeprefix(ENTERPRISES).partition(".")[0]
        known = sys_object_id.startswith(ENTERPRISES)
        return best, self.vendors.get(number, "") if known else ""


def load_profiles(folder: Path = FOLDER) -> Profiles:
    """Reads every profile of ``folder``.

    Raises:
        ProfileError: an unknown key, a missing one, or two files for one prefix.
    """
    by_id: dict[str, Profile] = {}
    vendors: dict[str, str] = {}
    owner: dict[str, str] = {}
    for path in sorted(folder.glob("*.toml")):
        with path.open("rb") as file:
            told = tomllib.load(file)
        vendors.update(told.pop("vendors", {}))
        profile = parse_profile(path.name, {"id": path.stem, **told})
        for prefix in profile.prefixes:
            if prefix in owner:
                raise ProfileError(f"{path.name}: prefix {prefix} is {owner[prefix]}'s already")
            owner[prefix] = path.name
        by_id[profile.id] = profile
    if GENERIC not in by_id:
        raise ProfileError(f"{folder}: no {GENERIC}.toml")
    return Profiles(by_id, vendors)


def parse_profile(name: str, told: dict[str, Any]) -> Profile:
    """One profile from its TOML table; ``name`` is for the error text."""
    try:
        return Profile(
            **{
                **told,
                "prefixes": tuple(told["prefixes"]),
                "evidence": tuple(told["evidence"]),
                "processors": tuple(_processor(rule) for rule in told.get("processors", [])),
                "memory": tuple(_memory(rule) for rule in told.get("memory", [])),
                "addresses": tuple(AddressRule(**rule) for rule in told.get("addresses", [])),
            }
        )
    except KeyError as missing:
        raise ProfileError(f"{name}: {missing} is missing") from None
    except TypeError as error:
        raise ProfileError(f"{name}: {error}") from None


def _processor(rule: dict[str, Any]) -> ProcessorRule:
    return ProcessorRule(**{**rule, "where": _wheres(rule)})


def _memory(rule: dict[str, Any]) -> MemoryRule:
    totals = tuple(TotalRule(**total) for total in rule.get("total", []))
    return MemoryRule(**{**rule, "where": _wheres(rule), "total": totals})


def _wheres(rule: dict[str, Any]) -> tuple[Where, ...]:
    return tuple(Where(**where) for where in rule.get("where", []))
