"""网络设备: the list of devices, and one with its ports, parts and neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar
from urllib.parse import quote

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from controller.inventory.model import UnitView
from controller.inventory.papers_api import below
from controller.inventory.units import list_units
from controller.network.devices import list_devices
from controller.network.latest import with_latest
from controller.network.model import DeviceView
from controller.web import figures, network_words, render
from controller.web.pages.register_parts import Cell, Head, Listing, Option, listing, text_filter
from controller.web.shell import Area, Crumb
from controller.web.view import View, opened

router = APIRouter()

NetworkView = Annotated[View, Depends(opened("network.read"))]


@dataclass(frozen=True)
class DevicesPage(render.Context):
    """The devices; the filters as chosen. ``may_write``: the reader may add one."""

    template: ClassVar[str] = "network_devices.html"

    tabs: tuple[Area, ...]
    listing: Listing
    units: list[UnitView]
    unit: str
    states: list[Option]
    state: str
    text: str
    may_write: bool


@router.get("/network")
def network_page(view: NetworkView) -> Response:
    del view
    return render.go("/network/devices")


@router.get("/network/devices")
def devices_page(view: NetworkView) -> Response:
    _, asked = view.text, view.request.query_params
    unit, state, text = asked.get("unit", ""), asked.get("state", ""), text_filter(view)
    with view.runtime.database.read() as session:
        units = list_units(session, view.scope, view.now)
        found = list_devices(
            session, view.scope, view.now, text=text, state=state or None,
            unit_ids=below(session, view.scope, unit, view.now),
        )  # fmt: skip
    found = with_latest(view.runtime, found, view.now)
    roles = network_words.roles(_)

    def state_cell(device: DeviceView) -> Cell:
        tone, word = network_words.device_state(device, _)
        return Cell(word, tone=tone, title=device.error)

    columns = (
        (Head("name", _("名称")), lambda d: d.name,
         lambda d: Cell(d.name or d.code, f"/network/devices/{quote(d.code, safe='')}",
                        title=d.code)),
        (Head("state", _("状态")), lambda d: d.state, state_cell),
        (Head("address", _("地址")), lambda d: d.address,
         lambda d: Cell(d.address, title=d.network)),
        (Head("vendor", _("厂商")), lambda d: d.vendor or None, lambda d: Cell(d.vendor)),
        (Head("model", _("型号")), lambda d: d.model or None, lambda d: Cell(d.model)),
        (Head("software", _("版本")), lambda d: d.software or None,
         lambda d: Cell(d.software[:40], title=d.software)),
        (Head("role", _("角色")), lambda d: roles[d.role], lambda d: Cell(roles[d.role])),
        (Head("ports", _("端口"), numeric=True), lambda d: d.ports_up,
         lambda d: Cell(f"{d.ports_up} / {d.ports}" if d.ports else "")),
        (Head("cpu", "CPU", numeric=True), lambda d: d.cpu_pct,
         lambda d: Cell(figures.percent(d.cpu_pct))),
        (Head("mem", _("内存"), numeric=True), lambda d: d.mem_pct,
         lambda d: Cell(figures.percent(d.mem_pct))),
        (Head("temperature", _("温度 ℃"), numeric=True), lambda d: d.temperature_c,
         lambda d: Cell(figures.number(d.temperature_c))),
        (Head("unit", _("单位")), lambda d: d.unit_name,
         lambda d: Cell(_("共用") if d.shared else d.unit_name, title=d.unit_name)),
        (Head("site", _("站点")), lambda d: d.site or None, lambda d: Cell(d.site)),
        (Head("answer", _("最近应答")), lambda d: d.last_answer,
         lambda d: Cell(figures.moment(d.last_answer, view.zone))),
    )  # fmt: skip
    chosen = {"unit": unit, "state": state, "text": text}
    table = listing(view, "/network/devices", found, columns, chosen, "name")
    if isinstance(table, Response):
        return table
    context = DevicesPage(
        tabs=network_words.tabs(view),
        listing=table,
        units=units,
        unit=unit,
        states=[Option(key, word) for key, word in network_words.states(_).items()],
        state=state,
        text=text,
        may_write=view.may("network.write"),
    )
    return view.page(context, active="network", crumbs=[Crumb(_("网络")), Crumb(_("网络设备"))])
