"""What the network's registers forget, so that nothing in them grows without a bound."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlmodel import Session, col

from controller.network.tables import DevicePoller, DevicePort, DeviceProposal

HANDED_OVER = timedelta(days=62)
"""Who polled a device once: a spool holds far less than two months."""
GONE = timedelta(days=400)
"""A port that a device names no more: as long as its five-minute rows are kept."""
MOST_GONE = 1_000
"""Of one device: hosts with containers make ports by the thousand."""
UNDECIDED = timedelta(days=180)


def purge(session: Session, now: datetime) -> int:
    """Forgets what is over; how many rows."""
    count = 0
    for statement in (
        delete(DevicePoller).where(col(DevicePoller.until) < now - HANDED_OVER),
        delete(DevicePort).where(col(DevicePort.gone) < now - GONE),
        delete(DeviceProposal).where(
            col(DeviceProposal.state) == "open", col(DeviceProposal.found) < now - UNDECIDED
        ),
    ):
        count += session.execute(statement).rowcount  # type: ignore[attr-defined]
    crowded = session.execute(
        select(col(DevicePort.device_id))
        .where(col(DevicePort.gone).is_not(None))
        .group_by(col(DevicePort.device_id))
        .having(func.count() > MOST_GONE)
    ).scalars()
    for device_id in list(crowded):
        oldest = (
            session.execute(
                select(col(DevicePort.id))
                .where(col(DevicePort.device_id) == device_id, col(DevicePort.gone).is_not(None))
                .order_by(col(DevicePort.gone).desc(), col(DevicePort.id).desc())
                .offset(MOST_GONE)
            )
            .scalars()
            .all()
        )
        for start in range(0, len(oldest), 500):
            session.execute(
                delete(DevicePort).where(col(DevicePort.id).in_(oldest[start : start + 500]))
            )
        count += len(oldest)
    return count
