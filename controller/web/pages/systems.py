"""业务系统: the register of systems, one of them, and what falls due."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from controller.inventory.model import ResourceView, UnitView
from controller.inventory.papers_api import below
from controller.inventory.resources import list_resources
from controller.inventory.systems import (
    DueItem,
    SystemRecordView,
    cloud_state,
    due,
    find_system,
    system_register,
)
from controller.inventory.units import list_units
from controller.web import figures, register_words, render
from controller.web.pages.register_parts import (
    Cell,
    Head,
    Listing,
    Option,
    RegisterView,
    listing,
    tabs,
    text_filter,
)
from controller.web.shell import Area, Crumb
from controller.web.view import View

router = APIRouter()

DAYS = (0, 30, 90, 365)


@dataclass(frozen=True)
class SystemsPage(render.Context):
    """The register of systems; the filters as chosen."""

    template: ClassVar[str] = "register_systems.html"

    tabs: tuple[Area, ...]
    listing: Listing
    units: list[UnitView]
    unit: str
    levels: list[Option]
    level: str
    clouds: list[Option]
    cloud: str
    text: str
    unknown: int
    """Systems of which the register knows nothing but the name."""


@dataclass(frozen=True)
class SystemPage(render.Context):
    """One system: what the register knows, what falls due, and its resources."""

    template: ClassVar[str] = "register_system.html"

    tabs: tuple[Area, ...]
    system: SystemRecordView
    facts: list[tuple[str, str]]
    layers: list[tuple[str, Cell]]
    due: list[tuple[str, Cell, str]]
    """(what, when, by which rule) of a year to come."""
    resources: list[ResourceView]


@dataclass(frozen=True)
class DuePage(render.Context):
    """What falls due; ``days`` ahead as chosen, 0 is overdue only."""

    template: ClassVar[str] = "register_due.html"

    tabs: tuple[Area, ...]
    listing: Listing
    units: list[UnitView]
    unit: str
    choices: list[Option]
    days: str
    overdue: int


@router.get("/registers/systems")
def systems_page(view: RegisterView) -> Response:
    _, asked = view.text, view.request.query_params
    unit, text = asked.get("unit", ""), text_filter(view)
    level, cloud = asked.get("level", ""), asked.get("cloud", "")
    with view.runtime.database.read() as session:
        units = list_units(session, view.scope, view.now)
        found = system_register(
            session, view.scope, view.now, text=text, cloud=cloud,
            unit_ids=below(session, view.scope, unit, view.now),
            level=int(level) if level in "12345" and level else None,
        )  # fmt: skip

    def when(name: str) -> tuple[Callable[[SystemRecordView], Any], Callable[[Any], Cell]]:
        return (
            lambda row: getattr(row, name),
            lambda row: Cell(figures.day(getattr(row, name), view.zone)),
        )

    words = register_words
    columns = (
        (Head("name", _("业务系统")), lambda r: r.name,
         lambda r: Cell(r.name, f"/registers/systems/{r.id}")),
        (Head("unit", _("单位")), lambda r: r.unit_name,
         lambda r: Cell(r.unit_name, f"/registers/units?unit={r.unit_code}")),
        (Head("resources", _("资源"), numeric=True), lambda r: r.resources,
         lambda r: Cell(str(r.resources))),
        (Head("level", _("等保级别"), numeric=True), lambda r: r.level,
         lambda r: Cell(words.level(r.level, _))),
        (Head("record", _("备案号")), lambda r: r.record_number or None,
         lambda r: Cell(r.record_number)),
        (Head("assessed", _("等保测评")), *when("assessed")),
        (Head("crypto", _("密评")), *when("crypto_assessed")),
        (Head("cloud", _("上云")), cloud_state, lambda r: words.cloud(r, _)),
        (Head("xinchuang", _("信创")), lambda r: words.done_layers(r.xinchuang),
         lambda r: Cell(words.xinchuang(r.xinchuang, _))),
        (Head("drill", _("恢复演练")), *when("last_drill")),
        (Head("operator", _("运维单位")), lambda r: r.operator or None,
         lambda r: Cell(r.operator)),
        (Head("contract", _("合同到期")), *when("contract_end")),
    )  # fmt: skip
    chosen = {"unit": unit, "level": level, "cloud": cloud, "text": text}
    shown = listing(view, "/registers/systems", found, columns, chosen, "unit")
    if isinstance(shown, Response):
        return shown
    context = SystemsPage(
        tabs=tabs(view), listing=shown, units=units, unit=unit, level=level, cloud=cloud,
        text=text,
        levels=[Option(str(n), words.level(n, _)) for n in range(1, 6)],
        clouds=[Option(key, word) for key, word in words.clouds(_).items()],
        unknown=sum(not row.known for row in found),
    )  # fmt: skip
    return view.page(context, active="registers", crumbs=_crumbs(view, _("业务系统")))


@router.get("/registers/systems/{system_id}")
def system_page(system_id: int, view: RegisterView) -> HTMLResponse:
    _, words = view.text, register_words
    with view.runtime.database.read() as session:
        system = find_system(session, view.scope, system_id, view.now)
        resources = list_resources(
            session, view.scope, view.now, unit=system.unit_code, system=system.name, size=500
        ).items
        items = due(session, view.scope, view.now + timedelta(days=365), view.now)

    def day(moment: datetime | None) -> str:
        return figures.day(moment, view.zone)

    facts = [
        (_("等保级别"), words.level(system.level, _)),
        (_("备案号"), system.record_number),
        (_("等保测评"), day(system.assessed)),
        (_("密评"), day(system.crypto_assessed)),
        (_("上云"), words.cloud(system, _).text),
        (_("公网地址"), " ".join(system.public_addresses)),
        (_("最近备份"), day(system.last_backup)),
        (_("异地备份"), day(system.offsite_copy)),
        (_("恢复演练"), day(system.last_drill)),
        (_("运维单位"), " ".join(filter(None, (system.operator, system.operator_contact)))),
        (_("合同到期"), day(system.contract_end)),
        (_("备注"), system.note),
    ]
    context = SystemPage(
        tabs=tabs(view),
        system=system,
        facts=[(label, value or "–") for label, value in facts],
        layers=[
            (label, words.layer_state(system.xinchuang.get(layer, ""), _))
            for layer, label in words.layers(_).items()
        ],
        due=[
            (_title(view, item), _when(view, item), item.rule)
            for item in items
            if item.system_id == system.id and item.what != "allocation"
        ],
        resources=resources,
    )
    crumbs = [*_crumbs(view, _("业务系统"), "/registers/systems"), Crumb(system.name)]
    return view.page(context, active="registers", crumbs=crumbs)


@router.get("/registers/due")
def due_page(view: RegisterView) -> Response:
    _, asked = view.text, view.request.query_params
    unit, days = asked.get("unit", ""), asked.get("days", "30")
    days = days if days in {str(each) for each in DAYS} else "30"
    with view.runtime.database.read() as session:
        units = list_units(session, view.scope, view.now)
        found = due(
            session, view.scope, view.now + timedelta(days=int(days)), view.now,
            unit_ids=below(session, view.scope, unit, view.now),
            further=view.request.app.state.further_due,
        )  # fmt: skip
    columns = (
        (Head("due", _("应办日期")), lambda r: r.due, lambda r: _when(view, r)),
        (Head("what", _("事项")), lambda r: r.what, lambda r: Cell(_title(view, r))),
        (Head("subject", _("业务系统或申请单")), lambda r: r.subject,
         lambda r: Cell(r.subject, f"/registers/systems/{r.system_id}" if r.system_id else r.href)),
        (Head("unit", _("单位")), lambda r: r.unit_name,
         lambda r: Cell(r.unit_name, f"/registers/units?unit={r.unit_code}")),
        (Head("last", _("上次办理")), lambda r: r.last,
         lambda r: Cell(figures.day(r.last, view.zone))),
        (Head("", _("依据")), lambda r: r.rule, lambda r: Cell(r.rule)),
    )  # fmt: skip
    chosen = {"unit": unit, "days": days}
    shown = listing(view, "/registers/due", found, columns, chosen, "due")
    if isinstance(shown, Response):
        return shown
    context = DuePage(
        tabs=tabs(view), listing=shown, units=units, unit=unit, days=days,
        choices=[
            Option(str(each), _("{n} 天内", n=each) if each else _("已逾期")) for each in DAYS
        ],
        overdue=sum(item.overdue for item in found),
    )  # fmt: skip
    return view.page(context, active="registers", crumbs=_crumbs(view, _("到期事项")))


def _title(view: View, item: DueItem) -> str:
    return item.title_en if view.language == "en" else item.title_zh


def _when(view: View, item: DueItem) -> Cell:
    return Cell(figures.day(item.due, view.zone), tone="bad" if item.overdue else "warn")


def _crumbs(view: View, label: str, href: str = "") -> list[Crumb]:
    return [Crumb(view.text("登记台账"), "/registers/units"), Crumb(label, href)]
