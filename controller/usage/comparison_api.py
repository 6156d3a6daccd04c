"""The route of the comparison: /api/v1/usage/comparison."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query

from controller.access.deps import RuntimeDep, ScopeDep, may
from controller.access.principal import Principal
from controller.usage.api import From, To
from controller.usage.comparison import Comparison, Figure, comparison
from controller.usage.periods import read_period

router = APIRouter(prefix="/api/v1", tags=["usage"])

Reader = Annotated[Principal, Depends(may("usage.read"))]


@router.get("/usage/comparison", summary="Units beside each other")
def get_comparison(
    runtime: RuntimeDep,
    scope: ScopeDep,
    _reader: Reader,
    since: From,
    until: To,
    figure: Annotated[Figure, Query(description="cpu (in cores) or mem (in bytes)")] = "cpu",
) -> Comparison:
    """What was approved, delivered, is held and used; the place among peers, and growth against as
    long a period before. A unit is told its own place and the median, never another's figures."""
    start, end = read_period(since, until, ZoneInfo(runtime.settings.timezone))
    return comparison(runtime, scope, start, end, figure)
