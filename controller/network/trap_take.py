"""Takes documents of kind ``traps`` in: events, counts of sources, and findings.

A linkDown opens the finding that the patrol would, a linkUp resolves it; so for routing peers. A
port nobody described and nothing hangs on is somebody's desk: its traps are kept, and no finding.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select
from sqlmodel import Session, col

from collectors.records import Document
from controller.findings.model import Coverage, Observation, Subject
from controller.findings.record import observe
from controller.ingest.documents import DocumentKind
from controller.ingest.tables import Agent
from controller.inventory.dated import in_force
from controller.inventory.tables import Holding, Resource, Zone
from controller.network import gear_subjects as gear
from controller.network.important import Importance, importance
from controller.network.tables import Device, DeviceAddress, DevicePort
from controller.network.trap_assign import ROLE
from controller.network.trap_tables import TrapEvent, TrapSource

MOST_TRAPS = 500
MOST_SOURCES = 5_000
"""Addresses counted one by one for a poller; the rest share the row of ""."""
MOST_AHEAD = timedelta(minutes=10)
STATES = {"up": True, "down": False}


@dataclass(frozen=True)
class Known:
    """The device that a source is."""

    id: int
    code: str
    name: str
    unit_id: int | None


@dataclass
class _Effect:
    """What a batch of traps comes to: the last word on each subject counts."""

    seen: dict[tuple[str, Subject], Observation] = field(default_factory=dict)
    cleared: dict[tuple[str, Subject], None] = field(default_factory=dict)

    def open(self, each: Observation) -> None:
        key = (each.code, (each.subject_kind, each.subject_key))
        self.seen[key] = each
        self.cleared.pop(key, None)

    def clear(self, code: str, subject: Subject) -> None:
        self.seen.pop((code, subject), None)
        self.cleared[code, subject] = None


def take(session: Session, agent: Agent, document: Document, now: datetime) -> None:
    """Takes one document in. Raises ValueError for one that is none of ours."""
    if not agent.holds(ROLE):
        # Whoever may speak for any device's address could open and end others' findings.
        raise ValueError(f"the agent does not hold the role {ROLE}")
    body = document.body
    traps = body.get("traps")
    if not isinstance(traps, list) or not all(isinstance(each, dict) for each in traps):
        raise ValueError("traps is not a list of objects")
    traps = traps[:MOST_TRAPS]
    who = _Sources(session, agent, now)
    effects = {gear.PATROL: _Effect(), gear.TRAPS: _Effect()}
    ports = _Ports(session)
    for trap in traps:
        source = _text(trap, "source", 64)
        values = trap.get("values") if isinstance(trap.get("values"), dict) else {}
        device = who.find(source) or who.find(str(values.get("relayed_for", "")))
        at = _at(trap, now)
        about = _text(trap, "about", 200)
        kind = _text(trap, "kind", 32)
        if device is not None:
            about = _judge(effects, ports, device, kind, about, values)
        session.add(
            TrapEvent(
                at=at, agent_id=agent.id, source=source, version=_text(trap, "version", 4),
                device_id=device.id if device else None, oid=_text(trap, "oid", 200), kind=kind,
                about=about[:200], variables=_variables(trap),
            )
        )  # fmt: skip
        who.count(source, "received", 1, device)
    for name in ("dropped", "refused"):
        counts = body.get(name)
        for source, count in (counts if isinstance(counts, dict) else {}).items():
            if isinstance(count, int) and 0 < count < 1 << 40:
                who.count(str(source)[:64], name, count, who.find(str(source)))
    session.flush()
    for source, effect in effects.items():
        if effect.seen or effect.cleared:
            observe(session, now, source, effect.seen.values(), _covered(effect.cleared))


def _covered(cleared: Iterable[tuple[str, Subject]]) -> Coverage:
    """Codes and subjects go together: a port's code fits no peer's subject."""
    pairs = list(cleared)
    return Coverage.of({code for code, _ in pairs}, {subject for _, subject in pairs})


def _judge(
    effects: dict[str, _Effect],
    ports: _Ports,
    device: Known,
    kind: str,
    about: str,
    values: dict[str, Any],
) -> str:
    """What a trap of a known device does; the name of what it is about."""
    patrol, events = effects[gear.PATROL], effects[gear.TRAPS]
    if kind in ("link_down", "link_up"):
        name, weight = ports.find(device, about, values)
        subject = gear.port_subject(device.code, name)
        if kind == "link_up":
            patrol.clear(gear.PORT_DOWN, subject)
        elif str(values.get("admin_status", "")) != "2" and weight.severity:
            patrol.open(_port_down(device, name, weight))
        return name
    protocol, _, change = kind.partition("_")
    if protocol in ("bgp", "ospf") and change in STATES:
        subject = gear.peer_subject(device.code, protocol, about)
        if STATES[change]:
            patrol.clear(gear.PEER_DOWN, subject)
        else:
            patrol.open(_peer_down(device, protocol, about))
        return about
    if kind in ("cold_start", "warm_start"):
        zh, en = ("设备重新启动", "Device restarted")
        events.open(_of_device(device, gear.RESTARTED, "info", zh, en, {"how": kind}))
    elif kind == "authentication_failure":
        zh = "SNMP 认证失败：有人用错误的团体字或用户访问设备"
        en = "SNMP authentication failed: somebody asks with a wrong community or user"
        events.open(_of_device(device, gear.AUTHENTICATION, "minor", zh, en, {}))
    return about


def _port_down(device: Known, name: str, weight: Importance) -> Observation:
    kind, key = gear.port_subject(device.code, name)
    why = f"（{weight.why_zh}）" if weight.why_zh else ""
    return Observation(
        code=gear.PORT_DOWN, subject_kind=kind, subject_key=key[:200], severity=weight.severity,
        title_zh=f"端口 {name} 断开{why}", title_en=f"Port {name} is down",
        unit_id=device.unit_id, subject_name=f"{device.name} {name}",
        detail={"port": name, "resource": device.code, "told_by": "trap"},
        depends_on=(gear.device_subject(device.code),),
    )  # fmt: skip


def _peer_down(device: Known, protocol: str, address: str) -> Observation:
    kind, key = gear.peer_subject(device.code, protocol, address)
    name = protocol.upper()
    return Observation(
        code=gear.PEER_DOWN, subject_kind=kind, subject_key=key[:200], severity="major",
        title_zh=f"{name} 邻居 {address} 断开", title_en=f"{name} neighbour {address} is down",
        unit_id=device.unit_id, subject_name=f"{device.name} {address}",
        detail={"protocol": protocol, "peer": address, "resource": device.code, "told_by": "trap"},
        depends_on=(gear.device_subject(device.code),),
    )  # fmt: skip


def _of_device(
    device: Known, code: str, severity: str, zh: str, en: str, detail: dict[str, Any]
) -> Observation:
    kind, key = gear.device_subject(device.code)
    return Observation(
        code=code, subject_kind=kind, subject_key=key[:200], severity=severity, title_zh=zh,
        title_en=en, unit_id=device.unit_id, subject_name=device.name,
        detail={"resource": device.code, **detail},
    )  # fmt: skip


class _Ports:
    """Ports of devices by ifIndex, and what hangs on them; read once a batch."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: dict[int, dict[str, DevicePort]] = {}
        self._weights: dict[str, Importance] | None = None

    def find(self, device: Known, index: str, values: dict[str, Any]) -> tuple[str, Importance]:
        """(name, how much it matters) of a port; one that was never polled matters a little."""
        if device.id not in self._known:
            rows = self._session.execute(
                select(DevicePort).where(
                    col(DevicePort.device_id) == device.id, col(DevicePort.gone).is_(None)
                )
            ).scalars()
            self._known[device.id] = {str(row.if_index): row for row in rows}
        port = self._known[device.id].get(index)
        if port is None:
            told = str(values.get("if_name") or values.get("if_descr") or f"ifIndex {index}")
            return told[:150], Importance("minor", "", "")
        return port.instance.removeprefix("port:"), importance(self._session, device.code, port)


class _Sources:
    """Which device an address is, for this poller; and counts of what came from it."""

    def __init__(self, session: Session, agent: Agent, now: datetime) -> None:
        self._session, self._agent, self._now = session, agent, now
        self._zone: str | None = None
        self._found: dict[str, Known | None] = {}
        self._rows: dict[str, TrapSource] = {}
        self._room: int | None = None

    def find(self, address: str) -> Known | None:
        """The one device of this address; where networks overlap, that of the poller's own."""
        if not address:
            return None
        if address not in self._found:
            self._found[address] = self._look_up(address)
        return self._found[address]

    def _look_up(self, address: str) -> Known | None:
        also = select(col(DeviceAddress.device_id)).where(col(DeviceAddress.address) == address)
        rows = self._session.execute(
            select(Device, Resource, col(Holding.unit_id))
            .join(Resource, col(Resource.id) == col(Device.id))
            .outerjoin(
                Holding,
                (col(Holding.resource_id) == col(Device.id)) & in_force(Holding, self._now),
            )
            .where(or_(col(Device.address) == address, col(Device.id).in_(also)))
        ).all()
        if len(rows) > 1:
            rows = [row for row in rows if row[0].network == self._own_zone()] or [
                row for row in rows if row[0].poller_id == self._agent.id
            ]
        if len(rows) != 1:
            return None
        device, resource, unit_id = rows[0]
        return Known(device.id, resource.code, resource.name, unit_id)

    def _own_zone(self) -> str:
        if self._zone is None:
            found = self._session.execute(
                select(col(Zone.name))
                .join(Holding, col(Holding.zone_id) == col(Zone.id))
                .where(
                    col(Holding.resource_id) == self._agent.resource_id,
                    in_force(Holding, self._now),
                )
            ).scalar()
            self._zone = found or ""
        return self._zone

    def count(self, address: str, name: str, more: int, device: Known | None) -> None:
        """Adds to a source's counts; beyond MOST_SOURCES new ones share one row."""
        row = self._row(address)
        setattr(row, name, getattr(row, name) + more)
        row.last_seen = self._now
        if device is not None and row.address:
            row.device_id = device.id
        self._session.add(row)

    def _row(self, address: str) -> TrapSource:
        if address in self._rows:
            return self._rows[address]
        row = self._session.get(TrapSource, (self._agent.id, address))
        if row is None and address and not self._is_room():
            return self._row("")
        if row is None:
            row = TrapSource(
                agent_id=self._agent.id, address=address, first_seen=self._now,
                last_seen=self._now,
            )  # fmt: skip
            self._room = (self._room or 0) - 1
        self._rows[address] = row
        return row

    def _is_room(self) -> bool:
        if self._room is None:
            known = self._session.execute(
                select(func.count())
                .select_from(TrapSource)
                .where(col(TrapSource.agent_id) == self._agent.id)
            ).scalar_one()
            self._room = MOST_SOURCES - known
        return self._room > 0


def _text(trap: dict[str, Any], name: str, most: int) -> str:
    value = trap.get(name, "")
    return value[:most] if isinstance(value, str) else ""


def _at(trap: dict[str, Any], now: datetime) -> datetime:
    """When the poller heard it; now where that cannot be."""
    told = trap.get("at_ms")
    if not isinstance(told, int) or isinstance(told, bool) or not 0 < told < 4_102_444_800_000:
        return now
    moment = datetime.fromtimestamp(told / 1000, UTC)
    return moment if moment <= now + MOST_AHEAD else now


def _variables(trap: dict[str, Any]) -> list[list[str]]:
    told = trap.get("variables")
    return [
        [str(each[0])[:200], str(each[1])[:200]]
        for each in (told if isinstance(told, list) else [])[:32]
        if isinstance(each, list) and len(each) == 2
    ]


TRAPS_DOCUMENT = DocumentKind("traps", take)
