"""What differs between two documents of one month, and because of which holdings. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any

from controller.inventory.timeline import Span, at, differences
from controller.ledger.month import HOLDING_FIELDS, Document, Tree, rows_of

FIGURES = (
    "resources", "vcpu_allocated", "mem_allocated_bytes", "disk_allocated_bytes", "cpu_avg_pct",
    "cpu_p95_pct", "cpu_max_pct", "mem_avg_pct", "mem_p95_pct", "mem_max_pct", "disk_used_pct",
    "net_rx_avg_bytes_s", "net_rx_p95_bytes_s", "net_tx_avg_bytes_s", "net_tx_p95_bytes_s",
    "coverage_pct",
)  # fmt: skip

HELD = HOLDING_FIELDS[4:]
"""What a holding says beside whose resource it is and when."""

KEYS = {"unit": ("unit",), "system": ("unit", "system"), "resource": ("resource",)}


@dataclass(frozen=True)
class FigureChange:
    """A row whose figures differ: name -> [before, after]. One side of a row that only one of the
    documents has is None throughout."""

    by: str
    unit: str | None
    unit_name: str | None
    system: str | None
    resource: str | None
    fields: dict[str, list[Any]]
    because: list[str] = field(default_factory=list)
    """Codes of resources whose holdings differ and that belong here in either document."""


@dataclass(frozen=True)
class HoldingChange:
    """A stretch of the month in which a resource's holding differs."""

    resource: str
    name: str
    since: datetime
    until: datetime
    unit_before: str | None
    unit_after: str | None
    fields: dict[str, list[Any]]


@dataclass(frozen=True)
class MonthDifference:
    """Everything that differs."""

    figures: list[FigureChange]
    holdings: list[HoldingChange]
    units: list[dict[str, Any]]
    """Units whose name or place in the tree differs: code, before, after."""
    imports: list[list[Any]]
    """Exports confirmed in the later document and not in the earlier."""
    undone: list[list[Any]]
    """Exports confirmed in the earlier document and no more in the later."""


def difference(before: Document, after: Document) -> MonthDifference:
    """``before`` and ``after`` are documents of the same month."""
    holdings = holding_changes(before, after)
    trees = Tree(before), Tree(after)
    figures = [
        change for by in KEYS for change in _figure_changes(by, before, after, trees, holdings)
    ]
    was, now = before["imports"], after["imports"]
    return MonthDifference(
        figures,
        holdings,
        _unit_changes(before, after),
        [each for each in now if each not in was],
        [each for each in was if each not in now],
    )


def holding_changes(before: Document, after: Document) -> list[HoldingChange]:
    """By resource and time."""
    start, end = (datetime.fromisoformat(after[name]) for name in ("from", "to"))
    one, other = _timelines(before, start, end), _timelines(after, start, end)
    names = {
        row["resource"]: row["name"]
        for document in (before, after)
        for row in rows_of(document["register"]["holdings"])
    }
    found = []
    for resource in sorted({*one, *other}):
        was, now = one.get(resource, ()), other.get(resource, ())
        for since, until in _pieces(was, now, end):
            first, second = at(was, since), at(now, since)
            left = dict(first.value) if first else {}
            right = dict(second.value) if second else {}
            fields = {
                name: [left.get(name), right.get(name)]
                for name in HELD
                if left.get(name) != right.get(name)
            }
            if fields:
                found.append(
                    HoldingChange(
                        resource,
                        names[resource],
                        since,
                        until,
                        left.get("unit"),
                        right.get("unit"),
                        fields,
                    )
                )
    return found


Value = tuple[tuple[str, Any], ...]


def _timelines(
    document: Document, start: datetime, end: datetime
) -> dict[str, tuple[Span[Value], ...]]:
    """Resource -> its holdings, cut to the month."""
    found: dict[str, list[Span[Value]]] = {}
    for row in rows_of(document["register"]["holdings"]):
        since = max(datetime.fromisoformat(row["since"]), start)
        until = min(datetime.fromisoformat(row["until"]), end) if row["until"] else end
        value = tuple((name, row[name]) for name in HELD)
        found.setdefault(row["resource"], []).append(Span(since, until, value))
    return {resource: tuple(spans) for resource, spans in found.items()}


def _pieces(
    was: Sequence[Span[Value]], now: Sequence[Span[Value]], end: datetime
) -> list[tuple[datetime, datetime]]:
    """Stretches in which they differ, each of one difference."""
    edges = sorted(
        {edge for span in (*was, *now) for edge in (span.since, span.until) if edge is not None}
    )
    pieces = []
    for since, until in differences(was, now, end):
        inner = [since, *(edge for edge in edges if since < edge < until), until]
        pieces += list(pairwise(inner))
    return pieces


def _figure_changes(
    by: str,
    before: Document,
    after: Document,
    trees: tuple[Tree, Tree],
    holdings: Sequence[HoldingChange],
) -> list[FigureChange]:
    keys = KEYS[by]
    one = {tuple(row[key] for key in keys): row for row in rows_of(before["figures"][by])}
    other = {tuple(row[key] for key in keys): row for row in rows_of(after["figures"][by])}
    touched = _touched(holdings, trees)
    found = []
    for key in dict.fromkeys((*other, *one)):
        was, now = one.get(key, {}), other.get(key, {})
        fields = {
            name: [was.get(name), now.get(name)]
            for name in (*FIGURES, *(("unit",) if by == "resource" else ()))
            if was.get(name) != now.get(name)
        }
        if not fields and bool(was) == bool(now):
            continue
        row = now or was
        because = {
            "unit": touched.get(row["unit"] or "", []),
            "system": [
                change.resource
                for change in holdings
                if (row["unit"], row["system"])
                in (
                    (change.unit_before, change.fields.get("system", [row["system"]])[0]),
                    (change.unit_after, change.fields.get("system", [row["system"]])[-1]),
                )
            ],
            "resource": [c.resource for c in holdings if c.resource == row["resource"]],
        }[by]
        found.append(
            FigureChange(
                by,
                row["unit"],
                row["unit_name"],
                row["system"],
                row["resource"],
                fields,
                list(dict.fromkeys(because)),
            )
        )
    return found


def _touched(holdings: Sequence[HoldingChange], trees: tuple[Tree, Tree]) -> dict[str, list[str]]:
    """Unit -> resources of its subtree, in either tree, whose holdings differ."""
    found: dict[str, dict[str, None]] = {}
    for change in holdings:
        for tree, unit in zip(trees, (change.unit_before, change.unit_after), strict=True):
            for code in tree.line(unit):
                found.setdefault(code, {})[change.resource] = None
    return {code: list(resources) for code, resources in found.items()}


def _unit_changes(before: Document, after: Document) -> list[dict[str, Any]]:
    def versions(document: Document) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {}
        for row in rows_of(document["register"]["units"]):
            found.setdefault(row["code"], []).append(
                {name: row[name] for name in ("name", "parent", "since", "until")}
            )
        return found

    one, other = versions(before), versions(after)
    return [
        {"code": code, "before": one.get(code, []), "after": other.get(code, [])}
        for code in sorted({*one, *other})
        if one.get(code) != other.get(code)
    ]


def within(found: MonthDifference, codes: set[str] | None) -> MonthDifference:
    """What a reader of the units ``codes`` may see of it; None is every unit.

    Another unit's name does not show, also where a resource came from there or went there.
    """
    if codes is None:
        return found

    def seen(unit: str | None) -> str | None:
        return unit if unit in codes else None

    holdings = [
        HoldingChange(
            each.resource,
            each.name,
            each.since,
            each.until,
            seen(each.unit_before),
            seen(each.unit_after),
            {"unit": [seen(each.unit_before), seen(each.unit_after)]}
            if "unit" in each.fields
            else each.fields,
        )
        for each in found.holdings
        if seen(each.unit_before) or seen(each.unit_after)
    ]
    known = {each.resource for each in holdings}
    figures = [
        FigureChange(
            each.by,
            each.unit,
            each.unit_name,
            each.system,
            each.resource,
            {
                name: [seen(value) for value in values] if name == "unit" else values
                for name, values in each.fields.items()
            },
            [code for code in each.because if code in known],
        )
        for each in found.figures
        if seen(each.unit)
    ]
    units = [
        {
            "code": each["code"],
            **{
                side: [row | {"parent": seen(row["parent"])} for row in each[side]]
                for side in ("before", "after")
            },
        }
        for each in found.units
        if each["code"] in codes
    ]
    return MonthDifference(figures, holdings, units, [], [])
