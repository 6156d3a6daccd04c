"""The agents in memory: who may send, how fast, for which resource. No query per request.

The directory is read again every few seconds, so that what another process approved or revoked
holds here within ``STALE``. Everything in it belongs to the event loop's thread.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlmodel import Session, col

from collectors.records import BatchId
from controller.ingest.acknowledgements import Ledger
from controller.ingest.measured import Measured
from controller.ingest.tables import Agent
from controller.inventory.tables import Resource

RELOAD_SECONDS = 5.0
"""Between two readings of the register; the promise to the ops team is 60 s."""
MOST_EPOCHS = 16
"""Spools remembered per agent: each is a boot, a reinstallation or a restored disk."""


@dataclass(eq=False, slots=True)
class Known:
    """One agent: the register's row, and what this process knows of it since."""

    id: str
    secret: bytes
    """SHA-256 of its secret."""
    state: str
    resource_id: int | None
    resource_code: str
    unit_id: int
    assigned: str = ""
    """Version of what it is to fetch."""
    roles: frozenset[str] = frozenset()
    measures: dict[str, Measured] = field(default_factory=dict)
    """Of a poller: by code the resources besides its own host whose rows it sends."""
    ledgers: dict[str, Ledger] = field(default_factory=dict)
    """By epoch, the spool that came first, first."""
    allowance: float = -1.0
    """Batches it may send now; refilled by the clock, -1 before the first."""
    refilled: float = 0.0
    last_seen: datetime | None = None
    last_sample_ms: int = 0
    clock_skew_s: float | None = None
    address: str = ""
    version: str = ""
    seen: bool = False
    """Whether anything above is newer than the register."""

    def accepts(self, secret: bytes) -> bool:
        """Whether it is the agent's secret, in constant time."""
        return hmac.compare_digest(hashlib.sha256(secret).digest(), self.secret)

    def take(self, now: float, per_minute: int) -> float:
        """Takes one batch from the allowance; 0.0 if granted, else seconds until the next.

        ``now`` is monotonic seconds. The allowance holds one minute's batches.
        """
        rate = per_minute / 60
        if self.allowance < 0:
            self.allowance = float(per_minute)
        else:
            self.allowance = min(per_minute, self.allowance + (now - self.refilled) * rate)
        self.refilled = now
        if self.allowance < 1:
            return (1 - self.allowance) / rate
        self.allowance -= 1
        return 0.0

    def admit(
        self, batch_id: BatchId, digest: str, newest_ms: Callable[[], int], now: datetime
    ) -> Ledger:
        """The ledger of the batch's spool, in which the batch is now noted.

        ``newest_ms`` (of its rows) is asked only where it matters: for an old number or an old
        spool. Raises Conflict.
        """
        ledger = self.ledgers.get(batch_id.epoch)
        if ledger is None:
            ledger = Ledger(self.id, batch_id.epoch, now)
            self.add(ledger)
        elif ledger.remembers(batch_id.seq, digest):
            return ledger
        now_ms = int(now.timestamp() * 1000)
        last = next(reversed(self.ledgers.values()))
        if ledger is not last:
            ledger.check_turn(batch_id.seq, newest_ms(), now_ms, last)
        if batch_id.seq < ledger.highest:
            ledger.check_age(batch_id.seq, newest_ms(), now_ms)
        ledger.note(batch_id.seq, digest, now_ms)
        return ledger

    def add(self, ledger: Ledger) -> None:
        """Puts a spool's ledger in its place by age; the oldest gives way."""
        self.ledgers[ledger.epoch] = ledger
        ordered = sorted(self.ledgers.values(), key=lambda each: each.first_seen)
        self.ledgers = {each.epoch: each for each in ordered[-MOST_EPOCHS:]}


class Row(NamedTuple):
    """What the directory needs of an agent's row and its resource."""

    id: str
    secret_hash: str
    state: str
    resource_id: int | None
    resource_code: str | None
    unit_id: int
    assigned: str = ""
    roles: str = ""


class Directory:
    """All agents by id."""

    def __init__(self) -> None:
        self._agents: dict[str, Known] = {}
        self._strangers: OrderedDict[str, float] = OrderedDict()
        self.conflicts: dict[str, str] = {}
        """Agents noticed as clones here and not yet written so: they stay refused."""

    def __len__(self) -> int:
        return len(self._agents)

    def get(self, agent: str) -> Known | None:
        return self._agents.get(agent)

    def values(self) -> list[Known]:
        return list(self._agents.values())

    def refresh(self, rows: list[Row]) -> None:
        """Takes in the whole register."""
        for row in rows:
            self.put(row)
        for agent in self._agents.keys() - {row.id for row in rows}:
            del self._agents[agent]

    def put(self, row: Row) -> Known:
        """Takes in one agent's row."""
        known = self._agents.get(row.id)
        secret = bytes.fromhex(row.secret_hash)
        state = "conflict" if row.id in self.conflicts else row.state
        if known is None:
            known = self._agents[row.id] = Known(
                row.id,
                secret,
                state,
                row.resource_id,
                row.resource_code or "",
                row.unit_id,
                row.assigned,
                frozenset(row.roles.split()),
            )
            self._strangers.pop(row.id, None)
            return known
        if known.state == "conflict" and state == "active":
            # Somebody decided which machine goes on; what the other sent is no evidence any more.
            known.ledgers.clear()
        known.secret, known.state, known.unit_id = secret, state, row.unit_id
        known.resource_id, known.resource_code = row.resource_id, row.resource_code or ""
        known.assigned, known.roles = row.assigned, frozenset(row.roles.split())
        return known

    def learn_measured(self, measured: dict[str, dict[str, Measured]]) -> None:
        """Takes in which agents send rows of which further resources."""
        for known in self._agents.values():
            known.measures = measured.get(known.id, {})

    def may_look_up(self, agent: str, now: float) -> bool:
        """Whether the register may be asked for an unknown id: once per id and reload, so that
        invented ids cost no queries. ``now`` is monotonic seconds."""
        last = self._strangers.get(agent)
        if last is not None and now - last < RELOAD_SECONDS:
            return False
        recent = sum(1 for at in list(self._strangers.values())[-100:] if now - at < 1)
        if recent >= 50:
            return False
        self._strangers[agent] = now
        self._strangers.move_to_end(agent)
        while len(self._strangers) > 1_000:
            self._strangers.popitem(last=False)
        return True


def read_rows(session: Session, agent: str | None = None) -> list[Row]:
    """All agents of the register, or the one."""
    statement = select(
        col(Agent.id),
        col(Agent.secret_hash),
        col(Agent.state),
        col(Agent.resource_id),
        col(Resource.code),
        col(Agent.unit_id),
        col(Agent.assigned),
        col(Agent.roles),
    ).join(Resource, col(Resource.id) == col(Agent.resource_id), isouter=True)
    if agent is not None:
        statement = statement.where(col(Agent.id) == agent)
    return [Row(*row) for row in session.execute(statement)]
