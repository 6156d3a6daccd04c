"""What links carried over a period: by link (a port of a device), device, site or unit.

A figure of a device, site or unit is of the sums of its ports, bucket by bucket. Who held a device
where is dated and joined at the row's time. Figures are of five-minute means: P95 is the nearest
rank of them; an average is weighted by the time measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict
from sqlalchemy import or_, select
from sqlmodel import Session, col

from controller.access.scope import Scope
from controller.inventory.resources import unit_names
from controller.inventory.tables import Holding, Resource, Site, Unit
from controller.network.line_ends import ends_of
from controller.network.line_model import LineView
from controller.network.lines import list_lines
from controller.network.tables import Device, DevicePort
from controller.problems import Problem
from controller.runtime import Runtime
from controller.store import statistics as st
from controller.store.rollup_sql import window

By = Literal["link", "device", "site", "unit"]
NO_LINKS = ("softwareLoopback", "l2vlan", "l3ipvlan", "tunnel", "propVirtual", "other", "null")
"""Types of ports that are no links: what they carry is counted at the port below them."""
MOST_ROWS = 20_000


class LinkUsage(BaseModel):
    """One link, device, site or unit over [from, to). Rates in bit/s, shares in percent.

    ``in_used_pct`` and ``out_used_pct`` are P95 against ``contracted_bit_s`` where a line is
    contracted for the link, else against the port's speed. ``availability_pct``: of the time that
    was measured the port was up, or the device answered. ``coverage_pct``: how much was measured.
    """

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "example": {
                "by": "link", "key": "core-1 GE1/0/1", "name": "至临江", "device": "core-1",
                "port": "GE1/0/1", "unit": "市数据局", "site": "主中心", "links": 1,
                "in_avg_bit_s": 1.2e8, "in_p95_bit_s": 4.1e8, "out_avg_bit_s": 3.3e7,
                "out_p95_bit_s": 9.0e7, "speed_bit_s": 1e9, "contracted_bit_s": 5e8,
                "line": "电信 L-1", "in_used_pct": 82.0, "out_used_pct": 18.0, "errors": 12.0,
                "discards": 0.0, "availability_pct": 99.98, "coverage_pct": 100.0,
            }
        },
    )  # fmt: skip

    by: str
    key: str
    name: str
    device: str = ""
    instance: str = ""
    port: str = ""
    unit: str = ""
    site: str = ""
    links: int = 0
    in_avg_bit_s: float | None = None
    in_p95_bit_s: float | None = None
    out_avg_bit_s: float | None = None
    out_p95_bit_s: float | None = None
    speed_bit_s: float | None = None
    contracted_bit_s: float | None = None
    line: str = ""
    in_used_pct: float | None = None
    out_used_pct: float | None = None
    errors: float | None = None
    discards: float | None = None
    availability_pct: float | None = None
    coverage_pct: float | None = None


def link_usage(
    runtime: Runtime,
    scope: Scope,
    since: datetime,
    until: datetime,
    by: By,
    *,
    unit_ids: frozenset[int] | None = None,
    device_id: int | None = None,
) -> list[LinkUsage]:
    """The rows, busiest first. ``unit_ids`` and ``device_id`` narrow. Raises Problem 422."""
    if until <= since:
        raise Problem(422, "empty period", "from is not before to")
    with runtime.database.read() as session:
        held = _held(session, scope, since, until, unit_ids, device_id)
        if not held:
            return []
        names = _Names(session, held, runtime.now())
        lines = _lines(session, scope, runtime.now()) if by == "link" else {}
    keys = {"link": "resource", "device": "resource", "site": "site", "unit": "unit"}
    start = int(since.timestamp())
    end = min(int(until.timestamp()), int(runtime.now().timestamp()))
    found = _figures(runtime, held, start, end, keys[by], by == "link", names.skipped)
    rows = [
        _row(by, figures, names, lines.get((figures["key"], figures["instance"])))
        for figures in found
        if by != "link" or (figures["key"], figures["instance"]) in names.ports
    ]
    if by != "link":
        _add_availability(runtime, held, start, end, keys[by], rows, found)
    rows.sort(key=_busiest)
    return rows[:MOST_ROWS]


def _held(
    session: Session,
    scope: Scope,
    since: datetime,
    until: datetime,
    unit_ids: frozenset[int] | None,
    device_id: int | None,
) -> list[dict[str, Any]]:
    """Who held which device where, within the period."""
    statement = (
        select(Holding)
        .join(Device, col(Device.id) == col(Holding.resource_id))
        .where(
            col(Holding.since) < until,
            or_(col(Holding.until).is_(None), col(Holding.until) > since),
        )
    )
    if unit_ids is not None:
        statement = statement.where(col(Holding.unit_id).in_(sorted(unit_ids)))
    if device_id is not None:
        statement = statement.where(col(Holding.resource_id) == device_id)
    return [
        {
            "resource": row.resource_id,
            "since": int(max(row.since, since).timestamp()),
            "until": int(min(row.until or until, until).timestamp()),
            "unit": row.unit_id,
            "site": row.site_id or 0,
        }
        for row in session.execute(scope.limit(statement, col(Holding.unit_id))).scalars()
    ]


class _Names:
    """What the rows are called."""

    def __init__(self, session: Session, held: list[dict[str, Any]], now: datetime) -> None:
        ids = sorted({each["resource"] for each in held})
        self.devices: dict[int, tuple[str, str]] = {}
        self.ports: dict[tuple[int, str], DevicePort] = {}
        self.skipped: set[tuple[int, str]] = set()
        for start in range(0, len(ids), 500):
            chunk = ids[start : start + 500]
            for resource in session.execute(
                select(Resource).where(col(Resource.id).in_(chunk))
            ).scalars():
                self.devices[resource.id] = (resource.code, resource.name)
            for port in session.execute(
                select(DevicePort).where(col(DevicePort.device_id).in_(chunk))
            ).scalars():
                place = (port.device_id, port.instance)
                if port.kind in NO_LINKS:
                    self.skipped.add(place)
                else:
                    self.ports[place] = port
        self.sites = {row.id or 0: row.name for row in session.execute(select(Site)).scalars()}
        units = {each["unit"] for each in held}
        self.units = unit_names(session, units, now)
        self.codes = {
            row.id or 0: row.code
            for row in session.execute(
                select(Unit).where(col(Unit.id).in_(sorted(units)))
            ).scalars()
        }
        self.last = {each["resource"]: each for each in sorted(held, key=lambda e: e["since"])}
        """The last holding of each device within the period."""


def _lines(session: Session, scope: Scope, now: datetime) -> dict[tuple[int, str], LineView]:
    lines = {line.id: line for line in list_lines(session, scope, now)}
    found: dict[tuple[int, str], LineView] = {}
    for line_id, ends in ends_of(session, lines.values()).items():
        for end in ends:
            found[end.device_id, end.instance] = lines[line_id]
    return found


RATES = ("in_bytes_s", "out_bytes_s", "in_errors_s", "out_errors_s", "in_discards_s",
         "out_discards_s")  # fmt: skip


def _figures(
    runtime: Runtime,
    held: list[dict[str, Any]],
    start: int,
    end: int,
    key: str,
    by_port: bool,
    skipped: set[tuple[int, str]],
) -> list[dict[str, Any]]:
    instance = "p.instance" if by_port else "''"
    sums = ", ".join(f"{st.total(f'p.port_{name}')} AS {name}" for name in RATES)
    answer = runtime.samples.query(
        f"""
SELECT key, instance, max(n) AS links,
  avgWeighted(in_bytes_s, secs) AS in_avg, {st.percentile("in_bytes_s", 0.95)} AS in_p95,
  avgWeighted(out_bytes_s, secs) AS out_avg, {st.percentile("out_bytes_s", 0.95)} AS out_p95,
  sum((in_errors_s + out_errors_s) * secs) AS errors,
  sum((in_discards_s + out_discards_s) * secs) AS discards,
  max(speed) AS speed, sum(up * secs) / sum(secs) AS up, sum(secs) AS seconds
FROM (
  SELECT h.{key} AS key, {instance} AS instance, p.time AS time, {sums},
    count() AS n, max(p.seconds) AS secs, {st.mean("p.port_up_pct")} AS up,
    {st.highest("p.port_speed_bit_s")} AS speed
  FROM port_5m AS p FINAL INNER JOIN held AS h ON p.resource = h.resource
  WHERE {window("p.time", start, end)}
    AND toInt64(toUnixTimestamp(p.time)) >= h.since AND toInt64(toUnixTimestamp(p.time)) < h.until
    AND not isNaN(p.port_in_bytes_s)
    AND (p.resource, p.instance) NOT IN (SELECT resource, instance FROM skipped)
  GROUP BY key, instance, p.time
) GROUP BY key, instance""",
        external={
            "held": _external(held),
            "skipped": [
                ("resource", "UInt32", np.array([d for d, _ in skipped] or [0], np.uint32)),
                ("instance", "String", np.array([p for _, p in skipped] or [""], object)),
            ],
        },
    )  # fmt: skip
    columns = {name: list(values) for name, values in answer.items()}
    count = len(columns.get("key", []))
    span = max(1, end - start)
    return [
        {name: values[at] for name, values in columns.items()}
        | {"key": int(columns["key"][at]), "instance": str(columns["instance"][at]), "span": span}
        for at in range(count)
    ]


def _external(held: list[dict[str, Any]]) -> list[tuple[str, str, Any]]:
    """Who held which device where, as a table of one query."""
    columns = (
        ("resource", "UInt32", np.uint32), ("since", "Int64", np.int64),
        ("until", "Int64", np.int64), ("unit", "UInt32", np.uint32), ("site", "UInt32", np.uint32),
    )  # fmt: skip
    return [
        (name, kind, np.array([each[name] for each in held], dtype))
        for name, kind, dtype in columns
    ]


def _row(by: By, told: dict[str, Any], names: _Names, line: LineView | None) -> LinkUsage:
    figures = {
        "links": int(told["links"]),
        "in_avg_bit_s": _bits(told["in_avg"]),
        "in_p95_bit_s": _bits(told["in_p95"]),
        "out_avg_bit_s": _bits(told["out_avg"]),
        "out_p95_bit_s": _bits(told["out_p95"]),
        "errors": _known(told["errors"]),
        "discards": _known(told["discards"]),
        "coverage_pct": min(100.0, 100.0 * float(told["seconds"]) / told["span"]),
    }
    number = told["key"]
    if by == "site":
        name = names.sites.get(number, "")
        return LinkUsage(by=by, key=name, name=name, site=name, **figures)
    if by == "unit":
        return LinkUsage(
            by=by, key=names.codes.get(number, ""), name=names.units.get(number, ""),
            unit=names.units.get(number, ""), **figures,
        )  # fmt: skip
    code, title = names.devices[number]
    last = names.last[number]
    place = {"unit": names.units.get(last["unit"], ""), "site": names.sites.get(last["site"], "")}
    if by == "device":
        return LinkUsage(by=by, key=code, name=title, device=code, **place, **figures)
    port = names.ports[number, told["instance"]]
    speed = _known(told["speed"]) or port.speed_bit_s
    contracted = line.bandwidth_bit_s if line else None
    most = contracted or speed
    return LinkUsage(
        by=by,
        key=f"{code} {port.name}",
        name=port.alias or (f"{line.operator} {line.number}" if line else ""),
        device=code,
        instance=port.instance,
        port=port.name,
        line=f"{line.operator} {line.number}" if line else "",
        speed_bit_s=speed,
        contracted_bit_s=contracted,
        in_used_pct=_share(figures["in_p95_bit_s"], most),
        out_used_pct=_share(figures["out_p95_bit_s"], most),
        availability_pct=_known(told["up"]),
        **place,
        **figures,
    )


def _add_availability(
    runtime: Runtime,
    held: list[dict[str, Any]],
    start: int,
    end: int,
    key: str,
    rows: list[LinkUsage],
    found: list[dict[str, Any]],
) -> None:
    """Share of the measured time in which the devices answered."""
    answer = runtime.samples.query(
        f"""
SELECT h.{key} AS key, {st.weighted_mean("p.device_up_pct", "p.seconds")} AS up
FROM device_5m AS p FINAL INNER JOIN held AS h ON p.resource = h.resource
WHERE {window("p.time", start, end)} AND p.instance = ''
  AND toInt64(toUnixTimestamp(p.time)) >= h.since AND toInt64(toUnixTimestamp(p.time)) < h.until
GROUP BY key""",
        external={
            "held": _external(held),
        },
    )  # fmt: skip
    up = dict(zip(map(int, answer.get("key", [])), map(float, answer.get("up", [])), strict=True))
    for at, told in enumerate(found):
        rows[at] = rows[at].model_copy(
            update={"availability_pct": _known(up.get(told["key"], math.nan))}
        )


def _busiest(row: LinkUsage) -> tuple[float, float, str]:
    share = max(row.in_used_pct or 0, row.out_used_pct or 0)
    return (-share, -((row.in_p95_bit_s or 0) + (row.out_p95_bit_s or 0)), row.key)


def _known(value: Any) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None


def _bits(value: Any) -> float | None:
    number = _known(value)
    return None if number is None else number * 8


def _share(bits: float | None, most: float | None) -> float | None:
    return None if bits is None or not most else 100.0 * bits / most


COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("key", "对象", "Object"),
    ("name", "说明", "Name"),
    ("device", "设备", "Device"),
    ("port", "端口", "Port"),
    ("unit", "单位", "Unit"),
    ("site", "站点", "Site"),
    ("line", "线路", "Line"),
    ("links", "端口数", "Ports"),
    ("in_avg_bit_s", "入均值 bit/s", "In, mean bit/s"),
    ("in_p95_bit_s", "入 P95 bit/s", "In, P95 bit/s"),
    ("out_avg_bit_s", "出均值 bit/s", "Out, mean bit/s"),
    ("out_p95_bit_s", "出 P95 bit/s", "Out, P95 bit/s"),
    ("speed_bit_s", "端口速率 bit/s", "Speed bit/s"),
    ("contracted_bit_s", "合同带宽 bit/s", "Contracted bit/s"),
    ("in_used_pct", "入利用率 %", "In used %"),
    ("out_used_pct", "出利用率 %", "Out used %"),
    ("errors", "错包", "Errors"),
    ("discards", "丢弃", "Discards"),
    ("availability_pct", "可用率 %", "Available %"),
    ("coverage_pct", "数据完整率 %", "Coverage %"),
)
"""Of files: field, and its head in both languages."""


def sheet(rows: Iterable[LinkUsage], language: str) -> tuple[list[str], list[list[Any]]]:
    """Heads and rows of a file."""
    place = 1 if language == "zh" else 2
    cells = [[_rounded(getattr(row, column[0])) for column in COLUMNS] for row in rows]
    return [column[place] for column in COLUMNS], cells


def _rounded(value: Any) -> Any:
    return round(value, 3) if isinstance(value, float) else value
