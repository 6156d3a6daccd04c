"""Route of link usage: /api/v1/network/usage, as JSON, CSV or XLSX."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import Annotated, Literal

import xlsxwriter
from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from pydantic import BaseModel

from controller.access.deps import RuntimeDep, ScopeDep, may
from controller.access.principal import Principal
from controller.inventory.api import in_shanghai
from controller.inventory.papers_api import UnitFilter, below
from controller.network.devices import find_device
from controller.network.link_usage import COLUMNS, By, LinkUsage, link_usage, sheet
from controller.usage.export import BOM, plain_text

Reader = Annotated[Principal, Depends(may("network.read"))]
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

router = APIRouter(prefix="/api/v1", tags=["network"])


class LinkUsageAnswer(BaseModel):
    """The rows, busiest first."""

    since: datetime
    until: datetime
    by: str
    rows: list[LinkUsage]


@router.get(
    "/network/usage",
    response_model=LinkUsageAnswer,
    responses={200: {"content": {"text/csv": {}, XLSX: {}}}},
)
def get_usage(
    runtime: RuntimeDep,
    scope: ScopeDep,
    reader: Reader,
    since: Annotated[datetime, Query(alias="from", description="First moment, Shanghai time.")],
    until: Annotated[datetime, Query(alias="to", description="The moment after the last.")],
    by: By = "link",
    unit: UnitFilter = None,
    device: Annotated[str | None, Query(max_length=128, description="Code of one device.")] = None,
    language: Literal["zh", "en"] = "zh",
    format: Literal["json", "csv", "xlsx"] = "json",  # noqa: A002
) -> Response | LinkUsageAnswer:
    """What links carried: averages, P95, use of speed or contracted bandwidth, errors, discards,
    availability; by link, device, site or unit."""
    start, end = in_shanghai(since), in_shanghai(until)
    with runtime.database.read() as session:
        units = below(session, scope, unit, reader.at)
        number = find_device(session, scope, device, reader.at).id if device else None
    rows = link_usage(runtime, scope, start, end, by, unit_ids=units, device_id=number)
    if format == "json":
        return LinkUsageAnswer(since=start, until=end, by=by, rows=rows)
    name = f"links-{by}-{start:%Y%m%d}.{format}"
    head = {"Content-Disposition": f'attachment; filename="{name}"'}
    if format == "csv":
        return Response(_csv(rows), media_type="text/csv; charset=utf-8", headers=head)
    return Response(to_xlsx(rows, language), media_type=XLSX, headers=head)


def _csv(rows: list[LinkUsage]) -> bytes:
    """One line a row, the JSON's names as header; a gap is an empty cell."""
    out = io.StringIO()
    out.write(BOM)
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([column[0] for column in COLUMNS])
    for cells in sheet(rows, "en")[1]:
        writer.writerow(
            "" if cell is None else plain_text(cell) if isinstance(cell, str) else cell
            for cell in cells
        )
    return out.getvalue().encode()


def to_xlsx(rows: list[LinkUsage], language: str) -> bytes:
    """The rows as a workbook; text from outside stays text."""
    file = io.BytesIO()
    book = xlsxwriter.Workbook(
        file, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    )
    page = book.add_worksheet("链路用量" if language == "zh" else "Links")
    heads, cells = sheet(rows, language)
    page.write_row(0, 0, heads, book.add_format({"bold": True, "bg_color": "#EDF3FC"}))
    figure = book.add_format({"num_format": "#,##0.##"})
    for at, row in enumerate(cells, 1):
        for place, cell in enumerate(row):
            if isinstance(cell, str):
                page.write_string(at, place, cell)
            elif cell is not None:
                page.write_number(at, place, cell, figure)
    page.freeze_panes(1, 0)
    page.autofilter(0, 0, max(1, len(cells)), len(heads) - 1)
    page.autofit()
    book.close()
    return file.getvalue()
