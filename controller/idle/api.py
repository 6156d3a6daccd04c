"""Routes of policies, scans and their verdicts: /api/v1/idle."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from controller.access import audit
from controller.access.deps import RuntimeDep, ScopeDep, may
from controller.access.principal import Principal
from controller.access.scope import Scope
from controller.analysis.policy import Policy
from controller.idle import library, queries
from controller.idle.model import (
    DocumentView,
    PolicyView,
    Recovery,
    ScanView,
    VerdictView,
    WhatIf,
)
from controller.idle.recover import recover_first
from controller.idle.scan import scan
from controller.idle.tables import CLASSES
from controller.idle.what_if import what_if
from controller.inventory.model import Page
from controller.inventory.pools_api import ApprovalAnswer, ApprovalRequest, to_request
from controller.problems import Problem
from controller.runtime import Runtime
from controller.usage.export import BOM, plain_text
from controller.usage.periods import read_moment

router = APIRouter(prefix="/api/v1/idle", tags=["idle"])

Reader = Annotated[Principal, Depends(may("idle.read"))]
Scanner = Annotated[Principal, Depends(may("idle.scan"))]
PoolReader = Annotated[Principal, Depends(may("pools.read"))]
Editor = Annotated[Principal, Depends(may("idle.policy"))]
Kind = Literal["policies", "flavours", "calendar"]
_KINDS: dict[str, str] = {"policies": "policy", "flavours": "flavours", "calendar": "calendar"}


class ScanOrder(BaseModel):
    """Which policy, on the data before which moment, for which unit."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"policy": "city", "as_of": "2026-11-01", "unit": "DSJ"}},
    )

    policy: str = Field(library.DEFAULT, max_length=64)
    as_of: str | None = Field(None, description="Default: now. A date is its midnight.")
    unit: str | None = Field(None, max_length=200, description="Code or name, with its subtree.")


class ScanDocument(BaseModel):
    """A scan with its rows, as ``yunxun idle scan`` prints them."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "scan": 7,
                "policy": "city",
                "version": 0,
                "as_of": "2026-11-01T00:00:00+08:00",
                "classes": {"idle": 1},
                "rows": [
                    {
                        "resource": "vm-0042",
                        "unit": "DSJ",
                        "class": "idle",
                        "evidence": {"cpu_used_pct_p99": 2.1},
                        "coverage_pct": 99.7,
                        "window_days": 30,
                        "reason": "CPU 使用率 P99 2.1 % < 10 %,30 天,8,612/8,640 个采样",
                    }
                ],
            }
        }
    )

    scan: int
    policy: str
    version: int
    as_of: str
    classes: dict[str, int]
    rows: list[dict[str, Any]]


class NewVersion(BaseModel):
    """A document's next version."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"body": 'id = "city"\n…', "note": "阈值改为 3 %"}},
    )

    body: str = Field(min_length=1, max_length=library.LONGEST_BODY, description="TOML")
    note: str = Field("", max_length=500)


@router.get("/policies")
def get_policies(runtime: RuntimeDep, reader: Reader) -> list[PolicyView]:
    """Every policy in force: the city's own first, then presets, then the vendors' rules."""
    del reader
    with runtime.database.read() as session:
        return [_policy_view(each) for each in library.policies(session)]


@router.get("/documents/{kind}/{name}")
def get_document(
    runtime: RuntimeDep,
    reader: Reader,
    kind: Kind,
    name: str,
    version: Annotated[int | None, Query(ge=0, description="Default: the one in force.")] = None,
) -> DocumentView:
    """A policy, the flavour list or the calendar, as its author wrote it (TOML)."""
    del reader
    with runtime.database.read() as session:
        return _document_view(library.document(session, _KINDS[kind], name, version))


@router.get("/documents/{kind}/{name}/versions")
def get_versions(runtime: RuntimeDep, reader: Reader, kind: Kind, name: str) -> list[DocumentView]:
    """Every version, newest first; version 0 is what the package ships."""
    del reader
    with runtime.database.read() as session:
        return [_document_view(each) for each in library.versions(session, _KINDS[kind], name)]


@router.post("/documents/{kind}/{name}/versions", status_code=201)
def post_version(
    runtime: RuntimeDep, editor: Editor, kind: Kind, name: str, body: NewVersion
) -> DocumentView:
    """Saves the next version, which is in force from now on. What could not be evaluated is refused
    with the key that is wrong."""
    with runtime.database.write() as session:
        made = library.save(
            session, _KINDS[kind], name, body.body, editor.name, runtime.now(), body.note
        )
        audit.record(
            session, editor, "idle.policy", f"{kind}/{name}", detail={"version": made.version}
        )
        return _document_view(made)


@router.post("/scans", status_code=201, response_model=ScanDocument)
def post_scan(runtime: RuntimeDep, scope: ScopeDep, scanner: Scanner, order: ScanOrder) -> Any:
    """Judges every resource by a policy, keeps the verdicts and answers with them."""
    zone = ZoneInfo(runtime.settings.timezone)
    as_of = None if order.as_of is None else read_moment(order.as_of, zone, "as_of")
    number = scan(runtime, scope, order.policy, as_of, scanner.name, unit=order.unit)
    with runtime.database.write() as session:
        audit.record(
            session, scanner, "idle.scan", order.policy, detail={"scan": number, "unit": order.unit}
        )
    return _answer(runtime, scope, number, zone)


@router.get("/scans")
def get_scans(
    runtime: RuntimeDep,
    scope: ScopeDep,
    reader: Reader,
    policy: str | None = None,
    page: Annotated[int, Query(ge=1)] = 1,
    size: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Page[ScanView]:
    """Scans, newest first."""
    del reader
    with runtime.database.read() as session:
        return queries.list_scans(session, scope, policy=policy, page=page, size=size)


@router.get(
    "/scans/{scan_id}",
    response_model=ScanDocument,
    responses={200: {"content": {"text/csv": {}}}},
)
def get_scan(
    runtime: RuntimeDep,
    scope: ScopeDep,
    reader: Reader,
    scan_id: int,
    format: Annotated[Literal["json", "csv"], Query()] = "json",  # noqa: A002
    language: Annotated[Literal["zh", "en"], Query()] = "zh",
) -> Any:
    """A scan with all its rows."""
    del reader
    zone = ZoneInfo(runtime.settings.timezone)
    document = _answer(runtime, scope, scan_id, zone, english=language == "en")
    if format == "json":
        return document
    name = f"idle-{document['policy']}-{document['as_of'][:10]}.csv"
    return Response(
        to_csv(document["rows"]),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@router.get("/scans/{scan_id}/verdicts")
def get_verdicts(
    runtime: RuntimeDep,
    scope: ScopeDep,
    reader: Reader,
    scan_id: int,
    cls: Annotated[list[str] | None, Query(alias="class", description="May be repeated.")] = None,
    unit: str | None = None,
    text: Annotated[str, Query(max_length=100)] = "",
    sort: Annotated[
        str, Query(description=f"One of {', '.join(queries.SORTS)}; - before: down.")
    ] = ("resource"),
    page: Annotated[int, Query(ge=1)] = 1,
    size: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> Page[VerdictView]:
    """Verdicts of a scan, filtered and paged, with their ids and recommendations."""
    del reader
    for each in cls or ():
        if each not in CLASSES:
            raise Problem(422, "unknown class", f"class {each!r}: there are {', '.join(CLASSES)}")
    with runtime.database.read() as session:
        found = queries.find_scan(session, scope, scan_id)
        return queries.list_verdicts(
            session, scope, scan_id, found.as_of, classes=cls or (), unit=unit, text=text,
            sort=sort, page=page, size=size,
        )  # fmt: skip


@router.get("/what-if")
def get_what_if(
    runtime: RuntimeDep,
    scope: ScopeDep,
    reader: Reader,
    policy: str = library.DEFAULT,
    cls: Annotated[list[str] | None, Query(alias="class", description="May be repeated.")] = None,
) -> WhatIf:
    """What sites and zones would get back if the newest scan's recommendations were carried out."""
    del reader
    with runtime.database.read() as session:
        library.policy(session, policy)
        return what_if(session, scope, policy, runtime.now(), classes=cls)


class RecoverAnswer(BaseModel):
    """Whether an application can be approved, and what to recover first where it cannot."""

    answer: ApprovalAnswer
    recovery: Recovery | None


@router.get("/recover-first", summary="What would have to be recovered first?")
def get_recover_first(
    runtime: RuntimeDep,
    scope: ScopeDep,
    reader: PoolReader,
    wanted: Annotated[ApprovalRequest, Query()],
) -> RecoverAnswer:
    """The answer of ``/pools/can-approve``; for a refusal, the open recommendations of the newest
    city scan that would make room, the harmless first and none more than is needed."""
    request = to_request(wanted)
    with runtime.database.read() as session:
        answer, recovery = recover_first(session, scope, request, reader.at)
    return RecoverAnswer(answer=ApprovalAnswer(**asdict(answer)), recovery=recovery)


def to_csv(rows: list[dict[str, Any]]) -> str:
    """One line a resource; the evidence as ``name=value`` pairs."""
    file = io.StringIO()
    file.write(BOM)
    names = ("resource", "unit", "class", "coverage_pct", "window_days", "evidence", "reason")
    writer = csv.writer(file)
    writer.writerow(names)
    for row in rows:
        evidence = " ".join(f"{name}={value}" for name, value in row["evidence"].items())
        cells = [{**row, "evidence": evidence}[name] for name in names]
        writer.writerow([plain_text(c) if isinstance(c, str) else c for c in cells])
    return file.getvalue()


def _answer(
    runtime: Runtime, scope: Scope, number: int, zone: ZoneInfo, *, english: bool = False
) -> dict[str, Any]:
    with runtime.database.read() as session:
        found = queries.find_scan(session, scope, number)
        rows = queries.all_verdicts(session, scope, number, found.as_of)
    return {
        "scan": found.id,
        "policy": found.policy,
        "version": found.policy_version,
        "as_of": found.as_of.astimezone(zone).isoformat(),
        "classes": found.classes,
        "rows": [row.row(english=english) for row in rows],
    }


def _policy_view(policy: Policy) -> PolicyView:
    return PolicyView(
        id=policy.id,
        version=policy.version,
        title_zh=policy.title_zh,
        title_en=policy.title_en,
        source=policy.source,
        url=policy.url,
        clause=policy.clause,
        note_zh=policy.note_zh,
        note_en=policy.note_en,
        objects=list(policy.objects),
        classes=list(dict.fromkeys(rule.cls for rule in policy.rules)),
        window_days=policy.window_days,
    )


def _document_view(document: library.Document) -> DocumentView:
    return DocumentView(
        kind=document.kind,
        name=document.name,
        version=document.version,
        body=document.body,
        by=document.by,
        at=document.at,
        note=document.note,
    )
