"""Network gear: devices, what they are asked with, what they told of themselves.

A device is a resource of kind ``device``: its owner, site and zone are dated holdings like those of
a VM, and its samples stand under the resource's id. Addresses of different private networks may be
alike, so the key of a device is (network, address, port) everywhere.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from controller.store.relational import UtcDateTime

DEVICE_ROLES = ("core", "aggregation", "access", "router", "firewall", "wireless", "host", "other")
"""核心, 汇聚, 接入, 路由器, 防火墙, 无线, 主机, 其他."""

DEVICE_STATES = ("new", "up", "down", "paused")
"""new: not asked yet; paused: a person switched polling off."""

CREDENTIAL_KINDS = ("v1", "v2c", "v3")


class SnmpCredential(SQLModel, table=True):
    """As whom devices are asked. Secrets are sealed for ``snmp_credential/ID/FIELD``."""

    __tablename__ = "snmp_credential"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True, max_length=64)
    kind: str = Field(default="v2c", max_length=4)
    user: str = Field(default="", max_length=64)
    auth: str = Field(default="", max_length=10)
    """SHA-1, SHA-256 …; "" for none."""
    priv: str = Field(default="", max_length=10)
    expansion: str = Field(default="blumenthal", max_length=12)
    """How AES-192/256 stretch a short key: blumenthal, or cisco (Cisco and H3C gear)."""
    community: str = Field(default="", max_length=1000)
    """Sealed, as the next two."""
    auth_password: str = Field(default="", max_length=1000)
    priv_password: str = Field(default="", max_length=1000)
    created: datetime = Field(sa_type=UtcDateTime)
    changed: datetime = Field(sa_type=UtcDateTime)
    by: str = Field(default="", max_length=100)


class Device(SQLModel, table=True):
    """A device that is asked over SNMP."""

    __table_args__ = (UniqueConstraint("network", "address", "port"),)

    id: int = Field(primary_key=True, foreign_key="resource.id")
    """Of its resource."""
    network: str = Field(default="", max_length=64)
    """The zone or VPN its address lies in; "" is the public part of the extranet."""
    address: str = Field(max_length=64)
    """IPv4 or IPv6, in canonical form."""
    port: int = 161
    role: str = Field(default="other", max_length=16)
    shared: bool = False
    """Serves several units; the holding names who runs it."""
    credential_id: int | None = Field(default=None, foreign_key="snmp_credential.id", index=True)
    interval_s: int = 60
    enabled: bool = True
    pinned: str | None = Field(default=None, foreign_key="agent.id", max_length=32)
    """The one agent that may poll it; None: any poller of its site."""
    poller_id: str | None = Field(default=None, foreign_key="agent.id", index=True, max_length=32)
    """Who polls it now."""
    poller_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    state: str = Field(default="new", index=True, max_length=8)
    state_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_answer: datetime | None = Field(default=None, sa_type=UtcDateTime)
    error: str = Field(default="", max_length=300)
    """Why it is down, as the poller saw it."""
    facts_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    vendor: str = Field(default="", max_length=64)
    profile: str = Field(default="", max_length=40)
    model: str = Field(default="", max_length=100)
    serial: str = Field(default="", max_length=100)
    software: str = Field(default="", max_length=200)
    sys_object_id: str = Field(default="", max_length=128)
    sys_name: str = Field(default="", max_length=200)
    sys_descr: str = Field(default="", max_length=500)
    location: str = Field(default="", max_length=200)
    booted: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ipv6_forwarding: bool | None = None
    routes: int | None = None
    partial: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """Tables that could not be read whole."""
    sensors: list[dict[str, Any]] = Field(
        default_factory=list, sa_column=Column(JSON, nullable=False)
    )
    """As last told: name, unit, value, status."""
    sensors_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class DevicePoller(SQLModel, table=True):
    """Which agent polled a device during [since, until); rows of that time are taken from it."""

    __tablename__ = "device_poller"
    __table_args__ = (Index("ix_device_poller_agent", "agent_id"),)

    id: int | None = Field(default=None, primary_key=True)
    device_id: int = Field(foreign_key="device.id", index=True)
    agent_id: str = Field(foreign_key="agent.id", max_length=32)
    since: datetime = Field(sa_type=UtcDateTime)
    until: datetime | None = Field(default=None, sa_type=UtcDateTime)


class DevicePort(SQLModel, table=True):
    """A port as it was last told. ``instance`` is the key of its samples and of what hangs on it:
    ``port:NAME``, which outlives a renumbering of ifIndex."""

    __tablename__ = "device_port"
    __table_args__ = (UniqueConstraint("device_id", "instance"),)

    id: int | None = Field(default=None, primary_key=True)
    device_id: int = Field(foreign_key="device.id", index=True)
    instance: str = Field(max_length=200)
    if_index: int
    name: str = Field(default="", max_length=200)
    descr: str = Field(default="", max_length=200)
    alias: str = Field(default="", max_length=300)
    kind: str = Field(default="", max_length=40)
    """ifType as IANA names it."""
    speed_bit_s: float | None = None
    mtu: int | None = None
    phys_address: str = Field(default="", max_length=40)
    admin: str = Field(default="", max_length=16)
    oper: str = Field(default="", max_length=16)
    oper_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    changes: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """Moments (RFC 3339) of the last changes of its operational state, newest last, at most 20."""
    seen: datetime = Field(sa_type=UtcDateTime)
    gone: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Since when the device does not name it any more."""


class DeviceNeighbour(SQLModel, table=True):
    """Who LLDP heard at a port. ``remote_device_id``: the device of ours it is, if one fits."""

    __tablename__ = "device_neighbour"
    __table_args__ = (UniqueConstraint("device_id", "local_port", "remote_chassis", "remote_port"),)

    id: int | None = Field(default=None, primary_key=True)
    device_id: int = Field(foreign_key="device.id", index=True)
    local_port: str = Field(default="", max_length=200)
    """As LLDP calls it; ``instance`` where it is one of the device's ports."""
    instance: str = Field(default="", max_length=200)
    remote_chassis: str = Field(default="", max_length=100)
    remote_port: str = Field(default="", max_length=200)
    remote_port_descr: str = Field(default="", max_length=200)
    remote_name: str = Field(default="", max_length=200)
    remote_descr: str = Field(default="", max_length=500)
    remote_addresses: list[str] = Field(
        default_factory=list, sa_column=Column(JSON, nullable=False)
    )
    remote_device_id: int | None = Field(default=None, foreign_key="device.id", index=True)
    first_seen: datetime = Field(sa_type=UtcDateTime)
    last_seen: datetime = Field(sa_type=UtcDateTime)


class DeviceAddress(SQLModel, table=True):
    """An address of a device itself."""

    __tablename__ = "device_address"
    __table_args__ = (UniqueConstraint("device_id", "if_index", "address"),)

    id: int | None = Field(default=None, primary_key=True)
    device_id: int = Field(foreign_key="device.id", index=True)
    if_index: int
    instance: str = Field(default="", max_length=200)
    address: str = Field(max_length=64, index=True)
    prefix_length: int = 0
    seen: datetime = Field(sa_type=UtcDateTime)


class DevicePeer(SQLModel, table=True):
    """A BGP or OSPF peer and its state as the MIB names it."""

    __tablename__ = "device_peer"
    __table_args__ = (UniqueConstraint("device_id", "protocol", "address"),)

    id: int | None = Field(default=None, primary_key=True)
    device_id: int = Field(foreign_key="device.id", index=True)
    protocol: str = Field(max_length=8)
    address: str = Field(max_length=64)
    state: str = Field(default="", max_length=20)
    state_since: datetime = Field(sa_type=UtcDateTime)
    remote_as: int | None = None
    router_id: str = Field(default="", max_length=64)
    seen: datetime = Field(sa_type=UtcDateTime)


class DevicePart(SQLModel, table=True):
    """A part with a name or serial number (ENTITY-MIB)."""

    __tablename__ = "device_part"
    __table_args__ = (UniqueConstraint("device_id", "part_index"),)

    id: int | None = Field(default=None, primary_key=True)
    device_id: int = Field(foreign_key="device.id", index=True)
    part_index: int
    kind: str = Field(default="", max_length=40)
    name: str = Field(default="", max_length=200)
    descr: str = Field(default="", max_length=300)
    model: str = Field(default="", max_length=100)
    serial: str = Field(default="", max_length=100, index=True)
    hardware: str = Field(default="", max_length=100)
    firmware: str = Field(default="", max_length=100)
    software: str = Field(default="", max_length=200)
    contained_in: int | None = None


class ScanRange(SQLModel, table=True):
    """Addresses that may be scanned for devices, and when. Nothing else ever is."""

    __tablename__ = "scan_range"
    __table_args__ = (UniqueConstraint("network", "cidr"),)

    id: int | None = Field(default=None, primary_key=True)
    network: str = Field(default="", max_length=64)
    cidr: str = Field(max_length=64)
    since: datetime = Field(sa_type=UtcDateTime)
    until: datetime = Field(sa_type=UtcDateTime)
    rate_per_s: float = 20.0
    """Most addresses asked a second."""
    note: str = Field(default="", max_length=300)
    created: datetime = Field(sa_type=UtcDateTime)
    by: str = Field(default="", max_length=100)


PROPOSAL_STATES = ("open", "approved", "rejected")


class DeviceProposal(SQLModel, table=True):
    """A device that a scan found and a person has not decided on, or has."""

    __tablename__ = "device_proposal"
    __table_args__ = (UniqueConstraint("network", "address", "port"),)

    id: int | None = Field(default=None, primary_key=True)
    network: str = Field(default="", max_length=64)
    address: str = Field(max_length=64)
    port: int = 161
    credential_id: int | None = Field(default=None, foreign_key="snmp_credential.id")
    """The one it answered to."""
    agent_id: str | None = Field(default=None, foreign_key="agent.id", max_length=32)
    sys_object_id: str = Field(default="", max_length=128)
    sys_name: str = Field(default="", max_length=200)
    sys_descr: str = Field(default="", max_length=500)
    vendor: str = Field(default="", max_length=64)
    profile: str = Field(default="", max_length=40)
    found: datetime = Field(sa_type=UtcDateTime)
    state: str = Field(default="open", index=True, max_length=10)
    decided: datetime | None = Field(default=None, sa_type=UtcDateTime)
    decided_by: str = Field(default="", max_length=100)
    device_id: int | None = Field(default=None, foreign_key="device.id")
