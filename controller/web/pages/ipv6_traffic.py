"""IPv6: its share in traffic against the national targets, and official results beside ours."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, ClassVar

from fastapi import APIRouter, File, Form, UploadFile
from fastapi.responses import Response

from controller.access import audit
from controller.access.scope import Scope
from controller.inventory.model import UnitView
from controller.inventory.units import list_units
from controller.ipv6 import hosts, official
from controller.ipv6.api import index_of
from controller.ipv6.model import OfficialView, TrafficTrend
from controller.ipv6.official_sheet import read_official_file
from controller.ipv6.overview import read_overview
from controller.ipv6.traffic import SHANGHAI
from controller.ipv6.trend import By, Kind, read_trend
from controller.problems import Problem
from controller.web import ipv6_words, render, tables
from controller.web.pages.ipv6 import Ipv6View, Ipv6Writer
from controller.web.pages.register_parts import Option
from controller.web.shell import Area, Crumb, Flash

router = APIRouter()

SPANS = {"30": 30, "90": 90, "365": 365}
BY: dict[str, By] = {"unit": "unit", "system": "system", "place": "place"}
MOST_FILE_BYTES = 10 << 20


@dataclass(frozen=True)
class Ipv6TrafficPage(render.Context):
    """``told``: the days and the owners' parts; ``drawing`` the share by day."""

    template: ClassVar[str] = "ipv6_traffic.html"

    tabs: tuple[Area, ...]
    told: TrafficTrend
    drawing: ipv6_words.Drawing
    units: list[UnitView]
    unit: str
    spans: list[Option]
    days: str
    ways: list[Option]
    by: str
    kinds: list[Option]
    kind: str
    exports: tuple[tables.ExportLink, ...]


@dataclass(frozen=True)
class Ipv6OfficialPage(render.Context):
    """The newest report of each source beside our scores."""

    template: ClassVar[str] = "ipv6_official.html"

    tabs: tuple[Area, ...]
    rows: list[OfficialView]
    may_write: bool
    today: str


@router.get("/ipv6/traffic")
def traffic_page(view: Ipv6View) -> Response:
    _, asked = view.text, view.request.query_params
    unit = asked.get("unit", "")[:200]
    days = asked.get("days", "") if asked.get("days") in SPANS else "30"
    by = asked.get("by", "") if asked.get("by") in BY else "unit"
    kind: Kind = "device" if asked.get("kind") == "device" else "host"
    end = view.now.astimezone(SHANGHAI).date() + timedelta(days=1)
    with view.runtime.database.read() as session:
        units = list_units(session, view.scope, view.now)
        scope = view.scope
        if unit:
            scope = Scope(hosts.below_or_404(session, scope, unit, view.now))
        first = end - timedelta(days=SPANS[days])
        told = read_trend(session, scope, first, end, BY[by], view.now, kind)
    if asked.get("file") in ("csv", "xlsx"):
        heads = [_("日期"), _("IPv6 占比 %"), _("IPv4 字节"), _("IPv6 字节"), _("主机")]
        rows = [
            [day.day.isoformat(), day.pct, day.v4_bytes, day.v6_bytes, day.hosts]
            for day in told.days
        ]
        return tables.export(asked["file"], f"ipv6-traffic-{end:%Y%m%d}", heads, rows)
    kept = {"unit": unit, "days": days, "by": by, "kind": kind}
    targets = [
        (told.fixed_target_pct, _("2025 年目标：固定网络 27 %")),
        (told.mobile_target_pct, _("移动网络 70 %")),
    ]
    context = Ipv6TrafficPage(
        tabs=ipv6_words.tabs(view),
        told=told,
        drawing=ipv6_words.draw([(day.day, day.pct) for day in told.days], targets),
        units=units,
        unit=unit,
        spans=[
            Option("30", _("近 30 天")), Option("90", _("近 90 天")), Option("365", _("近一年")),
        ],
        days=days,
        ways=[
            Option("unit", _("按单位")), Option("system", _("按业务系统")),
            Option("place", _("按中心")),
        ],
        by=by,
        kinds=[Option("host", _("主机")), Option("device", _("网络设备"))],
        kind=kind,
        exports=tuple(
            tables.ExportLink(form, word, render.link("/ipv6/traffic", kept, file=form))
            for form, word in (("xlsx", _("Excel 表格（XLSX）")), ("csv", _("文本表格（CSV）")))
        ),
    )  # fmt: skip
    return view.page(context, active="ipv6", crumbs=[Crumb("IPv6", "/ipv6"), Crumb(_("流量占比"))])


@router.get("/ipv6/official")
def official_page(view: Ipv6View) -> Response:
    index = index_of(view.runtime)
    with view.runtime.database.read() as session:
        read = read_overview(session, view.scope, index, view.now, view.language)
        rows = official.beside(session, view.scope, read, view.now)
    context = Ipv6OfficialPage(
        tabs=ipv6_words.tabs(view),
        rows=rows,
        may_write=view.may("ipv6.write"),
        today=f"{view.now.astimezone(view.zone):%Y-%m-%d}",
    )
    crumbs = [Crumb("IPv6", "/ipv6"), Crumb(view.text("官方监测"))]
    return view.page(context, active="ipv6", crumbs=crumbs)


@router.post("/ipv6/official")
def import_official(
    view: Ipv6Writer,
    file: Annotated[UploadFile, File()],
    source: Annotated[str, Form(max_length=100)],
    day: Annotated[date, Form()],
) -> Response:
    """A file from the browser; what is wrong with it is said on the page."""
    _ = view.text
    content = file.file.read(MOST_FILE_BYTES + 1)
    try:
        if len(content) > MOST_FILE_BYTES:
            raise Problem(413, "too large", _("文件超过 10 MB"))
        if not source.strip():
            raise Problem(422, "no source", _("请填写来源"))
        rows = read_official_file(io.BytesIO(content), file.filename or "")
        with view.runtime.database.write() as session:
            kept = official.put_results(
                session, source.strip(), day, rows, view.principal.name, view.now
            )
            told = {"source": source.strip(), "day": day.isoformat(), "rows": kept}
            audit.record(session, view.principal, "ipv6.official", source.strip(), "ok", told)
    except Problem as problem:
        return render.go("/ipv6/official", Flash("bad", f"{_('未导入：')}{problem.detail}"))
    return render.go("/ipv6/official", Flash("good", _("已导入 {n} 条结果。", n=kept)))
