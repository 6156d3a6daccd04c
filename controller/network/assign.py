"""What pollers are given to poll, and moving devices off a poller that died."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select, update
from sqlmodel import Session, col

from controller.ingest.downlink import AssignmentKind, touch
from controller.ingest.measured import Measured
from controller.ingest.tables import Agent
from controller.inventory.dated import in_force
from controller.inventory.tables import Holding, Resource
from controller.network.credentials import opened, sealer_of
from controller.network.spread import Place, Poller, spread
from controller.network.tables import Device, DevicePoller, SnmpCredential
from controller.runtime import Runtime

ROLE = "poller"
DEAD_AFTER = timedelta(seconds=45)
"""A poller asks every 10 s: one that was silent so long while others were heard is dead. With the
balance every 10 s and the next poller's own 10 s a device is polled again within two minutes."""
BACKLOG = timedelta(days=7)
"""So long after a device moved its former poller may bring what it measured before."""
CLOCKS = timedelta(minutes=5)
"""A poller's clock may be so far behind as it begins."""
MOST_SPANS = 20
"""Of one device and agent within the backlog: it moves seldom."""
NEVER_MS = 1 << 62


def give(runtime: Runtime, session: Session, agent: Agent, now: datetime) -> list[dict[str, Any]]:
    """The devices of this poller, with each credential once."""
    del now
    rows = session.execute(
        select(Device, col(Resource.code))
        .join(Resource, col(Resource.id) == col(Device.id))
        .where(
            col(Device.poller_id) == agent.id,
            col(Device.enabled).is_(True),
            col(Device.credential_id).is_not(None),
        )
        .order_by(col(Device.id))
    ).all()
    if not rows:
        return []
    sealer = sealer_of(runtime.settings)
    wanted = {device.credential_id for device, _ in rows}
    credentials = session.execute(
        select(SnmpCredential).where(col(SnmpCredential.id).in_(sorted(wanted)))
    ).scalars()
    return [
        {
            "credentials": {str(row.id): opened(sealer, row) for row in credentials},
            "devices": [
                {
                    "code": code,
                    "address": device.address,
                    "port": device.port,
                    "interval_s": device.interval_s,
                    "credential": str(device.credential_id),
                }
                for device, code in rows
            ],
        }
    ]


SNMP_ASSIGNMENT = AssignmentKind("snmp", give, role=ROLE)


def devices_of_agents(session: Session, now: datetime) -> dict[str, dict[str, Measured]]:
    """Agent to (code to device and times) of what it polls or once polled.

    What it measured and spooled before a device moved is still taken for ``BACKLOG``; of the time
    after that, and later than that, nothing is: the device is another's.
    """
    oldest = now - BACKLOG
    spans: dict[tuple[str, str, int], list[tuple[int, int]]] = defaultdict(list)
    rows = session.execute(
        select(DevicePoller, col(Resource.code), col(Resource.id))
        .join(Resource, col(Resource.id) == col(DevicePoller.device_id))
        .order_by(col(DevicePoller.since))
    )
    for row, code, number in rows:
        known = spans[row.agent_id, code, number]
        if row.until is None or row.until > oldest:
            until = NEVER_MS if row.until is None else _ms(row.until)
            known.append((_ms(row.since - CLOCKS), until))
    found: dict[str, dict[str, Measured]] = defaultdict(dict)
    for (agent, code, number), times in spans.items():
        found[agent][code] = Measured(number, tuple(times[-MOST_SPANS:]))
    return dict(found)


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def balance(runtime: Runtime) -> int:
    """Gives every device to a living poller of its site; how many moved."""
    now = runtime.now()
    with runtime.database.read() as session:
        wanted = _wanted(session, now)
        before = _pollers_of(session)
    moved = {device: poller for device, poller in wanted.items() if before[device] != poller}
    if not moved:
        return 0
    with runtime.database.write() as session:
        for device, poller in moved.items():
            move(session, device, poller or None, now)
        touch(session, {*moved.values(), *(before[each] for each in moved)} - {""})
    return len(moved)


def move(session: Session, device_id: int, poller: str | None, now: datetime) -> None:
    """Hands a device to another poller from now on."""
    session.execute(
        update(DevicePoller)
        .where(col(DevicePoller.device_id) == device_id, col(DevicePoller.until).is_(None))
        .values(until=now)
    )
    if poller:
        session.add(DevicePoller(device_id=device_id, agent_id=poller, since=now))
    session.execute(
        update(Device)
        .where(col(Device.id) == device_id)
        .values(poller_id=poller, poller_since=now if poller else None)
    )


def _pollers_of(session: Session) -> dict[int, str]:
    rows = session.execute(select(col(Device.id), col(Device.poller_id)))
    return {device: poller or "" for device, poller in rows}


def _wanted(session: Session, now: datetime) -> dict[int, str]:
    agents = [
        agent
        for agent in session.execute(select(Agent).where(col(Agent.state) == "active")).scalars()
        if agent.holds(ROLE)
    ]
    heard = [agent.last_seen for agent in agents if agent.last_seen is not None]
    newest = max(heard, default=now)
    # Measured against the one heard last, so that a controller that was away moves nothing.
    alive = {
        agent.id
        for agent in agents
        if agent.last_seen is not None and newest - agent.last_seen <= DEAD_AFTER
    }
    rows = session.execute(
        select(Device, col(Holding.site_id))
        .join(Resource, col(Resource.id) == col(Device.id))
        .outerjoin(Holding, (col(Holding.resource_id) == col(Device.id)) & in_force(Holding, now))
        .where(or_(col(Resource.retired).is_(None), col(Resource.retired) > now))
    ).all()
    sites = sites_of(session, [agent.resource_id or 0 for agent in agents], now)
    pollers = [
        Poller(agent.id, sites.get(agent.resource_id or 0, 0), agent.id in alive)
        for agent in agents
    ]
    active = [
        Place(device.id, site or 0, device.pinned or "", device.poller_id or "")
        for device, site in rows
        if device.enabled and device.credential_id is not None
    ]
    idle = dict.fromkeys(_pollers_of(session), "")
    return idle | spread(active, pollers)


def sites_of(session: Session, resources: list[int], now: datetime) -> dict[int, int]:
    """Resource to the site in which it stands now, 0 for none."""
    rows = session.execute(
        select(col(Holding.resource_id), col(Holding.site_id)).where(
            in_force(Holding, now), col(Holding.resource_id).in_(sorted(resources))
        )
    )
    return {resource: site or 0 for resource, site in rows}
