"""One device, once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any

from .device import DevicePoll
from .profile import Profiles
from .session import DeadlineError, RefusedError, Session, SilentError, Timing
from .tables import entity, interfaces, ip, lldp, routing, system
from .target import Credential, Target
from .values import Value
from .vendor import read_addresses as vendor_addresses
from .vendor import read_memory, read_processors
from .walk import DeviceMemory, Walker

PORTS, VENDOR, ADDRESSES, VERSIONS, STORAGE = "ports", "vendor", "addresses", "versions", "storage"
INVENTORY, SENSORS, NEIGHBOURS, PEERS = "inventory", "sensors", "neighbours", "peers"
EVERYTHING = frozenset(
    {PORTS, VENDOR, ADDRESSES, VERSIONS, STORAGE, INVENTORY, SENSORS, NEIGHBOURS, PEERS}
)
USAGE = frozenset({PORTS, VENDOR})
"""What is read every round; the rest seldom changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What to read of a device."""

    parts: frozenset[str] = EVERYTHING
    subtrees: tuple[str, ...] = ()
    """Whole subtrees to be read besides, for recordings."""


async def poll_once(
    target: Target,
    credential: Credential,
    profiles: Profiles,
    *,
    timing: Timing | None = None,
    memory: DeviceMemory | None = None,
    wish: Wish | None = None,
    record: dict[str, Value] | None = None,
) -> DevicePoll:
    """Polls one device; ``target`` must be numeric (``target.numeric``).

    A device that does not answer is a result with ``error``, not an exception. ``memory`` is what
    earlier polls of the same device learnt; ``record`` collects everything that was read.

    Raises:
        PollerMissingError: gufo-snmp is not installed.
    """
    started = monotonic()
    poll = DevicePoll()
    memory = memory or DeviceMemory()
    session = Session(target, credential, timing or Timing(), memory.engine)
    session.record = record
    walker = Walker(session, memory)
    try:
        async with session:
            await _read(poll, walker, profiles, wish or Wish())
    except (SilentError, RefusedError, DeadlineError) as problem:
        poll.error = str(problem)
    poll.partial = walker.partial
    poll.requests = session.tally.requests
    poll.retransmissions = session.tally.retransmissions
    poll.duration_s = round(monotonic() - started, 4)
    return poll


async def _read(poll: DevicePoll, walker: Walker, profiles: Profiles, wish: Wish) -> None:
    poll.system = await system.read_system(walker)
    profile, vendor = profiles.match(poll.system.sys_object_id)
    poll.system.vendor, poll.system.profile = vendor, profile.id

    async def ports() -> None:
        poll.ports = await interfaces.read_ports(walker, whole=wish.parts >= EVERYTHING)

    async def usage() -> None:
        poll.processors = await read_processors(walker, profile)
        disks = STORAGE in wish.parts
        poll.memory, poll.storage = await read_memory(walker, profile, disks)

    async def addresses() -> None:
        standard = await ip.read_addresses(walker)
        poll.ip_addresses = ip.united(standard, await vendor_addresses(walker, profile))
        poll.ipv6_forwarding, poll.routes = await ip.read_forwarding(walker)

    async def versions() -> None:
        poll.ip_version_counters = await ip.read_version_counters(walker)

    async def neighbours() -> None:
        poll.neighbours = await lldp.read_neighbours(walker, _port_names(poll))

    async def peers() -> None:
        poll.peers = await routing.read_peers(walker, poll.system.sys_object_id)

    async def inventory() -> None:
        poll.inventory = await entity.read_inventory(walker)

    async def sensors() -> None:
        poll.sensors = await entity.read_sensors(walker)

    steps: dict[str, Callable[[], Awaitable[Any]]] = {
        VENDOR: usage,
        PORTS: ports,
        ADDRESSES: addresses,
        VERSIONS: versions,
        NEIGHBOURS: neighbours,
        PEERS: peers,
        SENSORS: sensors,
        INVENTORY: inventory,
    }
    for part, step in steps.items():
        if part in wish.parts:
            await step()
    for subtree in wish.subtrees:
        await walker.column(subtree, subtree)


def _port_names(poll: DevicePoll) -> dict[str, int]:
    names: dict[str, int] = {}
    for port in poll.ports:
        for name in (port.if_alias, port.if_descr, port.if_name):
            if name:
                names[name] = port.if_index
    return names
