"""Routes of 对账: platform, register and agent side by side, and the score."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from controller.access.deps import RuntimeDep, ScopeDep, may
from controller.access.principal import Principal
from controller.access.scope import Scope
from controller.inventory.api import PageNumber, PageSize
from controller.inventory.units import find_unit, subtree
from controller.ledger.export import attachment
from controller.ledger.reconcile import ISSUES, WEIGHTS, Line, Reconciliation, as_json
from controller.ledger.sides import read_reconciliation
from controller.problems import Problem
from controller.runtime import Runtime

router = APIRouter(prefix="/api/v1/ledger", tags=["ledger"])

Reader = Annotated[Principal, Depends(may("ledger.read"))]


class ShareView(BaseModel):
    """A part of the score: ``good`` of ``of`` with its weight."""

    good: int = Field(examples=[196])
    of: int = Field(examples=[200])
    pct: float | None = Field(examples=[98.0])
    weight: float = Field(examples=[35.0])


class UnitCoverage(BaseModel):
    """How many of a unit's own machines each side knows."""

    unit: str
    unit_name: str
    resources: int
    platform: int
    agent: int
    data: int
    agreeing: int = Field(description="without any issue but a missing agent")


class ReconciliationView(BaseModel):
    """One page of machines side by side; the summary is of all of them."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "score": 96.4,
                    "threshold": 80.0,
                    "formula": "(35·machines + 20·owners + 20·sizes + 25·data) / 100",
                    "shares": {"data": {"good": 190, "of": 200, "pct": 95.0, "weight": 25.0}},
                    "issues": {"only_register": 2, "no_data": 10},
                    "units": [],
                    "items": [],
                    "total": 0,
                    "page": 1,
                    "size": 50,
                }
            ]
        }
    )

    score: float | None
    threshold: float
    formula: str
    shares: dict[str, ShareView]
    issues: dict[str, int]
    units: list[UnitCoverage]
    items: list[dict[str, Any]]
    total: int
    page: int
    size: int


FORMULA = "(" + " + ".join(f"{weight:g}·{name}" for name, weight in WEIGHTS.items()) + ") / 100"


@router.get(
    "/reconciliation",
    summary="Platform, register and agent side by side",
    response_model=ReconciliationView,
)
def get_reconciliation(
    runtime: RuntimeDep,
    scope: ScopeDep,
    _reader: Reader,
    issue: Annotated[str, Query(description=f"One of {', '.join(ISSUES)}; 'any'.")] = "",
    unit: Annotated[str | None, Query(description="Code or name; its subtree included.")] = None,
    text: Annotated[str, Query(description="In code, name and owner.")] = "",
    format: Annotated[Literal["json", "csv", "xlsx"], Query()] = "json",  # noqa: A002
    page: PageNumber = 1,
    size: PageSize = 50,
) -> Response | ReconciliationView:
    """Each machine once, whichever side knows it; the gravest first."""
    now = runtime.now()
    found, units = read_reconciliation(runtime, narrowed(runtime, scope, unit, now), now)
    lines = chosen(found, units, issue=issue, text=text)
    if format != "json":
        return attachment(format, "reconciliation", HEADS, (cells(line, units) for line in lines))
    return ReconciliationView(
        score=found.score,
        threshold=runtime.settings.ledger.publish_score,
        formula=FORMULA,
        shares={
            name: ShareView(good=share.good, of=share.of, pct=share.pct, weight=WEIGHTS[name])
            for name, share in found.shares.items()
        },
        issues=found.counts(),
        units=coverage(found, units),
        items=[as_json(line, units) for line in lines[(page - 1) * size : page * size]],
        total=len(lines),
        page=page,
        size=size,
    )


def narrowed(runtime: Runtime, scope: Scope, unit: str | None, now: datetime) -> Scope:
    """The scope within ``unit``'s subtree. Raises NotFound."""
    if not unit:
        return scope
    with runtime.database.read() as session:
        below = subtree(session, find_unit(session, scope, unit, now).id, now)
    return Scope(below if scope.unit_ids is None else below & scope.unit_ids)


def chosen(
    found: Reconciliation, units: dict[int, tuple[str, str]], *, issue: str = "", text: str = ""
) -> list[Line]:
    """The lines with an issue and a text. Raises Problem 422 for an issue there is not."""
    if issue not in ("", "any", *ISSUES):
        raise Problem(422, "unknown issue", f"{issue!r}: use one of any, {', '.join(ISSUES)}")
    lines = found.lines
    if issue == "any":
        lines = [line for line in lines if set(line.issues) - {"no_agent"}]
    elif issue:
        lines = [line for line in lines if issue in line.issues]
    if wanted := text.strip().casefold():
        lines = [
            line
            for line in lines
            if wanted
            in " ".join((line.key, line.name, *units.get(line.unit_id or 0, ()))).casefold()
        ]
    return lines


def coverage(found: Reconciliation, units: dict[int, tuple[str, str]]) -> list[UnitCoverage]:
    """By unit, by code."""
    rows = [
        UnitCoverage(unit=units[key][0], unit_name=units[key][1], **counts)
        for key, counts in found.coverage.items()
        if key in units
    ]
    return sorted(rows, key=lambda row: row.unit)


HEADS = (
    "编码", "名称", "单位编码", "单位", "问题", "平台", "台账vCPU", "平台vCPU", "采集vCPU",
    "台账内存GB", "平台内存GB", "采集内存GB", "台账磁盘GB", "平台磁盘GB", "采集磁盘GB", "最近数据",
)  # fmt: skip

ISSUE_WORDS = {
    "only_platform": "平台有、台账无",
    "only_register": "台账有、平台无",
    "only_agent": "采集端无对应资源",
    "owner_unknown": "平台单位不明",
    "owner_differs": "单位不一致",
    "size_platform": "规格与平台不一致",
    "size_agent": "规格与实测不一致",
    "duplicate_address": "地址重复",
    "double_agent": "多个采集端",
    "no_data": "无数据",
    "no_agent": "无采集端",
}


def cells(line: Line, units: dict[int, tuple[str, str]]) -> list[object]:
    """The line as cells of an export."""
    code, name = units.get(line.unit_id or 0, ("", ""))
    sides = [line.sizes(side) for side in ("register", "platform", "agent")]

    def gib(value: float | None) -> float | None:
        return None if value is None else round(value / 2**30, 2)

    return [
        line.key,
        line.name,
        code,
        name,
        "；".join(ISSUE_WORDS[issue] for issue in line.issues),
        line.platform.source if line.platform else "",
        *(side[0] for side in sides),
        *(gib(side[1]) for side in sides),
        *(gib(side[2]) for side in sides),
        line.last_data.isoformat() if line.last_data else "",
    ]
