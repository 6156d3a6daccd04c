"""IPv6: the score of the whole and of each unit, the sites, and one site in full."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse, Response

from controller.access import audit
from controller.ipv6 import days, views, worklist
from controller.ipv6.api import MEDIA, index_of, render_report
from controller.ipv6.hosts import read_days
from controller.ipv6.model import (
    IndicatorView,
    Overview,
    PartView,
    SiteDetail,
    SiteView,
    UnitReadiness,
)
from controller.ipv6.overview import read_overview
from controller.ipv6.report import read_report
from controller.ipv6.traffic import FIXED_TARGET_PCT
from controller.web import ipv6_words, render, tables
from controller.web.language import Text
from controller.web.shell import Area, Crumb, Flash
from controller.web.view import View, opened

router = APIRouter()

Ipv6View = Annotated[View, Depends(opened("ipv6.read"))]
Ipv6Writer = Annotated[View, Depends(opened("ipv6.write"))]

SORTS: dict[str, Callable[[SiteView], Any]] = {
    "name": lambda site: site.name,
    "unit": lambda site: site.unit_name,
    "score": lambda site: site.score,
    "at": lambda site: site.at,
}

WIDTH = 600.0
MANY_TILES = 60


@dataclass(frozen=True)
class Tile:
    """A unit in the grid: its score as judged and in words."""

    unit: UnitReadiness
    tone: str
    word: str
    hosts: PartView | None


@dataclass(frozen=True)
class Ipv6Page(render.Context):
    """``told``: scores and actions; ``parts``: of each kind (view, word, tone, score in words);
    ``trend``: the city's days, None for who sees a part of it."""

    template: ClassVar[str] = "ipv6.html"

    tabs: tuple[Area, ...]
    told: Overview
    tone: str
    word: str
    parts: list[tuple[PartView, str, str, str]]
    kinds: dict[str, str]
    tiles: list[Tile]
    many: bool
    """More units than are shown with all their figures."""
    counts: str
    """How many units pass, fail and are unknown."""
    trend: ipv6_words.Drawing | None
    traffic_target: float
    exports: tuple[tables.ExportLink, ...]
    may_write: bool


@dataclass(frozen=True)
class Ipv6SitesPage(render.Context):
    """``sites``: one page of the table of all ``count``."""

    template: ClassVar[str] = "ipv6_sites.html"

    tabs: tuple[Area, ...]
    sites: list[SiteView]
    count: int
    table: tables.TableState
    text: str
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
    form = asked.get("format", "")
    with view.runtime.database.read() as session:
        if form in MEDIA:
            report = read_report(session, view.scope, index, view.now, view.language)
        else:
            told = read_overview(session, view.scope, index, view.now, view.language).told
            whole = view.scope.everything
            kept = read_days(session, "city", 0, view.now) if whole else None
    if form in MEDIA:
        head = {"Content-Disposition": f'attachment; filename="ipv6-{view.now:%Y%m%d}.{form}"'}
        return Response(render_report(report, form), media_type=MEDIA[form], headers=head)
    kinds = {each: ipv6_words.kind(each, _) for each in ("site", "host", "device")}
    tiles = [_tile(unit, told.good, _) for unit in told.units]
    context = Ipv6Page(
        tabs=ipv6_words.tabs(view),
        told=told,
        tone=ipv6_words.tone(told.score, told.good),
        word=ipv6_words.score_word(told.score, _),
        parts=[
            (part, kinds[part.kind], ipv6_words.tone(part.score, told.good),
             ipv6_words.score_word(part.score, _))
            for part in told.parts
        ],
        kinds=kinds,
        tiles=tiles,
        many=len(tiles) > MANY_TILES,
        counts=_(
            "达标 {good}，未达标 {bad}，未知 {unknown}",
            good=sum(tile.tone == "good" for tile in tiles),
            bad=sum(tile.tone in ("warn", "bad") for tile in tiles),
            unknown=sum(not tile.tone for tile in tiles),
        ),
        trend=ipv6_words.draw(
            [(day.day, day.score) for day in kept], [(told.good, _("达标线"))]
        ) if kept else None,
        traffic_target=FIXED_TARGET_PCT,
        exports=(
            tables.ExportLink("pdf", _("报告（PDF）"), "/ipv6?format=pdf"),
            tables.ExportLink("xlsx", _("Excel（含各项指标）"), "/ipv6?format=xlsx"),
        ),
        may_write=view.may("ipv6.write"),
    )  # fmt: skip
    return view.page(context, active="ipv6", crumbs=[Crumb("IPv6")])


def _tile(unit: UnitReadiness, good: float, _: Text) -> Tile:
    hosts = next((part for part in unit.parts if part.kind == "host"), None)
    return Tile(
        unit, ipv6_words.tone(unit.score, good), ipv6_words.score_word(unit.score, _), hosts
    )


@router.post("/ipv6/refresh")
def refresh(view: Ipv6Writer) -> Response:
    index = index_of(view.runtime)
    scores = days.keep_day(view.runtime, index)
    worklist.record(view.runtime, index)
    with view.runtime.database.write() as session:
        audit.record(session, view.principal, "ipv6.refresh", f"{scores} scores")
    return render.go("/ipv6", Flash("good", view.text("已重新计算今天的得分与问题清单。")))


@router.get("/ipv6/sites")
def sites_page(view: Ipv6View) -> Response:
    _, asked = view.text, view.request.query_params
    index = index_of(view.runtime)
    with view.runtime.database.read() as session:
        judged = views.list_sites(session, view.scope, index, view.now)
    text = asked.get("text", "").strip()[:100]
    wanted = text.casefold()
    rows = [
        site for site, _evaluation in judged
        if wanted in f"{site.code} {site.name} {site.url} {site.unit_name}".casefold()
    ]  # fmt: skip
    sort, descending = tables.parse_sort(asked.get("sort", ""), SORTS, "score")
    rows = tables.ordered(rows, SORTS[sort], descending=descending)
    kept = {"text": text} if text else {}
    state = tables.TableState(
        "/ipv6/sites", kept, sort, descending, tables.parse_page(asked.get("page", "")),
        tables.PAGE_SIZE, len(rows),
    )  # fmt: skip
    context = Ipv6SitesPage(
        tabs=ipv6_words.tabs(view),
        sites=tables.cut(rows, state.page),
        count=len(judged),
        table=state,
        text=text,
        may_write=view.may("ipv6.write"),
    )
    return view.page(
        context, active="ipv6", crumbs=[Crumb("IPv6", "/ipv6"), Crumb(_("网站与系统"))]
    )


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
        indicators=[ipv6_words.said(each, view.text) for each in site.indicators],
        falls=_falls(reading, view.text),
        facts=_facts(reading, view.text),
        lacking=_lacking(reading),
    )
    crumbs = [Crumb("IPv6", "/ipv6"), Crumb(view.text("网站与系统"), "/ipv6/sites")]
    crumbs.append(Crumb(site.name))
    return view.page(context, active="ipv6", crumbs=crumbs)


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
        wrong = ipv6_words.distrust(str(shown.get("error")), _)
        word = _("有效，至 {day}", day=until) if shown.get("valid") else wrong
        facts.append((_("证书"), word))
    tries, home = reading.get("tries") or {}, _("首页")
    for version in ("v6", "v4"):
        status, error = reading.get(f"status_{version}"), reading.get(f"home_error_{version}")
        words = [str(status or "–"), ipv6_words.fetch_error(str(error or ""), _)]
        if tries.get(f"home_{version}"):
            words.append(_("{n} 次访问成功 {good} 次", n=tries[f"home_{version}"],
                          good=tries.get(f"home_{version}_good", 0)))  # fmt: skip
        facts.append((f"IP{version} {home}", " · ".join(each for each in words if each)))
    if tries.get("again"):
        told_again = _("{n} 次，成功 {good} 次", n=tries["again"], good=tries.get("again_good", 0))
        facts.append((_("链接因超时或中断重试"), told_again))
    if reading.get("notes"):
        said = (ipv6_words.note(str(each), _) for each in reading["notes"])
        facts.append((_("备注"), "；".join(said)))
    return facts


def _lacking(reading: dict[str, Any]) -> list[str]:
    found: list[str] = []
    for name, key in (
        ("links_second", "without"), ("links_third", "without"), ("parts", "hosts_without")
    ):  # fmt: skip
        found += (reading.get(name) or {}).get(key, [])
    return found[:30]
