"""Reading the three sides of a reconciliation, each in a few set-wide queries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlmodel import Session, col

from controller.access.scope import Scope
from controller.ingest.tables import Agent
from controller.inventory.resources import unit_names
from controller.inventory.tables import Unit
from controller.ledger import mapping as mappings
from controller.ledger.compare import Owner
from controller.ledger.imports import last_confirmed, read_document
from controller.ledger.match_rows import Known
from controller.ledger.reconcile import (
    AgentSide,
    PlatformSide,
    Reconciliation,
    Tolerances,
    reconcile,
)
from controller.ledger.register import MEASURED, covered, owner_finder, read_known
from controller.runtime import Runtime
from controller.store.samples import Samples


@dataclass(frozen=True)
class Measured:
    """The last measurement of a resource within the days asked, and the sizes it told."""

    at: datetime
    mem_bytes: float | None
    disk_bytes: float | None


def read_reconciliation(
    runtime: Runtime, scope: Scope, now: datetime
) -> tuple[Reconciliation, dict[int, tuple[str, str]]]:
    """The three sides as far as ``scope`` may see them, and unit id -> (code, name).

    A platform's row that is no resource belongs to the unit it names; one without a known owner is
    for the whole city only. Raises what ``Samples.query`` raises.
    """
    settings = runtime.settings.ledger
    measured = last_measured(runtime.samples, now - timedelta(days=settings.silent_days), now)
    with runtime.database.read() as session:
        known = [
            each
            for each in read_known(session, now)
            if each.kind in MEASURED and not each.retired and scope.allows(each.unit_id)
        ]
        held = {each.id for each in known}
        platform, expected = _platform(session, known, now)
        platform = [
            row
            for row in platform
            if row.resource_id in held or (row.resource_id is None and scope.allows(row.owner))
        ]
        agents = [
            each
            for each in _agents(session, measured)
            if each.resource_id in held
            or (scope.allows(each.unit_id) and (each.resource_id is None or scope.everything))
        ]
        units = _units(session, now)
    result = reconcile(
        known,
        platform,
        agents,
        {key: each.at for key, each in measured.items()},
        expected,
        Tolerances(
            settings.vcpu_tolerance, settings.mem_tolerance_pct, settings.disk_tolerance_pct
        ),
    )
    return result, units


RECENT = timedelta(hours=6)
"""Within it five-minute rows are looked at too: an hour is there only when it is over."""


def last_measured(samples: Samples, since: datetime, now: datetime) -> dict[int, Measured]:
    """Resource -> its last measurement from ``since`` on, by agents or imports."""
    columns = "resource, time, mem_total_bytes AS mem, disk_total_bytes AS disk"
    start, recent = int(since.timestamp()), int((now - RECENT).timestamp())
    answer = samples.query(
        "SELECT resource, toInt64(toUnixTimestamp(max(time))) AS at, "
        "argMaxIf(mem, time, not isNaN(mem)) AS mem_last, "
        "argMaxIf(disk, time, not isNaN(disk)) AS disk_last FROM ("
        + " UNION ALL ".join(
            f"SELECT {columns} FROM {table} WHERE instance = '' "
            f"AND time >= toDateTime({begin}, 'UTC')"
            for table, begin in (
                ("host_1h", start),
                ("host_coarse", start),
                ("host_5m", max(start, recent)),
            )
        )
        + ") GROUP BY resource"
    )

    def size(value: float) -> float | None:
        return value if value > 0 else None

    return {
        int(key): Measured(datetime.fromtimestamp(int(at), UTC), size(mem), size(disk))
        for key, at, mem, disk in zip(
            *(
                np.asarray(answer.get(name, [])).tolist()
                for name in ("resource", "at", "mem_last", "disk_last")
            ),
            strict=True,
        )
    }


def _platform(
    session: Session, known: list[Known], now: datetime
) -> tuple[list[PlatformSide], frozenset[int]]:
    """(rows of every source's last confirmed export, ids of resources that they must name)"""
    find = owner_finder(session, now)
    rows: list[PlatformSide] = []
    expected: set[int] = set()
    for source in mappings.list_sources(session):
        run = last_confirmed(session, source.id or 0)
        if run is None:
            continue
        covers = mappings.mapping_of(source).covers
        exported, matched = read_document(run)
        # Of what was named then, nothing is expected that another source covers by its place.
        expected |= {each.id for each in known if covered(each, covers)} or set(matched.values())
        rows += [
            _row(source.code, row.number, row.values, matched.get(row.number), find)
            for row in exported
            if row.values.get("state") != "gone"
        ]
    return rows, frozenset(expected)


def _row(
    source: str,
    number: int,
    values: dict[str, Any],
    resource_id: int | None,
    find: Callable[[str], Owner],
) -> PlatformSide:
    said = values.get("unit", "")
    return PlatformSide(
        source,
        number,
        values.get("code") or values.get("instance_uuid") or f"{source}:{number}",
        values.get("name", ""),
        bool(said),
        find(said).unit_id if said else None,
        (values.get("vcpu"), values.get("mem_bytes"), values.get("disk_bytes")),
        resource_id,
    )


def _agents(session: Session, measured: dict[int, Measured]) -> list[AgentSide]:
    rows = session.execute(
        select(
            col(Agent.id),
            col(Agent.name),
            col(Agent.unit_id),
            col(Agent.resource_id),
            col(Agent.facts),
            col(Agent.last_seen),
        ).where(col(Agent.state).in_(("active", "conflict")))
    )
    found = []
    for agent_id, name, unit_id, resource_id, facts, last_seen in rows:
        sizes = measured.get(resource_id)
        found.append(
            AgentSide(
                agent_id,
                name,
                unit_id,
                resource_id,
                (
                    cores_of(facts),
                    sizes.mem_bytes if sizes else None,
                    sizes.disk_bytes if sizes else None,
                ),
                last_seen,
            )
        )
    return found


MOST_CORES = 65_536


def cores_of(facts: dict[str, Any]) -> float | None:
    """Processors as the agent counted them; None for what is no such count. An agent may send any
    number, and all agents are compared in one run."""
    cpu = facts.get("cpu")
    cores = cpu.get("logical") if isinstance(cpu, dict) else None
    if isinstance(cores, bool) or not isinstance(cores, int | float):
        return None
    return float(cores) if 0 < cores <= MOST_CORES else None


def _units(session: Session, now: datetime) -> dict[int, tuple[str, str]]:
    codes = {unit.id or 0: unit.code for unit in session.execute(select(Unit)).scalars()}
    names = unit_names(session, set(codes), now)
    return {key: (code, names.get(key, code)) for key, code in codes.items()}
