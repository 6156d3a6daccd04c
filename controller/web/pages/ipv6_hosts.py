"""IPv6: hosts and network gear as lists, one host in full, one unit in full."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote

from fastapi import APIRouter
from fastapi.responses import Response

from controller.analysis.ipv6 import Index
from controller.inventory.model import UnitView
from controller.inventory.resources import unit_names
from controller.inventory.units import list_units
from controller.ipv6 import gear, hosts
from controller.ipv6.api import index_of
from controller.ipv6.devices import list_gear
from controller.ipv6.model import DeviceDetail, HostDetail, HostView, IndicatorView, UnitDetail
from controller.ipv6.readiness import Subject
from controller.ipv6.views import title
from controller.web import figures, ipv6_words, render
from controller.web.language import Text
from controller.web.pages.ipv6 import Ipv6View
from controller.web.pages.register_parts import Cell, Head, Listing, Option, listing, text_filter
from controller.web.shell import Area, Crumb
from controller.web.view import View

router = APIRouter()


@dataclass(frozen=True)
class Ipv6HostsPage(render.Context):
    """The hosts; the filters as chosen. ``selected``: codes that a plan would be made of."""

    template: ClassVar[str] = "ipv6_hosts.html"

    tabs: tuple[Area, ...]
    listing: Listing
    units: list[UnitView]
    unit: str
    states: list[Option]
    state: str
    text: str
    may_write: bool


@dataclass(frozen=True)
class Ipv6HostPage(render.Context):
    """One host. ``facts``: what was read, (label, text); ``services``: those on IPv4 only;
    ``unchecked``: what would need root."""

    template: ClassVar[str] = "ipv6_host.html"

    host: HostDetail
    tone: str
    word: str
    indicators: list[tuple[IndicatorView, str, str, str]]
    facts: list[tuple[str, str]]
    services: list[dict[str, Any]]
    unchecked: list[str]


@dataclass(frozen=True)
class Ipv6DevicesPage(render.Context):
    """Network gear and what each lacks."""

    template: ClassVar[str] = "ipv6_devices.html"

    tabs: tuple[Area, ...]
    listing: Listing
    text: str


@dataclass(frozen=True)
class Ipv6DevicePage(render.Context):
    """One device: its indicators, IPv6 addresses, and the share of each port."""

    template: ClassVar[str] = "ipv6_device.html"

    device: DeviceDetail
    tone: str
    word: str
    indicators: list[tuple[IndicatorView, str, str, str]]
    addresses: list[str]


@dataclass(frozen=True)
class Ipv6UnitPage(render.Context):
    """A unit with its subtree. ``parts`` as on the overview; ``systems``: (view, tone, word)."""

    template: ClassVar[str] = "ipv6_unit.html"

    unit: UnitDetail
    tone: str
    word: str
    parts: list[tuple[Any, str, str, str]]
    kinds: dict[str, str]
    systems: list[tuple[Any, str, str]]
    trend: ipv6_words.Drawing | None


@router.get("/ipv6/hosts")
def hosts_page(view: Ipv6View) -> Response:
    _, asked = view.text, view.request.query_params
    unit, text = asked.get("unit", "")[:200], text_filter(view)
    state = asked.get("state", "") if asked.get("state") in hosts.STATES else ""
    index = index_of(view.runtime)
    with view.runtime.database.read() as session:
        units = list_units(session, view.scope, view.now)
        found = hosts.read_hosts(
            session, view.scope, index, view.now, unit=unit, text=text, state=state or "all"
        )
    titles = {each.code: title(each, view.language) for each in index.hosts}

    def score(host: HostView) -> Cell:
        return Cell(
            _("尚未上报") if host.at is None else ipv6_words.score_word(host.score, _),
            tone=ipv6_words.tone(host.score, index.good),
        )

    columns = (
        (Head("name", _("主机")), lambda h: h.name,
         lambda h: Cell(h.name or h.code, f"/ipv6/hosts/{quote(h.code, safe='')}", title=h.code)),
        (Head("unit", _("单位")), lambda h: h.unit_name, lambda h: Cell(h.unit_name)),
        (Head("system", _("业务系统")), lambda h: h.system or None, lambda h: Cell(h.system)),
        (Head("score", _("得分")), lambda h: h.score, score),
        (Head("lost", _("不达标项")), lambda h: len(h.lost) if h.at else None,
         lambda h: Cell("、".join(titles.get(code, code) for code in h.lost), wide=True)),
        (Head("traffic", _("IPv6 流量 %"), numeric=True), lambda h: h.traffic_pct,
         lambda h: Cell(figures.percent(h.traffic_pct, unit=False))),
        (Head("at", _("读取时间")), lambda h: h.at,
         lambda h: Cell(figures.moment(h.at, view.zone))),
    )  # fmt: skip
    chosen = {"unit": unit, "state": state, "text": text}
    table = listing(view, "/ipv6/hosts", found, columns, chosen, "score")
    if isinstance(table, Response):
        return table
    context = Ipv6HostsPage(
        tabs=ipv6_words.tabs(view),
        listing=table,
        units=units,
        unit=unit,
        states=[Option(key, word) for key, word in ipv6_words.states(_).items()],
        state=state,
        text=text,
        may_write=view.may("ipv6.write"),
    )
    return view.page(context, active="ipv6", crumbs=[Crumb("IPv6", "/ipv6"), Crumb(_("主机"))])


@router.get("/ipv6/hosts/{code}")
def host_page(code: str, view: Ipv6View) -> Response:
    _, index = view.text, index_of(view.runtime)
    with view.runtime.database.read() as session:
        host = hosts.host_detail(session, view.scope, code, index, view.now, view.language)
    told = host.document or {}
    context = Ipv6HostPage(
        host=host,
        tone=ipv6_words.tone(host.score, index.good),
        word=ipv6_words.score_word(host.score, _),
        indicators=[ipv6_words.said(each, _) for each in host.indicators],
        facts=_facts(told, _),
        services=(told.get("services") or {}).get("v4_only", []),
        unchecked=_unchecked(told, _),
    )
    crumbs = [Crumb("IPv6", "/ipv6"), Crumb(_("主机"), "/ipv6/hosts"), Crumb(host.name)]
    return view.page(context, active="ipv6", crumbs=crumbs)


def _facts(told: dict[str, Any], _: Text) -> list[tuple[str, str]]:
    if not told:
        return []
    kinds = {
        "global": _("全球单播"), "ula": _("唯一本地"), "link_local": _("链路本地"),
        "tunnel": _("隧道"), "other": _("其他"),
    }  # fmt: skip
    facts = []
    for each in told.get("addresses", [])[:30]:
        word = kinds.get(each["kind"], each["kind"])
        word += f"，{_('临时')}" if each.get("temporary") else ""
        word += "" if each.get("usable") else f"，{_('不可用')}"
        text = f"{each['address']}/{each['prefix']} ({word})"
        facts.append((f"{_('地址')} {each['interface']}", text))
    route = told.get("default_route") or {}
    reached = {True: _("网关可达"), False: _("网关无应答"), None: _("网关未检查")}
    facts.append(
        (_("默认路由"),
         f"{route.get('gateway') or '–'} {route.get('interface', '')} "
         f"{reached[route.get('reachable')]}" if route.get("present") else _("没有"))
    )  # fmt: skip
    for each in told.get("resolvers") or []:
        able = {True: _("可应答 AAAA"), False: _("不能应答 AAAA"), None: _("无应答")}
        facts.append((_("域名解析服务器"), f"{each['address']} {able[each.get('aaaa')]}"))
    sysctl = (told.get("settings") or {}).get("all") or {}
    if sysctl:
        facts.append((_("内核设置"), " ".join(f"{key}={value}" for key, value in sysctl.items())))
    walls = {
        "both": _("两个版本都有规则"), "none": _("两个版本都没有规则"),
        "v4_only": _("只有 IPv4 规则，IPv6 裸露"), "v6_only": _("只有 IPv6 规则"),
        "not_checked": _("未检查"),
    }  # fmt: skip
    wall = (told.get("firewall") or {}).get("state", "not_checked")
    facts.append((_("防火墙入向规则"), walls.get(wall, wall)))
    links = told.get("connections")
    if links:
        facts.append(
            (_("活动连接"),
             _("IPv6 {a}（{b} 个对端），IPv4 {c}（{d} 个对端）", a=links["v6"],
               b=links["peers_v6"], c=links["v4"], d=links["peers_v4"]))
        )  # fmt: skip
    return facts


def _unchecked(told: dict[str, Any], _: Text) -> list[str]:
    words = {
        "firewall": _("防火墙规则（需要 root 权限）"),
        "process": _("其他用户的进程名（需要 root 权限）"),
        "services": _("监听端口"),
        "connections": _("活动连接"),
        "gateway": _("网关可达性"),
    }
    return [words.get(each, each) for each in told.get("not_checked", [])]


@router.get("/ipv6/devices")
def devices_page(view: Ipv6View) -> Response:
    _, text = view.text, text_filter(view)
    index = index_of(view.runtime)
    with view.runtime.database.read() as session:
        found = list_gear(session, view.scope, index, view.now)
        owners = {each.unit_id for each in found if each.unit_id is not None}
        names = unit_names(session, owners, view.now)
    wanted = text.casefold()
    found = [each for each in found if wanted in f"{each.code} {each.name}".casefold()]
    table = listing(
        view, "/ipv6/devices", found, _gear_columns(view, index, names), {"text": text}, "score"
    )
    if isinstance(table, Response):
        return table
    context = Ipv6DevicesPage(tabs=ipv6_words.tabs(view), listing=table, text=text)
    return view.page(context, active="ipv6", crumbs=[Crumb("IPv6", "/ipv6"), Crumb(_("网络设备"))])


def _gear_columns(view: View, index: Index, names: dict[int, str]) -> Any:
    _ = view.text

    def state_of(device: Subject, code: str) -> Cell:
        if device.evaluation is None:
            return Cell("")
        told = next((e for e in device.evaluation.results if e.code == code), None)
        if told is None:
            return Cell("")
        words = {
            "pass": ("good", _("是")),
            "fail": ("bad", _("否")),
            "partial": ("warn", _("部分")),
        }
        tone, word = words.get(told.state, ("", _("未知") if told.state == "unknown" else "–"))
        if code == "traffic" and told.value is not None:
            return Cell(f"{100 * told.value:.1f} %")
        return Cell(word, tone=tone)

    def score(device: Subject) -> Cell:
        return Cell(
            ipv6_words.score_word(device.score, _), tone=ipv6_words.tone(device.score, index.good)
        )

    return (
        (Head("name", _("设备")), lambda d: d.name,
         lambda d: Cell(d.name, f"/ipv6/devices/{quote(d.code, safe='')}", title=d.code)),
        (Head("unit", _("单位")), lambda d: names.get(d.unit_id, ""),
         lambda d: Cell(names.get(d.unit_id, ""))),
        (Head("score", _("得分")), lambda d: d.score, score),
        *(
            (Head("", title(each, view.language)), lambda _d: None,
             lambda d, code=each.code: state_of(d, code))
            for each in index.devices
        ),
        (Head("at", _("最近应答")), lambda d: d.at,
         lambda d: Cell(figures.moment(d.at, view.zone))),
    )  # fmt: skip


@router.get("/ipv6/devices/{code}")
def device_page(code: str, view: Ipv6View) -> Response:
    _, index = view.text, index_of(view.runtime)
    device = gear.device_detail(view.runtime, view.scope, code, index, view.language)
    context = Ipv6DevicePage(
        device=device,
        tone=ipv6_words.tone(device.score, index.good),
        word=ipv6_words.score_word(device.score, _),
        indicators=[ipv6_words.said(each, _) for each in device.indicators],
        addresses=(device.document or {}).get("addresses", []),
    )
    crumbs = [Crumb("IPv6", "/ipv6"), Crumb(_("网络设备"), "/ipv6/devices"), Crumb(device.name)]
    return view.page(context, active="ipv6", crumbs=crumbs)


@router.get("/ipv6/units/{code}")
def unit_page(code: str, view: Ipv6View) -> Response:
    _, index = view.text, index_of(view.runtime)
    with view.runtime.database.read() as session:
        unit = hosts.unit_detail(session, view.scope, code, index, view.now, view.language)
    kinds = {each: ipv6_words.kind(each, _) for each in ("site", "host", "device")}
    context = Ipv6UnitPage(
        unit=unit,
        tone=ipv6_words.tone(unit.score, unit.good),
        word=ipv6_words.score_word(unit.score, _),
        parts=[
            (part, kinds[part.kind], ipv6_words.tone(part.score, unit.good),
             ipv6_words.score_word(part.score, _))
            for part in unit.parts
        ],
        kinds=kinds,
        systems=[
            (each, ipv6_words.tone(each.score, unit.good), ipv6_words.score_word(each.score, _))
            for each in unit.systems
        ],
        trend=ipv6_words.draw(
            [(day.day, day.score) for day in unit.days], [(unit.good, _("达标线"))]
        ) if unit.days else None,
    )  # fmt: skip
    crumbs = [Crumb("IPv6", "/ipv6"), Crumb(unit.unit_name)]
    return view.page(context, active="ipv6", crumbs=crumbs)
