"""Reachability of access points from the samples that pollers sent."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from collectors.catalog import REACH
from controller.network.points import Reach
from controller.runtime import Runtime
from controller.store import statistics as st
from controller.store.rollup_sql import window

PREFIX = "ap:"
LATELY = timedelta(minutes=15)
"""A point whose newest row is older was not measured lately."""
DAY_S = 86_400


def instance_of(point_id: int) -> str:
    """The instance of a point's rows."""
    return f"{PREFIX}{point_id}"


def reach_now(runtime: Runtime, now: datetime) -> dict[int, Reach]:
    """Of every point that was measured within 24 hours, by point id.

    Several pollers may measure one point: reached by any of them it is reachable.
    """
    end = int(now.timestamp()) + 60
    recent = f"time >= {st.moment(int((now - LATELY).timestamp()))}"
    answer = runtime.samples.query(
        "SELECT instance, toInt64(toUnixTimestamp(max(time))) AS newest, "
        f"maxIf(reachable_pct, {recent}) AS lately, "
        "sum(reachable_pct * interval_s) / sum(interval_s) AS available, "
        f"avgIf(probe_rtt_ms, {recent} AND isFinite(probe_rtt_ms)) AS rtt, "
        f"minIf(probe_loss_pct, {recent}) AS loss, "
        "toInt64(toUnixTimestamp(maxIf(time, reachable_pct > 0))) AS reached "
        f"FROM {REACH.name} FINAL WHERE {window('time', end - DAY_S, end)} "
        f"AND startsWith(instance, '{PREFIX}') AND isFinite(reachable_pct) GROUP BY instance"
    )
    found: dict[int, Reach] = {}
    columns = [_list(answer, name) for name in (
        "instance", "newest", "lately", "available", "rtt", "loss", "reached"
    )]  # fmt: skip
    for instance, newest, lately, available, rtt, loss, reached in zip(*columns, strict=True):
        number = str(instance).removeprefix(PREFIX)
        if not number.isdecimal():
            continue
        measured = datetime.fromtimestamp(int(newest), UTC)
        fresh = now - measured <= LATELY
        found[int(number)] = Reach(
            reachable=bool(lately > 0) if fresh else None,
            availability_pct=_known(available),
            rtt_ms=_known(rtt) if fresh else None,
            loss_pct=_known(loss) if fresh else None,
            measured=measured,
            last_reached=datetime.fromtimestamp(int(reached), UTC) if reached > 0 else None,
        )
    return found


def series(runtime: Runtime, point_id: int, since: datetime, until: datetime) -> dict[str, Any]:
    """A point's rows: ``times`` in seconds, and each metric; the best of several pollers."""
    start, end = int(since.timestamp()), int(until.timestamp())
    answer = runtime.samples.query(
        "SELECT toInt64(toUnixTimestamp(time)) AS at, max(reachable_pct) AS reachable, "
        "min(probe_loss_pct) AS loss, min(probe_rtt_ms) AS rtt "
        f"FROM {REACH.name} FINAL WHERE {window('time', start, end)} "
        f"AND instance = '{instance_of(point_id)}' GROUP BY at ORDER BY at"
    )
    return {
        "times": [int(each) for each in _list(answer, "at")],
        "reachable_pct": [_known(each) for each in _list(answer, "reachable")],
        "loss_pct": [_known(each) for each in _list(answer, "loss")],
        "rtt_ms": [_known(each) for each in _list(answer, "rtt")],
    }


def _list(answer: Any, name: str) -> list[Any]:
    column = answer.get(name, [])
    return column.tolist() if isinstance(column, np.ndarray) else list(column)


def _known(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
