"""What is forecast: the series of pools, of hosts' registered lines and of file systems."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import or_, select
from sqlmodel import Session, col

from collectors.catalog import HOST, PORT
from controller.inventory.dated import in_force
from controller.inventory.tables import Holding, Resource
from controller.store import statistics as st
from controller.store.rollup_sql import window
from controller.store.samples import Samples

Floats = NDArray[np.float64]

HISTORY_DAYS = 84
"""Twelve weeks: enough for a rhythm and a trend, little enough to follow a change."""
BITS = 8.0
LINE_SHARE = 0.8
"""A line is full at this share of its bandwidth: beyond, queues grow."""
LINE_FROM, VOLUME_FROM = 0.5, 40.0
"""Below this share of the line, and this percentage of the volume, nothing is near its limit."""
SLICE = 400
"""Hourly series of one statement."""


@dataclass(frozen=True)
class Volume:
    """A file system's days: ``day`` counts from the epoch in the controller's zone."""

    resource: int
    instance: str
    day: Floats
    used: Floats
    size: Floats


@dataclass(frozen=True)
class Line:
    """A host's line or a device's port: hourly rates in bytes a second, both ways, NaN where a gap
    is. ``instance`` is the port's."""

    resource: int
    instance: str
    bytes_s: float
    sent: Floats
    received: Floats


def volumes(
    samples: Samples, end: int, zone: str, *, only: tuple[int, str] | None = None
) -> tuple[list[Volume], int]:
    """File systems that are at least ``VOLUME_FROM`` full, and how many there are in all."""
    start = end - HISTORY_DAYS * st.DAY_S
    systems = "(instance = '' OR startsWith(instance, 'fs:'))"
    lately = window("time", end - 2 * st.DAY_S, end)
    parameters: dict[str, Any] = {"zone": zone, "least": VOLUME_FROM}
    which = (
        f"(resource, instance) IN (SELECT resource, instance FROM {HOST.name}_1h FINAL "
        f"WHERE {lately} AND {systems} GROUP BY resource, instance "
        "HAVING max(disk_used_pct) >= {least:Float64})"
    )
    if only is not None:
        parameters |= {"resource": only[0], "instance": only[1]}
        which = "resource = {resource:UInt32} AND instance = {instance:String}"
    answer = samples.query(
        f"SELECT resource, instance, toRelativeDayNum(time, {{zone:String}}) AS day, "
        "avg(disk_used_bytes) AS used, argMax(disk_total_bytes, time) AS size "
        f"FROM {HOST.name}_1h FINAL WHERE {window('time', start, end)} AND {which} "
        "AND not isNaN(disk_used_bytes) AND disk_total_bytes > 0 "
        "GROUP BY resource, instance, day ORDER BY resource, instance, day",
        parameters,
    )
    counted = samples.query(
        f"SELECT uniqExact(resource, instance) AS n FROM {HOST.name}_1h "
        f"WHERE {lately} AND {systems} AND not isNaN(disk_used_bytes)"
    )
    total = int(counted["n"][0]) if len(counted.get("n", [])) else 0
    resource = np.asarray(answer.get("resource", []), np.int64)
    if not len(resource):
        return [], total
    instance = np.asarray(answer["instance"], dtype=object)
    columns = [np.asarray(answer[name], np.float64) for name in ("day", "used", "size")]
    found = [
        Volume(int(resource[first]), str(instance[first]), *(c[first:last] for c in columns))
        for first, last in _runs(resource, instance)
    ]
    if only is None:
        apart = {each.resource for each in found if each.instance}
        # The whole host stands for its disks where nobody tells its file systems apart.
        found = [each for each in found if each.instance or each.resource not in apart]
    return found, total


def _runs(*columns: NDArray[Any]) -> Iterator[tuple[int, int]]:
    """(first, last) of each run of equal rows."""
    changed = np.zeros(len(columns[0]), bool)
    changed[0] = True
    for column in columns:
        changed[1:] |= column[1:] != column[:-1]
    starts = [*np.flatnonzero(changed).tolist(), len(columns[0])]
    yield from pairwise(starts)


def registered_lines(session: Session, now: datetime) -> dict[int, float]:
    """Resource to the bytes a second of its registered line."""
    rows = session.execute(
        select(col(Holding.resource_id), col(Holding.bandwidth_bit_s))
        .join(Resource, col(Resource.id) == col(Holding.resource_id))
        .where(in_force(Holding, now), col(Holding.bandwidth_bit_s) > 0)
        .where(or_(col(Resource.retired).is_(None), col(Resource.retired) > now))
    )
    return {resource: rate / BITS for resource, rate in rows}


def busy_lines(samples: Samples, lines: dict[int, float], end: int) -> list[int]:
    """Those whose busiest hour of the last week reached ``LINE_FROM`` of the line, the fullest
    first."""
    if not lines:
        return []
    answer = samples.query(
        "SELECT resource, greatest(maxOrDefaultIf(net_tx_bytes_s, not isNaN(net_tx_bytes_s)), "
        "maxOrDefaultIf(net_rx_bytes_s, not isNaN(net_rx_bytes_s))) AS top "
        f"FROM {HOST.name}_1h FINAL WHERE {window('time', end - 7 * st.DAY_S, end)} "
        "AND instance = '' GROUP BY resource"
    )
    tops = zip(
        np.asarray(answer.get("resource", []), np.int64).tolist(),
        np.asarray(answer.get("top", []), np.float64).tolist(),
        strict=True,
    )
    shares = {key: top / lines[key] for key, top in tops if key in lines}
    busy = [key for key, share in shares.items() if share >= LINE_FROM]
    return sorted(busy, key=lambda key: (-shares[key], key))


def line_series(
    samples: Samples, lines: dict[int, float], wanted: Sequence[int], end: int
) -> Iterator[Line]:
    """The hourly series of the ``wanted`` ones."""
    hours = HISTORY_DAYS * 24
    start = (end // st.HOUR_S - hours) * st.HOUR_S
    for at in range(0, len(wanted), SLICE):
        chosen = wanted[at : at + SLICE]
        answer = samples.query(
            "SELECT resource, toUInt32(time) AS at, net_tx_bytes_s AS sent, "
            f"net_rx_bytes_s AS received FROM {HOST.name}_1h FINAL "
            f"WHERE {window('time', start, end)} AND instance = '' "
            f"AND resource IN ({', '.join(map(str, chosen))})"
        )
        keys = np.asarray(answer.get("resource", []), np.int64)
        if not len(keys):
            continue
        hour = (np.asarray(answer["at"], np.int64) - start) // st.HOUR_S
        for key in chosen:
            mine = keys == key
            sent, received = np.full(hours, np.nan), np.full(hours, np.nan)
            sent[hour[mine]] = np.asarray(answer["sent"], np.float64)[mine]
            received[hour[mine]] = np.asarray(answer["received"], np.float64)[mine]
            yield Line(key, "", lines[key], _since_first(sent), _since_first(received))


def busy_ports(samples: Samples, end: int) -> tuple[list[tuple[int, str, float]], int]:
    """(resource, instance, bytes a second of the port) of those whose busiest hour of the last week
    reached ``LINE_FROM`` of the port, the fullest first; and how many ports have a speed."""
    answer = samples.query(
        "SELECT resource, instance, argMax(port_speed_bit_s, time) AS speed, "
        "maxOrDefaultIf(port_in_bytes_s, not isNaN(port_in_bytes_s)) AS received, "
        "maxOrDefaultIf(port_out_bytes_s, not isNaN(port_out_bytes_s)) AS sent "
        f"FROM {PORT.name}_1h FINAL WHERE {window('time', end - 7 * st.DAY_S, end)} "
        "AND port_speed_bit_s > 0 GROUP BY resource, instance"
    )
    found = []
    for number, instance, speed, received, sent in zip(
        *(answer.get(name, []) for name in ("resource", "instance", "speed", "received", "sent")),
        strict=True,
    ):
        share = BITS * max(float(received), float(sent)) / float(speed)
        found.append((share, int(number), str(instance), float(speed) / BITS))
    busy = sorted((each for each in found if each[0] >= LINE_FROM), reverse=True)
    return [each[1:] for each in busy], len(found)


def port_series(
    samples: Samples, wanted: Sequence[tuple[int, str, float]], end: int
) -> Iterator[Line]:
    """The hourly series of the ``wanted`` ports, as ``busy_ports`` names them."""
    hours = HISTORY_DAYS * 24
    start = (end // st.HOUR_S - hours) * st.HOUR_S
    for resource, instance, bytes_s in wanted:
        answer = samples.query(
            "SELECT toUInt32(time) AS at, port_out_bytes_s AS sent, port_in_bytes_s AS received "
            f"FROM {PORT.name}_1h FINAL WHERE {window('time', start, end)} "
            "AND resource = {resource:UInt32} AND instance = {instance:String}",
            {"resource": resource, "instance": instance},
        )
        hour = (np.asarray(answer.get("at", []), np.int64) - start) // st.HOUR_S
        sent, received = np.full(hours, np.nan), np.full(hours, np.nan)
        if len(hour):
            sent[hour] = np.asarray(answer["sent"], np.float64)
            received[hour] = np.asarray(answer["received"], np.float64)
        yield Line(resource, instance, bytes_s, _since_first(sent), _since_first(received))


def _since_first(series: Floats) -> Floats:
    """Without the hours before there was any: a new line has a short history, not a gap."""
    known = np.flatnonzero(~np.isnan(series))
    return series[known[0] :] if len(known) else series[:0]
