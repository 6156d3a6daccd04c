"""What the door knows, written in groups: acknowledgements, sightings, what was set aside.

None of it is needed for a batch to be safe (its rows are in the sample store before it is
answered), so it is written every few seconds in one transaction and not per request. Documents
are the exception: their effect is this register, so they are answered after its commit.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import bindparam, delete, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import Session, col, select

from controller.ingest import set_aside
from controller.ingest.acknowledgements import Conflict, Ledger, Mark
from controller.ingest.directory import MOST_EPOCHS
from controller.ingest.tables import Agent, AgentEpoch

_CHUNK = 500


class Sighting(NamedTuple):
    """What was seen of an agent since the last write; None where nothing new."""

    agent: str
    last_seen: datetime
    last_sample: datetime | None
    clock_skew_s: float | None
    address: str
    version: str


@dataclass
class Pending:
    """What is to be written."""

    ledgers: list[dict[str, Any]] = field(default_factory=list)
    sightings: list[Sighting] = field(default_factory=list)
    counts: dict[set_aside.Key, set_aside.Count] = field(default_factory=dict)
    conflicts: dict[str, str] = field(default_factory=dict)
    """Agent id to how it was noticed."""

    def __bool__(self) -> bool:
        return bool(self.ledgers or self.sightings or self.counts or self.conflicts)


@dataclass
class Written:
    """What the write found in the register."""

    ledgers: list[Ledger] = field(default_factory=list)
    """All spools of the agents concerned, with what other processes wrote."""
    conflicts: dict[str, str] = field(default_factory=dict)


def write(
    session: Session, pending: Pending, subjects: set_aside.Subjects, now: datetime
) -> Written:
    """Writes all of it inside the caller's transaction."""
    written = Written(conflicts=dict(pending.conflicts))
    _write_ledgers(session, pending.ledgers, written)
    _write_sightings(session, pending.sightings)
    for agent, reason in written.conflicts.items():
        set_aside.merge(pending.counts, set_aside.CLONE, agent, reason, 1, now)
    if written.conflicts:
        session.execute(
            update(Agent)
            .where(col(Agent.id).in_(written.conflicts), col(Agent.state) == "active")
            .values(state="conflict")
        )
    set_aside.write(session, pending.counts, subjects)
    return written


def _write_ledgers(session: Session, rows: list[dict[str, Any]], written: Written) -> None:
    if not rows:
        return
    stored = {
        (ledger.agent, ledger.epoch): ledger
        for ledger in read_ledgers(session, {row["agent_id"] for row in rows})
    }
    for row in rows:
        key = (row["agent_id"], row["epoch"])
        ledger = stored.get(key)
        if ledger is None:
            ledger = stored[key] = Ledger(*key, row["first_seen"])
        try:
            ledger.merge(row["acked_through"], row["beyond"], row["marks"])
        except Conflict as conflict:
            written.conflicts[row["agent_id"]] = str(conflict)
    upsert(session, [stored[row["agent_id"], row["epoch"]].row() for row in rows])
    written.ledgers = list(stored.values())
    _forget_old(session, written.ledgers)


def read_ledgers(session: Session, agents: Iterable[str]) -> list[Ledger]:
    """All spools of the agents as they were last written, locked until the commit."""
    ledgers: list[Ledger] = []
    ids = sorted(agents)
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        if session.get_bind().dialect.name != "sqlite":
            # The agent stands for its spools: one that is not there yet cannot be locked.
            of_agents = select(Agent.id).where(col(Agent.id).in_(chunk))
            session.exec(of_agents.order_by(col(Agent.id)).with_for_update()).all()
        statement = select(AgentEpoch).where(col(AgentEpoch.agent_id).in_(chunk))
        ledgers += [ledger_of(row) for row in session.exec(statement)]
    return ledgers


def ledger_of(row: AgentEpoch) -> Ledger:
    """A ledger as it was last written."""
    ledger = Ledger(row.agent_id, row.epoch, row.first_seen)
    ledger.acked_through = row.acked_through
    ledger.beyond = [list(each) for each in row.beyond]
    ledger.marks = {int(seq): Mark(*mark) for seq, mark in row.marks.items()}
    return ledger


def upsert(session: Session, rows: list[dict[str, Any]]) -> None:
    """Puts ledger rows into the register."""
    connection = session.connection()
    sqlite = connection.dialect.name == "sqlite"
    insert: Any = (sqlite_insert if sqlite else postgresql_insert)(AgentEpoch)
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=["agent_id", "epoch"],
            set_={
                name: getattr(insert.excluded, name)
                for name in ("acked_through", "beyond", "marks")
            },
        ),
        rows,
    )


def _forget_old(session: Session, ledgers: list[Ledger]) -> None:
    by_agent: dict[str, list[Ledger]] = {}
    for ledger in ledgers:
        by_agent.setdefault(ledger.agent, []).append(ledger)
    for agent, spools in by_agent.items():
        if len(spools) > MOST_EPOCHS:
            spools.sort(key=lambda each: each.first_seen)
            session.execute(
                delete(AgentEpoch).where(
                    col(AgentEpoch.agent_id) == agent,
                    col(AgentEpoch.epoch).in_([s.epoch for s in spools[:-MOST_EPOCHS]]),
                )
            )


def _write_sightings(session: Session, sightings: list[Sighting]) -> None:
    if not sightings:
        return
    table = Agent.__table__  # type: ignore[attr-defined]
    for name in ("last_sample", "clock_skew_s", "version"):
        rows = [
            {"of": s.agent, "new": getattr(s, name)}
            for s in sightings
            if getattr(s, name) not in (None, "")
        ]
        if rows:
            statement = update(table).where(table.c.id == bindparam("of"))
            session.connection().execute(
                statement.values({name: bindparam("new", type_=table.c[name].type)}), rows
            )
    session.connection().execute(
        update(table)
        .where(table.c.id == bindparam("of"))
        .values(last_seen=bindparam("at", type_=table.c.last_seen.type), address=bindparam("from")),
        [{"of": s.agent, "at": s.last_seen, "from": s.address} for s in sightings],
    )


def moment(ms: int) -> datetime:
    """Milliseconds since 1970 as a moment."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
