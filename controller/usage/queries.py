"""The questions of pages, commands and exports: usage reports. See model for what they mean."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sqlmodel import col, select

from controller.access.scope import Scope
from controller.inventory.tables import Resource
from controller.problems import Problem
from controller.runtime import Runtime
from controller.said import say
from controller.usage import ranking, resources, sums
from controller.usage.held import Held
from controller.usage.labels import Label, read_labels
from controller.usage.model import UsageQuery, UsageReport, UsageRow
from controller.usage.ranking import public_support
from controller.usage.series import resource_series, unit_trend
from controller.usage.view import View, look

__all__ = ["resource_figures", "resource_series", "unit_trend", "usage_report"]

PCT_DIGITS = 4
RATE_DIGITS = 3

_FIGURES = {
    "cpu_avg_pct": ("cpu_avg", PCT_DIGITS),
    "cpu_p95_pct": ("cpu_p95", PCT_DIGITS),
    "cpu_max_pct": ("cpu_max", PCT_DIGITS),
    "mem_avg_pct": ("mem_avg", PCT_DIGITS),
    "mem_p95_pct": ("mem_p95", PCT_DIGITS),
    "mem_max_pct": ("mem_max", PCT_DIGITS),
    "disk_used_pct": ("disk_avg", PCT_DIGITS),
    "net_rx_avg_bytes_s": ("rx_avg", RATE_DIGITS),
    "net_rx_p95_bytes_s": ("rx_p95", RATE_DIGITS),
    "net_tx_avg_bytes_s": ("tx_avg", RATE_DIGITS),
    "net_tx_p95_bytes_s": ("tx_p95", RATE_DIGITS),
}
"""Report field: (column of the answer, digits that Float32 really holds or nobody misses)."""


def usage_report(
    runtime: Runtime,
    scope: Scope,
    query: UsageQuery,
    names: Sequence[str] = resources.NAMES,
    only: Collection[str] | None = None,
) -> UsageReport:
    """The figures of every row that held a resource or has data in [since, until).

    A table that shows a page of many resources asks twice: first with the few ``names`` (of
    ``resources.NAMES``) that it sorts by, then for the codes in ``only``. Figures not asked for
    are None, completeness without ``filled`` too. Other rows than resources have all of theirs.

    Raises NotFound for a unit or system that is not there or not in scope, Problem 422 for an
    empty period, and what ``Samples.query`` raises.
    """
    if query.until <= query.since:
        raise Problem(
            422,
            "empty period",
            say(
                f"from {query.since} is not before to {query.until}",
                "时段的起始须早于截止",
            ),
        )
    view = look(runtime, scope, query)
    if view.by == "resource":
        if only is not None:
            view = _limited(runtime, view, only)
        now_s = int(runtime.now().timestamp())
        keys, answer = resources.figures(runtime.samples, runtime.settings, view, now_s, names)
    else:
        found = sums.figures(runtime.samples, view)
        keys = np.asarray(found.get("row", []), np.int64)
        answer = {name: np.asarray(found.get(name, []), np.float64) for name in resources.NAMES}
    place = {key: index for index, key in enumerate(keys.tolist())}
    held = Held(view)
    with runtime.database.read() as session:
        labels = read_labels(session, view, held, set(place) | held.keys)
    rows = [_row(label, held, answer, place.get(label.key)) for label in labels]
    if query.by in ("unit", "resource") and "cpu_avg" in answer:
        rows = _without_public_support(runtime, query, view, rows)
    # Units contain each other: the topmost ones are the whole.
    top = [label.key for label in labels if label.depth == 0]
    known = "filled" in answer
    filled = sum(float(answer["filled"][place[key]]) for key in top if known and key in place)
    expected = sum(held.expected.get(key, 0.0) for key in top)
    tree, end = view.tree, view.end - 1
    return UsageReport(
        since=query.since,
        until=query.until,
        by=query.by,
        rows=rows,
        generated=runtime.now(),
        coverage_pct=_coverage(filled, expected) if known else None,
        unit=None if view.root is None else tree.codes[view.root],
        unit_name=None if view.root is None else tree.name(view.root, end),
    )


def resource_figures(
    runtime: Runtime, scope: Scope, query: UsageQuery, names: Sequence[str]
) -> dict[int, dict[str, float]]:
    """Some figures (of ``resources.NAMES``) of every resource, by its id: what an analysis over all
    resources needs of a report, for a part of its time. NaN where nothing was measured."""
    view = look(runtime, scope, replace(query, by="resource"))
    now_s = int(runtime.now().timestamp())
    keys, found = resources.figures(runtime.samples, runtime.settings, view, now_s, names)
    lines = zip(*(found[name].tolist() for name in names), strict=True)
    return {
        key: dict(zip(names, line, strict=True))
        for key, line in zip(keys.tolist(), lines, strict=True)
    }


def _without_public_support(
    runtime: Runtime, query: UsageQuery, view: View, rows: list[UsageRow]
) -> list[UsageRow]:
    """``rows`` with what rankings compare, where public support stands among them."""
    codes = public_support(runtime, query.until)
    if not codes:
        return rows
    if query.by == "resource":
        return [replace(r, public_support=1) if r.resource in codes else r for r in rows]
    # Of every unit in scope: a unit of the report holds what any below it holds.
    part = replace(query, by="resource")
    units = Scope(frozenset(view.units))
    uses = usage_report(runtime, units, part, ("cpu_avg", "mem_avg"), only=codes).rows
    return ranking.left_out(rows, uses)


def _limited(runtime: Runtime, view: View, codes: Collection[str]) -> View:
    """``view`` of the resources of these codes only."""
    with runtime.database.read() as session:
        ids = session.exec(select(col(Resource.id)).where(col(Resource.code).in_(codes))).all()
    pieces = view.pieces
    return replace(view, pieces=pieces.pick(np.isin(pieces.row, np.array(ids, np.int64))))


def _row(label: Label, held: Held, answer: dict[str, Any], place: int | None) -> UsageRow:
    """``place`` is where ``answer`` has the row; None where nothing was measured."""
    key = label.key
    got = {} if place is None else {name: values[place] for name, values in answer.items()}
    figures: dict[str, Any] = {
        field: _number(got.get(column), digits) for field, (column, digits) in _FIGURES.items()
    }
    expected = held.expected.get(key, 0.0) if "filled" in answer else 0.0
    return UsageRow(
        **label.words,
        depth=label.depth,
        resources=int(held.resources.get(key, 0)),
        vcpu_allocated=held.vcpu.get(key),
        mem_allocated_bytes=held.mem.get(key),
        disk_allocated_bytes=held.disk.get(key),
        coverage_pct=_coverage(float(got.get("filled", 0.0)), expected),
        **figures,
    )


def _coverage(filled: float, expected: float) -> float | None:
    return round(min(100.0, 100 * filled / expected), 2) if expected else None


def _number(value: Any, digits: int) -> float | None:
    return None if value is None or np.isnan(value) else round(float(value), digits)
