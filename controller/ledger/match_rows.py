"""Which registered resource a row of an export means: the surest ways first."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from controller.inventory.matching import uuid_variants
from controller.inventory.naming import fold
from controller.ledger.export_file import ExportRow, Values

SAME_SIZE = 1e-6
"""Relative difference of two sizes that were only written differently."""


@dataclass(frozen=True)
class Known:
    """A registered resource with what it is held for now; ``unit`` is the owner's code."""

    id: int
    code: str
    name: str
    kind: str
    instance_uuid: str | None
    ip: tuple[str, ...]
    os: str
    unit_id: int
    unit: str
    system: str
    site: str
    zone: str
    vcpu: float | None
    mem_bytes: float | None
    disk_bytes: float | None
    bandwidth_bit_s: float | None
    retired: str = ""
    """The day it ended, where it did."""


class Index:
    """The registered resources by what a row may name them by."""

    def __init__(self, known: Sequence[Known]) -> None:
        self.by_id = {each.id: each for each in known}
        self.uuid: dict[str, Known] = {}
        self.code = {each.code: each for each in known}
        self.address: dict[str, list[Known]] = defaultdict(list)
        self.name: dict[str, list[Known]] = defaultdict(list)
        for each in known:
            for variant in uuid_variants(each.instance_uuid)[:1]:
                self.uuid[variant] = each
            for address in each.ip:
                self.address[address].append(each)
            self.name[fold(each.name)].append(each)

    def exact(self, values: Values) -> Known | None:
        """By UUID in either byte order, else by code."""
        for variant in uuid_variants(values.get("instance_uuid")):
            if variant in self.uuid:
                return self.uuid[variant]
        return self.code.get(values.get("code", ""))


def match(
    rows: Sequence[ExportRow], index: Index
) -> tuple[dict[int, int], dict[int, str], dict[int, int]]:
    """Row number -> resource id, and how it was found; each resource at most once. Last, rows that
    name outright a resource which another row (its number) names too.

    Ways are tried from the surest to the least, each over all rows, so that a weak likeness never
    takes a resource from a row that names it outright. A weak way counts only where row and
    resource are each other's only candidate.
    """
    matched: dict[int, int] = {}
    how: dict[int, str] = {}
    clashes: dict[int, int] = {}
    taken: dict[int, int] = {}
    for row in rows:
        resource = index.exact(row.values)
        if resource is None:
            continue
        if resource.id in taken:
            clashes[row.number] = taken[resource.id]
            continue
        matched[row.number] = resource.id
        taken[resource.id] = row.number
        how[row.number] = "exact"
    for way, candidates in (
        ("name and address", _by_name_and_address),
        ("address and size", _by_address_and_size),
        ("name", _by_name),
    ):
        proposed: dict[int, int] = {}
        for row in rows:
            if row.number in matched or row.number in clashes:
                continue
            fitting = {
                each.id
                for each in candidates(row.values, index)
                if each.id not in taken and not _contradict(row.values, each)
            }
            if len(fitting) == 1:
                proposed[row.number] = fitting.pop()
        wanted = Counter(proposed.values())
        for number, resource_id in proposed.items():
            if wanted[resource_id] == 1:
                matched[number] = resource_id
                taken[resource_id] = number
                how[number] = way
    return matched, how, clashes


def _contradict(values: Values, known: Known) -> bool:
    """Whether both bear a UUID: it is not the same, or they would have been found by it."""
    return bool(uuid_variants(values.get("instance_uuid")) and known.instance_uuid)


def _by_name_and_address(values: Values, index: Index) -> list[Known]:
    name = fold(values.get("name", ""))
    return [each for each in _sharing(values, index) if name and fold(each.name) == name]


def _by_address_and_size(values: Values, index: Index) -> list[Known]:
    return [
        each
        for each in _sharing(values, index)
        if _same_known_size(values.get("vcpu"), each.vcpu)
        and _same_known_size(values.get("mem_bytes"), each.mem_bytes)
    ]


def _by_name(values: Values, index: Index) -> list[Known]:
    """Of one name, where an address cannot say otherwise."""
    name = fold(values.get("name", ""))
    return [
        each
        for each in (index.name.get(name, []) if name else [])
        if not (values.get("ip") and each.ip)
    ]


def _sharing(values: Values, index: Index) -> list[Known]:
    shared = {
        each.id: each for address in values.get("ip", ()) for each in index.address.get(address, ())
    }
    return list(shared.values())


def _same_known_size(one: float | None, other: float | None) -> bool:
    return one is not None and other is not None and same_size(one, other)


def same_size(one: float | None, other: float | None) -> bool:
    """Whether two sizes are one, written differently at most."""
    if one is None or other is None:
        return one is other
    return abs(one - other) <= SAME_SIZE * max(abs(one), abs(other))
