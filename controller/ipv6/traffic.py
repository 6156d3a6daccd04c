"""How much of the traffic is IPv6: bytes of both versions by day and owner, from the samples.

Rows carry no owner: hours are joined to the holding that was in force at their time. A host whose
agent tells only one version in an hour (an older agent) is left out of that hour altogether.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import delete, func, insert
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from controller.access.scope import Scope
from controller.inventory.dated import in_force
from controller.inventory.tables import Holding
from controller.ipv6.tables import Ipv6Traffic
from controller.runtime import Runtime
from controller.store.holdings import register_of
from controller.store.rollup_sql import window

SHANGHAI = ZoneInfo("Asia/Shanghai")
FIRST_DAYS = 30
"""How far back the first run of the daily job looks."""
AGAIN_DAYS = 3
"""Late rows: so many days are computed again every time."""
KEPT_DAYS = 3 * 366
FIXED_TARGET_PCT, MOBILE_TARGET_PCT = 27.0, 70.0
"""National targets for 2025: fixed and mobile networks."""

COLUMNS = {
    "host": ("net4_rx_bytes_s + net4_tx_bytes_s", "net6_rx_bytes_s + net6_tx_bytes_s"),
    "device": ("device_in4_bytes_s + device_out4_bytes_s",
               "device_in6_bytes_s + device_out6_bytes_s"),
    "port": ("port_in4_bytes_s + port_out4_bytes_s", "port_in6_bytes_s + port_out6_bytes_s"),
}  # fmt: skip
"""Of each sample table: bytes a second of IPv4 and of IPv6, both ways."""
KINDS = ("host", "device")


class Share(NamedTuple):
    """Bytes of both versions, in and out; ``subjects``: of so many hosts or devices (of several
    days: on the day with the most)."""

    v4_bytes: float
    v6_bytes: float
    subjects: int = 0

    @property
    def pct(self) -> float | None:
        """IPv6 of both in percent; None without traffic."""
        whole = self.v4_bytes + self.v6_bytes
        return round(100 * self.v6_bytes / whole, 2) if whole > 0 else None


NO_SHARE = Share(0.0, 0.0)


def day_start(day: date) -> datetime:
    """When the day began in Shanghai."""
    return datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)


def hourly(table: str, since_s: int, until_s: int) -> str:
    """A query of (resource, instance, time, v4, v6): bytes of each hour that has both versions."""
    v4, v6 = COLUMNS[table]
    # What a port says to the device itself is no traffic.
    which = "instance != 'port:lo'" if table == "port" else "instance = ''"
    return (
        f"SELECT resource, instance, time, seconds * ({v4}) AS v4, seconds * ({v6}) AS v6 "
        f"FROM {table}_1h FINAL WHERE {which} AND NOT isNaN({v4} + {v6}) "
        f"AND {window('time', since_s, until_s)}"
    )


def device_hours(since_s: int, until_s: int) -> str:
    """As ``hourly``, of devices: their system table, and where they have none, their ports."""
    own = hourly("device", since_s, until_s)
    ports = hourly("port", since_s, until_s)
    return (
        f"{own} UNION ALL SELECT * FROM ({ports}) "
        f"WHERE resource NOT IN (SELECT resource FROM ({own}))"
    )


def hours_of(kind: str, since_s: int, until_s: int) -> str:
    """The hours of a kind of subject."""
    return device_hours(since_s, until_s) if kind == "device" else hourly(kind, since_s, until_s)


def port_shares(
    runtime: Runtime, device: int, since: datetime, until: datetime
) -> dict[str, Share]:
    """Bytes of each port of a device in [since, until), by instance."""
    rows = hourly("port", int(since.timestamp()), int(until.timestamp()))
    answer = runtime.samples.query(
        f"SELECT instance, sum(v4) AS a, sum(v6) AS b FROM ({rows}) "
        "WHERE resource = {device:UInt32} GROUP BY instance",
        {"device": device},
    )
    names = ("instance", "a", "b")
    lines = zip(*(np.asarray(answer.get(name, [])).tolist() for name in names), strict=True)
    return {_text(name): Share(v4, v6, 1) for name, v4, v6 in lines}


def bytes_of(
    runtime: Runtime, since: datetime, until: datetime, kind: str = "host"
) -> dict[int, Share]:
    """Bytes of each host or device in [since, until), from hourly rows."""
    span = (int(since.timestamp()), int(until.timestamp()))
    answer = runtime.samples.query(
        f"SELECT resource, sum(v4) AS a, sum(v6) AS b FROM ({hours_of(kind, *span)}) "
        "GROUP BY resource"
    )
    rows = zip(
        *(np.asarray(answer.get(n, [])).tolist() for n in ("resource", "a", "b")), strict=True
    )
    return {int(ref): Share(v4, v6, 1) for ref, v4, v6 in rows}


def owner_days(runtime: Runtime, first: date, until: date) -> list[Row]:
    """Rows of Ipv6Traffic for the hosts of [first, until), joined to their owners of the hour."""
    register = register_of(runtime.database)
    holdings = register.read()
    register.push(runtime.samples, holdings, runtime.now())
    span = (int(day_start(first).timestamp()), int(day_start(until).timestamp()))
    answer = runtime.samples.query(
        f"SELECT toString(toDate(r.time, 'Asia/Shanghai')) AS day, h.unit AS unit, "
        f"h.system AS system, h.site AS site, sum(r.v4) AS a, sum(r.v6) AS b, "
        f"uniqExact(r.resource) AS n FROM ({hourly('host', *span)}) AS r "
        f"INNER JOIN (SELECT resource, since, until, unit, system, site FROM holding FINAL "
        f"WHERE snapshot = {int(holdings.snapshot)}) AS h ON r.resource = h.resource "
        "WHERE toInt64(toUnixTimestamp(r.time)) >= h.since "
        "AND toInt64(toUnixTimestamp(r.time)) < h.until "
        "GROUP BY day, unit, system, site"
    )
    names = ("day", "unit", "system", "site", "a", "b", "n")
    lines = zip(*(np.asarray(answer.get(name, [])).tolist() for name in names), strict=True)
    return [
        _row(date.fromisoformat(_text(day)), "host", (unit, system, site), Share(v4, v6, count))
        for day, unit, system, site, v4, v6, count in lines
    ]


def gear_days(runtime: Runtime, first: date, until: date) -> list[Row]:
    """As ``owner_days``, of devices, which are in no snapshot of the register: for who holds them
    when the day ends."""
    span = (int(day_start(first).timestamp()), int(day_start(until).timestamp()))
    answer = runtime.samples.query(
        "SELECT toString(toDate(time, 'Asia/Shanghai')) AS day, resource, sum(v4) AS a, "
        f"sum(v6) AS b FROM ({device_hours(*span)}) GROUP BY day, resource"
    )
    names = ("day", "resource", "a", "b")
    lines = zip(*(np.asarray(answer.get(name, [])).tolist() for name in names), strict=True)
    days: dict[date, dict[int, Share]] = defaultdict(dict)
    for day, resource, v4, v6 in lines:
        days[date.fromisoformat(_text(day))][int(resource)] = Share(v4, v6, 1)
    rows = []
    with runtime.database.read() as session:
        for day, shares_of in days.items():
            end = min(day_start(day + timedelta(days=1)), runtime.now())
            sums: dict[tuple[int, int, int], list[Share]] = defaultdict(list)
            for held in session.exec(
                select(Holding).where(
                    in_force(Holding, end), col(Holding.resource_id).in_(sorted(shares_of))
                )
            ):
                owner = (held.unit_id, held.system_id or 0, held.site_id or 0)
                sums[owner].append(shares_of[held.resource_id])
            rows += [
                _row(day, "device", owner, whole(mine)._replace(subjects=len(mine)))
                for owner, mine in sums.items()
            ]
    return rows


Row = dict[str, object]


def _row(day: date, kind: str, owner: tuple[int, int, int], share: Share) -> Row:
    unit, system, place = owner
    return {
        "day": day, "kind": kind, "unit_id": int(unit), "system_id": int(system),
        "place_id": int(place), "v4_bytes": share.v4_bytes, "v6_bytes": share.v6_bytes,
        "subjects": int(share.subjects),
    }  # fmt: skip


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def keep_days(runtime: Runtime, today: date) -> int:
    """Computes the days up to ``today`` (which is not over) that are missing or may have changed,
    and forgets very old ones; how many rows were written."""
    with runtime.database.read() as session:
        last = session.exec(select(func.max(col(Ipv6Traffic.day)))).one()
    first = today - timedelta(days=FIRST_DAYS)
    if last is not None:
        first = max(first, min(last, today) - timedelta(days=AGAIN_DAYS))
    tomorrow = today + timedelta(days=1)
    rows = owner_days(runtime, first, tomorrow) + gear_days(runtime, first, tomorrow)
    with runtime.database.write() as session:
        connection = session.connection()
        connection.execute(delete(Ipv6Traffic).where(col(Ipv6Traffic.day) >= first))
        connection.execute(
            delete(Ipv6Traffic).where(col(Ipv6Traffic.day) < today - timedelta(days=KEPT_DAYS))
        )
        if rows:
            connection.execute(insert(Ipv6Traffic), rows)
    return len(rows)


class Line(NamedTuple):
    """One day of a trend."""

    day: date
    share: Share


def trend(
    session: Session,
    scope: Scope,
    first: date,
    until: date,
    *,
    units: Iterable[int] | None = None,
    kind: str = "host",
) -> list[Line]:
    """The days of [first, until) that have traffic: of all in scope, or of these units."""
    statement = _limited(scope, first, until, units, kind)
    days: dict[date, Share] = {}
    for row in session.exec(statement):
        days[row.day] = _add(days.get(row.day, NO_SHARE), row)
    return [Line(day, days[day]) for day in sorted(days)]


def shares(
    session: Session, scope: Scope, first: date, until: date, by: str, kind: str = "host"
) -> dict[int, Share]:
    """Bytes of [first, until) by ``unit_id``, ``system_id`` or ``place_id``."""
    days: dict[int, dict[date, Share]] = defaultdict(dict)
    for row in session.exec(_limited(scope, first, until, None, kind)):
        mine = days[getattr(row, by)]
        mine[row.day] = _add(mine.get(row.day, NO_SHARE), row)
    return {key: whole(mine.values()) for key, mine in days.items()}


def whole(found: Iterable[Share]) -> Share:
    """All of them together; of several days, the hosts of the day with the most."""
    listed = list(found)
    return Share(
        sum(each.v4_bytes for each in listed),
        sum(each.v6_bytes for each in listed),
        max((each.subjects for each in listed), default=0),
    )


def _limited(
    scope: Scope, first: date, until: date, units: Iterable[int] | None, kind: str
) -> SelectOfScalar[Ipv6Traffic]:
    statement = select(Ipv6Traffic).where(
        col(Ipv6Traffic.kind) == kind,
        col(Ipv6Traffic.day) >= first,
        col(Ipv6Traffic.day) < until,
    )
    if units is not None:
        statement = statement.where(col(Ipv6Traffic.unit_id).in_(sorted(units)))
    if scope.unit_ids is not None:
        statement = statement.where(col(Ipv6Traffic.unit_id).in_(sorted(scope.unit_ids)))
    return statement


def _add(share: Share, row: Ipv6Traffic) -> Share:
    return Share(
        share.v4_bytes + row.v4_bytes, share.v6_bytes + row.v6_bytes, share.subjects + row.subjects
    )
