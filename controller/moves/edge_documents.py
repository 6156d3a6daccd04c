"""Edges as agents send them, taken into the packed set of the agent's resource.

One row of the database a resource, written once a document; a document is one day's. The row is
held from the reading to the commit: two agents may speak for one machine (a copy, or one enrolled
anew), each through a process of its own.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import Session, col, select

from collectors.records import Document
from controller.ingest.documents import DocumentKind
from controller.ingest.tables import Agent
from controller.inventory.dated import SHANGHAI
from controller.moves.edge_set import (
    DAYS,
    DIRECTIONS,
    LOCAL,
    PROTOCOLS,
    EdgeRow,
    EdgeSet,
    day_number,
    edge_key,
    pack_address,
    unpack,
)
from controller.moves.tables import MoveEdges

TCP = PROTOCOLS["tcp"]
MOST_ROWS = 1_000
"""Of one document; an agent of ours sends 550."""
FUTURE = timedelta(days=1)


class BadEdgesError(ValueError):
    """A document that is none of edges; the text says what is wrong with it."""


def parse_edges(body: dict[str, Any]) -> list[EdgeRow]:
    """The rows of a document. Raises BadEdgesError."""
    edges, local = body.get("edges", []), body.get("local", [])
    if not isinstance(edges, list) or not isinstance(local, list):
        raise BadEdgesError("edges and local must be lists")
    if len(edges) + len(local) > MOST_ROWS:
        raise BadEdgesError(f"more than {MOST_ROWS} edges")
    try:
        rows = [_edge(*row) for row in edges]
        rows += [
            EdgeRow(edge_key(LOCAL, TCP, bytes(16), _port(port)), _name(name), *_counts(n, m))
            for port, name, n, m in local
        ]
    except (TypeError, ValueError, KeyError) as error:
        raise BadEdgesError(f"{type(error).__name__}: {error}") from None
    return rows


def _edge(
    direction: str, protocol: str, peer: str, port: int, process: str, looks: int, peak: int
) -> EdgeRow:
    packed = pack_address(peer)
    if packed is None:
        raise BadEdgesError(f"{peer!r} is no address")
    key = edge_key(DIRECTIONS[direction], PROTOCOLS[protocol], packed, _port(port))
    return EdgeRow(key, _name(process), *_counts(looks, peak))


def _port(value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 65_536:
        raise BadEdgesError(f"{value!r} is no port")
    return value


def _counts(looks: int, peak: int) -> tuple[int, int]:
    return min(max(int(looks), 0), 65_535), min(max(int(peak), 0), 65_535)


def _name(value: str) -> str:
    return "".join(c for c in str(value)[:32] if c.isprintable())


def take_edges(
    session: Session, resource_id: int, body: dict[str, Any], at: datetime, now: datetime
) -> int:
    """Adds a document to the resource's edges; how many rows it had. Raises BadEdgesError.

    The caller's transaction makes it exactly once: counts are added, not replaced.
    """
    rows = parse_edges(body)
    if at > now + FUTURE:
        raise BadEdgesError("lies in the future")
    day = day_number(at.astimezone(SHANGHAI).date())
    kept = _held(session, resource_id, at)
    known = unpack(kept.packed)
    known.merge(rows, day)
    kept.packed, kept.edges = known.pack(), len(known)
    kept.last = max(kept.last, at)
    left_out = body.get("left_out", 0)
    if isinstance(left_out, int) and 0 < left_out < 1 << 31:
        kept.left_out_at, kept.left_out = at, left_out
    session.add(kept)
    session.flush()
    return len(rows)


def _held(session: Session, resource_id: int, at: datetime) -> MoveEdges:
    """The resource's row, nobody else's until the commit; an empty one where there was none."""
    statement = (
        select(MoveEdges)
        .where(col(MoveEdges.resource_id) == resource_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    kept = session.exec(statement).one_or_none()
    if kept is not None:
        return kept
    connection = session.connection()
    sqlite = connection.dialect.name == "sqlite"
    insert: Any = (sqlite_insert if sqlite else postgresql_insert)(MoveEdges)
    first = {"resource_id": resource_id, "since": at, "last": at, "edges": 0, "left_out": 0,
             "packed": EdgeSet().pack()}  # fmt: skip
    # Another may be adding the same: then this waits for it, and takes its row.
    connection.execute(insert.values(first).on_conflict_do_nothing())
    return session.exec(statement).one()


def purge_edges(session: Session, now: datetime) -> int:
    """Drops the sets of resources that no agent told anything of for DAYS days; how many."""
    old = col(MoveEdges.last) < now - timedelta(days=DAYS)
    return int(session.execute(delete(MoveEdges).where(old)).rowcount)  # type: ignore[attr-defined]


def moment_of(time_ms: int) -> datetime:
    """Milliseconds since 1970 as a moment."""
    return datetime.fromtimestamp(time_ms / 1000, UTC)


def take_document(session: Session, agent: Agent, document: Document, now: datetime) -> None:
    """An agent's document. Raises ValueError for one that is none of edges; an agent whose machine
    is no resource yet says nothing that could be kept."""
    if agent.resource_id is not None:
        take_edges(session, agent.resource_id, document.body, moment_of(document.time_ms), now)


EDGES = DocumentKind("edges", take_document)
"""For the application to hand to ingest."""
