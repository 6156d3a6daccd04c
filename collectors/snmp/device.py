"""What one poll of one device gives. None means not answered, never zero."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(slots=True, kw_only=True)
class System:
    """SNMPv2-MIB system group, and who we think made it."""

    sys_object_id: str = ""
    descr: str = ""
    name: str = ""
    location: str = ""
    uptime_s: float | None = None
    vendor: str = ""
    profile: str = ""


@dataclass(slots=True, kw_only=True)
class Port:
    """An interface: IF-MIB, ifXTable and EtherLike-MIB. Counters are as counted, not rates."""

    if_index: int
    if_name: str = ""
    if_descr: str = ""
    if_alias: str = ""
    if_type: str = ""
    mtu: int | None = None
    speed_bit_s: int | None = None
    admin_status: str = ""
    oper_status: str = ""
    phys_address: str = ""
    in_octets: int | None = None
    out_octets: int | None = None
    in_packets: int | None = None
    out_packets: int | None = None
    in_errors: int | None = None
    out_errors: int | None = None
    in_discards: int | None = None
    out_discards: int | None = None
    counter_bits: int = 64
    last_change_s: float | None = None
    discontinuity_s: float | None = None
    fcs_errors: int | None = None
    alignment_errors: int | None = None
    late_collisions: int | None = None


@dataclass(slots=True, kw_only=True)
class Processor:
    """One processor, core or board; ``oid`` is the object that told."""

    oid: str
    usage_pct: float


@dataclass(slots=True, kw_only=True)
class Memory:
    """One memory; bytes are None where the device tells a percentage only."""

    index: str
    kind: str
    name: str = ""
    used_bytes: int | None = None
    total_bytes: int | None = None
    used_pct: float | None = None


@dataclass(slots=True, kw_only=True)
class Storage:
    """A disk or flash of HOST-RESOURCES-MIB or a vendor's table."""

    index: str
    name: str
    used_bytes: int
    total_bytes: int


@dataclass(slots=True, kw_only=True)
class IpAddress:
    """An address of the device itself; the prefix length is 0 where it is not told."""

    if_index: int
    address: str
    prefix_length: int


@dataclass(slots=True, kw_only=True)
class IpVersionCounters:
    """IP-MIB ipSystemStatsTable (``if_index`` None) or ipIfStatsTable, per IP version."""

    version: int
    if_index: int | None = None
    in_octets: int | None = None
    out_octets: int | None = None
    in_packets: int | None = None
    out_packets: int | None = None


@dataclass(slots=True, kw_only=True)
class Entity:
    """A part of the device with a name or serial number (ENTITY-MIB)."""

    index: int
    kind: str
    name: str = ""
    descr: str = ""
    model: str = ""
    serial: str = ""
    hardware: str = ""
    firmware: str = ""
    software: str = ""
    contained_in: int | None = None


@dataclass(slots=True, kw_only=True)
class Sensor:
    """A reading of ENTITY-SENSOR-MIB; ``unit`` celsius, watts, volts, amperes, rpm, …"""

    index: int
    name: str
    unit: str
    value: float
    status: str = "ok"


@dataclass(slots=True, kw_only=True)
class Neighbour:
    """Who LLDP heard at a port."""

    local_port: str
    if_index: int | None = None
    remote_chassis: str = ""
    remote_port: str = ""
    remote_port_descr: str = ""
    remote_name: str = ""
    remote_descr: str = ""
    remote_addresses: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Peer:
    """A BGP or OSPF peer and its state as the MIB names it."""

    protocol: str
    address: str
    state: str
    remote_as: int | None = None
    router_id: str = ""
    up_s: float | None = None
    admin: str = ""


@dataclass(slots=True, kw_only=True)
class DevicePoll:
    """Everything one poll read; ``partial`` names the tables that are not whole, and why."""

    system: System = field(default_factory=System)
    ports: list[Port] = field(default_factory=list)
    processors: list[Processor] = field(default_factory=list)
    memory: list[Memory] = field(default_factory=list)
    storage: list[Storage] = field(default_factory=list)
    ip_addresses: list[IpAddress] = field(default_factory=list)
    ip_version_counters: list[IpVersionCounters] = field(default_factory=list)
    ipv6_forwarding: bool | None = None
    routes: int | None = None
    neighbours: list[Neighbour] = field(default_factory=list)
    peers: list[Peer] = field(default_factory=list)
    inventory: list[Entity] = field(default_factory=list)
    sensors: list[Sensor] = field(default_factory=list)
    partial: dict[str, str] = field(default_factory=dict)
    error: str = ""
    """Why nothing was read: the device was silent, refused us, …; "" where it answered."""
    duration_s: float = 0.0
    requests: int = 0
    retransmissions: int = 0

    def as_json(self) -> dict[str, Any]:
        """The object of ``yunxun-agent poll --format json``; ``partial`` is a list of tables."""
        told = asdict(self)
        told["partial"] = sorted(self.partial)
        told["partial_reasons"] = dict(sorted(self.partial.items()))
        return told
