"""Routes of runs, bundles, waivers and results: /api/v1/readiness/…"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import UploadFile

from controller.access import audit
from controller.access.deps import RuntimeDep, ScopeDep, may, still_admitted
from controller.access.principal import Principal
from controller.inventory.model import Page
from controller.problems import NotFound, Problem
from controller.readiness import compare as comparing
from controller.readiness import judging, progress, projects, runs, uploads, views, waivers
from controller.readiness import report as reporting
from controller.readiness.api import Manager, Reader, Uploader, in_shanghai
from controller.readiness.model import (
    BundleView,
    JudgementView,
    RunDetail,
    RunView,
    WaiverView,
)
from playbooks.judge.bundle import MOST_BYTES
from playbooks.judge.report import as_document

router = APIRouter(prefix="/api/v1/readiness", tags=["readiness"])

Waiver = Annotated[Principal, Depends(may("readiness.waive"))]
FORM_OVERHEAD = 64 * 1024


class NewRun(BaseModel):
    """What to run: ``check`` collects and judges; ``judge`` judges the bundles that are here;
    other kinds change hosts and need the project's approval."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"kind": "check"}})

    kind: str = Field("check", max_length=32)
    hosts: list[str] = Field([], max_length=projects.MOST_HOSTS, description="None: all")
    profiles: list[str] | None = Field(None, description="Others than the project's own")
    variables: dict[str, Any] = Field({}, description="Extra variables of the playbook")


class NewWaiver(BaseModel):
    """A finding to accept until a day: by rule, or one finding by its fingerprint."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "rule": "OS-002",
                "hosts": ["cz-app-01"],
                "reason": "随系统整体迁移退役",
                "owner": "wang.wu",
                "approved_by": "li.lei",
                "expires": "2026-12-31",
            }
        },
    )

    rule: str = Field("", max_length=16)
    fingerprint: str = Field("", max_length=64)
    hosts: list[str] = Field([], max_length=projects.MOST_HOSTS)
    reason: str = Field(max_length=1000)
    owner: str = Field(max_length=64)
    approved_by: str = Field(max_length=64)
    expires: datetime


class Judgements(BaseModel):
    """The newest judgement of each host and profile."""

    items: list[JudgementView]


class Waivers(BaseModel):
    """Newest first."""

    items: list[WaiverView]


class ChangeView(BaseModel):
    """One failure in a comparison."""

    change: str = Field(description="new, fixed, still_open, lost_sight")
    host: str
    profile: str
    rule: str
    severity: str
    subject: str
    title: str
    fingerprint: str


class ComparisonView(BaseModel):
    """Two runs side by side. ``alone``: judged by one of them only."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"before": 12, "after": 14, "counts": {"new": 0, "fixed": 3}, "changes": [],
                 "alone": []}
            ]
        }
    )  # fmt: skip

    before: int
    after: int
    counts: dict[str, int]
    changes: list[ChangeView]
    alone: list[tuple[str, str]]


@router.get("/projects/{project_id}/runs", summary="A project's runs")
def list_runs(
    project_id: int,
    runtime: RuntimeDep,
    scope: ScopeDep,
    reader: Reader,
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    size: Annotated[int, Query(ge=1, le=500)] = 50,
) -> Page[RunView]:
    """Newest first."""
    with runtime.database.read() as session:
        projects.find(session, scope, project_id)
        rows, total = views.list_runs(session, project_id, page=page, size=size)
        items = views.run_views(session, rows, reader.at)
    return Page(items=items, total=total, page=page, size=size)


@router.post("/projects/{project_id}/runs", status_code=202, summary="Start a run")
def start_run(
    project_id: int, wanted: NewRun, runtime: RuntimeDep, scope: ScopeDep, by: Manager
) -> RunView:
    """It waits for the worker; watch ``/runs/{id}/events`` or ask for it until it is over."""
    judging.chosen_profiles(wanted.profiles or [])
    with runtime.database.write() as session:
        project = projects.find(session, scope, project_id)
        run = runs.enqueue(
            session, project, wanted.kind, by=by.name, now=by.at, hosts=wanted.hosts,
            profiles=wanted.profiles, variables=wanted.variables,
        )  # fmt: skip
        audit.record(session, by, "readiness.run", f"run {run.id}",
                     detail={"kind": run.kind, "project": project_id})  # fmt: skip
        return views.run_view(session, run, by.at)


@router.get("/runs/{run_id}", summary="One run")
def get_run(run_id: int, runtime: RuntimeDep, scope: ScopeDep, reader: Reader) -> RunDetail:
    """With every host's stage."""
    with runtime.database.read() as session:
        run, _ = projects.of_run(session, scope, run_id)
        return views.run_detail(session, run, reader.at)


@router.post("/runs/{run_id}/cancel", status_code=202, summary="Cancel a run")
def cancel_run(run_id: int, runtime: RuntimeDep, scope: ScopeDep, by: Manager) -> RunView:
    """A reading run is killed; one that changes hosts stops between its stages and is inspected:
    ``canceled`` says what the run did, ``inspected`` what state the hosts are in."""
    with runtime.database.write() as session:
        run, _ = projects.of_run(session, scope, run_id)
        runs.cancel(session, run, by.name, by.at)
        audit.record(session, by, "readiness.cancel", f"run {run_id}")
        return views.run_view(session, run, by.at)


@router.get(
    "/runs/{run_id}/events",
    summary="A run's progress as it goes",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}}},
)
def run_events(
    run_id: int,
    request: Request,
    runtime: RuntimeDep,
    scope: ScopeDep,
    reader: Reader,
    after: Annotated[int, Query(ge=-1, lt=2**31, description="Sequence number seen last")] = -1,
) -> StreamingResponse:
    """Server-sent events ``progress`` and, last, ``end``: the run and the hosts that changed.

    The stream ends within seconds of the caller's session or token, and after 15 minutes.
    """
    del reader
    with runtime.database.read() as session:
        projects.of_run(session, scope, run_id)
    streams: progress.Streams = request.app.state.readiness_streams
    progress.check_room(streams)
    last = request.headers.get("last-event-id", "")
    after = int(last) if last.isdecimal() and len(last) < 10 else after

    def admitted() -> bool:
        now_seen = still_admitted(request, runtime, may("readiness.read"))
        if now_seen is None:
            return False
        with runtime.database.read() as session:
            try:
                projects.of_run(session, now_seen, run_id)
            except NotFound:
                return False
        return True

    return StreamingResponse(
        progress.stream(runtime, run_id, after, streams, request.is_disconnected, admitted),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no", "Cache-Control": "no-store"},
    )


@router.get("/runs/{run_id}/results", summary="What a run judged")
def run_results(
    run_id: int, runtime: RuntimeDep, scope: ScopeDep, reader: Reader
) -> dict[str, Any]:
    """``{"verdict", "coverage", "hosts": [{"host", "profile", "verdict", "results": […]}]}``."""
    del reader
    with runtime.database.read() as session:
        run, _ = projects.of_run(session, scope, run_id)
        judgements = views.judgements(views.of_run(session, run.id or 0))
    return as_document(judgements, judging.catalogue())


@router.get("/runs/{run_id}/difference", summary="A run against an earlier one")
def difference(
    run_id: int,
    runtime: RuntimeDep,
    scope: ScopeDep,
    reader: Reader,
    before: Annotated[int, Query(ge=1, description="Number of the earlier run")],
) -> ComparisonView:
    """New, fixed, still open; lost from sight: open before and not looked at this time."""
    del reader
    with runtime.database.read() as session:
        after, _ = projects.of_run(session, scope, run_id)
        earlier, _ = projects.of_run(session, scope, before)
        found = comparing.compare(session, earlier, after)
    rules = judging.catalogue()
    return ComparisonView(
        before=found.before,
        after=found.after,
        counts={kind: found.count(kind) for kind in comparing.KINDS},
        changes=[
            ChangeView(
                change=each.change, host=each.result.asset, profile=each.result.profile,
                rule=each.result.rule, severity=each.result.severity.value,
                subject=each.result.subject,
                title=rules[each.result.rule].title_zh if each.result.rule in rules else "",
                fingerprint=each.result.fingerprint,
            )
            for each in found.changes
        ],
        alone=found.alone,
    )  # fmt: skip


@router.get("/projects/{project_id}/judgements", summary="What stands now")
def list_judgements(
    project_id: int,
    runtime: RuntimeDep,
    scope: ScopeDep,
    reader: Reader,
    profile: Annotated[str | None, Query(max_length=64)] = None,
) -> Judgements:
    """The matrix of hosts and target profiles, each with its rules as letters."""
    del reader
    with runtime.database.read() as session:
        projects.find(session, scope, project_id)
        rows = views.newest(session, project_id, profile=profile)
        return Judgements(items=views.judgement_views(rows))


@router.get(
    "/projects/{project_id}/report",
    summary="A project's report",
    response_class=Response,
    responses={200: {"content": {media: {} for media in reporting.MEDIA.values()}}},
)
def get_report(
    project_id: int,
    runtime: RuntimeDep,
    scope: ScopeDep,
    reader: Reader,
    format: Literal["html", "pdf", "xlsx", "json"] = "html",  # noqa: A002 - the query's name
    run: Annotated[int | None, Query(description="Of this run; default: what stands now")] = None,
) -> Response:
    """With what to do first, as HTML, PDF, XLSX or JSON, all from the same data."""
    with runtime.database.read() as session:
        data = reporting.collect(session, scope, project_id, run, reader.at, runtime.settings)
    return Response(
        reporting.render(data, format),
        media_type=reporting.MEDIA[format],
        headers={"Content-Disposition": f'attachment; filename="{data.file_name}.{format}"'},
    )


@router.get("/projects/{project_id}/waivers", summary="Waivers of a project")
def list_waivers(project_id: int, runtime: RuntimeDep, scope: ScopeDep, reader: Reader) -> Waivers:
    """Those that are over, too."""
    with runtime.database.read() as session:
        projects.find(session, scope, project_id)
        rows = waivers.list_waivers(session, project_id)
        return Waivers(items=[views.waiver_view(row, reader.at) for row in rows])


@router.post("/projects/{project_id}/waivers", status_code=201, summary="Accept a finding")
def create_waiver(
    project_id: int, wanted: NewWaiver, runtime: RuntimeDep, scope: ScopeDep, by: Waiver
) -> WaiverView:
    """The newest verdicts follow at once; after its end the failure counts again."""
    with runtime.database.write() as session:
        project = projects.find(session, scope, project_id)
        row = waivers.create(
            session, project, rule=wanted.rule, fingerprint=wanted.fingerprint,
            hosts=wanted.hosts, reason=wanted.reason, owner=wanted.owner,
            approved_by=wanted.approved_by, expires=in_shanghai(wanted.expires) or by.at,
            by=by.name, now=by.at,
        )  # fmt: skip
        audit.record(
            session, by, "readiness.waive", f"waiver {row.id}",
            detail={"project": project_id, "rule": row.rule, "hosts": row.hosts,
                    "expires": row.expires.isoformat()},
        )  # fmt: skip
        return views.waiver_view(row, by.at)


@router.delete("/waivers/{waiver_id}", status_code=204, summary="Take a waiver back")
def end_waiver(waiver_id: int, runtime: RuntimeDep, scope: ScopeDep, by: Waiver) -> None:
    """The failure counts again at once."""
    with runtime.database.write() as session:
        row = waivers.find(session, waiver_id)
        projects.find(session, scope, row.project_id)
        waivers.end(session, row, by.at)
        audit.record(session, by, "readiness.unwaive", f"waiver {waiver_id}")


async def received_bundle(request: Request, by: Uploader) -> AsyncIterator[UploadFile]:
    """The form field "file". Raises Problem 411, 413, 422."""
    del by
    length = request.headers.get("content-length", "")
    if not length.isdigit():
        raise Problem(411, "length required", "send the file with a Content-Length")
    if int(length) > MOST_BYTES + FORM_OVERHEAD:
        raise Problem(413, "file too large", f"a bundle has at most {MOST_BYTES >> 20} MB")
    async with request.form(max_files=1, max_fields=10) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise Problem(422, "no file", "send a multipart form with the bundle as field 'file'")
        yield file


_BUNDLE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary",
                                            "description": "What collect.sh wrote."}},
                }
            }
        },
    }
}  # fmt: skip


@router.post(
    "/bundles/{project_id}",
    status_code=201,
    summary="Take in a bundle collected by hand",
    openapi_extra=_BUNDLE_BODY,
)
def upload_bundle(
    project_id: int,
    runtime: RuntimeDep,
    scope: ScopeDep,
    by: Uploader,
    file: Annotated[UploadFile, Depends(received_bundle)],
    sha256: Annotated[str, Query(max_length=64, description="As NAME.json.sha256 says")] = "",
    add: Annotated[bool, Query(description="Add the host if the project lacks it")] = True,
    judge: Annotated[bool, Query(description="Judge it right away")] = True,
) -> BundleView:
    """The bundle says which host it is of (``collect.sh -a NAME``)."""
    return uploads.take_in(
        runtime, scope, project_id, file.file.read(MOST_BYTES + 1), by,
        sha256=sha256, add=add, judge=judge,
    )  # fmt: skip
