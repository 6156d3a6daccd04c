"""迁网项目: the board of projects, and the register of departments' own networks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form
from fastapi.responses import RedirectResponse, Response

from controller.inventory.api import ImportOptions, take_import
from controller.inventory.model import UnitView
from controller.inventory.papers_api import below
from controller.inventory.units import list_units
from controller.ledger.received import Received
from controller.moves import api, networks, projects
from controller.moves.model import Carried, NetworkIn, NetworkView, ProjectIn, ProjectView
from controller.moves.network_import import network_register
from controller.problems import Problem
from controller.web import figures, move_words, render
from controller.web.move_words import MovesView, MovesWriter
from controller.web.pages.move_parts import received_by_writer, sent_back
from controller.web.pages.register_parts import Cell, Head, Listing, Option, listing, text_filter
from controller.web.shell import Area, Crumb, Flash
from controller.web.view import View

router = APIRouter()


@dataclass(frozen=True)
class MovesPage(render.Context):
    """The board: what stands where and what blocks it. ``waiting``: for the unit's own word."""

    template: ClassVar[str] = "moves.html"

    tabs: tuple[Area, ...]
    listing: Listing
    whole: Carried
    going: int
    blocked: int
    waiting: int
    states: list[Option]
    state: str
    text: str
    bound: bool
    may_write: bool
    networks: list[NetworkView]
    """That have no project yet and shall move."""


@dataclass(frozen=True)
class MoveNetworksPage(render.Context):
    """The register of own networks, and the rate by county and unit."""

    template: ClassVar[str] = "move_networks.html"

    tabs: tuple[Area, ...]
    listing: Listing
    whole: Carried
    counties: list[Carried]
    by_unit: list[Carried]
    units: list[UnitView]
    unit: str
    dispositions: list[Option]
    disposition: str
    kinds: list[Option]
    text: str
    may_write: bool
    bound: bool


@router.get("/moves")
def moves_page(view: MovesView) -> Response:
    _, asked = view.text, view.request.query_params
    state, text = asked.get("state", "open"), text_filter(view)
    words = {"open": _("进行中"), "done": _("已完成"), "cancelled": _("已取消")}
    state = state if state in (*words, "all") else "open"
    with view.runtime.database.read() as session:
        every = projects.list_projects(session, view.scope, view.now, text=text)
        whole, _rows = networks.carried_by(session, view.scope, view.now, "unit")
        waiting = projects.count_waiting(session, view.scope)
        free = [
            each
            for each in networks.list_networks(session, view.scope, view.now)
            if each.disposition in ("migrate", "merge") and each.project_state in ("", "cancelled")
        ]
    going = [each for each in every if each.state == "open"]
    found = every if state == "all" else [each for each in every if each.state == state]
    shown = listing(view, "/moves", found, _columns(view), {"state": state, "text": text}, "order")
    if isinstance(shown, Response):
        return shown
    context = MovesPage(
        tabs=move_words.tabs(_), listing=shown, whole=whole, going=len(going),
        blocked=sum(bool(each.blockers) for each in going), waiting=waiting,
        states=[Option("all", _("全部状态")), *(Option(*pair) for pair in words.items())],
        state=state, text=text, bound=view.bound, may_write=view.may("moves.write"),
        networks=free,
    )  # fmt: skip
    return view.page(context, active="moves", crumbs=[Crumb(_("迁网"))])


def _columns(view: View) -> Any:
    _, english = view.text, view.language == "en"
    steps = move_words.steps(_)

    def blocked(row: ProjectView) -> Cell:
        if not row.blockers:
            return Cell(_("无"), tone="good") if row.state == "open" else Cell("")
        text = "；".join(move_words.blocker(each, english) for each in row.blockers)
        return Cell(text, tone="bad" if row.late else "warn")

    def step(row: ProjectView) -> Cell:
        return Cell(steps[row.step]) if row.step else move_words.project_state(row.state, _)

    return (
        (Head("name", _("项目")), lambda r: r.name,
         lambda r: Cell(r.name, f"/moves/projects/{quote(r.code, safe='')}", title=r.code)),
        (Head("unit", _("单位")), lambda r: r.unit_name, lambda r: Cell(r.unit_name)),
        (Head("order", _("当前步骤")), lambda r: (r.state != "open", not r.late, not r.blockers,
                                                r.done_steps), step),
        (Head("done", _("进度"), numeric=True), lambda r: r.done_steps,
         lambda r: Cell(f"{r.done_steps}/5")),
        (Head("blocked", _("阻碍")), lambda r: len(r.blockers), blocked),
        (Head("hosts", _("主机"), numeric=True), lambda r: r.hosts,
         lambda r: Cell("" if r.hosts is None else f"{r.hosts_done or 0}/{r.hosts}")),
        (Head("end", _("计划完成")), lambda r: r.planned_end,
         lambda r: Cell(figures.day(r.planned_end, view.zone) if r.planned_end else "")),
        (Head("lead", _("负责人")), lambda r: r.lead or None, lambda r: Cell(r.lead)),
    )  # fmt: skip


@router.post("/moves/projects")
def begin_project(
    view: MovesWriter,
    code: Annotated[str, Form(max_length=64)],
    network: Annotated[str, Form(max_length=64)],
    name: Annotated[str, Form(max_length=200)] = "",
    target: Annotated[str, Form(max_length=100)] = "",
    lead: Annotated[str, Form(max_length=100)] = "",
    planned_end: Annotated[str, Form(max_length=10)] = "",
) -> RedirectResponse:
    _ = view.text
    try:
        given = ProjectIn(
            code=code, network=network, name=name, target=target, lead=lead,
            planned_end=datetime.fromisoformat(planned_end) if planned_end else None,
        )  # fmt: skip
        api.post_project(given, view.runtime, view.scope, view.principal)
    except (ValueError, Problem) as error:
        return render.go("/moves", Flash("bad", _("未立项：{why}", why=view.why(error)[:300])))
    return render.go(f"/moves/projects/{quote(code, safe='')}", Flash("good", _("已立项。")))


@router.get("/moves/networks")
def networks_page(view: MovesView) -> Response:
    _, asked = view.text, view.request.query_params
    unit, text = asked.get("unit", ""), text_filter(view)
    words, kinds = move_words.dispositions(_), move_words.network_kinds(_)
    chosen = asked.get("disposition", "")
    chosen = chosen if chosen in words else ""
    with view.runtime.database.read() as session:
        units = list_units(session, view.scope, view.now)
        found = networks.list_networks(
            session, view.scope, view.now, text=text,
            unit_ids=below(session, view.scope, unit, view.now),
            disposition=None if not chosen else "" if chosen == "none" else chosen,
        )  # fmt: skip
        whole, by_unit = networks.carried_by(session, view.scope, view.now, "unit")
        _whole, counties = networks.carried_by(session, view.scope, view.now, "county")
    chosen_all = {"unit": unit, "disposition": chosen, "text": text}
    shown = listing(view, "/moves/networks", found, _network_columns(view), chosen_all, "unit")
    if isinstance(shown, Response):
        return shown
    context = MoveNetworksPage(
        tabs=move_words.tabs(_), listing=shown, whole=whole, counties=counties, by_unit=by_unit,
        units=units, unit=unit, dispositions=[Option(*pair) for pair in words.items()],
        disposition=chosen, kinds=[Option(*pair) for pair in kinds.items()], text=text,
        may_write=view.may("moves.write"), bound=view.bound,
    )  # fmt: skip
    return view.page(context, active="moves", crumbs=_crumbs(view, _("单位专网")))


def _network_columns(view: View) -> Any:
    _ = view.text
    words, kinds = move_words.dispositions(_), move_words.network_kinds(_)

    def state(row: NetworkView) -> Cell:
        if row.carried:
            return Cell(_("已承载"), tone="good")
        if row.project and row.project_state == "open":
            return Cell(_("迁移中"), f"/moves/projects/{quote(row.project, safe='')}")
        return (
            Cell(_("未迁移"), tone="warn") if row.disposition in ("migrate", "merge") else Cell("")
        )

    return (
        (Head("name", _("专网")), lambda r: r.name, lambda r: Cell(r.name, title=r.code)),
        (Head("unit", _("单位")), lambda r: r.unit_name, lambda r: Cell(r.unit_name)),
        (Head("kind", _("类型")), lambda r: r.kind, lambda r: Cell(kinds[r.kind])),
        (Head("disposition", _("处置")), lambda r: r.disposition or None,
         lambda r: Cell(words[r.disposition or "none"], tone="" if r.disposition else "warn")),
        (Head("state", _("承载")), lambda r: (not r.carried, r.project_state), state),
        (Head("hosts", _("主机"), numeric=True), lambda r: r.hosts,
         lambda r: Cell("" if r.hosts is None else f"{r.hosts:,}")),
        (Head("cost", _("年费用（元）"), numeric=True), lambda r: r.cost_year,
         lambda r: Cell("" if r.cost_year is None else f"{r.cost_year:,.0f}")),
        (Head("", _("网段")), lambda r: r.prefixes, lambda r: Cell("、".join(r.prefixes))),
        (Head("", _("专线")), lambda r: r.lines, lambda r: Cell("、".join(r.lines))),
    )  # fmt: skip


@router.post("/moves/networks")
def put_network(
    view: MovesWriter,
    code: Annotated[str, Form(max_length=64)],
    name: Annotated[str, Form(max_length=200)],
    unit: Annotated[str, Form(max_length=200)],
    kind: Annotated[str, Form(max_length=16)] = "business",
    disposition: Annotated[str, Form(max_length=16)] = "",
    hosts: Annotated[str, Form(max_length=10)] = "",
    cost_year: Annotated[str, Form(max_length=16)] = "",
    prefixes: Annotated[str, Form(max_length=500)] = "",
    lines: Annotated[str, Form(max_length=500)] = "",
    classified: Annotated[str, Form(max_length=4)] = "",
) -> RedirectResponse:
    _ = view.text
    try:
        given = NetworkIn.model_validate(
            {
                "code": code, "name": name, "unit": unit, "kind": kind,
                "disposition": "" if disposition == "none" else disposition,
                "hosts": int(hosts) if hosts else None,
                "cost_year": float(cost_year) if cost_year else None,
                "prefixes": _words(prefixes), "lines": _words(lines),
                "classified": bool(classified),
            }
        )  # fmt: skip
        api.put_network(given, view.runtime, view.scope, view.principal)
    except (ValueError, Problem) as error:
        return render.go("/moves/networks", Flash("bad", _("未登记：{why}", why=_said(error))))
    return render.go("/moves/networks", Flash("good", _("已登记。")))


def _said(error: Exception) -> str:
    detail = error.args[0] if error.args else ""
    return str(getattr(detail, "zh", None) or error)[:300]


def _words(text: str) -> list[str]:
    for mark in "、，；;\n":
        text = text.replace(mark, ",")
    return [word.strip() for word in text.replace(" ", ",").split(",") if word.strip()]


@router.post("/moves/networks/import")
def import_networks(
    view: MovesWriter, sent: Annotated[Received, Depends(received_by_writer)]
) -> Response:
    """Sent by htmx; the answer leads back to the register and says what came of it."""
    _, name = view.text, sent.file.filename or "file"
    try:
        outcome = take_import(
            network_register(view.principal.name), view.runtime, view.principal, ImportOptions(),
            sent.file,
        )  # fmt: skip
        flash = Flash(
            "good",
            _("{file}：新增 {new}，更新 {changed}，不变 {same}。", file=name, new=outcome.created,
              changed=outcome.updated, same=outcome.unchanged),
        )  # fmt: skip
    except Problem as problem:
        errors = problem.extra.get("errors") or []
        told = "；".join(
            _("第 {row} 行 {column}：{why}", row=e["row"], column=e["column"],
              why=e["message"] if view.language == "en" else e["message_zh"])
            for e in errors[:3]
        )  # fmt: skip
        flash = Flash("bad", f"{name}：{told or view.why(problem)}"[:480])
    return sent_back("/moves/networks", flash)


def _crumbs(view: View, label: str) -> list[Crumb]:
    return [Crumb(view.text("迁网"), "/moves"), Crumb(label)]
