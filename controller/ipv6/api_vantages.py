"""Routes of vantage points: /api/v1/ipv6/vantages…"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, Field

from controller.access import audit
from controller.access.deps import RuntimeDep
from controller.ipv6 import vantages
from controller.ipv6.api import Writer
from controller.ipv6.vantages import VantageIn, VantageView

router = APIRouter(prefix="/api/v1/ipv6", tags=["ipv6"])

Name = Annotated[str, Path(pattern=r"^[\w.-]{1,40}$")]


class Asked(BaseModel):
    """The task that the poller fetches within seconds."""

    task: int = Field(examples=[7])


@router.get("/vantages", summary="Where sites are seen from, and by which poller")
def get_vantages(runtime: RuntimeDep, writer: Writer) -> list[VantageView]:
    del writer
    with runtime.database.read() as session:
        return vantages.list_vantages(session)


@router.put("/vantages/{name}", summary="Have a poller look from here", status_code=204)
def put_vantage(name: Name, body: VantageIn, runtime: RuntimeDep, writer: Writer) -> Response:
    with runtime.database.write() as session:
        vantages.put_vantage(session, name, body, runtime.now())
        told = {"agent": body.agent, "every_h": body.every_h}
        audit.record(session, writer, "ipv6.vantage", name, "ok", told)
    return Response(status_code=204)


@router.delete("/vantages/{name}", summary="No more scans from here")
def delete_vantage(name: Name, runtime: RuntimeDep, writer: Writer) -> Response:
    with runtime.database.write() as session:
        vantages.delete_vantage(session, name)
        audit.record(session, writer, "ipv6.vantage.delete", name)
    return Response(status_code=204)


@router.post("/vantages/{name}/scan", status_code=202, summary="Scan the sites from here at once")
def post_scan(name: Name, runtime: RuntimeDep, writer: Writer) -> Asked:
    with runtime.database.write() as session:
        task = vantages.scan_now(session, name, writer.name, runtime.now())
        audit.record(session, writer, "ipv6.vantage.scan", name)
        return Asked(task=task.id or 0)
