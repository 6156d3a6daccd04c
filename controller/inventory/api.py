"""Routes of the registers: /api/v1/units, systems, sites, zones, resources and their imports."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import UploadFile
from starlette.requests import Request

from controller.access import audit
from controller.access.deps import RuntimeDep, ScopeDep, may
from controller.access.principal import Principal
from controller.inventory import imports, places, resources, units
from controller.inventory.dated import SHANGHAI
from controller.inventory.holdings import correct
from controller.inventory.lock import lock_registers
from controller.inventory.model import (
    Page,
    PlaceView,
    ResourceDetail,
    ResourceView,
    SystemView,
    UnitView,
)
from controller.inventory.outcome import ImportOutcome
from controller.inventory.settle import settle
from controller.inventory.sheet import MAX_BYTES
from controller.problems import Problem
from controller.runtime import Runtime

router = APIRouter(prefix="/api/v1", tags=["registers"])

T = TypeVar("T")

Reader = Annotated[Principal, Depends(may("inventory.read"))]
Writer = Annotated[Principal, Depends(may("inventory.write"))]
At = Annotated[
    datetime | None,
    Query(description="The moment asked about; default now. Without a zone: Asia/Shanghai."),
]
PageNumber = Annotated[int, Query(ge=1, le=1_000_000, description="From 1.")]
PageSize = Annotated[int, Query(ge=1, le=resources.MAX_PAGE_SIZE, description="Items per page.")]

FORM_OVERHEAD = 64 * 1024
"""What a multipart form adds to its file at most."""


def in_shanghai(moment: datetime) -> datetime:
    """A moment without a zone is meant in Shanghai."""
    return moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)


def _at(runtime: Runtime, at: datetime | None) -> datetime:
    return in_shanghai(at) if at else runtime.now()


def page_of(items: Sequence[T], page: int, size: int) -> Page[T]:
    """One page of what was found."""
    start = (page - 1) * size
    return Page(items=list(items[start : start + size]), total=len(items), page=page, size=size)


@router.get("/units", summary="Units in tree order")
def get_units(
    runtime: RuntimeDep,
    scope: ScopeDep,
    _reader: Reader,
    at: At = None,
    page: PageNumber = 1,
    size: PageSize = 1000,
) -> Page[UnitView]:
    """A parent before its children, siblings by code; only units that the caller may see."""
    with runtime.database.read() as session:
        return page_of(units.list_units(session, scope, _at(runtime, at)), page, size)


@router.get("/units/{code}", summary="One unit by code or unique name")
def get_unit(
    code: str, runtime: RuntimeDep, scope: ScopeDep, _reader: Reader, at: At = None
) -> UnitView:
    with runtime.database.read() as session:
        return units.find_unit(session, scope, code, _at(runtime, at))


@router.get("/systems", summary="Business systems")
def get_systems(
    runtime: RuntimeDep,
    scope: ScopeDep,
    _reader: Reader,
    unit: Annotated[str | None, Query(description="Code or name; its subtree included.")] = None,
    at: At = None,
    page: PageNumber = 1,
    size: PageSize = 100,
) -> Page[SystemView]:
    """By unit and name, with the number of resources that serve each."""
    moment = _at(runtime, at)
    with runtime.database.read() as session:
        below = None
        if unit:
            found = units.find_unit(session, scope, unit, moment)
            below = units.subtree(session, found.id, moment)
        return page_of(places.list_systems(session, scope, moment, unit_ids=below), page, size)


@router.get("/sites", summary="Sites (centres and sub-centres)")
def get_sites(
    runtime: RuntimeDep,
    scope: ScopeDep,
    _reader: Reader,
    page: PageNumber = 1,
    size: PageSize = 100,
) -> Page[PlaceView]:
    with runtime.database.read() as session:
        return page_of(places.list_sites(session, scope), page, size)


@router.get("/zones", summary="Network zones")
def get_zones(
    runtime: RuntimeDep,
    scope: ScopeDep,
    _reader: Reader,
    page: PageNumber = 1,
    size: PageSize = 100,
) -> Page[PlaceView]:
    with runtime.database.read() as session:
        return page_of(places.list_zones(session, scope), page, size)


@router.get("/resources", summary="Resources with owner and allocation")
def get_resources(
    runtime: RuntimeDep,
    scope: ScopeDep,
    _reader: Reader,
    unit: Annotated[str | None, Query(description="Code or name; its subtree included.")] = None,
    system: Annotated[str | None, Query(description="Name of the business system.")] = None,
    text: Annotated[str, Query(description="In code, name, addresses, operating system.")] = "",
    sort: Annotated[
        str, Query(description=f"One of {', '.join(resources.SORTS)}; '-' before it: descending.")
    ] = "code",
    at: At = None,
    page: PageNumber = 1,
    size: PageSize = 50,
) -> Page[ResourceView]:
    """Resources held at the moment asked about, as they were held then."""
    with runtime.database.read() as session:
        return resources.list_resources(
            session,
            scope,
            _at(runtime, at),
            unit=unit,
            system=system,
            text=text,
            sort=sort,
            page=page,
            size=size,
        )


@router.get("/resources/{code}", summary="One resource with its holdings")
def get_resource(
    code: str, runtime: RuntimeDep, scope: ScopeDep, _reader: Reader, at: At = None
) -> ResourceDetail:
    """With every owner and allocation that the caller may see, oldest first."""
    with runtime.database.read() as session:
        return resources.resource_detail(session, scope, code, _at(runtime, at))


class Correction(BaseModel):
    """What was in truth the case during [since, until). Fields that are left out stay as they
    were; "" for system, site and zone, and null for a size, say that there was none or that it
    is not known."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"since": "2026-09-01", "until": "2026-10-01", "unit": "330100-WJW", "vcpu": 16}
            ]
        },
    )

    since: datetime | None = Field(None, description="From when; default: its opening.")
    until: datetime | None = Field(None, description="Until when (not included); default: no end.")
    unit: str = Field("", max_length=200, description="Code or name of the owner.")
    system: str = Field("", max_length=200)
    site: str = Field("", max_length=200)
    zone: str = Field("", max_length=200)
    vcpu: float | None = Field(None, ge=0, le=1e9, description="Cores.")
    mem_bytes: float | None = Field(None, ge=0, le=1e18)
    disk_bytes: float | None = Field(None, ge=0, le=1e18)
    bandwidth_bit_s: float | None = Field(None, ge=0, le=1e15)


class Corrected(BaseModel):
    """The resource after the correction, and how many of its days say something else now."""

    resource: ResourceDetail
    days_marked: int = Field(examples=[30])
    days_pending: int = Field(
        0, description="Days of owners whose sums the worker still makes again.", examples=[0]
    )


@router.post("/resources/{code}/holdings", summary="Correct owner, place or allocation")
def post_holding(
    code: str, correction: Correction, runtime: RuntimeDep, scope: ScopeDep, writer: Writer
) -> Corrected:
    """Corrects a stretch of the past or present. Figures of that time change; no sample does."""
    now = runtime.now()
    changes = correction.model_dump(exclude_unset=True, exclude={"since", "until"})
    since = in_shanghai(correction.since) if correction.since else None
    until = in_shanghai(correction.until) if correction.until else None
    with runtime.database.write() as session:
        if "unit" in changes:
            changes["unit_id"] = units.find_unit(session, scope, changes.pop("unit"), now).id
        days = correct(
            session, code, since=since, until=until, changes=changes, scope=scope, now=now
        )
        audit.record(
            session,
            writer,
            "holding.correct",
            code,
            "ok",
            correction.model_dump(mode="json", exclude_unset=True),
        )
        detail = resources.resource_detail(session, scope, code, now)
    return Corrected(resource=detail, days_marked=days, days_pending=settle(runtime))


async def received_file(request: Request, writer: Writer) -> AsyncIterator[UploadFile]:
    """The form field "file", taken in only after the caller was found to be allowed to send it.

    Raises Problem 411, 413, 422.
    """
    del writer
    length = request.headers.get("content-length", "")
    if not length.isdigit():
        raise Problem(411, "length required", "send the file with a Content-Length")
    if int(length) > MAX_BYTES + FORM_OVERHEAD:
        raise Problem(413, "file too large", f"a file may have {MAX_BYTES // 2**20} MB: split it")
    async with request.form(max_files=1, max_fields=10) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise Problem(422, "no file", "send a multipart form with the file as field 'file'")
        yield file


class ImportOptions(BaseModel):
    """How a file is to be taken."""

    model_config = ConfigDict(extra="forbid")

    dry_run: bool = Field(False, description="Say what would happen and change nothing.")
    skip_bad: bool = Field(False, description="Import the good rows although others are bad.")
    since: datetime | None = Field(
        None,
        description="From when rows without a date of their own hold, where the register knows "
        "their unit or resource already. Default: since what holds at present began.",
    )
    sheet: str = Field("", description="Name of the sheet, where several hold a table.")
    map: list[str] = Field(
        [], description="Further headers as 'header=field'; 'header=' ignores that column."
    )


FILE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "XLSX, XLS or CSV (UTF-8 or GBK), at most 50 MB.",
                        }
                    },
                }
            }
        },
    }
}


@router.post("/import/units", summary="Import units", openapi_extra=FILE_BODY)
def post_units(
    runtime: RuntimeDep,
    writer: Writer,
    options: Annotated[ImportOptions, Query()],
    file: Annotated[UploadFile, Depends(received_file)],
) -> ImportOutcome:
    """Columns code, name, parent, kind, contact, email, phone, since, or their Chinese names."""
    return take_import("units", runtime, writer, options, file)


@router.post("/import/resources", summary="Import resources", openapi_extra=FILE_BODY)
def post_resources(
    runtime: RuntimeDep,
    writer: Writer,
    options: Annotated[ImportOptions, Query()],
    file: Annotated[UploadFile, Depends(received_file)],
) -> ImportOutcome:
    """Columns code, name, kind, unit, system, site, zone, ip, vcpu, mem_gib, disk_gib,
    bandwidth_mbps, os, created, since, tags, instance_uuid, retired, or their Chinese names."""
    return take_import("resources", runtime, writer, options, file)


def take_import(
    kind: str | imports.Register,
    runtime: Runtime,
    writer: Principal,
    options: ImportOptions,
    file: UploadFile,
) -> ImportOutcome:
    """Imports a file, or tries to; ``kind`` as of ``imports.read_upload``. Raises Problem 422
    with the outcome's members where nothing was imported."""
    now = runtime.now()
    upload = imports.read_upload(
        kind,
        file.file,
        file.filename or "file",
        mapping=_mapping(options.map),
        sheet=options.sheet,
    )
    since = in_shanghai(options.since) if options.since else None
    if options.dry_run:
        # A trial takes no write lock while it plans; only its trace in the log is written.
        with runtime.database.read() as session:
            outcome, _ = imports.examine(
                session, upload, skip_bad=options.skip_bad, now=now, since=since
            )
        outcome.dry_run = True
        with runtime.database.write() as session:
            _record(session, writer, outcome)
        return outcome
    with runtime.database.write() as session:
        lock_registers(session)
        outcome, plan = imports.examine(
            session, upload, skip_bad=options.skip_bad, now=now, since=since
        )
        if plan is not None:
            imports.carry_out(session, outcome, plan, by=writer.name, now=now)
        _record(session, writer, outcome)
    if not outcome.imported:
        raise Problem(
            422,
            "not imported",
            f"{outcome.file_name}: {outcome.errors_total} errors, nothing was imported; mend them "
            "or skip the bad rows",
            **outcome.model_dump(),
        )
    return outcome


def _record(session: Any, writer: Principal, outcome: ImportOutcome) -> None:
    result = "dry run" if outcome.dry_run else "ok" if outcome.imported else "refused"
    audit.record(
        session,
        writer,
        f"import.{outcome.kind}",
        outcome.file_name[:200],
        result,
        outcome.model_dump(exclude={"errors", "warnings", "columns", "file_name", "kind"}),
    )


def _mapping(pairs: Sequence[str]) -> dict[str, str]:
    """Header -> field. Raises Problem 422."""
    mapping: dict[str, str] = {}
    for pair in pairs:
        header, separator, name = pair.rpartition("=")
        if not separator or not header.strip():
            raise Problem(422, "unclear mapping", f"{pair!r}: write header=field, or header=")
        mapping[header] = name.strip()
    return mapping
