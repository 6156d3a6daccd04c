"""Routes of discovery: ranges that may be scanned, scans, and what they propose."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlmodel import Session, col

from controller.access import audit
from controller.access.deps import RuntimeDep, ScopeDep, may
from controller.access.principal import Principal
from controller.access.scope import CITY, Scope
from controller.ingest import agents, tasks
from controller.ingest.tables import Agent
from controller.inventory.api import in_shanghai
from controller.network import device_edit, discovery
from controller.network.devices import find_device
from controller.network.model import DeviceView
from controller.network.tables import DeviceProposal, ScanRange, SnmpCredential
from controller.problems import NotFound, Problem

Writer = Annotated[Principal, Depends(may("network.write"))]

router = APIRouter(prefix="/api/v1", tags=["network"])


class NewRange(BaseModel):
    """``since`` and ``until``: when it may be scanned, at most 31 days."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "cidr": "10.1.0.0/24",
                "since": "2026-11-23T22:00:00+08:00",
                "until": "2026-11-24T06:00:00+08:00",
                "rate_per_s": 20,
                "note": "外网汇聚层普查",
            }
        },
    )

    cidr: str = Field(max_length=64)
    network: str = Field(default="", max_length=64)
    since: datetime
    until: datetime
    rate_per_s: float = Field(default=20, gt=0, le=200)
    note: str = Field(default="", max_length=300)


class RangeView(BaseModel):
    model_config = ConfigDict(frozen=True)

    id: int
    cidr: str
    network: str
    since: datetime
    until: datetime
    rate_per_s: float
    note: str
    by: str


class RangeList(BaseModel):
    items: list[RangeView]


class NewDiscovery(BaseModel):
    """``credentials``: names, tried in turn. ``agent``: the poller that scans; without one, the
    only one there is."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"range": "10.1.0.0/24", "credentials": ["core-v3"]}},
    )

    range: str = Field(max_length=64)
    network: str = Field(default="", max_length=64)
    credentials: list[str] = Field(min_length=1, max_length=discovery.MOST_CREDENTIALS)
    agent: str = Field(default="", max_length=32)
    port: int = Field(default=161, ge=1, le=65535)


class ProposalView(BaseModel):
    """A device that a scan found."""

    model_config = ConfigDict(frozen=True)

    id: int
    network: str
    address: str
    port: int
    credential: str
    sys_object_id: str
    sys_name: str
    sys_descr: str
    vendor: str
    profile: str
    found: datetime
    state: str
    decided_by: str


class ProposalList(BaseModel):
    items: list[ProposalView]


class Approval(BaseModel):
    """How a proposed device is registered."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"unit": "330100", "site": "主中心"}}
    )

    unit: str = Field(max_length=200)
    name: str = Field(default="", max_length=200)
    site: str = Field(default="", max_length=200)
    zone: str = Field(default="", max_length=200)
    role: str = Field(default="other", pattern=device_edit.ROLE)
    shared: bool = False


@router.get("/network/scan-ranges")
def get_ranges(runtime: RuntimeDep, writer: Writer) -> RangeList:
    """The ranges that may be scanned, and when."""
    del writer
    with runtime.database.read() as session:
        rows = session.execute(select(ScanRange).order_by(col(ScanRange.cidr))).scalars()
        return RangeList(
            items=[RangeView.model_validate(row, from_attributes=True) for row in rows]
        )


@router.post("/network/scan-ranges", status_code=201)
def post_range(runtime: RuntimeDep, writer: Writer, told: NewRange) -> RangeView:
    """Register a range for scanning, or change when it may be."""
    found = str(discovery.parse_range(told.cidr))
    since, until = in_shanghai(told.since), in_shanghai(told.until)
    if not timedelta(0) < until - since <= timedelta(days=31):
        raise Problem(422, "bad window", "until must be after since, by at most 31 days")
    with runtime.database.write() as session:
        row = session.execute(
            select(ScanRange).filter_by(network=told.network, cidr=found)
        ).scalar() or ScanRange(
            network=told.network, cidr=found, since=since, until=until, created=writer.at
        )
        row.since, row.until, row.by = since, until, writer.name
        row.rate_per_s, row.note = told.rate_per_s, told.note
        session.add(row)
        session.flush()
        detail = {"since": since.isoformat(), "until": until.isoformat()}
        audit.record(session, writer, "scan_range.keep", found, detail=detail)
        return RangeView.model_validate(row, from_attributes=True)


@router.delete("/network/scan-ranges/{range_id}", status_code=204)
def delete_range(runtime: RuntimeDep, writer: Writer, range_id: int) -> Response:
    """No more scanning of a range; a scan that was handed over already ends at its time."""
    with runtime.database.write() as session:
        row = session.get(ScanRange, range_id)
        if row is None:
            raise NotFound("scan range", str(range_id))
        session.delete(row)
        audit.record(session, writer, "scan_range.remove", row.cidr)
    return Response(status_code=204)


@router.post("/network/discoveries", status_code=201)
def post_discovery(
    runtime: RuntimeDep, scope: ScopeDep, writer: Writer, told: NewDiscovery
) -> tasks.TaskView:
    """Ask a poller to look for devices in a registered range. Watch it at /agent-tasks/{id}."""
    with runtime.database.write() as session:
        agent = _scanner(session, scope, told.agent)
        task = discovery.begin(
            session, agent, told.range, told.network, told.credentials, writer.name, writer.at,
            told.port,
        )  # fmt: skip
        detail = {"range": told.range, "agent": agent.id}
        audit.record(session, writer, "discovery.begin", str(task.id), detail=detail)
        return tasks.get_task(session, scope, task.id or 0)


@router.get("/network/proposals")
def get_proposals(
    runtime: RuntimeDep,
    writer: Writer,
    state: Annotated[Literal["open", "approved", "rejected"], Query()] = "open",
) -> ProposalList:
    """What scans found, newest first, at most 1,000."""
    del writer
    with runtime.database.read() as session:
        rows = session.execute(
            select(DeviceProposal, col(SnmpCredential.name))
            .outerjoin(SnmpCredential, col(SnmpCredential.id) == col(DeviceProposal.credential_id))
            .where(col(DeviceProposal.state) == state)
            .order_by(col(DeviceProposal.found).desc(), col(DeviceProposal.id))
            .limit(1000)
        )
        return ProposalList(items=[_view(row, name) for row, name in rows])


@router.post("/network/proposals/{number}/approval")
def approve(runtime: RuntimeDep, writer: Writer, number: int, told: Approval) -> DeviceView:
    """Register a proposed device."""
    with runtime.database.write() as session:
        row = discovery.proposal(session, number)
        if row.state == "approved":
            raise Problem(409, "decided", f"proposal {number} was approved already")
        credential = session.get(SnmpCredential, row.credential_id) if row.credential_id else None
        code = device_edit.add(
            session,
            device_edit.NewDevice(
                address=row.address,
                port=row.port,
                network=row.network,
                name=told.name or row.sys_name,
                unit=told.unit,
                site=told.site,
                zone=told.zone,
                role=told.role,
                shared=told.shared,
                credential=credential.name if credential else "",
            ),
            writer.at,
        )
        view = find_device(session, CITY, code, writer.at)
        row.state, row.decided, row.decided_by = "approved", writer.at, writer.name
        row.device_id = view.id
        session.add(row)
        audit.record(session, writer, "proposal.approve", code, detail={"address": row.address})
        return view


@router.post("/network/proposals/{number}/rejection", status_code=204)
def reject(runtime: RuntimeDep, writer: Writer, number: int) -> Response:
    """Not a device of ours; a later scan does not propose it again."""
    with runtime.database.write() as session:
        row = discovery.proposal(session, number)
        if row.state == "approved":
            raise Problem(409, "decided", f"proposal {number} is a device: remove that instead")
        row.state, row.decided, row.decided_by = "rejected", writer.at, writer.name
        session.add(row)
        audit.record(session, writer, "proposal.reject", row.address)
    return Response(status_code=204)


def _scanner(session: Session, scope: Scope, wanted: str) -> Agent:
    if wanted:
        return agents.writable(session, scope, wanted)
    rows: list[Agent] = [
        row
        for row in session.execute(select(Agent).where(col(Agent.state) == "active")).scalars()
        if row.holds("poller") and scope.allows(row.unit_id)
    ]
    if len(rows) != 1:
        names = ", ".join(f"{row.name} ({row.id})" for row in rows) or "none"
        raise Problem(
            409, "which poller", f"name the agent that scans; agents with role poller: {names}"
        )
    return rows[0]


def _view(row: DeviceProposal, credential: str | None) -> ProposalView:
    names = ProposalView.model_fields.keys() - {"credential"}
    return ProposalView(credential=credential or "", **{name: getattr(row, name) for name in names})
