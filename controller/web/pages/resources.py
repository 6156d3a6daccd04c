"""资源: the list of what is allocated, and one resource with its measurements."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import quote

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import select
from sqlmodel import Session, col

from controller.ingest.agents import AgentView, list_agents
from controller.ingest.tables import Agent
from controller.inventory.dated import EVER
from controller.inventory.model import HoldingView, Page, ResourceDetail, ResourceView, UnitView
from controller.inventory.resources import SORTS, list_resources, resource_detail
from controller.inventory.shares import read_shares
from controller.inventory.units import list_units
from controller.web import figures, render, tables
from controller.web.language import Text
from controller.web.pages.parts import Choice
from controller.web.shell import Crumb
from controller.web.view import UsageView, View
from controller.web.words import agent_state, resource_kind

router = APIRouter()

WINDOWS = ("1h", "6h", "24h", "7d", "30d", "90d")
DEFAULT_WINDOW = "24h"
EXPORTED = 100_000
"""Rows an export holds at most; a city has some ten thousand resources."""


@dataclass(frozen=True)
class ResourcesPage(render.Context):
    """One page of the list; ``chosen`` unit and system are codes and names as in the query."""

    template: ClassVar[str] = "resources.html"

    rows: list[ResourceView]
    kinds: dict[str, str]
    table: tables.TableState
    units: list[UnitView]
    unit: str
    system: str
    text: str
    exports: tuple[tables.ExportLink, ...]
    filtered: bool
    may_enrol: bool


@dataclass(frozen=True)
class Fact:
    """A line of what is known of a host."""

    label: str
    value: str


@dataclass(frozen=True)
class ResourcePage(render.Context):
    """``agent`` is None where no agent measures it; ``facts`` are what the agent found."""

    template: ClassVar[str] = "resource.html"

    resource: ResourceDetail
    kind: str
    windows: tuple[Choice, ...]
    data_url: str
    agent: AgentView | None
    agent_tone: str
    agent_word: str
    facts: tuple[Fact, ...]
    holdings: list[HoldingView]
    """Newest first."""
    ever: datetime
    """What stands for "since always" in a holding."""
    may_correct: bool
    units: list[UnitView]
    """For the correction of the owner; empty where the reader may not."""
    shared: str
    """public, apportioned or "" at present."""
    today: str


@router.get("/resources")
def resources_page(view: UsageView, file: str = "") -> Response:
    _, asked = view.text, view.request.query_params
    unit, system = asked.get("unit", ""), asked.get("system", "")
    text = asked.get("text", "").strip()[:100]
    sort, descending = tables.parse_sort(asked.get("sort", ""), SORTS, "code")
    word = f"-{sort}" if descending else sort
    export = file in ("csv", "xlsx")
    page = 1 if export else tables.parse_page(asked.get("page", ""))
    with view.runtime.database.read() as session:
        if export:
            return _export(view, session, file, unit=unit, system=system, text=text, sort=word)

        def listed(page: int) -> Page[ResourceView]:
            return list_resources(
                session, view.scope, view.now, unit=unit or None, system=system or None,
                text=text, sort=word, page=page, size=tables.PAGE_SIZE,
            )  # fmt: skip

        found = listed(page)
        if found.total and not found.items:
            found = listed(tables.last_page(found.total))
        units = list_units(session, view.scope, view.now)
    chosen = {"unit": unit, "system": system, "text": text}
    query = {key: value for key, value in chosen.items() if value}
    state = tables.TableState(
        "/resources", query, sort, descending, page, tables.PAGE_SIZE, found.total
    )
    context = ResourcesPage(
        rows=found.items,
        kinds={row.kind: resource_kind(row.kind, _) for row in found.items},
        table=state,
        units=units,
        unit=unit,
        system=system,
        text=text,
        exports=(
            tables.ExportLink(
                "xlsx",
                _("Excel 表格（XLSX）"),
                render.link("/resources", query, sort=word, file="xlsx"),
            ),
            tables.ExportLink(
                "csv", _("文本表格（CSV）"), render.link("/resources", query, sort=word, file="csv")
            ),
        ),
        filtered=bool(query),
        may_enrol=view.may("agents.manage"),
    )
    return view.page(context, active="resources", crumbs=[Crumb(_("资源"))])


@router.get("/resources/{code}")
def resource_page(code: str, view: UsageView) -> HTMLResponse:
    _ = view.text
    with view.runtime.database.read() as session:
        resource = resource_detail(session, view.scope, code, view.now)
        agents = list_agents(session, view.scope, view.now, resource_id=resource.id)
        agents.sort(key=lambda each: each.state != "active")
        agent = agents[0] if agents else None
        facts = _facts(session, agent, view, _) if agent else ()
        may_correct = view.may("inventory.write")
        units = list_units(session, view.scope, view.now) if may_correct else []
        line = read_shares(session, [resource.id]).get(resource.id, ())
    path = f"/resources/{quote(code, safe='')}"
    window = window_of(view.request.query_params.get("window", ""))
    tone, word = agent_state(agent, _) if agent else ("", "")
    context = ResourcePage(
        resource=resource,
        kind=resource_kind(resource.kind, _),
        windows=tuple(
            Choice(window_word(name, _), render.link(path, window=name), name == window)
            for name in WINDOWS
        ),
        data_url=render.link(f"/web-data{path}", window=window),
        agent=agent,
        agent_tone=tone,
        agent_word=word,
        facts=facts,
        holdings=list(reversed(resource.holdings)),
        ever=EVER,
        may_correct=may_correct,
        units=units,
        shared=next((span.value.mode for span in line if span.holds(view.now)), ""),
        today=f"{view.now.astimezone(view.zone):%Y-%m-%d}",
    )
    crumbs = [
        Crumb(_("单位用量"), "/units"),
        Crumb(resource.unit_name, f"/units/{quote(resource.unit_code, safe='')}"),
        Crumb(resource.name or resource.code),
    ]
    return view.page(context, active="resources", crumbs=crumbs)


def window_of(asked: str) -> str:
    """The window of the query, or the default."""
    return asked if asked in WINDOWS else DEFAULT_WINDOW


def window_word(name: str, _: Text) -> str:
    """``24h`` as a reader says it."""
    count = name[:-1]
    return _("{n} 小时", n=count) if name.endswith("h") else _("{n} 天", n=count)


def _export(
    view: View, session: Session, file: str, *, unit: str, system: str, text: str, sort: str
) -> Response:
    _ = view.text
    heads = [
        _("编码"), _("名称"), _("类型"), _("单位"), _("业务系统"), _("站点"), _("网络区"),
        _("IP 地址"), "vCPU", _("内存 GB"), _("存储 GB"), _("操作系统"), _("开通时间"), _("标签"),
    ]  # fmt: skip
    rows: list[list[Any]] = []
    page, size = 1, 1000
    while len(rows) < EXPORTED:
        found = list_resources(
            session, view.scope, view.now, unit=unit or None, system=system or None, text=text,
            sort=sort, page=page, size=size,
        )  # fmt: skip
        for each in found.items:
            rows.append(
                [
                    each.code,
                    each.name,
                    resource_kind(each.kind, _),
                    each.unit_name,
                    each.system,
                    each.site,
                    each.zone,
                    each.ip,
                    each.vcpu,
                    _gib(each.mem_bytes),
                    _gib(each.disk_bytes),
                    each.os,
                    figures.day(each.created, view.zone) if each.created_known else "",
                    " ".join(each.tags),
                ]
            )
        if page * size >= found.total:
            break
        page += 1
    return tables.export(file, f"resources-{view.now.astimezone(view.zone):%Y%m%d}", heads, rows)


def _gib(value: float | None) -> float | None:
    return None if value is None else round(value / 2**30, 2)


def _facts(session: Session, agent: AgentView, view: View, _: Text) -> tuple[Fact, ...]:
    statement = select(col(Agent.facts)).where(col(Agent.id) == agent.id)
    facts = session.execute(view.scope.limit(statement, col(Agent.unit_id))).scalar()
    return read_facts(facts if isinstance(facts, dict) else {}, _)


def read_facts(facts: dict[str, Any], _: Text) -> tuple[Fact, ...]:
    """The identity of a host (collectors.host.identity) line by line; unknown lines left out."""
    cpu, os = _part(facts, "cpu"), _part(facts, "os")
    hardware = _part(facts, "hardware")
    addresses = facts.get("addresses")
    lines = (
        (_("主机名"), facts.get("hostname")),
        (_("操作系统"), _joined(os.get("name"), os.get("version"))),
        (_("内核"), facts.get("kernel")),
        (_("处理器"), _joined(cpu.get("model"), cpu.get("vendor"), sep=" · ")),
        (_("架构"), cpu.get("arch")),
        (_("逻辑 CPU"), cpu.get("logical")),
        (_("虚拟化"), facts.get("virtualisation")),
        (_("硬件"), _joined(hardware.get("vendor"), hardware.get("product"))),
        (_("本机地址"), ", ".join(map(str, addresses[:8])) if isinstance(addresses, list) else ""),
    )
    return tuple(Fact(label, str(value)[:300]) for label, value in lines if value)


def _part(facts: dict[str, Any], name: str) -> dict[str, Any]:
    # An agent wrote this: it may be of any shape.
    found = facts.get(name)
    return found if isinstance(found, dict) else {}


def _joined(*parts: object, sep: str = " ") -> str:
    return sep.join(str(part) for part in parts if part)
