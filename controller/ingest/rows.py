"""Plain JSON rows, for people and small integrations: checked, then sent through the same door.

An agent's rows become a batch under the number it gives. A person's become an import run, known
by the content: sent again they change nothing, and of two that differ the later run wins.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import defaultdict
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlmodel import Session, col

from collectors import catalog
from collectors.records import BatchId, Reading, encode_samples
from controller.access.scope import Scope
from controller.inventory.dated import in_force
from controller.inventory.tables import Holding, ImportRun, Resource
from controller.problems import Problem

MOST_BODY = 4 << 20
MOST_ROWS = 10_000
SOURCE = "import:rows"
OWN_KEYS = ("time", "interval_s", "instance", "resource", "values")


class Rows(NamedTuple):
    """A checked body: rows of one table."""

    table: str
    epoch: str
    seq: int | None
    readings: list[Reading]
    sha256: str


def parse(body: bytes, zone: str) -> Rows:
    """Reads ``{"table": "host", "rows": [{"time", "interval_s", "resource", "instance", metric:
    number …}]}``; raises Problem 422 that names the row.

    A time without a zone means ``zone``.
    """
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        raise Problem(422, "bad rows", "the body is not JSON") from None
    if not isinstance(told, dict) or not isinstance(told.get("rows"), list):
        raise Problem(422, "bad rows", 'send {"table": "host", "rows": [{…}]}')
    name = told.get("table", "host")
    try:
        table = catalog.table(name)
    except KeyError:
        raise Problem(422, "bad rows", f"there is no sample table {str(name)[:64]!r}") from None
    if len(told["rows"]) > MOST_ROWS:
        raise Problem(413, "too many rows", f"{len(told['rows'])} rows; at most {MOST_ROWS}")
    epoch, seq = told.get("epoch", ""), told.get("seq")
    if not isinstance(epoch, str) or len(epoch) > 64:
        raise Problem(422, "bad rows", "epoch is not a string up to 64 characters")
    if seq is not None and (not isinstance(seq, int) or isinstance(seq, bool) or seq < 1):
        raise Problem(422, "bad rows", "seq is not an integer from 1")
    metrics = frozenset(table.names)
    readings = [
        _reading(table.name, metrics, row, f"row {number}", zone)
        for number, row in enumerate(told["rows"], start=1)
    ]
    return Rows(table.name, epoch, seq, readings, hashlib.sha256(body).hexdigest())


def _reading(table: str, metrics: frozenset[str], row: Any, where: str, zone: str) -> Reading:
    if not isinstance(row, dict):
        raise Problem(422, "bad rows", f"{where}: not an object")
    instance, resource = row.get("instance", ""), row.get("resource", "")
    for key, word in (("instance", instance), ("resource", resource)):
        if not isinstance(word, str) or len(word) > 200:
            raise Problem(422, "bad rows", f"{where}, {key}: not a string up to 200 characters")
    interval = _number(row.get("interval_s", 60), where, "interval_s")
    values = {key: _number(value, where, key) for key, value in row.items() if key not in OWN_KEYS}
    if unknown := sorted(values.keys() - metrics):
        raise Problem(422, "bad rows", f"{where}: no such metric: {', '.join(unknown)[:200]}")
    time_ms = _time(row.get("time"), where, zone)
    return Reading(table, instance, time_ms, interval, values, resource)


def _number(value: Any, where: str, key: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Problem(422, "bad rows", f"{where}, {key[:64]}: not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise Problem(422, "bad rows", f"{where}, {key[:64]}: not a finite number")
    return number


def _time(value: Any, where: str, zone: str) -> int:
    """Epoch seconds or RFC 3339 as milliseconds since 1970."""
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e11:
        return round(value * 1000)
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise Problem(
            422, "bad rows", f"{where}, time: neither RFC 3339 nor epoch seconds"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(zone))
    return round(moment.timestamp() * 1000)


def wire_of_agent(rows: Rows, agent: str) -> bytes:
    """The batch that an agent's rows are. Raises Problem 422 without a number."""
    if rows.seq is None or not rows.epoch:
        raise Problem(
            422, "bad rows", "an agent's rows need epoch and seq, so that a retry is known"
        )
    return _encode(BatchId(agent, rows.epoch, rows.seq), rows.table, rows.readings)


def wires_by_resource(rows: Rows, resources: dict[str, int]) -> list[tuple[int, bytes]]:
    """One batch per resource: (resource id, wire). The id is not used."""
    parted: dict[int, list[Reading]] = defaultdict(list)
    for number, reading in enumerate(rows.readings, start=1):
        resource = resources.get(reading.resource)
        if resource is None:
            raise Problem(
                403 if reading.resource else 422,
                "unknown resource",
                f"row {number}: no resource {reading.resource!r} that you may write",
            )
        parted[resource].append(reading._replace(resource=""))
    name = BatchId("rows", "rows", 0)
    return [(resource, _encode(name, rows.table, each)) for resource, each in parted.items()]


def _encode(batch_id: BatchId, table: str, readings: list[Reading]) -> bytes:
    metrics = tuple((metric.name, metric.type) for metric in catalog.table(table).metrics)
    try:
        return encode_samples(batch_id, table, metrics, readings)
    except (OverflowError, ValueError, KeyError) as error:
        raise Problem(422, "bad rows", f"a value cannot be kept: {error}") from None


def resources_in_scope(
    session: Session, scope: Scope, codes: set[str], at: datetime
) -> dict[str, int]:
    """Code to id of the resources that the caller's units hold now."""
    statement = (
        select(col(Resource.code), col(Resource.id))
        .join(Holding, col(Holding.resource_id) == col(Resource.id))
        .where(col(Resource.code).in_(sorted(codes)), in_force(Holding, at))
    )
    return {
        code: resource or 0
        for code, resource in session.execute(scope.limit(statement, col(Holding.unit_id)))
    }


def run_of(session: Session, rows: Rows, by: str, now: datetime) -> int:
    """The import run these rows are: the one of the same content, else a new one."""
    known = session.execute(
        select(col(ImportRun.id)).where(
            col(ImportRun.kind) == "rows", col(ImportRun.sha256) == rows.sha256
        )
    ).scalar()
    if known is not None:
        return int(known)
    run = ImportRun(
        kind="rows",
        file_name="",
        sha256=rows.sha256,
        at=now,
        by=by,
        outcome={"rows": len(rows.readings), "table": rows.table},
    )
    session.add(run)
    session.flush()
    return run.id or 0
