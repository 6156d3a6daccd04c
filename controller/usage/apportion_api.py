"""GET /api/v1/usage/apportioned: units' use with shared resources apportioned."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict

from controller.access.deps import RuntimeDep, ScopeDep, may
from controller.access.principal import Principal
from controller.inventory.api import in_shanghai
from controller.problems import Problem
from controller.usage.apportion import apportioned

router = APIRouter(prefix="/api/v1", tags=["usage"])

Reader = Annotated[Principal, Depends(may("usage.read"))]


class ApportionedRow(BaseModel):
    """A unit with its subtree: as held, and after shares."""

    unit: str
    unit_name: str
    vcpu_own: float | None
    cores_own: float | None
    vcpu_apportioned: float | None
    cores_apportioned: float | None
    cpu_pct_own: float | None
    cpu_pct_apportioned: float | None
    shared_in: int
    shared_out: int


class ApportionedReport(BaseModel):
    """Every unit that the caller may see."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"rows": [{"unit": "330100-JTJ", "unit_name": "市交通运输局", "vcpu_own": 100.0,
                           "cores_own": 20.0, "vcpu_apportioned": 106.4, "cores_apportioned": 22.0,
                           "cpu_pct_own": 20.0, "cpu_pct_apportioned": 20.7, "shared_in": 1,
                           "shared_out": 0}]}
            ]
        }
    )  # fmt: skip

    rows: list[ApportionedRow]


@router.get("/usage/apportioned", summary="Use of units with shared resources apportioned")
def get_apportioned(
    runtime: RuntimeDep,
    scope: ScopeDep,
    _reader: Reader,
    since: Annotated[datetime, Query(alias="from")],
    until: Annotated[datetime, Query(alias="to")],
) -> ApportionedReport:
    """By the shares in force at the end of the period; public support weighs on nobody."""
    start, end = in_shanghai(since), in_shanghai(until)
    if start >= end:
        raise Problem(422, "empty period", "from must be before to")
    rows = apportioned(runtime, scope, start, end)
    return ApportionedReport(rows=[ApportionedRow(**asdict(row)) for row in rows])
