"""Availability of access points over a period: by point, and by unit as the mean of its points."""

from __future__ import annotations

import math
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from collectors.catalog import REACH
from controller.access.scope import Scope
from controller.network.line_model import PointView
from controller.network.points import list_points
from controller.network.reach_queries import PREFIX
from controller.runtime import Runtime
from controller.store.rollup_sql import window


class AvailabilityRow(BaseModel):
    """A point (``code`` its own) or a unit (``code`` the unit's). ``coverage_pct``: share of the
    period in which it was measured; of a unit the mean of its points."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [
                {"code": "ljq", "name": "临江区", "unit_code": "ljq", "unit_name": "临江区",
                 "points": 14, "measured": 13, "availability_pct": 99.91, "rtt_ms": 2.4,
                 "loss_pct": 0.2, "coverage_pct": 99.3}
            ]
        },
    )  # fmt: skip

    code: str
    name: str
    unit_code: str
    unit_name: str
    points: int = 1
    measured: int = Field(0, description="Points with any row in the period.")
    availability_pct: float | None = None
    rtt_ms: float | None = None
    loss_pct: float | None = None
    coverage_pct: float | None = None


class _Figures(BaseModel):
    availability_pct: float
    rtt_ms: float | None
    loss_pct: float | None
    coverage_pct: float


def availability(
    runtime: Runtime, session: Session, scope: Scope, since: datetime, until: datetime, by: str
) -> list[AvailabilityRow]:
    """Connected points of the scope that hold now, by code; ``by`` point or unit. Figures come
    from five-minute rows of [since, until), weighted by time."""
    figures = _figures(runtime, since, until)
    points = list_points(session, scope, until, {}, state="connected")
    rows = [_of_point(point, figures.get(point.id)) for point in points]
    return rows if by == "point" else _by_unit(rows)


def _of_point(point: PointView, seen: _Figures | None) -> AvailabilityRow:
    return AvailabilityRow(
        code=point.code, name=point.name or point.code, unit_code=point.unit_code,
        unit_name=point.unit_name, measured=int(seen is not None),
        **({} if seen is None else seen.model_dump()),
    )  # fmt: skip


def _by_unit(rows: list[AvailabilityRow]) -> list[AvailabilityRow]:
    groups: dict[str, list[AvailabilityRow]] = {}
    for row in rows:
        groups.setdefault(row.unit_code, []).append(row)
    return [
        AvailabilityRow(
            code=code, name=mine[0].unit_name, unit_code=code, unit_name=mine[0].unit_name,
            points=len(mine), measured=sum(row.measured for row in mine),
            **{
                name: _mean([getattr(row, name) for row in mine])
                for name in ("availability_pct", "rtt_ms", "loss_pct", "coverage_pct")
            },
        )
        for code, mine in sorted(groups.items())
    ]  # fmt: skip


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _figures(runtime: Runtime, since: datetime, until: datetime) -> dict[int, _Figures]:
    """By point id. Of several pollers of one point the best counts in each five minutes."""
    start, end = int(since.timestamp()), int(until.timestamp())
    answer = runtime.samples.query(
        "SELECT instance, sum(up * secs) / sum(secs) AS available, "
        "avgIf(rtt, isFinite(rtt)) AS trip, avgIf(loss, isFinite(loss)) AS lost, "
        "sum(secs) AS covered FROM ("
        "SELECT instance, time, max(reachable_pct) AS up, min(probe_rtt_ms) AS rtt, "
        "min(probe_loss_pct) AS loss, max(seconds) AS secs "
        f"FROM {REACH.name}_5m FINAL WHERE {window('time', start, end)} "
        f"AND startsWith(instance, '{PREFIX}') AND isFinite(reachable_pct) "
        "GROUP BY instance, time) GROUP BY instance"
    )
    found = {}
    names = ("instance", "available", "trip", "lost", "covered")
    for instance, up, trip, lost, covered in zip(
        *(answer.get(name, []) for name in names), strict=True
    ):
        number = str(instance).removeprefix(PREFIX)
        if number.isdecimal():
            found[int(number)] = _Figures(
                availability_pct=float(up),
                rtt_ms=float(trip) if math.isfinite(trip) else None,
                loss_pct=float(lost) if math.isfinite(lost) else None,
                coverage_pct=min(100.0, 100 * float(covered) / max(1, end - start)),
            )
    return found
