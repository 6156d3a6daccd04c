"""县区上联: what is contracted against what is used, by county and line, with its report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter
from fastapi.responses import Response

from controller.network.line_sheets import XLSX
from controller.network.targets import targets_of
from controller.network.uplink_sheet import uplinks_xlsx
from controller.network.uplinks import CountyUse, LineUse, uplinks
from controller.web import line_words, network_words, render, tables
from controller.web.pages.network_lines import NetworkView
from controller.web.pages.parts import PeriodSwitch, period_switch
from controller.web.shell import Area, Crumb

router = APIRouter()

PATH = "/network/uplinks"


@dataclass(frozen=True)
class LineRow:
    """One uplink in words."""

    each: LineUse
    contracted: str
    used_avg: str
    p95: str
    highest: str


@dataclass(frozen=True)
class CountyRow:
    """One county in words; ``target_met`` None: there is no target."""

    each: CountyUse
    contracted: str
    p95: str
    in_p95: str
    out_p95: str
    highest: str
    tone: str
    word: str
    target_met: bool | None
    lines: list[LineRow]


@dataclass(frozen=True)
class UplinksPage(render.Context):
    """Counties with their uplinks over a period."""

    template: ClassVar[str] = "network_uplinks.html"

    tabs: tuple[Area, ...]
    switch: PeriodSwitch
    counties: list[CountyRow]
    contracted: str
    measured: int
    """Lines at which use is measured."""
    lines: int
    full: int
    tight: int
    met: int
    """Counties whose contracts reach the target."""
    target: str
    exports: tuple[tables.ExportLink, ...]


@router.get(PATH)
def uplinks_page(view: NetworkView) -> Response:
    _ = view.text
    period = view.period()
    targets = targets_of(view.runtime)
    found = uplinks(view.runtime, view.scope, period.since, period.until, view.now, targets)
    if view.request.query_params.get("file") == "xlsx":
        body = uplinks_xlsx(found, period.since, period.until, view.language)
        name = f"uplinks-{view.now.astimezone(view.zone):%Y%m%d}.xlsx"
        head = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(body, media_type=XLSX, headers=head)
    target = targets.get("county")
    title = ""
    if target is not None and target.bit_s is not None:
        title = target.title_en if view.language == "en" else target.title_zh
    lines = [line for county in found for line in county.lines]
    context = UplinksPage(
        tabs=network_words.tabs(view),
        switch=period_switch(PATH, period, {}, _),
        counties=[_county(each, _words(view)) for each in found],
        contracted=line_words.bandwidth(sum(each.contracted for each in found)) or "–",
        measured=sum(line.measured for line in lines),
        lines=len(lines),
        full=sum(each.state == "full" for each in found),
        tight=sum(each.state == "tight" for each in found),
        met=sum(bool(each.target) and each.contracted >= (each.target or 0) for each in found),
        target=title,
        exports=(
            tables.ExportLink(
                "xlsx", _("县区上联报告（XLSX）"), render.link(PATH, period.query, file="xlsx")
            ),
        ),
    )
    crumbs = [Crumb(_("网络"), "/network/devices"), Crumb(_("县区上联"))]
    return view.page(context, active="network", crumbs=crumbs)


def _words(view: NetworkView) -> dict[str, tuple[str, str]]:
    _ = view.text
    return {
        "full": ("bad", _("接近用满")),
        "tight": ("warn", _("偏紧")),
        "fine": ("good", _("充裕")),
        "unknown": ("", _("未测量")),
    }


def _county(each: CountyUse, words: dict[str, tuple[str, str]]) -> CountyRow:
    tone, word = words[each.state]
    return CountyRow(
        each=each,
        contracted=_bits(each.contracted),
        p95=_bits(each.use.p95),
        in_p95=_bits(each.use.in_p95),
        out_p95=_bits(each.use.out_p95),
        highest=_bits(each.use.highest),
        tone=tone,
        word=word,
        target_met=None if each.target is None else each.contracted >= each.target,
        lines=[
            LineRow(
                line, _bits(line.line.bandwidth_bit_s),
                _bits(max(filter(None, (line.use.in_avg, line.use.out_avg)), default=None)),
                _bits(line.use.p95), _bits(line.use.highest),
            )
            for line in each.lines
        ],
    )  # fmt: skip


def _bits(value: float | None) -> str:
    return line_words.bandwidth(value) or "–"
