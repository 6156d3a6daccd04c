"""Routes of patrol: /api/v1/patrol/plans, /runs, /drills, /checks."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from controller.access import audit
from controller.access.deps import RuntimeDep, ScopeDep, may
from controller.access.principal import Principal
from controller.access.scope import Scope
from controller.inventory import units
from controller.inventory.dated import SHANGHAI
from controller.inventory.model import Page
from controller.patrol import plans, report, run, signing, views
from controller.runtime import Runtime

router = APIRouter(prefix="/api/v1/patrol", tags=["patrol"])

Reader = Annotated[Principal, Depends(may("patrol.read"))]
Runner = Annotated[Principal, Depends(may("patrol.run"))]
Planner = Annotated[Principal, Depends(may("patrol.plan"))]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewRun(_Body):
    """Which plan, over the whole city or one unit's subtree."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"plan": "daily"}})

    plan: str = Field(default="daily", max_length=64)
    unit: str = Field(default="", max_length=200)


class Signature(_Body):
    """The shift's remark."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"remark": "已转办 2 项，其余正常。"}}
    )

    remark: str = Field(default="", max_length=2000)


class NewPlan(_Body):
    """A plan as ``GET /patrol/plans`` shows it, and why it was changed."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "note": "汛期加密",
                "plan": {
                    "name": "flood",
                    "kind": "key_period",
                    "title_zh": "汛期巡查",
                    "schedule": {"at": "06:00", "every_hours": 6},
                    "checks": [{"id": "agent.silent"}, {"id": "disk.full"}],
                },
            }
        },
    )

    plan: dict[str, Any]
    note: str = Field(default="", max_length=500)


class NewStep(_Body):
    """A step of a drill."""

    title: str = Field(min_length=1, max_length=200)
    expected: str = Field(default="", max_length=500)
    outcome: str = Field(default="", max_length=500)
    ok: bool


class NewDrill(_Body):
    """A drill that was held."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "title": "主机失联应急演练",
                "scenario": "分中心断电",
                "participants": ["王一", "李二"],
                "started": "2026-11-20T09:00",
                "finished": "2026-11-20T10:30",
                "steps": [
                    {"title": "发现告警", "expected": "10 分钟内", "outcome": "6 分钟", "ok": True}
                ],
                "conclusion": "流程有效",
            }
        },
    )

    title: str = Field(min_length=1, max_length=100)
    scenario: str = Field(default="", max_length=2000)
    participants: list[str] = Field(default_factory=list, max_length=100)
    started: datetime
    finished: datetime
    steps: list[NewStep] = Field(min_length=1, max_length=100)
    conclusion: str = Field(default="", max_length=2000)


@router.get("/checks", summary="What a plan can be made of")
def list_checks(_reader: Reader) -> list[plans.Check]:
    """With levels and parameters as they are unless a plan says otherwise."""
    return list(plans.catalogue().values())


@router.get("/plans", summary="Plans in force")
def list_plans(runtime: RuntimeDep, _reader: Reader) -> list[plans.PlanView]:
    """The shipped ones, edited or not, and those people made."""
    with runtime.database.read() as session:
        return plans.list_plans(session)


@router.get("/plans/{name}", summary="One plan and its versions")
def get_versions(name: str, runtime: RuntimeDep, _reader: Reader) -> list[plans.PlanView]:
    """The one in force first."""
    with runtime.database.read() as session:
        now = plans.get_plan(session, name)
        return [now, *(each for each in plans.versions(session, name)[1:])]


@router.post("/plans", status_code=201, summary="Edit or make a plan")
def save_plan(wanted: NewPlan, runtime: RuntimeDep, by: Planner) -> plans.PlanView:
    """A new version; earlier runs keep the plan they were run by."""
    with runtime.database.write() as session:
        return plans.save_plan(session, wanted.plan, by, wanted.note)


@router.get("/runs", summary="Runs, newest first")
def list_runs(
    runtime: RuntimeDep,
    scope: ScopeDep,
    reader: Reader,
    plan: Annotated[str, Query(max_length=64)] = "",
    state: Literal["", "running", "done", "failed", "died"] = "",
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    size: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> Page[views.RunView]:
    """Of one plan, in one state, or all."""
    with runtime.database.read() as session:
        items, total = views.list_runs(
            session, scope, reader.at, plan=plan, state=state, page=page, size=size
        )
    return Page(items=items, total=total, page=page, size=size)


@router.post("/runs", status_code=202, summary="Start a run")
def start_run(wanted: NewRun, runtime: RuntimeDep, scope: ScopeDep, by: Runner) -> views.RunDetail:
    """It goes on after the answer: ask for it until its state is no longer ``running``."""
    number = begin(runtime, scope, wanted.plan, wanted.unit, by)
    with runtime.database.read() as session:
        return views.get_run(session, scope, number, by.at)


def begin(runtime: Runtime, scope: Scope, plan: str, unit: str, by: Principal) -> int:
    """Starts a run in a thread of its own; gives its id. Raises NotFound, Problem 409."""
    with runtime.database.read() as session:
        view = plans.get_plan(session, plan)
        unit_id = units.find_unit(session, scope, unit, by.at).id if unit else None
    number = run.start(runtime.database, view, unit_id, by.name, by.at)
    with runtime.database.write() as session:
        audit.record(
            session, by, "patrol.run", f"run {number}", detail={"plan": plan, "unit": unit}
        )
    threading.Thread(
        target=_execute, args=(runtime, number), name=f"patrol {number}", daemon=True
    ).start()
    return number


def _execute(runtime: Runtime, number: int) -> None:
    try:
        run.execute(runtime, number)
    except Exception as error:  # the run says what ended it; a thread has nobody to tell
        run.log.error("patrol failed", extra={"run": number}, exc_info=error)


@router.get("/runs/{run_id}", summary="One run")
def get_run(run_id: int, runtime: RuntimeDep, scope: ScopeDep, reader: Reader) -> views.RunDetail:
    """With its checks and the sum behind its score."""
    with runtime.database.read() as session:
        return views.get_run(session, scope, run_id, reader.at)


@router.get("/runs/{run_id}/findings", summary="What a run saw")
def run_findings(
    run_id: int,
    runtime: RuntimeDep,
    scope: ScopeDep,
    reader: Reader,
    change: Literal["", "opened", "reopened", "still", "resolved"] = "",
    severity: Literal["", "critical", "major", "minor", "info"] = "",
    code: Annotated[str, Query(max_length=64)] = "",
    hidden: bool | None = False,
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    size: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Page[views.SeenFinding]:
    """The gravest first, resolved ones last; ``before`` is the evidence of the run before it."""
    with runtime.database.read() as session:
        items, total = views.run_findings(
            session, scope, run_id, reader.at,
            change=change, severity=severity, code=code, hidden=hidden, page=page, size=size,
        )  # fmt: skip
    return Page(items=items, total=total, page=page, size=size)


@router.get(
    "/runs/{run_id}/report",
    summary="The inspection report (巡检日报)",
    response_class=Response,
    responses={200: {"content": {media: {} for media in report.MEDIA.values()}}},
)
def get_report(
    run_id: int,
    runtime: RuntimeDep,
    scope: ScopeDep,
    reader: Reader,
    format: Literal["html", "pdf", "xlsx", "json"] = "html",  # noqa: A002 - the query's name
) -> Response:
    """As a file: HTML, PDF, XLSX or JSON, all from the same data."""
    with runtime.database.read() as session:
        data = report.collect(
            session, scope, run_id, reader.at, ZoneInfo(runtime.settings.timezone)
        )
    return Response(
        report.render(data, format),
        media_type=report.MEDIA[format],
        headers={"Content-Disposition": f'attachment; filename="{data.file_name}.{format}"'},
    )


@router.post("/runs/{run_id}/sign", summary="Sign a run")
def sign(
    run_id: int, wanted: Signature, runtime: RuntimeDep, scope: ScopeDep, by: Runner
) -> views.RunDetail:
    """Once, by the shift on duty."""
    with runtime.database.write() as session:
        signing.sign(session, scope, run_id, by, wanted.remark)
        return views.get_run(session, scope, run_id, by.at)


@router.post("/drills", status_code=201, summary="Write a drill down")
def record_drill(
    wanted: NewDrill, runtime: RuntimeDep, scope: ScopeDep, by: Runner
) -> views.RunDetail:
    """As a run of its own kind (应急演练)."""
    with runtime.database.write() as session:
        number = signing.record_drill(
            session,
            by,
            title=wanted.title,
            scenario=wanted.scenario,
            participants=wanted.participants,
            started=_in_shanghai(wanted.started),
            finished=_in_shanghai(wanted.finished),
            steps=[signing.Step(s.title, s.expected, s.outcome, s.ok) for s in wanted.steps],
            conclusion=wanted.conclusion,
        )
        return views.get_run(session, scope, number, by.at)


def _in_shanghai(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)
