"""One device in full: indicators, and IPv6 in the traffic of each of its ports."""

from __future__ import annotations

from datetime import timedelta

from sqlmodel import col, select

from controller.access.scope import Scope
from controller.analysis.ipv6 import Index
from controller.ipv6.devices import documents, list_gear
from controller.ipv6.hosts import HISTORY, host_views
from controller.ipv6.model import DeviceDetail, PortView
from controller.ipv6.subjects import DEVICE
from controller.ipv6.tables import Ipv6Day
from controller.ipv6.traffic import port_shares
from controller.ipv6.views import indicators
from controller.network.devices import find_device
from controller.runtime import Runtime

DAYS = timedelta(days=7)


def device_detail(
    runtime: Runtime, scope: Scope, code: str, index: Index, language: str
) -> DeviceDetail:
    """Raises NotFound, also for another unit's."""
    now = runtime.now()
    with runtime.database.read() as session:
        device = find_device(session, scope, code, now)
        subject = next(
            each for each in list_gear(session, scope, index, now) if each.ref == device.id
        )
        view = host_views(session, [subject], now)[0]
        told = documents(session, [device]).get(device.id)
        days = session.exec(
            select(Ipv6Day)
            .where(col(Ipv6Day.level) == DEVICE, col(Ipv6Day.ref) == device.id)
            .order_by(col(Ipv6Day.day).desc())
            .limit(HISTORY)
        ).all()
    shares = port_shares(runtime, device.id, now - DAYS, now)
    judged = subject.evaluation
    return DeviceDetail(
        **view.model_dump(),
        indicators=indicators(judged, index.of(DEVICE), language) if judged else [],
        document=told,
        ports=sorted(
            (
                PortView(
                    instance=name.removeprefix("port:"),
                    v4_bytes=share.v4_bytes,
                    v6_bytes=share.v6_bytes,
                    pct=share.pct,
                )
                for name, share in shares.items()
            ),
            key=lambda port: -(port.v4_bytes + port.v6_bytes),
        ),
        history=[(day.day, day.score) for day in days],
    )
