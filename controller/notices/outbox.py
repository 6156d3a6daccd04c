"""The outbox: messages written with the state change they tell of, sent at least once.

1. ``enqueue`` writes a row in the caller's transaction; the same ``key`` is never written twice.
2. ``claim`` takes due rows for a while by conditional update: another worker gets none of them.
3. The message goes out, outside any transaction, with the same Message-ID each time.
4. The outcome is written down. A worker killed between 3 and 4 sends once more: at most one
   duplicate for each reply that was lost.
"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, update
from sqlmodel import Session, col, select

from controller.notices.tables import Delivery
from controller.store.relational import Database

FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=6)
MOST_TRIES = 16
"""About three days with the pauses above; then a person must look."""
CLAIM = timedelta(minutes=15)
"""Longer than any batch can take: 64 messages by 4 senders at 30 s each are 8 minutes."""
BATCH = 64
HOUR = timedelta(hours=1)

INBOX = "inbox"
MAIL = "mail"


class SendError(Exception):
    """A message did not go out. ``permanent``: trying again is of no use. ``down``: the channel
    itself does not answer, which is no fault of this message."""

    def __init__(self, text: str, *, permanent: bool = False, down: bool = False) -> None:
        super().__init__(text)
        self.permanent = permanent
        self.down = down


@dataclass(frozen=True)
class Message:
    """What a channel is given: everything it needs to send, and nothing to look up."""

    id: int
    key: str
    message_id: str
    channel: str
    recipient: str
    subject: str
    body: dict[str, Any]
    attempts: int


def enqueue(
    session: Session, now: datetime, *, key: str, channel: str, subject: str, body: dict[str, Any],
    recipient: str = "", unit_id: int | None = None, notice_id: int | None = None,
) -> Delivery | None:  # fmt: skip
    """A message in the caller's transaction; None where the same is there already.

    The inbox needs no sender: it is there at once.
    """
    if session.exec(select(Delivery.id).where(Delivery.key == key)).first() is not None:
        return None
    here = channel == INBOX
    made = Delivery(
        key=key, message_id=f"{uuid.uuid4()}", notice_id=notice_id, unit_id=unit_id,
        channel=channel, recipient=recipient, subject=subject[:300], body=body,
        state="sent" if here else "waiting", due=now, created=now, sent=now if here else None,
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made


def claim(
    database: Database, now: datetime, per_unit_per_hour: int, limit: int = BATCH
) -> list[Message]:
    """Due messages that are this worker's for CLAIM. A unit's share of the hour is kept: what is
    above it waits."""
    with database.write() as session:
        rows = session.exec(
            select(Delivery)
            .where(
                Delivery.state == "waiting",
                col(Delivery.due) <= now,
                or_(col(Delivery.claimed_until).is_(None), col(Delivery.claimed_until) < now),
            )
            .order_by(col(Delivery.due), col(Delivery.id))
            .limit(limit)
        ).all()
        sent = _sent_within_the_hour(session, {row.unit_id for row in rows}, now)
        taken: list[Message] = []
        for row in rows:
            if row.unit_id is not None:
                if sent.get(row.unit_id, 0) >= per_unit_per_hour:
                    row.due = now + timedelta(minutes=10)
                    continue
                sent[row.unit_id] = sent.get(row.unit_id, 0) + 1
            mine = session.execute(
                update(Delivery)
                .where(
                    col(Delivery.id) == row.id,
                    col(Delivery.state) == "waiting",
                    or_(col(Delivery.claimed_until).is_(None), col(Delivery.claimed_until) < now),
                )
                .values(claimed_until=now + CLAIM)
                .execution_options(synchronize_session=False)
            )
            if mine.rowcount:  # type: ignore[attr-defined]
                taken.append(_message(row))
    return taken


def _sent_within_the_hour(
    session: Session, units: set[int | None], now: datetime
) -> dict[int, int]:
    rows = session.exec(
        select(Delivery.unit_id, func.count())
        .where(
            col(Delivery.unit_id).in_([unit for unit in units if unit is not None]),
            col(Delivery.channel) != INBOX,
            col(Delivery.sent) > now - HOUR,
        )
        .group_by(col(Delivery.unit_id))
    )
    return {unit: count for unit, count in rows if unit is not None}


def succeeded(session: Session, message: Message, now: datetime) -> None:
    """It went out."""
    row = session.get(Delivery, message.id)
    if row is not None:
        row.state, row.sent, row.claimed_until = "sent", now, None
        row.attempts, row.error = message.attempts + 1, ""


def failed(session: Session, message: Message, error: SendError, now: datetime) -> None:
    """Try again later, or give up where that is of no use."""
    row = session.get(Delivery, message.id)
    if row is None:
        return
    row.claimed_until = None
    row.error = str(error)[:500]
    if error.down:
        # Not the message's fault: it is not counted, or an outage would kill every message.
        row.due = now + FIRST_PAUSE
        return
    row.attempts = message.attempts + 1
    if error.permanent or row.attempts >= MOST_TRIES:
        row.state = "dead"
    else:
        row.due = now + pause_after(row.attempts)


def pause_after(attempts: int) -> timedelta:
    """Doubling, with a fifth of jitter so that a thousand mails do not come back at once."""
    doubled: int = 2 ** min(attempts - 1, 12)
    pause = min(FIRST_PAUSE * doubled, LONGEST_PAUSE)
    return pause * random.uniform(0.9, 1.1)  # noqa: S311 - no secret


def resend(session: Session, row: Delivery, now: datetime) -> None:
    """A dead letter gets all its tries again."""
    row.state, row.attempts, row.due, row.error = "waiting", 0, now, ""
    row.claimed_until = None
    session.add(row)


def _message(row: Delivery) -> Message:
    return Message(
        row.id or 0, row.key, row.message_id, row.channel, row.recipient, row.subject,
        dict(row.body), row.attempts,
    )  # fmt: skip
