"""Routes of forecasts: /api/v1/forecasts."""

from __future__ import annotations

import logging
import threading
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from controller.access import audit
from controller.access.deps import RuntimeDep, ScopeDep, may
from controller.access.principal import Principal
from controller.forecasts import queries
from controller.forecasts.compute import compute
from controller.forecasts.queries import ForecastView, Picture, RunView
from controller.inventory.model import Page
from controller.problems import Problem
from controller.runtime import Runtime

router = APIRouter(prefix="/api/v1/forecasts", tags=["forecasts"])

Reader = Annotated[Principal, Depends(may("forecasts.read"))]
Maker = Annotated[Principal, Depends(may("forecasts.make"))]

_ONE_AT_A_TIME = threading.Lock()

log = logging.getLogger("yunxun.forecasts")


class UnderWay(BaseModel):
    """That they are being made; ``before`` is when they were made last."""

    before: datetime | None


@router.get("", summary="Forecasts, the most urgent first")
def list_forecasts(
    runtime: RuntimeDep,
    scope: ScopeDep,
    reader: Reader,
    kind: Literal["", "pool", "link", "volume"] = "",
    state: Literal["", "over", "reaches", "steady", "refused"] = "",
    unit: Annotated[str | None, Query(max_length=200)] = None,
    text: Annotated[str, Query(max_length=100)] = "",
    sort: Annotated[
        str, Query(description=f"One of {', '.join(queries.SORTS)}; - before: down.")
    ] = "days",
    page: Annotated[int, Query(ge=1)] = 1,
    size: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> Page[ForecastView]:
    """When pools, lines and file systems reach their limit, with an 80 % interval, or why nothing
    is said. File systems and lines far from their limit are not listed."""
    with runtime.database.read() as session:
        return queries.list_forecasts(
            session, scope, reader.at, kind=kind, state=state, unit=unit, text=text, sort=sort,
            page=page, size=size,
        )  # fmt: skip


@router.get("/last-run", summary="When and over what they were made")
def get_last_run(runtime: RuntimeDep, scope: ScopeDep, _reader: Reader) -> RunView | None:
    """Null before the first; counts only for who sees the whole city."""
    with runtime.database.read() as session:
        run = queries.last_run(session)
    if run is not None and not scope.everything:
        return run.model_copy(update={"counts": {}})
    return run


@router.get("/{number}", summary="One forecast")
def get_forecast(
    number: int, runtime: RuntimeDep, scope: ScopeDep, _reader: Reader
) -> ForecastView:
    """As it was computed last."""
    with runtime.database.read() as session:
        return queries.get_forecast(session, scope, number)


@router.get("/{number}/series", summary="Its history and what lies ahead")
def get_series(number: int, runtime: RuntimeDep, scope: ScopeDep, _reader: Reader) -> Picture:
    """Computed from the data as they are now."""
    with runtime.database.read() as session:
        view = queries.get_forecast(session, scope, number)
    return queries.picture(runtime, scope, view)


@router.post("", status_code=202, summary="Make them anew")
def post_forecasts(runtime: RuntimeDep, maker: Maker) -> UnderWay:
    """For the whole city, as the worker does every night. It goes on after the answer: they are
    there when ``/forecasts/last-run`` names a later moment."""
    return UnderWay(before=begin(runtime, maker))


def begin(runtime: Runtime, by: Principal) -> datetime | None:
    """Starts ``compute`` in a thread of its own; gives when it was done last. Raises Problem 409
    while this process is at it already."""
    if not _ONE_AT_A_TIME.acquire(blocking=False):
        raise Problem(409, "forecasts under way", "they are being made right now; ask again soon")
    try:
        with runtime.database.write() as session:
            last = queries.last_run(session)
            audit.record(session, by, "forecast.compute", "city")
        thread = threading.Thread(
            target=_make, args=(runtime, by.name), name="forecasts", daemon=True
        )
        thread.start()
    except BaseException:
        _ONE_AT_A_TIME.release()
        raise
    return last.at if last else None


def _make(runtime: Runtime, by: str) -> None:
    try:
        compute(runtime, by)
    except Exception as error:  # a thread has nobody to tell
        log.error("forecasts failed", exc_info=error)
    finally:
        _ONE_AT_A_TIME.release()


def under_way() -> bool:
    """Whether this process is making them."""
    return _ONE_AT_A_TIME.locked()
