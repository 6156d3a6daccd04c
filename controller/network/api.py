"""Routes of devices: the register, import, and what each told of itself."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from starlette.datastructures import UploadFile

from controller.access import audit
from controller.access.deps import RuntimeDep, ScopeDep, may
from controller.access.principal import Principal
from controller.inventory.api import (
    FILE_BODY,
    ImportOptions,
    PageNumber,
    PageSize,
    received_file,
    take_import,
)
from controller.inventory.outcome import ImportOutcome
from controller.inventory.papers_api import UnitFilter, below
from controller.network import device_edit
from controller.network.credentials_api import router as credentials_router
from controller.network.device_import import DEVICES
from controller.network.devices import device_detail, find_device, list_devices
from controller.network.discovery_api import router as discovery_router
from controller.network.latest import with_latest
from controller.network.model import DeviceDetail, DevicePage, DeviceView
from controller.network.usage_api import router as usage_router
from controller.problems import Problem

Reader = Annotated[Principal, Depends(may("network.read"))]
Writer = Annotated[Principal, Depends(may("network.write"))]

router = APIRouter(prefix="/api/v1", tags=["network"])


@router.get("/network/devices")
def get_devices(
    runtime: RuntimeDep,
    scope: ScopeDep,
    reader: Reader,
    unit: UnitFilter = None,
    state: Annotated[Literal["", "new", "up", "down"], Query()] = "",
    text: Annotated[str, Query(max_length=100)] = "",
    page: PageNumber = 1,
    size: PageSize = 100,
) -> DevicePage:
    """The devices of the units you may see, by name, with their state and latest figures."""
    with runtime.database.read() as session:
        found = list_devices(
            session, scope, reader.at, text=text, state=state or None,
            unit_ids=below(session, scope, unit, reader.at),
        )  # fmt: skip
    shown = with_latest(runtime, found[(page - 1) * size : page * size], reader.at)
    return DevicePage(items=shown, total=len(found), page=page, size=size)


@router.get("/network/devices/{code}")
def get_device(runtime: RuntimeDep, scope: ScopeDep, reader: Reader, code: str) -> DeviceDetail:
    """One device with its ports, neighbours, addresses, peers, parts and sensors."""
    with runtime.database.read() as session:
        found = device_detail(session, scope, code, reader.at)
    return with_latest(runtime, [found], reader.at)[0]


@router.post("/network/devices", status_code=201)
def post_device(
    runtime: RuntimeDep, scope: ScopeDep, writer: Writer, told: device_edit.NewDevice
) -> DeviceView:
    """Register one device. A poller of its site asks it within a minute."""
    with runtime.database.write() as session:
        code = device_edit.add(session, told, writer.at)
        detail = {"address": told.address, "port": told.port, "network": told.network}
        audit.record(session, writer, "device.add", code, detail=detail)
        return find_device(session, scope, code, writer.at)


@router.patch("/network/devices/{code}")
def patch_device(
    runtime: RuntimeDep,
    scope: ScopeDep,
    writer: Writer,
    code: str,
    told: device_edit.DeviceChange,
) -> DeviceView:
    """Change how a device is asked. Owner and place are dated: import them, or correct them."""
    with runtime.database.write() as session:
        fields = device_edit.change(session, scope, code, told, writer.at)
        audit.record(session, writer, "device.change", code, detail={"fields": fields})
        return find_device(session, scope, code, writer.at)


@router.delete("/network/devices/{code}", status_code=204)
def delete_device(
    runtime: RuntimeDep,
    scope: ScopeDep,
    writer: Writer,
    code: str,
    confirm: Annotated[str, Query(description="Its code, once more.", max_length=128)] = "",
) -> Response:
    """Take a device out of the register; its figures stay, its address is free again."""
    with runtime.database.write() as session:
        find_device(session, scope, code, writer.at)
        if confirm != code:
            raise Problem(422, "not confirmed", f"confirm must be {code!r}: nothing was removed")
        device_edit.remove(session, scope, code, writer.at)
        audit.record(session, writer, "device.remove", code)
    return Response(status_code=204)


@router.post("/import/devices", summary="Import devices", openapi_extra=FILE_BODY)
def post_devices(
    runtime: RuntimeDep,
    writer: Writer,
    options: Annotated[ImportOptions, Query()],
    file: Annotated[UploadFile, Depends(received_file)],
) -> ImportOutcome:
    """Columns address, name, unit, site, role, credential … (管理地址, 名称, 单位, 站点 …)."""
    return take_import(DEVICES, runtime, writer, options, file)


ROUTERS = (router, credentials_router, discovery_router, usage_router)
