"""Whether a port matters: a line of the register ends at it, a device hangs on it, or somebody
described it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, or_, select
from sqlmodel import Session, col

from controller.inventory.naming import fold
from controller.network.line_tables import Line
from controller.network.tables import DeviceNeighbour, DevicePort


@dataclass(frozen=True)
class Importance:
    """Severity of its being down ("": none), and why in both languages."""

    severity: str
    why_zh: str
    why_en: str


NOBODY = Importance("", "", "")


def importance(session: Session, code: str, port: DevicePort) -> Importance:
    """How much the port of the device ``code`` matters."""
    names = {fold(name) for name in names_of(port)}
    ends = session.execute(
        select(Line).where(
            col(Line.removed).is_(None),
            or_(
                func.lower(col(Line.a_device)) == code.lower(),
                func.lower(col(Line.b_device)) == code.lower(),
            ),
        )
    ).scalars()
    for line in ends:
        here = {fold(line.a_port)} if fold(line.a_device) == fold(code) else {fold(line.b_port)}
        if here & names:
            told = f"{line.operator} {line.number}".strip()
            return Importance("critical", f"线路 {told}", f"line {told}")
    neighbour = session.execute(
        select(col(DeviceNeighbour.remote_name))
        .where(
            col(DeviceNeighbour.device_id) == port.device_id,
            col(DeviceNeighbour.instance) == port.instance,
        )
        .limit(1)
    ).scalar()
    if neighbour is not None:
        return Importance("major", f"对端 {neighbour or '设备'}", f"towards {neighbour or 'gear'}")
    if port.alias:
        return Importance("minor", port.alias, port.alias)
    return NOBODY


def names_of(port: DevicePort) -> set[str]:
    """The names by which a register may call a port."""
    return {port.name, port.descr, port.instance.removeprefix("port:")} - {""}
