"""迁移与信创适配: the projects, adaptation by unit, 上云率, the list of assessed products."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from fastapi import APIRouter, File, Form, UploadFile
from fastapi.responses import RedirectResponse, Response

from controller.access import audit
from controller.inventory import units
from controller.inventory.api import ImportOptions, take_import
from controller.inventory.model import UnitView
from controller.problems import NotFound, Problem
from controller.readiness import adaptation, products, projects, views
from controller.readiness.adaptation import SystemState, UnitState
from controller.readiness.model import ProjectView
from controller.readiness.products import Found
from controller.readiness.projects import Wanted
from controller.readiness.reasons import in_words
from controller.readiness.tables import AssessedProduct
from controller.web import render, tables
from controller.web.pages import readiness_words as words
from controller.web.pages.readiness_parts import Manager, Part, ReadinessView, bar, sent_on
from controller.web.pages.register_parts import RegisterWriter
from controller.web.shell import Crumb, Flash
from controller.web.view import View

router = APIRouter()

ACTIVE = "readiness"


@dataclass(frozen=True)
class ShownProject:
    """A project in words; ``bar`` counts its newest verdicts."""

    project: ProjectView
    kind: str
    profiles: list[str]
    bar: list[Part]
    run_state: tuple[str, str]


@dataclass(frozen=True)
class ReadinessPage(render.Context):
    """The projects; ``whole``: adaptation and 上云率 of what the reader may see."""

    template: ClassVar[str] = "readiness.html"

    rows: list[ShownProject]
    whole: UnitState
    not_ready: int
    """Hosts with targets that are not ready, over all open projects."""
    expiring: int
    """Products of the list that end soon or have ended."""
    closed: bool
    units: list[UnitView]
    profiles: list[tuple[str, str]]
    may_manage: bool
    open_dialog: bool


@dataclass(frozen=True)
class ShownUnit:
    """A unit's systems; ``layers``: (label, ready, of how many, not ready, unknown)."""

    unit: UnitState
    layers: list[tuple[str, int, int, int, int]]


@dataclass(frozen=True)
class ShownSystem:
    """A system's classes in words: (label, tone, word, checked)."""

    system: SystemState
    state: tuple[str, str]
    layers: list[tuple[str, str, str, bool]]


@dataclass(frozen=True)
class AdaptationPage(render.Context):
    """How far units are. ``systems`` of the chosen unit only."""

    template: ClassVar[str] = "readiness_adaptation.html"

    whole: ShownUnit
    rows: list[ShownUnit]
    systems: list[ShownSystem]
    left_behind: list[SystemState]
    unit: str
    unit_name: str


@dataclass(frozen=True)
class ShownProduct:
    """A row of the list in words."""

    product: AssessedProduct
    kind: str
    state: tuple[str, str]


@dataclass(frozen=True)
class ProductsPage(render.Context):
    """The list, and what of it hosts of the projects run."""

    template: ClassVar[str] = "readiness_products.html"

    rows: list[ShownProduct]
    used: list[tuple[Found, str, tuple[str, str]]]
    """(found, kind, state)."""
    ending: int
    may_import: bool


@router.get("/readiness")
def readiness_page(view: ReadinessView) -> Response:
    _, asked = view.text, view.request.query_params
    closed = asked.get("closed") == "1"
    with view.runtime.database.read() as session:
        rows = projects.visible(session, view.scope, closed=closed)
        shown = views.project_views(session, rows, view.now)
        states = adaptation.system_states(session, view.scope, view.now)
        listed = products.list_products(session)
        known = (
            units.list_units(session, view.scope, view.now) if view.may("readiness.manage") else []
        )
    context = ReadinessPage(
        rows=[_shown(view, each) for each in shown],
        whole=adaptation.whole(states),
        not_ready=sum(each.verdicts.get("not_ready", 0) for each in shown),
        expiring=sum(products.state_of(row, view.now) in ("expiring", "expired") for row in listed),
        closed=closed,
        units=known,
        profiles=words.profiles(view.language),
        may_manage=view.may("readiness.manage"),
        open_dialog=asked.get("new") == "1" and view.may("readiness.manage"),
    )
    return view.page(context, active=ACTIVE, crumbs=[Crumb(_("迁移与信创适配"))])


def _shown(view: View, project: ProjectView) -> ShownProject:
    _ = view.text
    return ShownProject(
        project=project,
        kind=words.project_kind(project.kind, _),
        profiles=[words.profile(each, view.language, _) for each in project.profiles],
        bar=bar(project.verdicts, view),
        run_state=words.run_state(project.last_run_state, _),
    )


@router.post("/readiness/projects")
def create_project(
    view: Manager,
    name: Annotated[str, Form(max_length=120)],
    kind: Annotated[str, Form(max_length=16)],
    units: Annotated[list[str] | None, Form()] = None,
    profiles: Annotated[list[str] | None, Form()] = None,
    note: Annotated[str, Form(max_length=2000)] = "",
) -> RedirectResponse:
    wanted = Wanted(name=name, kind=kind, units=units or [], profiles=profiles or [], note=note)
    try:
        with view.runtime.database.write() as session:
            row = projects.create(session, view.scope, wanted, view.principal.name, view.now)
            audit.record(session, view.principal, "readiness.project", f"project {row.id}",
                         detail={"name": row.name, "kind": row.kind})  # fmt: skip
    except NotFound:
        raise
    except Problem as problem:
        said = view.text("项目未建立：{why}", why=in_words(problem.detail, view.language))
        return render.go("/readiness", Flash("bad", said))
    return render.go(
        f"/readiness/projects/{row.id}/hosts", Flash("good", view.text("项目已建立，请登记主机。"))
    )


@router.get("/readiness/adaptation")
def adaptation_page(view: ReadinessView) -> Response:
    _, asked = view.text, view.request.query_params
    code = asked.get("unit", "")[:200]
    with view.runtime.database.read() as session:
        chosen = units.find_unit(session, view.scope, code, view.now) if code else None
        below = units.subtree(session, chosen.id, view.now) if chosen else None
        states = adaptation.system_states(session, view.scope, view.now, below)
    rows = adaptation.by_unit(states)
    if asked.get("format") in ("csv", "xlsx"):
        return _adaptation_file(view, asked["format"], states)
    context = AdaptationPage(
        whole=_shown_unit(view, adaptation.whole(states)),
        rows=[_shown_unit(view, each) for each in rows],
        systems=[_shown_system(view, each) for each in states] if chosen or len(rows) < 2 else [],
        left_behind=adaptation.left_behind(states),
        unit=chosen.code if chosen else "",
        unit_name=chosen.name if chosen else "",
    )
    crumbs = [Crumb(_("迁移与信创适配"), "/readiness"), Crumb(_("适配进度与上云率"))]
    return view.page(context, active=ACTIVE, crumbs=crumbs)


def _shown_unit(view: View, unit: UnitState) -> ShownUnit:
    return ShownUnit(
        unit=unit,
        layers=[
            (
                words.layer(name, view.text), counts["ready"], sum(counts.values()),
                counts["not_ready"], counts["unknown"] + counts["none"],
            )
            for name, counts in unit.layers.items()
        ],
    )  # fmt: skip


def _shown_system(view: View, system: SystemState) -> ShownSystem:
    _ = view.text
    return ShownSystem(
        system=system,
        state=words.layer_state(system.state, _),
        layers=[
            (words.layer(name, _), *words.layer_state(each.state, _), each.checked)
            for name, each in system.layers.items()
        ],
    )


def _adaptation_file(view: View, form: str, states: list[SystemState]) -> Response:
    _ = view.text
    heads = [_("单位"), _("业务系统"), _("主机数"), _("总体")]
    heads += [words.layer(name, _) for name in adaptation.AREA_OF]
    heads += [_("依据"), _("是否上云"), _("应否上云")]
    rows = [
        [
            each.record.unit_name, each.record.name, each.hosts,
            words.layer_state(each.state, _)[1],
            *(words.layer_state(layer.state, _)[1] for layer in each.layers.values()),
            _("检查") if any(layer.checked for layer in each.layers.values()) else _("登记"),
            _yes(each.record.on_cloud, view), _yes(each.record.should_be_on_cloud, view),
        ]
        for each in states
    ]  # fmt: skip
    return tables.export(form, "adaptation", heads, rows)


def _yes(value: bool | None, view: View) -> str:
    return "" if value is None else view.text("是") if value else view.text("否")


@router.get("/readiness/products")
def products_page(view: ReadinessView) -> Response:
    _ = view.text
    with view.runtime.database.read() as session:
        rows = products.list_products(session)
        ids = [row.id or 0 for row in projects.visible(session, view.scope)]
        used = products.in_use(session, ids, rows, view.now)
    context = ProductsPage(
        rows=[
            ShownProduct(
                row, words.product_kind(row.kind, _),
                words.product_state(products.state_of(row, view.now), _),
            )
            for row in rows
        ],
        used=[
            (each, words.product_kind(each.kind, _), words.product_state(each.state, _))
            for each in used
        ],
        ending=sum(products.state_of(row, view.now) in ("expiring", "expired") for row in rows),
        may_import=view.may("inventory.write"),
    )  # fmt: skip
    crumbs = [Crumb(_("迁移与信创适配"), "/readiness"), Crumb(_("安全可靠测评名录"))]
    return view.page(context, active=ACTIVE, crumbs=crumbs)


@router.get("/readiness/products/form")
def products_form(view: ReadinessView) -> Response:
    """An empty form to fill in: the list's columns and nothing else."""
    heads = ["类别", "厂商", "产品名称", "版本", "等级", "公告号", "发布日期", "有效期至"]
    del view
    return tables.export("xlsx", "assessed-products", heads, [])


@router.post("/readiness/products")
def import_products(view: RegisterWriter, file: Annotated[UploadFile, File()]) -> Response:
    """Sent by the script, with the token in its header."""
    try:
        outcome = take_import(
            products.PRODUCTS, view.runtime, view.principal, ImportOptions(), file
        )
    except Problem as problem:
        said = view.text("名录未导入：{why}", why=in_words(problem.detail, view.language))
        return sent_on("/readiness/products", Flash("bad", said))
    said = view.text("已导入：新增 {a} 项，更新 {b} 项。", a=outcome.created, b=outcome.updated)
    return sent_on("/readiness/products", Flash("good", said))
