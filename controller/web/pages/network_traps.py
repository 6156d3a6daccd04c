"""SNMP 告警: traps as they came, and who sends them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote

from fastapi import APIRouter
from fastapi.responses import Response

from controller.network.traps import TrapSourceView, list_sources, list_traps
from controller.web import figures, network_words, render
from controller.web.language import Text
from controller.web.pages.network_lines import NetworkView
from controller.web.pages.register_parts import (
    Cell,
    Head,
    Listing,
    Option,
    listing,
    text_filter,
)
from controller.web.shell import Area, Crumb

router = APIRouter()

PATH = "/network/traps"
MOST_SOURCES = 100


@dataclass(frozen=True)
class TrapsPage(render.Context):
    """The newest traps; ``sources`` with what was taken, dropped and refused."""

    template: ClassVar[str] = "network_traps.html"

    tabs: tuple[Area, ...]
    listing: Listing
    kinds: list[Option]
    kind: str
    text: str
    sources: list[TrapSourceView]
    unknown: int
    dropped: int
    refused: int


def words(_: Text) -> dict[str, str]:
    """Kinds of traps."""
    return {
        "link_down": _("端口断开"),
        "link_up": _("端口恢复"),
        "cold_start": _("冷启动"),
        "warm_start": _("热启动"),
        "authentication_failure": _("认证失败"),
        "bgp_down": _("BGP 邻居断开"),
        "bgp_up": _("BGP 邻居建立"),
        "ospf_down": _("OSPF 邻居断开"),
        "ospf_up": _("OSPF 邻居建立"),
        "raw": _("厂商告警（原文）"),
    }


@router.get(PATH)
def traps_page(view: NetworkView) -> Response:
    _, asked = view.text, view.request.query_params
    kind, text = asked.get("kind", ""), text_filter(view)
    with view.runtime.database.read() as session:
        found = list_traps(session, view.scope, view.now, kind=kind, text=text)
        sources = list_sources(session, view.scope, view.now)
    shown = listing(view, PATH, found, _columns(view), {"kind": kind, "text": text}, "-at")
    if isinstance(shown, Response):
        return shown
    context = TrapsPage(
        tabs=network_words.tabs(view),
        listing=shown,
        kinds=[Option(key, word) for key, word in words(_).items()],
        kind=kind,
        text=text,
        sources=sources[:MOST_SOURCES],
        unknown=sum(not each.device for each in sources),
        dropped=sum(each.dropped for each in sources),
        refused=sum(each.refused for each in sources),
    )
    crumbs = [Crumb(_("网络"), "/network/devices"), Crumb(_("SNMP 告警"))]
    return view.page(context, active="network", crumbs=crumbs)


def _columns(view: NetworkView) -> Any:
    _ = view.text
    kinds = words(_)
    tones = {"link_down": "bad", "bgp_down": "bad", "ospf_down": "bad",
             "authentication_failure": "warn", "link_up": "good", "bgp_up": "good",
             "ospf_up": "good"}  # fmt: skip
    return (
        (Head("at", _("时间")), lambda r: r.at,
         lambda r: Cell(figures.moment(r.at, view.zone, seconds=True))),
        (Head("device", _("设备")), lambda r: r.device_name or None,
         lambda r: Cell(r.device_name or _("未登记"),
                        f"/network/devices/{quote(r.device, safe='')}" if r.device else "")),
        (Head("source", _("来源地址")), lambda r: r.source, lambda r: Cell(r.source)),
        (Head("kind", _("事件")), lambda r: r.kind,
         lambda r: Cell(kinds.get(r.kind, r.kind), tone=tones.get(r.kind, ""))),
        (Head("about", _("对象")), lambda r: r.about or None, lambda r: Cell(r.about)),
        (Head("oid", "OID"), lambda r: r.oid, lambda r: Cell(r.oid)),
        (Head("", _("变量")), lambda r: len(r.variables),
         lambda r: Cell(" ".join(f"{oid}={value}" for oid, value in r.variables)[:160],
                        title="\n".join(f"{oid} = {value}" for oid, value in r.variables))),
        (Head("version", _("版本")), lambda r: r.version, lambda r: Cell(f"v{r.version}")),
        (Head("poller", _("接收端")), lambda r: r.poller or None, lambda r: Cell(r.poller)),
    )  # fmt: skip
