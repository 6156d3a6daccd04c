"""The trend of IPv6 in traffic, as pages and the API show it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from sqlmodel import Session, col, select

from controller.access.scope import Scope
from controller.inventory.resources import unit_names
from controller.inventory.tables import BusinessSystem, Site
from controller.ipv6 import traffic
from controller.ipv6.model import TrafficDay, TrafficPart, TrafficTrend

By = Literal["unit", "system", "place"]
Kind = Literal["host", "device"]


def read_trend(
    session: Session,
    scope: Scope,
    first: date,
    until: date,
    by: By,
    now: datetime,
    kind: Kind = "host",
) -> TrafficTrend:
    """The days of [first, until) of hosts or devices, and the owners' shares of the whole period,
    the most traffic first. A host that changed hands counts for each owner in its time."""
    lines = traffic.trend(session, scope, first, until, kind=kind)
    parts = traffic.shares(session, scope, first, until, f"{by}_id", kind)
    names = _names(session, by, set(parts), now)
    return TrafficTrend(
        since=first,
        until=until,
        pct=traffic.whole(line.share for line in lines).pct,
        fixed_target_pct=traffic.FIXED_TARGET_PCT,
        mobile_target_pct=traffic.MOBILE_TARGET_PCT,
        days=[
            TrafficDay(
                day=line.day,
                v4_bytes=line.share.v4_bytes,
                v6_bytes=line.share.v6_bytes,
                pct=line.share.pct,
                hosts=line.share.subjects,
            )
            for line in lines
        ],
        by=by,
        parts=sorted(
            (
                TrafficPart(
                    name=names.get(key, ""),
                    v4_bytes=share.v4_bytes,
                    v6_bytes=share.v6_bytes,
                    pct=share.pct,
                    hosts=share.subjects,
                )
                for key, share in parts.items()
            ),
            key=lambda part: -(part.v4_bytes + part.v6_bytes),
        ),
    )


def _names(session: Session, by: By, keys: set[int], now: datetime) -> dict[int, str]:
    if by == "unit":
        return unit_names(session, keys, now)
    table: type[BusinessSystem] | type[Site] = BusinessSystem if by == "system" else Site
    rows = session.exec(select(col(table.id), col(table.name)).where(col(table.id).in_(keys)))
    return {number: name for number, name in rows if number is not None}
