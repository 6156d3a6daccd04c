"""What the network's queries answer with."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class DeviceView(_View):
    """A device with its owner and place now, and its state. ``ports_up`` of ``ports`` that are
    administratively up; figures (``cpu_pct`` …) are of the last ten minutes, None where unknown.
    ``credential`` and ``poller`` are told to those only who see the whole city."""

    id: int
    code: str
    name: str
    network: str
    address: str
    port: int
    role: str
    shared: bool
    unit_id: int = Field(exclude=True)
    unit_code: str
    unit_name: str
    site: str
    zone: str
    credential: str
    poller: str
    interval_s: int
    enabled: bool
    state: str
    state_since: datetime | None
    last_answer: datetime | None
    error: str
    vendor: str
    profile: str
    model: str
    serial: str
    software: str
    sys_name: str
    sys_descr: str
    sys_object_id: str
    location: str
    booted: datetime | None
    facts_at: datetime | None
    partial: list[str]
    demo: bool = False
    ports: int = 0
    ports_up: int = 0
    cpu_pct: float | None = None
    mem_pct: float | None = None
    temperature_c: float | None = None


class PortView(_View):
    """A port as it was last told. ``instance`` is its key."""

    instance: str
    if_index: int
    name: str
    descr: str
    alias: str
    kind: str
    speed_bit_s: float | None
    mtu: int | None
    phys_address: str
    admin: str
    oper: str
    oper_since: datetime | None
    changes: int
    gone: datetime | None


class NeighbourView(_View):
    """Who LLDP heard at a port; ``remote_code`` is the device of ours it is, if one fits."""

    local_port: str
    instance: str
    remote_chassis: str
    remote_port: str
    remote_port_descr: str
    remote_name: str
    remote_descr: str
    remote_addresses: list[str]
    remote_code: str
    last_seen: datetime


class AddressView(_View):
    address: str
    prefix_length: int
    if_index: int
    instance: str


class PeerView(_View):
    """A BGP or OSPF peer."""

    protocol: str
    address: str
    state: str
    state_since: datetime
    remote_as: int | None
    router_id: str


class PartView(_View):
    """A part with a name or serial number."""

    kind: str
    name: str
    descr: str
    model: str
    serial: str
    hardware: str
    firmware: str
    software: str


class DeviceDetail(DeviceView):
    """A device with all it told of itself."""

    port_list: list[PortView] = []
    neighbours: list[NeighbourView] = []
    addresses: list[AddressView] = []
    peers: list[PeerView] = []
    parts: list[PartView] = []
    sensors: list[dict[str, Any]] = []
    routes: int | None = None
    ipv6_forwarding: bool | None = None


class DevicePage(_View):
    items: list[DeviceView]
    total: int
    page: int
    size: int
