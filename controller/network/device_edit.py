"""Changing the register of devices by hand: add one, change how it is asked, take one out."""

from __future__ import annotations

from datetime import datetime
from ipaddress import ip_address
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator
from sqlalchemy import select
from sqlmodel import Session, col

from controller.access.scope import Scope
from controller.ingest.downlink import touch
from controller.ingest.tables import Agent
from controller.inventory.holdings import read_holdings, write_holdings
from controller.inventory.lock import lock_registers
from controller.inventory.table import Record, Table
from controller.inventory.tables import Resource
from controller.inventory.timeline import Span
from controller.network import credentials
from controller.network.assign import move
from controller.network.device_import import LEAST_INTERVAL_S, MOST_INTERVAL_S, plan_devices
from controller.network.devices import find_device
from controller.network.tables import DEVICE_ROLES, Device, DeviceProposal
from controller.problems import NotFound, Problem
from controller.said import chinese, say

ROLE = "^(" + "|".join(DEVICE_ROLES) + ")$"


class NewDevice(BaseModel):
    """``unit``: code or name of who runs it. ``network``: zone or VPN its address is unique in;
    without one the zone's name."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "address": "10.1.0.1",
                "name": "市中心核心交换机",
                "unit": "330100",
                "site": "主中心",
                "role": "core",
                "credential": "core-v3",
            }
        },
    )

    address: str = Field(max_length=64)
    port: int = Field(default=161, ge=1, le=65535)
    network: str = Field(default="", max_length=64)
    code: str = Field(default="", max_length=128)
    name: str = Field(default="", max_length=200)
    unit: str = Field(max_length=200)
    site: str = Field(default="", max_length=200)
    zone: str = Field(default="", max_length=200)
    role: str = Field(default="other", pattern=ROLE)
    shared: bool = False
    credential: str = Field(default="", max_length=64)
    interval_s: int = Field(default=60, ge=LEAST_INTERVAL_S, le=MOST_INTERVAL_S)
    demo: bool = False

    @field_validator("address")
    @classmethod
    def _address(cls, text: str) -> str:
        return str(ip_address(text.strip().strip("[]")))


class DeviceChange(BaseModel):
    """Fields to set; what is left out stays as it is. ``poller``: id of the one agent that may
    poll it, "" for any of its site."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"credential": "core-v3", "enabled": True}}
    )

    name: str | None = Field(default=None, min_length=1, max_length=200)
    role: str | None = Field(default=None, pattern=ROLE)
    shared: bool | None = None
    credential: str | None = Field(default=None, max_length=64)
    interval_s: int | None = Field(default=None, ge=LEAST_INTERVAL_S, le=MOST_INTERVAL_S)
    enabled: bool | None = None
    poller: str | None = Field(default=None, max_length=32)


def add(session: Session, told: NewDevice, now: datetime) -> str:
    """Registers one device; its code. Raises Problem 422 for what an import would refuse."""
    lock_registers(session)
    values: dict[str, Any] = {
        "address": told.address,
        "port": told.port,
        "name": told.name or told.address,
        "unit": told.unit,
        "role": told.role,
        "shared": told.shared,
        "interval_s": told.interval_s,
        "created": now,
    }
    for name in ("code", "network", "site", "zone", "credential"):
        if getattr(told, name):
            values[name] = getattr(told, name)
    if told.demo:
        values["tags"] = ["演示数据"]
    table = Table(records=[Record(1, values)])
    plan = plan_devices(session, table, now, None)
    if table.errors or not plan.after:
        first = table.errors[0] if table.errors else None
        where = (
            say(f"{first.column}: {first.message}", f"{first.column}：{chinese(first.message)}")
            if first
            else "nothing to add"
        )
        raise Problem(422, "bad device", where)
    (code,) = plan.after
    if code in plan.before:
        raise Problem(
            409, "device known",
            say(f"{told.address} is device {code!r} already",
                f"{told.address} 已登记为设备“{code}”"),
        )  # fmt: skip
    plan.apply(session, now)
    return code


def change(
    session: Session, scope: Scope, code: str, told: DeviceChange, now: datetime
) -> list[str]:
    """Changes how a device is asked; the names of the fields. Raises NotFound, Problem 409."""
    view = find_device(session, scope, code, now)
    device = session.get_one(Device, view.id, with_for_update=True)
    given = told.model_dump(exclude_unset=True)
    for name in ("role", "shared", "interval_s", "enabled"):
        if given.get(name) is not None:
            setattr(device, name, given[name])
    if given.get("name"):
        resource = session.get_one(Resource, view.id)
        resource.name = given["name"]
        session.add(resource)
    if "credential" in given:
        name = given["credential"] or ""
        device.credential_id = credentials.find(session, name).id if name else None
    if "poller" in given:
        device.pinned = _poller(session, given["poller"] or "")
    session.add(device)
    session.flush()
    touch(session, [device.poller_id] if device.poller_id else [])
    return sorted(given)


def _poller(session: Session, wanted: str) -> str | None:
    if not wanted:
        return None
    agent = session.get(Agent, wanted)
    if agent is None:
        raise NotFound("agent", wanted)
    if not agent.holds("poller"):
        raise Problem(409, "role missing", f"agent {agent.name} does not hold role poller")
    return agent.id


def remove(session: Session, scope: Scope, code: str, now: datetime) -> None:
    """Takes a device out: it is polled no more and its resource ends; its figures stay.

    Its address is free again at once. Raises NotFound.
    """
    lock_registers(session)
    view = find_device(session, scope, code, now)
    device = session.get_one(Device, view.id, with_for_update=True)
    polled_by = device.poller_id
    move(session, device.id, None, now)
    session.refresh(device)
    device.enabled, device.credential_id, device.pinned = False, None, None
    device.network = f"#{device.id}"  # the key of what is no more
    session.add(device)
    resource = session.get_one(Resource, device.id)
    resource.retired = now
    session.add(resource)
    before = read_holdings(session, [device.id]).get(device.id, ())
    after = tuple(
        Span(span.since, now if span.until is None or span.until > now else span.until, span.value)
        for span in before
        if span.since < now
    )
    write_holdings(session, {device.id: before}, {device.id: after}, now)
    for row in session.execute(
        select(DeviceProposal).where(col(DeviceProposal.device_id) == device.id)
    ).scalars():
        session.delete(row)  # a later scan may propose it anew
    if polled_by:
        touch(session, [polled_by])
    session.flush()
