"""Forecasts as they are shown: filtered, sorted, paged, within a scope; and one as a picture."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import func, nulls_last, or_, select
from sqlmodel import Session, col

from controller.access.scope import Scope
from controller.analysis.outlook import WORST_STEPS, Path, line_ahead, seasonal
from controller.forecasts import pools as pooled
from controller.forecasts import subjects
from controller.forecasts.tables import KINDS, ForecastRow, ForecastRun
from controller.inventory.model import Page
from controller.inventory.pools import list_pools
from controller.inventory.tables import Unit
from controller.inventory.units import find_unit, subtree
from controller.problems import NotFound, Problem
from controller.runtime import Runtime
from controller.store import statistics as st

MAX_PAGE_SIZE = 1000
LINE_DAYS = 120
"""Days of a picture that lie ahead of a line, at most."""

SORTS = ("days", "name", "share", "growth")


class ForecastView(BaseModel):
    """One forecast. Figures are in cores, bytes, or bytes a second, by ``metric``."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "example": {
                "id": 3, "kind": "pool", "key": "main-gw-kp", "metric": "alloc_vcpu",
                "name": "主中心政务外网鲲鹏池", "unit": None, "at": "2026-11-23T05:00:00+08:00",
                "state": "reaches", "now": 1840, "limit": 2048, "days": 52.0, "low": 41.0,
                "high": 70.0, "growth": 28.0, "error_pct": 0.7, "reason_zh": "", "reason_en": "",
            }
        },
    )  # fmt: skip

    id: int
    kind: str = Field(description="pool, link or volume")
    key: str = Field(description="code of the pool or resource, or resource:mount")
    metric: str
    name: str
    unit: str | None = Field(description="code of the owner")
    resource_id: int | None = None
    at: datetime
    state: str = Field(description="over, reaches, steady or refused")
    now: float | None
    limit: float | None
    days: float | None = Field(description="until the limit; null: beyond the horizon")
    low: float | None = Field(description="earliest, of the 80 % interval")
    high: float | None = Field(description="latest; null: perhaps never")
    growth: float | None = Field(description="a week")
    error_pct: float | None = Field(description="of the back-test, as a share of the limit")
    reason_zh: str
    reason_en: str


class RunView(BaseModel):
    """The last computation; ``counts`` is kind to state to number, what has no row included."""

    at: datetime
    by: str
    seconds: float
    counts: dict[str, dict[str, int]]


def list_forecasts(
    session: Session,
    scope: Scope,
    now: datetime,
    *,
    kind: str = "",
    state: str = "",
    unit: str | None = None,
    text: str = "",
    sort: str = "days",
    page: int = 1,
    size: int = 50,
) -> Page[ForecastView]:
    """The most urgent first. What is the city's is for who sees the whole city. Raises NotFound for
    the unit, Problem 422 for an unknown kind or sort."""
    if kind and kind not in KINDS:
        raise Problem(422, "unknown kind", f"kind {kind!r}: there are {', '.join(KINDS)}")
    descending, sort = sort.startswith("-"), sort.removeprefix("-")
    if sort not in SORTS:
        raise Problem(422, "unknown sort", f"sort {sort!r}: there are {', '.join(SORTS)}")
    statement = scope.limit(
        select(ForecastRow, col(Unit.code)).outerjoin(
            Unit, col(Unit.id) == col(ForecastRow.unit_id)
        ),
        ForecastRow.unit_id,
    )
    if kind:
        statement = statement.where(col(ForecastRow.kind) == kind)
    if state:
        statement = statement.where(col(ForecastRow.state) == state)
    if unit is not None:
        below = subtree(session, find_unit(session, scope, unit, now).id, now)
        statement = statement.where(col(ForecastRow.unit_id).in_(sorted(below)))
    if text:
        like = f"%{text.replace('%', '').replace('_', '')}%"
        statement = statement.where(
            or_(col(ForecastRow.name).ilike(like), col(ForecastRow.key).ilike(like))
        )
    total = session.execute(
        select(func.count()).select_from(statement.order_by(None).subquery())
    ).scalar_one()
    keys: dict[str, Any] = {
        "days": col(ForecastRow.days),
        "name": col(ForecastRow.name),
        "share": col(ForecastRow.now) / func.nullif(col(ForecastRow.limit), 0),
        "growth": col(ForecastRow.growth) / func.nullif(col(ForecastRow.limit), 0),
    }
    key = keys[sort]
    size, page = max(1, min(size, MAX_PAGE_SIZE)), max(1, page)
    rows = session.execute(
        statement.order_by(nulls_last(key.desc() if descending else key), col(ForecastRow.id))
        .offset((page - 1) * size)
        .limit(size)
    )
    items = [_view(row, code) for row, code in rows]
    return Page[ForecastView](items=items, total=total, page=page, size=size)


def get_forecast(session: Session, scope: Scope, number: int) -> ForecastView:
    """Raises NotFound, also for one that is not the reader's to see."""
    found = session.execute(
        scope.limit(
            select(ForecastRow, col(Unit.code))
            .outerjoin(Unit, col(Unit.id) == col(ForecastRow.unit_id))
            .where(col(ForecastRow.id) == number),
            ForecastRow.unit_id,
        )
    ).first()
    if found is None:
        raise NotFound("forecast", str(number))
    return _view(*found)


def last_run(session: Session) -> RunView | None:
    """The newest computation; None before the first."""
    row = session.execute(
        select(ForecastRun).order_by(col(ForecastRun.id).desc()).limit(1)
    ).scalar()
    if row is None:
        return None
    return RunView(at=row.at, by=row.by, seconds=row.seconds, counts=row.counts)


def counts(session: Session, scope: Scope) -> dict[tuple[str, str], int]:
    """(kind, state) to the number of rows that the reader may see."""
    rows = session.execute(
        scope.limit(
            select(col(ForecastRow.kind), col(ForecastRow.state), func.count()).group_by(
                col(ForecastRow.kind), col(ForecastRow.state)
            ),
            ForecastRow.unit_id,
        )
    )
    return {(kind, state): number for kind, state, number in rows}


class Picture(BaseModel):
    """History and what lies ahead, ``step`` seconds apart from ``since`` (epoch seconds) on."""

    since: int
    step: int
    history: list[float | None]
    values: list[float]
    low: list[float]
    high: list[float]
    limit: float | None


def picture(runtime: Runtime, scope: Scope, view: ForecastView) -> Picture:
    """Computed from the store as it is now. Raises NotFound where the subject is gone."""
    now = runtime.now()
    end = int(now.timestamp()) // st.HOUR_S * st.HOUR_S
    if view.kind == "volume":
        return _of_volume(runtime, view, end)
    if view.kind == "pool" and view.metric in pooled.SIZES:
        return _of_given(runtime, scope, view, now, end)
    hours = _hours(runtime, scope, view, now, end)
    outlook, path = seasonal(hours, view.limit or 0.0)
    del outlook
    return _picture(hours, path, end - len(hours) * st.HOUR_S, st.HOUR_S, view.limit)


def _of_volume(runtime: Runtime, view: ForecastView, end: int) -> Picture:
    with runtime.database.read() as session:
        row = session.get_one(ForecastRow, view.id)
        subject = (row.resource_id or 0, row.instance)
    found, _total = subjects.volumes(runtime.samples, end, runtime.settings.timezone, only=subject)
    if not found:
        raise NotFound("volume", view.key)
    volume = found[0]
    path = line_ahead(volume.day, volume.used, volume.size, LINE_DAYS)
    days = int(volume.day[-1] - volume.day[0]) + 1
    history = np.full(days, np.nan)
    history[(volume.day - volume.day[0]).astype(int)] = volume.used
    since = _midnight(int(volume.day[0]), runtime.settings.timezone, end, int(volume.day[-1]))
    return _picture(history, path, since, st.DAY_S, view.limit)


def _midnight(first: int, zone: str, end: int, last: int) -> int:
    """Epoch seconds of the first day's beginning; ``last`` is the day that holds ``end``."""
    local = datetime.fromtimestamp(end - 1, ZoneInfo(zone))
    start = local.replace(hour=0, minute=0, second=0, microsecond=0)
    return int(start.timestamp()) - (last - first) * st.DAY_S


def _of_given(
    runtime: Runtime, scope: Scope, view: ForecastView, now: datetime, end: int
) -> Picture:
    with runtime.database.read() as session:
        pools = [pool for pool in list_pools(session, scope, now) if pool.code == view.key]
        if not pools:
            raise NotFound("pool", view.key)
        series = pooled.pool_series(session, pools, now)[pools[0].id]
    given, limit = series.given[view.metric], series.limit[view.metric]
    used = np.where(np.cumsum(given) > 0, given, np.nan)
    days = np.arange(len(given), dtype=np.float64)
    path = line_ahead(days, used, limit, LINE_DAYS, WORST_STEPS)
    return _picture(used, path, end - len(used) * st.DAY_S, st.DAY_S, view.limit)


def _hours(runtime: Runtime, scope: Scope, view: ForecastView, now: datetime, end: int) -> Any:
    with runtime.database.read() as session:
        if view.kind == "pool":
            pools = [pool for pool in list_pools(session, scope, now) if pool.code == view.key]
            series = pooled.pool_series(session, pools, now)
        else:
            row = session.get_one(ForecastRow, view.id)
            key, instance = row.resource_id or 0, row.instance
            lines = subjects.registered_lines(session, now)
    if view.kind == "pool":
        use = pooled.pool_use(runtime.samples, series, end)
        if not use:
            raise NotFound("pool", view.key)
        return next(iter(use.values()))[0 if view.metric == "use_cpu" else 1]
    if instance:
        found = subjects.port_series(runtime.samples, [(key, instance, 0.0)], end)
    elif key in lines:
        found = subjects.line_series(runtime.samples, lines, [key], end)
    else:
        raise NotFound("line", view.key)
    for line in found:
        return line.sent if view.metric == "line_out" else line.received
    raise NotFound("line", view.key)


def _picture(
    history: Any, path: Path | None, since: int, step: int, limit: float | None
) -> Picture:
    ahead = path or Path(np.zeros(0), np.zeros(0), np.zeros(0))
    return Picture(
        since=since,
        step=step,
        history=[None if np.isnan(value) else float(value) for value in history],
        values=[float(value) for value in ahead.values],
        low=[max(0.0, float(value)) for value in ahead.low],
        high=[float(value) for value in ahead.high],
        limit=limit,
    )


def _view(row: ForecastRow, unit: str | None) -> ForecastView:
    return ForecastView(
        id=row.id or 0, kind=row.kind, key=row.key, metric=row.metric, name=row.name, unit=unit,
        resource_id=row.resource_id, at=row.at, state=row.state, now=row.now, limit=row.limit,
        days=row.days, low=row.low, high=row.high, growth=row.growth, error_pct=row.error_pct,
        reason_zh=row.reason_zh, reason_en=row.reason_en,
    )  # fmt: skip


def within(session: Session, scope: Scope, days: float) -> int:
    """How many reach their limit within ``days``."""
    found: int = session.execute(
        scope.limit(
            select(func.count(col(ForecastRow.id))).where(
                col(ForecastRow.state) == "reaches", col(ForecastRow.days) <= days
            ),
            ForecastRow.unit_id,
        )
    ).scalar_one()
    return found
