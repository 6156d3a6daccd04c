"""How an export differs from the register. Pure: rows and registered resources in, classes out.

Every row ends in exactly one class, and so does every resource that the source speaks for:

unchanged   the same machine, nothing differs
changed     the same machine (UUID, code, or name with address), something differs
renamed     the same machine under another name: same UUID or code, or (probably) same address and
            size where nothing better speaks for or against it
new         no resource fits
unmatched   its owner is none that the register knows, or several
duplicate   a UUID, code or machine that several rows claim; or one row twice
vanished    a resource that the source spoke for, or should, and that no row is
bad         a cell cannot be read, or the resource was retired
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from controller.inventory.matching import uuid_variants
from controller.inventory.naming import fold
from controller.ledger.export_file import ExportRow, Values
from controller.ledger.match_rows import Index, Known, match, same_size

Class = Literal["bad", "duplicate", "unmatched", "renamed", "changed", "new", "vanished"]

COMPARED = ("name", "kind", "instance_uuid", "ip", "os", "unit", "system", "site", "zone",
            "vcpu", "mem_bytes", "disk_bytes", "bandwidth_bit_s")  # fmt: skip
"""Fields compared, in the order they are shown."""


@dataclass(frozen=True)
class Owner:
    """What a word of the export means: a unit, or why none."""

    unit_id: int | None
    code: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Difference:
    """``fields``: name -> [before, after]. ``row`` 0 is of the register alone."""

    cls: Class
    row: int
    resource_id: int | None
    key: str
    name: str
    unit: str
    unit_id: int | None
    fields: dict[str, list[Any]] = field(default_factory=dict)
    detail: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """``detail`` as it is stored."""
        return {**({"fields": self.fields} if self.fields else {}), **self.detail}


@dataclass
class Comparison:
    """``matched``: row number -> id of the resource that it is. ``named``: ids of all resources
    that a row names as there, also one that stands twice or cannot be read."""

    differences: list[Difference]
    matched: dict[int, int]
    unchanged: int
    named: frozenset[int]

    def counts(self) -> dict[str, int]:
        return dict(Counter(each.cls for each in self.differences))


def compare(
    rows: Sequence[ExportRow],
    known: Sequence[Known],
    expected: Iterable[int],
    owner: Callable[[str], Owner],
    unread: Sequence[ExportRow] = (),
) -> Comparison:
    """``expected`` are ids of resources that the source must name; ``owner`` finds a unit;
    ``unread`` are rows with cells that cannot be read: what they name has not vanished."""
    gone = {row.number for row in rows if row.values.get("state") == "gone"}
    present = [row for row in rows if row.number not in gone]
    found: list[Difference] = []
    claimed = _duplicates(present, found)
    doubled = {row.number for row in claimed}
    index = Index(known)
    single = [row for row in present if row.number not in doubled]
    matched, how, clashes = match(single, index)
    spoken = set(matched.values()) | _exactly((*claimed, *unread), index)
    unchanged = 0
    for row in single:
        if row.number in clashes:
            found.append(_double(row, "resource", [clashes[row.number]]))
            continue
        resource = index.by_id.get(matched.get(row.number, 0))
        difference = _judge(row, resource, how.get(row.number, ""), owner)
        if difference is None:
            unchanged += 1
        else:
            found.append(difference)
    deleted = {
        each.id: row.number
        for row in rows
        if row.number in gone and (each := index.exact(row.values)) is not None
    }
    for resource_id in sorted({*expected, *deleted} - spoken):
        resource = index.by_id.get(resource_id)
        if resource is not None and not resource.retired:
            found.append(_vanished(resource, deleted.get(resource_id, 0)))
    # A row that cannot be read may still say that its machine was deleted.
    there = [row for row in unread if row.values.get("state") != "gone"]
    named = frozenset(matched.values()) | _exactly((*claimed, *there), index)
    return Comparison(found, matched, unchanged, named)


def _exactly(rows: Iterable[ExportRow], index: Index) -> set[int]:
    return {each.id for row in rows if (each := index.exact(row.values)) is not None}


def _duplicates(rows: Sequence[ExportRow], found: list[Difference]) -> list[ExportRow]:
    """Notes rows that stand twice or share a UUID or code; returns those that are out."""
    out: list[ExportRow] = []
    first: dict[Any, int] = {}
    rest: list[ExportRow] = []
    for row in rows:
        # The same moment is often written once with and once without its time of day.
        key = tuple(sorted(item for item in row.values.items() if item[0] != "created"))
        if key in first:
            out.append(row)
            found.append(_double(row, "row", [first[key]]))
        else:
            first[key] = row.number
            rest.append(row)
    for kind, read in (("uuid", _uuid_key), ("code", _code_key)):
        groups: dict[str, list[ExportRow]] = defaultdict(list)
        for row in rest:
            if name := read(row.values):
                groups[name].append(row)
        double = {row.number: group for group in groups.values() if len(group) > 1 for row in group}
        for row in rest:
            if row.number in double:
                others = [each.number for each in double[row.number] if each is not row]
                out.append(row)
                found.append(_double(row, kind, others))
        rest = [row for row in rest if row.number not in double]
    return out


def _double(row: ExportRow, kind: str, others: list[int]) -> Difference:
    return _difference("duplicate", row, None, detail={"reason": kind, "rows": others[:20]})


def _uuid_key(values: Values) -> str:
    variants = uuid_variants(values.get("instance_uuid"))
    return min(variants) if variants else ""


def _code_key(values: Values) -> str:
    return str(values.get("code") or "")


def _judge(
    row: ExportRow, resource: Known | None, how: str, owner: Callable[[str], Owner]
) -> Difference | None:
    """The row's class; None where nothing differs."""
    said = row.values.get("unit", "")
    meant = owner(said) if said else Owner(None)
    if resource is None:
        return _new(row, said, meant)
    if resource.retired:
        ended = {"reason": "retired", "message": f"was retired on {resource.retired}"}
        return _difference("bad", row, resource, detail=ended)
    fields = _fields(row.values, resource, meant)
    detail: dict[str, Any] = {} if how == "exact" else {"matched_by": how}
    if said and meant.unit_id is None:
        detail |= {"reason": "owner", "message": meant.problem, "then": "changed"}
        return _difference("unmatched", row, resource, fields, detail, said)
    if not fields:
        return None
    cls: Class = "renamed" if "name" in fields else "changed"
    return _difference(cls, row, resource, fields, detail, meant.code, meant.unit_id)


def _new(row: ExportRow, said: str, meant: Owner) -> Difference:
    if not row.values.get("code") and not row.values.get("instance_uuid"):
        message = "names neither an instance UUID nor a code: a new resource needs one"
        return _difference("bad", row, None, detail={"reason": "key", "message": message})
    fields = {name: [None, _plain(row.values[name])] for name in COMPARED if name in row.values}
    if meant.unit_id is not None:
        fields["unit"] = [None, meant.code]
        return _difference("new", row, None, fields, {}, meant.code, meant.unit_id)
    problem = meant.problem or "the export names no owner"
    detail = {"reason": "owner", "message": problem, "then": "new"}
    return _difference("unmatched", row, None, fields, detail, said)


def _fields(values: Values, resource: Known, meant: Owner) -> dict[str, list[Any]]:
    """What differs; a field of which the row says nothing does not."""
    fields: dict[str, list[Any]] = {}
    for name in COMPARED:
        before: Any = getattr(resource, name)
        if name == "unit":
            if meant.unit_id is not None and meant.unit_id != resource.unit_id:
                fields[name] = [before, meant.code]
            continue
        if name not in values:
            continue
        after = values[name]
        if not _same(name, before, after):
            fields[name] = [_plain(before), _plain(after)]
    return fields


def _same(name: str, before: Any, after: Any) -> bool:
    if name == "ip":
        return set(before) == set(after)
    if before == after:
        return True
    if name == "instance_uuid":
        return before in uuid_variants(after)
    if isinstance(after, str):
        # Spaces, width and case are spelling, not change.
        return fold(before or "") == fold(after)
    return same_size(before, after)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _difference(
    cls: Class,
    row: ExportRow,
    resource: Known | None,
    fields: dict[str, list[Any]] | None = None,
    detail: Mapping[str, Any] | None = None,
    unit: str = "",
    unit_id: int | None = None,
) -> Difference:
    values = row.values
    if resource is not None:
        unit, unit_id = unit or resource.unit, unit_id or resource.unit_id
    return Difference(
        cls,
        row.number,
        resource.id if resource else None,
        resource.code if resource else values.get("code") or values.get("instance_uuid") or "",
        values.get("name") or (resource.name if resource else ""),
        unit or values.get("unit", ""),
        unit_id,
        fields or {},
        dict(detail or {}),
    )


def _vanished(resource: Known, deleted_row: int) -> Difference:
    detail: dict[str, Any] = {"reason": "absent"}
    if deleted_row:
        detail = {"reason": "deleted", "rows": [deleted_row]}
    return Difference(
        "vanished",
        0,
        resource.id,
        resource.code,
        resource.name,
        resource.unit,
        resource.unit_id,
        {},
        detail,
    )
