"""Routes of departments' own networks and the projects that move them: /api/v1/moves/…"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict
from sqlmodel import Session
from starlette.datastructures import UploadFile
from starlette.requests import Request

from controller.access import audit
from controller.access.deps import RuntimeDep, ScopeDep, may
from controller.access.principal import Principal
from controller.inventory.api import (
    FILE_BODY,
    ImportOptions,
    PageNumber,
    PageSize,
    in_shanghai,
    page_of,
    received_file,
    take_import,
)
from controller.inventory.model import Page
from controller.inventory.outcome import ImportOutcome
from controller.inventory.papers_api import UnitFilter, below
from controller.moves import networks, projects
from controller.moves.model import (
    Carried,
    NetworkIn,
    NetworkView,
    ProjectDetail,
    ProjectIn,
    ProjectView,
    ReasonIn,
    SignIn,
    Step,
    StepIn,
)
from controller.moves.network_import import network_register
from controller.moves.sheets import XLSX, attachment, to_xlsx
from controller.moves.steps import NAMES
from controller.runtime import Runtime

router = APIRouter(prefix="/api/v1", tags=["moves"])

Reader = Annotated[Principal, Depends(may("moves.read"))]
Writer = Annotated[Principal, Depends(may("moves.write"))]
Signer = Annotated[Principal, Depends(may("moves.sign"))]
FileFormat = Annotated[Literal["json", "xlsx"], Query(alias="format")]


class CarriedAnswer(BaseModel):
    """一网承载率: of the whole and of each county or unit."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"by": "county", "rows": []}]})

    by: str
    whole: Carried
    rows: list[Carried]


async def received(request: Request, writer: Writer) -> AsyncIterator[UploadFile]:
    """The form field "file", as ``received_file``, for those who may write here."""
    async for file in received_file(request, writer):
        yield file


@router.get(
    "/moves/networks",
    summary="Departments' own networks",
    responses={200: {"content": {XLSX: {}}}},
    response_model=Page[NetworkView],
)
def get_networks(
    runtime: RuntimeDep,
    scope: ScopeDep,
    _reader: Reader,
    unit: UnitFilter = None,
    disposition: Annotated[
        Literal["migrate", "keep", "merge", "none"] | None,
        Query(description="none: not decided yet."),
    ] = None,
    text: Annotated[str, Query(max_length=100)] = "",
    page: PageNumber = 1,
    size: PageSize = 100,
    form: FileFormat = "json",
) -> Response | Page[NetworkView]:
    """By code. As XLSX in the form that the import takes."""
    now = runtime.now()
    with runtime.database.read() as session:
        found = networks.list_networks(
            session, scope, now, text=text, unit_ids=below(session, scope, unit, now),
            disposition="" if disposition == "none" else disposition,
        )  # fmt: skip
    if form == "xlsx":
        return attachment(to_xlsx("专网", *networks.network_sheet(found)), "own-networks.xlsx")
    return page_of(found, page, size)


@router.put("/moves/networks", summary="Register or change an own network")
def put_network(
    given: NetworkIn, runtime: RuntimeDep, scope: ScopeDep, writer: Writer
) -> NetworkView:
    """A classified network is refused, and nothing of it is stored."""
    now = runtime.now()
    with runtime.database.write() as session:
        kept = networks.put_network(session, scope, given, writer.name, now)
        audit.record(session, writer, "move.network", kept.code, "ok", {"name": kept.name})
        return _network(session, scope, kept.code, now)


@router.delete("/moves/networks/{code}", summary="Take an own network out of the register")
def delete_network(code: str, runtime: RuntimeDep, scope: ScopeDep, writer: Writer) -> Response:
    now = runtime.now()
    with runtime.database.write() as session:
        networks.retire_network(session, scope, code, writer.name, now)
        audit.record(session, writer, "move.network.retire", code)
    return Response(status_code=204)


@router.post(
    "/import/own-networks", summary="Import departments' own networks", openapi_extra=FILE_BODY
)
def post_networks(
    runtime: RuntimeDep,
    writer: Writer,
    options: Annotated[ImportOptions, Query()],
    file: Annotated[UploadFile, Depends(received)],
) -> ImportOutcome:
    """Columns code, name, unit, classified, kind, disposition, hosts, cost_year, prefixes, vpn,
    lines (编码, 名称, 单位, 是否涉密, 类型, 处置, 主机数, 年费用, 网段, VPN, 专线)."""
    return take_import(network_register(writer.name), runtime, writer, options, file)


@router.get(
    "/moves/carried",
    summary="How many own networks the extranet carries",
    responses={200: {"content": {XLSX: {}}}},
    response_model=CarriedAnswer,
)
def get_carried(
    runtime: RuntimeDep,
    scope: ScopeDep,
    _reader: Reader,
    by: Literal["county", "unit"] = "county",
    form: FileFormat = "json",
) -> Response | CarriedAnswer:
    """Carried: the unit has signed off its move. Of those to migrate or merge; kept and undecided
    ones are counted apart."""
    with runtime.database.read() as session:
        whole, rows = networks.carried_by(session, scope, runtime.now(), by)
    if form == "xlsx":
        return attachment(to_xlsx("一网承载率", *_carried_sheet(whole, rows)), "carried.xlsx")
    return CarriedAnswer(by=by, whole=whole, rows=rows)


def _carried_sheet(whole: Carried, rows: Sequence[Carried]) -> tuple[list[str], list[list[object]]]:
    heads = ["范围", "专网", "应迁（迁移+撤并）", "已承载", "承载率%", "应迁主机", "已承载主机",
             "主机承载率%", "保留", "待定", "年费用（元）", "已节约（元/年）"]  # fmt: skip
    return heads, [
        [r.name, r.networks, r.to_move, r.carried, r.rate_pct, r.hosts_to_move, r.hosts_carried,
         r.hosts_rate_pct, r.kept, r.undecided, r.cost_year, r.cost_saved_year]
        for r in (whole, *rows)
    ]  # fmt: skip


@router.get(
    "/moves/projects",
    summary="The board of projects",
    responses={200: {"content": {XLSX: {}}}},
    response_model=Page[ProjectView],
)
def get_projects(
    runtime: RuntimeDep,
    scope: ScopeDep,
    _reader: Reader,
    state: Literal["", "open", "done", "cancelled"] = "",
    text: Annotated[str, Query(max_length=100)] = "",
    page: PageNumber = 1,
    size: PageSize = 100,
    form: FileFormat = "json",
) -> Response | Page[ProjectView]:
    """What is late or blocked first."""
    with runtime.database.read() as session:
        found = projects.list_projects(session, scope, runtime.now(), state=state, text=text)
    if form == "xlsx":
        return attachment(to_xlsx("迁网项目", *_board_sheet(found)), "moves.xlsx")
    return page_of(found, page, size)


def _board_sheet(found: Sequence[ProjectView]) -> tuple[list[str], list[list[object]]]:
    heads = ["项目", "名称", "专网", "单位", "当前步骤", "已完成步骤", "阻碍", "主机", "已割接",
             "计划完成", "负责人", "状态"]  # fmt: skip
    words = {"open": "进行中", "done": "已完成", "cancelled": "已取消"}
    return heads, [
        [p.code, p.name, p.network_name, p.unit_name, NAMES[p.step][0] if p.step else "",
         f"{p.done_steps}/5", "；".join(b.zh for b in p.blockers), p.hosts, p.hosts_done,
         f"{in_shanghai(p.planned_end):%Y-%m-%d}" if p.planned_end else "", p.lead,
         words[p.state]]
        for p in found
    ]  # fmt: skip


@router.post("/moves/projects", status_code=201, summary="Begin the move of a network")
def post_project(
    given: ProjectIn, runtime: RuntimeDep, scope: ScopeDep, writer: Writer
) -> ProjectDetail:
    now = runtime.now()
    if given.planned_end:
        given.planned_end = in_shanghai(given.planned_end)
    with runtime.database.write() as session:
        projects.begin_project(session, scope, given, writer.name, now)
        audit.record(session, writer, "move.project", given.code, "ok", {"network": given.network})
        return projects.project_detail(session, scope, given.code, now)


@router.get("/moves/projects/{code}", summary="One project with steps, blockers and history")
def get_project(code: str, runtime: RuntimeDep, scope: ScopeDep, _reader: Reader) -> ProjectDetail:
    with runtime.database.read() as session:
        return projects.project_detail(session, scope, code, runtime.now())


@router.patch("/moves/projects/{code}/steps/{step}", summary="Change a step")
def patch_step(
    code: str, step: Step, given: StepIn, runtime: RuntimeDep, scope: ScopeDep, writer: Writer
) -> ProjectDetail:
    """Steps follow each other; the unit's sign-off is the unit's own."""
    return set_step(runtime, scope, writer, code, step, given)


@router.post("/moves/projects/{code}/sign-off", summary="The unit's word on its move")
def post_sign_off(
    code: str, given: SignIn, runtime: RuntimeDep, scope: ScopeDep, signer: Signer
) -> ProjectDetail:
    """After the cut-over. A refusal says why and sends the project back to the cut-over."""
    return sign(runtime, scope, signer, code, given)


@router.post("/moves/projects/{code}/cancel", summary="End a project without moving")
def post_cancel(
    code: str, given: ReasonIn, runtime: RuntimeDep, scope: ScopeDep, writer: Writer
) -> ProjectDetail:
    return cancel(runtime, scope, writer, code, given.text)


@router.post("/moves/projects/{code}/reopen", summary="Take a cancellation back")
def post_reopen(
    code: str, given: ReasonIn, runtime: RuntimeDep, scope: ScopeDep, writer: Writer
) -> ProjectDetail:
    now = runtime.now()
    with runtime.database.write() as session:
        projects.reopen_project(session, scope, code, given.text, writer.name, now)
        audit.record(session, writer, "move.reopen", code, "ok", {"text": given.text})
        return projects.project_detail(session, scope, code, now)


def set_step(
    runtime: Runtime, scope: ScopeDep, writer: Principal, code: str, step: str, given: StepIn
) -> ProjectDetail:
    """Changes a step and writes it down. Raises NotFound, Problem 409."""
    now = runtime.now()
    if isinstance(given.planned, datetime):
        given.planned = in_shanghai(given.planned)
    with runtime.database.write() as session:
        projects.change_step(session, scope, code, step, given, writer.name, now)
        told = given.model_dump(mode="json", exclude_unset=True)
        audit.record(session, writer, "move.step", f"{code} {step}", "ok", told)
        return projects.project_detail(session, scope, code, now)


def sign(
    runtime: Runtime, scope: ScopeDep, signer: Principal, code: str, given: SignIn
) -> ProjectDetail:
    """Takes the unit's word. Raises NotFound, Problem 409, 422."""
    now = runtime.now()
    with runtime.database.write() as session:
        projects.sign_off(session, scope, code, given.accept, given.text, signer.name, now)
        told = {"accept": given.accept, "text": given.text}
        audit.record(session, signer, "move.sign_off", code, "ok", told)
        return projects.project_detail(session, scope, code, now)


def cancel(
    runtime: Runtime, scope: ScopeDep, writer: Principal, code: str, text: str
) -> ProjectDetail:
    """Ends a project. Raises NotFound, Problem 409."""
    now = runtime.now()
    with runtime.database.write() as session:
        projects.cancel_project(session, scope, code, text, writer.name, now)
        audit.record(session, writer, "move.cancel", code, "ok", {"text": text})
        return projects.project_detail(session, scope, code, now)


def _network(session: Session, scope: ScopeDep, code: str, now: datetime) -> NetworkView:
    found = networks.list_networks(session, scope, now)
    return next(each for each in found if each.code == code)
