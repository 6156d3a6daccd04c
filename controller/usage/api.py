"""Routes of usage: reports, curves, and the import of samples."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import StreamingResponse

from controller.access import audit
from controller.access.deps import RuntimeDep, ScopeDep, may
from controller.access.principal import Principal
from controller.access.scope import Scope
from controller.problems import Problem
from controller.runtime import Runtime
from controller.store.samples import SamplesError
from controller.usage.export import to_csv
from controller.usage.model import By, Series, Trend, UsageQuery, UsageReport
from controller.usage.periods import read_month, read_period
from controller.usage.queries import resource_series, unit_trend, usage_report
from controller.usage.sample_import import Job, Outcome, Progress, import_samples
from controller.usage.xlsx import to_xlsx

router = APIRouter(prefix="/api/v1")

Reader = Annotated[Principal, Depends(may("usage.read"))]
Importer = Annotated[Principal, Depends(may("samples.import"))]
MaybeFrom = Annotated[
    str | None, Query(alias="from", description="Start of the period; not with ``month``.")
]
MaybeTo = Annotated[str | None, Query(alias="to", description="End of the period, not in it.")]
Month = Annotated[
    str | None, Query(description="A whole month instead of from and to.", examples=["2026-10"])
]
Version = Annotated[
    str | None,
    Query(
        description="The month as it was published: a version's number, or 'latest'. Default: as "
        "it is computed now.",
        examples=["1"],
    ),
]
From = Annotated[
    str,
    Query(
        alias="from",
        description="Start of the period: a date or an RFC 3339 time; no zone is Asia/Shanghai.",
        examples=["2026-06-01"],
    ),
]
To = Annotated[
    str, Query(alias="to", description="End of the period, not in it.", examples=["2026-07-01"])
]
Points = Annotated[int, Query(ge=2, le=5000, description="Most points of the curve.")]
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class UsageLine(BaseModel):
    """One row. A figure without enough data is null, never zero."""

    unit: str | None = Field(description="code")
    unit_name: str | None
    system: str | None = None
    resource: str | None = Field(None, description="code")
    resource_name: str | None = None
    zone: str | None = None
    zone_name: str | None = None
    site: str | None = None
    site_name: str | None = None
    resources: int = Field(description="held at the end of the period")
    vcpu_allocated: float | None
    mem_allocated_bytes: float | None
    disk_allocated_bytes: float | None
    cpu_avg_pct: float | None
    cpu_p95_pct: float | None
    cpu_max_pct: float | None
    mem_avg_pct: float | None
    mem_p95_pct: float | None
    mem_max_pct: float | None
    disk_used_pct: float | None
    net_rx_avg_bytes_s: float | None
    net_rx_p95_bytes_s: float | None
    net_tx_avg_bytes_s: float | None
    net_tx_p95_bytes_s: float | None
    coverage_pct: float | None
    depth: int = Field(0, description="steps below the topmost unit shown")


class UsageDocument(BaseModel):
    """Usage of [from, to)."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "from": "2026-06-01T00:00:00+08:00",
                "to": "2026-07-01T00:00:00+08:00",
                "by": "unit",
                "coverage_pct": 99.2,
                "rows": [
                    {
                        "unit": "DSJ",
                        "unit_name": "数据局",
                        "resources": 34,
                        "vcpu_allocated": 268.0,
                        "mem_allocated_bytes": 1.15e12,
                        "disk_allocated_bytes": 2.2e13,
                        "cpu_avg_pct": 11.7,
                        "cpu_p95_pct": 26.4,
                        "cpu_max_pct": 41.0,
                        "mem_avg_pct": 48.1,
                        "mem_p95_pct": 51.0,
                        "mem_max_pct": 52.1,
                        "disk_used_pct": 49.3,
                        "net_rx_avg_bytes_s": 1.2e7,
                        "net_rx_p95_bytes_s": 2.3e7,
                        "net_tx_avg_bytes_s": 1.8e7,
                        "net_tx_p95_bytes_s": 3.5e7,
                        "coverage_pct": 99.2,
                    }
                ],
            }
        }
    )

    since: str = Field(alias="from")
    to: str
    by: By
    coverage_pct: float | None
    version: int | None = Field(None, description="Of a published month; absent: computed now.")
    published: str | None = None
    rows: list[UsageLine]


@router.get(
    "/usage",
    tags=["usage"],
    response_model=UsageDocument,
    responses={200: {"content": {"text/csv": {}, XLSX: {}}}},
)
def get_usage(
    request: Request,
    runtime: RuntimeDep,
    scope: ScopeDep,
    reader: Reader,
    since: MaybeFrom = None,
    until: MaybeTo = None,
    month: Month = None,
    version: Version = None,
    unit: Annotated[str | None, Query(description="Code or name; its subtree is included.")] = None,
    system: Annotated[str | None, Query(description="Name of a business system.")] = None,
    by: By = "unit",
    format: Annotated[Literal["json", "csv", "xlsx"], Query()] = "json",  # noqa: A002
) -> Response:
    """Who holds and uses what, a row for each unit, system, resource, zone or site."""
    del reader
    zone = ZoneInfo(runtime.settings.timezone)
    start, end = _period(since, until, month, zone)
    query = UsageQuery(start, end, by, unit, system)
    if version is None:
        report = usage_report(runtime, scope, query)
    else:
        report = _published(request, runtime, scope, query, month, version)
    if format == "json":
        body = json.dumps(document(report, zone), ensure_ascii=False)
        return Response(body, media_type="application/json")
    name = f"usage-{by}-{start.astimezone(zone):%Y%m%d}-{end.astimezone(zone):%Y%m%d}.{format}"
    if format == "csv":
        return _attachment(to_csv(report).encode(), "text/csv; charset=utf-8", name)
    return _attachment(to_xlsx(report, zone), XLSX, name)


Published = Callable[[Runtime, Scope, UsageQuery, str, int | None], UsageReport]
"""Figures of a month as they were published: ledger.months, set on the app."""


def _period(
    since: str | None, until: str | None, month: str | None, zone: ZoneInfo
) -> tuple[datetime, datetime]:
    """[from, to), or the whole month. Raises Problem 422."""
    if month is not None and (since or until):
        raise Problem(422, "two periods", "give month, or from and to")
    if month is not None:
        return read_month(month, zone)
    if since is None or until is None:
        raise Problem(422, "no period", "give from and to, or month")
    return read_period(since, until, zone)


def _published(
    request: Request,
    runtime: Runtime,
    scope: Scope,
    query: UsageQuery,
    month: str | None,
    version: str,
) -> UsageReport:
    """Raises NotFound, Problem 422."""
    if month is None:
        raise Problem(422, "no month", "a version is of a month: give month=2026-10")
    if version != "latest" and not (version.isdecimal() and len(version) < 7):
        raise Problem(422, "not a version", f"version={version!r}: give a number or 'latest'")
    published: Published = request.app.state.published
    return published(runtime, scope, query, month, None if version == "latest" else int(version))


def document(report: UsageReport, zone: ZoneInfo) -> dict[str, Any]:
    """The JSON interface of DESIGN.md section 6."""
    frozen: dict[str, Any] = {}
    if report.version is not None:
        frozen["version"] = report.version
    if report.published is not None:
        frozen["published"] = report.published.astimezone(zone).isoformat()
    return {
        "from": report.since.astimezone(zone).isoformat(),
        "to": report.until.astimezone(zone).isoformat(),
        "by": report.by,
        "coverage_pct": report.coverage_pct,
        **frozen,
        "rows": [row.public() for row in report.rows],
    }


@router.get("/units/{code}/trend", tags=["usage"])
def get_trend(
    runtime: RuntimeDep,
    scope: ScopeDep,
    reader: Reader,
    code: str,
    since: From,
    until: To,
    points: Points = 720,
    system: Annotated[str | None, Query(description="One of its business systems.")] = None,
) -> Trend:
    """A unit's use and allocation over time; null is a gap."""
    del reader
    start, end = read_period(since, until, ZoneInfo(runtime.settings.timezone))
    return unit_trend(runtime, scope, code, start, end, points, system)


@router.get("/resources/{code}/series", tags=["usage"])
def get_series(
    runtime: RuntimeDep,
    scope: ScopeDep,
    reader: Reader,
    code: str,
    since: From,
    until: To,
    metric: Annotated[
        list[str] | None,
        Query(description="Names of the catalogue; may be repeated. Default cpu_used_pct."),
    ] = None,
    instance: Annotated[str, Query(description='"" is the whole host, else "fs:/data", …')] = "",
    points: Points = 720,
) -> Series:
    """One resource's metrics over time, means and peaks of each point; null is a gap."""
    del reader
    start, end = read_period(since, until, ZoneInfo(runtime.settings.timezone))
    return resource_series(
        runtime, scope, code, metric or ["cpu_used_pct"], start, end, points, instance
    )


@router.post(
    "/import/samples",
    tags=["registers"],
    response_class=StreamingResponse,
    responses={200: {"content": {"application/x-ndjson": {}}}},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
            },
        }
    },
)
async def post_samples(
    request: Request,
    runtime: RuntimeDep,
    importer: Importer,
    name: Annotated[str, Query(min_length=1, max_length=200, description="The file's name.")],
    source: Annotated[
        str, Query(max_length=60, description="Whose figures these are; default the file's name.")
    ] = "",
    dry_run: bool = False,
    skip_bad: bool = False,
) -> StreamingResponse:
    """History from elsewhere: the file (CSV, Parquet or XLSX) is the body.

    Columns: resource, time, perhaps interval_s and instance, and metrics of the catalogue. The
    answer is one JSON document a line: ``{"stage", "rows", "bytes"}`` while it lasts, and last
    ``{"outcome": {…}}``, or ``{"problem": {…}}`` where it could not go on.
    """
    folder = runtime.settings.data / "tmp"
    await run_in_threadpool(folder.mkdir, mode=0o700, parents=True, exist_ok=True)
    _check_room(request, folder)
    file = tempfile.NamedTemporaryFile(dir=folder, prefix="samples-", delete=False)  # noqa: SIM115
    path = Path(file.name)
    try:
        with file:
            async for chunk in request.stream():
                await run_in_threadpool(file.write, chunk)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    job = Job(path, name, source, importer.name, dry_run, skip_bad)
    return StreamingResponse(_answer(runtime, importer, job), media_type="application/x-ndjson")


def _check_room(request: Request, folder: Path) -> None:
    coming = int(request.headers.get("content-length") or 0)
    if coming > shutil.disk_usage(folder).free // 2:
        raise Problem(
            507, "no room", f"the file has {coming >> 20} MB; make room in the data folder first"
        )


def _answer(runtime: Runtime, importer: Principal, job: Job) -> Iterator[bytes]:
    """Lines of the answer; the received file is removed whatever happens."""
    size = job.path.stat().st_size
    rows = 0
    try:
        for step in import_samples(runtime, job):
            if isinstance(step, Outcome):
                _audit(runtime, importer, job, step)
                yield _line({"outcome": step.public()})
                return
            rows = step.done if step.stage != "rolling" else rows
            yield _line({"stage": step.stage, "rows": rows, "bytes": _done(step, size, job)})
    except Problem as problem:
        yield _line({"problem": problem.body()})
    except SamplesError as error:
        yield _line({"problem": Problem(503, "sample store", str(error)).body()})
    finally:
        job.path.unlink(missing_ok=True)


def _done(step: Progress, size: int, job: Job) -> int | None:
    """How far the work is, as a part of the file's bytes: stages take about this long."""
    if step.total is None:
        return None
    share = step.done / max(1, step.total)
    if job.dry_run:
        return int(size * share)
    begin, length = {"checking": (0.0, 0.1), "storing": (0.1, 0.4), "rolling": (0.5, 0.5)}[
        step.stage
    ]
    return int(size * (begin + length * share))


def _audit(runtime: Runtime, importer: Principal, job: Job, outcome: Outcome) -> None:
    detail = {"rows": outcome.stored, "errors": outcome.errors_total, "dry_run": job.dry_run}
    with runtime.database.write() as session:
        audit.record(
            session,
            importer,
            "samples.import",
            job.name,
            "ok" if outcome.imported or job.dry_run else "refused",
            detail,
        )


def _line(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode() + b"\n"


def _attachment(body: bytes, kind: str, name: str) -> Response:
    return Response(
        body,
        media_type=kind,
        headers={"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"},
    )
