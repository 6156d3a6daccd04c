"""Routes of cut-over plans: /api/v1/moves/plans."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import yaml
from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import UploadFile

from controller.access import audit
from controller.access.deps import RuntimeDep, ScopeDep, may
from controller.access.principal import Principal
from controller.access.scope import Scope
from controller.inventory.api import FILE_BODY, PageNumber, PageSize, in_shanghai, page_of
from controller.inventory.model import Page
from controller.moves import plans
from controller.moves.api import Reader, Writer, received
from controller.moves.plan_acl import HEADS, acl_lines
from controller.moves.plan_hosts import playbook_plan
from controller.moves.plan_waves import MOST_HOSTS
from controller.moves.projects import find_project
from controller.moves.sheets import XLSX, attachment, book
from controller.moves.tables import MovePlan
from controller.problems import Problem
from controller.runtime import Runtime

router = APIRouter(prefix="/api/v1/moves", tags=["moves"])

Approver = Annotated[Principal, Depends(may("moves.approve"))]


class FaultView(BaseModel):
    """A fault of an address plan, by row and column of its file."""

    row: int
    column: str
    kind: str
    severity: str
    host: str
    zh: str
    en: str


class PlanView(BaseModel):
    """A plan as the list shows it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"id": 7, "project": "mv-jtj-video", "state": "submitted",
                 "file_name": "地址方案.xlsx", "at": "2026-11-20T09:00:00+08:00", "by": "li",
                 "edge_days": 30, "digest": "9f86d081…", "summary": {"hosts": 42, "blockers": 0},
                 "window_from": "2026-11-28T22:00:00+08:00",
                 "window_until": "2026-11-29T04:00:00+08:00", "submitted_by": "li",
                 "decided": None, "decided_by": "", "note": "", "not_runnable": "…"}
            ]
        }
    )  # fmt: skip

    id: int | None = Field(description="None: a trial, not kept.")
    project: str
    state: str
    file_name: str
    at: datetime
    by: str
    edge_days: int
    digest: str
    summary: dict[str, Any]
    window_from: datetime | None = None
    window_until: datetime | None = None
    submitted_by: str = ""
    decided: datetime | None = None
    decided_by: str = ""
    note: str = ""
    not_runnable: str = Field("", description='Why it may not be carried out now; "": it may.')


class PlanDetail(PlanView):
    """A plan whole: hosts' plans, faults, permits to ask for, waves."""

    hosts: list[dict[str, Any]]
    faults: list[FaultView]
    acl: list[dict[str, Any]]
    waves: list[dict[str, Any]]


class PlanOptions(BaseModel):
    """How a plan is to be made."""

    model_config = ConfigDict(extra="forbid")

    project: str = Field(max_length=64, description="Code of the project.")
    dry_run: bool = Field(False, description="Make the plan and keep nothing.")
    days: int = Field(30, ge=7, le=30, description="Days of observed connections that go in.")
    wave: int = Field(MOST_HOSTS, ge=1, le=1000, description="Most hosts of a wave.")
    sheet: str = Field("", max_length=100)


class Window(BaseModel):
    """When the plan is to be carried out."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"begin": "2026-11-28T22:00:00", "end": "2026-11-29T04:00:00"}]
        },
    )

    begin: datetime
    end: datetime


class Decision(BaseModel):
    """Approval or refusal; a refusal says why."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"approve": True, "note": ""}]}
    )

    approve: bool
    note: str = Field("", max_length=500)


def view_of(
    plan: MovePlan, project: str, scope: Scope, now: datetime, *, whole: bool = True
) -> PlanDetail:
    """A plan as it is shown; who made it is not told to a unit."""
    values = plan.model_dump(
        include={
            "id", "state", "file_name", "at", "edge_days", "digest", "summary", "window_from",
            "window_until", "decided", "note",
        }
    )  # fmt: skip
    names = {
        name: getattr(plan, name) if scope.everything else ""
        for name in ("by", "submitted_by", "decided_by")
    }
    return PlanDetail(
        **values,
        **names,
        project=project,
        not_runnable=plans.runnable(plan, now),
        hosts=own_hosts(plan.hosts, scope) if whole else [],
        faults=[FaultView(**own_fault(it, scope)) for it in plan.faults] if whole else [],
        acl=own_permits(plan.acl, scope) if whole else [],
        waves=plan.waves if whole else [],
    )


OF_OTHERS = {
    "address_of_other_unit": ("该地址属于其他单位", "the address is another unit's"),
    "planned_elsewhere": (
        "该地址已被其他项目的方案占用",
        "the address is planned by another project already",
    ),
    "host_ambiguous": ("有多台主机同名：请填编码", "several hosts are called so: write the code"),
}
"""Faults whose full text names other units, their networks, projects or hosts."""


def own_fault(fault: dict[str, Any], scope: Scope) -> dict[str, Any]:
    """A fault as a unit may read it: what is wrong with its row, without whose the other is."""
    plain = None if scope.everything else OF_OTHERS.get(fault["kind"])
    return fault if plain is None else fault | {"zh": plain[0], "en": plain[1]}


def own_permits(acl: list[dict[str, Any]], scope: Scope) -> list[dict[str, Any]]:
    """The permits as a unit may see them: of another unit's end it learns that it is one."""
    if scope.everything:
        return acl
    kept = []
    for each in acl:
        row = dict(each)
        for end in ("source", "target"):
            if row[f"{end}_known"] and not row[f"{end}_own"]:
                row |= {end: "", f"{end}_name": "其他单位", f"{end}_unit": "", f"{end}_system": ""}
        kept.append(row)
    return kept


def own_hosts(hosts: list[dict[str, Any]], scope: Scope) -> list[dict[str, Any]]:
    """Hosts' plans; a unit is not told the addresses of those it calls."""
    return hosts if scope.everything else [host | {"edges": []} for host in hosts]


@router.get("/plans", summary="Cut-over plans, the newest first")
def get_plans(
    runtime: RuntimeDep,
    scope: ScopeDep,
    _reader: Reader,
    project: Annotated[str, Query(max_length=64)] = "",
    state: Literal["", "draft", "submitted", "approved", "refused", "withdrawn"] = "",
    page: PageNumber = 1,
    size: PageSize = 100,
) -> Page[PlanView]:
    now = runtime.now()
    with runtime.database.read() as session:
        found = plans.list_plans(session, scope, project=project, state=state)
        views = [
            PlanView(**view_of(plan, code, scope, now, whole=False).model_dump())
            for plan, code in found
        ]
    return page_of(views, page, size)


@router.post("/plans", status_code=201, summary="Make a plan from an address plan",
             openapi_extra=FILE_BODY)  # fmt: skip
def post_plan(
    runtime: RuntimeDep,
    scope: ScopeDep,
    writer: Writer,
    options: Annotated[PlanOptions, Query()],
    file: Annotated[UploadFile, Depends(received)],
) -> PlanDetail:
    """Columns 主机, 网卡, 现IP, IPv4地址, 掩码, 网关, IPv6地址, IPv6前缀, IPv6网关, DNS, NTP, MTU,
    VLAN, 静态路由. A plan with faults is kept as a draft all the same, to be looked at."""
    return make_plan(runtime, scope, writer, options, file)


def make_plan(
    runtime: Runtime, scope: Scope, writer: Principal, options: PlanOptions, file: UploadFile
) -> PlanDetail:
    """Makes a plan and keeps it, or only shows it. Raises NotFound, Problem 409, 422."""
    now, name = runtime.now(), file.filename or "file"
    table, sha256 = plans.read_plan_file(file.file, name, sheet=options.sheet)
    with runtime.database.read() as session:
        project = find_project(session, scope, options.project)
        made = plans.make(session, project, table, options.days, options.wave, now)
    told = {"project": options.project, "sha256": sha256, "blockers": made.blocking,
            "hosts": len(made.hosts), "dry_run": options.dry_run}  # fmt: skip
    with runtime.database.write() as session:
        project = find_project(session, scope, options.project)
        audit.record(session, writer, "move.plan", name[:200], "ok", told)
        if options.dry_run:
            plan = MovePlan(
                project_id=project.id or 0, unit_id=project.unit_id, file_name=name[:200],
                sha256=sha256, digest=made.digest, at=now, by=writer.name, hosts=made.hosts,
                faults=[fault._asdict() for fault in made.faults], acl=made.acl,
                waves=made.waves, summary=made.summary, edge_days=options.days, state="trial",
            )  # fmt: skip
        else:
            plan = plans.keep_plan(
                session, project, made, file_name=name, sha256=sha256, days=options.days,
                by=writer.name, now=now,
            )  # fmt: skip
        return view_of(plan, options.project, scope, now)


@router.get("/plans/{plan_id}", summary="One plan: hosts, faults, permits, waves")
def get_plan(plan_id: int, runtime: RuntimeDep, scope: ScopeDep, _reader: Reader) -> PlanDetail:
    with runtime.database.read() as session:
        plan = plans.find_plan(session, scope, plan_id)
        return view_of(plan, plans.project_code(session, plan), scope, runtime.now())


@router.get(
    "/plans/{plan_id}/file",
    summary="A plan as a file: for the playbooks, the network team, or to mend",
    responses={200: {"content": {XLSX: {}, "application/yaml": {}}}},
    response_class=Response,
)
def get_plan_file(
    plan_id: int,
    runtime: RuntimeDep,
    scope: ScopeDep,
    _reader: Reader,
    kind: Annotated[
        Literal["yml", "acl", "xlsx"],
        Query(description="yml: cutover_hosts; acl: permits as XLSX; xlsx: hosts, faults, waves."),
    ] = "yml",
    wave: Annotated[int | None, Query(ge=1, description="Only this wave (yml).")] = None,
) -> Response:
    """An approved plan is the one to carry out; the YAML of another says so at its top."""
    with runtime.database.read() as session:
        plan = plans.find_plan(session, scope, plan_id)
        view = view_of(plan, plans.project_code(session, plan), scope, runtime.now())
    if kind == "acl":
        sheet = ("ACL申请", HEADS, acl_lines(view.acl))
        return attachment(book([sheet]), f"acl-plan-{plan_id}.xlsx")
    if kind == "xlsx":
        return attachment(_workbook(view), f"plan-{plan_id}.xlsx")
    body = plan_yaml(view, wave)
    return attachment(body.encode(), f"plan-{plan_id}.yml", "application/yaml")


def plan_yaml(view: PlanDetail, wave: int | None) -> str:
    """The playbooks' plan.yml. Raises Problem 404 for a wave that the plan has not."""
    body = playbook_plan(view.hosts, wave)
    if wave is not None and not body["cutover_hosts"]:
        raise Problem(404, "no such wave", f"plan {view.id} has waves 1 to {len(view.waves)}")
    head = f"# plan {view.id} of project {view.project}, {view.state}, sha256 {view.digest}\n"
    if view.not_runnable:
        head += f"# NOT TO BE CARRIED OUT NOW: {view.not_runnable}\n"
    return head + str(yaml.safe_dump(body, allow_unicode=True, sort_keys=False))


def _workbook(view: PlanDetail) -> bytes:
    hosts = [
        [h["code"], h["name"], h["system"], h["wave"], h["interface"], h["old_address"],
         h["address"], h["gateway"], h["address6"], h["gateway6"], " ".join(h["dns"]),
         " ".join(h["ntp"]), h["mtu"], h["vlan"],
         "\n".join(f"{r['to']} via {r['via']}" for r in h["routes"]), len(h["edges"])]
        for h in view.hosts
    ]  # fmt: skip
    faults = [
        [f.row or "", f.column, f.host, "错误" if f.severity == "blocker" else "提醒", f.zh]
        for f in view.faults
    ]
    waves = [
        [w["number"], len(w["hosts"]), "、".join(w["systems"]), "、".join(w["hosts"]), w["note_zh"]]
        for w in view.waves
    ]
    return book(
        [
            ("主机", ("编码", "名称", "系统", "批次", "网卡", "现地址", "IPv4", "网关", "IPv6",
                      "IPv6网关", "DNS", "NTP", "MTU", "VLAN", "路由", "验证连接"), hosts),
            ("问题", ("行", "列", "主机", "级别", "说明"), faults),
            ("批次", ("批次", "主机数", "业务系统", "主机", "说明"), waves),
            ("ACL申请", HEADS, acl_lines(view.acl)),
        ]
    )  # fmt: skip


@router.post("/plans/{plan_id}/submit", summary="Hand a plan in for approval, with its window")
def post_submit(
    plan_id: int, window: Window, runtime: RuntimeDep, scope: ScopeDep, writer: Writer
) -> PlanView:
    """A plan with faults that block is refused."""
    return submit(runtime, scope, writer, plan_id, window)


@router.post("/plans/{plan_id}/decision", summary="Approve or refuse a plan")
def post_decision(
    plan_id: int, given: Decision, runtime: RuntimeDep, scope: ScopeDep, approver: Approver
) -> PlanView:
    """Not by whoever made or submitted it."""
    return decide(runtime, scope, approver, plan_id, given)


@router.post("/plans/{plan_id}/withdrawal", summary="Take a plan back")
def post_withdrawal(plan_id: int, runtime: RuntimeDep, scope: ScopeDep, writer: Writer) -> PlanView:
    return withdraw(runtime, scope, writer, plan_id)


def submit(
    runtime: Runtime, scope: Scope, writer: Principal, plan_id: int, window: Window
) -> PlanDetail:
    """Raises NotFound, Problem 409, 422."""
    now = runtime.now()
    begin, end = in_shanghai(window.begin), in_shanghai(window.end)
    with runtime.database.write() as session:
        plan = plans.submit(session, scope, plan_id, begin, end, writer.name, now)
        told = {"begin": begin.isoformat(), "end": end.isoformat(), "digest": plan.digest}
        audit.record(session, writer, "move.plan.submit", str(plan_id), "ok", told)
        return view_of(plan, plans.project_code(session, plan), scope, now, whole=False)


def decide(
    runtime: Runtime, scope: Scope, approver: Principal, plan_id: int, given: Decision
) -> PlanDetail:
    """Raises NotFound, Problem 403, 409, 422."""
    now = runtime.now()
    with runtime.database.write() as session:
        plan = plans.decide(session, scope, plan_id, given.approve, given.note, approver.name, now)
        told = {"approve": given.approve, "note": given.note, "digest": plan.digest}
        audit.record(session, approver, "move.plan.decide", str(plan_id), "ok", told)
        return view_of(plan, plans.project_code(session, plan), scope, now, whole=False)


def withdraw(runtime: Runtime, scope: Scope, writer: Principal, plan_id: int) -> PlanDetail:
    """Raises NotFound, Problem 409."""
    now = runtime.now()
    with runtime.database.write() as session:
        plan = plans.withdraw(session, scope, plan_id, writer.name, now)
        audit.record(session, writer, "move.plan.withdraw", str(plan_id))
        return view_of(plan, plans.project_code(session, plan), scope, now, whole=False)
