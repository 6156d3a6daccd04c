"""链路用量: what links carried over a period, by link, device, site or unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, get_args
from urllib.parse import quote

from fastapi import APIRouter
from fastapi.responses import Response

from controller.inventory.model import UnitView
from controller.inventory.papers_api import below
from controller.inventory.units import list_units
from controller.network.link_usage import By, LinkUsage, link_usage
from controller.web import figures, network_words, render
from controller.web.pages.devices import NetworkView
from controller.web.pages.parts import Choice, PeriodSwitch, period_switch
from controller.web.pages.register_parts import Cell, Head, Listing, listing, text_filter
from controller.web.shell import Area, Crumb

router = APIRouter()

PATH = "/network/usage"


@dataclass(frozen=True)
class NetworkUsagePage(render.Context):
    """The table; ``bys`` are the ways it can be summed up."""

    template: ClassVar[str] = "network_usage.html"

    tabs: tuple[Area, ...]
    listing: Listing
    period: PeriodSwitch
    bys: tuple[Choice, ...]
    units: list[UnitView]
    unit: str
    text: str


@router.get(PATH)
def network_usage_page(view: NetworkView) -> Response:
    _, asked = view.text, view.request.query_params
    by: By = next((each for each in get_args(By) if each == asked.get("by")), "link")
    unit, text, chosen_period = asked.get("unit", ""), text_filter(view), view.period()
    with view.runtime.database.read() as session:
        units = list_units(session, view.scope, view.now)
        unit_ids = below(session, view.scope, unit, view.now)
    found = [
        row
        for row in link_usage(
            view.runtime, view.scope, chosen_period.since, chosen_period.until, by,
            unit_ids=unit_ids,
        )
        if text.casefold() in f"{row.key} {row.name} {row.line}".casefold()
    ]  # fmt: skip
    words = {"link": _("链路"), "device": _("网络设备"), "site": _("站点"), "unit": _("单位")}
    kept = {k: v for k, v in (("by", by), ("unit", unit), ("text", text)) if v}
    query = {**kept, **chosen_period.query}

    def address(row: LinkUsage) -> str:
        path = f"/network/devices/{quote(row.device, safe='')}"
        if by == "link":
            return f"{path}/ports/{quote(row.instance, safe='')}"
        return path if by == "device" else ""

    def rate(bits: float | None) -> Cell:
        return Cell(figures.rate(None if bits is None else bits / 8))

    def most(row: LinkUsage) -> float | None:
        known = [v for v in (row.in_used_pct, row.out_used_pct) if v is not None]
        return max(known) if known else None

    columns = (
        (Head("key", words[by]), lambda r: r.key, lambda r: Cell(r.key, address(r))),
        (Head("name", _("说明")), lambda r: r.name or None, lambda r: Cell(r.name)),
        (Head("line", _("线路")), lambda r: r.line or None, lambda r: Cell(r.line)),
        (Head("in_avg", _("入均值"), numeric=True), lambda r: r.in_avg_bit_s,
         lambda r: rate(r.in_avg_bit_s)),
        (Head("in_p95", _("入 P95"), numeric=True), lambda r: r.in_p95_bit_s,
         lambda r: rate(r.in_p95_bit_s)),
        (Head("out_avg", _("出均值"), numeric=True), lambda r: r.out_avg_bit_s,
         lambda r: rate(r.out_avg_bit_s)),
        (Head("out_p95", _("出 P95"), numeric=True), lambda r: r.out_p95_bit_s,
         lambda r: rate(r.out_p95_bit_s)),
        (Head("width", _("带宽"), numeric=True), lambda r: r.contracted_bit_s or r.speed_bit_s,
         lambda r: Cell(network_words.bits(r.contracted_bit_s or r.speed_bit_s),
                        title=_("合同带宽") if r.contracted_bit_s else _("端口速率"))),
        (Head("used", _("利用率（P95）"), numeric=True), most,
         lambda r: Cell(figures.percent(most(r)))),
        (Head("errors", _("错包"), numeric=True), lambda r: r.errors,
         lambda r: Cell(figures.number(r.errors))),
        (Head("discards", _("丢弃"), numeric=True), lambda r: r.discards,
         lambda r: Cell(figures.number(r.discards))),
        (Head("up", _("可用率"), numeric=True), lambda r: r.availability_pct,
         lambda r: Cell(figures.percent(r.availability_pct))),
        (Head("coverage", _("数据完整率"), numeric=True), lambda r: r.coverage_pct,
         lambda r: Cell(figures.percent(r.coverage_pct))),
    )  # fmt: skip
    table = listing(view, PATH, found, columns, query, "-used" if by == "link" else "-in_p95")
    if isinstance(table, Response):
        return table
    context = NetworkUsagePage(
        tabs=network_words.tabs(view),
        listing=table,
        period=period_switch(PATH, chosen_period, kept, _),
        bys=tuple(
            Choice(word, render.link(PATH, query, by=key), key == by) for key, word in words.items()
        ),
        units=units,
        unit=unit,
        text=text,
    )
    return view.page(context, active="network", crumbs=[Crumb(_("网络")), Crumb(_("链路用量"))])
