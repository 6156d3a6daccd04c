"""Usage reports over the API."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from controller.access.deps import RuntimeDep, ScopeDep, may
from controller.access.principal import Principal
from controller.ledger.months import published_report
from controller.notices.api import as_download
from controller.problems import Problem
from controller.reports.usage_data import Ask, UsageData, collect
from controller.reports.usage_docx import as_docx
from controller.reports.usage_page import as_html, as_pdf
from controller.reports.usage_words import period_words
from controller.runtime import Runtime
from controller.usage.api import document
from controller.usage.export import to_csv
from controller.usage.periods import read_month, read_period
from controller.usage.queries import usage_report
from controller.usage.xlsx import to_xlsx

router = APIRouter(prefix="/api/v1", tags=["reports"])

Form = Literal["html", "pdf", "docx", "xlsx", "csv", "json"]
MEDIA: dict[str, str] = {
    "html": "text/html; charset=utf-8",
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
}
LONGEST = timedelta(days=366)


@router.get(
    "/reports/usage",
    summary="The usage report of a unit or of everything in scope, as a document",
    response_class=Response,
    responses={200: {"content": {media: {} for media in MEDIA.values()}}},
)
def get_usage_report(
    runtime: RuntimeDep,
    scope: ScopeDep,
    reader: Annotated[Principal, Depends(may("usage.read"))],
    unit: Annotated[
        str | None, Query(description="Code or name; absent: all that may be seen.")
    ] = None,
    month: Annotated[str | None, Query(examples=["2026-10"])] = None,
    since: Annotated[str | None, Query(alias="from", description="Not with ``month``.")] = None,
    until: Annotated[str | None, Query(alias="to", description="End, not in it.")] = None,
    version: Annotated[
        str | None, Query(description="The month as published: a number, or 'latest'.")
    ] = None,
    format: Form = "pdf",  # noqa: A002 - the word of the command line
) -> Response:
    """Allocation and use with curves, systems, resources, verdicts and the place among peers."""
    del reader
    zone = ZoneInfo(runtime.settings.timezone)
    period, before = _periods(month, since, until, zone)
    ask = _source(runtime, month, version)
    data = collect(runtime, scope, unit or None, period, before, ask)
    name = f"{data.subject}-{period_words(data)}-资源使用情况报告.{format}"
    return as_download(name, MEDIA[format], _render(data, format))


def _periods(
    month: str | None, since: str | None, until: str | None, zone: ZoneInfo
) -> tuple[tuple[datetime, datetime], tuple[datetime, datetime]]:
    """The period and the one before it. Raises Problem 422."""
    if month is not None and (since or until):
        raise Problem(422, "two periods", "give month, or from and to")
    if month is not None:
        start, end = read_month(month, zone)
        last = start - timedelta(days=1)
        return (start, end), read_month(f"{last:%Y-%m}", zone)
    if not since or not until:
        raise Problem(422, "no period", "give month=2026-10, or from and to")
    start, end = read_period(since, until, zone)
    if end - start > LONGEST:
        raise Problem(422, "period too long", f"a report covers at most {LONGEST.days} days")
    return (start, end), (start - (end - start), start)


def _source(runtime: Runtime, month: str | None, version: str | None) -> Ask:
    """Where the figures come from. Raises Problem 422."""
    if version is None:
        return lambda query, scope: usage_report(runtime, scope, query)
    if month is None:
        raise Problem(422, "no month", "a version is of a month: give month=2026-10")
    if version != "latest" and not (version.isdecimal() and len(version) < 7):
        raise Problem(422, "not a version", f"version={version!r}: give a number or 'latest'")
    number = None if version == "latest" else int(version)

    return lambda query, scope: published_report(runtime, scope, query, month, number)


def _render(data: UsageData, form: str) -> bytes:
    """Raises Problem 503 where a library of the system is missing."""
    if form == "html":
        return as_html(data).encode()
    if form == "docx":
        return as_docx(data)
    if form == "json":
        return json.dumps(_json(data), ensure_ascii=False, indent=2).encode()
    table = data.resources or data.lines
    if form == "csv":
        return to_csv(table).encode()
    if form == "xlsx":
        return to_xlsx(table, data.zone)
    try:
        return as_pdf(data)
    except RuntimeError as error:
        raise Problem(503, "no PDF here", str(error)) from None


def _json(data: UsageData) -> dict[str, Any]:
    judged = None
    if data.judged is not None:
        judged = {**asdict(data.judged), "as_of": data.judged.as_of.isoformat()}
    return {
        "unit": data.code,
        "name": data.subject,
        "total": data.total.public(),
        "before": data.before.public() if data.before is not None else None,
        "lines": document(data.lines, data.zone),
        "resources": document(data.resources, data.zone) if data.resources is not None else None,
        "standing": asdict(data.place) if data.place is not None else None,
        "judged": judged,
        "generated": data.generated.astimezone(data.zone).isoformat(),
    }
