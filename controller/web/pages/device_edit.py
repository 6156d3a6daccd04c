"""Adding a network device, changing how it is asked, and taking it out of the register."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar
from urllib.parse import quote

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError

from controller.inventory.model import UnitView
from controller.inventory.units import list_units
from controller.network import api, credentials, device_edit
from controller.network.devices import find_device
from controller.network.pollers import list_pollers
from controller.problems import Problem
from controller.web import network_words, render
from controller.web.pages.network_parts import NetworkWriter, not_done, places, refused, roles
from controller.web.pages.register_parts import Option
from controller.web.shell import Area, Crumb, Flash
from controller.web.view import View

router = APIRouter()

PATH = "/network/add-device"


@dataclass(frozen=True)
class DeviceForm(render.Context):
    """The form of a new device. ``given``: what was typed; ``why`` it was refused, "" at first."""

    template: ClassVar[str] = "network_add_device.html"

    tabs: tuple[Area, ...]
    given: dict[str, str]
    why: str
    units: list[UnitView]
    sites: list[str]
    zones: list[str]
    roles: list[Option]
    credentials: list[str]
    pollers: int
    may_keep: bool
    """Whether the reader may register credentials."""


@router.get(PATH)
def form_page(view: NetworkWriter) -> Response:
    return _form(view, {"port": "161", "role": "access", "interval_s": "60"})


def _form(view: View, given: dict[str, str], why: str = "", status: int = 200) -> Response:
    _ = view.text
    with view.runtime.database.read() as session:
        units = list_units(session, view.scope, view.now)
        names = [row.name for row in credentials.list_credentials(session)]
        pollers = [each for each in list_pollers(session, view.scope, view.now) if each.polls]
        sites, zones = places(session)
    context = DeviceForm(
        tabs=network_words.tabs(view),
        given=given,
        why=why,
        units=units,
        sites=sites,
        zones=zones,
        roles=roles(view),
        credentials=names,
        pollers=len(pollers),
        may_keep=view.may("network.credentials"),
    )
    crumbs = [Crumb(_("网络")), Crumb(_("网络设备"), "/network/devices"), Crumb(_("登记设备"))]
    return view.page(context, active="network", crumbs=crumbs, status=status)


@router.post(PATH)
def add_device(
    view: NetworkWriter,
    address: Annotated[str, Form(max_length=64)] = "",
    name: Annotated[str, Form(max_length=200)] = "",
    unit: Annotated[str, Form(max_length=200)] = "",
    site: Annotated[str, Form(max_length=200)] = "",
    zone: Annotated[str, Form(max_length=200)] = "",
    network: Annotated[str, Form(max_length=64)] = "",
    role: Annotated[str, Form(max_length=16)] = "other",
    shared: Annotated[str, Form(max_length=3)] = "",
    credential: Annotated[str, Form(max_length=64)] = "",
    port: Annotated[str, Form(max_length=5)] = "",
    interval_s: Annotated[str, Form(max_length=5)] = "",
) -> Response:
    """Registers the device and leads to its page, where its ports come within two minutes."""
    _ = view.text
    given = {
        "address": address.strip(), "name": name.strip(), "unit": unit, "site": site.strip(),
        "zone": zone.strip(), "network": network.strip(), "role": role, "shared": shared,
        "credential": credential, "port": port.strip() or "161",
        "interval_s": interval_s.strip() or "60",
    }  # fmt: skip
    if not unit:
        return _form(view, given, _("请选择单位。"), 422)
    try:
        told = device_edit.NewDevice.model_validate(given | {"shared": bool(shared)})
        made = api.post_device(view.runtime, view.scope, view.principal, told)
    except (ValidationError, Problem) as error:
        return _form(view, given, refused(view, error), 422)
    text = (
        _("已登记，轮询端将在一分钟内开始采集，端口随后显示在本页。")
        if credential
        else _("已登记。选择凭据后才会开始轮询。")
    )
    return render.go(_page_of(made.code), Flash("good", text))


@router.post("/network/devices/{code}/change")
def change_device(
    code: str,
    view: NetworkWriter,
    name: Annotated[str, Form(max_length=200)] = "",
    role: Annotated[str, Form(max_length=16)] = "other",
    shared: Annotated[str, Form(max_length=3)] = "",
    credential: Annotated[str, Form(max_length=64)] = "",
    interval_s: Annotated[str, Form(max_length=5)] = "60",
    enabled: Annotated[str, Form(max_length=3)] = "",
) -> RedirectResponse:
    """How it is asked. Owner and place are dated and changed by import or correction."""
    given: dict[str, Any] = {
        "role": role, "shared": bool(shared), "credential": credential,
        "interval_s": interval_s.strip(), "enabled": bool(enabled),
    }  # fmt: skip
    if name.strip():
        given["name"] = name.strip()
    try:
        told = device_edit.DeviceChange.model_validate(given)
        api.patch_device(view.runtime, view.scope, view.principal, code, told)
    except (ValidationError, Problem) as error:
        # A device that is not there is no page; a credential that is not, a choice refused.
        with view.runtime.database.read() as session:
            find_device(session, view.scope, code, view.now)
        return render.go(_page_of(code), not_done(view, error))
    return render.go(_page_of(code), Flash("good", view.text("已保存。")))


@router.post("/network/devices/{code}/remove")
def remove_device(code: str, view: NetworkWriter) -> RedirectResponse:
    api.delete_device(view.runtime, view.scope, view.principal, code, confirm=code)
    text = view.text("设备已移出登记，历史数据保留，地址可以重新使用。")
    return render.go("/network/devices", Flash("good", text))


def _page_of(code: str) -> str:
    return f"/network/devices/{quote(code, safe='')}"
