"""Hosts and devices: taking in what was read of them, and judging it by the index."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import select as sa_select
from sqlmodel import Session, col, select

from collectors.records import Document
from controller.analysis.ipv6 import Evaluation, Index, Result, evaluate
from controller.ingest.documents import DocumentKind
from controller.ingest.tables import Agent
from controller.ipv6.host_shape import check_shape
from controller.ipv6.tables import Ipv6Subject
from controller.runtime import Runtime

HOST, DEVICE = "host", "device"
HOST_DOCUMENT = "ipv6_host"
HOST_VERSION = 1
MOST_BYTES = 128 << 10
FUTURE = timedelta(hours=1)
BATCH = 500
"""Judged in one transaction: others write in between."""


def take_host(session: Session, agent: Agent, document: Document, now: datetime) -> None:
    """Keeps what an agent read of its own host. Raises ValueError for what is none."""
    if agent.resource_id is None:
        raise ValueError("the agent stands for no resource")
    if document.body.get("version") != HOST_VERSION:
        raise ValueError(f"version {document.body.get('version')!r} is not {HOST_VERSION}")
    at = datetime.fromtimestamp(document.time_ms / 1000, UTC)
    if at > now + FUTURE:
        raise ValueError("it was read in the future")
    check_shape(document.body)
    put_document(session, HOST, agent.resource_id, document.body, at, agent.id)


HOST_KIND = DocumentKind(HOST_DOCUMENT, take_host, MOST_BYTES)


def put_document(
    session: Session, kind: str, ref: int, body: dict[str, Any], at: datetime, by: str
) -> None:
    """The newest document of a host or device, to be judged; an older one changes nothing."""
    known = read_row(session, kind, ref)
    if known is None:
        known = Ipv6Subject(kind=kind, ref=ref, at=at, document=body)
    elif at < known.at:
        return
    known.document, known.at, known.by, known.index_name = body, at, by, ""
    session.add(known)


def judge_row(row: Ipv6Subject, index: Index) -> Evaluation:
    """What the index makes of a row, as it was kept, or anew where another index judged it."""
    if row.index_name == index.mark:
        results = tuple(Result(*each) for each in row.results)
        return Evaluation(row.score, row.coverage, results)
    return evaluate({**row.document, "traffic": row.traffic}, index.of(row.kind))


def judge_waiting(runtime: Runtime, index: Index) -> list[int]:
    """Judges what came since the last time, or was judged by another index; ids of the rows."""
    judged: list[int] = []
    while True:
        with runtime.database.write() as session:
            rows = session.exec(
                select(Ipv6Subject)
                .where(col(Ipv6Subject.index_name) != index.mark)
                .order_by(col(Ipv6Subject.id))
                .limit(BATCH)
            ).all()
            for row in rows:
                _keep(row, evaluate({**row.document, "traffic": row.traffic}, index.of(row.kind)))
                row.index_name = index.mark
                session.add(row)
            judged += [row.id or 0 for row in rows]
        if len(rows) < BATCH:
            return judged


def _keep(row: Ipv6Subject, evaluation: Evaluation) -> None:
    row.score, row.coverage = evaluation.score, evaluation.coverage
    row.results = [
        [each.code, each.state, each.value, each.points, each.of, each.why]
        for each in evaluation.results
    ]


def put_traffic(
    session: Session, kind: str, traffic: dict[int, tuple[float, float]], days: int, now: datetime
) -> None:
    """Keeps the last days' bytes (IPv4, IPv6) beside each subject; where they changed it is judged
    again. Of a device nothing else is kept here: the rest stands in the network's tables."""
    if kind == DEVICE:
        known = {row.ref for row in session.exec(select(Ipv6Subject).where(
            col(Ipv6Subject.kind) == kind))}  # fmt: skip
        for ref in traffic.keys() - known:
            session.add(Ipv6Subject(kind=kind, ref=ref, at=now, document={}))
        session.flush()
    for row in session.exec(select(Ipv6Subject).where(col(Ipv6Subject.kind) == kind)):
        found = traffic.get(row.ref)
        told = (
            {
                "v4_bytes": round(found[0]),
                "v6_bytes": round(found[1]),
                "days": days,
                "versions": [4, 6],
            }
            if found is not None
            else {}
        )
        if json.dumps(told) != json.dumps(row.traffic):
            row.traffic, row.index_name = told, ""
            session.add(row)


class Known(NamedTuple):
    """What is known of one host or device."""

    at: datetime
    evaluation: Evaluation


def read_known(session: Session, kind: str, index: Index) -> dict[int, Known]:
    """Everything judged of a kind, by id of what it is about. Documents are read only of those that
    wait to be judged: ten thousand of them are tens of megabytes."""
    columns = (
        col(Ipv6Subject.ref), col(Ipv6Subject.at), col(Ipv6Subject.score),
        col(Ipv6Subject.coverage), col(Ipv6Subject.results),
    )  # fmt: skip
    mine = col(Ipv6Subject.kind) == kind
    judged = col(Ipv6Subject.index_name) == index.mark
    found = {
        ref: Known(at, Evaluation(score, coverage, tuple(Result(*each) for each in results)))
        for ref, at, score, coverage, results in session.execute(
            sa_select(*columns).where(mine, judged)
        )
    }
    for row in session.exec(select(Ipv6Subject).where(mine, ~judged)):
        found[row.ref] = Known(row.at, judge_row(row, index))
    return found


def read_row(session: Session, kind: str, ref: int) -> Ipv6Subject | None:
    """One row with its document."""
    return session.exec(
        select(Ipv6Subject).where(col(Ipv6Subject.kind) == kind, col(Ipv6Subject.ref) == ref)
    ).first()


def read_traffic(session: Session, kind: str) -> dict[int, dict[str, Any]]:
    """What was counted of the last days by each subject of a kind that has any."""
    rows = session.exec(
        select(col(Ipv6Subject.ref), col(Ipv6Subject.traffic)).where(col(Ipv6Subject.kind) == kind)
    )
    return {ref: traffic for ref, traffic in rows if traffic}


def traffic_pct(row: Ipv6Subject) -> float | None:
    """IPv6 in percent of what was kept of its traffic; None without any."""
    v4, v6 = row.traffic.get("v4_bytes", 0), row.traffic.get("v6_bytes", 0)
    return round(100 * v6 / (v4 + v6), 2) if v4 + v6 else None
