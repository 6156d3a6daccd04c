"""Curves for charts: thinned out in the store to what a screen can show, peaks and gaps kept."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from sqlmodel import col, select

from collectors.catalog import HOST
from controller.access.scope import Scope
from controller.inventory.tables import Resource
from controller.problems import NotFound, Problem
from controller.runtime import Runtime
from controller.said import say
from controller.store import statistics as st
from controller.store.rollup_sql import window
from controller.store.samples import Columns
from controller.usage import resources, sums
from controller.usage.model import Series, Trend, UsageQuery
from controller.usage.view import Pieces, View, look

Optionals = list[float | None]

MIN_STEP_S = 10
"""Finest step of a chart; agents measure every 10 to 60 s."""
MAX_POINTS = 5_000

_TREND = {
    "cpu_used_cores": ("cores", True),
    "cpu_pct": ("cpu", True),
    "mem_used_bytes": ("mem_used", True),
    "disk_used_bytes": ("disk_used", False),
    "net_rx_bytes_s": ("rx", True),
    "net_tx_bytes_s": ("tx", True),
}
"""Field of Trend: (column of sums.Buckets, whether its peak is kept)."""


def unit_trend(
    runtime: Runtime,
    scope: Scope,
    unit_code: str | None,
    since: datetime,
    until: datetime,
    points: int = 720,
    system: str | None = None,
) -> Trend:
    """A unit's (or one of its systems') use and allocation, without a unit that of everything in
    scope; raises NotFound."""
    _check_period(since, until)
    view = look(runtime, scope, UsageQuery(since, until, "zone", unit_code, system))
    step = _step(view, points, st.BUCKET_S)
    # One row: whatever the zone, it is the unit's.
    view = _as_one(view)
    means = ", ".join(f"{st.mean(c)} AS {c}_mean" for c, _ in _TREND.values())
    peaks = ", ".join(f"{st.highest(c)} AS {c}_peak" for c, peak in _TREND.values() if peak)
    buckets = sums.Buckets(view)
    answer = runtime.samples.query(
        f"SELECT intDiv(t, {step}) AS number, {means}, {peaks} FROM ({buckets.sql}) "
        "GROUP BY number",
        external=buckets.external,
    )
    numbers = _numbers(view, step)
    place = _places(answer, numbers)
    lists: dict[str, Optionals] = {}
    for field, (column, peak) in _TREND.items():
        lists[field] = _spread(answer, f"{column}_mean", place, len(numbers))
        if peak:
            lists[f"{field}_peak"] = _spread(answer, f"{column}_peak", place, len(numbers))
    return Trend(
        step_s=step,
        times=(numbers * step).tolist(),
        vcpu_allocated=_allocated(view.pieces, "vcpu", numbers * step),
        mem_allocated_bytes=_allocated(view.pieces, "mem_bytes", numbers * step),
        disk_allocated_bytes=_allocated(view.pieces, "disk_bytes", numbers * step),
        **lists,
    )


def resource_series(
    runtime: Runtime,
    scope: Scope,
    resource_code: str,
    metrics: list[str],
    since: datetime,
    until: datetime,
    points: int = 720,
    instance: str = "",
) -> Series:
    """One resource's metrics, of the time its holder is in scope; raises NotFound, Problem 422.

    Reads raw rows where they are finer than a point of the chart and still kept, else five-minute
    rows (and coarser ones where there are no finer), else hourly ones.
    """
    _check_period(since, until)
    if unknown := sorted(set(metrics) - set(HOST.names)):
        raise Problem(422, "unknown metric", f"not in the catalogue: {', '.join(unknown)}")
    view = look(runtime, scope, UsageQuery(since, until, "resource"))
    number = _resource(runtime, resource_code)
    pieces = view.pieces.pick(view.pieces.row == number)
    if len(pieces.row) == 0 and not _held_ever(view, scope, number):
        raise NotFound("resource", resource_code)
    wanted = (until - since).total_seconds() / max(1, min(points, MAX_POINTS))
    keep = runtime.settings.retention
    age = runtime.now() - since
    if wanted < st.BUCKET_S and age < timedelta(days=keep.raw_days):
        source, step = "raw", _step(view, points, MIN_STEP_S)
        rows = _raw_rows(view, number, instance, metrics, step)
    elif age < timedelta(days=keep.five_minute_days):
        source, step = "5m", _step(view, points, st.BUCKET_S)
        rows = _rolled_rows(view, number, instance, metrics, step)
    else:
        source, step = "1h", _step(view, points, st.HOUR_S)
        rows = _hourly_rows(view, number, instance, metrics, step)
    if not metrics:
        return Series(step, [], {}, {}, source)
    values = ", ".join(
        f"{st.weighted_mean(m, 'weight')} AS {m}_mean, {st.highest(m)} AS {m}_peak" for m in metrics
    )
    answer = runtime.samples.query(
        f"SELECT number, {values} FROM ({rows}) AS r CROSS JOIN pieces AS p "
        "WHERE toInt64(at) >= p.since AND toInt64(at) < p.until GROUP BY number",
        external={
            "pieces": [
                ("since", "Int64", pieces.since),
                ("until", "Int64", pieces.until),
            ]
        },
    )
    numbers = _numbers(view, step)
    place = _places(answer, numbers)
    count = len(numbers)
    return Series(
        step_s=step,
        times=(numbers * step).tolist(),
        values={m: _spread(answer, f"{m}_mean", place, count) for m in metrics},
        peaks={m: _spread(answer, f"{m}_peak", place, count) for m in metrics},
        source=source,
    )


def _raw_rows(view: View, number: int, instance: str, metrics: list[str], step: int) -> str:
    """(number, at, weight, metrics): a row longer than a point stands at every point it covers.

    Of several sources in five minutes the best one is shown.
    """
    names = ", ".join(metrics)
    at = "toUnixTimestamp(time)"
    first = f"toUInt32(intDiv({at}, {step}))"
    last = f"toUInt32(ceil(({at} + interval_s) / {step}))"
    best = f"({st.priority('source')}, source)"
    return f"""
SELECT arrayJoin(range({first}, if(interval_s > {step}, {last}, {first} + 1))) AS number,
  {at} AS at, interval_s AS weight, {names}
FROM (
  SELECT *, min({best}) OVER (PARTITION BY intDiv({at}, {st.BUCKET_S})) AS chosen
  FROM {HOST.name} FINAL
  WHERE resource = {number} AND instance = {_text(instance)}
    AND {window("time", view.start, view.end)}
) WHERE {best} = chosen"""


def _rolled_rows(view: View, number: int, instance: str, metrics: list[str], step: int) -> str:
    names = ", ".join(metrics)
    if instance:
        rows = (
            f"SELECT toDateTime(time, 'UTC') AS bucket, seconds, {names} FROM {HOST.name}_5m FINAL "
            f"WHERE resource = {number} AND instance = {_text(instance)} "
            f"AND {window('time', view.start, view.end)}"
        )
    else:
        rows = resources.rows(view, [number], True, tuple(metrics))
    return (
        f"SELECT intDiv(toUnixTimestamp(bucket), {step}) AS number, toUnixTimestamp(bucket) AS at, "
        f"seconds AS weight, {names} FROM ({rows})"
    )


def _hourly_rows(view: View, number: int, instance: str, metrics: list[str], step: int) -> str:
    return (
        f"SELECT intDiv(toUnixTimestamp(time), {step}) AS number, toUnixTimestamp(time) AS at, "
        f"seconds AS weight, {', '.join(metrics)} FROM {HOST.name}_1h FINAL "
        f"WHERE resource = {number} AND instance = {_text(instance)} "
        f"AND {window('time', view.start, view.end)}"
    )


def _as_one(view: View) -> View:
    pieces = view.pieces
    one = Pieces(np.zeros_like(pieces.row), pieces.since, pieces.until, pieces.holding)
    return replace(view, by="all", pieces=one)


def _resource(runtime: Runtime, code: str) -> int:
    with runtime.database.read() as session:
        number = session.exec(select(col(Resource.id)).where(col(Resource.code) == code)).first()
    if number is None:
        raise NotFound("resource", code)
    return number


def _held_ever(view: View, scope: Scope, number: int) -> bool:
    units = view.holdings.unit[view.holdings.resource == number]
    return any(scope.allows(int(unit) or None) for unit in units)


def _check_period(since: datetime, until: datetime) -> None:
    if until <= since:
        raise Problem(
            422,
            "empty period",
            say(f"from {since} is not before to {until}", "时段的起始须早于截止"),
        )


def _step(view: View, points: int, granularity_s: int) -> int:
    """Seconds of a point: a multiple of the granularity, so that at most ``points`` come out."""
    wanted = (view.end - view.start) / max(1, min(points, MAX_POINTS))
    return max(1, math.ceil(wanted / granularity_s)) * granularity_s


def _numbers(view: View, step: int) -> NDArray[np.int64]:
    return np.arange(view.start // step, -(-view.end // step), dtype=np.int64)


def _places(answer: Columns, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    found = np.asarray(answer.get("number", []), np.int64)
    return found - (numbers[0] if len(numbers) else 0)


def _spread(answer: Columns, column: str, place: NDArray[np.int64], count: int) -> Optionals:
    """The column at its places, None elsewhere and for NaN."""
    full = np.full(count, np.nan)
    # More digits than Float32 holds would only be noise on the wire.
    full[place] = np.round(np.asarray(answer.get(column, []), np.float64), 4)
    return [
        None if gap else value for gap, value in zip(np.isnan(full), full.tolist(), strict=True)
    ]


def _allocated(pieces: Pieces, name: str, times: NDArray[np.int64]) -> Optionals:
    """Allocation held at each time; None where none is known at any time."""
    amount: NDArray[np.float64] = getattr(pieces.holding, name)
    known = ~np.isnan(amount)
    if not known.any():
        return [None] * len(times)

    def until(moments: NDArray[np.int64]) -> NDArray[np.float64]:
        order = np.argsort(moments)
        running = np.r_[0.0, np.cumsum(amount[known][order])]
        total: NDArray[np.float64] = running[np.searchsorted(moments[order], times, "right")]
        return total

    held: list[float | None] = (until(pieces.since[known]) - until(pieces.until[known])).tolist()
    return held


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
