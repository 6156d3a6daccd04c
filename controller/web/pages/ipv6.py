"""IPv6: the score of the whole and of each unit, the sites, and one site in full."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse, Response

from controller.ipv6 import views
from controller.ipv6.api import index_of
from controller.ipv6.model import IndicatorView, Overview, SiteDetail, SiteView
from controller.ipv6.overview import read_overview
from controller.ipv6.report import XLSX, read_report, to_xlsx
from controller.web import render, tables
from controller.web.language import Text
from controller.web.shell import Crumb
from controller.web.view import View, opened

router = APIRouter()

Ipv6View = Annotated[View, Depends(opened("ipv6.read"))]

SORTS: dict[str, Callable[[SiteView], Any]] = {
    "name": lambda site: site.name,
    "unit": lambda site: site.unit_name,
    "score": lambda site: site.score,
    "at": lambda site: site.at,
}

WIDTH = 600.0


@dataclass(frozen=True)
class Ipv6Page(render.Context):
    """``told``: scores and actions; ``sites``: one page of the table."""

    template: ClassVar[str] = "ipv6.html"

    told: Overview
    sites: list[SiteView]
    table: tables.TableState
    text: str
    exports: tuple[tables.ExportLink, ...]
    may_write: bool


@dataclass(frozen=True)
class Bar:
    """A step of the waterfall: where it begins and how long it is, in drawing units; seconds."""

    step: str
    label: str
    x: float
    width: float
    seconds: float


@dataclass(frozen=True)
class Ipv6SitePage(render.Context):
    """``falls``: (version, bars, whole seconds) of both versions on one scale; ``states`` and
    ``whys`` say an indicator's state and reason."""

    template: ClassVar[str] = "ipv6_site.html"

    site: SiteDetail
    good: float
    official: bool
    indicators: list[tuple[IndicatorView, str, str, str]]
    """(indicator, tone, state in words, value in words)."""
    falls: list[tuple[str, list[Bar], float]]
    facts: list[tuple[str, str]]
    lacking: list[str]
    """Links and hosts without IPv6, to begin with."""


@router.get("/ipv6")
def ipv6_page(view: Ipv6View) -> Response:
    _, asked = view.text, view.request.query_params
    index = index_of(view.runtime)
    with view.runtime.database.read() as session:
        if asked.get("format") == "xlsx":
            report = read_report(session, view.scope, index, view.now, view.language)
        else:
            report = None
            read = read_overview(session, view.scope, index, view.now, view.language)
    if report is not None:
        body = to_xlsx(report)
        name = f"ipv6-{view.now:%Y%m%d}.xlsx"
        head = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(body, media_type=XLSX, headers=head)
    text = asked.get("text", "").strip()[:100]
    wanted = text.casefold()
    rows = [
        site for site, _evaluation in read.sites
        if wanted in f"{site.code} {site.name} {site.url} {site.unit_name}".casefold()
    ]  # fmt: skip
    sort, descending = tables.parse_sort(asked.get("sort", ""), SORTS, "score")
    rows = tables.ordered(rows, SORTS[sort], descending=descending)
    kept = {"text": text} if text else {}
    state = tables.TableState(
        "/ipv6", kept, sort, descending, tables.parse_page(asked.get("page", "")),
        tables.PAGE_SIZE, len(rows),
    )  # fmt: skip
    context = Ipv6Page(
        told=read.told,
        sites=tables.cut(rows, state.page),
        table=state,
        text=text,
        exports=(tables.ExportLink("xlsx", _("Excel（含各项指标）"), "/ipv6?format=xlsx"),),
        may_write=view.may("ipv6.write"),
    )
    return view.page(context, active="ipv6", crumbs=[Crumb("IPv6")])


@router.get("/ipv6/sites/{code}")
def ipv6_site_page(code: str, view: Ipv6View) -> HTMLResponse:
    index = index_of(view.runtime)
    with view.runtime.database.read() as session:
        site = views.site_detail(session, view.scope, code, index, view.now, view.language)
    reading = site.reading or {}
    context = Ipv6SitePage(
        site=site,
        good=index.good,
        official=index.official,
        indicators=[_said(each, view.text) for each in site.indicators],
        falls=_falls(reading, view.text),
        facts=_facts(reading, view.text),
        lacking=_lacking(reading),
    )
    crumbs = [Crumb("IPv6", "/ipv6"), Crumb(site.name)]
    return view.page(context, active="ipv6", crumbs=crumbs)


def _said(each: IndicatorView, _: Text) -> tuple[IndicatorView, str, str, str]:
    tones = {"pass": "good", "partial": "warn", "fail": "bad"}
    words = {
        "pass": _("达标"),
        "partial": _("部分达标"),
        "fail": _("不达标"),
        "not_applicable": _("不适用"),
        "unknown": _("未测到"),
    }
    reasons = {
        "home": _("首页不能经 IPv6 打开，无法测量"),
        "no_record": _("没有 AAAA 记录"),
        "not_measured": _("本次未测到"),
        "nothing_to_measure": _("没有可测的内容"),
        "plain_http": _("未使用 HTTPS"),
    }
    value = reasons.get(each.why, "") if each.value is None else f"{100 * each.value:.0f} %"
    if each.code in ("aaaa", "home", "certificate") and each.value is not None:
        value = ""
    return each, tones.get(each.state, "none"), words[each.state], value


def _falls(reading: dict[str, Any], _: Text) -> list[tuple[str, list[Bar], float]]:
    """Both versions' steps on one time scale; none where no page came."""
    labels = {
        "dns": _("域名解析"),
        "tcp": _("建立连接"),
        "tls": _("TLS 握手"),
        "first_byte": _("首包"),
        "rest": _("其余内容"),
    }
    spans = {}
    for version, name in (("IPv6", "times_v6"), ("IPv4", "times_v4")):
        times = reading.get(name) or {}
        if times.get("total") is None:
            continue
        first = times.get("first_byte") or 0.0
        steps = [(key, times.get(key) or 0.0) for key in ("dns", "tcp", "tls")]
        spans[version] = [*steps, ("first_byte", first), ("rest", max(0.0, times["total"] - first))]
    longest = max((sum(s for _key, s in steps) for steps in spans.values()), default=0.0)
    found = []
    for version, steps in spans.items():
        bars, at = [], 0.0
        for key, seconds in steps:
            width = WIDTH * seconds / longest if longest else 0.0
            bars.append(Bar(key, labels[key], round(at, 1), round(max(width, 0.5), 1), seconds))
            at += width
        found.append((version, bars, sum(s for _key, s in steps)))
    return found


def _facts(reading: dict[str, Any], _: Text) -> list[tuple[str, str]]:
    """What was read, in a few lines."""
    if not reading:
        return []
    servers = reading.get("name_servers") or {}
    facts = [(_("AAAA 记录"), "、".join(reading.get("aaaa") or []) or "–")]
    if servers:
        told = _(
            "{zone}：{n} 台，{a} 台有 IPv6 地址，{r} 台可达",
            zone=servers.get("zone", ""), n=servers.get("total", 0),
            a=servers.get("with_aaaa", 0), r=servers.get("reachable", 0),
        )  # fmt: skip
        facts.append((_("权威域名服务器"), told))
    shown = reading.get("certificate")
    if shown:
        until = str(shown.get("not_after") or "")[:10]
        word = _("有效，至 {day}", day=until) if shown.get("valid") else str(shown.get("error"))
        facts.append((_("证书"), word))
    for version in ("v6", "v4"):
        status, error = reading.get(f"status_{version}"), reading.get(f"home_error_{version}")
        facts.append((f"IP{version} {_('首页')}", f"{status or '–'} {error or ''}".strip()))
    if reading.get("notes"):
        facts.append((_("备注"), "；".join(str(note) for note in reading["notes"])))
    return facts


def _lacking(reading: dict[str, Any]) -> list[str]:
    found: list[str] = []
    for name, key in (
        ("links_second", "without"), ("links_third", "without"), ("parts", "hosts_without")
    ):  # fmt: skip
        found += (reading.get(name) or {}).get(key, [])
    return found[:30]
