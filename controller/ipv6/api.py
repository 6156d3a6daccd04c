"""Routes of IPv6 readiness: /api/v1/ipv6/…"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from controller.access import audit
from controller.access.deps import RuntimeDep, ScopeDep, may
from controller.access.principal import Principal
from controller.analysis.ipv6 import Index
from controller.inventory.model import Page
from controller.ipv6 import sites, views
from controller.ipv6.index import BadIndexError, load_index
from controller.ipv6.model import Overview, SiteDetail, SiteIn, SiteView
from controller.ipv6.overview import read_overview
from controller.ipv6.reading import ReadingIn
from controller.ipv6.report import XLSX, Report, read_report, to_xlsx
from controller.ipv6.report_page import HTML, PDF, as_html, as_pdf
from controller.problems import Problem
from controller.runtime import Runtime

router = APIRouter(prefix="/api/v1/ipv6", tags=["ipv6"])

Reader = Annotated[Principal, Depends(may("ipv6.read"))]
Writer = Annotated[Principal, Depends(may("ipv6.write"))]
MOST = 2_000
MEDIA = {"xlsx": XLSX, "pdf": PDF, "html": HTML}
Language = Annotated[Literal["zh", "en"], Query(description="Of titles and remedies.")]


def index_of(runtime: Runtime) -> Index:
    """The index in force. Raises Problem 500 naming what is wrong with the city's own."""
    try:
        return load_index(runtime.settings.ipv6_index)
    except BadIndexError as error:
        raise Problem(500, "index not usable", f"setting ipv6_index: {error}") from None


class Sites(BaseModel):
    """Sites to register or change; all are taken, or none."""

    model_config = ConfigDict(extra="forbid")

    sites: list[SiteIn] = Field(min_length=1, max_length=MOST)


class Taken(BaseModel):
    """How many were new and how many changed."""

    created: int = Field(examples=[12])
    changed: int = Field(examples=[0])


class Readings(BaseModel):
    """What a poller measured."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "readings": [
                    {
                        "code": "hbj-web",
                        "vantage": "internet",
                        "at": "2026-11-23T08:00:00+00:00",
                        "aaaa_valid": True,
                        "home_v6": True,
                        "home_v4": True,
                    }
                ]
            }
        },
    )

    readings: list[ReadingIn] = Field(min_length=1, max_length=200)


class Stored(BaseModel):
    """How many readings are kept now."""

    stored: int = Field(examples=[12])


@router.get("/sites", summary="Sites with their newest reading's score")
def get_sites(
    runtime: RuntimeDep,
    scope: ScopeDep,
    reader: Reader,
    text: Annotated[str, Query(max_length=100)] = "",
    vantage: Annotated[str, Query(max_length=40)] = "",
    page: Annotated[int, Query(ge=1)] = 1,
    size: Annotated[int, Query(ge=1, le=MOST)] = 200,
) -> Page[SiteView]:
    del reader
    index = index_of(runtime)
    with runtime.database.read() as session:
        judged = views.list_sites(session, scope, index, runtime.now(), vantage=vantage)
    wanted = text.casefold()
    found = [
        site for site, _ in judged
        if wanted in f"{site.code} {site.name} {site.url} {site.unit_name}".casefold()
    ]  # fmt: skip
    first = (page - 1) * size
    return Page(items=found[first : first + size], total=len(found), page=page, size=size)


@router.put("/sites", summary="Register or change sites")
def put_sites(body: Sites, runtime: RuntimeDep, writer: Writer) -> Taken:
    now = runtime.now()
    with runtime.database.write() as session:
        created, changed = sites.put_sites(session, body.sites, now)
        told = {"sites": len(body.sites), "created": created, "changed": changed}
        audit.record(session, writer, "ipv6.sites", f"{len(body.sites)} sites", "ok", told)
    return Taken(created=created, changed=changed)


@router.get("/sites/{code}", summary="One site: every indicator, times, history")
def get_site(
    code: str, runtime: RuntimeDep, scope: ScopeDep, reader: Reader, language: Language = "zh"
) -> SiteDetail:
    del reader
    index = index_of(runtime)
    with runtime.database.read() as session:
        return views.site_detail(session, scope, code, index, runtime.now(), language)


@router.delete("/sites/{code}", summary="Leave a site out from now on")
def delete_site(code: str, runtime: RuntimeDep, scope: ScopeDep, writer: Writer) -> Response:
    with runtime.database.write() as session:
        sites.retire_site(session, scope, code, runtime.now())
        audit.record(session, writer, "ipv6.site.retire", code)
    return Response(status_code=204)


@router.post("/readings", status_code=201, summary="Keep what a poller measured")
def post_readings(body: Readings, runtime: RuntimeDep, writer: Writer) -> Stored:
    index, now = index_of(runtime), runtime.now()
    with runtime.database.write() as session:
        stored = sites.store_readings(session, body.readings, index, writer.name, now)
        audit.record(session, writer, "ipv6.readings", f"{stored} readings")
    return Stored(stored=stored)


@router.get(
    "/overview",
    summary="Scores of the whole and of each unit, and what would raise them most",
    responses={200: {"content": {XLSX: {}, PDF: {}}}},
    response_model=Overview,
)
def get_overview(
    runtime: RuntimeDep,
    scope: ScopeDep,
    reader: Reader,
    language: Language = "zh",
    vantage: Annotated[str, Query(max_length=40)] = "",
    format: Annotated[Literal["json", "xlsx", "pdf", "html"], Query()] = "json",  # noqa: A002
) -> Response | Overview:
    del reader
    index, now = index_of(runtime), runtime.now()
    with runtime.database.read() as session:
        if format == "json":
            return read_overview(session, scope, index, now, language, vantage=vantage).told
        report = read_report(session, scope, index, now, language, vantage)
    name = f"ipv6-{now:%Y%m%d}.{format}"
    head = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(render_report(report, format), media_type=MEDIA[format], headers=head)


def render_report(report: Report, form: str) -> bytes:
    """The report as xlsx, pdf or html."""
    if form == "xlsx":
        return to_xlsx(report)
    return as_pdf(report) if form == "pdf" else as_html(report).encode()
